/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Honest blocks pass; blocks that are not what they say are refused, each for its own reason. */

#include <errno.h>

#include "audit/claimed.h"

static int check(const Sample *sample, const Claim *claim, Problem *problem) {
        Auditor *auditor = auditor_new();
        int r;

        CHECK(auditor);
        r = auditor_check_shape(auditor, &sample->grid, claim, problem);
        for (unsigned i = 0; i < 20 && r >= 0; i++)
                r = auditor_check_samples(auditor, &sample->grid, claim->sequence, problem);
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
                { "30", 2, 0 },
                { "30", 100, 0 },
                { "49", 3, 0 },
                { "60", 100, 0 },
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

/* All intervals near 0, where the small primes are: wherever the bitmap starts. */
static void test_tiny_honest_blocks_pass(void) {
        for (unsigned from = 0; from < 100; from++)
                for (uint64_t length = 1; length < 70; length += 1 + length / 4) {
                        Problem problem = PROBLEM_NONE;
                        Sample *sample;
                        char word[16];

                        (void) snprintf(word, sizeof word, "%u", from);
                        sample = sample_new(word, length, 0);
                        if (check(sample, &sample->claim, &problem) < 0)
                                printf("# [%u, +%" PRIu64 "): %s\n", from, length, problem.text);
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

/* What the job asked for decides, and the place where it asked for nothing. */
static void test_certainty_is_the_jobs(void) {
        static const struct {
                const char *from;
                Certainty asked, right;
        } cases[] = {
                { "10^12", 0, CERTAINTY_PROVED },
                { "10^12", CERTAINTY_BPSW, CERTAINTY_PROVED },
                { "10^12", CERTAINTY_PROVED, CERTAINTY_PROVED },
                { "2^64", 0, CERTAINTY_BPSW },
                { "2^64", CERTAINTY_BPSW, CERTAINTY_BPSW },
                { "2^64", CERTAINTY_PROVED, CERTAINTY_PROVED },
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                Sample *sample = sample_new(cases[i].from, 1000, 0);
                Problem problem = PROBLEM_NONE;
                Claim claim = sample->claim;

                claim.asked = cases[i].asked;
                for (Certainty certainty = 1; certainty < _CERTAINTY_MAX; certainty++) {
                        claim.certainty = certainty;
                        CHECK_EQUAL(check(sample, &claim, &problem), certainty == cases[i].right ? 0 : -EBADMSG);
                }
                sample_free(sample);
        }
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

        /* another block of the same length: it has another number of candidates, which lie elsewhere */
        claim = sample->claim;
        claim.sequence = 2;
        check_refused(sample, &claim, "does not unpack");
        claim.codec = PACK_RAW;
        claim.packed = sample->bitmap;
        claim.packed_size = sample->n_bytes;
        check_refused(sample, &claim, "multiple of a prime below 32");

        sample->digest[5] ^= 1;
        check_refused(sample, &sample->claim, "digest");
        sample_free(sample);
}

static void test_noise_is_refused(void) {
        Sample *sample = sample_new("10^12", 100000000, 1);

        for (size_t i = 0; i < sample->n_bytes; i++)
                sample->bitmap[i] = (uint8_t) (i * 2654435761U >> 13) & 0x49;
        sample_pack(sample, bitmap_count(sample->bitmap, sample->n_bytes));
        check_refused(sample, &sample->claim, "multiple of a prime below 32");
        sample_free(sample);
}

static void test_every_single_multiple_is_seen(void) {
        static const unsigned primes[] = { 7, 11, 13, 17, 19, 23, 29, 31 };
        Sample *sample = sample_new("0", 30 * 1001, 0);
        uint64_t count = sample->claim.count;
        unsigned n_tried = 0;

        for (unsigned n = 1; n < 30 * 1001; n++) {
                uint8_t *byte = sample->bitmap + n / 30, bit;
                bool is_multiple = n == 1;

                for (size_t i = 0; i < ELEMENTSOF(primes); i++)
                        is_multiple |= n > primes[i] && n % primes[i] == 0;
                if (bitmap_residue_bit[n % 30] == 8 || !is_multiple)
                        continue;
                /* a sample is enough: each costs a whole audit */
                if (n_tried++ % 37 != 0 && n > 100)
                        continue;
                bit = (uint8_t) (1U << bitmap_residue_bit[n % 30]);
                *byte |= bit;
                sample_pack(sample, count + 1);
                check_refused(sample, &sample->claim, "multiple of a prime below 32");
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

static void test_left_out_work_is_refused(void) {
        Sample *sample = sample_new("10^12", 100000000, 1);

        memset(sample->bitmap, 0, sample->n_bytes / 50);
        sample_pack(sample, bitmap_count(sample->bitmap, sample->n_bytes));
        check_refused(sample, &sample->claim, "to be expected");
        sample_free(sample);
}

static bool has_small_factor(uint64_t n) {
        static const unsigned primes[] = { 7, 11, 13, 17, 19, 23, 29, 31 };

        for (size_t i = 0; i < ELEMENTSOF(primes); i++)
                if (n % primes[i] == 0)
                        return true;
        return false;
}

/* As many primes as there should be, none with a small factor; but each fifth of them is another number. */
static void test_lies_of_a_good_shape_are_refused(void) {
        Sample *sample = sample_new("10^12", 100000000, 1);
        uint64_t start, n_owed = 0, n_moved = 0;
        _cleanup_mpz_ mpz_t first;
        GridBlock block;

        mpz_init(first);
        grid_block(&sample->grid, 1, first, &block);
        start = number_get_u64(first);
        for (uint64_t bit = 0; bit < sample->n_bytes * 8; bit++) {
                uint8_t *byte = sample->bitmap + bit / 8, mask = (uint8_t) (1U << bit % 8);

                if (*byte & mask) {
                        if (++n_moved % 5 == 0) {
                                *byte ^= mask;
                                n_owed++;
                        }
                } else if (n_owed > 0 && !has_small_factor(start + bit / 8 * 30 + bitmap_residues[bit % 8])) {
                        *byte ^= mask;
                        n_owed--;
                        bit += 8; /* or the moved primes would be moved again */
                }
        }
        sample_pack(sample, bitmap_count(sample->bitmap, sample->n_bytes));
        check_refused(sample, &sample->claim, "which is");
        sample_free(sample);
}

static void test_the_word_for_what_is_checked(void) {
        Sample *sample = sample_new("10^12", 1000, 0);

        CHECK_STRING(audit_checks(&sample->grid, 0), "shape+sampled");
        sample_free(sample);
        sample = sample_new("2^2100", 60, 0);
        CHECK_STRING(audit_checks(&sample->grid, 0), "shape");
        sample_free(sample);
}

int main(void) {
        RUN(test_honest_blocks_pass);
        RUN(test_tiny_honest_blocks_pass);
        RUN(test_certainty_is_the_jobs);
        RUN(test_lies_are_refused);
        RUN(test_noise_is_refused);
        RUN(test_every_single_multiple_is_seen);
        RUN(test_bits_outside_of_the_job_are_refused);
        RUN(test_left_out_work_is_refused);
        RUN(test_lies_of_a_good_shape_are_refused);
        RUN(test_the_word_for_what_is_checked);
        return tests_end();
}
