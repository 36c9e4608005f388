/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Candidates: every kernel that this processor has against the definition, number by number, and against each other
 * over long bitmaps.
 */

#include "prime/pack/candidates.h"

#include <gmp.h>
#include <pthread.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/macro.h"
#include "base/random.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "seed.h"
#include "test.h"

#define N_BYTES_MAX ((size_t) 1 << 20)
#define GUARD 0xa5

typedef struct Room {
        uint8_t *bitmap, *stream, *again;
} Room;

static Room room_new(size_t n_bytes) {
        Room room = {
                .bitmap = malloc(n_bytes + 1),
                .stream = malloc(n_bytes + CANDIDATES_SLACK + 1),
                .again = malloc(n_bytes + 1),
        };

        CHECK(room.bitmap && room.stream && room.again);
        memset(room.stream, 0x55, n_bytes + CANDIDATES_SLACK);
        room.stream[n_bytes + CANDIDATES_SLACK] = GUARD;
        room.again[n_bytes] = GUARD;
        return room;
}

static void room_done(Room *room) {
        free(room->bitmap);
        free(room->stream);
        free(room->again);
}

/* The definition: not a multiple of a prime from 7 to 251, or that prime. */
static bool naive_is_candidate(const mpz_t number) {
        static const uint8_t primes[] = {
                7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
                73,  79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157,
                163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251,
        };

        for (size_t i = 0; i < sizeof primes; i++)
                if (mpz_divisible_ui_p(number, primes[i]) && mpz_cmp_ui(number, primes[i]) != 0)
                        return false;
        return true;
}

/* The bitmap with all candidates set. */
static void naive_mask(const mpz_t start, uint8_t *mask, size_t n_bytes) {
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        memset(mask, 0, n_bytes);
        for (size_t k = 0; k < n_bytes; k++)
                for (unsigned i = 0; i < 8; i++) {
                        mpz_add_ui(number, start, 30 * k + bitmap_residues[i]);
                        if (naive_is_candidate(number))
                                mask[k] |= (uint8_t) (1U << i);
                }
}

static uint64_t naive_extract(const uint8_t *mask, const uint8_t *bitmap, size_t n_bytes, uint8_t *ret) {
        uint64_t n = 0;

        memset(ret, 0, n_bytes);
        for (size_t i = 0; i < 8 * n_bytes; i++)
                if (mask[i / 8] >> i % 8 & 1) {
                        ret[n / 8] |= (uint8_t) ((bitmap[i / 8] >> i % 8 & 1) << n % 8);
                        n++;
                }
        return n;
}

/* One bitmap of random bits, through every kernel. */
static void check_kernels(const mpz_t start, size_t n_bytes, Random *random) {
        _cleanup_free_ uint8_t *mask = malloc(n_bytes + 1), *expected = malloc(n_bytes + 1);
        const CandidateKernel *kernel;
        uint64_t n_expected;

        CHECK(mask && expected);
        naive_mask(start, mask, n_bytes);
        for (size_t i = 0; (kernel = candidate_kernel(i)); i++) {
                _cleanup_(room_done) Room room = room_new(n_bytes);
                uint64_t n_bits;

                for (size_t k = 0; k < n_bytes; k++)
                        room.bitmap[k] = (uint8_t) random_u64(random) & mask[k];
                n_expected = naive_extract(mask, room.bitmap, n_bytes, expected);

                CHECK(candidates_extract(candidate_tables(), kernel, start, room.bitmap, n_bytes, room.stream,
                                         &n_bits));
                CHECK_EQUAL(n_bits, n_expected);
                CHECK(memcmp(room.stream, expected, (size_t) (n_bits + 7) / 8) == 0);
                for (unsigned k = 0; k < 7; k++)
                        CHECK_EQUAL(room.stream[(n_bits + 7) / 8 + k], 0);
                CHECK_EQUAL(room.stream[n_bytes + CANDIDATES_SLACK], GUARD);

                /* What is behind the stream does not matter. */
                memset(room.stream + (n_bits + 7) / 8, 0xff, (size_t) (n_bytes + CANDIDATES_SLACK - (n_bits + 7) / 8));
                CHECK_EQUAL(candidates_deposit(candidate_tables(), kernel, start, room.stream, room.again, n_bytes),
                            n_expected);
                CHECK(memcmp(room.again, room.bitmap, n_bytes) == 0);
                CHECK_EQUAL(room.again[n_bytes], GUARD);
        }
}

static void test_all_lengths(void) {
        _cleanup_mpz_ mpz_t start;
        Random random;

        random_init(&random, test_seed());
        mpz_init_set_ui(start, 30);
        mpz_mul_ui(start, start, 123456789);
        for (size_t n = 1; n <= 40; n++)
                check_kernels(start, n, &random);
        for (size_t n = 500; n <= 530; n++)
                check_kernels(start, n, &random);
        check_kernels(start, 1024, &random);
        check_kernels(start, 1025, &random);
        check_kernels(start, 40000, &random); /* longer than any period */
}

static void test_starts_below_the_largest_dropped_prime(void) {
        _cleanup_mpz_ mpz_t start;
        Random random;

        random_init(&random, test_seed());
        mpz_init(start);
        for (unsigned first = 0; first <= 12; first++)
                for (size_t n = 1; n <= 33; n += 4) {
                        mpz_set_ui(start, 30 * first);
                        check_kernels(start, n, &random);
                }
}

static void test_random_starts(void) {
        _cleanup_mpz_ mpz_t start;
        Random random;

        random_init(&random, test_seed());
        mpz_init(start);
        for (unsigned round = 0; round < 200; round++) {
                size_t n_words = 1 + random_below(&random, 8);

                mpz_set_ui(start, 0);
                for (size_t i = 0; i < n_words; i++) {
                        mpz_mul_2exp(start, start, 64);
                        number_add_u64(start, start, random_u64(&random) >> random_below(&random, 64));
                }
                mpz_mul_ui(start, start, 30);
                check_kernels(start, 1 + (size_t) random_below(&random, 1200), &random);
        }
}

/* Every single bit that no prime can have is noticed, and every other one is not. */
static void check_single_bits(const mpz_t start) {
        const CandidateKernel *kernel;
        uint8_t mask[70];

        naive_mask(start, mask, sizeof mask);
        for (size_t i = 0; (kernel = candidate_kernel(i)); i++)
                for (size_t bit = 0; bit < 8 * sizeof mask; bit++) {
                        _cleanup_(room_done) Room room = room_new(sizeof mask);
                        uint64_t n_bits;

                        memset(room.bitmap, 0, sizeof mask);
                        room.bitmap[bit / 8] |= (uint8_t) (1U << bit % 8);
                        CHECK_EQUAL(candidates_extract(candidate_tables(), kernel, start, room.bitmap, sizeof mask,
                                                       room.stream, &n_bits),
                                    mask[bit / 8] >> bit % 8 & 1);
                }
}

static void test_bits_on_dropped_positions(void) {
        _cleanup_mpz_ mpz_t start;

        mpz_init_set_ui(start, 0);
        check_single_bits(start);
        mpz_set_ui(start, 30000);
        check_single_bits(start);
}

/* A megabyte, where the definition would take too long: all kernels against the portable one, which is the last. */
static void test_kernels_agree(void) {
        const CandidateTables *tables = candidate_tables();
        const CandidateKernel *kernel, *portable = NULL;
        _cleanup_(room_done) Room a = room_new(N_BYTES_MAX), b = room_new(N_BYTES_MAX);
        _cleanup_mpz_ mpz_t start;
        uint64_t n_a, n_b;
        Random random;

        for (size_t i = 0; (kernel = candidate_kernel(i)); i++) {
                printf("# kernel %s\n", candidate_kernel_name(kernel));
                portable = kernel;
        }
        CHECK_STRING(candidate_kernel_name(portable), "portable");

        random_init(&random, test_seed());
        mpz_init(start);
        number_set_u64(start, random_u64(&random) / 30 * 30);
        for (size_t k = 0; k < N_BYTES_MAX + CANDIDATES_SLACK; k++)
                a.stream[k] = (uint8_t) random_u64(&random);
        for (size_t i = 0; (kernel = candidate_kernel(i)); i++) {
                n_a = candidates_deposit(tables, portable, start, a.stream, a.bitmap, N_BYTES_MAX);
                n_b = candidates_deposit(tables, kernel, start, a.stream, b.bitmap, N_BYTES_MAX);
                CHECK_EQUAL(n_a, n_b);
                CHECK(memcmp(a.bitmap, b.bitmap, N_BYTES_MAX) == 0);
                CHECK(candidates_extract(tables, kernel, start, b.bitmap, N_BYTES_MAX, b.stream, &n_b));
                CHECK_EQUAL(n_a, n_b);
                CHECK(memcmp(a.stream, b.stream, (size_t) n_a / 8) == 0);
                CHECK_EQUAL(b.stream[N_BYTES_MAX + CANDIDATES_SLACK], GUARD);
        }
}

static void *get_tables(void *userdata) {
        pthread_barrier_t *barrier = userdata;

        (void) pthread_barrier_wait(barrier);
        return (void *) candidate_tables();
}

/* Threads that all want to be the first share what one of them makes. This runs before anything else made it. */
static void test_threads_share_the_tables(void) {
        pthread_barrier_t barrier;
        pthread_t threads[8];

        CHECK_EQUAL(pthread_barrier_init(&barrier, NULL, ELEMENTSOF(threads)), 0);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                CHECK_EQUAL(pthread_create(threads + i, NULL, get_tables, &barrier), 0);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++) {
                void *tables;

                CHECK_EQUAL(pthread_join(threads[i], &tables), 0);
                CHECK(tables != NULL && tables == candidate_tables());
        }
        (void) pthread_barrier_destroy(&barrier);
}

int main(void) {
        RUN(test_threads_share_the_tables);
        RUN(test_all_lengths);
        RUN(test_starts_below_the_largest_dropped_prime);
        RUN(test_random_starts);
        RUN(test_bits_on_dropped_positions);
        RUN(test_kernels_agree);
        return tests_end();
}
