/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packing: what goes in comes out, in the same bytes each time, and nothing else is taken for a packed block. */

#include "prime/pack.h"

#include <errno.h>

#include "base/macro.h"
#include "base/random.h"
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

static Packed pack(Packer *packer, const uint8_t *bitmap, size_t n_bytes) {
        size_t bound = pack_bound(n_bytes);
        Packed packed = { .bytes = malloc(bound + 1) };

        CHECK(packed.bytes != NULL);
        packed.bytes[bound] = GUARD;
        CHECK_EQUAL(pack_bitmap(packer, bitmap, n_bytes, packed.bytes, bound, &packed.codec, &packed.size),
                    0);
        CHECK(packed.size <= bound && packed.bytes[bound] == GUARD);
        return packed;
}

/* Unpacks into a room of exactly n_bytes with a guard behind it. */
static int unpack(Packer *packer, PackCodec codec, const uint8_t *bytes, size_t size, uint8_t *room,
                  size_t n_bytes) {
        int r;

        room[n_bytes] = GUARD;
        r = pack_unpack(packer, codec, bytes, size, room, n_bytes);
        CHECK(room[n_bytes] == GUARD);
        CHECK(r == 0 || r == -EBADMSG);
        return r;
}

static PackCodec check_round_trip(Packer *packer, const uint8_t *bitmap, size_t n_bytes) {
        _cleanup_packed_ Packed packed = pack(packer, bitmap, n_bytes);
        _cleanup_free_ uint8_t *room = malloc(n_bytes + 1);

        CHECK(room != NULL);
        CHECK_EQUAL(unpack(packer, packed.codec, packed.bytes, packed.size, room, n_bytes), 0);
        CHECK(n_bytes == 0 || memcmp(room, bitmap, n_bytes) == 0);
        return packed.codec;
}

/* The primes from 10^12 on. */
static void sieve(uint8_t *bitmap, size_t n_bytes) {
        _cleanup_(sieve_run_freep) SieveRun *run = NULL;
        _cleanup_mpz_ mpz_t start;
        Certainty certainty;

        mpz_init(start);
        mpz_set_ui(start, 33333334);
        mpz_mul_ui(start, start, 30000);
        CHECK_EQUAL(sieve_run_new(start, start, &(SieveEnvironment) {}, &run), 0);
        CHECK_EQUAL(sieve_run_next(run, n_bytes * 30, bitmap, &certainty), 0);
}

static void test_round_trips(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        Random random;

        CHECK(packer && bitmap);
        CHECK_EQUAL(check_round_trip(packer, NULL, 0), PACK_RAW);

        sieve(bitmap, GRID_BLOCK_BYTES_MAX);
        for (size_t n = 1; n <= 100; n++)
                (void) check_round_trip(packer, bitmap, n);
        CHECK_EQUAL(check_round_trip(packer, bitmap, GRID_BLOCK_BYTES_MAX), PACK_ZSTD);

        memset(bitmap, 0, GRID_BLOCK_BYTES_MAX);
        CHECK_EQUAL(check_round_trip(packer, bitmap, GRID_BLOCK_BYTES_MAX), PACK_ZSTD);
        memset(bitmap, 0xff, GRID_BLOCK_BYTES_MAX);
        CHECK_EQUAL(check_round_trip(packer, bitmap, GRID_BLOCK_BYTES_MAX), PACK_ZSTD);

        random_init(&random, test_seed());
        for (size_t i = 0; i < GRID_BLOCK_BYTES_MAX; i++)
                bitmap[i] = (uint8_t) random_u64(&random);
        CHECK_EQUAL(check_round_trip(packer, bitmap, GRID_BLOCK_BYTES_MAX), PACK_RAW);
        for (size_t n = 1; n < 3000; n += 97)
                (void) check_round_trip(packer, bitmap, n);
}

/* The same bitmap packs into the same bytes with a new packer and with one that has packed other things. */
static void test_packing_is_reproducible(void) {
        _cleanup_(packer_freep) Packer *used = packer_new();
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);

        CHECK(used && bitmap);
        sieve(bitmap, GRID_BLOCK_BYTES_MAX);
        for (size_t n = GRID_BLOCK_BYTES_MAX; n > 0; n = n * 2 / 3) {
                _cleanup_(packer_freep) Packer *new = packer_new();
                _cleanup_packed_ Packed a = {}, b = {}, c = {};

                CHECK(new != NULL);
                a = pack(new, bitmap + GRID_BLOCK_BYTES_MAX - n, n);
                b = pack(used, bitmap + GRID_BLOCK_BYTES_MAX - n, n);
                c = pack(used, bitmap + GRID_BLOCK_BYTES_MAX - n, n);
                CHECK(a.codec == b.codec && a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0);
                CHECK(a.codec == c.codec && a.size == c.size && memcmp(a.bytes, c.bytes, a.size) == 0);
        }
}

static void test_every_truncation_is_refused(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t bitmap[3000], room[sizeof bitmap + 1];
        _cleanup_packed_ Packed packed = {};

        sieve(bitmap, sizeof bitmap);
        packed = pack(packer, bitmap, sizeof bitmap);
        CHECK_EQUAL(packed.codec, PACK_ZSTD);
        for (size_t size = 0; size < packed.size; size++) {
                _cleanup_free_ uint8_t *cut = malloc(size ?: 1); /* so that a read behind it is noticed */

                CHECK(cut != NULL);
                memcpy(cut, packed.bytes, size);
                CHECK_EQUAL(unpack(packer, PACK_ZSTD, cut, size, room, sizeof bitmap), -EBADMSG);
                CHECK_EQUAL(unpack(packer, PACK_RAW, cut, size, room, sizeof bitmap), -EBADMSG);
        }
        /* The packer is not spoilt by what it refused. */
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, packed.bytes, packed.size, room, sizeof bitmap), 0);
        CHECK(memcmp(room, bitmap, sizeof bitmap) == 0);
}

/* A flipped bit is refused or gives a bitmap of the right size: the digest over it finds out. */
static void test_every_flip_is_bounded(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t bitmap[600], room[sizeof bitmap + 1];
        _cleanup_packed_ Packed packed = {};
        unsigned n_refused = 0;

        sieve(bitmap, sizeof bitmap);
        packed = pack(packer, bitmap, sizeof bitmap);
        CHECK_EQUAL(packed.codec, PACK_ZSTD);
        for (size_t i = 0; i < packed.size; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        packed.bytes[i] ^= (uint8_t) (1U << bit);
                        if (unpack(packer, PACK_ZSTD, packed.bytes, packed.size, room, sizeof bitmap) < 0)
                                n_refused++;
                        packed.bytes[i] ^= (uint8_t) (1U << bit);
                }
        CHECK(n_refused >= 6 * 8); /* the frame's header at the very least */
}

static void test_other_sizes_are_refused(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t bitmap[600], room[sizeof bitmap + 2];
        _cleanup_packed_ Packed packed = {};

        sieve(bitmap, sizeof bitmap);
        packed = pack(packer, bitmap, sizeof bitmap);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, packed.bytes, packed.size, room, sizeof bitmap - 1), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, packed.bytes, packed.size, room, sizeof bitmap + 1), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_RAW, bitmap, sizeof bitmap, room, sizeof bitmap - 1), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_RAW, bitmap, sizeof bitmap, room, sizeof bitmap + 1), -EBADMSG);
}

/* Frames that libzstd would read but that this version never writes. */
static void test_other_frames_are_refused(void) {
        /* a skippable frame of 4 bytes; an empty frame; one byte "x" with a checksum; "x" with a dictionary's id */
        static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4 };
        static const uint8_t empty[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00 };
        static const uint8_t dictionary[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 0x01, 0x09, 0x00, 0x00, 'x' };
        static const uint8_t plain[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x01, 0x09, 0x00, 0x00, 'x' };
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t room[64];

        CHECK_EQUAL(unpack(packer, PACK_ZSTD, skippable, sizeof skippable, room, 0), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, empty, sizeof empty, room, 0), -EBADMSG);
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, dictionary, sizeof dictionary, room, 1), -EBADMSG);
        /* Correct, but longer than the raw bitmap, so nobody packed it like that. */
        CHECK_EQUAL(unpack(packer, PACK_ZSTD, plain, sizeof plain, room, 1), -EBADMSG);
}

static void test_names_and_unknown_codecs(void) {
        _cleanup_(packer_freep) Packer *packer = packer_new();
        uint8_t byte = 0;

        CHECK_STRING(pack_codec_name(PACK_RAW), "raw");
        CHECK_STRING(pack_codec_name(PACK_ZSTD), "zstd");
        CHECK(pack_codec_name(_PACK_CODEC_MAX) == NULL);
        CHECK(pack_codec_name((PackCodec) 200) == NULL);
        CHECK_EQUAL(pack_unpack(packer, _PACK_CODEC_MAX, &byte, 1, &byte, 1), -EOPNOTSUPP);
        CHECK_EQUAL(pack_unpack(packer, (PackCodec) 255, &byte, 1, &byte, 1), -EOPNOTSUPP);
}

int main(void) {
        RUN(test_round_trips);
        RUN(test_packing_is_reproducible);
        RUN(test_every_truncation_is_refused);
        RUN(test_every_flip_is_bounded);
        RUN(test_other_sizes_are_refused);
        RUN(test_other_frames_are_refused);
        RUN(test_names_and_unknown_codecs);
        return tests_end();
}
