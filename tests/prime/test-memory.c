/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sieve and the measuring of the machine keep to the memory that they are given, as the kernel counts it. */

#include "base/large-memory.h"
#include "base/macro.h"
#include "prime/number.h"
#include "prime/sieve/tune.h"
#include "prime/team.h"
#include "test.h"

#include <malloc.h>
#include <time.h>

#define MEGABYTE ((size_t) 1 << 20)
#define SLACK (8 * MEGABYTE) /* tables, stacks, and up to a huge page behind each array */

static size_t status_bytes(const char *name) {
        FILE *file = fopen("/proc/self/status", "re");
        unsigned long kilobytes = 0;
        char line[256];

        CHECK(file != NULL);
        while (fgets(line, sizeof line, file))
                if (strncmp(line, name, strlen(name)) == 0)
                        CHECK(sscanf(line + strlen(name), ": %lu kB", &kilobytes) == 1);
        (void) fclose(file);
        CHECK(kilobytes > 0);
        return (size_t) kilobytes << 10;
}

/* Begins to count the peak anew. Returns what is resident now. */
static size_t peak_begin(void) {
        FILE *file = fopen("/proc/self/clear_refs", "we");

        if (!file || fputs("5", file) < 0 || fclose(file) != 0)
                return 0;
        return status_bytes("VmRSS");
}

static void check_peak(const char *what, size_t before, size_t memory_max) {
        size_t peak = status_bytes("VmHWM");

        printf("# %s: %zu kB of %zu kB\n", what, (peak - MIN(before, peak)) >> 10, memory_max >> 10);
        CHECK(peak <= before + memory_max + SLACK);
}

/* Short and long windows in turns: none leaves anything behind that the next one has no room for. */
static void check_windows(const char *word, size_t memory_max, unsigned n_threads) {
        _cleanup_(test_team_done) TestTeam team;
        SieveEnvironment environment = { .memory_max = memory_max, .team = n_threads > 1 ? &team.team : NULL };
        _cleanup_mpz_ mpz_t start, stop;
        size_t before, capacity = 0;
        uint8_t *bitmap = NULL;
        uint64_t most;
        SieveRun *run;

        test_team_init(&team, n_threads);
        mpz_inits(start, stop, NULL);
        CHECK_EQUAL(number_parse(start, word, NULL), 0);
        mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
        before = peak_begin();
        most = MIN(sieve_window_length(start, &environment), (uint64_t) memory_max * 20) / 30 * 30;
        number_add_u64(stop, start, 10 * most);
        CHECK_EQUAL(sieve_run_new(start, stop, &environment, &run), 0);
        for (unsigned i = 0; i < 5; i++) {
                uint64_t length = i % 2 == 0 ? most / 30 / 40 * 30 : most / 30 / (i == 1 ? 2 : 1) * 30;
                Certainty certainty;

                if (capacity < length / 30) {
                        free(bitmap);
                        capacity = (size_t) (length / 30);
                        bitmap = large_memory(capacity);
                        CHECK(bitmap != NULL);
                }
                large_memory_trim(bitmap, capacity, (size_t) (length / 30));
                CHECK_EQUAL(sieve_run_next(run, length, bitmap, &certainty), 0);
        }
        sieve_run_free(run);
        free(bitmap);
        if (before > 0)
                check_peak(word, before, memory_max);
}

static void test_windows(void) {
        check_windows("10^12", 100 * MEGABYTE, 1);
        check_windows("10^15", 48 * MEGABYTE, 1);
        check_windows("10^17", 48 * MEGABYTE, 2);
        check_windows("10^18", 100 * MEGABYTE, 2);
        check_windows("2^80", 48 * MEGABYTE, 2);
}

static uint64_t cpu_nsec(void *userdata) {
        struct timespec now;

        CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
        return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

static void test_measuring(void) {
        for (unsigned n_threads = 1; n_threads <= 4; n_threads += 3) {
                _cleanup_(test_team_done) TestTeam team;
                TuneMachine machine = { .cpu_nsec = cpu_nsec, .memory_max = 32 * MEGABYTE, .team = &team.team };
                size_t before = peak_begin();
                SieveTuning tuning;

                test_team_init(&team, n_threads);
                CHECK_EQUAL(tune_sizes(&machine, &tuning), 0);
                if (before > 0)
                        check_peak("sizes", before, machine.memory_max);
        }
}

int main(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        printf("1..0 # SKIP a sanitizer needs memory of its own\n");
        return 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
        printf("1..0 # SKIP a sanitizer needs memory of its own\n");
        return 0;
#endif
#endif
        (void) mallopt(M_MMAP_THRESHOLD, 256 << 10); /* as the worker does: freed memory is given back */
        RUN(test_windows);
        RUN(test_measuring);
        return tests_end();
}
