/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The family below 2^64, against libprimesieve's arrays and against one test per candidate. */

#include "prime/sieve/below64.h"

#include <primesieve.h>

#include "prime/naive.h"
#include "test.h"

#define LENGTH 300000

/* The bitmap of primesieve_generate_primes(). */
static void array_bitmap(uint64_t start, uint64_t length, uint8_t *bitmap) {
        size_t n_primes;
        uint64_t *primes = primesieve_generate_primes(start, start + length - 1, &n_primes, UINT64_PRIMES);

        memset(bitmap, 0, (size_t) (length / 30));
        for (size_t i = 0; i < n_primes; i++)
                if (primes[i] > 5)
                        bitmap[(primes[i] - start) / 30] |=
                                (uint8_t) (1U << bitmap_residue_bit[(primes[i] - start) % 30]);
        primesieve_free(primes);
}

/* Three blocks in a row from `start`, with a hint that stands for any of: exact, too far, too near. */
static void check_blocks(uint64_t start, uint64_t stop_hint) {
        _cleanup_(below64_freep) Below64 *below64 = below64_new(start, stop_hint, NULL);
        _cleanup_free_ uint8_t *got = malloc(LENGTH / 30), *expected = malloc(LENGTH / 30);

        CHECK(below64 && got && expected);
        for (unsigned i = 0; i < 3; i++) {
                memset(got, 0xa5, LENGTH / 30);
                CHECK_EQUAL(below64_next(below64, LENGTH, got), 0);
                array_bitmap(start, LENGTH, expected);
                CHECK(memcmp(got, expected, LENGTH / 30) == 0);
                start += LENGTH;
        }
}

static void test_blocks(void) {
        static const uint64_t starts[] = {
                0,
                30,
                LENGTH,
                UINT64_C(4294967280) - LENGTH, /* across 2^32 */
                UINT64_C(1000000000020),
                UINT64_C(1000000000000020),
        };

        for (size_t i = 0; i < ELEMENTSOF(starts); i++) {
                check_blocks(starts[i], starts[i] + UINT64_C(3) * LENGTH);
                check_blocks(starts[i], starts[i] + 30);
                check_blocks(starts[i], starts[i] + UINT64_C(1000) * LENGTH);
        }
}

/* 2, 3, 5 have no bit, 1 is no prime, 7 is one. */
static void test_the_first_byte(void) {
        _cleanup_(below64_freep) Below64 *below64 = below64_new(0, 30, NULL);
        uint8_t byte;

        CHECK(below64 != NULL);
        CHECK_EQUAL(below64_next(below64, 30, &byte), 0);
        CHECK_EQUAL(byte, 0xfe);
        CHECK_EQUAL(below64_next(below64, 30, &byte), 0);
        CHECK_EQUAL(byte, 0xdf); /* 31 37 41 43 47 53 59, not 49 */
}

/* The last numbers, in blocks of one byte: the iterator must not be asked for more than there are. */
static void test_the_end(void) {
        uint64_t start = BELOW64_END - 3000;
        _cleanup_(below64_freep) Below64 *below64 = below64_new(start, BELOW64_END, NULL);
        _cleanup_mpz_ mpz_t number;
        uint8_t got[100], expected[100];

        mpz_init(number);
        CHECK(below64 && start % 30 == 0);
        number_set_u64(number, start);
        naive_bitmap(number, 3000, expected);
        for (size_t i = 0; i < sizeof got; i++)
                CHECK_EQUAL(below64_next(below64, 30, got + i), 0);
        CHECK(memcmp(got, expected, sizeof got) == 0);
        CHECK((got[98] >> bitmap_residue_bit[17] & 1) == 1); /* 2^64 - 59, the last prime */
        CHECK_EQUAL(got[99], 0);
}

/* Runs that begin where no prime follows, which libprimesieve cannot say without ending the program. */
static void test_behind_the_last_prime(void) {
        static const unsigned counts[] = { 3, 1, 0 }; /* 2^64 - 95, - 83 and - 59 are the last primes */

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                uint64_t start = BELOW64_END - 90 + i * 30;
                _cleanup_(below64_freep) Below64 *below64 = below64_new(start, BELOW64_END, NULL);
                uint8_t bitmap[3];

                CHECK(below64 != NULL);
                CHECK_EQUAL(below64_next(below64, BELOW64_END - start, bitmap), 0);
                CHECK_EQUAL(bitmap_count(bitmap, (BELOW64_END - start) / 30), counts[i]);
        }
}

int main(void) {
        RUN(test_blocks);
        RUN(test_the_first_byte);
        RUN(test_the_end);
        RUN(test_behind_the_last_prime);
        return tests_end();
}
