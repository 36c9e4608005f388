/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Golomb codes: the very bytes, one encoding for each stream, and nothing beyond the room. */

#include "prime/pack/gaps.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "base/random.h"
#include "prime/number.h"
#include "seed.h"
#include "test.h"

#define STREAM_MAX 64
#define SLACK 8

static void test_parameters(void) {
        static const struct {
                const char *start;
                uint32_t parameter;
        } cases[] = {
                { "0", 1 }, { "1", 1 }, { "10^12", 2 }, { "2^64-1", 3 }, { "2^64", 3 }, { "2^80", 4 }, { "2^128", 6 },
                { "2^256", 12 }, { "2^1024", 49 }, { "2^4096", 198 }, { "2^1048575", 50688 },
        };
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CHECK(number_parse(start, cases[i].start, NULL) >= 0);
                CHECK_EQUAL(gaps_parameter(start), cases[i].parameter);
        }
}

/* Bits as text: the slow way to write, from the definition. Returns the number of bits. */
static size_t naive_write(const uint8_t *stream, unsigned n_bits, uint32_t m, char *ret) {
        unsigned k = 0, zeros = 0;
        uint32_t c;
        size_t n = 0;

        while (1U << k < m)
                k++;
        c = (1U << k) - m;
        for (unsigned i = 0; i < n_bits; i++) {
                uint32_t r = zeros % m;

                if ((stream[i / 8] >> i % 8 & 1) == 0) {
                        zeros++;
                        continue;
                }
                for (uint32_t q = zeros / m; q > 0; q--)
                        ret[n++] = '0';
                ret[n++] = '1';
                zeros = 0;
                if (m == 1)
                        continue;
                if (r < c) {
                        for (unsigned b = 0; b < k - 1; b++)
                                ret[n++] = (char) ('0' + (r >> b & 1));
                } else {
                        r += c;
                        for (unsigned b = 1; b < k; b++)
                                ret[n++] = (char) ('0' + (r >> b & 1));
                        ret[n++] = (char) ('0' + (r & 1));
                }
        }
        return n;
}

static void check_stream(const uint8_t stream[STREAM_MAX + SLACK], unsigned n_bits, uint32_t parameter) {
        char text[8 * STREAM_MAX * 18];
        uint8_t again[STREAM_MAX + SLACK];
        size_t n = naive_write(stream, n_bits, parameter, text), size = gaps_size(stream, n_bits, parameter);
        _cleanup_free_ uint8_t *gaps = malloc(size);

        CHECK(gaps != NULL);
        CHECK_EQUAL(size, n > 0 ? (n + 7) / 8 : 1);
        gaps_write(stream, n_bits, parameter, gaps, size);
        for (size_t i = 0; i < 8 * size; i++)
                CHECK_EQUAL(gaps[i / 8] >> i % 8 & 1, i < n && text[i] == '1');

        memset(again, 0xff, sizeof again);
        CHECK(gaps_read(gaps, size, parameter, again, sizeof again) <= n_bits);
        CHECK(memcmp(stream, again, sizeof again) == 0);
}

static void test_bytes_are_those_of_the_definition(void) {
        static const uint32_t parameters[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 49, 64, 198, 255, 257, 50688 };
        uint8_t stream[STREAM_MAX + SLACK];
        Random random;

        random_init(&random, test_seed());
        for (unsigned round = 0; round < 3000; round++) {
                unsigned n_bits = (unsigned) random_below(&random, 8 * STREAM_MAX) + 1;
                uint64_t one_in = UINT64_C(1) << random_below(&random, 10);

                memset(stream, 0, sizeof stream);
                for (unsigned i = 0; i < n_bits; i++)
                        if (random_below(&random, one_in) == 0)
                                stream[i / 8] |= (uint8_t) (1U << i % 8);
                check_stream(stream, n_bits, parameters[round % ELEMENTSOF(parameters)]);
        }
}

/* The format for ever: distances 0, 3, 17, 40 with m = 6, that is k = 3, c = 2. */
static void test_known_bytes(void) {
        /*
         * 0: 1 00; 3 -> 5: 1 01 1; 17 = 2·6 + 5 -> 7: 00 1 11 1; 40 = 6·6 + 4 -> 6: 000000 1 11 0
         * 1001 0110 | 0111 1000 | 0001 110.
         */
        static const uint8_t expected[] = { 0x69, 0x1e, 0x38 };
        static const unsigned ones[] = { 0, 4, 22, 63 };
        uint8_t stream[STREAM_MAX + SLACK] = {}, gaps[sizeof expected];

        for (size_t i = 0; i < ELEMENTSOF(ones); i++)
                stream[ones[i] / 8] |= (uint8_t) (1U << ones[i] % 8);
        CHECK_EQUAL(gaps_size(stream, 64, 6), sizeof expected);
        gaps_write(stream, 64, 6, gaps, sizeof gaps);
        for (size_t i = 0; i < sizeof gaps; i++)
                CHECK_EQUAL(gaps[i], expected[i]);
        check_stream(stream, 64, 6);
}

/* Every string of up to two bytes, with every small parameter: refused, or exactly what would be written. */
static void test_one_encoding_of_each_stream(void) {
        uint8_t stream[STREAM_MAX + SLACK];
        unsigned n_taken = 0;

        for (uint32_t parameter = 1; parameter <= 20; parameter++)
                for (size_t size = 0; size <= 2; size++)
                        for (unsigned value = 0; value < 1U << 8 * size; value++) {
                                uint8_t two[2], again[2] = {};
                                _cleanup_free_ uint8_t *gaps = malloc(size ?: 1);
                                int64_t n_bits;

                                CHECK(gaps != NULL);
                                put_le16(two, (uint16_t) value);
                                memcpy(gaps, two, size);
                                n_bits = gaps_read(gaps, size, parameter, stream, sizeof stream);
                                CHECK(n_bits >= 0 || n_bits == -EBADMSG);
                                if (n_bits < 0 || n_bits > 8 * STREAM_MAX)
                                        continue;
                                n_taken++;
                                CHECK_EQUAL(gaps_size(stream, (uint64_t) n_bits, parameter), size);
                                gaps_write(stream, (uint64_t) n_bits, parameter, again, size);
                                CHECK(memcmp(again, two, size) == 0);
                        }
        CHECK(n_taken > 20 * 100);
}

static void test_what_is_refused(void) {
        uint8_t stream[2 + 1], gaps[3] = {};

        /* Nothing at all; zeros that fill up nothing; a remainder that is cut off. */
        CHECK_EQUAL(gaps_read(gaps, 0, 6, stream, 2), -EBADMSG);
        CHECK_EQUAL(gaps_read(gaps, 2, 6, stream, 2), -EBADMSG);
        CHECK_EQUAL(gaps_read(gaps, 1, 6, stream, 2), 0);
        gaps[0] = 0x01; /* 100 00000 */
        CHECK_EQUAL(gaps_read(gaps, 1, 6, stream, 2), 1);
        CHECK_EQUAL(gaps_read(gaps, 2, 6, stream, 2), -EBADMSG);
        gaps[0] = 0x80; /* seven zeros, the one, and then? */
        CHECK_EQUAL(gaps_read(gaps, 1, 6, stream, 2), -EBADMSG);

        /* The last bit of the room, and the one behind it. */
        stream[2] = 0xa5;
        gaps[0] = 0x80;
        gaps[1] = 0x80; /* with m = 1: 7 zeros and a one, twice */
        CHECK_EQUAL(gaps_read(gaps, 2, 1, stream, 2), 16);
        CHECK(stream[1] == 0x80 && stream[2] == 0xa5);
        gaps[1] = 0x00;
        gaps[2] = 0x01;
        CHECK_EQUAL(gaps_read(gaps, 3, 1, stream, 2), -EBADMSG);
        CHECK(stream[2] == 0xa5);
}

int main(void) {
        RUN(test_parameters);
        RUN(test_bytes_are_those_of_the_definition);
        RUN(test_known_bytes);
        RUN(test_one_encoding_of_each_stream);
        RUN(test_what_is_refused);
        return tests_end();
}
