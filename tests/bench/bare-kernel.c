/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel and nothing else: computes an interval, window by window as long as sieve_window_length() says, and
 * throws it away. The clock runs while a run begins, computes and ends; the caller's bitmap was touched before, for
 * a worker has its own for many windows, and bits are counted between the windows, while the clock stands.
 *
 * usage: bare-kernel FROM LENGTH [--threads=N] [--memory=BYTES] [--window=NUMBERS] [--seconds=S] [--proved]
 *
 *         --window    windows of at most so many numbers
 *         --seconds   no other window when so many seconds have gone by
 *         --proved    asks for proved primes
 *
 * Prints "SECONDS PRIMES cpu=SECONDS numbers=N windows=N peak=BYTES certainty=WORD": wall time, what was found, CPU
 * time of all threads, how many numbers were done, in how many windows, the most memory that the process had at
 * once, and what is known of each of the primes.
 */

#include <getopt.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/large-memory.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/team.h"

typedef struct Job {
        mpz_t from, length;
        unsigned n_threads;
        uint64_t window_max;
        double seconds_max; /* 0: no such limit */
        SieveEnvironment environment;
} Job;

typedef struct Outcome {
        double seconds, cpu_seconds;
        uint64_t n_primes, n_numbers, n_windows;
        Certainty certainty;
} Outcome;

static double cpu_seconds(void) {
        struct rusage usage;

        CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
        return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* VmHWM, not ru_maxrss: that would count what the process was before exec(). 0 where the kernel does not tell. */
static uint64_t peak_bytes(void) {
        FILE *file = fopen("/proc/self/status", "re");
        uint64_t kilobytes = 0;
        char line[256];

        while (file && fgets(line, sizeof line, file))
                if (strncmp(line, "VmHWM:", 6) == 0)
                        kilobytes = strtoull(line + 6, NULL, 10);
        if (file)
                fclose(file);
        return kilobytes * 1024;
}

static void outcome_start_clock(Outcome *outcome) {
        outcome->seconds -= (double) clock_now_usec() / USEC_PER_SEC;
        outcome->cpu_seconds -= cpu_seconds();
}

static void outcome_stop_clock(Outcome *outcome) {
        outcome->seconds += (double) clock_now_usec() / USEC_PER_SEC;
        outcome->cpu_seconds += cpu_seconds();
}

/* The primes of a bitmap at `start` that lie in [low, high), which are offsets. */
static uint64_t count(const mpz_t start, uint8_t *bitmap, uint64_t length, uint64_t low, uint64_t high) {
        uint64_t n_primes;

        bitmap_clip(bitmap, (size_t) (length / 30), low, high);
        n_primes = bitmap_count(bitmap, (size_t) (length / 30));
        if (mpz_sgn(start) == 0)
                n_primes += (low <= 2 && high > 2) + (low <= 3 && high > 3) + (low <= 5 && high > 5);
        return n_primes;
}

/* The windows of a run that begins at `start`, `skipped` numbers before the job, and has `rest` numbers to do. */
static void compute_windows(const Job *job, SieveRun *run, mpz_t start, uint64_t skipped, uint64_t rest,
                            uint64_t window, uint8_t *bitmap, Outcome *outcome) {
        do {
                uint64_t length = MIN(window, (rest + 29) / 30 * 30), high = MIN(length, rest);
                Certainty certainty;

                outcome_start_clock(outcome);
                CHECK(sieve_run_next(run, length, bitmap, &certainty) == 0);
                outcome_stop_clock(outcome);
                outcome->n_primes += count(start, bitmap, length, skipped, high);
                outcome->certainty = MAX(outcome->certainty, certainty);
                outcome->n_numbers += high - skipped;
                outcome->n_windows++;
                number_add_u64(start, start, length);
                rest -= high;
                skipped = 0;
        } while (rest > 0 && (job->seconds_max == 0 || outcome->seconds < job->seconds_max));
}

static Outcome compute(const Job *job) {
        Outcome outcome = { .certainty = CERTAINTY_PROVED };
        _cleanup_free_ uint8_t *bitmap = NULL;
        uint64_t skipped, window, rest;
        mpz_t start, stop;
        SieveRun *run;

        mpz_inits(start, stop, NULL);
        skipped = mpz_fdiv_ui(job->from, 30);
        mpz_sub_ui(start, job->from, (unsigned long) skipped);
        mpz_add(stop, job->from, job->length);
        rest = skipped + number_get_u64(job->length);

        window = MIN(sieve_window_length(start, &job->environment), job->window_max / 30 * 30);
        window = MIN(window, (rest + 29) / 30 * 30);
        bitmap = large_memory((size_t) (window / 30));
        CHECK(bitmap && window > 0);
        memset(bitmap, 0xff, (size_t) (window / 30));

        outcome_start_clock(&outcome);
        CHECK(sieve_run_new(start, stop, &job->environment, &run) == 0);
        outcome_stop_clock(&outcome);
        compute_windows(job, run, start, skipped, rest, window, bitmap, &outcome);
        outcome_start_clock(&outcome);
        sieve_run_free(run);
        outcome_stop_clock(&outcome);
        mpz_clears(start, stop, NULL);
        return outcome;
}

static void usage(void) {
        fprintf(stderr, "usage: bare-kernel FROM LENGTH [--threads=N] [--memory=BYTES] [--window=NUMBERS] "
                        "[--seconds=S] [--proved]\n");
        exit(2);
}

/* A number of at most 62 bits. */
static uint64_t parse_u64(const char *word) {
        uint64_t value = 0;
        mpz_t number;

        mpz_init(number);
        if (number_parse(number, word, NULL) < 0 || mpz_sizeinbase(number, 2) > 62)
                usage();
        value = number_get_u64(number);
        mpz_clear(number);
        return value;
}

static void parse(int argc, char *argv[], Job *ret) {
        static const struct option options[] = {
                { "threads", required_argument, NULL, 't' }, { "memory", required_argument, NULL, 'm' },
                { "window", required_argument, NULL, 'w' },  { "seconds", required_argument, NULL, 's' },
                { "proved", no_argument, NULL, 'p' },        {},
        };
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
                switch (option) {
                case 't':
                        ret->n_threads = (unsigned) parse_u64(optarg);
                        break;
                case 'm':
                        ret->environment.memory_max = (size_t) parse_u64(optarg);
                        break;
                case 'w':
                        ret->window_max = parse_u64(optarg);
                        break;
                case 's':
                        ret->seconds_max = atof(optarg);
                        break;
                case 'p':
                        ret->environment.certainty = CERTAINTY_PROVED;
                        break;
                default:
                        usage();
                }
        if (argc - optind != 2 || number_parse(ret->from, argv[optind], NULL) < 0 || ret->n_threads < 1 ||
            ret->n_threads > TEAM_THREADS_MAX || ret->window_max < 30)
                usage();
        number_set_u64(ret->length, parse_u64(argv[optind + 1]));
        if (mpz_sgn(ret->length) == 0)
                usage();
}

int main(int argc, char *argv[]) {
        Job job = { .n_threads = 1, .window_max = SIEVE_WINDOW_LENGTH_MAX };
        Outcome outcome;
        TestTeam team;

        mpz_inits(job.from, job.length, NULL);
        parse(argc, argv, &job);
        test_team_init(&team, job.n_threads);
        if (job.n_threads > 1)
                job.environment.team = &team.team;

        outcome = compute(&job);
        printf("%.6f %" PRIu64 " cpu=%.6f numbers=%" PRIu64 " windows=%" PRIu64 " peak=%" PRIu64 " certainty=%s\n",
               outcome.seconds, outcome.n_primes, outcome.cpu_seconds, outcome.n_numbers, outcome.n_windows,
               peak_bytes(), certainty_name(outcome.certainty));

        test_team_done(&team);
        mpz_clears(job.from, job.length, NULL);
        return 0;
}
