/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* worker.conf: its defaults, each of its keys, and what is wrong with their values. */

#include "settings/folder.h"
#include "settings/refused.h"
#include "settings/settings.h"

static void test_defaults(void) {
        _cleanup_(worker_config_freep) WorkerConfig *config = NULL;

        CHECK(worker_config_load(folder_path("missing.conf"), &config, NULL) == 0);
        CHECK(!config->name && config->cores == 0 && config->cpu_quota == 0);
        CHECK(!config->allowed_cpus && !config->allowed_cpus_text && config->allowed_cpus_size == 0);
        CHECK(!config->cpu_weight_set && config->memory_bytes == 0 && config->memory_percent == 0);
        CHECK(config->discover && config->n_masters == 0);
        CHECK(!config->pause_on_battery && config->pause_cpu_pressure == 0 && config->n_pause_windows == 0);
}

static void test_all_keys(void) {
        _cleanup_(worker_config_freep) WorkerConfig *config = load_taken(
                        &worker_schema, "name = \"attic\"; cores = 2; cpu_quota = \"150%\"; allowed_cpus = "
                                        "\"0-3,6\";\ncpu_weight = \"idle\"; memory = \"512M\"; discover = "
                                        "false;\nmasters = ( \"pi.local\", \"[fe80::1%eth0]:80\" );\npause = { "
                                        "on_battery = true; cpu_pressure = \"20%\";\n          during = ( \"Mon-Fri "
                                        "08:00-18:00\", \"Sat\" ); };\n");

        CHECK_STRING(config->name, "attic");
        CHECK_EQUAL(config->cores, 2);
        CHECK_EQUAL(config->cpu_quota, 150);
        CHECK(config->allowed_cpus_size == 1 && config->allowed_cpus[0] == 0x4f);
        CHECK_STRING(config->allowed_cpus_text, "0-3,6");
        CHECK(config->cpu_weight_set && config->cpu_weight == 0);
        CHECK(config->memory_bytes == UINT64_C(512) << 20 && config->memory_percent == 0);
        CHECK(!config->discover);
        CHECK_EQUAL(config->n_masters, 2);
        CHECK_STRING(config->masters[1].host, "fe80::1%eth0");
        CHECK_EQUAL(config->masters[1].port, 80);
        CHECK(config->pause_on_battery && config->pause_cpu_pressure == 20);
        CHECK_EQUAL(config->n_pause_windows, 2);
        CHECK_EQUAL(config->pause_windows[1].days, 0x20);
}

static void test_other_forms(void) {
        _cleanup_(worker_config_freep) WorkerConfig *config =
                load_taken(&worker_schema, "cpu_weight = 50, memory: \"50%\" masters = \"pi\"; allowed_cpus = "
                                           "3;\npause = { during = [ \"Sun\" ]; };");

        CHECK(config->cpu_weight_set && config->cpu_weight == 50);
        CHECK(config->memory_percent == 50 && config->memory_bytes == 0);
        CHECK(config->n_masters == 1 && config->masters[0].port == 7919);
        CHECK(config->allowed_cpus_size == 1 && config->allowed_cpus[0] == 0x08);
        CHECK_EQUAL(config->n_pause_windows, 1);
}

static void test_wrong_values(void) {
        static const Refused cases[] = {
                { "name = \"\";",
                  "FILE:1: name: '' cannot be a name. Write 1 to 63 bytes without a blank at either end." },
                { "cpu_quota = \"0%\";", "FILE:1: cpu_quota: '0%' is not between 1% and 102400%." },
                { "cpu_quota = \"half\";",
                  "FILE:1: cpu_quota: 'half' is not a percentage. Write digits and a per cent sign: \"50%\"." },
                { "allowed_cpus = \"all\";",
                  "FILE:1: allowed_cpus: 'all' is not a list of processors. Write numbers from 0 to 8191 and ranges: "
                  "\"0-3,6\"." },
                { "allowed_cpus = -1;",
                  "FILE:1: allowed_cpus: '-1' is not a list of processors. Write numbers from 0 to 8191 and ranges: "
                  "\"0-3,6\"." },
                { "cpu_weight = 0;",
                  "FILE:1: cpu_weight: '0' is not a weight. Write a number from 1 to 10000, or \"idle\"." },
                { "memory = \"1M\";", "FILE:1: memory: '1M' is not between 64.0M and 512.0T." },
                { "memory = \"101%\";", "FILE:1: memory: '101%' is not between 1% and 100%." },
                { "memory = \"lots\";",
                  "FILE:1: memory: 'lots' is not a size. Write digits and K, M, G or T: \"512M\"." },
                { "masters = (\n \"pi\",\n \"fe80::1\"\n);",
                  "FILE:3: masters: 'fe80::1' is not an address. Put IPv6 in brackets: \"[fe80::1%eth0]:7919\"." },
                { "masters = ( \"pi\",\n \"PI:7919\" );", "FILE:2: masters: 'PI:7919' is there twice. Remove one." },
                { "pause = {\n cpu_pressure = \"200%\"; };",
                  "FILE:2: pause.cpu_pressure: '200%' is not between 1% and 100%." },
                { "pause = {\n during = ( \"Mon\",\n  \"noon\" );\n};",
                  "FILE:3: pause.during: 'noon' is not a stretch of the week. Write \"Mon-Fri 08:00-18:00\", "
                  "\"Sat,Sun\" or \"22:00-06:00\"." },
        };

        check_refused(&worker_schema, cases, ELEMENTSOF(cases));
}

static void test_free_takes_null(void) {
        CHECK(worker_config_free(NULL) == NULL);
}

int main(void) {
        RUN(test_defaults);
        RUN(test_all_keys);
        RUN(test_other_forms);
        RUN(test_wrong_values);
        RUN(test_free_takes_null);
        return tests_end();
}
