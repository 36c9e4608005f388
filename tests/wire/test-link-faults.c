/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Peers that break the rules, fall silent, or go: each ends the link once, in time, with a sentence. */

#include <signal.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "wire/ends.h"
#include "wire/rogue.h"

static const LinkSettings quick = {
        .handshake_usec = 200 * USEC_PER_MSEC,
        .heartbeat_usec = 100 * USEC_PER_MSEC,
        .silence_usec = 800 * USEC_PER_MSEC, /* a busy machine may keep us waiting for long */
        .queue_max = 64U << 20,
};

/* A link with somebody else at the other end of the socket. */
typedef struct Lone {
        sd_event *event;
        End end;
        int peer; /* the other end */
} Lone;

static void lone_init(Lone *lone, LinkSide side, const LinkSettings *settings) {
        int fds[2];

        *lone = (Lone) {};
        CHECK(sd_event_new(&lone->event) >= 0);
        pair_new(fds);
        lone->peer = fds[0];
        end_init(&lone->end, lone->event, fds[1], side, settings);
}

static void lone_done(Lone *lone) {
        run_for(lone->event, 20 * USEC_PER_MSEC);
        CHECK_EQUAL(lone->end.n_closed, 1); /* and not once more */
        end_done(&lone->end);
        lone->peer = fd_close(lone->peer);
        lone->event = sd_event_unref(lone->event);
}

static void check_closed(Lone *lone, int error, const char *part_of_reason) {
        WAIT(lone->event, lone->end.is_closed);
        if (!strstr(lone->end.reason, part_of_reason))
                printf("# '%s' does not say '%s'\n", lone->end.reason, part_of_reason);
        CHECK(strstr(lone->end.reason, part_of_reason));
        CHECK_EQUAL(lone->end.error, error);
}

/* Before the handshake is done */

static void test_text_instead_of_tls(void) {
        static const char *const texts[] = {
                "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n",
                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n",
        };
        Lone lone;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                for (LinkSide side = LINK_CLIENT; side <= LINK_SERVER; side++) {
                        lone_init(&lone, side, NULL);
                        CHECK(send(lone.peer, texts[i], 25, MSG_NOSIGNAL) == 25);
                        check_closed(&lone, -EPROTO, "TLS");
                        CHECK(!lone.end.is_ready);
                        lone_done(&lone);
                }
}

/* A peer that speaks our protocol without TLS must not reach the parser of frames. */
static void test_plain_frames_instead_of_tls(void) {
        uint8_t *frame;
        size_t size;
        Lone lone;

        CHECK(message_encode(&end_hello, &frame, &size) == 0);
        lone_init(&lone, LINK_SERVER, NULL);
        CHECK(send(lone.peer, frame, size, MSG_NOSIGNAL) == (ssize_t) size);
        check_closed(&lone, -EPROTO, "TLS");
        CHECK_EQUAL(lone.end.n_messages, 0);
        lone_done(&lone);
        free(frame);
}

static void test_end_during_the_handshake(void) {
        static const uint8_t beginning[] = { 0x16, 0x03, 0x01 };
        Lone lone;

        for (size_t n = 0; n <= sizeof beginning; n++) {
                lone_init(&lone, LINK_SERVER, NULL);
                if (n > 0)
                        CHECK(send(lone.peer, beginning, n, MSG_NOSIGNAL) == (ssize_t) n);
                lone.peer = fd_close(lone.peer);
                check_closed(&lone, -ECONNRESET, "during the TLS handshake");
                lone_done(&lone);
        }
}

static void test_handshake_that_never_ends(void) {
        usec_t began, took;
        Lone lone;

        for (LinkSide side = LINK_CLIENT; side <= LINK_SERVER; side++) {
                began = clock_now_usec();
                lone_init(&lone, side, &quick);
                check_closed(&lone, -ETIMEDOUT, "not finished the TLS handshake");
                took = clock_now_usec() - began;
                CHECK(took >= quick.handshake_usec && took < 5 * TEST_SLOWNESS * quick.handshake_usec);
                lone_done(&lone);
        }
}

/* Bytes that trickle in do not buy more time. */
static void test_handshake_that_trickles(void) {
        static const uint8_t beginning[] = { 0x16, 0x03, 0x01, 0x10, 0x00, 0x01, 0x00, 0x0f };
        usec_t began, took;
        size_t n_sent = 0;
        Lone lone;

        began = clock_now_usec();
        lone_init(&lone, LINK_SERVER, &quick);
        while (!lone.end.is_closed) {
                if (clock_now_usec() >= began + n_sent * 10 * USEC_PER_MSEC) {
                        uint8_t byte = n_sent < sizeof beginning ? beginning[n_sent] : 0;

                        n_sent += send(lone.peer, &byte, 1, MSG_NOSIGNAL) == 1;
                }
                CHECK(sd_event_run(lone.event, 5 * USEC_PER_MSEC) >= 0);
                CHECK(clock_now_usec() < began + TEST_PATIENCE(10));
        }
        took = clock_now_usec() - began;
        CHECK(took >= quick.handshake_usec && took < 5 * TEST_SLOWNESS * quick.handshake_usec);
        CHECK(n_sent > 10);
        check_closed(&lone, -ETIMEDOUT, "not finished the TLS handshake");
        lone_done(&lone);
}

/* A handshake message that claims to be huge is given up long before it could be. */
static void test_huge_handshake_message(void) {
        /* record of 16,384 bytes; client hello of 16 MiB */
        static const uint8_t beginning[] = {
                0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0xff, 0xff, 0xff, 0x03, 0x03
        };
        uint8_t record[16384 + 5] = {};
        size_t n_sent = 0;
        Lone lone;

        memcpy(record, beginning, sizeof beginning);
        lone_init(&lone, LINK_SERVER, NULL);
        while (!lone.end.is_closed) {
                ssize_t n = send(lone.peer, record + n_sent % sizeof record,
                                 sizeof record - n_sent % sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n > 0)
                        n_sent += (size_t) n;
                memset(record + 5, 0, sizeof record - 5);
                CHECK(sd_event_run(lone.event, 100 * USEC_PER_MSEC) >= 0);
                CHECK(n_sent < 400000); /* what the socket holds */
        }
        check_closed(&lone, -EPROTO, "TLS");
        lone_done(&lone);
}

/* After the handshake: what the peer says is not what the protocol allows */

typedef struct Breach {
        const char *says; /* part of our reason */
        bool greets;
        size_t size;
        uint8_t bytes[32];
} Breach;

#define HEADER(type, flags, length, reserved)                                                               \
        'p', 'r', 'm', 'd', (type) & 0xff, (type) >> 8, (flags), 0, (length) & 0xff, (length) >> 8 & 0xff,  \
                (length) >> 16 & 0xff, (length) >> 24, (reserved), 0, 0, 0

static const Breach breaches[] = {
        { "magic number", true, 16, { 'G', 'E', 'T', ' ' } },
        { "flags", true, 16, { HEADER(MESSAGE_PING, 1, 0, 0) } },
        { "flags", true, 16, { HEADER(MESSAGE_PING, 0, 0, 1) } },
        { "unknown type 0", true, 16, { HEADER(0, 0, 0, 0) } },
        { "unknown type 999", true, 16, { HEADER(999, 0, 0, 0) } },
        { "more than the", true, 16, { HEADER(MESSAGE_BLOCK, 0, 0xffffffffU, 0) } },
        { "more than the", true, 16, { HEADER(MESSAGE_REQUEST, 0, 1000, 0) } },
        { "REQUEST came before", false, 24, { HEADER(MESSAGE_REQUEST, 0, 8, 0), 1, 0, 2, 0, 0, 0, 0, 0 } },
        { "more than the", false, 16, { HEADER(MESSAGE_HELLO, 0, 4096, 0) } },
        { "missing", true, 16, { HEADER(MESSAGE_REQUEST, 0, 0, 0) } },
        { "request.lane is 1024", true, 24, { HEADER(MESSAGE_REQUEST, 0, 8, 0), 1, 0, 2, 0, 0, 0, 0, 4 } },
};

static void breach_act(Rogue *rogue) {
        const Breach *breach = rogue->context;

        if (breach->greets)
                rogue_greet(rogue);
        rogue_send(rogue, breach->bytes, breach->size);
        rogue_listen(rogue);
}

static void test_breach_ends_the_link_and_is_told(void) {
        Rogue rogue;
        Lone lone;

        for (size_t i = 0; i < ELEMENTSOF(breaches); i++) {
                lone_init(&lone, LINK_SERVER, NULL);
                rogue_start(&rogue, TAKE_FD(lone.peer), breach_act, breaches + i);
                check_closed(&lone, -EPROTO, breaches[i].says);
                rogue_join(&rogue);
                CHECK_EQUAL(lone.end.n_messages, 0);
                CHECK_EQUAL(rogue.bye_code, BYE_PROTOCOL);
                CHECK_STRING(rogue.bye_reason, lone.end.reason);
                lone_done(&lone);
        }
}

static void ping_act(Rogue *rogue) {
        FrameParser *parser = frame_parser_new();
        MessageDecoder *decoder = message_decoder_new();

        CHECK(parser && decoder);
        frame_parser_open(parser);
        CHECK_EQUAL(rogue_receive(rogue, parser, decoder), MESSAGE_HELLO);
        for (unsigned i = 0; i < 10; i++) { /* also before the greeting */
                rogue_send_message(rogue, &(Message) { .type = MESSAGE_PING });
                CHECK_EQUAL(rogue_receive(rogue, parser, decoder), MESSAGE_PONG);
        }
        rogue_send_message(rogue, &(Message) { .type = MESSAGE_BYE, .bye = { .code = 200 } });
        frame_parser_free(parser);
        message_decoder_free(decoder);
}

static void test_ping_is_answered_and_empty_bye_gets_a_sentence(void) {
        Rogue rogue;
        Lone lone;

        lone_init(&lone, LINK_SERVER, NULL);
        rogue_start(&rogue, TAKE_FD(lone.peer), ping_act, NULL);
        check_closed(&lone, -ECONNABORTED, "The peer closed the connection");
        rogue_join(&rogue);
        lone_done(&lone);
}

/* Ends */

static void leave_act(Rogue *rogue) {
        const size_t *n = rogue->context;
        Message message = {
                .type = MESSAGE_BLOCK,
                .block.packed = { .data = (const uint8_t[1000]) {}, .size = 1000 },
        };
        uint8_t *frame;
        size_t size;

        rogue_greet(rogue);
        CHECK(message_encode(&message, &frame, &size) == 0);
        rogue_send(rogue, frame, *n);
        free(frame);
}

static void test_end_without_bye(void) {
        static const size_t lengths[] = { 0, 1, 15, 16, 17, 500 };
        Rogue rogue;
        Lone lone;

        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                lone_init(&lone, LINK_SERVER, NULL);
                rogue_start(&rogue, TAKE_FD(lone.peer), leave_act, lengths + i);
                check_closed(&lone, -ECONNRESET,
                             lengths[i] > 0 ? "in the middle of a message" : "without a word");
                rogue_join(&rogue);
                CHECK_EQUAL(lone.end.n_messages, 0);
                lone_done(&lone);
        }
}

/* It ends its direction, by TLS or by the socket, but keeps the connection and goes on listening. */
static void half_close_act(Rogue *rogue) {
        const bool *politely = rogue->context;

        rogue_greet(rogue);
        if (*politely)
                CHECK(tls_end(rogue->tls) == 0);
        CHECK(shutdown(rogue->fd, SHUT_WR) == 0);
        rogue_listen(rogue);
}

static void test_half_closed_connection(void) {
        static const bool politely[] = { false, true };
        Rogue rogue;
        Lone lone;

        for (size_t i = 0; i < ELEMENTSOF(politely); i++) {
                lone_init(&lone, LINK_SERVER, NULL);
                rogue_start(&rogue, TAKE_FD(lone.peer), half_close_act, politely + i);
                check_closed(&lone, -ECONNRESET, "without a word");
                rogue_join(&rogue);
                lone_done(&lone);
        }
}

static void refuse_act(Rogue *rogue) {
        rogue_greet(rogue);
        rogue_send_message(rogue, &(Message) { .type = MESSAGE_BYE, .bye = { BYE_REFUSED, "not you" } });
}

static void send_without_end(End *end) {
        static const uint8_t zeros[1 << 18];
        Message message = { .type = MESSAGE_BLOCK, .block.packed = { .data = zeros, .size = sizeof zeros } };

        while (link_send(end->link, &message) == 0)
                ;
}

/*
 * The peer says why and closes while we pour: the reason must not be lost in the broken pipe (nor SIGPIPE
 * kill).
 */
static void test_bye_is_heard_while_sending(void) {
        Rogue rogue;
        Lone lone;

        for (unsigned round = 0; round < 50; round++) {
                lone_init(&lone, LINK_SERVER, NULL);
                lone.end.on_drained = send_without_end;
                rogue_start(&rogue, TAKE_FD(lone.peer), refuse_act, NULL);
                check_closed(&lone, -EACCES, "not you");
                rogue_join(&rogue);
                lone_done(&lone);
        }
}

/* Silence */

static void stop_reading_act(Rogue *rogue) {
        static const Message ping = { .type = MESSAGE_PING };

        rogue_greet(rogue);
        while (rogue_send_message(rogue, &ping)) /* alive, but takes nothing */
                usleep(20000);
}

static void test_peer_that_stops_reading(void) {
        Rogue rogue;
        Lone lone;

        lone_init(&lone, LINK_SERVER, &quick);
        lone.end.on_drained = send_without_end;
        rogue_start(&rogue, TAKE_FD(lone.peer), stop_reading_act, NULL);
        check_closed(&lone, -ETIMEDOUT, "taken nothing");
        rogue_join(&rogue);
        lone_done(&lone);
}

static _Noreturn void child_run(int fd) {
        sd_event *event;
        End end;

        CHECK(sd_event_new(&event) >= 0);
        end_init(&end, event, fd, LINK_CLIENT, &quick);
        while (!end.is_closed)
                CHECK(sd_event_run(event, UINT64_MAX) >= 0);
        _exit(0);
}

static void test_stopped_process_is_noticed(void) {
        usec_t began, took;
        pid_t child;
        Lone lone;
        int fds[2];

        pair_new(fds);
        child = fork();
        CHECK(child >= 0);
        if (child == 0) {
                CHECK(close(fds[1]) == 0);
                child_run(fds[0]);
        }
        CHECK(close(fds[0]) == 0);

        lone = (Lone) { .peer = -1 };
        CHECK(sd_event_new(&lone.event) >= 0);
        end_init(&lone.end, lone.event, fds[1], LINK_SERVER, &quick);
        WAIT(lone.event, lone.end.is_ready);
        run_for(lone.event, 2 * quick.silence_usec);
        CHECK(!lone.end.is_closed);

        CHECK(kill(child, SIGSTOP) == 0);
        began = clock_now_usec();
        check_closed(&lone, -ETIMEDOUT, "been silent for 0.8 s");
        took = clock_now_usec() - began;
        /* The last word may be as old as a heartbeat. */
        CHECK(took >= quick.silence_usec - 2 * quick.heartbeat_usec && took < 3 * TEST_SLOWNESS * quick.silence_usec);

        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
        lone_done(&lone);
}

static void sleep_act(Rogue *rogue) {
        rogue_greet(rogue);
        usleep(2600000);
}

/* link_close() cannot wait for ever for a peer that takes nothing: 2 s, as link.h says. */
static void test_close_does_not_wait_for_ever(void) {
        usec_t began, took;
        Rogue rogue;
        Lone lone;

        lone_init(&lone, LINK_SERVER, NULL);
        rogue_start(&rogue, TAKE_FD(lone.peer), sleep_act, NULL);
        WAIT(lone.event, lone.end.is_ready);
        send_without_end(&lone.end);
        began = clock_now_usec();
        link_close(lone.end.link, BYE_DONE, "enough");
        check_closed(&lone, 0, "enough");
        took = clock_now_usec() - began;
        CHECK(took >= 2 * USEC_PER_SEC && took < TEST_PATIENCE(3));
        lone_done(&lone);
        rogue_join(&rogue);
}

int main(void) {
        RUN(test_stopped_process_is_noticed); /* forks: before there are threads */
        RUN(test_text_instead_of_tls);
        RUN(test_plain_frames_instead_of_tls);
        RUN(test_end_during_the_handshake);
        RUN(test_handshake_that_never_ends);
        RUN(test_handshake_that_trickles);
        RUN(test_huge_handshake_message);
        RUN(test_breach_ends_the_link_and_is_told);
        RUN(test_ping_is_answered_and_empty_bye_gets_a_sentence);
        RUN(test_end_without_bye);
        RUN(test_half_closed_connection);
        RUN(test_bye_is_heard_while_sending);
        RUN(test_peer_that_stops_reading);
        RUN(test_close_does_not_wait_for_ever);
        return tests_end();
}
