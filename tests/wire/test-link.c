/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Two links that keep the rules, over real sockets on real event loops. What peers do wrong is in
 * test-link-faults.c.
 */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/random.h"
#include "wire/ends.h"

#define BLOCK_MAX ((size_t) 1 << 20)

static uint8_t pattern[BLOCK_MAX + 256]; /* byte i is a hash of i: shifted windows of it differ everywhere */

static void pattern_init(void) {
        Random random;

        random_init(&random, 1);
        for (size_t i = 0; i < sizeof pattern; i++)
                pattern[i] = (uint8_t) random_u64(&random);
}

/* Block number `sequence` of a size and contents that the number alone decides. */
static Message block_message(uint64_t sequence, size_t size) {
        return (Message) {
                .type = MESSAGE_BLOCK,
                .block = {
                        .sequence = sequence,
                        .packed = { .data = pattern + sequence % 256, .size = size },
                },
        };
}

static size_t mixed_size(uint64_t sequence) {
        Random random;

        random_init(&random, sequence);
        return (size_t) random_below(&random, random_below(&random, 100) == 0 ? BLOCK_MAX : 600);
}

static void check_block(const Message *message, uint64_t sequence, size_t size) {
        CHECK_EQUAL(message->type, MESSAGE_BLOCK);
        CHECK_EQUAL(message->block.sequence, sequence);
        CHECK_EQUAL(message->block.packed.size, size);
        CHECK(memcmp(message->block.packed.data, pattern + sequence % 256, size) == 0);
}

/* The handshake */

static void check_handshake(Pair *pair) {
        pair_shake(pair);
        CHECK(memcmp(link_peer_id(pair->client.link), identity_id(pair->server.identity), SHA256_SIZE) == 0);
        CHECK(memcmp(link_peer_id(pair->server.link), identity_id(pair->client.identity), SHA256_SIZE) == 0);
        CHECK(memcmp(link_peer_id(pair->server.link), link_peer_id(pair->client.link), SHA256_SIZE) != 0);
        pair_done(pair);
}

static void test_handshake_tells_each_side_the_other_id(void) {
        Pair pair;

        pair_init(&pair, NULL);
        check_handshake(&pair);
}

static void test_handshake_over_tcp_sets_options(void) {
        Pair pair;
        int fds[2], value;
        socklen_t size = sizeof value;

        tcp_pair_new(fds);
        pair_init_over(&pair, fds, NULL);
        CHECK(getsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value == 1);
        CHECK(getsockopt(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size) == 0 && value == 35000);
        check_handshake(&pair);
}

static void test_send_before_ready_is_refused(void) {
        Pair pair;

        pair_init(&pair, NULL);
        CHECK_EQUAL(link_send(pair.client.link, &end_hello), -ENOTCONN);
        pair_done(&pair);
}

static void test_hundred_links_share_one_loop(void) {
        static Pair pairs[100];
        sd_event *event;
        int fds[2];

        CHECK(sd_event_new(&event) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                pair_new(fds);
                end_init(&pairs[i].client, event, fds[0], LINK_CLIENT, NULL);
                end_init(&pairs[i].server, event, fds[1], LINK_SERVER, NULL);
        }
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                WAIT(event, pairs[i].client.is_ready);
                WAIT(event, pairs[i].server.is_ready);
        }
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                CHECK(memcmp(link_peer_id(pairs[i].server.link), identity_id(pairs[i].client.identity),
                             SHA256_SIZE) == 0);
                end_done(&pairs[i].client);
                end_done(&pairs[i].server);
        }
        sd_event_unref(event);
}

/* Messages */

static void send_more(End *end) {
        while (end->n_sent < end->n_to_send) {
                Message message = block_message(end->n_sent, mixed_size(end->n_sent));
                int r = link_send(end->link, &message);

                if (r == -ENOBUFS)
                        return; /* on_drained() will come */
                CHECK_EQUAL(r, 0);
                end->n_sent++;
        }
}

static void expect_mixed(End *end, const Message *message) {
        check_block(message, end->n_messages - 1, mixed_size(end->n_messages - 1));
}

static void test_messages_arrive_in_order_both_ways(void) {
        LinkSettings settings = LINK_SETTINGS_DEFAULT;
        Pair pair;

        settings.queue_max = 1 << 20;
        pair_init(&pair, &settings);
        pair.client.on_message = pair.server.on_message = expect_mixed;
        pair.client.on_drained = pair.server.on_drained = send_more;
        pair.client.n_to_send = pair.server.n_to_send = 5000;
        pair_shake(&pair);
        run_until_count(pair.event, &pair.client.n_messages, 5000);
        run_until_count(pair.event, &pair.server.n_messages, 5000);
        CHECK(pair.client.n_drained > 1 && pair.server.n_drained > 1);
        CHECK_EQUAL(pair.client.n_messages, 5000);
        CHECK_EQUAL(pair.server.n_messages, 5000);
        pair_done(&pair);
}

static void expect_large(End *end, const Message *message) {
        check_block(message, end->n_messages - 1, BLOCK_MAX);
}

static void test_slow_reader_gets_large_messages(void) {
        sd_event *fast, *slow;
        End sender, reader;
        usec_t deadline = clock_now_usec() + TEST_PATIENCE(20);
        int fds[2];

        CHECK(sd_event_new(&fast) >= 0 && sd_event_new(&slow) >= 0);
        pair_new(fds);
        end_init(&sender, fast, fds[0], LINK_CLIENT, NULL);
        end_init(&reader, slow, fds[1], LINK_SERVER, NULL);
        reader.on_message = expect_large;

        /* The sender's loop runs dry between two rounds of the reader's. */
        while (reader.n_messages < 30) {
                CHECK(clock_now_usec() < deadline);
                while (sd_event_run(fast, 0) > 0)
                        ;
                CHECK(sd_event_run(slow, 0) >= 0);
                while (sender.is_ready && sender.n_sent < 30) {
                        Message message = block_message(sender.n_sent++, BLOCK_MAX);

                        CHECK_EQUAL(link_send(sender.link, &message), 0);
                }
        }
        CHECK_EQUAL(link_queued_bytes(sender.link), 0);
        end_done(&sender);
        end_done(&reader);
        sd_event_unref(fast);
        sd_event_unref(slow);
}

static void test_queue_is_bounded(void) {
        LinkSettings settings = LINK_SETTINGS_DEFAULT;
        Message large = block_message(0, 100000), small = block_message(0, 10);
        unsigned n = 0;
        Pair pair;

        settings.queue_max = 50000;
        pair_init(&pair, &settings);
        pair_shake(&pair);
        while (link_queued_bytes(pair.client.link) > 0)
                CHECK(sd_event_run(pair.event, 0) >= 0);

        /* One message always fits, however large; then none does. */
        CHECK_EQUAL(link_send(pair.client.link, &large), 0);
        CHECK_EQUAL(link_send(pair.client.link, &small), -ENOBUFS);
        run_until_count(pair.event, &pair.server.n_messages, 1);

        while (link_send(pair.client.link, &small) == 0) {
                CHECK(link_queued_bytes(pair.client.link) <= settings.queue_max);
                CHECK(++n < 50000);
        }
        CHECK(n > 100);
        CHECK_EQUAL(link_send(pair.client.link, &small), -ENOBUFS);
        run_until_count(pair.event, &pair.server.n_messages, 1 + n);
        CHECK_EQUAL(link_send(pair.client.link, &small), 0);
        pair_done(&pair);
}

static void test_invalid_message_is_not_sent(void) {
        Message bad = { .type = MESSAGE_REQUEST, .request.lane = WIRE_LANES_MAX };
        Pair pair;

        pair_init(&pair, NULL);
        pair_shake(&pair);
        CHECK_EQUAL(link_send(pair.client.link, &bad), -EINVAL);
        run_for(pair.event, 50 * USEC_PER_MSEC);
        CHECK(!pair.client.is_closed && !pair.server.is_closed);
        pair_done(&pair);
}

static void flood(End *end) {
        Message message = block_message(0, BLOCK_MAX);

        while (link_send(end->link, &message) == 0)
                ;
}

/* Three links pour as fast as they can; a message on a fourth passes within a few rounds of the loop. */
static void test_busy_links_do_not_starve_a_quiet_one(void) {
        LinkSettings settings = LINK_SETTINGS_DEFAULT;
        Pair busy[3], quiet;
        sd_event *event;
        unsigned n_rounds = 0;
        int fds[2];

        settings.queue_max = 8 << 20;
        pair_init(&quiet, NULL);
        event = quiet.event;
        for (size_t i = 0; i < ELEMENTSOF(busy); i++) {
                pair_new(fds);
                end_init(&busy[i].client, event, fds[0], LINK_CLIENT, &settings);
                end_init(&busy[i].server, event, fds[1], LINK_SERVER, &settings);
                busy[i].client.on_drained = busy[i].server.on_drained = flood;
        }
        pair_shake(&quiet);
        for (size_t i = 0; i < ELEMENTSOF(busy); i++)
                run_until_count(event, &busy[i].server.n_messages, 1);

        CHECK_EQUAL(link_send(quiet.client.link, &(Message) { .type = MESSAGE_REQUEST }), 0);
        while (quiet.server.n_messages == 0) {
                CHECK(sd_event_run(event, 0) >= 0);
                CHECK(++n_rounds <= 40);
        }
        for (size_t i = 0; i < ELEMENTSOF(busy); i++) {
                end_done(&busy[i].client);
                end_done(&busy[i].server);
        }
        pair_done(&quiet);
}

/* The heartbeat */

static const LinkSettings quick = {
        .handshake_usec = 5 * USEC_PER_SEC,
        .heartbeat_usec = 100 * USEC_PER_MSEC,
        .silence_usec = 800 * USEC_PER_MSEC, /* a busy machine may keep us waiting for long */
        .queue_max = 64U << 20,
};

static void test_heartbeat_keeps_an_idle_link(void) {
        Pair pair;

        pair_init(&pair, &quick);
        pair_shake(&pair);
        run_for(pair.event, 5 * quick.silence_usec / 2);
        CHECK(!pair.client.is_closed && !pair.server.is_closed);
        CHECK_EQUAL(pair.client.n_messages + pair.server.n_messages, 0); /* PING and PONG stay inside */
        pair_done(&pair);
}

/* One side never sends a PING of its own: the answers are enough. */
static void test_answers_to_the_heartbeat_keep_a_link(void) {
        LinkSettings lazy = quick;
        sd_event *event;
        End client, server;
        int fds[2];

        lazy.heartbeat_usec = USEC_PER_HOUR;
        lazy.silence_usec = 2 * USEC_PER_HOUR;
        CHECK(sd_event_new(&event) >= 0);
        pair_new(fds);
        end_init(&client, event, fds[0], LINK_CLIENT, &lazy);
        end_init(&server, event, fds[1], LINK_SERVER, &quick);
        WAIT(event, server.is_ready);
        run_for(event, 5 * quick.silence_usec / 2);
        CHECK(!client.is_closed && !server.is_closed);
        end_done(&client);
        end_done(&server);
        sd_event_unref(event);
}

/* After a sleep of this process the peer's signs of life wait in the socket: they count. */
static void test_own_sleep_is_not_the_peers_silence(void) {
        LinkSettings patient = quick;
        sd_event *awake, *asleep;
        End peer, sleeper;
        usec_t end;
        int fds[2];

        patient.silence_usec = USEC_PER_HOUR;
        CHECK(sd_event_new(&awake) >= 0 && sd_event_new(&asleep) >= 0);
        pair_new(fds);
        end_init(&peer, awake, fds[0], LINK_CLIENT, &patient);
        end_init(&sleeper, asleep, fds[1], LINK_SERVER, &quick);
        while (!peer.is_ready || !sleeper.is_ready) {
                CHECK(sd_event_run(awake, 1000) >= 0);
                CHECK(sd_event_run(asleep, 1000) >= 0);
        }
        run_for(awake, 3 * quick.silence_usec / 2);
        for (end = clock_now_usec() + quick.silence_usec; clock_now_usec() < end;) {
                CHECK(sd_event_run(asleep, 1000) >= 0);
                CHECK(sd_event_run(awake, 1000) >= 0);
        }
        CHECK(!sleeper.is_closed && !peer.is_closed);
        end_done(&peer);
        end_done(&sleeper);
        sd_event_unref(awake);
        sd_event_unref(asleep);
}

/* The end */

/* The machine slept: both sides wake up, and neither has said a word for longer than anybody's patience. */
static void test_sleep_of_both_is_nobodys_silence(void) {
        sd_event *one, *other;
        End a, b;
        usec_t end;
        int fds[2];

        CHECK(sd_event_new(&one) >= 0 && sd_event_new(&other) >= 0);
        pair_new(fds);
        end_init(&a, one, fds[0], LINK_CLIENT, &quick);
        end_init(&b, other, fds[1], LINK_SERVER, &quick);
        while (!a.is_ready || !b.is_ready) {
                CHECK(sd_event_run(one, 1000) >= 0);
                CHECK(sd_event_run(other, 1000) >= 0);
        }
        usleep((useconds_t) (2 * quick.silence_usec));
        /* The first to wake up has gone through all its timers before the other one runs. */
        run_for(one, quick.silence_usec / 4);
        for (end = clock_now_usec() + quick.silence_usec; clock_now_usec() < end;) {
                CHECK(sd_event_run(other, 1000) >= 0);
                CHECK(sd_event_run(one, 1000) >= 0);
        }
        CHECK(!a.is_closed && !b.is_closed);
        end_done(&a);
        end_done(&b);
        sd_event_unref(one);
        sd_event_unref(other);
}

static void test_close_delivers_what_is_queued(void) {
        Message message = block_message(7, 100000);
        Pair pair;

        pair_init(&pair, NULL);
        pair_shake(&pair);
        for (unsigned i = 0; i < 200; i++)
                CHECK_EQUAL(link_send(pair.client.link, &message), 0);
        link_close(pair.client.link, BYE_DONE, "that was all");
        CHECK(!pair.client.is_closed); /* never from inside */
        CHECK_EQUAL(link_send(pair.client.link, &message), -ENOTCONN);

        WAIT(pair.event, pair.server.is_closed);
        WAIT(pair.event, pair.client.is_closed);
        CHECK_EQUAL(pair.server.n_messages, 200);
        CHECK_EQUAL(pair.server.error, 0);
        CHECK_STRING(pair.server.reason, "that was all");
        CHECK_EQUAL(pair.client.error, 0);
        CHECK_STRING(pair.client.reason, "that was all");
        pair_done(&pair);
}

static void test_close_over_tcp_delivers_what_is_queued(void) {
        Message message = block_message(7, 100000);
        Pair pair;
        int fds[2];

        for (unsigned round = 0; round < 10; round++) {
                tcp_pair_new(fds);
                pair_init_over(&pair, fds, NULL);
                pair_shake(&pair);
                for (unsigned i = 0; i < 50; i++) {
                        CHECK_EQUAL(link_send(pair.client.link, &message), 0);
                        /* Never read: must not reset us. */
                        CHECK_EQUAL(link_send(pair.server.link, &message), 0);
                }
                link_close(pair.client.link, BYE_DONE, "that was all");
                WAIT(pair.event, pair.server.is_closed);
                WAIT(pair.event, pair.client.is_closed);
                CHECK_EQUAL(pair.server.n_messages, 50);
                CHECK_STRING(pair.server.reason, "that was all");
                pair_done(&pair);
        }
}

static void test_bye_tells_code_and_reason(void) {
        static const struct {
                ByeCode code;
                int error;
        } cases[] = {
                { BYE_DONE, 0 },
                { BYE_VERSION, -EPROTONOSUPPORT },
                { BYE_PROTOCOL, -EPROTO },
                { BYE_REFUSED, -EACCES },
                { BYE_RESOURCES, -EBUSY },
                { (ByeCode) 77, -ECONNABORTED },
        };
        Pair pair;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                pair_init(&pair, NULL);
                pair_shake(&pair);
                link_close(pair.server.link, cases[i].code, "r\u00e9ason \033[31m\nx");
                WAIT(pair.event, pair.client.is_closed);
                WAIT(pair.event, pair.server.is_closed);
                CHECK_EQUAL(pair.client.error, cases[i].error);
                CHECK_STRING(pair.client.reason, "r\u00e9ason ?[31m?x"); /* harmless on a terminal */
                CHECK_EQUAL(pair.server.error, 0);
                pair_done(&pair);
        }
}

static void test_close_on_both_sides_at_once(void) {
        Pair pair;

        pair_init(&pair, NULL);
        pair_shake(&pair);
        link_close(pair.client.link, BYE_DONE, "one");
        link_close(pair.client.link, BYE_REFUSED, "two");
        link_close(pair.server.link, BYE_DONE, "three");
        WAIT(pair.event, pair.client.is_closed);
        WAIT(pair.event, pair.server.is_closed);
        CHECK_STRING(pair.client.reason, "one");
        CHECK_STRING(pair.server.reason, "three");
        run_for(pair.event, 50 * USEC_PER_MSEC);
        CHECK_EQUAL(pair.client.n_closed, 1);
        CHECK_EQUAL(pair.server.n_closed, 1);
        link_close(pair.client.link, BYE_DONE, "four");
        CHECK_EQUAL(link_send(pair.client.link, &end_hello), -ENOTCONN);
        run_for(pair.event, 50 * USEC_PER_MSEC);
        CHECK_EQUAL(pair.client.n_closed, 1);
        pair_done(&pair);
}

static void test_close_during_the_handshake(void) {
        Pair pair;

        pair_init(&pair, NULL);
        link_close(pair.client.link, BYE_DONE, NULL);
        CHECK(!pair.client.is_closed);
        WAIT(pair.event, pair.client.is_closed);
        WAIT(pair.event, pair.server.is_closed);
        CHECK_EQUAL(pair.client.error, 0);
        CHECK_EQUAL(pair.server.error, -ECONNRESET);
        pair_done(&pair);
}

static void answer_and_close(End *end, const Message *message) {
        Message answer = { .type = MESSAGE_WAIT, .wait.lane = message->request.lane };

        CHECK_EQUAL(link_send(end->link, &answer), 0);
        link_close(end->link, BYE_REFUSED, "enough");
        CHECK_EQUAL(link_send(end->link, &answer), -ENOTCONN);
}

static void test_close_inside_on_message(void) {
        Pair pair;

        pair_init(&pair, NULL);
        pair.server.on_message = answer_and_close;
        pair_shake(&pair);
        for (uint16_t lane = 0; lane < 10; lane++) { /* all in one record: nine come too late */
                Message message = { .type = MESSAGE_REQUEST, .request.lane = lane };

                CHECK_EQUAL(link_send(pair.client.link, &message), 0);
        }
        WAIT(pair.event, pair.client.is_closed);
        WAIT(pair.event, pair.server.is_closed);
        CHECK_EQUAL(pair.server.n_messages, 1);
        CHECK_EQUAL(pair.client.n_messages, 1);
        CHECK_EQUAL(pair.client.error, -EACCES);
        pair_done(&pair);
}

static void free_on_closed(Link *link, int error, const char *reason, void *userdata) {
        End *end = userdata;

        end_on_closed(link, error, reason, userdata);
        end->link = link_free(link);
}

static void test_free_inside_on_closed(void) {
        LinkCallbacks freeing = end_callbacks;
        sd_event *event;
        End client, server = {};
        int fds[2];

        freeing.on_closed = free_on_closed;
        CHECK(sd_event_new(&event) >= 0);
        pair_new(fds);
        end_init(&client, event, fds[0], LINK_CLIENT, NULL);
        CHECK(identity_new_ephemeral(&server.identity, NULL) == 0);
        CHECK(link_new(event, fds[1], LINK_SERVER, server.identity, NULL, &freeing, &server, &server.link) ==
              0);
        WAIT(event, client.is_ready);
        WAIT(event, server.is_ready);
        link_close(client.link, BYE_DONE, "bye");
        WAIT(event, server.is_closed);
        CHECK(server.link == NULL);
        WAIT(event, client.is_closed);
        end_done(&client);
        end_done(&server);
        sd_event_unref(event);
}

static void test_free_tells_the_peer(void) {
        Pair pair;

        pair_init(&pair, NULL);
        pair_shake(&pair);
        pair.client.link = link_free(pair.client.link);
        WAIT(pair.event, pair.server.is_closed);
        CHECK_EQUAL(pair.server.error, -ECONNRESET);
        CHECK_EQUAL(pair.client.n_closed, 0);
        pair_done(&pair);
}

static void test_new_refuses_what_is_no_stream(void) {
        LinkSettings nervous = LINK_SETTINGS_DEFAULT;
        Identity *identity;
        sd_event *event;
        Link *link = NULL;
        int fds[2];

        nervous.silence_usec = nervous.heartbeat_usec;
        CHECK(sd_event_new(&event) >= 0);
        CHECK(identity_new_ephemeral(&identity, NULL) == 0);

        CHECK(pipe(fds) == 0);
        CHECK_EQUAL(link_new(event, fds[0], LINK_CLIENT, identity, NULL, &end_callbacks, NULL, &link),
                    -ENOTSOCK);
        CHECK(close(fds[0]) < 0 && errno == EBADF); /* it was taken */
        CHECK(close(fds[1]) == 0);

        CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == 0);
        CHECK_EQUAL(link_new(event, fds[0], LINK_CLIENT, identity, NULL, &end_callbacks, NULL, &link),
                    -EPROTOTYPE);
        CHECK(close(fds[0]) < 0 && errno == EBADF);
        CHECK(close(fds[1]) == 0);

        pair_new(fds);
        CHECK_EQUAL(link_new(event, fds[0], LINK_CLIENT, identity, &nervous, &end_callbacks, NULL, &link),
                    -EINVAL);
        CHECK(close(fds[0]) < 0 && errno == EBADF);
        CHECK(close(fds[1]) == 0);

        CHECK(link == NULL);
        CHECK(link_free(NULL) == NULL);
        identity_free(identity);
        sd_event_unref(event);
}

/* Another thread, another loop */

static void echo(End *end, const Message *message) {
        CHECK_EQUAL(link_send(end->link, message), 0);
}

static void *echo_thread(void *argument) {
        int fd = *(int *) argument;
        sd_event *event;
        End end;

        CHECK(sd_event_new(&event) >= 0);
        end_init(&end, event, fd, LINK_SERVER, NULL);
        end.on_message = echo;
        WAIT(event, end.is_closed);
        CHECK_EQUAL(end.error, 0);
        end_done(&end);
        sd_event_unref(event);
        return NULL;
}

static void test_peer_in_another_thread_echoes(void) {
        sd_event *event;
        pthread_t thread;
        int fds[2];
        End end;

        pair_new(fds);
        CHECK(pthread_create(&thread, NULL, echo_thread, &fds[1]) == 0);
        CHECK(sd_event_new(&event) >= 0);
        end_init(&end, event, fds[0], LINK_CLIENT, NULL);
        end.on_message = expect_mixed;
        end.on_drained = send_more;
        end.n_to_send = 3000;
        run_until_count(event, &end.n_messages, 3000);
        link_close(end.link, BYE_DONE, "done");
        WAIT(event, end.is_closed);
        CHECK(pthread_join(thread, NULL) == 0);
        end_done(&end);
        sd_event_unref(event);
}

int main(void) {
        pattern_init();
        RUN(test_handshake_tells_each_side_the_other_id);
        RUN(test_handshake_over_tcp_sets_options);
        RUN(test_send_before_ready_is_refused);
        RUN(test_hundred_links_share_one_loop);
        RUN(test_messages_arrive_in_order_both_ways);
        RUN(test_slow_reader_gets_large_messages);
        RUN(test_queue_is_bounded);
        RUN(test_invalid_message_is_not_sent);
        RUN(test_busy_links_do_not_starve_a_quiet_one);
        RUN(test_heartbeat_keeps_an_idle_link);
        RUN(test_answers_to_the_heartbeat_keep_a_link);
        RUN(test_own_sleep_is_not_the_peers_silence);
        RUN(test_sleep_of_both_is_nobodys_silence);
        RUN(test_close_delivers_what_is_queued);
        RUN(test_close_over_tcp_delivers_what_is_queued);
        RUN(test_bye_tells_code_and_reason);
        RUN(test_close_on_both_sides_at_once);
        RUN(test_close_during_the_handshake);
        RUN(test_close_inside_on_message);
        RUN(test_free_inside_on_closed);
        RUN(test_free_tells_the_peer);
        RUN(test_new_refuses_what_is_no_stream);
        RUN(test_peer_in_another_thread_echoes);
        return tests_end();
}
