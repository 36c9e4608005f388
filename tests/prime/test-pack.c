/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Packing: what goes in comes out, in the same bytes each time and for ever, small, and nothing else is taken for a
 * packed block.
 */

#include "prime/pack.h"

#include <errno.h>

#include "base/checksum.h"
#include "base/macro.h"
#include "base/random.h"
#include "prime/bitmap.h"
#include "prime/naive.h"
#include "prime/sieve/run.h"
#include "seed.h"
#include "test.h"

#define GUARD 0xa5

typedef struct Packed {
        uint8_t *bytes;
        size_t size;
        PackCodec codec;
} Packed;

static void packed_done(Packed *packed) {
        free(packed->bytes);
}

#define _cleanup_packed_ _cleanup_(packed_done)

/* The last multiple of 30 up to the number in words. */
static void set_start(mpz_t start, const char *word) {
        CHECK(number_parse(start, word, NULL) >= 0);
        mpz_fdiv_q_ui(start, start, 30);
        mpz_mul_ui(start, start, 30);
}

static Packed pack(Packer *packer, const mpz_t start, const uint8_t *bitmap, size_t n_bytes) {
        size_t bound = pack_bound(n_bytes);
        Packed packed = { .bytes = malloc(bound + 1) };

        CHECK(packed.bytes != NULL);
        packed.bytes[bound] = GUARD;
        CHECK_EQUAL(pack_bitmap(packer, start, bitmap, n_bytes, packed.bytes, bound, &packed.codec, &packed.size), 0);
        CHECK(packed.size <= bound && packed.bytes[bound] == GUARD);
        CHECK((packed.size == n_bytes) == (packed.codec == PACK_RAW));
        return packed;
}

/* Unpacks into a room of exactly n_bytes with a guard behind it. */
static int unpack(Packer *packer, PackCodec codec, const mpz_t start, const uint8_t *bytes, size_t size,
                  uint8_t *room, size_t n_bytes) {
        int r;

        room[n_bytes] = GUARD;
        r = pack_unpack(packer, codec, start, bytes, size, room, n_bytes);
        CHECK(room[n_bytes] == GUARD);
        CHECK(r == 0 || r == -EBADMSG);
        return r;
}

static PackCodec check_round_trip(Packer *packer, const mpz_t start, const uint8_t *bitmap, size_t n_bytes) {
        _cleanup_packed_ Packed packed = pack(packer, start, bitmap, n_bytes);
        _cleanup_free_ uint8_t *room = malloc(n_bytes + 1);

        CHECK(room != NULL);
        CHECK_EQUAL(unpack(packer, packed.codec, start, packed.bytes, packed.size, room, n_bytes), 0);
        CHECK(n_bytes == 0 || memcmp(room, bitmap, n_bytes) == 0);
        return packed.codec;
}

static void sieve(const mpz_t start, uint8_t *bitmap, size_t n_bytes) {
        _cleanup_(sieve_run_freep) SieveRun *run = NULL;
        _cleanup_mpz_ mpz_t stop;
        Certainty certainty;

        mpz_init(stop);
        number_add_u64(stop, start, n_bytes * 30);
        CHECK_EQUAL(sieve_run_new(start, stop, &(SieveEnvironment) {}, &run), 0);
        CHECK_EQUAL(sieve_run_next(run, n_bytes * 30, bitmap, &certainty), 0);
}

/* Blocks of primes for each codec that has some. */
typedef struct Case {
        const char *start;
        size_t n_bytes;
        PackCodec codec;
} Case;

static const Case cases[] = {
        { "0", 1, PACK_RAW },
        { "0", 8, PACK_CANDIDATES },
        { "0", 3000, PACK_CANDIDATES_ZSTD },
        { "10^9", 3000, PACK_CANDIDATES },
        { "10^12", 1, PACK_RAW },
        { "10^12", 20000, PACK_CANDIDATES_ZSTD },
        { "10^18", 6000, PACK_GAPS },
        { "2^65", 3000, PACK_GAPS },
        { "2^128", 600, PACK_GAPS },
        { "2^512", 64, PACK_GAPS },
};

static void test_primes_of_all_sizes(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t bitmap[20000];
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                set_start(start, cases[i].start);
                sieve(start, bitmap, cases[i].n_bytes);
                CHECK_EQUAL(check_round_trip(packer, start, bitmap, cases[i].n_bytes), cases[i].codec);
                for (size_t n = 1; n <= MIN(cases[i].n_bytes, (size_t) 600); n += 1 + n / 50)
                        (void) check_round_trip(packer, start, bitmap, n);
        }
}

/* The goals: bytes per prime of a whole block. */
static void test_blocks_are_small(void) {
        static const struct {
                const char *start;
                double bytes_per_prime;
        } goals[] = { { "10^9", 0.27 }, { "10^12", 0.34 }, { "10^15", 0.385 }, { "10^18", 0.43 } };
        _cleanup_(packer_freep) Packer *packer = packer_new();
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        _cleanup_mpz_ mpz_t start;

        CHECK(packer && bitmap);
        mpz_init(start);
        for (size_t i = 0; i < ELEMENTSOF(goals); i++) {
                _cleanup_packed_ Packed packed = {};

                set_start(start, goals[i].start);
                sieve(start, bitmap, GRID_BLOCK_BYTES_MAX);
                packed = pack(packer, start, bitmap, GRID_BLOCK_BYTES_MAX);
                CHECK((double) packed.size <=
                      goals[i].bytes_per_prime * (double) bitmap_count(bitmap, GRID_BLOCK_BYTES_MAX));
                (void) check_round_trip(packer, start, bitmap, GRID_BLOCK_BYTES_MAX);
        }
}

static void test_bitmaps_that_are_none_of_primes(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        _cleanup_mpz_ mpz_t start;
        Random random;

        CHECK(packer && bitmap);
        mpz_init(start);
        set_start(start, "10^12");
        CHECK_EQUAL(check_round_trip(packer, start, NULL, 0), PACK_RAW);

        memset(bitmap, 0, GRID_BLOCK_BYTES_MAX);
        CHECK_EQUAL(check_round_trip(packer, start, bitmap, GRID_BLOCK_BYTES_MAX), PACK_CANDIDATES_ZSTD);
        CHECK_EQUAL(check_round_trip(packer, start, bitmap, 3000), PACK_GAPS);
        CHECK_EQUAL(check_round_trip(packer, start, bitmap, 1), PACK_RAW);
        memset(bitmap, 0xff, GRID_BLOCK_BYTES_MAX);
        CHECK_EQUAL(check_round_trip(packer, start, bitmap, GRID_BLOCK_BYTES_MAX), PACK_ZSTD);

        random_init(&random, test_seed());
        for (size_t i = 0; i < GRID_BLOCK_BYTES_MAX; i++)
                bitmap[i] = (uint8_t) random_u64(&random);
        CHECK_EQUAL(check_round_trip(packer, start, bitmap, GRID_BLOCK_BYTES_MAX), PACK_RAW);
        for (size_t n = 1; n < 3000; n += 97)
                (void) check_round_trip(packer, start, bitmap, n);
}

/* One bit too many on a dropped position, anywhere, and the bitmap still comes back. */
static void test_one_composite(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t bitmap[2000];
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        set_start(start, "0");
        sieve(start, bitmap, sizeof bitmap);
        for (unsigned square = 7; square * square < sizeof bitmap * 30; square += 30) {
                unsigned byte = square * square / 30;

                bitmap[byte] |= (uint8_t) (1U << bitmap_residue_bit[square * square % 30]);
                CHECK(check_round_trip(packer, start, bitmap, sizeof bitmap) <= PACK_ZSTD);
                bitmap[byte] &= (uint8_t) ~(1U << bitmap_residue_bit[square * square % 30]);
        }
}

/* The same bitmap packs into the same bytes with a new packer and with one that has packed other things. */
static void test_packing_is_reproducible(void) {
        _cleanup_(packer_freep) Packer *used = packer_new();
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        _cleanup_mpz_ mpz_t start, zero;

        CHECK(used && bitmap);
        mpz_inits(start, zero, NULL);
        set_start(start, "10^12");
        sieve(start, bitmap, GRID_BLOCK_BYTES_MAX);
        for (size_t n = GRID_BLOCK_BYTES_MAX; n > 0; n = n * 2 / 3) {
                _cleanup_(packer_freep) Packer *new = packer_new();
                _cleanup_packed_ Packed a = {}, b = {}, c = {};

                CHECK(new != NULL);
                a = pack(new, start, bitmap, n);
                b = pack(used, start, bitmap, n);
                (void) check_round_trip(used, zero, bitmap, n); /* with a wrong start: another codec's turn */
                c = pack(used, start, bitmap, n);
                CHECK(a.codec == b.codec && a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0);
                CHECK(a.codec == c.codec && a.size == c.size && memcmp(a.bytes, c.bytes, a.size) == 0);
        }
}

/*
 * Stores are kept: these bytes are what the definitions give, computed apart from this code. (What libzstd writes may
 * change with its version; that it can be read for ever is its own promise.)
 */
static void test_known_bytes(void) {
        static const struct {
                const char *start;
                size_t n_bytes;
                PackCodec codec;
                size_t size;
                const char *digest;
        } known[] = {
                { "10^9", 3000, PACK_CANDIDATES, 1127,
                  "8822eb00c14c7f496893b02ce0293248bf8123b5de1da3b50d7bb3f8dabd1a35" },
                { "2^128", 2000, PACK_GAPS, 383, "d00adb61329fc15be949f85fc149f8121ece84726b513be5612f36c7b571ea73" },
                { "2^1024", 512, PACK_GAPS, 22, "a81c96b8c8d598060d2fb7ac493b5e0929bfe56c2a374ed94defb0613e6f4b6b" },
        };
        static const uint8_t first[] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03 }; /* not 1; 49 primes below 240 */
        _cleanup_(packer_freep) Packer *packer = packer_new();
        _cleanup_packed_ Packed packed = {};
        uint8_t bitmap[3000];
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        sieve(start, bitmap, 8);
        packed = pack(packer, start, bitmap, 8);
        CHECK_EQUAL(packed.codec, PACK_CANDIDATES);
        CHECK(packed.size == sizeof first && memcmp(packed.bytes, first, sizeof first) == 0);

        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                _cleanup_packed_ Packed other = {};
                char text[2 * SHA256_SIZE + 1];
                uint8_t digest[SHA256_SIZE];

                set_start(start, known[i].start);
                sieve(start, bitmap, known[i].n_bytes);
                other = pack(packer, start, bitmap, known[i].n_bytes);
                CHECK_EQUAL(other.codec, known[i].codec);
                CHECK_EQUAL(other.size, known[i].size);
                checksum_sha256(other.bytes, other.size, digest);
                for (size_t k = 0; k < SHA256_SIZE; k++)
                        (void) snprintf(text + 2 * k, 3, "%02x", digest[k]);
                CHECK_STRING(text, known[i].digest);
        }
}

static void test_every_truncation_is_refused(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t bitmap[20000], room[sizeof bitmap + 1];
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t n_bytes = cases[i].n_bytes, step;
                _cleanup_packed_ Packed packed = {};

                set_start(start, cases[i].start);
                sieve(start, bitmap, n_bytes);
                packed = pack(packer, start, bitmap, n_bytes);
                step = 1 + packed.size / 1000;
                for (size_t size = packed.size - 1; size < packed.size; size -= step) {
                        _cleanup_free_ uint8_t *cut = malloc(size ?: 1); /* so that a read behind it is noticed */
                        int r;

                        CHECK(cut != NULL);
                        memcpy(cut, packed.bytes, size);
                        r = unpack(packer, packed.codec, start, cut, size, room, n_bytes);
                        /* Distances may end early: then the last primes are missing, and the digest tells. */
                        CHECK(r == -EBADMSG || (packed.codec == PACK_GAPS && memcmp(room, bitmap, n_bytes) != 0));
                        CHECK_EQUAL(unpack(packer, PACK_RAW, start, cut, size, room, n_bytes), -EBADMSG);
                }
                /* The packer is not spoilt by what it refused. */
                CHECK_EQUAL(unpack(packer, packed.codec, start, packed.bytes, packed.size, room, n_bytes), 0);
                CHECK(memcmp(room, bitmap, n_bytes) == 0);
        }
}

/*
 * A flipped bit is refused or gives another bitmap of the right size: the digest over it finds out. (But for zstd,
 * which may write one thing in two ways.) A byte more or another start is no different.
 */
static void test_every_flip_is_bounded(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t bitmap[20000], room[sizeof bitmap + 1];
        _cleanup_mpz_ mpz_t start, other;

        mpz_inits(start, other, NULL);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t n_bytes = cases[i].n_bytes, step;
                _cleanup_packed_ Packed packed = {};

                set_start(start, cases[i].start);
                sieve(start, bitmap, n_bytes);
                packed = pack(packer, start, bitmap, n_bytes);
                step = 1 + packed.size / 1000;
                for (size_t k = 0; k < packed.size; k += step)
                        for (unsigned bit = 0; bit < 8; bit++) {
                                packed.bytes[k] ^= (uint8_t) (1U << bit);
                                if (unpack(packer, packed.codec, start, packed.bytes, packed.size, room, n_bytes) == 0)
                                        CHECK(packed.codec == PACK_CANDIDATES_ZSTD ||
                                              memcmp(room, bitmap, n_bytes) != 0);
                                packed.bytes[k] ^= (uint8_t) (1U << bit);
                        }

                for (unsigned k = 1; k < 20; k++) {
                        number_add_u64(other, start, 30 * k);
                        (void) unpack(packer, packed.codec, other, packed.bytes, packed.size, room, n_bytes);
                }
                packed.bytes[packed.size] = 0; /* the guard's place */
                CHECK_EQUAL(unpack(packer, packed.codec, start, packed.bytes, packed.size + 1, room, n_bytes),
                            -EBADMSG);
        }
}

static void test_other_sizes_are_refused(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t bitmap[20000], room[sizeof bitmap + 100];
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t n_bytes = cases[i].n_bytes;
                _cleanup_packed_ Packed packed = {};

                set_start(start, cases[i].start);
                sieve(start, bitmap, n_bytes);
                packed = pack(packer, start, bitmap, n_bytes);
                /* Distances do not say where the last one ends, so only the other codecs know. */
                if (packed.codec == PACK_GAPS)
                        continue;
                CHECK_EQUAL(unpack(packer, packed.codec, start, packed.bytes, packed.size, room, n_bytes - 1),
                            -EBADMSG);
                CHECK_EQUAL(unpack(packer, packed.codec, start, packed.bytes, packed.size, room, n_bytes + 99),
                            -EBADMSG);
                CHECK_EQUAL(unpack(packer, PACK_RAW, start, bitmap, n_bytes, room, n_bytes + 1), -EBADMSG);
        }
}

/* Nothing takes as many bytes as the bitmap itself, or none. */
static void test_useless_packing_is_refused(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t zeros[100] = {}, room[sizeof zeros + 1];
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        set_start(start, "10^12");
        for (PackCodec codec = PACK_ZSTD; codec < _PACK_CODEC_MAX; codec++) {
                CHECK_EQUAL(unpack(packer, codec, start, zeros, 0, room, 0), -EBADMSG);
                CHECK_EQUAL(unpack(packer, codec, start, zeros, 0, room, 50), -EBADMSG);
                CHECK_EQUAL(unpack(packer, codec, start, zeros, 1, room, 0), -EBADMSG);
                CHECK_EQUAL(unpack(packer, codec, start, zeros, 1, room, 1), -EBADMSG);
                CHECK_EQUAL(unpack(packer, codec, start, zeros, 50, room, 50), -EBADMSG);
                CHECK_EQUAL(unpack(packer, codec, start, zeros, 100, room, 50), -EBADMSG);
        }
        CHECK_EQUAL(unpack(packer, PACK_GAPS, start, zeros, 1, room, 2), 0);
        CHECK_EQUAL(unpack(packer, PACK_GAPS, start, zeros, 2, room, 50), -EBADMSG);
}

/* What fills up the last byte of a stream is 0, packed by libzstd or not. */
static void test_padding_is_zero(void) {
        static const uint8_t padded[] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07 };
        _cleanup_(packer_freep) Packer *packer = packer_new();
        /* A frame with one block of 40 zeros and one of the byte 4: content size 41, blocks RLE and raw. */
        static const uint8_t frame[] = {
                0x28, 0xb5, 0x2f, 0xfd, 0x20, 41, 0x42, 0x01, 0x00, 0x00, 0x09, 0x00, 0x00, 0x04,
        };
        uint8_t room[128], good[sizeof frame];
        _cleanup_mpz_ mpz_t start;
        bool seen = false;

        mpz_init(start);
        CHECK_EQUAL(unpack(packer, PACK_CANDIDATES, start, padded, sizeof padded, room, 8), -EBADMSG);

        /* A bitmap whose stream has 41 bytes and two bits in the last one. */
        memcpy(good, frame, sizeof frame);
        good[sizeof good - 1] = 1;
        for (unsigned k = 0; k < 2000 && !seen; k++) {
                mpz_set_ui(start, 30000 + 30 * k);
                for (size_t n = 100; n < 120 && !seen; n++) {
                        good[sizeof good - 1] = 1;
                        if (unpack(packer, PACK_CANDIDATES_ZSTD, start, good, sizeof good, room, n) < 0)
                                continue;
                        good[sizeof good - 1] = 2;
                        if (unpack(packer, PACK_CANDIDATES_ZSTD, start, good, sizeof good, room, n) < 0)
                                continue;
                        seen = unpack(packer, PACK_CANDIDATES_ZSTD, start, frame, sizeof frame, room, n) == -EBADMSG;
                }
        }
        CHECK(seen);
}

/* Frames that libzstd would read but that this version never writes. */
static void test_other_frames_are_refused(void) {
        /* a skippable frame of 4 bytes; an empty frame; "x" 99 times with a dictionary's id and without */
        static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4 };
        static const uint8_t empty[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00 };
        static const uint8_t dictionary[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 99, 0x1b, 0x03, 0x00, 'x' };
        static const uint8_t plain[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 99, 0x1b, 0x03, 0x00, 'x' };
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t room[128], two[2 * sizeof plain];
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, start, plain, sizeof plain, room, 99), 0);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, start, plain, sizeof plain, room, 98), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, start, plain, sizeof plain, room, 100), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, start, skippable, sizeof skippable, room, 99), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, start, empty, sizeof empty, room, 99), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, start, dictionary, sizeof dictionary, room, 99), -EBADMSG);
        memcpy(two, plain, sizeof plain);
        memcpy(two + sizeof plain, plain, sizeof plain);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, start, two, sizeof two, room, 99), -EBADMSG);
        /* Longer than the stream that it holds. */
        CHECK_EQUAL(unpack(packer, PACK_CANDIDATES_ZSTD, start, empty, sizeof empty, room, 99), -EBADMSG);
}

static void test_names_and_unknown_codecs(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        _cleanup_mpz_ mpz_t start;
        uint8_t byte = 0;

        mpz_init(start);
        CHECK_STRING(pack_codec_name(PACK_RAW), "raw");
        CHECK_STRING(pack_codec_name(PACK_ZSTD), "zstd");
        CHECK_STRING(pack_codec_name(PACK_CANDIDATES), "candidates");
        CHECK_STRING(pack_codec_name(PACK_CANDIDATES_ZSTD), "candidates-zstd");
        CHECK_STRING(pack_codec_name(PACK_GAPS), "gaps");
        CHECK(pack_codec_name(_PACK_CODEC_MAX) == NULL);
        CHECK(pack_codec_name((PackCodec) 200) == NULL);
        CHECK_EQUAL(pack_unpack(packer, _PACK_CODEC_MAX, start, &byte, 1, &byte, 1), -EOPNOTSUPP);
        CHECK_EQUAL(pack_unpack(packer, (PackCodec) 255, start, &byte, 1, &byte, 1), -EOPNOTSUPP);
}

int main(void) {
        RUN(test_primes_of_all_sizes);
        RUN(test_blocks_are_small);
        RUN(test_bitmaps_that_are_none_of_primes);
        RUN(test_one_composite);
        RUN(test_packing_is_reproducible);
        RUN(test_known_bytes);
        RUN(test_every_truncation_is_refused);
        RUN(test_every_flip_is_bounded);
        RUN(test_other_sizes_are_refused);
        RUN(test_useless_packing_is_refused);
        RUN(test_padding_is_zero);
        RUN(test_other_frames_are_refused);
        RUN(test_names_and_unknown_codecs);
        return tests_end();
}
