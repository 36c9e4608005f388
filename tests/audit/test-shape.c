/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Honest blocks pass; blocks that are not what they say are refused, each for its own reason. */

#include "audit/shape.h"

#include <errno.h>

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

static void sample_pack(Sample *sample, uint64_t count) {
        PackCodec codec;
        size_t size;

        CHECK(pack_bitmap(sample->packer, sample->bitmap, sample->n_bytes, sample->packed,
                          pack_bound(GRID_BLOCK_BYTES_MAX), &codec, &size) >= 0);
        checksum_sha256(sample->bitmap, sample->n_bytes, sample->digest);
        sample->claim.codec = codec;
        sample->claim.packed = sample->packed;
        sample->claim.packed_size = size;
        sample->claim.digest = sample->digest;
        sample->claim.count = count;
}

/* Block `sequence` of [from, from + length). */
static Sample *sample_new(const char *from_word, uint64_t length, uint64_t sequence) {
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

static void sample_free(Sample *sample) {
        grid_done(&sample->grid);
        packer_free(sample->packer);
        free(sample->packed);
        free(sample);
}

static int check(const Sample *sample, const Claim *claim, Problem *problem) {
        Auditor *auditor = auditor_new();
        int r;

        CHECK(auditor);
        r = auditor_check_shape(auditor, &sample->grid, claim, problem);
        auditor_free(auditor);
        return r;
}

static void test_honest_blocks_pass(void) {
        static const struct {
                const char *from;
                uint64_t length, sequence;
        } cases[] = {
                { "0", 1000, 0 },
                { "0", 100000000, 0 },
                { "0", 100000000, 3 },
                { "3", 40, 0 },
                { "7", 100, 0 },
                { "1000000000039", 12345, 0 },
                { "10^15", 100000000, 2 },
                { "2^64-1000", 2000, 0 },
                { "2^80+1", 20000, 0 },
                { "2^256", 20000, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Sample *sample = sample_new(cases[i].from, cases[i].length, cases[i].sequence);
                Problem problem = PROBLEM_NONE;

                if (check(sample, &sample->claim, &problem) < 0)
                        printf("# %s: %s\n", cases[i].from, problem.text);
                CHECK(problem.text[0] == '\0');
                sample_free(sample);
        }
}

/* The claim is refused, with a sentence that has `word` in it. */
static void check_refused(const Sample *sample, const Claim *claim, const char *word) {
        Problem problem = PROBLEM_NONE;

        CHECK(check(sample, claim, &problem) < 0);
        if (!strstr(problem.text, word))
                printf("# '%s' has no '%s'\n", problem.text, word);
        CHECK(strstr(problem.text, word));
}

static void test_lies_are_refused(void) {
        Sample *sample = sample_new("10^12+11", 100000000, 1);
        Claim claim;

        claim = sample->claim;
        claim.count++;
        check_refused(sample, &claim, "claims");

        claim = sample->claim;
        claim.certainty = CERTAINTY_BPSW;
        check_refused(sample, &claim, "certainty");

        claim = sample->claim;
        claim.sequence = sample->grid.n_blocks;
        check_refused(sample, &claim, "not in the job");

        claim = sample->claim;
        claim.packed_size--;
        check_refused(sample, &claim, "does not unpack");

        claim = sample->claim;
        claim.codec = 200;
        check_refused(sample, &claim, "does not unpack");

        /* the first block's bitmap is shorter */
        claim = sample->claim;
        claim.sequence = 0;
        check_refused(sample, &claim, "does not unpack");

        /* another block of the same length: its multiples of 7, 11 and 13 lie elsewhere */
        claim = sample->claim;
        claim.sequence = 2;
        check_refused(sample, &claim, "multiple of 7, 11 or 13");

        sample->digest[5] ^= 1;
        check_refused(sample, &sample->claim, "digest");
        sample_free(sample);
}

static void test_noise_is_refused(void) {
        Sample *sample = sample_new("10^12", 100000000, 1);

        for (size_t i = 0; i < sample->n_bytes; i++)
                sample->bitmap[i] = (uint8_t) (i * 2654435761U >> 13) & 0x49;
        sample_pack(sample, bitmap_count(sample->bitmap, sample->n_bytes));
        check_refused(sample, &sample->claim, "multiple of 7, 11 or 13");
        sample_free(sample);
}

static void test_every_single_multiple_is_seen(void) {
        Sample *sample = sample_new("0", 30 * 1001, 0);
        uint64_t count = sample->claim.count;
        unsigned n_tried = 0;

        for (unsigned n = 1; n < 30 * 1001; n++) {
                uint8_t *byte = sample->bitmap + n / 30, bit;

                if (bitmap_residue_bit[n % 30] == 8 || n <= 13 || (n % 7 != 0 && n % 11 != 0 && n % 13 != 0))
                        continue;
                /* a sample is enough: each costs a whole audit */
                if (n_tried++ % 37 != 0)
                        continue;
                bit = (uint8_t) (1U << bitmap_residue_bit[n % 30]);
                *byte |= bit;
                sample_pack(sample, count + 1);
                check_refused(sample, &sample->claim, "multiple of 7, 11 or 13");
                *byte &= (uint8_t) ~bit;
        }
        CHECK(n_tried > 2000);
        sample_free(sample);
}

static void test_bits_outside_of_the_job_are_refused(void) {
        Sample *sample = sample_new("1000000000039", 50000, 0);

        CHECK(sample->grid.n_blocks == 1);
        sample->bitmap[0] |= 1U << 3; /* 10^12 + 3, if the wheel starts at 10^12 - 10: some number below `from` */
        sample_pack(sample, bitmap_count(sample->bitmap, sample->n_bytes));
        CHECK(check(sample, &sample->claim, NULL) < 0);
        sample_free(sample);
}

int main(void) {
        RUN(test_honest_blocks_pass);
        RUN(test_lies_are_refused);
        RUN(test_noise_is_refused);
        RUN(test_every_single_multiple_is_seen);
        RUN(test_bits_outside_of_the_job_are_refused);
        return tests_end();
}
