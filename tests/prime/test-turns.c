/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Turns: the list of primes, and each class of primes against crossing off number by number. */

#include "prime/sieve/turns.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/random.h"
#include "prime/naive.h"
#include "seed.h"
#include "test.h"

#define BYTES 40000

static void test_the_list_of_primes(void) {
        const TurnPrimes *primes = turn_primes();
        size_t n = 0;

        CHECK(primes != NULL);
        for (unsigned bit = 0; bit < 8; bit++)
                for (uint32_t i = 0; i < primes->n[bit]; i++, n++) {
                        uint32_t p = primes->primes[bit][i];

                        CHECK(p >= TURN_PRIME_MIN && p < TURN_PRIME_END && p % 30 == bitmap_residues[bit]);
                        CHECK(i == 0 || p > primes->primes[bit][i - 1]);
                        CHECK_EQUAL(turn_primes_below(primes, bit, p), i);
                        CHECK_EQUAL(turn_primes_below(primes, bit, p + 1), i + 1);
                }
        /* pi(2^21) and pi(166) */
        CHECK_EQUAL(n, 155611 - 38);
        CHECK_EQUAL(turn_primes_below(primes, 0, UINT64_MAX), primes->n[0]);
}

/* The bitmap of [30·start, …) without multiples of `p` by cofactors of at least `least`. */
static void cross_off(uint8_t *bitmap, uint64_t start, uint32_t p, uint64_t least) {
        for (uint64_t c = MAX(least, 30 * start / p); p * c < 30 * (start + BYTES); c++)
                if (p * c >= 30 * start && bitmap_residue_bit[p * c % 30] < 8)
                        bitmap[p * c / 30 - start] &= (uint8_t) ~(1U << bitmap_residue_bit[p * c % 30]);
}

/* Block after block, against one after the other. */
static void check_class(Random *random, unsigned bit) {
        static uint8_t got[BYTES], expected[BYTES];
        const TurnPrimes *list = turn_primes();
        uint32_t from = (uint32_t) random_below(random, 300), n = 1 + (uint32_t) random_below(random, 200), turns[200];
        const uint32_t *primes = list->primes[bit] + from;
        uint64_t start = random_below(random, 1000000);

        memset(got, 0xff, sizeof got);
        memset(expected, 0xff, sizeof expected);
        for (uint32_t i = 0; i < n; i++) {
                uint64_t k = (start + primes[i] - 1) / primes[i];

                turns[i] = (uint32_t) (primes[i] * k - start);
                cross_off(expected, start, primes[i], 30 * k);
        }
        for (uint32_t done = 0; done < BYTES;) {
                uint32_t length = 1 + (uint32_t) random_below(random, BYTES - done);

                turns_mark(bit, primes, turns, n, got + done, length, BYTES - done);
                done += length;
        }
        CHECK(memcmp(got, expected, BYTES) == 0);
}

static void test_every_class(void) {
        Random random;

        random_init(&random, test_seed());
        for (unsigned i = 0; i < 400; i++)
                check_class(&random, i % 8);
}

static void test_one_turn(void) {
        static uint8_t got[BYTES], expected[BYTES];
        const TurnPrimes *list = turn_primes();
        Random random;

        random_init(&random, test_seed());
        for (unsigned i = 0; i < 400; i++) {
                unsigned bit = i % 8;
                uint32_t p = list->primes[bit][random_below(&random, 1000)];
                uint64_t start = random_below(&random, 1000000), k = start / p;

                memset(got, 0xff, sizeof got);
                memset(expected, 0xff, sizeof expected);
                for (uint64_t c = 30 * k; c < 30 * k + 30; c++)
                        if (p * c >= 30 * start && p * c < 30 * (start + BYTES) && bitmap_residue_bit[p * c % 30] < 8)
                                expected[p * c / 30 - start] &= (uint8_t) ~(1U << bitmap_residue_bit[p * c % 30]);
                turns_mark_one(bit, p, (int64_t) (p * k) - (int64_t) start, got, BYTES);
                CHECK(memcmp(got, expected, BYTES) == 0);
        }
}

/* With 32 bits the next turn may begin behind the last address: no bit before the bitmap must be crossed off for it. */
static void test_bitmap_at_the_last_address(void) {
        const uint32_t size = (uint32_t) sysconf(_SC_PAGESIZE);
        const TurnPrimes *primes = turn_primes();
        uint8_t *page = MAP_FAILED;

        CHECK(primes != NULL);
        for (uintptr_t n = 2; n < TURN_PRIME_END / size && page == MAP_FAILED; n++) {
                page = mmap((void *) (0 - n * size), size, PROT_READ | PROT_WRITE, /* as far up as there is room */
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        }
        if (page == MAP_FAILED)
                return; /* where the processor has 64 bits, or programs may not have them all */
        for (unsigned bit = 0; bit < 8; bit++) {
                uint32_t prime = primes->primes[bit][primes->n[bit] - 1];

                for (uint32_t turn = 0; turn < prime; turn += size) {
                        uint32_t behind = turn;

                        turns_mark(bit, &prime, &behind, 1, page, size, size);
                        CHECK_EQUAL(behind, turn < size ? turn + prime - size : turn - size);
                }
        }
        (void) munmap(page, size);
}

int main(void) {
        RUN(test_the_list_of_primes);
        RUN(test_every_class);
        RUN(test_one_turn);
        RUN(test_bitmap_at_the_last_address);
        return tests_end();
}
