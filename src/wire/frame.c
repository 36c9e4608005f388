/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Cuts a stream of bytes into frames.
 *
 * A frame that lies whole in the caller's bytes is returned where it lies. Otherwise header and payload are
 * gathered in the parser. The payload's memory is taken in one piece, but the kernel backs it only as bytes
 * arrive: a thousand peers that announce a megabyte each and send nothing cost a thousand pages, not a
 * gigabyte. Large payloads are given back after use, so that a master's idle links hold next to nothing.
 */

#include "wire/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "wire/protocol.h"

#define FRAME_BUFFER_KEPT_MAX ((size_t) 4096)

struct FrameParser {
        uint8_t header[FRAME_HEADER_SIZE];
        size_t n_header; /* gathered bytes of the header */

        uint16_t type; /* valid once the header is whole */
        size_t size;
        uint8_t *payload;
        size_t n_payload, payload_allocated;

        bool is_open, is_done /* the payload was returned by the last call */, is_broken;
};

FrameParser *frame_parser_new(void) {
        return calloc(1, sizeof(FrameParser));
}

FrameParser *frame_parser_free(FrameParser *parser) {
        if (parser) {
                free(parser->payload);
                free(parser);
        }
        return NULL;
}

void frame_parser_open(FrameParser *parser) {
        parser->is_open = true;
}

bool frame_parser_is_within(const FrameParser *parser) {
        return parser->n_header > 0 && !parser->is_done;
}

void frame_write_header(uint8_t ret[static FRAME_HEADER_SIZE], uint16_t type, size_t size) {
        put_le32(ret, FRAME_MAGIC);
        put_le16(ret + 4, type);
        put_le16(ret + 6, 0);
        put_le32(ret + 8, (uint32_t) size);
        put_le32(ret + 12, 0);
}

static int frame_parser_check_header(FrameParser *parser, Problem *problem) {
        const uint8_t *header = parser->header;
        const ProtocolMessage *message;
        uint32_t size = get_le32(header + 8);
        uint16_t type = get_le16(header + 4);

        if (get_le32(header) != FRAME_MAGIC)
                return problem_set(problem, EBADMSG, "a frame does not begin with its magic number");
        if (get_le16(header + 6) != 0 || get_le32(header + 12) != 0)
                return problem_set(problem, EBADMSG, "a frame of type %u has flags that are not known",
                                   type);
        message = protocol_find(type);
        if (!message)
                return problem_set(problem, EBADMSG, "a frame has the unknown type %u", type);
        if (!parser->is_open && !message->is_opening)
                return problem_set(problem, EBADMSG, "%s came before the greeting", message->name);
        if (size > protocol_payload_max(message))
                return problem_set(problem, EBADMSG, "%s has %u bytes, more than the %zu it may have",
                                   message->name, size, protocol_payload_max(message));

        parser->type = type;
        parser->size = size;
        return 0;
}

/* Makes room for the payload that the header announced. */
static int frame_parser_reserve(FrameParser *parser) {
        if (parser->size <= parser->payload_allocated)
                return 0;
        free(parser->payload);
        parser->payload_allocated = 0;
        parser->payload = malloc(MAX(parser->size, FRAME_BUFFER_KEPT_MAX));
        if (!parser->payload)
                return -ENOMEM;
        parser->payload_allocated = MAX(parser->size, FRAME_BUFFER_KEPT_MAX);
        return 0;
}

static void frame_parser_reset(FrameParser *parser) {
        if (parser->payload_allocated > FRAME_BUFFER_KEPT_MAX) {
                free(parser->payload);
                parser->payload = NULL;
                parser->payload_allocated = 0;
        }
        parser->n_header = parser->n_payload = 0;
        parser->is_done = false;
}

int frame_parser_take(FrameParser *parser, const void *data, size_t size, size_t *ret_used, Frame *ret,
                      Problem *problem) {
        const uint8_t *p = data;
        size_t n, used = 0;
        int r;

        if (parser->is_broken)
                return problem_set(problem, EBADMSG, "the stream of frames broke before");
        if (parser->is_done)
                frame_parser_reset(parser);
        if (size == 0) { /* and `data` may be NULL */
                *ret_used = 0;
                return 0;
        }

        if (parser->n_header < FRAME_HEADER_SIZE) {
                n = MIN(FRAME_HEADER_SIZE - parser->n_header, size);
                memcpy(parser->header + parser->n_header, p, n);
                parser->n_header += n;
                used += n;
                if (parser->n_header < FRAME_HEADER_SIZE) {
                        *ret_used = used;
                        return 0;
                }
                r = frame_parser_check_header(parser, problem);
                if (r < 0) {
                        parser->is_broken = true;
                        return r;
                }
                if (size - used >= parser->size) { /* the usual small frame: no copy */
                        *ret = (Frame) { .type = parser->type, .payload = p + used, .size = parser->size };
                        *ret_used = used + parser->size;
                        parser->is_done = true;
                        return 1;
                }
                r = frame_parser_reserve(parser);
                if (r < 0) {
                        parser->is_broken = true;
                        return r;
                }
        }

        n = MIN(parser->size - parser->n_payload, size - used);
        memcpy(parser->payload + parser->n_payload, p + used, n);
        parser->n_payload += n;
        *ret_used = used + n;
        if (parser->n_payload < parser->size)
                return 0;
        *ret = (Frame) { .type = parser->type, .payload = parser->payload, .size = parser->size };
        parser->is_done = true;
        return 1;
}
