/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * All combinations of a kernel's variant, the sizes by which a window is cut, and the number of threads give the same
 * bits; and the first of them, those of the definition.
 */

#include "prime/variant.h"

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/naive.h"
#include "prime/sieve/hybrid.h"
#include "prime/sieve/turns.h"
#include "prime/sieve/window.h"
#include "prime/team.h"
#include "test.h"

#define N_VARIANTS 4 /* so many has the kernel that has most */
#define N_TEAMS 4
#define NAIVE_BYTES 64
#define DEPTH 100000 /* of the sieve before tests */

static const SieveTuning tunings[] = {
        { 1000, 3000, 3000, 500, 1000, 2048, 1024, 1 },
        { 16 << 10, 64 << 10, 256 << 10, 16 << 10, 64 << 10, 256 << 10, 16 << 10, 0 },
        { 32 << 10, 256 << 10, 256 << 10, 32 << 10, 1 << 20, 1 << 20, 64 << 10, 0 },
        { 32 << 10, 512 << 10, 2 << 20, 32 << 10, 512 << 10, TURN_PRIME_END, 128 << 10, 0 },
};

typedef struct Place {
        const char *start;
        uint64_t length;
        bool hybrid;
} Place;

static TestTeam teams[N_TEAMS];

static void compute(const Place *place, const mpz_t start, const SieveTuning *tuning, unsigned n_threads,
                    uint8_t *ret) {
        SieveEnvironment environment = { .team = n_threads > 0 ? &teams[n_threads - 1].team : NULL };

        memset(ret, 0x5a, (size_t) (place->length / 30));
        if (place->hybrid) {
                _cleanup_(hybrid_freep) Hybrid *hybrid = hybrid_new(&environment, tuning);

                CHECK(hybrid != NULL);
                CHECK_EQUAL(hybrid_sieve(hybrid, start, place->length, DEPTH, CERTAINTY_BPSW, ret), 0);
        } else {
                _cleanup_(window_freep) Window *window = window_new(&environment, tuning);

                CHECK(window != NULL);
                CHECK_EQUAL(window_sieve(window, start, place->length, UINT64_MAX, ret), 0);
        }
}

/* Every `step`-th of the combinations. */
static void check_place(const Place *place, unsigned step) {
        const size_t n_bytes = (size_t) (place->length / 30), n_naive = MIN(n_bytes, (size_t) NAIVE_BYTES);
        _cleanup_free_ uint8_t *got = malloc(n_bytes), *expected = malloc(n_bytes);
        uint8_t naive[NAIVE_BYTES];
        _cleanup_mpz_ mpz_t start;
        unsigned n = 0, turn = 0;

        mpz_init(start);
        CHECK(got && expected);
        CHECK_EQUAL(number_parse(start, place->start, NULL), 0);
        mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
        variant_leave_out(0);
        compute(place, start, sieve_tuning_default(), 0, expected);
        naive_bitmap(start, 30 * (uint64_t) n_naive, naive);
        CHECK(memcmp(expected, naive, n_naive) == 0);
        for (unsigned variant = 0; variant < N_VARIANTS; variant++)
                for (size_t i = 0; i < ELEMENTSOF(tunings); i++)
                        for (unsigned n_threads = 0; n_threads <= N_TEAMS; n_threads++) {
                                if (turn++ % step != 0)
                                        continue;
                                variant_leave_out(variant);
                                compute(place, start, &tunings[i], n_threads, got);
                                if (memcmp(got, expected, n_bytes) != 0)
                                        printf("# %s: variant %u, sizes %zu, %u threads\n", place->start, variant, i,
                                               n_threads);
                                CHECK(memcmp(got, expected, n_bytes) == 0);
                                n++;
                        }
        printf("# %s: %u combinations\n", place->start, n);
}

static void test_complete(void) {
        static const Place places[] = {
                { "0", 6000000, false },
                { "2^32-3000000", 6000000, false },
                { "10^12", 12000000, false },
                { "10^14", 6000000, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                check_place(places + i, 1);
}

/* So long that threads share the crossing-off, and that the largest segments and spans end in the middle. */
static void test_long_windows(void) {
        static const Place places[] = {
                { "0", 180000000, false },
                { "10^13", 180000000, false },
                { "10^16", 150000000, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                /* has no factor in common with the numbers of choices */
                check_place(places + i, TEST_WITH_THREAD_SANITIZER ? 11 : 3);
}

static void test_hybrid(void) {
        static const Place places[] = {
                { "10^17", 30000, true }, { "2^64-15000", 30000, true }, { "2^70", 30000, true },
                { "2^96", 30000, true },  { "2^127-9000", 18000, true }, { "2^200", 9000, true },
                { "2^521", 3000, true },  { "2^1024", 3000, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                check_place(places + i, 1);
}

int main(void) {
        for (unsigned i = 0; i < N_TEAMS; i++)
                test_team_init(&teams[i], i + 1);
        RUN(test_complete);
        RUN(test_long_windows);
        RUN(test_hybrid);
        for (unsigned i = 0; i < N_TEAMS; i++)
                test_team_done(&teams[i]);
        return tests_end();
}
