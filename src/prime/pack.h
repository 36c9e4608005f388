/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Packing of a block's bitmap for wire and disk. A packed block names its codec outside (the record or message
 * that carries it); with that, its start and its size it is independently decodable. The worker packs once; the same
 * bytes are stored. The codecs are part of the store's format 1 and must not change.
 */

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/*
 * A zstd frame is always a single one, with content size, without checksum and dictionary, and shorter than what it
 * holds. Every codec but raw takes fewer bytes than the bitmap has, and at least one.
 */
typedef enum PackCodec {
        PACK_RAW = 0,             /* the bitmap itself */
        PACK_ZSTD = 1,            /* a zstd frame with the bitmap; for bitmaps that cannot be one of primes */
        PACK_CANDIDATES = 2,      /* the stream of candidates, see prime/pack/candidates.h */
        PACK_CANDIDATES_ZSTD = 3, /* a zstd frame with that stream, used as a Huffman coder */
        PACK_GAPS = 4,            /* distances in that stream, see prime/pack/gaps.h */
        _PACK_CODEC_MAX,
} PackCodec;

/* "raw", "zstd", "candidates", "candidates-zstd", "gaps"; NULL for an unknown one */
const char *pack_codec_name(PackCodec codec);

/* State that is worth keeping from block to block; one per thread. */
typedef struct Packer Packer;

Packer *packer_new(void); /* NULL when out of memory */
Packer *packer_free(Packer *packer);

/* The most bytes that a bitmap of n_bytes packs into. */
size_t pack_bound(size_t n_bytes);

/*
 * Packs the bitmap that begins at `start`, a multiple of 30, with the codec that takes least, never into more than
 * pack_bound() bytes, and into the same bytes for the same bitmap and start with the same libzstd, on any processor.
 * Any bitmap can be packed, also one that no primes have. Returns 0 or -ENOMEM.
 */
int pack_bitmap(Packer *packer, const mpz_t start, const uint8_t *bitmap, size_t n_bytes, uint8_t *ret, size_t ret_size,
                PackCodec *ret_codec, size_t *ret_packed_size);

/*
 * The opposite. `start` and `n_bytes` are known from the job's grid: anything that does not unpack to exactly so many
 * bytes is -EBADMSG, and no more than n_bytes are ever written. -EOPNOTSUPP: a codec that this version does not know.
 */
int pack_unpack(Packer *packer, PackCodec codec, const mpz_t start, const uint8_t *packed, size_t packed_size,
                uint8_t *ret_bitmap, size_t n_bytes);

DEFINE_TRIVIAL_CLEANUP_FUNC(Packer *, packer_free);
