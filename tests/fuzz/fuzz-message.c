/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One frame: its type from the header, the rest of the input as its payload. Whatever the decoder takes the
 * encoder writes again, and that form is stable. The corpus is written by `test-message --write-corpus`.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "wire/frame.h"
#include "wire/message.h"

static void check(bool condition) {
        if (!condition)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(message_decoder_freep) MessageDecoder *decoder = NULL, *other = NULL;
        _cleanup_free_ uint8_t *frame = NULL, *again = NULL;
        size_t frame_size, again_size;
        Problem problem = PROBLEM_NONE;
        Message message;

        if (size < FRAME_HEADER_SIZE)
                return 0;
        decoder = message_decoder_new();
        other = message_decoder_new();
        check(decoder && other);

        if (message_decode(decoder, get_le16(data + 4), data + FRAME_HEADER_SIZE, size - FRAME_HEADER_SIZE,
                           &message, &problem) < 0) {
                check(problem.text[0] != '\0');
                return 0;
        }
        check(message_encode(&message, &frame, &frame_size) == 0);
        check(message_decode(other, get_le16(frame + 4), frame + FRAME_HEADER_SIZE,
                             frame_size - FRAME_HEADER_SIZE, &message, NULL) == 0);
        check(message_encode(&message, &again, &again_size) == 0);
        check(again_size == frame_size && memcmp(again, frame, frame_size) == 0);
        return 0;
}
