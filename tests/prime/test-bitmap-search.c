/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every offset of bitmaps of all densities and awkward sizes, against a plain list of their numbers. */

#include "prime/bitmap-search.h"

#include "base/macro.h"
#include "base/random.h"
#include "prime/bitmap.h"
#include "seed.h"
#include "test.h"

#define BYTES_MAX 1700

typedef struct Sample {
        uint8_t bitmap[BYTES_MAX];
        size_t n_bytes;
        uint64_t offsets[8 * BYTES_MAX];
        size_t n_offsets;
} Sample;

/* A bit is set with probability 2^-sparse. */
static void sample_draw(Sample *sample, size_t n_bytes, unsigned sparse, Random *random) {
        sample->n_bytes = n_bytes;
        sample->n_offsets = 0;
        for (size_t i = 0; i < n_bytes; i++) {
                unsigned byte = 0xff;

                for (unsigned k = 0; k < sparse; k++)
                        byte &= (unsigned) random_u64(random);
                sample->bitmap[i] = (uint8_t) byte;
        }
        for (uint64_t n = 0; n < 30 * n_bytes; n++) {
                static const uint8_t residues[8] = { 1, 7, 11, 13, 17, 19, 23, 29 };

                for (unsigned bit = 0; bit < 8; bit++)
                        if (n % 30 == residues[bit] && sample->bitmap[n / 30] >> bit & 1)
                                sample->offsets[sample->n_offsets++] = n;
        }
}

static void check_sample(const Sample *sample) {
        uint64_t found, end = 30 * sample->n_bytes;
        size_t below = 0; /* numbers below n */

        for (uint64_t n = 0; n < end + 70; n++) {
                bool here = below < sample->n_offsets && sample->offsets[below] == n;

                CHECK(bitmap_contains(sample->bitmap, sample->n_bytes, n) == here);
                CHECK_EQUAL(bitmap_rank(sample->bitmap, sample->n_bytes, n), below);
                CHECK(bitmap_find_next(sample->bitmap, sample->n_bytes, n, &found) == (below < sample->n_offsets));
                if (below < sample->n_offsets)
                        CHECK_EQUAL(found, sample->offsets[below]);
                CHECK(bitmap_find_previous(sample->bitmap, sample->n_bytes, n, &found) == (below > 0));
                if (below > 0)
                        CHECK_EQUAL(found, sample->offsets[below - 1]);
                below += here;
        }
        for (size_t i = 0; i < sample->n_offsets; i++) {
                CHECK(bitmap_select(sample->bitmap, sample->n_bytes, i, &found));
                CHECK_EQUAL(found, sample->offsets[i]);
        }
        CHECK(!bitmap_select(sample->bitmap, sample->n_bytes, sample->n_offsets, &found));
}

static void test_single_numbers(void) {
        static const size_t sizes[] = { 0, 1, 2, 7, 8, 9, 63, 511, 512, 513, 1024, BYTES_MAX };
        static Sample sample;
        Random random;

        random_init(&random, test_seed());
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++)
                for (unsigned sparse = 0; sparse <= 12; sparse += 3) {
                        sample_draw(&sample, sizes[i], sparse, &random);
                        check_sample(&sample);
                }
}

int main(void) {
        RUN(test_single_numbers);
        return tests_end();
}
