/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tuner: what it measures can be used, whatever the clock says. How good it is, tests/bench/cost-model shows. */

#include "prime/sieve/tune.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "prime/team.h"
#include "seed.h"

#define WINDOW_BYTES ((size_t) 64 << 10)

static uint64_t cpu_nsec(void *userdata) {
        struct timespec now;

        (void) userdata;
        CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
        return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

/* The profile can be kept, and a window that is sieved with it has the right primes. */
static void check_profile(const SieveProfile *profile) {
        _cleanup_free_ char *text = sieve_profile_format(profile, "this", "1");
        _cleanup_(sieve_run_freep) SieveRun *run = NULL;
        SieveProfile found;
        SieveEnvironment environment = { .tuning = &found.tuning, .costs = &found.costs };
        Problem problem = PROBLEM_NONE;
        Certainty certainty;
        uint8_t bitmap[20000];
        mpz_t start, stop;
        unsigned count = 3;

        CHECK(text);
        CHECK_EQUAL(sieve_profile_parse(text, "this", "1", &found, &problem), 0);
        mpz_init(start);
        mpz_init_set_ui(stop, 600000);
        CHECK_EQUAL(sieve_run_new(start, stop, &environment, &run), 0);
        CHECK(sieve_run_predict(run, 600000) > 0);
        CHECK_EQUAL(sieve_run_next(run, 600000, bitmap, &certainty), 0);
        for (size_t i = 0; i < sizeof bitmap; i++)
                count += (unsigned) __builtin_popcount(bitmap[i]);
        CHECK_EQUAL(count, 49098); /* below 600,000 */
        mpz_clears(start, stop, NULL);
}

/* The CPU time that measuring takes. */
static uint64_t measure(const TuneMachine *machine) {
        uint64_t began = cpu_nsec(NULL);
        SieveProfile profile;

        CHECK_EQUAL(tune_measure(machine, &profile), 0);
        check_profile(&profile);
        return cpu_nsec(NULL) - began;
}

/* As cpu_nsec() on a machine that is a thousand times slower, or faster, whatever this one is. */
static uint64_t slow_cpu_nsec(void *userdata) {
        return cpu_nsec(userdata) * 1000;
}

static uint64_t fast_cpu_nsec(void *userdata) {
        return cpu_nsec(userdata) / 1000;
}

/* The work of a slow machine does not wait for minutes: less is measured there. */
static void test_fast_and_slow(void) {
        TuneMachine fast = { .cpu_nsec = fast_cpu_nsec, .window_bytes = WINDOW_BYTES };
        TuneMachine slow = { .cpu_nsec = slow_cpu_nsec, .window_bytes = WINDOW_BYTES };

        CHECK(measure(&slow) < measure(&fast));
}

static void test_with_threads(void) {
        TuneMachine machine = { .cpu_nsec = slow_cpu_nsec, .window_bytes = WINDOW_BYTES };
        TestTeam team;

        test_team_init(&team, 3);
        machine.team = &team.team;
        (void) measure(&machine);
        test_team_done(&team);
}

/* A clock that jumps, as on a machine that is very busy: each look at it shows up to ten milliseconds more. */
static uint64_t jump(void *userdata) {
        static uint64_t now;

        now += 1 + random_below(userdata, 10000000);
        return now;
}

static void test_clock_that_jumps(void) {
        TuneMachine machine = { .cpu_nsec = jump, .window_bytes = WINDOW_BYTES / 16 };
        SieveProfile profile;
        Random random;

        random_init(&random, test_seed());
        machine.userdata = &random;
        CHECK_EQUAL(tune_sizes(&machine, &profile.tuning), 0);
        profile.costs = sieve_costs_default;
        check_profile(&profile);
        CHECK_EQUAL(tune_costs(&machine, &profile.tuning, &profile.costs), 0);
        check_profile(&profile);
}

static uint64_t stand_still(void *userdata) {
        (void) userdata;
        return 12345;
}

static void test_clock_that_stands_still(void) {
        TuneMachine machine = { .cpu_nsec = stand_still, .window_bytes = WINDOW_BYTES };
        SieveProfile profile;

        CHECK_EQUAL(tune_measure(&machine, &profile), -EIO);
}

/* Cancelled when the clock was looked at for the n-th time. */
typedef struct Canceller {
        atomic_bool cancel;
        unsigned n_left;
} Canceller;

static uint64_t cancel_later(void *userdata) {
        Canceller *canceller = userdata;

        if (canceller->n_left-- == 0)
                atomic_store(&canceller->cancel, true);
        return slow_cpu_nsec(NULL);
}

static void test_cancel(void) {
        for (unsigned n = 0; n < 200; n += 43) {
                Canceller canceller = { .n_left = n };
                TuneMachine machine = {
                        .cpu_nsec = cancel_later,
                        .userdata = &canceller,
                        .cancel = &canceller.cancel,
                        .window_bytes = WINDOW_BYTES / 4,
                };
                SieveProfile profile;
                int r = tune_measure(&machine, &profile);

                CHECK(r == -ECANCELED || (r == 0 && !atomic_load(&canceller.cancel)));
        }
}

int main(void) {
        RUN(test_fast_and_slow);
        RUN(test_with_threads);
        RUN(test_clock_that_jumps);
        RUN(test_clock_that_stands_still);
        RUN(test_cancel);
        return tests_end();
}
