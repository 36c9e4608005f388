/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A stream of frames, taken once whole and once in pieces whose sizes the input's bytes decide: both ways
 * must find the same frames and the same end. The corpus is the samples that `test-message --write-corpus`
 * writes, and all of them in one stream.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/macro.h"
#include "fuzz/fuzz.h"
#include "wire/frame.h"
#include "wire/message.h"

typedef struct Outcome {
        uint64_t checksum; /* of types, sizes, payloads */
        size_t n_frames, n_bytes;
        int result;
} Outcome;

static void check(bool condition) {
        if (!condition)
                abort();
}

static Outcome run(const uint8_t *data, size_t size, size_t piece_max) {
        _cleanup_(frame_parser_freep) FrameParser *parser = frame_parser_new();
        Outcome outcome = {};

        check(parser != NULL);
        while (outcome.n_bytes < size) {
                size_t piece = MIN(1 + data[outcome.n_bytes] % piece_max, size - outcome.n_bytes), used;
                Problem problem = PROBLEM_NONE;
                Frame frame;

                if (piece_max == SIZE_MAX)
                        piece = size - outcome.n_bytes;
                outcome.result = frame_parser_take(parser, data + outcome.n_bytes, piece, &used, &frame,
                                                   &problem);
                if (outcome.result < 0) {
                        check(outcome.result == -EBADMSG && problem.text[0] != '\0');
                        outcome.n_bytes = 0; /* the place depends on the pieces */
                        break;
                }
                check(used <= piece && (outcome.result > 0 || used == piece));
                outcome.n_bytes += used;
                if (outcome.result == 0)
                        continue;
                check(message_type_name((MessageType) frame.type) != NULL);
                outcome.checksum = outcome.checksum * 31 + frame.type;
                outcome.checksum = outcome.checksum * 31 + checksum_xxh3(frame.payload, frame.size);
                outcome.n_frames++;
                if (frame.type == MESSAGE_HELLO || frame.type == MESSAGE_WELCOME)
                        frame_parser_open(parser);
        }
        return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Outcome whole = run(data, size, SIZE_MAX), pieces = run(data, size, 1 + size % 40);

        check(whole.checksum == pieces.checksum && whole.n_frames == pieces.n_frames);
        check(whole.n_bytes == pieces.n_bytes && whole.result == pieces.result);
        return 0;
}
