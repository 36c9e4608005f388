/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The base primes: right in every chunk, one object for all, whoever sieves a chunk first. */

#include "prime/sieve/base-primes.h"

#include <errno.h>
#include <gmp.h>
#include <pthread.h>

#include "prime/bitmap.h"
#include "prime/naive.h"
#include "test.h"

static uint8_t scratch[BASE_CHUNK_BYTES];

static const uint8_t *get(BasePrimes *base, Stretch *stretch, uint64_t index, bool keep) {
        const uint8_t *chunk;

        CHECK_EQUAL(base_primes_chunk(base, index, keep, stretch, NULL, keep ? NULL : scratch, &chunk), 0);
        return chunk;
}

/* Some of a chunk's numbers. */
static void check_numbers(const uint8_t *chunk, uint64_t index, size_t from, size_t n_bytes) {
        _cleanup_free_ uint8_t *expected = malloc(n_bytes);
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK(expected != NULL);
        number_set_u64(start, index * BASE_CHUNK_LENGTH + from * 30);
        naive_bitmap(start, n_bytes * 30, expected);
        CHECK(memcmp(chunk + from, expected, n_bytes) == 0);
}

static void test_chunks_are_right(void) {
        _cleanup_(base_primes_unrefp) BasePrimes *base = base_primes_ref();
        _cleanup_(stretch_freep) Stretch *stretch = stretch_new();
        const uint64_t last = (BASE_PRIME_END - 1) / BASE_CHUNK_LENGTH;
        const uint64_t indices[] = { 0, 1, 2, BASE_CHUNKS_MAX - 1, BASE_CHUNKS_MAX, 10000, last };

        for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
                const uint8_t *chunk = get(base, stretch, indices[i], false);

                CHECK(chunk == scratch);
                check_numbers(chunk, indices[i], 0, 1000);
                check_numbers(chunk, indices[i], BASE_CHUNK_BYTES / 2, 1000);
                check_numbers(chunk, indices[i], BASE_CHUNK_BYTES - 1000, 1000);
        }
        /* pi of 15,728,640, without 2, 3, 5 */
        CHECK_EQUAL(bitmap_count(get(base, stretch, 0, false), BASE_CHUNK_BYTES),  1014733 - 3);
        CHECK_EQUAL(base_primes_bytes(base), 0);
}

static void test_chunks_are_kept_and_shared(void) {
        _cleanup_(base_primes_unrefp) BasePrimes *base = base_primes_ref(), *other = base_primes_ref();
        _cleanup_(stretch_freep) Stretch *stretch = stretch_new();
        const uint8_t *chunk = get(base, stretch, 3, true);

        CHECK(base == other && chunk != scratch);
        CHECK(get(other, stretch, 3, false) == chunk);
        CHECK_EQUAL(base_primes_bytes(base), BASE_CHUNK_BYTES);
        check_numbers(chunk, 3, 0, 1000);
        other = base_primes_unref(other);
        CHECK(get(base, stretch, 3, true) == chunk);
        base = base_primes_unref(base);
        base = base_primes_ref();
        CHECK_EQUAL(base_primes_bytes(base), 0);
}

static void test_a_cancelled_chunk_is_not_kept(void) {
        _cleanup_(base_primes_unrefp) BasePrimes *base = base_primes_ref();
        _cleanup_(stretch_freep) Stretch *stretch = stretch_new();
        const atomic_bool cancel = true;
        const uint8_t *chunk;

        CHECK_EQUAL(base_primes_chunk(base, 5, true, stretch, &cancel, NULL, &chunk), -ECANCELED);
        CHECK_EQUAL(base_primes_bytes(base), 0);
}

static void *use_base_primes(void *data) {
        _cleanup_(stretch_freep) Stretch *stretch = stretch_new();
        uint64_t sum = 0;

        for (unsigned i = 0; i < 4; i++) {
                _cleanup_(base_primes_unrefp) BasePrimes *base = base_primes_ref();

                for (uint64_t index = 0; index < 4; index++)
                        sum += bitmap_count(get(base, stretch, index, true), BASE_CHUNK_BYTES);
        }
        *(uint64_t *) data = sum;
        return NULL;
}

static void test_many_threads(void) {
        pthread_t threads[4];
        uint64_t sums[4];

        for (unsigned i = 0; i < 4; i++)
                CHECK_EQUAL(pthread_create(threads + i, NULL, use_base_primes, sums + i), 0);
        for (unsigned i = 0; i < 4; i++)
                CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
        for (unsigned i = 0; i < 4; i++)
                CHECK(sums[i] == sums[0] && sums[i] > 4 * 3700000);
}

int main(void) {
        RUN(test_chunks_are_right);
        RUN(test_chunks_are_kept_and_shared);
        RUN(test_a_cancelled_chunk_is_not_kept);
        RUN(test_many_threads);
        return tests_end();
}
