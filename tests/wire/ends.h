/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Links for tests: an End is a link that notes what happened to it, a Pair is two of them on one event loop.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "test.h"
#include "wire/link.h"

/* One end, and what happened to it. */
typedef struct End {
        sd_event *event;
        Identity *identity;
        Link *link;

        bool is_ready, is_closed;
        unsigned n_messages, n_closed, n_drained;
        int error;
        char reason[WIRE_REASON_MAX + 1];

        /* What a test adds. */
        void (*on_message)(struct End *end, const Message *message);
        void (*on_drained)(struct End *end);
        uint64_t n_sent, n_to_send;
        void *context;
} End;

static const Message end_hello = {
        .type = MESSAGE_HELLO,
        .hello = { .name = "test", .program = "test-link 0", .n_lanes = 1 },
};

static inline Message request(uint16_t lane) {
        return (Message) { .type = MESSAGE_REQUEST, .request.lane = lane };
}

static inline void end_on_ready(Link *link, void *userdata) {
        End *end = userdata;

        CHECK(!end->is_ready);
        end->is_ready = true;
        CHECK(link_peer_id(link) != NULL);
        CHECK(link_send(link, &end_hello) == 0);
}

static inline void end_on_message(Link *link, const Message *message, void *userdata) {
        End *end = userdata;

        CHECK(end->is_ready && !end->is_closed);
        CHECK(message->type != MESSAGE_PING && message->type != MESSAGE_PONG &&
              message->type != MESSAGE_BYE);
        if (message->type == MESSAGE_HELLO)
                return;
        end->n_messages++;
        if (end->on_message)
                end->on_message(end, message);
}

static inline void end_on_drained(Link *link, void *userdata) {
        End *end = userdata;

        CHECK_EQUAL(link_queued_bytes(link), 0);
        end->n_drained++;
        if (end->on_drained)
                end->on_drained(end);
}

static inline void end_on_closed(Link *link, int error, const char *reason, void *userdata) {
        End *end = userdata;

        CHECK(reason && reason[0]);
        end->is_closed = true;
        end->n_closed++;
        end->error = error;
        (void) snprintf(end->reason, sizeof end->reason, "%s", reason);
}

static const LinkCallbacks end_callbacks = {
        .on_ready = end_on_ready,
        .on_message = end_on_message,
        .on_drained = end_on_drained,
        .on_closed = end_on_closed,
};

static inline void end_init(End *end, sd_event *event, int fd, LinkSide side, const LinkSettings *settings) {
        *end = (End) { .event = event };
        CHECK(identity_new_ephemeral(&end->identity, NULL) == 0);
        CHECK(link_new(event, fd, side, end->identity, settings, &end_callbacks, end, &end->link) == 0);
        CHECK(link_peer_id(end->link) == NULL);
}

static inline void end_done(End *end) {
        end->link = link_free(end->link);
        end->identity = identity_free(end->identity);
}

/* Runs the loop until `*condition` or the time is over; returns whether the condition came. */
static inline bool run_until(sd_event *event, const bool *condition, usec_t timeout_usec) {
        usec_t end = clock_now_usec() + timeout_usec, now;

        while (!*condition && (now = clock_now_usec()) < end)
                CHECK(sd_event_run(event, end - now) >= 0);
        return *condition;
}

/* Runs the loop for so long, whatever happens. */
static inline void run_for(sd_event *event, usec_t span_usec) {
        static const bool never = false;

        CHECK(!run_until(event, &never, span_usec));
}

/* Runs until `*counter` has reached `goal`; fails when that takes more than 20 s, or what a sanitizer makes of it. */
static inline void run_until_count(sd_event *event, const unsigned *counter, unsigned goal) {
        usec_t end = clock_now_usec() + TEST_PATIENCE(20);

        while (*counter < goal) {
                CHECK(clock_now_usec() < end);
                CHECK(sd_event_run(event, USEC_PER_SEC) >= 0);
        }
}

#define WAIT(event, condition) CHECK(run_until(event, &(condition), TEST_PATIENCE(20)))

static inline void pair_new(int fds[static 2]) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}

static inline void tcp_pair_new(int fds[static 2]) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof address;
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(listener >= 0);
        CHECK(bind(listener, (struct sockaddr *) &address, sizeof address) == 0);
        CHECK(listen(listener, 1) == 0);
        CHECK(getsockname(listener, (struct sockaddr *) &address, &size) == 0);
        fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fds[0] >= 0);
        CHECK(connect(fds[0], (struct sockaddr *) &address, sizeof address) == 0);
        fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(fds[1] >= 0);
        CHECK(close(listener) == 0);
}

/* Two ends on one loop. */
typedef struct Pair {
        sd_event *event;
        End client, server;
} Pair;

static inline void pair_init_over(Pair *pair, int fds[static 2], const LinkSettings *settings) {
        *pair = (Pair) {};
        CHECK(sd_event_new(&pair->event) >= 0);
        end_init(&pair->client, pair->event, fds[0], LINK_CLIENT, settings);
        end_init(&pair->server, pair->event, fds[1], LINK_SERVER, settings);
}

static inline void pair_init(Pair *pair, const LinkSettings *settings) {
        int fds[2];

        pair_new(fds);
        pair_init_over(pair, fds, settings);
}

static inline void pair_shake(Pair *pair) {
        WAIT(pair->event, pair->client.is_ready);
        WAIT(pair->event, pair->server.is_ready);
}

static inline void pair_done(Pair *pair) {
        end_done(&pair->client);
        end_done(&pair->server);
        pair->event = sd_event_unref(pair->event);
}
