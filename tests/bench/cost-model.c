/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How well the cost model (prime/sieve/cost.h) knows this machine: after the tuner, windows all over the range are
 * computed, and what they take is compared with what was predicted. CPU times, with all threads; before and after each
 * a loop that does nothing but multiply and add shows how fast the clock of the processor is at that moment, compared
 * with the same loop around the tuner, and the predictions are corrected by that.
 *
 * usage: cost-model [--threads=N] [--default] [--print]
 *
 *         --default   predicts by what is assumed of machines that were never measured
 *         --print     the profile, too
 *
 * Ends with the median of the errors, which should be 20 % at most.
 */

#include <getopt.h>
#include <math.h>
#include <time.h>

#include "base/macro.h"
#include "base/processor.h"
#include "prime/number.h"
#include "prime/sieve/tune.h"
#include "prime/team.h"

#define TURNS 3
#define PROBE_STEPS 10000000

/* What the demands on the kernels (tests/bench/kernels) are measured at, and what lies between. */
static const struct {
        const char *start;
        const char *length; /* NULL: what sieve_window_length() says */
        size_t memory;
        bool proved;
} places[] = {
        { "0", "1e9", 0, false },
        { "1e10", "1e10", 0, false },
        { "1e12", "1e10", 0, false },
        { "1e15", "1e10", 0, false },
        { "1e18", "1e9", 0, false },
        { "1e18", NULL, 0, false },
        { "1.8e19", "1e9", 0, false },
        { "1.8e19", NULL, 0, false },
        { "1e12", "1e6", 0, false },
        { "1e15", "1e7", 0, false },
        { "1e18", "1e7", 0, false },
        { "2^64", "1e9", 0, true },
        { "2^64", "1e7", 0, false },
        { "2^66", NULL, 0, true },
        { "2^70", "1e10", 2000000000, true },
        { "2^80", NULL, 0, false },
        { "2^96", NULL, 0, false },
        { "2^112", NULL, 0, false },
        { "2^127", NULL, 0, false },
        { "2^160", NULL, 0, false },
        { "2^256", NULL, 0, false },
        { "2^384", NULL, 0, false },
        { "2^512", NULL, 0, false },
        { "2^768", NULL, 0, false },
        { "2^1024", NULL, 0, false },
};

static uint64_t cpu_nsec(void *userdata) {
        struct timespec now;

        (void) userdata;
        CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
        return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

/* Steps of which each waits for the one before: their time shows the clock of the processor and nothing else. */
static int probe_part(void *userdata, size_t part, unsigned thread) {
        uint64_t x = part;

        (void) thread;
        for (unsigned i = 0; i < PROBE_STEPS; i++)
                x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        ((uint64_t *) userdata)[part] = x;
        return 0;
}

/* Nanoseconds a step, while all threads work. */
static double probe(TestTeam *team) {
        uint64_t results[TEAM_THREADS_MAX], began = cpu_nsec(NULL);

        CHECK_EQUAL(team->team.for_each(team, team->team.n_threads, probe_part, results), 0);
        return (double) (cpu_nsec(NULL) - began) / PROBE_STEPS / team->team.n_threads;
}

static int compare_doubles(const void *a, const void *b) {
        const double *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t n) {
        qsort(values, n, sizeof *values, compare_doubles);
        return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* One window of a new run, as nanoseconds of all threads: what was predicted, and what it took. */
static double compute(size_t place, const SieveEnvironment *environment, double *ret_predicted, uint64_t *ret_length) {
        unsigned n_threads = environment->team->n_threads;
        mpz_t start, stop;
        uint64_t began, length;
        Certainty certainty;
        uint8_t *bitmap;
        SieveRun *run;
        double nsec;

        mpz_init(start);
        mpz_init(stop);
        CHECK_EQUAL(number_parse(start, places[place].start, NULL), 0);
        mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
        length = sieve_window_length(start, environment);
        if (places[place].length) {
                CHECK_EQUAL(number_parse(stop, places[place].length, NULL), 0);
                length = MIN(length, number_get_u64(stop) / 30 * 30);
        }
        number_add_u64(stop, start, length);
        bitmap = malloc((size_t) (length / 30));
        CHECK(bitmap);
        memset(bitmap, 0xff, (size_t) (length / 30));

        began = cpu_nsec(NULL);
        CHECK_EQUAL(sieve_run_new(start, stop, environment, &run), 0);
        *ret_predicted = sieve_run_predict(run, length) * n_threads;
        CHECK_EQUAL(sieve_run_next(run, length, bitmap, &certainty), 0);
        sieve_run_free(run);
        nsec = (double) (cpu_nsec(NULL) - began);
        mpz_clears(start, stop, NULL);
        free(bitmap);
        *ret_length = length;
        return nsec;
}

/* Returns the error of the median: 0.1 for 10 %. */
static double compare(size_t place, TestTeam *team, const SieveProfile *profile, double usual_step) {
        SieveEnvironment environment = {
                .team = &team->team,
                .tuning = &profile->tuning,
                .costs = &profile->costs,
                .memory_max = places[place].memory,
                .certainty = places[place].proved ? CERTAINTY_PROVED : 0,
        };
        double ratios[TURNS], predicted, ratio, error, nsec[TURNS];
        uint64_t length;

        for (unsigned i = 0; i < TURNS; i++) {
                double step = probe(team);

                nsec[i] = compute(place, &environment, &predicted, &length);
                step = (step + probe(team)) / 2;
                nsec[i] *= usual_step / step;
                ratios[i] = nsec[i] / predicted;
        }
        ratio = median(ratios, TURNS);
        error = fabs(ratio - 1);
        printf("%-8s %12.3e %6s %10.3f s %10.3f s %7.2f\n", places[place].start, (double) length,
               places[place].proved ? "yes" : "", predicted / 1e9, median(nsec, TURNS) / 1e9, ratio);
        return error;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "threads", required_argument, NULL, 't' },
                { "default", no_argument, NULL, 'd' },
                { "print", no_argument, NULL, 'p' },
                {},
        };
        unsigned n_threads = processors_usable();
        SieveProfile profile = sieve_profile_default();
        double errors[ELEMENTSOF(places)], usual_step;
        bool by_default = false, print = false;
        TestTeam team;
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
                switch (option) {
                case 't':
                        n_threads = (unsigned) strtoul(optarg, NULL, 10);
                        break;
                case 'd':
                        by_default = true;
                        break;
                case 'p':
                        print = true;
                        break;
                default:
                        return 2;
                }
        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        test_team_init(&team, MIN(n_threads, (unsigned) TEAM_THREADS_MAX));

        usual_step = probe(&team);
        if (!by_default) {
                TuneMachine machine = { .cpu_nsec = cpu_nsec, .team = &team.team };
                uint64_t began = cpu_nsec(NULL);

                CHECK_EQUAL(tune_measure(&machine, &profile), 0);
                printf("tuned in %.1f s of CPU time, %u threads\n", (double) (cpu_nsec(NULL) - began) / 1e9,
                       team.team.n_threads);
        }
        usual_step = (usual_step + probe(&team)) / 2;
        if (print) {
                _cleanup_free_ char *text = sieve_profile_format(&profile, "", "");

                CHECK(text);
                fputs(text, stdout);
        }
        printf("%-8s %12s %6s %12s %12s %7s\n", "start", "numbers", "proved", "predicted", "measured", "ratio");
        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                errors[i] = compare(i, &team, &profile, usual_step);
        printf("median error %.0f %%\n", 100 * median(errors, ELEMENTSOF(places)));
        test_team_done(&team);
        return 0;
}
