/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames from a stream of bytes. */

#include <errno.h>

#include "base/bytes.h"
#include "wire/frame.h"
#include "wire/samples.h"

/* Frames with payloads of all sizes: only the type and the length matter here. */
typedef struct Stream {
        uint8_t *data;
        size_t size, n_frames;
        struct {
                uint16_t type;
                size_t at, size;
        } frames[64];
} Stream;

static void stream_init(Stream *stream, Random *random) {
        *stream = (Stream) { .data = malloc(ELEMENTSOF(stream->frames) * (WIRE_PACKED_MAX + 1024)) };
        CHECK(stream->data != NULL);
        while (stream->n_frames < ELEMENTSOF(stream->frames)) {
                uint16_t type = (uint16_t) (1 + random_below(random, _MESSAGE_TYPE_MAX - 1));
                size_t limit = protocol_payload_max(protocol_find(type));
                size_t size = (size_t) sample_integer(
                                random, 0, random_below(random, 8) == 0 ? limit : MIN(limit, 100U));

                frame_write_header(stream->data + stream->size, type, size);
                stream->size += FRAME_HEADER_SIZE;
                stream->frames[stream->n_frames].type = type;
                stream->frames[stream->n_frames].at = stream->size;
                stream->frames[stream->n_frames].size = size;
                stream->n_frames++;
                for (size_t i = 0; i < size; i++)
                        stream->data[stream->size++] = (uint8_t) (i * 31 + stream->n_frames);
        }
}

/* Cuts the stream into pieces of at most `piece_max` bytes, each in memory of its own. */
static void check_stream(const Stream *stream, Random *random, size_t piece_max) {
        _cleanup_(frame_parser_freep) FrameParser *parser = frame_parser_new();
        size_t n_frames = 0, at = 0;

        CHECK(parser != NULL);
        frame_parser_open(parser);
        while (at < stream->size) {
                size_t size = MIN(1 + (size_t) random_below(random, piece_max), stream->size - at),
                       used_here = 0;
                _cleanup_free_ uint8_t *piece = malloc(size);

                CHECK(piece != NULL);
                memcpy(piece, stream->data + at, size);
                while (used_here < size) {
                        Frame frame;
                        size_t used;
                        int r;

                        r = frame_parser_take(parser, piece + used_here, size - used_here, &used, &frame,
                                              NULL);
                        CHECK(r >= 0);
                        CHECK(used <= size - used_here);
                        used_here += used;
                        at += used;
                        if (r == 0) {
                                CHECK_EQUAL(used_here, size);
                                CHECK(frame_parser_is_within(parser));
                                continue;
                        }
                        CHECK(!frame_parser_is_within(parser));
                        CHECK(n_frames < stream->n_frames);
                        CHECK_EQUAL(frame.type, stream->frames[n_frames].type);
                        CHECK_EQUAL(frame.size, stream->frames[n_frames].size);
                        CHECK_EQUAL(at, stream->frames[n_frames].at + frame.size);
                        CHECK(memcmp(frame.payload, stream->data + stream->frames[n_frames].at,
                                     frame.size) == 0);
                        n_frames++;
                }
        }
        CHECK_EQUAL(n_frames, stream->n_frames);
}

static void test_any_pieces_give_the_same_frames(void) {
        static const size_t piece_max[] = { 1, 2, 7, 16, 17, 1000, 16384, 1 << 20, 1 << 30 };
        const char *given = getenv("PRIMED_TEST_SEED");
        uint64_t seed = given ? strtoull(given, NULL, 0) : 20260101;
        Random random;
        Stream stream;

        random_init(&random, seed);
        printf("# PRIMED_TEST_SEED=%" PRIu64 "\n", seed);
        stream_init(&stream, &random);
        for (size_t i = 0; i < ELEMENTSOF(piece_max); i++)
                check_stream(&stream, &random, piece_max[i]);
        free(stream.data);
}

static void test_small_frame_is_not_copied(void) {
        _cleanup_(frame_parser_freep) FrameParser *parser = frame_parser_new();
        uint8_t bytes[FRAME_HEADER_SIZE + 4] = {};
        size_t used;
        Frame frame;

        frame_write_header(bytes, MESSAGE_BYE, 4);
        CHECK_EQUAL(frame_parser_take(parser, bytes, sizeof bytes, &used, &frame, NULL), 1);
        CHECK(frame.payload == bytes + FRAME_HEADER_SIZE);
}

static void test_no_bytes_change_nothing(void) {
        _cleanup_(frame_parser_freep) FrameParser *parser = frame_parser_new();
        size_t used = 1;
        Frame frame;

        CHECK_EQUAL(frame_parser_take(parser, NULL, 0, &used, &frame, NULL), 0);
        CHECK_EQUAL(used, 0);
        CHECK(!frame_parser_is_within(parser));
}

static int take_header(bool is_open, const uint8_t header[static FRAME_HEADER_SIZE], Problem *problem) {
        _cleanup_(frame_parser_freep) FrameParser *parser = frame_parser_new();
        size_t used;
        Frame frame;
        int r;

        if (is_open)
                frame_parser_open(parser);
        r = frame_parser_take(parser, header, FRAME_HEADER_SIZE, &used, &frame, problem);
        if (r < 0) { /* for good */
                CHECK_EQUAL(frame_parser_take(parser, header, FRAME_HEADER_SIZE, &used, &frame, NULL),
                            -EBADMSG);
                CHECK_EQUAL(frame_parser_take(parser, header, 0, &used, &frame, NULL), -EBADMSG);
        }
        return r;
}

static void test_every_wrong_byte_of_the_header(void) {
        uint8_t header[FRAME_HEADER_SIZE];

        for (size_t i = 0; i < FRAME_HEADER_SIZE; i++)
                for (unsigned change = 1; change < 256; change++) {
                        bool is_type = i == 4, is_length = i == 8 || i == 9;

                        if (is_type || is_length)
                                continue; /* may be valid: below */
                        frame_write_header(header, MESSAGE_PING, 0);
                        header[i] ^= (uint8_t) change;
                        CHECK_EQUAL(take_header(true, header, NULL), -EBADMSG);
                }
}

static void test_every_type_has_its_limit(void) {
        uint8_t header[FRAME_HEADER_SIZE];

        for (unsigned type = 0; type <= UINT16_MAX; type++) {
                const ProtocolMessage *row = protocol_find((uint16_t) type);

                frame_write_header(header, (uint16_t) type, 1);
                CHECK_EQUAL(take_header(true, header, NULL), row ? 0 : -EBADMSG);
                CHECK_EQUAL(take_header(false, header, NULL), row && row->is_opening ? 0 : -EBADMSG);
                if (!row)
                        continue;
                frame_write_header(header, (uint16_t) type, protocol_payload_max(row));
                CHECK_EQUAL(take_header(true, header, NULL), 0);
                frame_write_header(header, (uint16_t) type, protocol_payload_max(row) + 1);
                CHECK_EQUAL(take_header(true, header, NULL), -EBADMSG);
                frame_write_header(header, (uint16_t) type, UINT32_MAX);
                CHECK_EQUAL(take_header(true, header, NULL), -EBADMSG);
        }
}

static void test_sentences(void) {
        Problem problem = PROBLEM_NONE;
        uint8_t header[FRAME_HEADER_SIZE];

        frame_write_header(header, MESSAGE_REQUEST, 5000);
        CHECK_EQUAL(take_header(true, header, &problem), -EBADMSG);
        CHECK_STRING(problem.text, "REQUEST has 5000 bytes, more than the 278 it may have");
        problem = PROBLEM_NONE;
        CHECK_EQUAL(take_header(false, header, &problem), -EBADMSG);
        CHECK_STRING(problem.text, "REQUEST came before the greeting");
}

int main(void) {
        RUN(test_any_pieces_give_the_same_frames);
        RUN(test_small_frame_is_not_copied);
        RUN(test_no_bytes_change_nothing);
        RUN(test_every_wrong_byte_of_the_header);
        RUN(test_every_type_has_its_limit);
        RUN(test_sentences);
        return tests_end();
}
