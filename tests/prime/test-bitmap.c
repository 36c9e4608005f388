/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bitmap's functions against the same questions asked number by number. */

#include "prime/bitmap.h"

#include "base/random.h"
#include "prime/bitmap-kernel.h"
#include "prime/naive.h"
#include "seed.h"
#include "test.h"

#define BYTES_MAX 1500

/* Fills with bits of a chosen density: n of 8 random masks are combined. */
static void fill_random(Random *random, uint8_t *bitmap, size_t n_bytes, unsigned sparseness) {
        for (size_t i = 0; i < n_bytes; i++) {
                unsigned byte = 0xff;

                for (unsigned k = 0; k < sparseness; k++)
                        byte &= (unsigned) random_u64(random);
                bitmap[i] = (uint8_t) byte;
        }
}

static bool has(const uint8_t *bitmap, size_t n_bytes, uint64_t offset) {
        unsigned bit = bitmap_residue_bit[offset % 30];

        return offset / 30 < n_bytes && bit < 8 && (bitmap[offset / 30] >> bit & 1);
}

static BitmapFacts naive_facts(const uint8_t *bitmap, size_t n_bytes) {
        BitmapFacts facts = {};

        for (uint64_t offset = 0; offset < n_bytes * 30; offset++) {
                if (!has(bitmap, n_bytes, offset))
                        continue;
                if (facts.count == 0)
                        facts.first = offset;
                else if (offset - facts.last > facts.gap) {
                        facts.gap = offset - facts.last;
                        facts.gap_at = facts.last;
                }
                facts.twins += has(bitmap, n_bytes, offset + 2);
                facts.classes[bitmap_residue_bit[offset % 30]]++;
                facts.count++;
                facts.last = offset;
        }
        return facts;
}

static void check_facts_by(const BitmapKernel *kernel, const uint8_t *bitmap, size_t n_bytes) {
        BitmapFacts facts, naive = naive_facts(bitmap, n_bytes);

        memset(&facts, 0x5a, sizeof facts);
        bitmap_facts_by(kernel, bitmap, n_bytes, &facts);
        CHECK_EQUAL(facts.count, naive.count);
        CHECK_EQUAL(facts.gap, naive.gap);
        CHECK_EQUAL(facts.twins, naive.twins);
        CHECK_EQUAL(bitmap_count_by(kernel, bitmap, n_bytes), naive.count);
        CHECK(memcmp(facts.classes, naive.classes, sizeof facts.classes) == 0);
        if (facts.count > 0) {
                CHECK_EQUAL(facts.first, naive.first);
                CHECK_EQUAL(facts.last, naive.last);
        }
        if (facts.count > 1)
                CHECK_EQUAL(facts.gap_at, naive.gap_at);
}

static void check_facts(const uint8_t *bitmap, size_t n_bytes) {
        for (size_t i = 0; bitmap_kernel(i); i++)
                check_facts_by(bitmap_kernel(i), bitmap, n_bytes);
}

static void test_tables(void) {
        for (unsigned i = 0; i < 30; i++) {
                unsigned bit = bitmap_residue_bit[i];

                CHECK((i % 2 == 0 || i % 3 == 0 || i % 5 == 0) == (bit == 8));
                CHECK(bit == 8 || bitmap_residues[bit] == i);
        }
}

static void test_facts_and_count(void) {
        _cleanup_free_ uint8_t *bitmap = malloc(BYTES_MAX);
        Random random;

        CHECK(bitmap != NULL);
        random_init(&random, test_seed());
        for (unsigned i = 0; i < 3000; i++) {
                size_t n_bytes = random_below(&random, i < 1000 ? 20 : BYTES_MAX);

                fill_random(&random, bitmap, n_bytes, i % 12);
                check_facts(bitmap, n_bytes);
        }
        /* Dense, but for runs of empty bytes of any length and place: what the search for gaps looks at. */
        for (unsigned i = 0; i < 3000; i++) {
                size_t n_bytes = 1 + random_below(&random, BYTES_MAX);

                fill_random(&random, bitmap, n_bytes, i % 3);
                for (unsigned k = 0; k < 1 + i % 9; k++) {
                        size_t at = random_below(&random, n_bytes);

                        memset(bitmap + at, 0, MIN(n_bytes - at, random_below(&random, 24)));
                }
                check_facts(bitmap, n_bytes);
        }
        memset(bitmap, 0, BYTES_MAX);
        check_facts(bitmap, BYTES_MAX);
        bitmap[BYTES_MAX - 1] = 0x80;
        check_facts(bitmap, BYTES_MAX);
        bitmap[0] = 1;
        check_facts(bitmap, BYTES_MAX);
        memset(bitmap, 0xff, BYTES_MAX);
        check_facts(bitmap, BYTES_MAX);
}

/* The facts about the primes from 7 to 29,999, as PARI/GP tells them. */
static void test_facts_of_primes(void) {
        static const uint64_t classes[8] = { 402, 407, 406, 406, 411, 395, 408, 407 };
        _cleanup_mpz_ mpz_t start;
        uint8_t bitmap[1000];
        BitmapFacts facts;

        mpz_init(start);
        naive_bitmap(start, 30000, bitmap);
        bitmap_facts(bitmap, sizeof bitmap, &facts);
        CHECK_EQUAL(facts.count, 3245 - 3); /* pi(30000) without 2, 3, 5 */
        CHECK_EQUAL(facts.first, 7);
        CHECK_EQUAL(facts.last, 29989);
        CHECK_EQUAL(facts.gap, 52);
        CHECK_EQUAL(facts.gap_at, 19609);
        CHECK_EQUAL(facts.twins, 465);
        for (unsigned i = 0; i < 8; i++)
                CHECK_EQUAL(facts.classes[i], classes[i]);
}

static void test_walk(void) {
        _cleanup_free_ uint8_t *bitmap = malloc(BYTES_MAX);
        Random random;

        CHECK(bitmap != NULL);
        random_init(&random, test_seed());
        for (unsigned i = 0; i < 1000; i++) {
                size_t n_bytes = random_below(&random, i < 500 ? 20 : BYTES_MAX);
                uint64_t offset = 0, found;
                BitmapWalk walk;

                fill_random(&random, bitmap, n_bytes, i % 12);
                bitmap_walk_init(&walk, bitmap, n_bytes);
                while (bitmap_walk_next(&walk, &found)) {
                        for (; offset < found; offset++)
                                CHECK(!has(bitmap, n_bytes, offset));
                        CHECK(offset == found && has(bitmap, n_bytes, found));
                        offset++;
                }
                for (; offset < n_bytes * 30; offset++)
                        CHECK(!has(bitmap, n_bytes, offset));
                CHECK(!bitmap_walk_next(&walk, &found));
        }
}

static void test_clip(void) {
        uint8_t bitmap[12], clipped[sizeof bitmap + 1];
        const uint64_t length = sizeof bitmap * 30;
        Random random;

        random_init(&random, test_seed());
        fill_random(&random, bitmap, sizeof bitmap, 1);
        for (uint64_t low = 0; low <= length + 40; low++)
                for (uint64_t high = low > 3 ? low - 3 : 0; high <= length + 40; high++) {
                        memcpy(clipped, bitmap, sizeof bitmap);
                        clipped[sizeof bitmap] = 0xa5;
                        bitmap_clip(clipped, sizeof bitmap, low, high);
                        CHECK(clipped[sizeof bitmap] == 0xa5);
                        for (uint64_t offset = 0; offset < length; offset++)
                                CHECK(has(clipped, sizeof bitmap, offset) ==
                                      (low <= offset && offset < high && has(bitmap, sizeof bitmap, offset)));
                }
        bitmap_clip(clipped, sizeof bitmap, 0, UINT64_MAX);
        bitmap_clip(clipped, sizeof bitmap, UINT64_MAX - 1, UINT64_MAX);
        CHECK_EQUAL(bitmap_count(clipped, sizeof bitmap), 0);
}

static void test_small_primes(void) {
        for (uint64_t low = 0; low < 8; low++)
                for (uint64_t high = low; high < 8; high++) {
                        GridBlock block = { .length = 30, .low = low, .high = high };
                        unsigned expected = 0;

                        for (uint64_t n = low; n < high; n++)
                                expected += n == 2 || n == 3 || n == 5;
                        CHECK_EQUAL(bitmap_small_primes(&block, true), expected);
                        CHECK_EQUAL(bitmap_small_primes(&block, false), 0);
                }
}

int main(void) {
        RUN(test_tables);
        RUN(test_facts_and_count);
        RUN(test_facts_of_primes);
        RUN(test_walk);
        RUN(test_clip);
        RUN(test_small_primes);
        return tests_end();
}
