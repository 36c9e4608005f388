/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A peer that need not keep the rules: a thread that owns one end of a connection, shakes hands properly,
 * and then does what the test tells it, byte by byte.
 */

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "test.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/tls.h"

typedef struct Rogue Rogue;

struct Rogue {
        int fd;
        Identity *identity;
        Tls *tls;
        pthread_t thread;
        void (*act)(Rogue *rogue);
        const void *context;
        const uint8_t *data; /* received, not looked at */
        size_t left;

        /* What it was told at last. */
        uint8_t bye_code;
        char bye_reason[WIRE_REASON_MAX + 1];
};

/* Waits for the socket, 20 s at most. */
static inline void rogue_poll(Rogue *rogue, short events) {
        struct pollfd p = { .fd = rogue->fd, .events = events };

        CHECK(poll(&p, 1, 20000) == 1);
}

static inline void rogue_shake(Rogue *rogue) {
        while (tls_handshake(rogue->tls, NULL) == -EAGAIN)
                rogue_poll(rogue, tls_handshake_wants_write(rogue->tls) ? POLLOUT : POLLIN);
}

/* Sends all of it; false when the peer is gone. */
static inline bool rogue_send(Rogue *rogue, const void *data, size_t size) {
        const uint8_t *p = data;

        while (size > 0) {
                ssize_t n = tls_send(rogue->tls, p, size, NULL);

                if (n == -EAGAIN) {
                        rogue_poll(rogue, POLLOUT);
                        continue;
                }
                if (n < 0)
                        return false;
                p += n;
                size -= (size_t) n;
        }
        return true;
}

static inline bool rogue_send_message(Rogue *rogue, const Message *message) {
        _cleanup_free_ uint8_t *frame = NULL;
        size_t size;

        CHECK(message_encode(message, &frame, &size) == 0);
        return rogue_send(rogue, frame, size);
}

static inline void rogue_greet(Rogue *rogue) {
        static const Message hello = { .type = MESSAGE_HELLO, .hello = { .name = "rogue", .n_lanes = 1 } };

        rogue_send_message(rogue, &hello);
}

/* The type of the next message that the other side sends, 0 at the end. Notes a BYE. */
static inline uint16_t rogue_receive(Rogue *rogue, FrameParser *parser, MessageDecoder *decoder) {
        for (;;) {
                Message message;
                Frame frame;
                size_t used;
                ssize_t n;
                int r;

                while (rogue->left > 0) {
                        r = frame_parser_take(parser, rogue->data, rogue->left, &used, &frame, NULL);
                        CHECK(r >= 0);
                        rogue->data += used;
                        rogue->left -= used;
                        if (r == 0)
                                continue;
                        CHECK(message_decode(decoder, frame.type, frame.payload, frame.size, &message,
                                             NULL) == 0);
                        if (message.type == MESSAGE_BYE) {
                                rogue->bye_code = message.bye.code;
                                memcpy(rogue->bye_reason, message.bye.reason, sizeof rogue->bye_reason);
                        }
                        return frame.type;
                }
                while ((n = tls_receive(rogue->tls, &rogue->data, NULL)) == -EAGAIN)
                        rogue_poll(rogue, POLLIN);
                if (n <= 0)
                        return 0;
                rogue->left = (size_t) n;
        }
}

/* Reads until the other side has ended; keeps its BYE. */
static inline void rogue_listen(Rogue *rogue) {
        FrameParser *parser = frame_parser_new();
        MessageDecoder *decoder = message_decoder_new();

        CHECK(parser && decoder);
        frame_parser_open(parser);
        while (rogue_receive(rogue, parser, decoder) != 0)
                ;
        frame_parser_free(parser);
        message_decoder_free(decoder);
}

static inline void *rogue_run(void *argument) {
        Rogue *rogue = argument;

        rogue_shake(rogue);
        rogue->act(rogue);
        rogue->tls = tls_free(rogue->tls);
        rogue->fd = fd_close(rogue->fd);
        return NULL;
}

/* Takes `fd`. */
static inline void rogue_start(Rogue *rogue, int fd, void (*act)(Rogue *), const void *context) {
        *rogue = (Rogue) { .fd = fd, .act = act, .context = context, .bye_code = 0xff };
        CHECK(fd_set_nonblocking(fd, true) == 0);
        CHECK(identity_new_ephemeral(&rogue->identity, NULL) == 0);
        CHECK(tls_new(fd, false, rogue->identity, &rogue->tls) == 0);
        CHECK(pthread_create(&rogue->thread, NULL, rogue_run, rogue) == 0);
}

static inline void rogue_join(Rogue *rogue) {
        CHECK(pthread_join(rogue->thread, NULL) == 0);
        rogue->identity = identity_free(rogue->identity);
}
