/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* master.conf: its defaults, each of its keys, what is wrong with their values, and whose caps are whose. */

#include "settings/folder.h"
#include "settings/refused.h"
#include "settings/settings.h"

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_defaults(void) {
        _cleanup_(master_config_freep) MasterConfig *config = NULL;

        CHECK(master_config_load(folder_path("missing.conf"), &config, NULL) == 0);
        CHECK(!config->name && config->advertise);
        CHECK_EQUAL(config->n_listen, 1);
        CHECK_STRING(config->listen[0], "7919");
        CHECK_STRING(config->store, PLACE_STATE);
        CHECK(!config->has_job && config->n_hosts == 0);
        CHECK_EQUAL(config->workers_max, 1000);
        CHECK_EQUAL(config->spool_max_bytes, UINT64_C(1) << 30);
        CHECK(!config->keep_digest && !config->drop_oldest);
        CHECK_EQUAL(config->segment_bytes, UINT64_C(128) << 20);
        CHECK_EQUAL(config->segment_span, 0);
        CHECK(config->max_use.bytes == 0 && config->max_use.percent == 0);
        CHECK(config->keep_free.bytes == 0 && config->keep_free.percent == 0);
}

static void test_retention(void) {
        _cleanup_(master_config_freep) MasterConfig *config = load_taken(
                &master_schema, "keep = \"digest\"; segment_size = \"64K\"; segment_span = \"10^10\"; "
                                "max_use = \"100G\"; keep_free = \"10%\"; when_full = \"drop-oldest\";");
        _cleanup_(master_config_freep) MasterConfig *other = load_taken(
                &master_schema, "keep = \"full\"; segment_span = 30; max_use = \"25%\"; keep_free = \"1M\"; "
                                "when_full = \"pause\";");
        _cleanup_(master_config_freep) MasterConfig *wide = load_taken(&master_schema, "segment_span = \"2^64\";");

        CHECK(config->keep_digest && config->drop_oldest);
        CHECK_EQUAL(config->segment_bytes, UINT64_C(64) << 10);
        CHECK_EQUAL(config->segment_span, UINT64_C(10000000000));
        CHECK(config->max_use.bytes == UINT64_C(100) << 30 && config->max_use.percent == 0);
        CHECK(config->keep_free.bytes == 0 && config->keep_free.percent == 10);
        CHECK(!other->keep_digest && !other->drop_oldest);
        CHECK_EQUAL(other->segment_span, 30);
        CHECK(other->max_use.bytes == 0 && other->max_use.percent == 25);
        CHECK(other->keep_free.bytes == UINT64_C(1) << 20 && other->keep_free.percent == 0);
        CHECK_EQUAL(wide->segment_span, UINT64_MAX);
}

static void test_all_keys(void) {
        _cleanup_(master_config_freep) MasterConfig *config =
                        load_taken(&master_schema, "name = \"attic\"; listen = ( \"7920\", \"192.168.1.5\" ); "
                                                   "advertise = false; store = \"/srv//primes/\";\njob = { from = "
                                                   "\"10^12\"; to = \"2^64+13\"; priority = 7; }; workers_max = 50; "
                                                   "spool_max = \"4G\";\nhosts = ( { host = \"pi1\"; cores = 2; "
                                                   "cpu_quota = \"50%\"; }, { host = \"pi2\"; cores = 1; } );\n");

        CHECK_STRING(config->name, "attic");
        CHECK_EQUAL(config->n_listen, 2);
        CHECK_STRING(config->listen[0], "7920");
        CHECK_STRING(config->listen[1], "192.168.1.5:7919");
        CHECK(!config->advertise);
        CHECK_STRING(config->store, "/srv/primes");
        CHECK(config->has_job && config->job_priority == 7);
        CHECK_STRING(config->job_from, "10^12");
        CHECK_STRING(config->job_to, "2^64+13");
        CHECK(config->workers_max == 50 && config->spool_max_bytes == UINT64_C(4) << 30);
        CHECK_EQUAL(config->n_hosts, 2);
        CHECK(config->hosts[0].cores == 2 && config->hosts[0].cpu_quota == 50);
        CHECK(config->hosts[1].cores == 1 && config->hosts[1].cpu_quota == 0);
}

static void test_standing_job(void) {
        static const char off[] = "job = { enabled = false; };";
        _cleanup_(master_config_freep) MasterConfig *bare = load_taken(&master_schema, "job = { };");
        _cleanup_(master_config_freep) MasterConfig *plain =
                        load_taken(&master_schema, "job = { from = 5; to = 1000000; };");
        _cleanup_(master_config_freep) MasterConfig *disabled = load_taken(&master_schema, off), *dropped = NULL;

        CHECK(bare->has_job && bare->job_priority == 1 && !bare->job_to);
        CHECK_STRING(bare->job_from, "0");
        CHECK_STRING(plain->job_from, "5");
        CHECK_STRING(plain->job_to, "1000000");
        CHECK(!disabled->has_job);

        folder_write("master.conf", "job = { from = \"0\"; priority = 1; };");
        folder_write("master.conf.d/off.conf", off);
        CHECK(master_config_load(folder_path("master.conf"), &dropped, NULL) == 0);
        CHECK(!dropped->has_job);
}

static void test_the_conffile_has_the_standing_job(const char *conffile) {
        _cleanup_(master_config_freep) MasterConfig *config = NULL;

        CHECK(master_config_load(conffile, &config, NULL) == 0);
        CHECK(config->has_job && config->job_priority == 1 && !config->job_to);
        CHECK_STRING(config->job_from, "0");
}

static void test_wrong_values(void) {
        static const Refused cases[] = {
                { "listen = \"pi:7919\";",
                  "FILE:1: listen: 'pi:7919' is neither a port nor an address of this host. Write \"7919\", "
                  "\"192.168.1.5:7919\" or \"[fe80::1%eth0]:7919\"." },
                { "listen = ( 80,\n \"80\" );", "FILE:2: listen: '80' is there twice. Remove one." },
                { "store = \"primes\";",
                  "FILE:1: store: 'primes' is not an absolute path of at most 1024 bytes. Write for example "
                  "\"/var/lib/primed\"." },
                { "store = \"/srv/../etc\";",
                  "FILE:1: store: '/srv/../etc' has '.' or '..' in it. Write the path without." },
                { "store = \"/\";", "FILE:1: store: '/' is the root folder. Choose a folder below it." },
                { "job = {\n from = \"1.5\"; };",
                  "FILE:2: job.from: '1.5' is not an integer: it has a fraction; write it like 123, 1e12, 10^24, "
                  "2^64+13 or 5*10^30." },
                { "job = { to = -5; };", "FILE:1: job.to: '-5' is negative; numbers here begin at 0." },
                { "job = { to = \"\"; };", "FILE:1: job.to: An empty word is not an integer; write it like 123, "
                                           "1e12, 10^24, 2^64+13 or 5*10^30." },
                { "\njob = { from = \"10^12\"; to = \"10^12\"; };",
                  "FILE:2: job: 'to' (10^12) must be larger than 'from' (10^12)." },
                { "job = { to = 0; };", "FILE:1: job: 'to' (0) must be larger than 'from' (0)." },
                { "job = { from = 5000000000; };", "FILE:1: The number 5000000000 is too large: bare numbers end at "
                                                   "2147483647. Where larger ones can be used they stand in quotes: "
                                                   "\"5000000000\"." },
                { "job = { priority = 1001; };",
                  "FILE:1: job.priority is 1001, but must lie between 1 and 1000. Write for example: priority = 1;" },
                { "hosts = (\n { cores = 2; } );",
                  "FILE:2: 'host' is missing in 'hosts'. Write for example: host = \"pi1\";" },
                { "hosts = ( { host = \"a\"; cores = 1; },\n { host = \"A\"; cores = 2; } );",
                  "FILE:2: hosts: 'A' is there twice. Merge the two entries." },
                { "hosts = ( { host = \"a\"; } );",
                  "FILE:1: hosts: 'a' has neither 'cores' nor 'cpu_quota'. Set one of them, or remove the entry." },
                { "hosts = ( { host = \"a\";\n cores = 0; } );",
                  "FILE:2: hosts.cores is 0, but must lie between 1 and 1024. Write for example: cores = 2;" },
                { "workers_max = 0;", "FILE:1: workers_max is 0, but must lie between 1 and 4096. Write for example: "
                                      "workers_max = 50;" },
                { "spool_max = \"1K\";", "FILE:1: spool_max: '1K' is not between 64.0M and 16.0T." },
                { "keep = \"some\";", "FILE:1: keep: 'some' is neither \"full\" nor \"digest\"." },
                { "when_full = \"drop\";", "FILE:1: when_full: 'drop' is neither \"pause\" nor \"drop-oldest\"." },
                { "segment_size = \"63K\";", "FILE:1: segment_size: '63K' is not between 64.0K and 1.0T." },
                { "segment_span = \"0\";", "FILE:1: segment_span: A segment has at least one number." },
                { "max_use = \"0\";", "FILE:1: max_use: '0' is not between 1.0M and 8.0P." },
                { "max_use = \"101%\";", "FILE:1: max_use: '101%' is not between 1% and 100%." },
                { "keep_free = \"96%\";", "FILE:1: keep_free: '96%' is not between 1% and 95%." },
                { "keep_free = \"much\";", "FILE:1: keep_free: 'much' is not a size. Write digits and K, M, G or T: "
                                          "\"512M\"." },
        };

        check_refused(&master_schema, cases, ELEMENTSOF(cases));
}

static void test_whose_caps(void) {
        _cleanup_(master_config_freep) MasterConfig *config = load_taken(
                &master_schema, "hosts = ( { host = \"Pi1\"; cores = 1; }, { host = \"" ID "\"; cores = 2; } );");
        char capitals[] = ID;

        for (char *p = capitals; *p; p++)
                if (*p >= 'a')
                        *p = (char) (*p - 'a' + 'A');
        CHECK(master_config_find_host(config, "pi1", NULL)->cores == 1);
        CHECK(master_config_find_host(config, "pi1", capitals)->cores == 2); /* an id wins over a name */
        CHECK(master_config_find_host(config, NULL, ID)->cores == 2);
        CHECK(master_config_find_host(config, "pi", "0011") == NULL);
        CHECK(master_config_find_host(config, "pi2", NULL) == NULL);
        CHECK(master_config_find_host(config, NULL, NULL) == NULL);
}

static void test_free_takes_null(void) {
        CHECK(master_config_free(NULL) == NULL);
}

int main(int argc, char *argv[]) {
        RUN(test_defaults);
        RUN(test_all_keys);
        RUN(test_retention);
        RUN(test_standing_job);
        if (argc > 1) {
                tests_current = "test_the_conffile_has_the_standing_job";
                test_the_conffile_has_the_standing_job(argv[1]);
                printf("ok %d - %s\n", ++tests_run, tests_current);
        }
        RUN(test_wrong_values);
        RUN(test_whose_caps);
        RUN(test_free_takes_null);
        return tests_end();
}
