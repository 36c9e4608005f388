/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Packing of bitmaps: raw, or one zstd frame.
 *
 * The same bitmap must pack into the same bytes whatever was packed before, so every frame gets the same parameters,
 * the same room and a reset context. The frame's header is checked before libzstd sees it: a block says its codec
 * outside and is known to have n_bytes, so a skippable frame, a second frame, a dictionary, an optional checksum or
 * an absent content size mean that somebody else wrote it.
 */

#include "prime/pack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "base/cleanup.h"

#define ZSTD_HEADER_SIZE_MIN 6  /* magic, descriptor, one byte of content size */
#define ZSTD_DESCRIPTOR_AT 4
#define ZSTD_DESCRIPTOR_BARRED 0x1f /* unused, reserved, checksum and dictionary bits */

struct Packer {
        ZSTD_CCtx *compressor;
        ZSTD_DCtx *decompressor;
};

const char *pack_codec_name(PackCodec codec) {
        switch (codec) {
        case PACK_RAW:
                return "raw";
        case PACK_ZSTD:
                return "zstd";
        case _PACK_CODEC_MAX:
                break;
        }
        return NULL;
}

Packer *packer_new(void) {
        _cleanup_(packer_freep) Packer *packer = calloc(1, sizeof *packer);
        ZSTD_CCtx *compressor;

        if (!packer)
                return NULL;
        packer->compressor = compressor = ZSTD_createCCtx();
        packer->decompressor = ZSTD_createDCtx();
        if (!compressor || !packer->decompressor)
                return NULL;
        if (ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, PACK_ZSTD_LEVEL)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_contentSizeFlag, 1)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 0)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(compressor, ZSTD_c_dictIDFlag, 0)))
                return NULL;
        return TAKE_PTR(packer);
}

Packer *packer_free(Packer *packer) {
        if (!packer)
                return NULL;
        (void) ZSTD_freeCCtx(packer->compressor);
        (void) ZSTD_freeDCtx(packer->decompressor);
        free(packer);
        return NULL;
}

/* A frame that is not shorter than the bitmap is of no use, so the bitmap's own size is room enough. */
size_t pack_bound(size_t n_bytes) {
        return n_bytes;
}

int pack_bitmap(Packer *packer, const uint8_t *bitmap, size_t n_bytes, uint8_t *ret, size_t ret_size,
                PackCodec *ret_codec, size_t *ret_packed_size) {
        size_t size;

        assert(ret_size >= pack_bound(n_bytes));

        (void) ZSTD_CCtx_reset(packer->compressor, ZSTD_reset_session_only);
        size = ZSTD_compress2(packer->compressor, ret, n_bytes, bitmap, n_bytes);
        if (ZSTD_isError(size) && ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation)
                return -ENOMEM;
        if (!ZSTD_isError(size) && size < n_bytes) {
                *ret_codec = PACK_ZSTD;
                *ret_packed_size = size;
                return 0;
        }

        /* What remains is "the room is too small". */
        if (n_bytes > 0)
                memcpy(ret, bitmap, n_bytes);
        *ret_codec = PACK_RAW;
        *ret_packed_size = n_bytes;
        return 0;
}

static int pack_unpack_zstd(Packer *packer, const uint8_t *packed, size_t packed_size,
                            uint8_t *ret_bitmap, size_t n_bytes) {
        size_t size;

        if (packed_size < ZSTD_HEADER_SIZE_MIN || packed_size > pack_bound(n_bytes))
                return -EBADMSG;
        if (get_le32(packed) != ZSTD_MAGICNUMBER || (packed[ZSTD_DESCRIPTOR_AT] & ZSTD_DESCRIPTOR_BARRED) != 0)
                return -EBADMSG;
        if (ZSTD_getFrameContentSize(packed, packed_size) != n_bytes ||
            ZSTD_findFrameCompressedSize(packed, packed_size) != packed_size)
                return -EBADMSG;

        size = ZSTD_decompressDCtx(packer->decompressor, ret_bitmap, n_bytes, packed, packed_size);
        if (ZSTD_isError(size) && ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation)
                return -ENOMEM;
        return size == n_bytes ? 0 : -EBADMSG;
}

int pack_unpack(Packer *packer, PackCodec codec, const uint8_t *packed, size_t packed_size,
                uint8_t *ret_bitmap, size_t n_bytes) {
        switch (codec) {
        case PACK_RAW:
                if (packed_size != n_bytes)
                        return -EBADMSG;
                if (n_bytes > 0)
                        memcpy(ret_bitmap, packed, n_bytes);
                return 0;
        case PACK_ZSTD:
                return pack_unpack_zstd(packer, packed, packed_size, ret_bitmap, n_bytes);
        case _PACK_CODEC_MAX:
                break;
        }
        return -EOPNOTSUPP;
}
