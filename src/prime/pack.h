/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Packing of a block's bitmap for wire and disk. A packed block names its codec outside (the record or message
 * that carries it) and is independently decodable. The worker packs once; the same bytes are stored.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef enum PackCodec {
        PACK_RAW = 0,  /* the bitmap itself */
        PACK_ZSTD = 1, /* one zstd frame, level PACK_ZSTD_LEVEL, with content size, without checksum or dictionary */
        _PACK_CODEC_MAX,
} PackCodec;

#define PACK_ZSTD_LEVEL 1

const char *pack_codec_name(PackCodec codec); /* "raw", "zstd"; NULL for an unknown one */

/* State that is worth keeping from block to block; one per thread. */
typedef struct Packer Packer;

Packer *packer_new(void); /* NULL when out of memory */
Packer *packer_free(Packer *packer);

/* The most bytes that a bitmap of n_bytes packs into. */
size_t pack_bound(size_t n_bytes);

/*
 * Packs with the codec that suits, never into more than pack_bound() bytes, and into the same bytes for the same
 * bitmap with the same libzstd. Returns 0 or -ENOMEM.
 */
int pack_bitmap(Packer *packer, const uint8_t *bitmap, size_t n_bytes, uint8_t *ret, size_t ret_size,
                PackCodec *ret_codec, size_t *ret_packed_size);

/*
 * The opposite. `n_bytes` is known from the job's grid: anything that does not unpack to exactly so many bytes is
 * -EBADMSG, and no more than n_bytes are ever written. -EOPNOTSUPP: a codec that this version does not know.
 */
int pack_unpack(Packer *packer, PackCodec codec, const uint8_t *packed, size_t packed_size,
                uint8_t *ret_bitmap, size_t n_bytes);

DEFINE_TRIVIAL_CLEANUP_FUNC(Packer *, packer_free);
