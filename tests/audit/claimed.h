/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Blocks as a worker would send them, honest at first. */

#include "audit/shape.h"
#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "test.h"

/* A block with everything a worker would claim about it. */
typedef struct Sample {
        Grid grid;
        Packer *packer;
        uint8_t bitmap[GRID_BLOCK_BYTES_MAX];
        size_t n_bytes;
        uint8_t *packed;
        uint8_t digest[SHA256_SIZE];
        Claim claim;
} Sample;

static inline void sample_pack(Sample *sample, uint64_t count) {
        _cleanup_mpz_ mpz_t start;
        GridBlock block;
        PackCodec codec;
        size_t size;

        mpz_init(start);
        grid_block(&sample->grid, sample->claim.sequence, start, &block);
        CHECK(pack_bitmap(sample->packer, start, sample->bitmap, sample->n_bytes, sample->packed,
                          pack_bound(GRID_BLOCK_BYTES_MAX), &codec, &size) >= 0);
        checksum_sha256(sample->bitmap, sample->n_bytes, sample->digest);
        sample->claim.codec = codec;
        sample->claim.packed = sample->packed;
        sample->claim.packed_size = size;
        sample->claim.digest = sample->digest;
        sample->claim.count = count;
}

/* Block `sequence` of [from, from + length). */
static inline Sample *sample_new(const char *from_word, uint64_t length, uint64_t sequence) {
        const SieveEnvironment environment = {};
        _cleanup_mpz_ mpz_t from, to, start;
        Sample *sample = calloc(1, sizeof *sample);
        SieveRun *run;
        GridBlock block;

        mpz_inits(from, to, start, NULL);
        CHECK(sample && number_parse(from, from_word, NULL) >= 0);
        number_add_u64(to, from, length);
        CHECK(grid_init(&sample->grid, from, to, NULL) >= 0);
        sample->packer = packer_new();
        sample->packed = malloc(pack_bound(GRID_BLOCK_BYTES_MAX));
        CHECK(sample->packer && sample->packed);

        grid_block(&sample->grid, sequence, start, &block);
        sample->n_bytes = block.length / 30;
        sample->claim.sequence = sequence;
        CHECK(sieve_run_new(start, to, &environment, &run) >= 0);
        CHECK(sieve_run_next(run, block.length, sample->bitmap, &sample->claim.certainty) >= 0);
        sieve_run_free(run);
        bitmap_clip(sample->bitmap, sample->n_bytes, block.low, block.high);
        sample_pack(sample, bitmap_count(sample->bitmap, sample->n_bytes) +
                                    bitmap_small_primes(&block, mpz_sgn(start) == 0));
        return sample;
}

static inline void sample_free(Sample *sample) {
        grid_done(&sample->grid);
        packer_free(sample->packer);
        free(sample->packed);
        free(sample);
}
