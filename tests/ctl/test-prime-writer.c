/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every format, upwards and downwards, in lists of any length, against lines that are made one by one. */

#include "ctl/prime-writer.h"

#include <errno.h>
#include <gmp.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "base/random.h"
#include "prime/number.h"
#include "seed.h"
#include "test.h"

typedef struct Text {
        FILE *stream;
        char *data;
        size_t n;
        int fails; /* what the sink answers, when it is not 0 */
} Text;

static void text_open(Text *text) {
        *text = (Text) {};
        text->stream = open_memstream(&text->data, &text->n);
        CHECK(text->stream != NULL);
}

static void text_done(Text *text) {
        (void) fclose(text->stream);
        free(text->data);
}

static int take(const char *data, size_t size, void *userdata) {
        Text *text = userdata;

        if (text->fails < 0)
                return text->fails;
        CHECK(fwrite(data, 1, size, text->stream) == size);
        return 0;
}

/* As slow and plain as it can be. `last` is negative before the first one. */
static void expect(Text *text, PrimeFormat format, uint64_t rank, const mpz_t prime, const mpz_t last) {
        _cleanup_free_ char *digits = number_format(prime), *difference = NULL;
        _cleanup_mpz_ mpz_t gap;
        uint8_t bytes[8];

        mpz_init(gap);
        CHECK(digits != NULL);
        switch (format) {
        case PRIME_FORMAT_TEXT:
                CHECK(fprintf(text->stream, "%s\n", digits) > 0);
                break;
        case PRIME_FORMAT_CSV:
                CHECK(fprintf(text->stream, "%" PRIu64 ",%s\n", rank, digits) > 0);
                break;
        case PRIME_FORMAT_JSON:
                CHECK(fprintf(text->stream, "{\"n\":\"%" PRIu64 "\",\"prime\":\"%s\"}\n", rank, digits) > 0);
                break;
        case PRIME_FORMAT_U64LE:
                put_le64(bytes, number_get_u64(prime));
                CHECK(fwrite(bytes, 1, 8, text->stream) == 8);
                break;
        case PRIME_FORMAT_GAPS:
                mpz_sub(gap, prime, last);
                mpz_abs(gap, gap);
                difference = number_format(gap);
                CHECK(difference && fprintf(text->stream, "%s\n", mpz_sgn(last) < 0 ? digits : difference) > 0);
                break;
        default:
                CHECK(fprintf(text->stream, "%" PRIu64 " %s\n", rank, digits) > 0);
                break;
        }
}

/*
 * Blocks of `length` numbers from `from` on (downwards: the other way round), with lists of random numbers; the odds
 * for a number are 1 in `thinness`, and some blocks are empty.
 */
static void check(PrimeFormat format, const mpz_t from, uint64_t length, unsigned n_blocks, uint64_t thinness,
                  uint64_t rank, bool reverse, Random *random) {
        _cleanup_(prime_writer_freep) PrimeWriter *writer = NULL;
        _cleanup_mpz_ mpz_t start, prime, last;
        Text found, expected;

        mpz_init(start);
        mpz_init(prime);
        mpz_init_set_si(last, -1);
        text_open(&found);
        text_open(&expected);
        CHECK(prime_writer_new(format, take, &found, &writer) == 0);
        CHECK(prime_writer_begin(writer, rank, reverse) == 0);
        if (format == PRIME_FORMAT_CSV)
                CHECK(fputs("n,prime\n", expected.stream) >= 0);
        for (unsigned i = 0; i < n_blocks; i++) {
                uint32_t offsets[4096];
                uint64_t offset = random_below(random, 2 * thinness);
                size_t n = 0;

                mpz_set_ui(start, (unsigned long) length);
                mpz_mul_ui(start, start, reverse ? n_blocks - 1 - i : i);
                mpz_add(start, start, from);
                for (; n < ELEMENTSOF(offsets) && offset < length; offset += 1 + random_below(random, 2 * thinness))
                        offsets[n++] = (uint32_t) (reverse ? length - 1 - offset : offset);
                if (random_below(random, 8) == 0)
                        n = 0;
                for (size_t k = 0; k < n; k++) {
                        number_add_u64(prime, start, offsets[k]);
                        expect(&expected, format, rank, prime, last);
                        mpz_set(last, prime);
                        rank += reverse ? UINT64_MAX : 1;
                }
                for (size_t done = 0, now; done < n; done += now) {
                        now = 1 + (size_t) random_below(random, n - done);
                        CHECK(prime_writer_put(writer, start, offsets + done, now) == 0);
                }
                if (random_below(random, 4) == 0)
                        CHECK(prime_writer_flush(writer) == 0);
        }
        CHECK(prime_writer_flush(writer) == 0);
        CHECK(fflush(found.stream) == 0 && fflush(expected.stream) == 0);
        CHECK_EQUAL(found.n, expected.n);
        CHECK(memcmp(found.data, expected.data, found.n) == 0);
        text_done(&found);
        text_done(&expected);
}

static void check_all(const char *from_word, uint64_t length, unsigned n_blocks, uint64_t thinness, Random *random) {
        _cleanup_mpz_ mpz_t from;

        mpz_init(from);
        CHECK(number_parse(from, from_word, NULL) == 0);
        for (PrimeFormat format = 0; format < _PRIME_FORMAT_MAX; format++)
                for (unsigned reverse = 0; reverse < 2; reverse++) {
                        if (format == PRIME_FORMAT_U64LE && mpz_sizeinbase(from, 2) > 63)
                                continue;
                        check(format, from, length, n_blocks, thinness, reverse ? 1000000 : 1, reverse != 0, random);
                }
}

static void test_small_integers(void) {
        Random random;

        random_init(&random, test_seed());
        check_all("0", 30, 40, 5, &random);
        check_all("0", 30000, 10, 7, &random);
        check_all("0", 30 << 20, 4, 10000, &random); /* four digits more within a list */
        check_all("9990", 30, 3, 4, &random);
}

static void test_every_number_of_digits(void) {
        char word[16];
        Random random;

        random_init(&random, test_seed());
        for (unsigned digits = 1; digits < 80; digits++) {
                (void) snprintf(word, sizeof word, "10^%u-60", digits + 1);
                check_all(word, 30, 8, 3, &random);
                (void) snprintf(word, sizeof word, "10^%u", digits);
                check_all(word, 30 << 10, 3, 50, &random);
        }
}

static void test_crossing_two_to_the_64(void) {
        Random random;

        random_init(&random, test_seed());
        check_all("2^64-900", 300, 8, 9, &random);
}

/* Lines that are longer than the buffer, too. */
static void test_huge_integers(void) {
        Random random;

        random_init(&random, test_seed());
        check_all("10^3000", 3000, 5, 40, &random);
        check_all("10^280000-3000", 3000, 3, 2000, &random);
}

static void test_ranks_of_all_sizes(void) {
        _cleanup_mpz_ mpz_t from;
        Random random;

        random_init(&random, test_seed());
        mpz_init_set_ui(from, 1000000000);
        for (uint64_t rank = 1; rank < UINT64_MAX / 20; rank *= 10)
                for (unsigned reverse = 0; reverse < 2; reverse++) {
                        check(PRIME_FORMAT_CSV, from, 3000, 2, 10, rank + 1500, reverse != 0, &random);
                        check(PRIME_FORMAT_BFILE, from, 3000, 2, 10, rank + 8500, reverse != 0, &random);
                }
}

static void test_eight_bytes_are_not_enough(void) {
        _cleanup_(prime_writer_freep) PrimeWriter *writer = NULL;
        const uint32_t offsets[] = { 15, 16 };
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t start;
        Text text;

        mpz_init(start);
        text_open(&text);
        CHECK(prime_writer_new(PRIME_FORMAT_U64LE, take, &text, &writer) == 0);
        CHECK(prime_writer_begin(writer, 1, false) == 0);
        CHECK(number_parse(start, "2^64-16", NULL) == 0);
        CHECK(prime_writer_put(writer, start, offsets, 2) == -ERANGE);
        CHECK(prime_writer_put(writer, start, offsets, 1) == 0);
        CHECK(prime_writer_flush(writer) == 0 && fflush(text.stream) == 0);
        CHECK(text.n == 8 && memcmp(text.data, "\377\377\377\377\377\377\377\377", 8) == 0);

        mpz_add_ui(start, start, 16);
        CHECK(prime_format_check(PRIME_FORMAT_U64LE, start, &problem) == 0);
        mpz_add_ui(start, start, 1);
        CHECK(prime_format_check(PRIME_FORMAT_TEXT, start, &problem) == 0);
        CHECK(prime_format_check(PRIME_FORMAT_U64LE, start, &problem) == -ERANGE);
        CHECK(strstr(problem.text, "2^64") != NULL);
        text_done(&text);
}

static void test_errors_of_the_sink(void) {
        _cleanup_(prime_writer_freep) PrimeWriter *writer = NULL;
        _cleanup_mpz_ mpz_t start;
        uint32_t offsets[4096];
        Text text;
        int r = 0;

        mpz_init(start);
        text_open(&text);
        text.fails = -ENOSPC;
        for (uint32_t i = 0; i < ELEMENTSOF(offsets); i++)
                offsets[i] = i;
        CHECK(prime_writer_new(PRIME_FORMAT_JSON, take, &text, &writer) == 0);
        CHECK(prime_writer_begin(writer, 1, false) == 0);
        for (unsigned i = 0; r == 0 && i < 1000; i++) {
                mpz_set_ui(start, i * 4096);
                r = prime_writer_put(writer, start, offsets, ELEMENTSOF(offsets));
        }
        CHECK_EQUAL(r, -ENOSPC);
        text_done(&text);
}

static void test_names(void) {
        PrimeFormat format;

        for (PrimeFormat i = 0; i < _PRIME_FORMAT_MAX; i++) {
                CHECK(prime_format_parse(prime_format_name(i), &format) == 0);
                CHECK_EQUAL(format, i);
                CHECK(strstr(PRIME_FORMAT_NAMES, prime_format_name(i)) != NULL);
                CHECK(strlen(prime_format_suffix(i)) > 2);
        }
        CHECK(prime_format_parse("", &format) == -EINVAL);
        CHECK(prime_format_parse("Text", &format) == -EINVAL);
}

int main(void) {
        RUN(test_small_integers);
        RUN(test_every_number_of_digits);
        RUN(test_crossing_two_to_the_64);
        RUN(test_huge_integers);
        RUN(test_ranks_of_all_sizes);
        RUN(test_eight_bytes_are_not_enough);
        RUN(test_errors_of_the_sink);
        RUN(test_names);
        return tests_end();
}
