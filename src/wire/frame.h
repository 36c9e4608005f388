/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A frame is one message on the wire: a header of 16 bytes and a payload. Integers are little-endian.
 *
 *     at  bytes  field
 *      0      4  magic     "prmd". A reader that lost its place, by a fault of either side, stops at the
 *                          next header instead of taking the bytes of a block for a length
 *      4      2  type      MessageType: it alone decides how long the payload may be
 *      6      2  flags     0. A reader refuses what it does not know, so a later version may change the
 *                          payload's form (compression, say) without being misread by an older one
 *      8      4  length    of the payload
 *     12      4  reserved  0, refused otherwise: room for a number (stream, credit) without another header
 *
 * There is no checksum: TLS authenticates every byte, and blocks carry a digest of their own.
 *
 * The parser takes bytes in pieces of any size and never reads ahead. Before it takes memory it holds the
 * length against the type's limit in the protocol table, and until the peer has said HELLO or WELCOME it
 * lets only those types pass that may come before (PROTOCOL_OPENING_MAX bytes at most).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define FRAME_MAGIC UINT32_C(0x646d7270) /* "prmd" */
#define FRAME_HEADER_SIZE 16

typedef struct Frame {
        uint16_t type; /* one that the protocol knows */
        const uint8_t *payload;
        size_t size;
} Frame;

typedef struct FrameParser FrameParser;

FrameParser *frame_parser_new(void); /* NULL when out of memory */
FrameParser *frame_parser_free(FrameParser *parser);

/* From now on every type of the protocol may come. */
void frame_parser_open(FrameParser *parser);

/*
 * Takes bytes up to the end of the first frame, at most; `*ret_used` says how many. 1: the frame is in
 * `ret`, its payload is valid until the next call and as long as `data` is; 0: all taken, more is needed.
 * -EBADMSG with a sentence (for good: every later call fails too) or -ENOMEM.
 */
int frame_parser_take(FrameParser *parser, const void *data, size_t size, size_t *ret_used, Frame *ret,
                      Problem *problem);

/* Whether a frame has begun and not ended. */
bool frame_parser_is_within(const FrameParser *parser);

void frame_write_header(uint8_t ret[static FRAME_HEADER_SIZE], uint16_t type, size_t size);

DEFINE_TRIVIAL_CLEANUP_FUNC(FrameParser *, frame_parser_free);
