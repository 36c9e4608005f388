/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checksums against published vectors, and the ways of calling them against each other. */

#include "base/checksum.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "test.h"

static const char *sha256_text(const uint8_t digest[static SHA256_SIZE]) {
        static char text[2 * SHA256_SIZE + 1];

        return text_hex(digest, SHA256_SIZE, text);
}

/* FIPS 180-2, appendix B, and the empty message. */
static void test_sha256_known_answers(void) {
        uint8_t digest[SHA256_SIZE];

        checksum_sha256("", 0, digest);
        CHECK_STRING(sha256_text(digest), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        checksum_sha256("abc", 3, digest);
        CHECK_STRING(sha256_text(digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        checksum_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest);
        CHECK_STRING(sha256_text(digest), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_sha256_pair_is_concatenation(void) {
        static const char message[] = "two stretches, one behind the other";
        uint8_t whole[SHA256_SIZE], pair[SHA256_SIZE];

        checksum_sha256(message, sizeof message, whole);
        for (size_t cut = 0; cut <= sizeof message; cut++) {
                checksum_sha256_pair(message, cut, message + cut, sizeof message - cut, pair);
                CHECK(memcmp(whole, pair, SHA256_SIZE) == 0);
        }
}

static void test_sha256_in_pieces_is_concatenation(void) {
        static const char message[] = "any number of pieces of any size, also none";
        uint8_t whole[SHA256_SIZE], pieces[SHA256_SIZE];
        Sha256 *sha256 = sha256_new();

        CHECK(sha256 != NULL);
        checksum_sha256(message, sizeof message, whole);
        for (size_t step = 1; step <= sizeof message; step++) {
                for (size_t at = 0; at < sizeof message; at += step) {
                        sha256_update(sha256, message + at, sizeof message - at < step ? sizeof message - at : step);
                        sha256_update(sha256, message, 0);
                }
                /* finish makes ready for the next round of this loop */
                sha256_finish(sha256, pieces);
                CHECK(memcmp(whole, pieces, SHA256_SIZE) == 0);
        }
        CHECK(sha256_free(sha256) == NULL);
        CHECK(sha256_free(NULL) == NULL);
}

/* From the specification of xxHash: XXH3-64 of nothing with seed 0. */
static void test_xxh3_known_answer(void) {
        CHECK(checksum_xxh3("", 0) == UINT64_C(0x2d06800538d394c2));
}

static void test_xxh3_finds_each_flipped_bit(void) {
        uint8_t data[300];
        uint64_t sum;

        for (size_t i = 0; i < sizeof data; i++)
                data[i] = (uint8_t) (i * 7);
        sum = checksum_xxh3(data, sizeof data);
        for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
                data[bit / 8] ^= (uint8_t) (1 << bit % 8);
                CHECK(checksum_xxh3(data, sizeof data) != sum);
                data[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
        CHECK(checksum_xxh3(data, sizeof data) == sum);
        CHECK(checksum_xxh3(data, sizeof data - 1) != sum);
}

int main(void) {
        RUN(test_sha256_known_answers);
        RUN(test_sha256_pair_is_concatenation);
        RUN(test_sha256_in_pieces_is_concatenation);
        RUN(test_xxh3_known_answer);
        RUN(test_xxh3_finds_each_flipped_bit);
        return tests_end();
}
