/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How fast a link is: blocks of 1 MiB and small messages, through a socketpair, both ends on one thread as
 * in the worst case of a one-core host, then one thread each. Prints MB/s and messages/s; the argument is
 * seconds per figure.
 *
 * All of it twice: first as glibc's malloc is, which gives each megabyte back to the kernel and takes it
 * again, page by page; then with thresholds that let a program keep some.
 */

#include <malloc.h>
#include <pthread.h>

#include "base/macro.h"
#include "wire/ends.h"

#define BLOCK_SIZE ((size_t) 1 << 20)

typedef struct Load {
        const char *name;
        Message message;
} Load;

static uint8_t block[BLOCK_SIZE];

static void send_all(End *end) {
        const Load *load = end->context;

        while (link_send(end->link, &load->message) == 0)
                ;
}

/* The queue is kept short: a longer one would only fill memory. */
static LinkSettings settings_new(void) {
        LinkSettings settings = LINK_SETTINGS_DEFAULT;

        settings.queue_max = 4 << 20;
        return settings;
}

static void print_rate(const Load *load, const char *threads, unsigned n_messages, usec_t took) {
        double seconds = (double) took / USEC_PER_SEC;

        printf("%-22s %-12s %8.0f MB/s %10.0f messages/s\n", load->name, threads,
               (double) n_messages * (double) load->message.block.packed.size / seconds / 1e6,
               n_messages / seconds);
        fflush(stdout);
}

static void bench_one_thread(const Load *load, usec_t span) {
        LinkSettings settings = settings_new();
        usec_t began, now;
        unsigned before;
        Pair pair;

        pair_init(&pair, &settings);
        pair.client.on_drained = send_all;
        pair.client.context = (void *) load;
        run_until_count(pair.event, &pair.server.n_messages, 1);
        before = pair.server.n_messages;
        began = clock_now_usec();
        while ((now = clock_now_usec()) < began + span)
                CHECK(sd_event_run(pair.event, UINT64_MAX) >= 0);
        print_rate(load, "one thread", pair.server.n_messages - before, now - began);
        pair_done(&pair);
}

typedef struct Sender {
        int fd;
        const Load *load;
} Sender;

static void *sender_run(void *argument) {
        LinkSettings settings = settings_new();
        Sender *sender = argument;
        sd_event *event;
        End end;

        CHECK(sd_event_new(&event) >= 0);
        end_init(&end, event, sender->fd, LINK_CLIENT, &settings);
        end.on_drained = send_all;
        end.context = (void *) sender->load;
        while (!end.is_closed)
                CHECK(sd_event_run(event, UINT64_MAX) >= 0);
        end_done(&end);
        sd_event_unref(event);
        return NULL;
}

static void bench_two_threads(const Load *load, usec_t span) {
        Sender sender = { .load = load };
        usec_t began, now;
        pthread_t thread;
        sd_event *event;
        unsigned before;
        int fds[2];
        End end;

        pair_new(fds);
        sender.fd = fds[0];
        CHECK(pthread_create(&thread, NULL, sender_run, &sender) == 0);
        CHECK(sd_event_new(&event) >= 0);
        end_init(&end, event, fds[1], LINK_SERVER, NULL);
        run_until_count(event, &end.n_messages, 1);
        before = end.n_messages;
        began = clock_now_usec();
        while ((now = clock_now_usec()) < began + span)
                CHECK(sd_event_run(event, UINT64_MAX) >= 0);
        print_rate(load, "two threads", end.n_messages - before, now - began);
        end_done(&end);
        CHECK(pthread_join(thread, NULL) == 0);
        sd_event_unref(event);
}

/* Handshakes per second, both ends on this thread. */
static void bench_handshake(usec_t span) {
        usec_t began = clock_now_usec(), now;
        unsigned n = 0;
        Pair pair;

        while ((now = clock_now_usec()) < began + span) {
                pair_init(&pair, NULL);
                pair_shake(&pair);
                pair_done(&pair);
                n++;
        }
        printf("%-22s %-12s %21.0f handshakes/s (with key generation)\n", "handshake", "one thread",
               n / ((double) (now - began) / USEC_PER_SEC));
}

int main(int argc, char *argv[]) {
        const Load loads[] = {
                { "blocks of 1 MiB", { .type = MESSAGE_BLOCK, .block.packed = { block, BLOCK_SIZE } } },
                { "blocks of 64 KiB", { .type = MESSAGE_BLOCK, .block.packed = { block, 65536 } } },
                { "small blocks (32 B)", { .type = MESSAGE_BLOCK, .block.packed = { block, 32 } } },
        };
        usec_t span = (usec_t) ((argc > 1 ? strtod(argv[1], NULL) : 1) * USEC_PER_SEC);

        for (unsigned keeps = 0; keeps < 2; keeps++) {
                if (keeps)
                        CHECK(mallopt(M_MMAP_THRESHOLD, 4 << 20) && mallopt(M_TRIM_THRESHOLD, 32 << 20));
                printf("malloc %s\n", keeps ? "keeps up to 32 MiB" : "as it is");
                for (size_t i = 0; i < ELEMENTSOF(loads); i++) {
                        bench_one_thread(loads + i, span);
                        bench_two_threads(loads + i, span);
                }
        }
        bench_handshake(span);
        return 0;
}
