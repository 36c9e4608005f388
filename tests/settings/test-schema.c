/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The reader of the tables: what is wrong is named with its file and line, later files win key by key. */

#include "settings/schema.h"

#include <errno.h>
#include <unistd.h>

#include "settings/folder.h"
#include "settings/refused.h"
#include "settings/settings.h"

static void test_unknown_keys(void) {
        static const Refused cases[] = {
                { "cores = 2;\ncpu_qouta = \"50%\";",
                  "FILE:2: There is no key 'cpu_qouta'. Did you mean 'cpu_quota'?" },
                { "core = 2;", "FILE:1: There is no key 'core'. Did you mean 'cores'?" },
                { "CPUQuota = \"50%\";", "FILE:1: There is no key 'CPUQuota'. Did you mean 'cpu_quota'?" },
                { "cpu-quota = \"50%\";", "FILE:1: There is no key 'cpu-quota'. Did you mean 'cpu_quota'?" },
                { "Cores = 2;", "FILE:1: There is no key 'Cores'. Did you mean 'cores'?" },
                { "something_else = 2;",
                  "FILE:1: There is no key 'something_else'. The keys here are: name, cores, cpu_quota, "
                  "allowed_cpus, cpu_weight, memory, discover, masters, pause." },
                { "pause = {\n on_batery = true;\n};",
                  "FILE:2: There is no key 'on_batery'. Did you mean 'on_battery'?" },
                { "pause = { zzzz = 1; };",
                  "FILE:1: There is no key 'zzzz'. The keys of pause are: on_battery, cpu_pressure, during." },
                { "on_battery = true;",
                  "FILE:1: 'on_battery' belongs into 'pause'. Write for example: pause = { on_battery = true; "
                  "cpu_pressure = \"20%\"; during = ( \"Mon-Fri 08:00-18:00\" ); };" },
                { "pause = {\n\n cores = 2; };",
                  "FILE:3: 'cores' does not belong into 'pause'. Move it behind the closing brace." },
                { "\nlisten = \"7919\";",
                  "FILE:2: 'listen' is a key of master.conf, not of worker.conf. Move it there." },
        };
        static const Refused master_cases[] = {
                { "allowed_cpus = \"0\";",
                  "FILE:1: 'allowed_cpus' is a key of worker.conf, not of master.conf. Move it there." },
                { "hosts = (\n { host = \"a\"; core = 1; } );",
                  "FILE:2: There is no key 'core'. Did you mean 'cores'?" },
                { "priority = 5;",
                  "FILE:1: 'priority' belongs into 'job'. Write for example: job = { from = \"0\"; priority = 1; };" },
        };

        check_refused(&worker_schema, cases, ELEMENTSOF(cases));
        check_refused(&master_schema, master_cases, ELEMENTSOF(master_cases));
}

static void test_long_unknown_key(void) {
        char text[5000], expected[1000];
        Refused refused = { text, expected };

        memset(text, 'x', sizeof text);
        strcpy(text + 4000, " = 1;");
        (void) snprintf(expected, sizeof expected,
                        "FILE:1: There is no key '%.64s'. The keys here are: name, cores, cpu_quota, allowed_cpus, "
                        "cpu_weight, memory, discover, masters, pause.",
                        text);
        check_refused(&worker_schema, &refused, 1);
}

static void test_wrong_types(void) {
        static const Refused cases[] = {
                { "cores = \"2\";",
                  "FILE:1: cores must be a whole number, without quotes. Write for example: cores = 2;" },
                { "cores = 2.0;",
                  "FILE:1: cores must be a whole number, without quotes. Write for example: cores = 2;" },
                { "cores = true;",
                  "FILE:1: cores must be a whole number, without quotes. Write for example: cores = 2;" },
                { "cores = ( 2 );",
                  "FILE:1: cores must be a whole number, without quotes. Write for example: cores = 2;" },
                { "cores = { };",
                  "FILE:1: cores must be a whole number, without quotes. Write for example: cores = 2;" },
                { "\ncpu_quota = 150;",
                  "FILE:2: cpu_quota must be a string, in quotes. Write for example: cpu_quota = \"150%\";" },
                { "cpu_quota = 1.5;",
                  "FILE:1: cpu_quota must be a string, in quotes. Write for example: cpu_quota = \"150%\";" },
                { "discover = 1;", "FILE:1: discover must be true or false. Write for example: discover = false;" },
                { "discover = \"true\";",
                  "FILE:1: discover must be true or false. Write for example: discover = false;" },
                { "masters = ( \"a\",\n 1 );",
                  "FILE:2: masters must be a list of strings. Write for example: masters = ( \"pi.local\", "
                  "\"10.0.0.1:7919\", \"[fe80::1%eth0]:7919\" );" },
                { "masters = ( ( ) );", "FILE:1: masters must be a list of strings. Write for example: masters = ( "
                                        "\"pi.local\", \"10.0.0.1:7919\", \"[fe80::1%eth0]:7919\" );" },
                { "pause = true;",
                  "FILE:1: pause must be a group in braces. Write for example: pause = { on_battery = true; "
                  "cpu_pressure = \"20%\"; during = ( \"Mon-Fri 08:00-18:00\" ); };" },
                { "pause = { on_battery = 1; };",
                  "FILE:1: pause.on_battery must be true or false. Write for example: on_battery = true;" },
        };
        static const Refused master_cases[] = {
                { "hosts = { host = \"a\"; };",
                  "FILE:1: hosts must be a list of groups. Write for example: hosts = ( { host = \"pi1\"; cores = 2; "
                  "cpu_quota = \"50%\"; } );" },
                { "hosts = (\n \"a\" );",
                  "FILE:2: hosts must be a list of groups. Write for example: hosts = ( { host = \"pi1\"; cores = 2; "
                  "cpu_quota = \"50%\"; } );" },
        };

        check_refused(&worker_schema, cases, ELEMENTSOF(cases));
        check_refused(&master_schema, master_cases, ELEMENTSOF(master_cases));
}

static void test_ranges(void) {
        static const Refused cases[] = {
                { "cores = 0;", "FILE:1: cores is 0, but must lie between 1 and 1024. Write for example: cores = 2;" },
                { "cores = 1025;",
                  "FILE:1: cores is 1025, but must lie between 1 and 1024. Write for example: cores = 2;" },
                { "cores = -1;",
                  "FILE:1: cores is -1, but must lie between 1 and 1024. Write for example: cores = 2;" },
                { "cores = -1L;",
                  "FILE:1: cores is -1, but must lie between 1 and 1024. Write for example: cores = 2;" },
                { "cores = 0x7fffffff;", "FILE:1: cores is 2147483647, but must lie between 1 and 1024. Write for "
                                         "example: cores = 2;" },
                { "cores = 5000000000;", "FILE:1: The number 5000000000 is too large: bare numbers end at "
                                         "2147483647. Where larger ones can be used they stand in quotes: "
                                         "\"5000000000\"." },
                { "name = \"\\x07\";", "FILE:1: name has a control character. Remove it." },
        };

        check_refused(&worker_schema, cases, ELEMENTSOF(cases));
        worker_schema.object_free(load_taken(&worker_schema, "cores = 2L;"));
}

static void test_lengths(void) {
        static const Refused none = { "\nlisten = ( );",
                                      "FILE:2: listen needs at least 1 of them. Write for example: listen = ( "
                                      "\"192.168.1.5:7919\", \"[fe80::1%eth0]:7919\" );" };
        char text[5000] = "masters = ( \"a\"";
        Refused many = { text, "FILE:1: masters has 65 entries, but at most 64 can be used." };

        check_refused(&master_schema, &none, 1);
        for (int i = 0; i < 64; i++)
                (void) sprintf(text + strlen(text), ", \"b%d\"", i);
        strcat(text, " );");
        check_refused(&worker_schema, &many, 1);
}

static void test_every_default_and_example_is_taken(void) {
        static const Schema *const schemas[] = { &worker_schema, &master_schema };

        for (size_t i = 0; i < ELEMENTSOF(schemas); i++)
                for (size_t j = 0; j < schemas[i]->n_keys; j++) {
                        const SchemaKey *key = &schemas[i]->keys[j];
                        char text[1000];

                        CHECK(key->example && key->unit && key->reason);
                        (void) snprintf(text, sizeof text, "%s = %s;", key->name, key->example);
                        (void) schemas[i]->object_free(load_taken(schemas[i], text));
                        if (key->default_text) {
                                (void) snprintf(text, sizeof text, "%s = %s;", key->name, key->default_text);
                                (void) schemas[i]->object_free(load_taken(schemas[i], text));
                        }
                }
}

static WorkerConfig *load_worker(void) {
        Problem problem = PROBLEM_NONE;
        WorkerConfig *config = NULL;

        if (worker_config_load(folder_path("worker.conf"), &config, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK(config != NULL);
        return config;
}

static void test_later_files_win_key_by_key(void) {
        _cleanup_(worker_config_freep) WorkerConfig *config = NULL, *again = NULL;

        folder_write("worker.conf", "cores = 2; cpu_quota = \"100%\"; masters = ( \"a\", \"b\" );\npause = { "
                                    "on_battery = true; cpu_pressure = \"20%\"; };");
        folder_write("worker.conf.d/10.conf", "cores = 3; masters = ( \"c\" );");
        folder_write("worker.conf.d/20.conf", "cores = 4; pause = { cpu_pressure = \"30%\"; };");
        config = load_worker();
        CHECK_EQUAL(config->cores, 4);
        CHECK_EQUAL(config->cpu_quota, 100);
        CHECK_EQUAL(config->n_masters, 1); /* a list is replaced whole */
        CHECK_STRING(config->masters[0].host, "c");
        CHECK(!config->pause_on_battery); /* and so is a group */
        CHECK_EQUAL(config->pause_cpu_pressure, 30);

        CHECK(unlink(folder_path("worker.conf.d/20.conf")) == 0);
        folder_write("worker.conf.d/10.conf", "masters = ( );");
        again = load_worker();
        CHECK_EQUAL(again->cores, 2);
        CHECK_EQUAL(again->n_masters, 0);
        CHECK(again->pause_on_battery && again->pause_cpu_pressure == 20);
        CHECK(unlink(folder_path("worker.conf.d/10.conf")) == 0 && unlink(folder_path("worker.conf")) == 0);
}

static void test_overridden_values_are_checked(void) {
        Problem problem = PROBLEM_NONE;
        WorkerConfig *config = NULL;
        char expected[600];

        folder_write("worker.conf", "\n\ncores = 0;");
        folder_write("worker.conf.d/10.conf", "cores = 3;");
        CHECK(worker_config_load(folder_path("worker.conf"), &config, &problem) == -ERANGE);
        (void) snprintf(expected, sizeof expected, "%s:3: cores is 0, but must lie between 1 and 1024. Write for "
                                                   "example: cores = 2;", folder_path("worker.conf"));
        CHECK_STRING(problem.text, expected);

        folder_write("worker.conf", "cores = 1;");
        folder_write("worker.conf.d/10.conf", "cores = 3;\ncoers = 4;");
        problem = PROBLEM_NONE;
        CHECK(worker_config_load(folder_path("worker.conf"), &config, &problem) == -EINVAL);
        (void) snprintf(expected, sizeof expected, "%s:2: There is no key 'coers'. Did you mean 'cores'?",
                        folder_path("worker.conf.d/10.conf"));
        CHECK_STRING(problem.text, expected);
        CHECK(config == NULL);
        CHECK(unlink(folder_path("worker.conf.d/10.conf")) == 0 && unlink(folder_path("worker.conf")) == 0);
}

static void test_many_settings_take_no_time(void) {
        _cleanup_free_ char *text = malloc(1 << 20);
        Problem problem = PROBLEM_NONE;
        void *object = NULL;
        size_t n = 0;

        for (int i = 0; n < (1 << 20) - 20; i++)
                n += (size_t) sprintf(text + n, "a%d=1;", i);
        CHECK(schema_load_text(&worker_schema, "FILE", text, n, &object, &problem) == -EINVAL);
        CHECK_STRING(problem.text, "FILE:1: The file has more than 32768 words and signs. Make it shorter.");
}

int main(void) {
        RUN(test_unknown_keys);
        RUN(test_long_unknown_key);
        RUN(test_wrong_types);
        RUN(test_ranges);
        RUN(test_lengths);
        RUN(test_every_default_and_example_is_taken);
        RUN(test_later_files_win_key_by_key);
        RUN(test_overridden_values_are_checked);
        RUN(test_many_settings_take_no_time);
        return tests_end();
}
