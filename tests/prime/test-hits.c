/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of hits: every multiple of every prime, no other, in any order of filling and applying. */

#include "prime/sieve/hits.h"

#include "base/macro.h"
#include "base/random.h"
#include "prime/naive.h"
#include "seed.h"
#include "test.h"

#define BYTES_MAX 60000

/* The next prime from `from` on, as an index. Words of 32 bits are divided faster, on some processors much faster. */
static uint64_t next_index(uint64_t from) {
        CHECK(from < UINT32_MAX / 2);
        for (uint32_t p = (uint32_t) from;; p++) {
                bool prime = bitmap_residue_bit[p % 30] < 8;

                for (uint32_t d = 7; prime && d * d <= p; d += 2)
                        prime = p % d != 0;
                if (prime)
                        return p / 30 * 8 + bitmap_residue_bit[p % 30];
        }
}

static uint64_t prime_of(uint64_t index) {
        return index / 8 * 30 + bitmap_residues[index % 8];
}

/*
 * Multiples other than the prime itself, in one bitmap; in the other one without those by cofactors below 30, which
 * other primes cross off.
 */
static void cross_off(const mpz_t start, uint64_t p, size_t n_bytes, uint8_t *bitmap, uint8_t *without_small) {
        _cleanup_mpz_ mpz_t x, cofactor;
        uint64_t first;
        unsigned small;

        mpz_inits(x, cofactor, NULL);
        number_set_u64(x, p);
        mpz_fdiv_r(x, start, x);
        first = number_get_u64(x) > 0 ? p - number_get_u64(x) : 0;
        number_add_u64(cofactor, start, first);
        number_set_u64(x, p);
        mpz_divexact(cofactor, cofactor, x);
        small = mpz_cmp_ui(cofactor, 30) < 0 ? (unsigned) mpz_get_ui(cofactor) : 30;
        if (first >= 30 * n_bytes)
                return;
        for (uint32_t at = (uint32_t) first, step = (uint32_t) MIN(p, UINT64_C(30) * BYTES_MAX); at < 30 * n_bytes;
             at += step) {
                uint8_t bit = bitmap_residue_bit[at % 30], others = bit < 8 ? (uint8_t) ~(1U << bit) : 0xff;

                if (small >= 2)
                        bitmap[at / 30] &= others;
                if (small >= 30)
                        without_small[at / 30] &= others;
                small += small < 30;
        }
}

static void check(Random *random, const mpz_t start, uint64_t prime_min) {
        static uint8_t got[BYTES_MAX], expected[BYTES_MAX], start_only[BYTES_MAX];
        size_t n_bytes = 1 + (size_t) random_below(random, BYTES_MAX), n_primes = 0;
        uint64_t indices[HITS_BATCH], index, p = prime_min;
        _cleanup_(hits_freep) Hits *hits = NULL;
        _cleanup_mpz_ mpz_t start_byte;
        Dividend dividend;
        HitsPlan plan;

        mpz_init(start_byte);
        mpz_divexact_ui(start_byte, start, 30);
        CHECK_EQUAL(dividend_init(&dividend, start_byte), 0);
        hits_plan(n_bytes, (size_t) 1 << random_below(random, 17), (size_t) 1000 << random_below(random, 14), prime_min,
                  &plan);
        hits = hits_new();
        CHECK(hits != NULL);
        CHECK_EQUAL(hits_begin(hits, &plan), 0);
        memset(got, 0xff, n_bytes);
        memset(expected, 0xff, n_bytes);
        memset(start_only, 0xff, n_bytes);
        while (n_primes < 3000) {
                size_t room = hits_room(hits, p), n = 0;

                if (room == 0) {
                        for (size_t region = 0; region < plan.n_regions; region++)
                                hits_apply(hits, region, got);
                        room = hits_room(hits, p);
                        CHECK(room >= HITS_ROOM);
                }
                for (; n < room; n++) {
                        index = next_index(p);
                        p = prime_of(index) + 1;
                        if (random_below(random, 4) == 0)
                                p += random_below(random, p / 200 + 1);
                        indices[n] = index;
                        cross_off(start, prime_of(index), n_bytes, start_only, expected);
                }
                hits_add(hits, locate_kernel(0), &dividend, indices, n);
                n_primes += n;
        }
        for (size_t region = 0; region < plan.n_regions; region++)
                hits_apply(hits, region, got);
        for (size_t i = 0; i < n_bytes; i++) {
                CHECK_EQUAL(got[i] & ~expected[i], 0);
                CHECK_EQUAL(start_only[i] & ~got[i], 0);
        }
        dividend_done(&dividend);
}

static void test_everywhere(void) {
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        _cleanup_mpz_ mpz_t start;
        Random random;

        mpz_init(start);
        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 150; i++) {
                if (i % 10 == 0)
                        mpz_set_ui(start, 0);
                else
                        mpz_urandomb(start, state, (mp_bitcnt_t) random_below(&random, i % 3 == 0 ? 25 : 130));
                mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
                check(&random, start, 2048 + (random_u64(&random) >> (28 + random_below(&random, 32))) % 10000000);
        }
        gmp_randclear(state);
}

/* Above 2^32. */
static void test_large_primes(void) {
        _cleanup_mpz_ mpz_t start;
        Random random;

        mpz_init(start);
        random_init(&random, test_seed());
        for (unsigned i = 0; i < 2; i++) {
                static uint8_t got[BYTES_MAX], expected[BYTES_MAX], unused[BYTES_MAX];
                const uint64_t p = (UINT64_C(1) << 39) + 7 + i * 16; /* two primes: 2^39 + 7, 2^39 + 23 */
                _cleanup_(hits_freep) Hits *hits = hits_new();
                _cleanup_mpz_ mpz_t start_byte;
                Dividend dividend;
                HitsPlan plan;
                uint64_t index = p / 30 * 8 + bitmap_residue_bit[p % 30];

                mpz_init(start_byte);
                for (unsigned k = 0; k < 200; k++) {
                        /* A multiple of p lies in the window, or just outside. */
                        number_set_u64(start, p);
                        mpz_mul_ui(start, start, (unsigned long) random_below(&random, UINT32_MAX) | 1);
                        mpz_sub_ui(start, start, (unsigned long) random_below(&random, 31 * BYTES_MAX));
                        mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
                        mpz_divexact_ui(start_byte, start, 30);
                        CHECK_EQUAL(dividend_init(&dividend, start_byte), 0);
                        hits_plan(BYTES_MAX, 4096, 100000, p, &plan);
                        CHECK_EQUAL(hits_begin(hits, &plan), 0);
                        CHECK(hits_room(hits, p) >= HITS_ROOM);
                        hits_add(hits, locate_kernel(k % 2 && locate_kernel(1) ? 1 : 0), &dividend, &index, 1);
                        memset(got, 0xff, sizeof got);
                        memset(expected, 0xff, sizeof expected);
                        for (size_t region = 0; region < plan.n_regions; region++)
                                hits_apply(hits, region, got);
                        cross_off(start, p, BYTES_MAX, expected, unused);
                        CHECK(memcmp(got, expected, sizeof got) == 0);
                        dividend_done(&dividend);
                }
        }
}

int main(void) {
        RUN(test_everywhere);
        RUN(test_large_primes);
        return tests_end();
}
