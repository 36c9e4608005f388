/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Samples find who guesses, sometimes who errs, and never accuse the honest. */

#include "audit/sample.h"

#include "audit/claimed.h"
#include "base/random.h"
#include "seed.h"

static Random testing;

static bool passes(Sampler *sampler, const Sample *sample, Problem *problem) {
        _cleanup_mpz_ mpz_t start;
        GridBlock block;

        mpz_init(start);
        grid_block(&sample->grid, sample->claim.sequence, start, &block);
        return sampler_check(sampler, start, &block, sample->bitmap, NULL, NULL, problem) >= 0;
}

static void test_the_honest_are_never_accused(void) {
        static const char *const places[] = { "0", "30", "10^6", "10^9", "10^12", "10^15", "2^64-30000", "2^64",
                                              "2^70", "2^128", "2^200", "2^500", "2^1000", "2^2000", "2^2100" };
        Sampler sampler;

        CHECK(sampler_init(&sampler) >= 0);
        for (unsigned i = 0; i < 2 * ELEMENTSOF(places); i++) {
                size_t size = i % ELEMENTSOF(places);
                const char *place = places[size];
                uint64_t length = 1 + random_below(&testing, size > 12 ? 100 : size > 9 ? 1000 : 100000);
                Problem problem = PROBLEM_NONE;
                Sample *sample;
                char from[64];

                (void) snprintf(from, sizeof from, "%s+%" PRIu64, place, random_below(&testing, 10000));
                sample = sample_new(from, length, 0);
                for (unsigned k = 0; k < (size > 11 ? 2 : 20); k++)
                        if (!passes(&sampler, sample, &problem)) {
                                printf("# %s, %" PRIu64 " numbers: %s\n", from, length, problem.text);
                                CHECK(!"an honest block is accused");
                        }
                sample_free(sample);
        }
        sampler_done(&sampler);
}

static void test_whole_blocks_of_the_honest(void) {
        static const char *const places[] = { "0", "10^12", "10^15", "2^64+30", "2^80" };
        Sampler sampler;

        CHECK(sampler_init(&sampler) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                Sample *sample = sample_new(places[i], i < 3 ? GRID_BLOCK_LENGTH_MAX * 2 : 300000, 0);

                for (unsigned k = 0; k < 200; k++)
                        CHECK(passes(&sampler, sample, NULL));
                sample_free(sample);
        }
        sampler_done(&sampler);
}

/* Turns `part` of the bits that are `set` around, but leaves those alone that the shape covers anyway. */
static unsigned flip(Sample *sample, bool set, double part) {
        _cleanup_mpz_ mpz_t start;
        GridBlock block;
        unsigned n = 0;

        mpz_init(start);
        grid_block(&sample->grid, sample->claim.sequence, start, &block);
        for (uint64_t bit = 0; bit < sample->n_bytes * 8; bit++) {
                uint8_t *byte = sample->bitmap + bit / 8, mask = (uint8_t) (1U << bit % 8);
                uint64_t offset = bit / 8 * 30 + bitmap_residues[bit % 8];

                if (offset < block.low || offset >= block.high || ((*byte & mask) != 0) != set ||
                    random_unit(&testing) >= part)
                        continue;
                *byte ^= mask;
                n++;
        }
        return n;
}

/* Of the numbers that a block calls prime, `wrong` in a hundred are composite. */
static void add_false_primes(Sample *sample, double wrong) {
        uint64_t n_primes = bitmap_count(sample->bitmap, sample->n_bytes), n_bits = sample->n_bytes * 8;

        (void) flip(sample, false, (double) n_primes * wrong / (1 - wrong) / (double) (n_bits - n_primes));
}

typedef void (*Lie)(Sample *sample, double part);

static unsigned count_caught(const char *from, uint64_t length, Lie lie, double part, unsigned n_tries) {
        Sample *sample = sample_new(from, length, 0);
        _cleanup_free_ uint8_t *honest = malloc(sample->n_bytes);
        unsigned n_caught = 0;
        Sampler sampler;

        CHECK(honest && sampler_init(&sampler) >= 0);
        memcpy(honest, sample->bitmap, sample->n_bytes);
        for (unsigned i = 0; i < n_tries; i++) {
                if (i % 100 == 0) {
                        memcpy(sample->bitmap, honest, sample->n_bytes);
                        lie(sample, part);
                }
                n_caught += !passes(&sampler, sample, NULL);
        }
        sampler_done(&sampler);
        sample_free(sample);
        return n_caught;
}

static void clear_primes(Sample *sample, double part) {
        /* so many that `part` of the numbers that are called composite are prime */
        uint64_t n_primes = bitmap_count(sample->bitmap, sample->n_bytes), n_bits = sample->n_bytes * 8;

        (void) flip(sample, true, (double) (n_bits - n_primes) * part / (1 - part) / (double) n_primes);
}

/* 1 - 0.93^64 = 99.04 %: of 4,000 tries 3,962 on the average, give or take 6. */
static void test_seven_in_a_hundred_are_caught(void) {
        static const char *const places[] = { "10^12", "10^15", "10^17", "2^90" };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                unsigned n_false = count_caught(places[i], 600000, add_false_primes, 0.07, 4000);
                /* far out there are not so many primes */
                unsigned n_missed = i == 3 ? 4000 : count_caught(places[i], 600000, clear_primes, 0.07, 4000);

                printf("# %s: %u of 4000 with false primes, %u of 4000 without some true ones\n", places[i], n_false,
                       n_missed);
                CHECK(n_false >= 3930 && n_missed >= 3930);
        }
}

static void flip_one(Sample *sample, double part) {
        uint64_t bit;

        (void) part;
        do
                bit = random_below(&testing, sample->n_bytes * 8);
        while (bit < 8 || (sample->n_bytes * 8 - bit) < 8);
        sample->bitmap[bit / 8] ^= (uint8_t) (1U << bit % 8);
}

/* In 1,000 bytes, one of about 800 primes or 7,200 composites: with 64 samples, about one time in a hundred. */
static void test_a_single_bit_is_sometimes_caught(void) {
        unsigned n = count_caught("10^15", 30000, flip_one, 0, 20000);

        printf("# %u of 20000\n", n);
        CHECK(n > 50 && n < 2000);
}

/* In a block so short that all of it is tested, each single bit is caught, and the sentence names its number. */
static void test_the_sentence_names_the_number(void) {
        Sample *sample = sample_new("10^15", 200, 0);
        _cleanup_mpz_ mpz_t start, number;
        GridBlock block;
        Sampler sampler;

        mpz_inits(start, number, NULL);
        CHECK(sampler_init(&sampler) >= 0 && sample->n_bytes * 8 <= 64);
        grid_block(&sample->grid, 0, start, &block);
        for (unsigned bit = 8; bit < sample->n_bytes * 8 - 8; bit++) {
                _cleanup_free_ char *text = NULL;
                Problem problem = PROBLEM_NONE;

                sample->bitmap[bit / 8] ^= (uint8_t) (1U << bit % 8);
                CHECK(!passes(&sampler, sample, &problem));
                sample->bitmap[bit / 8] ^= (uint8_t) (1U << bit % 8);
                number_add_u64(number, start, bit / 8 * 30 + bitmap_residues[bit % 8]);
                text = number_format(number);
                CHECK(text && strstr(problem.text, text));
        }
        sampler_done(&sampler);
        sample_free(sample);
}

/* No two samplers draw the same, or a worker could know beforehand. */
static void test_samplers_differ(void) {
        Sampler a, b;

        CHECK(sampler_init(&a) >= 0 && sampler_init(&b) >= 0);
        CHECK(memcmp(a.random.state, b.random.state, sizeof a.random.state) != 0);
        sampler_done(&a);
        sampler_done(&b);
}

static void test_the_budget_falls_with_the_size(void) {
        CHECK_EQUAL(sampler_budget(50), 64);
        for (size_t bits = 1; bits < 5000; bits++)
                CHECK(sampler_budget(bits) >= sampler_budget(bits + 1));
        CHECK(sampler_budget(SAMPLE_BITS_MAX) > 0);
        CHECK_EQUAL(sampler_budget(SAMPLE_BITS_MAX + 1), 0);
}

int main(void) {
        random_init(&testing, test_seed());
        RUN(test_the_honest_are_never_accused);
        RUN(test_whole_blocks_of_the_honest);
        RUN(test_seven_in_a_hundred_are_caught);
        RUN(test_a_single_bit_is_sometimes_caught);
        RUN(test_the_sentence_names_the_number);
        RUN(test_samplers_differ);
        RUN(test_the_budget_falls_with_the_size);
        return tests_end();
}
