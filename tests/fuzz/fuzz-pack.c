/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Any bytes unpack into exactly the bitmap that was asked for, or not at all; and any bytes are a bitmap that packs
 * and comes back. The first byte of the input is the codec, the next two are the bitmap's size, the fourth is how many
 * bytes of the bitmap's start follow (divided by 30, least significant first), the rest is the packed block. Codec 255
 * says that the rest is a bitmap; its size is then of no interest. Codec 254 is the same, without the bits that no
 * prime has.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/macro.h"
#include "fuzz/fuzz.h"
#include "prime/number.h"
#include "prime/pack.h"
#include "prime/pack/candidates.h"

#define HEADER_SIZE 4
#define CODEC_IS_BITMAP 255
#define CODEC_IS_CANDIDATES 254

#define REQUIRE(condition)                                                                                   \
        do {                                                                                                 \
                if (!(condition))                                                                            \
                        abort();                                                                             \
        } while (0)

/* What unpacks packs again into something that unpacks into the same. */
static void check_round_trip(Packer *packer, const mpz_t start, const uint8_t *bitmap, size_t n_bytes,
                             PackCodec *ret_codec, size_t *ret_size) {
        size_t bound = pack_bound(n_bytes);
        _cleanup_free_ uint8_t *packed = malloc(bound + 1), *again = malloc(n_bytes + 1);

        REQUIRE(packed && again);
        REQUIRE(pack_bitmap(packer, start, bitmap, n_bytes, packed, bound, ret_codec, ret_size) == 0);
        REQUIRE(*ret_size <= bound);
        REQUIRE(pack_unpack(packer, *ret_codec, start, packed, *ret_size, again, n_bytes) == 0);
        REQUIRE(memcmp(bitmap, again, n_bytes) == 0);
}

/* The bits of the candidates alone, which must not be lost on the way through any kernel. */
static void keep_candidates(const mpz_t start, uint8_t *bitmap, size_t n_bytes) {
        _cleanup_free_ uint8_t *stream = malloc(n_bytes + CANDIDATES_SLACK), *mask = malloc(n_bytes + 1);
        const CandidateKernel *kernel;
        uint64_t n_bits, n_expected;

        REQUIRE(stream && mask);
        memset(stream, 0xff, n_bytes + CANDIDATES_SLACK);
        n_expected = candidates_deposit(candidate_tables(), candidate_kernel(0), start, stream, mask, n_bytes);
        for (size_t i = 0; i < n_bytes; i++)
                bitmap[i] &= mask[i];
        for (size_t i = 0; (kernel = candidate_kernel(i)); i++) {
                REQUIRE(candidates_extract(candidate_tables(), kernel, start, bitmap, n_bytes, stream, &n_bits));
                REQUIRE(n_bits == n_expected);
                memset(stream + (n_bits + 7) / 8, 0, (size_t) (n_bytes + CANDIDATES_SLACK - (n_bits + 7) / 8));
                REQUIRE(candidates_deposit(candidate_tables(), kernel, start, stream, mask, n_bytes) == n_bits);
                REQUIRE(memcmp(mask, bitmap, n_bytes) == 0);
        }
}

static void try_bitmap(Packer *packer, const mpz_t start, uint8_t codec, const uint8_t *data, size_t size) {
        _cleanup_free_ uint8_t *bitmap = malloc(size + 1);
        PackCodec used;
        size_t packed_size;

        REQUIRE(bitmap);
        memcpy(bitmap, data, size);
        if (codec == CODEC_IS_CANDIDATES)
                keep_candidates(start, bitmap, size);
        check_round_trip(packer, start, bitmap, size, &used, &packed_size);
        REQUIRE(codec != CODEC_IS_CANDIDATES || used != PACK_ZSTD);
}

static void try_packed(Packer *packer, const mpz_t start, PackCodec codec, size_t n_bytes, const uint8_t *data,
                       size_t size) {
        _cleanup_free_ uint8_t *packed = malloc(size + 1), *bitmap = malloc(n_bytes + 1);
        size_t packed_size;
        PackCodec used;
        int r;

        REQUIRE(packed && bitmap);
        memcpy(packed, data, size);
        bitmap[n_bytes] = 0xa5;

        r = pack_unpack(packer, codec, start, packed, size, bitmap, n_bytes);
        REQUIRE(bitmap[n_bytes] == 0xa5);
        if (r < 0) {
                REQUIRE(r == -EBADMSG || r == -EOPNOTSUPP);
                return;
        }
        check_round_trip(packer, start, bitmap, n_bytes, &used, &packed_size);
        REQUIRE(codec == PACK_ZSTD || codec == PACK_CANDIDATES_ZSTD || packed_size <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(packer_freep) Packer *packer = NULL;
        _cleanup_mpz_ mpz_t start;
        size_t n_bytes, n_start;

        mpz_init(start);
        if (size < HEADER_SIZE)
                return 0;
        n_bytes = get_le16(data + 1);
        n_start = MIN((size_t) data[3], size - HEADER_SIZE);
        number_from_bytes(start, data + HEADER_SIZE, n_start);
        mpz_mul_ui(start, start, 30);
        packer = packer_new();
        REQUIRE(packer);

        if (data[0] >= CODEC_IS_CANDIDATES)
                try_bitmap(packer, start, data[0], data + HEADER_SIZE + n_start, size - HEADER_SIZE - n_start);
        else
                try_packed(packer, start, (PackCodec) data[0], n_bytes, data + HEADER_SIZE + n_start,
                           size - HEADER_SIZE - n_start);
        return 0;
}
