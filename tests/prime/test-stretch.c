/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stretches against trial division, with blocks and segments of odd sizes. */

#include "prime/sieve/stretch.h"

#include <errno.h>

#include "base/macro.h"
#include "base/random.h"
#include "prime/naive.h"
#include "prime/sieve/presieve.h"
#include "prime/sieve/turns.h"
#include "seed.h"
#include "test.h"

#define BYTES_MAX 3000

static SieveTuning draw_tuning(Random *random) {
        return (SieveTuning) {
                .block_bytes = 1 + (uint32_t) random_below(random, 700),
                .segment_bytes = 1 + (uint32_t) random_below(random, 2000),
                .small_end = (uint32_t) random_below(random, 3000),
                .span_bytes = 1 + (uint32_t) random_below(random, 3000),
                .medium_end = (uint32_t) random_below(random, 6000),
        };
}

/* Without those that have a prime factor below `prime_end`, or one of the pre-sieve, other than themselves. */
static void expect(const mpz_t start, size_t n_bytes, uint64_t prime_end, uint8_t *bitmap) {
        _cleanup_mpz_ mpz_t n;

        mpz_init(n);
        memset(bitmap, 0, n_bytes);
        for (size_t i = 0; i < 8 * n_bytes; i++) {
                uint64_t end = MAX(prime_end, (uint64_t) PRESIEVE_PRIME_MAX + 1);
                bool keep = true;

                number_add_u64(n, start, i / 8 * 30 + bitmap_residues[i % 8]);
                for (unsigned long d = 7; d < end && mpz_cmp_ui(n, d * d) >= 0 && keep; d += 2)
                        keep = !mpz_divisible_ui_p(n, d);
                if (keep && mpz_cmp_ui(n, 1) > 0)
                        bitmap[i / 8] |= (uint8_t) (1U << i % 8);
        }
}

typedef struct Visits {
        const uint8_t *bitmap, *expected;
        size_t next;
        int error;
} Visits;

static int visit(void *userdata, size_t offset, size_t n_bytes) {
        Visits *visits = userdata;

        CHECK_EQUAL(offset, visits->next);
        CHECK(memcmp(visits->bitmap + offset, visits->expected + offset, n_bytes) == 0);
        visits->next = offset + n_bytes;
        return visits->error;
}

static void check(Stretch *stretch, Random *random, const mpz_t window_start, uint64_t skip, uint32_t n_bytes,
                  uint64_t prime_end) {
        uint8_t got[BYTES_MAX + 8], expected[BYTES_MAX];
        Visits visits = { .bitmap = got, .expected = expected };
        SieveTuning tuning = draw_tuning(random);
        _cleanup_mpz_ mpz_t start, start_byte;
        Dividend dividend;

        mpz_inits(start, start_byte, NULL);
        mpz_divexact_ui(start_byte, window_start, 30);
        CHECK_EQUAL(dividend_init(&dividend, start_byte), 0);
        number_add_u64(start, window_start, skip * 30);
        expect(start, n_bytes, prime_end, expected);
        memset(got, 0xa5, sizeof got);
        CHECK_EQUAL(stretch_sieve(stretch, &(StretchWork) {
                            .tuning = &tuning,
                            .start_byte = &dividend,
                            .skip = skip,
                            .bitmap = got,
                            .n_bytes = n_bytes,
                            .prime_end = prime_end,
                            .visit = visit,
                            .userdata = &visits,
                    }), 0);
        CHECK_EQUAL(visits.next, n_bytes);
        CHECK(memcmp(got, expected, n_bytes) == 0);
        for (unsigned i = 0; i < 8; i++)
                CHECK_EQUAL(got[n_bytes + i], 0xa5);
        dividend_done(&dividend);
}

/* Every start below 9,000 and some lengths, to the root of the end. */
static void test_near_zero(void) {
        _cleanup_(stretch_freep) Stretch *stretch = stretch_new();
        _cleanup_mpz_ mpz_t start;
        Random random;

        mpz_init(start);
        random_init(&random, test_seed());
        CHECK(stretch != NULL);
        for (uint64_t first = 0; first < 300; first++)
                for (unsigned i = 0; i < 4; i++) {
                        uint64_t skip = first > 0 ? random_below(&random, first + 1) : 0, root = 0;
                        uint32_t n_bytes = 1 + (uint32_t) random_below(&random, i < 3 ? 40 : BYTES_MAX);

                        while ((root + 1) * (root + 1) < 30 * (first + n_bytes))
                                root++;
                        number_set_u64(start, (first - skip) * 30);
                        check(stretch, &random, start, skip, n_bytes, root + 1);
                }
}

static void test_random_places(void) {
        _cleanup_(stretch_freep) Stretch *stretch = stretch_new();
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        _cleanup_mpz_ mpz_t start;
        Random random;

        mpz_init(start);
        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 40; i++) {
                mpz_urandomb(start, state, (mp_bitcnt_t) (24 + random_below(&random, i % 4 ? 100 : 1000)));
                mpz_setbit(start, 24);
                mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
                check(stretch, &random, start, random_below(&random, 1 << 20),
                      1 + (uint32_t) random_below(&random, BYTES_MAX), random_below(&random, 4000));
        }
        gmp_randclear(state);
}

static void test_cancelled_and_failing(void) {
        _cleanup_(stretch_freep) Stretch *stretch = stretch_new();
        const SieveTuning tuning = *sieve_tuning_default();
        const atomic_bool cancel = true;
        const Dividend zero = {};
        uint8_t bitmap[100];
        Visits visits = { .bitmap = bitmap, .expected = bitmap, .error = -EPIPE };
        StretchWork work = { .tuning = &tuning, .start_byte = &zero, .bitmap = bitmap, .n_bytes = sizeof bitmap };

        work.visit = visit;
        work.userdata = &visits;
        CHECK_EQUAL(stretch_sieve(stretch, &work), -EPIPE);
        work.cancel = &cancel;
        CHECK_EQUAL(stretch_sieve(stretch, &work), -ECANCELED);
}

int main(void) {
        RUN(test_near_zero);
        RUN(test_random_places);
        RUN(test_cancelled_and_failing);
        return tests_end();
}
