/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many addresses, one connection. */

#include "connect/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/macro.h"
#include "connect/resolve.h"

#define TIMER_ACCURACY_USEC (20 * USEC_PER_MSEC)

/* As the link's heartbeat: who is silent for longer is dead (wire/link.h). */
#define SILENCE_MSEC 35000U
#define KEEPALIVE_IDLE_SEC 20
#define KEEPALIVE_INTERVAL_SEC 5
#define KEEPALIVE_PROBES 3

typedef enum TargetState {
        TARGET_NEW,
        TARGET_TRYING,
        TARGET_FAILED,
} TargetState;

typedef struct DialTarget {
        Dial *dial;
        Address address;
        ssize_t name; /* index; -1: none */
        TargetState state;
        int fd;
        sd_event_source *source;
} DialTarget;

typedef struct DialLookup {
        Dial *dial;
        char *host;
        uint16_t port;
        Resolve *resolve; /* while it is asked */
} DialLookup;

struct Dial {
        sd_event *event;
        sd_event_source *defer_source, *timer_source;
        DialRequest request; /* the callbacks */
        usec_t began_usec, next_usec;
        int last_family;
        bool done;
        DialTarget targets[DIAL_TARGETS_MAX];
        size_t n_targets;
        DialLookup *names;
        size_t n_names;
        char reason[512];
};

static void target_done(DialTarget *target) {
        target->source = sd_event_source_disable_unref(target->source);
        target->fd = fd_close(target->fd);
}

static void dial_stop(Dial *dial) {
        for (size_t i = 0; i < dial->n_targets; i++)
                target_done(dial->targets + i);
        for (size_t i = 0; i < dial->n_names; i++)
                dial->names[i].resolve = resolve_free(dial->names[i].resolve);
        dial->timer_source = sd_event_source_disable_unref(dial->timer_source);
        dial->defer_source = sd_event_source_disable_unref(dial->defer_source);
}

static void dial_finish(Dial *dial, const DialResult *result) {
        if (dial->done) {
                (void) fd_close(result->fd);
                return;
        }
        dial->done = true;
        dial_stop(dial);
        dial->request.on_done(dial, result, dial->request.userdata);
}

static void dial_fail(Dial *dial, int error) {
        if (dial->reason[0] == '\0')
                (void) snprintf(dial->reason, sizeof dial->reason, "there is no address to try");
        dial_finish(dial, &(DialResult) { .fd = error, .reason = dial->reason });
}

static void dial_win(Dial *dial, DialTarget *target) {
        const DialLookup *name = target->name >= 0 ? dial->names + target->name : NULL;

        dial_finish(dial, &(DialResult) {
                .fd = TAKE_FD(target->fd),
                .peer = target->address,
                .host = name ? name->host : NULL,
                .port = name ? name->port : 0,
                .reason = "",
        });
}

static void target_fail(DialTarget *target, int error) {
        char text[ADDRESS_TEXT_SIZE];

        target_done(target);
        target->state = TARGET_FAILED;
        (void) snprintf(target->dial->reason, sizeof target->dial->reason, "%s: %s",
                        address_text(&target->address, text), strerror(abs(error)));
}

/* A port of the range for outgoing connections may be given to ourselves: then we would talk to ourselves. */
static bool target_is_self(const DialTarget *target) {
        Address own = {}, peer = {};
        socklen_t own_size = sizeof own, peer_size = sizeof peer;

        return getsockname(target->fd, &own.any, &own_size) >= 0 &&
               getpeername(target->fd, &peer.any, &peer_size) >= 0 && address_equal(&own, &peer);
}

static void dial_advance(Dial *dial);

static int target_on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        DialTarget *target = userdata;
        Dial *dial = target->dial;
        socklen_t size = sizeof(int);
        int error = 0;

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        if (error == 0 && target_is_self(target))
                error = ECONNREFUSED;
        if (error == 0) {
                target->source = sd_event_source_disable_unref(target->source);
                dial_win(dial, target);
                return 0;
        }
        target_fail(target, error);
        dial_advance(dial);
        return 0;
}

/* 1: connected at once; 0: under way; negative errno. */
static int target_connect(DialTarget *target) {
        int r;

        target->fd = socket(target->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (target->fd < 0)
                return -errno;
        if (connect(target->fd, &target->address.any, address_size(&target->address)) >= 0)
                return target_is_self(target) ? -ECONNREFUSED : 1;
        if (errno != EINPROGRESS)
                return -errno;
        r = sd_event_add_io(target->dial->event, &target->source, target->fd, EPOLLOUT, target_on_writable, target);
        return MIN(r, 0);
}

/* The next one that was not tried, if possible of the other family than the last. */
static DialTarget *dial_next_target(Dial *dial) {
        DialTarget *first = NULL;

        for (size_t i = 0; i < dial->n_targets; i++) {
                DialTarget *target = dial->targets + i;

                if (target->state != TARGET_NEW)
                        continue;
                if (target->address.any.sa_family != dial->last_family)
                        return target;
                if (!first)
                        first = target;
        }
        return first;
}

static bool dial_is_waiting(const Dial *dial) {
        for (size_t i = 0; i < dial->n_targets; i++)
                if (dial->targets[i].state == TARGET_TRYING)
                        return true;
        for (size_t i = 0; i < dial->n_names; i++)
                if (dial->names[i].resolve)
                        return true;
        return false;
}

static void dial_arm(Dial *dial) {
        usec_t when = dial->began_usec + DIAL_DEADLINE_USEC;

        if (dial_next_target(dial))
                when = MIN(when, dial->next_usec);
        (void) sd_event_source_set_time(dial->timer_source, when);
        (void) sd_event_source_set_enabled(dial->timer_source, SD_EVENT_ONESHOT);
}

/* Begins the next try, and more as long as they fail at once. */
static void dial_advance(Dial *dial) {
        DialTarget *target;

        while (!dial->done && (target = dial_next_target(dial))) {
                int r;

                dial->last_family = target->address.any.sa_family;
                target->state = TARGET_TRYING;
                r = target_connect(target);
                if (r > 0) {
                        dial_win(dial, target);
                        return;
                }
                if (r < 0) {
                        target_fail(target, r);
                        continue;
                }
                dial->next_usec = clock_now_usec() + DIAL_STAGGER_USEC;
                break;
        }
        if (dial->done)
                return;
        if (dial_is_waiting(dial))
                dial_arm(dial);
        else
                dial_fail(dial, -EHOSTUNREACH);
}

static int dial_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Dial *dial = userdata;

        if (clock_now_usec() < dial->began_usec + DIAL_DEADLINE_USEC) {
                dial_advance(dial);
                return 0;
        }
        for (size_t i = 0; i < dial->n_targets; i++)
                if (dial->targets[i].state == TARGET_TRYING)
                        target_fail(dial->targets + i, ETIMEDOUT);
        if (dial->reason[0] == '\0' && dial->n_names > 0)
                (void) snprintf(dial->reason, sizeof dial->reason, "%s: the name server does not answer",
                                dial->names[0].host);
        dial_fail(dial, -ETIMEDOUT);
        return 0;
}

static void dial_add_target(Dial *dial, const Address *address, ssize_t name) {
        if (dial->request.is_unwanted && dial->request.is_unwanted(address, dial->request.userdata)) {
                char text[ADDRESS_TEXT_SIZE];

                (void) snprintf(dial->reason, sizeof dial->reason, "%s is the address of another master",
                                address_text(address, text));
                return;
        }
        for (size_t i = 0; i < dial->n_targets; i++)
                if (address_equal(&dial->targets[i].address, address))
                        return;
        if (dial->n_targets == DIAL_TARGETS_MAX)
                return;
        dial->targets[dial->n_targets++] = (DialTarget) { .dial = dial, .address = *address, .name = name, .fd = -1 };
}

static void dial_on_resolved(Resolve *resolve, const Address *addresses, size_t n_addresses, const char *reason,
                             void *userdata) {
        DialLookup *name = userdata;
        Dial *dial = name->dial;
        bool trying = false;

        for (size_t i = 0; i < n_addresses; i++)
                dial_add_target(dial, addresses + i, name - dial->names);
        if (n_addresses == 0)
                (void) snprintf(dial->reason, sizeof dial->reason, "%s: %s", name->host, reason);
        name->resolve = resolve_free(name->resolve);
        for (size_t i = 0; i < dial->n_targets; i++)
                trying |= dial->targets[i].state == TARGET_TRYING;
        /* A try that has just begun keeps its head start. */
        if (trying && clock_now_usec() < dial->next_usec)
                dial_arm(dial);
        else
                dial_advance(dial);
}

static void dial_look_up(DialLookup *name) {
        Address address = {};
        int r;

        r = address_parse(name->host, name->port, &address);
        if (r >= 0) {
                dial_add_target(name->dial, &address, name - name->dial->names);
                return;
        }
        /* Numeric, but on an interface that is not there: the resolver would say no more than that. */
        if (r == -EINVAL)
                r = resolve_new(name->dial->event, name->host, name->port, dial_on_resolved, name,
                                &name->resolve);
        if (r < 0)
                (void) snprintf(name->dial->reason, sizeof name->dial->reason, "%s: %s", name->host, strerror(-r));
}

static int dial_on_begin(sd_event_source *source, void *userdata) {
        Dial *dial = userdata;

        dial_advance(dial);
        return 0;
}

int dial_new(sd_event *event, const DialRequest *request, Dial **ret) {
        _cleanup_(dial_freep) Dial *dial = calloc(1, sizeof *dial);
        int r;

        if (!dial)
                return -ENOMEM;
        dial->event = sd_event_ref(event);
        dial->request = *request;
        dial->began_usec = clock_now_usec();
        r = sd_event_add_time(event, &dial->timer_source, CLOCK_BOOTTIME, dial->began_usec + DIAL_DEADLINE_USEC,
                              TIMER_ACCURACY_USEC, dial_on_timer, dial);
        if (r >= 0)
                r = sd_event_add_defer(event, &dial->defer_source, dial_on_begin, dial);
        if (r < 0)
                return r;
        dial->names = calloc(MAX(request->n_names, (size_t) 1), sizeof *dial->names);
        if (!dial->names)
                return -ENOMEM;
        for (; dial->n_names < request->n_names; dial->n_names++) {
                DialLookup *name = dial->names + dial->n_names;

                *name = (DialLookup) { .dial = dial, .port = request->names[dial->n_names].port };
                name->host = strdup(request->names[dial->n_names].host);
                if (!name->host)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < request->n_addresses; i++)
                dial_add_target(dial, request->addresses + i, -1);
        for (size_t i = 0; i < dial->n_names; i++)
                dial_look_up(dial->names + i);
        *ret = TAKE_PTR(dial);
        return 0;
}

Dial *dial_free(Dial *dial) {
        if (!dial)
                return NULL;
        dial_stop(dial);
        for (size_t i = 0; i < dial->n_names; i++)
                free(dial->names[i].host);
        free(dial->names);
        sd_event_unref(dial->event);
        free(dial);
        return NULL;
}

int dial_prepare_socket(int fd) {
        static const struct {
                int level, option;
                unsigned value;
        } options[] = {
                { IPPROTO_TCP, TCP_NODELAY, 1 },
                { SOL_SOCKET, SO_KEEPALIVE, 1 },
                { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SEC },
                { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SEC },
                { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES },
                { IPPROTO_TCP, TCP_USER_TIMEOUT, SILENCE_MSEC },
        };

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof options[i].value) < 0)
                        return -errno;
        return 0;
}
