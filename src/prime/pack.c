/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Packing of bitmaps: which codec, and what libzstd has to do with it.
 *
 * Both sides know which positions are composite beforehand, so only the candidates are worth sending: that alone takes
 * 62 % off the wheel's bitmap, more than any compressor finds in it. What remains looks random but for its density,
 * and is coded in one of two ways. While primes are dense, bytes of the stream are Huffman-coded by libzstd, which is
 * kept from looking for repetitions: there are none. When they are rare, distances are Golomb-coded. The smallest
 * wins. Long bitmaps are not tried as distances: below 2^64, where they come from, it gains nothing and takes twice
 * as long. A bitmap that has bits where none can be is none of primes, and is compressed as any data would be.
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
#include "base/macro.h"
#include "prime/pack/candidates.h"
#include "prime/pack/gaps.h"
#include "prime/variant.h"

#define ZSTD_HEADER_SIZE_MIN 6  /* magic, descriptor, one byte of content size */
#define ZSTD_DESCRIPTOR_AT 4
#define ZSTD_DESCRIPTOR_BARRED 0x1f /* unused, reserved, checksum and dictionary bits */

/* Longer bitmaps are not tried as distances: no block beyond 2^64 has more. */
#define GAPS_BITMAP_MAX ((size_t) 256 << 10)

struct Packer {
        ZSTD_CCtx *compressor;
        ZSTD_DCtx *decompressor;
        const CandidateTables *tables;
        const CandidateKernel *kernel;
        uint8_t *stream;
        size_t n_allocated;
};

typedef struct ZstdParameter {
        ZSTD_cParameter name;
        int value;
} ZstdParameter;

static const ZstdParameter for_any_data[] = {
        { ZSTD_c_compressionLevel, 1 },
};

/*
 * Huffman codes and nothing else, as far as the interface goes. In the strategy "fast" with the longest matches to
 * look for, in the smallest hash table, the search gives up at once on data without any, and leaves all to the coder
 * of literals. The window is that of the longest block that zstd knows: each gets a table of its own when it pays.
 * (A target length, or a negative level, would search even less but switch the coder off.)
 */
static const ZstdParameter for_streams[] = {
        { ZSTD_c_compressionLevel, 1 },
        { ZSTD_c_strategy, ZSTD_fast },
        { ZSTD_c_windowLog, 17 },
        { ZSTD_c_hashLog, 6 },
        { ZSTD_c_chainLog, 6 },
        { ZSTD_c_minMatch, 7 },
};

const char *pack_codec_name(PackCodec codec) {
        switch (codec) {
        case PACK_RAW:
                return "raw";
        case PACK_ZSTD:
                return "zstd";
        case PACK_CANDIDATES:
                return "candidates";
        case PACK_CANDIDATES_ZSTD:
                return "candidates-zstd";
        case PACK_GAPS:
                return "gaps";
        case _PACK_CODEC_MAX:
                break;
        }
        return NULL;
}

Packer *packer_new(void) {
        _cleanup_(packer_freep) Packer *packer = calloc(1, sizeof *packer);

        if (!packer)
                return NULL;
        packer->compressor = ZSTD_createCCtx();
        packer->decompressor = ZSTD_createDCtx();
        packer->tables = candidate_tables();
        packer->kernel = VARIANT_CHOOSE(candidate_kernel);
        if (!packer->compressor || !packer->decompressor || !packer->tables)
                return NULL;
        return TAKE_PTR(packer);
}

Packer *packer_free(Packer *packer) {
        if (!packer)
                return NULL;
        (void) ZSTD_freeCCtx(packer->compressor);
        (void) ZSTD_freeDCtx(packer->decompressor);
        free(packer->stream);
        free(packer);
        return NULL;
}

/* Room for the stream of a bitmap. */
static int packer_need_stream(Packer *packer, size_t n_bytes) {
        size_t size = n_bytes + CANDIDATES_SLACK;
        uint8_t *stream;

        if (size <= packer->n_allocated)
                return 0;
        stream = malloc(size);
        if (!stream)
                return -ENOMEM;
        free(packer->stream);
        packer->stream = stream;
        packer->n_allocated = size;
        return 0;
}

/* What does not get smaller is left as it is, so the bitmap's own size is room enough. */
size_t pack_bound(size_t n_bytes) {
        return n_bytes;
}

/* 1, or 0 when the frame would be longer than `room`, or -ENOMEM. */
static int zstd_pack(Packer *packer, const ZstdParameter *parameters, size_t n_parameters, const uint8_t *data,
                     size_t n_bytes, uint8_t *ret, size_t room, size_t *ret_size) {
        ZSTD_CCtx *compressor = packer->compressor;
        size_t size = ZSTD_CCtx_reset(compressor, ZSTD_reset_session_and_parameters);

        for (size_t i = 0; i < n_parameters && !ZSTD_isError(size); i++)
                size = ZSTD_CCtx_setParameter(compressor, parameters[i].name, parameters[i].value);
        assert(!ZSTD_isError(size));

        /* Content size, no checksum and no dictionary are libzstd's defaults. */
        size = ZSTD_compress2(compressor, ret, room, data, n_bytes);
        if (ZSTD_isError(size))
                return ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation ? -ENOMEM : 0;
        *ret_size = size;
        return 1;
}

/* A bitmap that is none of primes. */
static int pack_any(Packer *packer, const uint8_t *bitmap, size_t n_bytes, uint8_t *ret, PackCodec *ret_codec,
                    size_t *ret_size) {
        int r;

        r = zstd_pack(packer, for_any_data, ELEMENTSOF(for_any_data), bitmap, n_bytes, ret, n_bytes - 1, ret_size);
        if (r < 0)
                return r;
        if (r > 0) {
                *ret_codec = PACK_ZSTD;
                return 0;
        }
        memcpy(ret, bitmap, n_bytes);
        *ret_codec = PACK_RAW;
        *ret_size = n_bytes;
        return 0;
}

/* A bitmap whose stream of candidates the packer holds. */
static int pack_stream(Packer *packer, const mpz_t start, const uint8_t *bitmap, size_t n_bytes, uint64_t n_bits,
                       uint8_t *ret, PackCodec *ret_codec, size_t *ret_size) {
        size_t stream_size = (size_t) ((n_bits + 7) / 8), best_size = n_bytes;
        uint32_t parameter = gaps_parameter(start);
        PackCodec best = PACK_RAW;
        int r;

        if (n_bits > 0 && stream_size < best_size) {
                best = PACK_CANDIDATES;
                best_size = stream_size;
        }
        if (n_bytes <= GAPS_BITMAP_MAX) {
                size_t size = gaps_size(packer->stream, n_bits, parameter);

                if (size < best_size) {
                        best = PACK_GAPS;
                        best_size = size;
                }
        }
        r = zstd_pack(packer, for_streams, ELEMENTSOF(for_streams), packer->stream, stream_size, ret, best_size - 1,
                      ret_size);
        if (r < 0)
                return r;
        if (r > 0) {
                *ret_codec = PACK_CANDIDATES_ZSTD;
                return 0;
        }

        if (best == PACK_RAW)
                memcpy(ret, bitmap, n_bytes);
        else if (best == PACK_CANDIDATES)
                memcpy(ret, packer->stream, stream_size);
        else
                gaps_write(packer->stream, n_bits, parameter, ret, best_size);
        *ret_codec = best;
        *ret_size = best_size;
        return 0;
}

int pack_bitmap(Packer *packer, const mpz_t start, const uint8_t *bitmap, size_t n_bytes, uint8_t *ret, size_t ret_size,
                PackCodec *ret_codec, size_t *ret_packed_size) {
        uint64_t n_bits;
        int r;

        assert(ret_size >= pack_bound(n_bytes));

        if (n_bytes == 0) {
                *ret_codec = PACK_RAW;
                *ret_packed_size = 0;
                return 0;
        }
        r = packer_need_stream(packer, n_bytes);
        if (r < 0)
                return r;
        if (!candidates_extract(packer->tables, packer->kernel, start, bitmap, n_bytes, packer->stream, &n_bits))
                return pack_any(packer, bitmap, n_bytes, ret, ret_codec, ret_packed_size);
        return pack_stream(packer, start, bitmap, n_bytes, n_bits, ret, ret_codec, ret_packed_size);
}

/* The content size that the frame's header tells; 0 when this is no frame of ours. */
static size_t zstd_content_size(const uint8_t *packed, size_t packed_size) {
        unsigned long long content_size;

        if (packed_size < ZSTD_HEADER_SIZE_MIN || get_le32(packed) != ZSTD_MAGICNUMBER ||
            (packed[ZSTD_DESCRIPTOR_AT] & ZSTD_DESCRIPTOR_BARRED) != 0)
                return 0;
        content_size = ZSTD_getFrameContentSize(packed, packed_size);
        if (content_size == ZSTD_CONTENTSIZE_UNKNOWN || content_size == ZSTD_CONTENTSIZE_ERROR ||
            content_size <= packed_size || content_size > SIZE_MAX ||
            ZSTD_findFrameCompressedSize(packed, packed_size) != packed_size)
                return 0;
        return (size_t) content_size;
}

/* A frame of exactly `n_bytes`, which its header tells too. */
static int zstd_unpack(Packer *packer, const uint8_t *packed, size_t packed_size, uint8_t *ret, size_t n_bytes) {
        size_t size = ZSTD_decompressDCtx(packer->decompressor, ret, n_bytes, packed, packed_size);

        if (ZSTD_isError(size) && ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation)
                return -ENOMEM;
        return size == n_bytes ? 0 : -EBADMSG;
}

/* The stream of candidates in the packer becomes the bitmap. All of it behind `stream_size` is 0. */
static int unpack_candidates(Packer *packer, const mpz_t start, size_t stream_size, uint8_t *ret_bitmap,
                             size_t n_bytes) {
        uint8_t *stream = packer->stream;
        uint64_t n_bits;

        memset(stream + stream_size, 0, n_bytes + CANDIDATES_SLACK - stream_size);
        n_bits = candidates_deposit(packer->tables, packer->kernel, start, stream, ret_bitmap, n_bytes);
        if (stream_size != (n_bits + 7) / 8 || (n_bits % 8 > 0 && stream[stream_size - 1] >> n_bits % 8 != 0))
                return -EBADMSG;
        return 0;
}

static int unpack_candidates_zstd(Packer *packer, const mpz_t start, const uint8_t *packed, size_t packed_size,
                                  uint8_t *ret_bitmap, size_t n_bytes) {
        size_t stream_size = zstd_content_size(packed, packed_size);
        int r;

        if (stream_size == 0 || stream_size > n_bytes)
                return -EBADMSG;
        r = zstd_unpack(packer, packed, packed_size, packer->stream, stream_size);
        if (r < 0)
                return r;
        return unpack_candidates(packer, start, stream_size, ret_bitmap, n_bytes);
}

static int unpack_gaps(Packer *packer, const mpz_t start, const uint8_t *packed, size_t packed_size,
                       uint8_t *ret_bitmap, size_t n_bytes) {
        int64_t n_bits_min = gaps_read(packed, packed_size, gaps_parameter(start), packer->stream,
                                       n_bytes + CANDIDATES_SLACK);
        uint64_t n_bits;

        if (n_bits_min < 0)
                return (int) n_bits_min;
        n_bits = candidates_deposit(packer->tables, packer->kernel, start, packer->stream, ret_bitmap, n_bytes);
        return (uint64_t) n_bits_min <= n_bits ? 0 : -EBADMSG;
}

int pack_unpack(Packer *packer, PackCodec codec, const mpz_t start, const uint8_t *packed, size_t packed_size,
                uint8_t *ret_bitmap, size_t n_bytes) {
        int r;

        if (!pack_codec_name(codec))
                return -EOPNOTSUPP;
        if (codec == PACK_RAW) {
                if (packed_size != n_bytes)
                        return -EBADMSG;
                if (n_bytes > 0)
                        memcpy(ret_bitmap, packed, n_bytes);
                return 0;
        }
        if (packed_size == 0 || packed_size >= n_bytes)
                return -EBADMSG;
        r = packer_need_stream(packer, n_bytes);
        if (r < 0)
                return r;

        switch (codec) {
        case PACK_ZSTD:
                if (zstd_content_size(packed, packed_size) != n_bytes)
                        return -EBADMSG;
                return zstd_unpack(packer, packed, packed_size, ret_bitmap, n_bytes);
        case PACK_CANDIDATES:
                memcpy(packer->stream, packed, packed_size);
                return unpack_candidates(packer, start, packed_size, ret_bitmap, n_bytes);
        case PACK_CANDIDATES_ZSTD:
                return unpack_candidates_zstd(packer, start, packed, packed_size, ret_bitmap, n_bytes);
        case PACK_GAPS:
                return unpack_gaps(packer, start, packed, packed_size, ret_bitmap, n_bytes);
        case PACK_RAW:
        case _PACK_CODEC_MAX:
                break;
        }
        return -EOPNOTSUPP;
}
