/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How many threads a host allows, by the facts, at simulated times. */

#include "worker/limiter.h"

#include "test.h"

static const LimiterFacts quiet = { .processors = 8, .now_usec = 1000 * USEC_PER_SEC };

static Allowance decide(Limiter *limiter, const WorkerConfig *config, const LimiterFacts *facts) {
        Allowance allowance;

        limiter_decide(limiter, config, NULL, facts, &allowance);
        return allowance;
}

static void test_least_of_all_limits(void) {
        static uint8_t cpus[] = { 0xf0, 0xff }; /* 4-15, but there are only 8 processors */
        static const struct {
                unsigned cores, config_quota, processors, quota_permille, threads;
                bool has_cpus;
        } cases[] = {
                { .processors = 8, .threads = 8 },
                { .processors = 3, .threads = 3 },
                { .processors = 8, .cores = 2, .threads = 2 },
                { .processors = 8, .cores = 100, .threads = 8 },
                { .processors = 1, .cores = 4, .threads = 1 },
                { .processors = 8, .quota_permille = 1500, .threads = 2 },
                { .processors = 8, .quota_permille = 2000, .threads = 2 },
                { .processors = 8, .quota_permille = 2001, .threads = 3 },
                { .processors = 8, .quota_permille = 1, .threads = 1 },
                { .processors = 8, .config_quota = 150, .threads = 2 },
                { .processors = 8, .config_quota = 350, .quota_permille = 1500, .threads = 2 },
                { .processors = 8, .config_quota = 100, .quota_permille = 7000, .threads = 1 },
                { .processors = 8, .has_cpus = true, .threads = 4 },
                { .processors = 3, .has_cpus = true, .threads = 3 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(limiter_freep) Limiter *limiter = limiter_new(8, 0, 0);
                WorkerConfig config = { .cores = cases[i].cores, .cpu_quota = cases[i].config_quota };
                LimiterFacts facts = quiet;
                Allowance allowance;

                if (cases[i].has_cpus) {
                        config.allowed_cpus = cpus;
                        config.allowed_cpus_size = sizeof cpus;
                }
                facts.processors = cases[i].processors;
                facts.quota_permille = cases[i].quota_permille;
                allowance = decide(limiter, &config, &facts);
                printf("# case %zu\n", i);
                CHECK_EQUAL(allowance.threads_allowed, cases[i].threads);
                CHECK_EQUAL(allowance.threads_now, cases[i].threads);
                CHECK((allowance.note[0] != '\0') == (cases[i].threads < 8));
        }
}

/* What a person asked for by --threads= is done, but for what the config file says. */
static void test_threads_of_the_command_line(void) {
        _cleanup_(limiter_freep) Limiter *limiter = limiter_new(4, 4, 0);
        WorkerConfig config = { .cores = 3 };
        LimiterFacts facts = quiet;

        facts.processors = 2;
        facts.quota_permille = 1000;
        CHECK_EQUAL(decide(limiter, NULL, &facts).threads_now, 4);
        facts.quota_permille = 0;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 3);
}

static void test_broken_config_computes_nothing(void) {
        _cleanup_(limiter_freep) Limiter *limiter = limiter_new(8, 0, 0);
        Allowance allowance;

        limiter_decide(limiter, NULL, "worker.conf:3: unknown key 'core'", &quiet, &allowance);
        CHECK_EQUAL(allowance.threads_now, 0);
        CHECK_EQUAL(allowance.threads_allowed, 8);
        CHECK_STRING(allowance.note, "worker.conf:3: unknown key 'core'");

        /* with something in force, that holds */
        limiter_decide(limiter, &(WorkerConfig) { .cores = 2 }, "worker.conf:3: unknown", &quiet, &allowance);
        CHECK_EQUAL(allowance.threads_now, 2);
}

static void test_battery(void) {
        _cleanup_(limiter_freep) Limiter *limiter = limiter_new(8, 0, 0);
        WorkerConfig config = { .pause_on_battery = true };
        LimiterFacts facts = quiet;
        Allowance allowance;

        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 8);
        facts.on_battery = true;
        allowance = decide(limiter, &config, &facts);
        CHECK_EQUAL(allowance.threads_now, 0);
        CHECK_EQUAL(allowance.threads_allowed, 8);
        CHECK_STRING(allowance.note, "on battery");

        /* a plug that does not sit well */
        facts.on_battery = false;
        facts.now_usec += USEC_PER_SEC;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
        facts.on_battery = true;
        facts.now_usec += LIMITER_MAINS_USEC - 1;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
        facts.on_battery = false;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
        facts.now_usec += LIMITER_MAINS_USEC;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 8);

        /* without the key nobody cares */
        config.pause_on_battery = false;
        facts.on_battery = true;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 8);
}

static void test_pressure_has_two_thresholds(void) {
        _cleanup_(limiter_freep) Limiter *limiter = limiter_new(8, 0, 0);
        WorkerConfig config = { .pause_cpu_pressure = 20 };
        LimiterFacts facts = quiet;

        facts.has_pressure = true;
        facts.pressure = 1999;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 8);
        facts.pressure = 2000;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
        /* less, but not calm: however long */
        facts.pressure = 1000;
        facts.now_usec += USEC_PER_HOUR;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
        /* calm, but not long enough */
        facts.pressure = 999;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
        facts.now_usec += LIMITER_CALM_USEC - 1;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
        facts.now_usec += 1;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 8);

        /* a kernel that does not tell */
        facts.has_pressure = false;
        facts.pressure = 0;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 8);
        /* the key is taken out while it pauses */
        facts.has_pressure = true;
        facts.pressure = 9000;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
        config.pause_cpu_pressure = 0;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 8);
}

static void test_windows(void) {
        _cleanup_(limiter_freep) Limiter *limiter = limiter_new(8, 0, 0);
        SettingsWindow window = { .days = 0x7f, .start_minute = 8 * 60, .end_minute = 18 * 60 };
        WorkerConfig config = { .pause_windows = &window, .n_pause_windows = 1 };
        LimiterFacts facts = quiet;

        CHECK(setenv("TZ", "UTC", 1) == 0);
        facts.realtime_usec = UINT64_C(1700000000) * USEC_PER_SEC; /* 22:13:20 */
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 8);
        facts.realtime_usec -= 8 * USEC_PER_HOUR;
        CHECK_EQUAL(decide(limiter, &config, &facts).threads_now, 0);
}

#define MIB(n) ((uint64_t) (n) << 20)

static void test_memory(void) {
        static const struct {
                uint64_t physical, limit, asked, config;
                unsigned percent;
                uint64_t allowed;
        } cases[] = {
                { 0, 0, 0, 0, 0, MIB(170) },                     /* nothing is known */
                { MIB(16384), 0, 0, 0, 0, MIB(170) },
                { MIB(640), 0, 0, 0, 0, MIB(160) },              /* a quarter */
                { MIB(16384), MIB(128), 0, 0, 0, MIB(80) },      /* a limit of control groups */
                { MIB(16384), MIB(8192), 0, 0, 0, MIB(170) },    /* a large one asks for nothing */
                { MIB(16384), 0, MIB(320), 0, 0, MIB(200) },
                { MIB(16384), 0, MIB(1600), 0, 0, MIB(1000) },   /* by the command line */
                { MIB(16384), 0, 0, MIB(1600), 0, MIB(1000) },   /* by the file */
                { MIB(16384), 0, MIB(320), MIB(1600), 0, MIB(1000) },
                { MIB(1600), 0, 0, 0, 50, MIB(500) },
                { MIB(1024), 0, 0, MIB(8192), 0, MIB(512) },     /* never more than half of what there is */
                { MIB(1024), MIB(160), 0, MIB(8192), 0, MIB(100) },
                { MIB(16), MIB(4), 0, 0, 0, MIB(8) },            /* and never so little that nothing goes on */
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                _cleanup_(limiter_freep) Limiter *limiter = limiter_new(8, 0, cases[i].asked);
                WorkerConfig config = { .memory_bytes = cases[i].config, .memory_percent = cases[i].percent };
                LimiterFacts facts = quiet;

                facts.memory_physical = cases[i].physical;
                facts.memory_limit = cases[i].limit;
                printf("# case %zu\n", i);
                CHECK_EQUAL(decide(limiter, &config, &facts).memory_bytes, cases[i].allowed);
        }
}

static void test_looks_at_this_machine(void) {
        WorkerConfig config = { .pause_on_battery = true, .pause_cpu_pressure = 50 };
        LimiterFacts facts;

        limiter_look("", &config, &facts);
        CHECK(facts.processors >= 1 && facts.now_usec > 0 && facts.realtime_usec > 0 && facts.memory_physical > 0);
        limiter_look("/there-is-no-such-machine", NULL, &facts);
        CHECK(!facts.on_battery && !facts.has_pressure && facts.quota_permille == 0 && facts.memory_limit == 0);
}

int main(void) {
        RUN(test_least_of_all_limits);
        RUN(test_threads_of_the_command_line);
        RUN(test_broken_config_computes_nothing);
        RUN(test_battery);
        RUN(test_pressure_has_two_thresholds);
        RUN(test_windows);
        RUN(test_memory);
        RUN(test_looks_at_this_machine);
        return tests_end();
}
