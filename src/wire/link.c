/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A link's life:
 *
 *     SHAKING ──▶ OPEN ──▶ CLOSING ──▶ ENDED ──▶ (on_closed)
 *        └──────────┴─────────────────────▲
 *
 * SHAKING  the TLS handshake; nothing may be sent, nothing of a message is read.
 * OPEN     messages go both ways.
 * CLOSING  a BYE is the last thing in the outbox; what the peer still says is thrown away unread. When the
 *          outbox is empty our direction is shut and we wait for the peer's end: closing a TCP socket with
 *          unread bytes resets the connection, and a reset can overtake the BYE.
 * ENDED    the descriptor is closed. on_closed() comes from an event source of its own, so never from inside
 *          a function that the owner called, and never twice.
 *
 * Fairness: one wake-up handles at most RECORDS_PER_WAKEUP records each way, so a thousand links share one
 * loop. Sending waits for the loop, too: what one round of the loop queues leaves in as few records as
 * possible.
 *
 * Time: a link has one timer. Traffic does not move it; when it fires it looks at what happened meanwhile.
 * Before it calls a peer silent it reads once more, because it may be this process that slept.
 *
 * A PING that finds the outbox full is not answered: the bytes that wait there will tell as much.
 */

#include "wire/link.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/utf8.h"
#include "wire/frame.h"
#include "wire/outbox.h"
#include "wire/tls.h"

/* 512 KiB at most: about a millisecond of work. */
#define RECORDS_PER_WAKEUP 32

/* How long a link may take to send its last words. */
#define CLOSING_USEC (2 * USEC_PER_SEC)

/* Timers of many links may share a wake-up. */
#define TIMER_ACCURACY_MAX_USEC (250 * USEC_PER_MSEC)

typedef enum LinkState {
        LINK_SHAKING,
        LINK_OPEN,
        LINK_CLOSING,
        LINK_ENDED,
} LinkState;

struct Link {
        LinkState state;
        int fd;
        Tls *tls;
        FrameParser *parser;
        MessageDecoder *decoder;
        Outbox outbox;

        LinkSettings settings;
        LinkCallbacks callbacks;
        void *userdata;

        sd_event_source *io, *timer, *ending;

        usec_t state_usec;    /* when this state began */
        usec_t heard_usec;    /* when the peer's last bytes came */
        usec_t sent_usec;     /* when the kernel last took bytes of ours */
        usec_t progress_usec; /* the same, or when the outbox became busy */

        bool is_peer_known; /* the handshake is done */
        bool is_drain_due;  /* the owner queued something since on_drained() */
        bool is_shut;       /* our direction */

        int error; /* for on_closed() */
        char reason[WIRE_REASON_MAX + 1];
};

static void link_set_state(Link *link, LinkState state, usec_t now) {
        link->state = state;
        link->state_usec = now;
}

/* Keeps the first reason: later ones are its consequences. */
static void link_set_reason(Link *link, int error, const char *reason) {
        if (link->reason[0])
                return;
        link->error = error;
        utf8_copy_plain(link->reason, sizeof link->reason, reason);
}

static void link_end(Link *link, int error, const char *reason) {
        if (link->state == LINK_ENDED)
                return;
        link_set_reason(link, error, reason);
        link_set_state(link, LINK_ENDED, 0);
        link->io = sd_event_source_disable_unref(link->io);
        link->timer = sd_event_source_disable_unref(link->timer);
        link->fd = fd_close(link->fd);
        outbox_done(&link->outbox);
        (void) sd_event_source_set_enabled(link->ending, SD_EVENT_ONESHOT);
}

/* What the loop should wake us for. */
static void link_update_events(Link *link) {
        uint32_t events = EPOLLIN;

        if (link->state == LINK_ENDED)
                return;
        if (link->state == LINK_SHAKING)
                events = tls_handshake_wants_write(link->tls) ? EPOLLOUT : EPOLLIN;
        else if (link->outbox.n_bytes > 0 || (link->state == LINK_CLOSING && !link->is_shut))
                events |= EPOLLOUT;
        if (sd_event_source_set_io_events(link->io, events) < 0)
                link_end(link, -EIO, "The event loop refused the connection");
}

/* Queues a message; `bound` counts only when something waits already. */
static int link_put(Link *link, const Message *message, size_t bound) {
        uint8_t *frame;
        size_t size;
        int r;

        r = message_encode(message, &frame, &size);
        if (r < 0)
                return r;
        if (link->outbox.n_bytes > 0 && (size > bound || link->outbox.n_bytes > bound - size)) {
                free(frame);
                return -ENOBUFS;
        }
        if (link->outbox.n_bytes == 0)
                link->progress_usec = clock_now_usec();
        r = outbox_put(&link->outbox, frame, size);
        if (r < 0)
                return r;
        link_update_events(link);
        return 0;
}

/* Arms the timer for the earliest moment at which there may be something to do. */
static void link_arm_timer(Link *link) {
        usec_t next;

        switch (link->state) {
        case LINK_SHAKING:
                next = link->state_usec + link->settings.handshake_usec;
                break;
        case LINK_OPEN:
                next = link->heard_usec + link->settings.silence_usec;
                if (link->outbox.n_bytes == 0)
                        next = MIN(next, link->sent_usec + link->settings.heartbeat_usec);
                else { /* no PING is due before these bytes are gone */
                        next = MIN(next, link->progress_usec + link->settings.silence_usec);
                        next = MIN(next, clock_now_usec() + link->settings.heartbeat_usec);
                }
                break;
        case LINK_CLOSING:
                next = link->state_usec + CLOSING_USEC;
                break;
        default:
                return;
        }
        if (sd_event_source_set_time(link->timer, next) < 0 ||
            sd_event_source_set_enabled(link->timer, SD_EVENT_ONESHOT) < 0)
                link_end(link, -EIO, "The event loop refused a timer");
}

/* Says BYE as the last thing; on_closed() will tell `error` and `reason`. */
static void link_begin_closing(Link *link, ByeCode code, int error, const char *reason) {
        Message bye = { .type = MESSAGE_BYE };

        if (link->state != LINK_OPEN)
                return;
        link_set_reason(link, error, reason);
        bye.bye.code = (uint8_t) code;
        memcpy(bye.bye.reason, link->reason, sizeof bye.bye.reason);
        link_set_state(link, LINK_CLOSING, clock_now_usec());
        if (link_put(link, &bye, SIZE_MAX) < 0)
                link_end(link, error, reason);
        link_arm_timer(link);
}

/* The peer broke a rule, or we cannot go on. */
static void link_break(Link *link, int error, const Problem *problem) {
        if (error == -ENOMEM)
                link_begin_closing(link, BYE_RESOURCES, error, "Out of memory");
        else
                link_begin_closing(link, BYE_PROTOCOL, -EPROTO, problem->text);
}

/* Receiving */

static void link_on_bye(Link *link, const MessageBye *bye) {
        static const struct {
                int error;
                const char *reason;
        } codes[_BYE_CODE_MAX] = {
                [BYE_DONE] = { 0, "The peer is done" },
                [BYE_VERSION] = { -EPROTONOSUPPORT, "The peer speaks no version of the protocol of ours" },
                [BYE_PROTOCOL] = { -EPROTO, "The peer found that we broke the protocol" },
                [BYE_REFUSED] = { -EACCES, "The peer refused us" },
                [BYE_RESOURCES] = { -EBUSY, "The peer is short of resources" },
        };
        bool known = bye->code < _BYE_CODE_MAX;
        const char *reason = known ? codes[bye->code].reason : "The peer closed the connection";

        link_end(link, known ? codes[bye->code].error : -ECONNABORTED,
                 bye->reason[0] ? bye->reason : reason);
}

static void link_on_frame(Link *link, const Frame *frame) {
        static const Message pong = { .type = MESSAGE_PONG };
        Problem problem = PROBLEM_NONE;
        Message message;
        int r;

        r = message_decode(link->decoder, frame->type, frame->payload, frame->size, &message, &problem);
        if (r < 0) {
                link_break(link, r, &problem);
                return;
        }
        switch (message.type) {
        case MESSAGE_PING:
                if (link->outbox.n_bytes == 0 && link_put(link, &pong, SIZE_MAX) < 0)
                        link_break(link, -ENOMEM, NULL);
                return;
        case MESSAGE_PONG:
                return;
        case MESSAGE_BYE:
                link_on_bye(link, &message.bye);
                return;
        case MESSAGE_HELLO:
        case MESSAGE_WELCOME:
                frame_parser_open(link->parser);
                break;
        default:
                break;
        }
        link->callbacks.on_message(link, &message, link->userdata);
}

static void link_on_bytes(Link *link, const uint8_t *data, size_t size) {
        while (size > 0 && link->state == LINK_OPEN) {
                Problem problem = PROBLEM_NONE;
                Frame frame;
                size_t used;
                int r;

                r = frame_parser_take(link->parser, data, size, &used, &frame, &problem);
                if (r < 0) {
                        link_break(link, r, &problem);
                        return;
                }
                data += used;
                size -= used;
                if (r > 0)
                        link_on_frame(link, &frame);
        }
}

static void link_receive(Link *link, unsigned n_records_max) {
        for (unsigned n = 0; link->state == LINK_OPEN && (n < n_records_max || tls_has_pending(link->tls));
             n++) {
                Problem problem = PROBLEM_NONE;
                const uint8_t *data;
                ssize_t size;

                size = tls_receive(link->tls, &data, &problem);
                if (size == -EAGAIN)
                        return;
                if (size <= 0) {
                        bool within = frame_parser_is_within(link->parser);

                        link_end(link, size < 0 ? (int) size : -ECONNRESET,
                                 size < 0 && size != -ECONNRESET ? problem.text :
                                 within ? "The peer closed the connection in the middle of a message" :
                                          "The peer closed the connection without a word");
                        return;
                }
                link->heard_usec = clock_now_usec();
                link_on_bytes(link, data, (size_t) size);
        }
}

/* After the last words of this side: what the peer says is of no interest, only that it ends. */
static void link_discard(Link *link) {
        uint8_t buffer[16384];

        for (unsigned n = 0; n < RECORDS_PER_WAKEUP; n++) {
                ssize_t size = recv(link->fd, buffer, sizeof buffer, MSG_DONTWAIT);

                if (size < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (size <= 0) {
                        link_end(link, 0, "The connection is closed");
                        return;
                }
        }
}

/* Sending */

static void link_flush(Link *link) {
        Problem problem = PROBLEM_NONE;

        for (unsigned n = 0; n < RECORDS_PER_WAKEUP && link->outbox.n_bytes > 0; n++) {
                const uint8_t *data;
                ssize_t sent;
                size_t size;

                data = outbox_peek(&link->outbox, &size);
                sent = tls_send(link->tls, data, size, &problem);
                if (sent == -EAGAIN)
                        return;
                if (sent < 0) {
                        /* The peer may have told why before it went: read all that it left. */
                        link_receive(link, UINT_MAX);
                        link_end(link, (int) sent, problem.text);
                        return;
                }
                outbox_consume(&link->outbox, (size_t) sent);
                link->sent_usec = link->progress_usec = clock_now_usec();
        }
        if (link->outbox.n_bytes > 0)
                return;
        if (link->state == LINK_OPEN && link->is_drain_due) {
                link->is_drain_due = false;
                if (link->callbacks.on_drained)
                        link->callbacks.on_drained(link, link->userdata);
        }
}

/* Everything is sent: our direction ends here. */
static void link_shut(Link *link) {
        int r;

        r = tls_end(link->tls);
        if (r == -EAGAIN)
                return;
        if (r < 0 || shutdown(link->fd, SHUT_WR) < 0) {
                link_end(link, r, "The connection is closed");
                return;
        }
        link->is_shut = true;
}

/* Events */

static void link_shake(Link *link) {
        Problem problem = PROBLEM_NONE;
        usec_t now;
        int r;

        r = tls_handshake(link->tls, &problem);
        if (r == -EAGAIN)
                return;
        if (r < 0) {
                link_end(link, r, problem.text);
                return;
        }
        link->is_peer_known = true;
        now = clock_now_usec();
        link->heard_usec = link->sent_usec = link->progress_usec = now;
        link_set_state(link, LINK_OPEN, now);
        link_arm_timer(link);
        if (link->state == LINK_OPEN)
                link->callbacks.on_ready(link, link->userdata);
}

static int link_on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Link *link = userdata;

        if (link->state == LINK_SHAKING)
                link_shake(link);
        /* Of a peer that is gone all that it left: its BYE may be the last of it. */
        if (link->state == LINK_OPEN)
                link_receive(link, events & (EPOLLHUP | EPOLLERR) ? UINT_MAX : RECORDS_PER_WAKEUP);
        if (link->state == LINK_CLOSING)
                link_discard(link);
        if (link->state == LINK_OPEN || link->state == LINK_CLOSING)
                link_flush(link);
        if (link->state == LINK_CLOSING && link->outbox.n_bytes == 0 && !link->is_shut)
                link_shut(link);
        link_update_events(link);
        return 0;
}

static void link_end_silent(Link *link, const char *what, usec_t span) {
        char buffer[TEXT_SIZE], reason[WIRE_REASON_MAX + 1];

        (void) snprintf(reason, sizeof reason, "The peer has %s for %s", what, text_duration(span, buffer));
        link_end(link, -ETIMEDOUT, reason);
}

/*
 * `due_usec` is when this should have come. When it comes late by a heartbeat, we were stopped or the machine slept,
 * and the peer probably with it: it gets its whole time once more before it is called silent.
 */
static void link_check_heartbeat(Link *link, usec_t due_usec) {
        static const Message ping = { .type = MESSAGE_PING };
        const LinkSettings *settings = &link->settings;
        usec_t now = clock_now_usec();

        if (now >= due_usec + settings->heartbeat_usec) {
                link->heard_usec = link->progress_usec = now;
                link->sent_usec = 0;
        }
        if (now >= link->heard_usec + settings->silence_usec)
                link_receive(link, RECORDS_PER_WAKEUP);
        if (link->state != LINK_OPEN)
                return;
        if (now >= link->heard_usec + settings->silence_usec)
                link_end_silent(link, "been silent", settings->silence_usec);
        else if (link->outbox.n_bytes > 0 && now >= link->progress_usec + settings->silence_usec)
                link_end_silent(link, "taken nothing", settings->silence_usec);
        else if (link->outbox.n_bytes == 0 && now >= link->sent_usec + settings->heartbeat_usec &&
                 link_put(link, &ping, SIZE_MAX) < 0)
                link_break(link, -ENOMEM, NULL);
}

static int link_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Link *link = userdata;

        switch (link->state) {
        case LINK_SHAKING:
                link_shake(link);
                if (link->state == LINK_SHAKING &&
                    clock_now_usec() >= link->state_usec + link->settings.handshake_usec)
                        link_end_silent(link, "not finished the TLS handshake",
                                        link->settings.handshake_usec);
                break;
        case LINK_OPEN:
                link_check_heartbeat(link, usec);
                break;
        case LINK_CLOSING:
                if (clock_now_usec() >= link->state_usec + CLOSING_USEC)
                        link_end(link, 0, "The connection is closed");
                break;
        default:
                return 0;
        }
        link_update_events(link);
        link_arm_timer(link);
        return 0;
}

/* The owner may free the link in here, so nothing follows the callback. */
static int link_on_ending(sd_event_source *source, void *userdata) {
        Link *link = userdata;

        link->callbacks.on_closed(link, link->error, link->reason, link->userdata);
        return 0;
}

/* Lifetime */

/* On TCP: small messages leave at once, and the kernel gives up a dead peer as soon as we would. */
static void socket_set_up(int fd, usec_t silence_usec) {
        unsigned timeout_msec = (unsigned) MIN(silence_usec / USEC_PER_MSEC, UINT64_C(1) << 30);
        int one = 1;

        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_msec, sizeof timeout_msec);
}

static int socket_check(int fd) {
        socklen_t size = sizeof(int);
        int type;

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
                return -errno;
        return type == SOCK_STREAM ? 0 : -EPROTOTYPE;
}

static int link_add_sources(Link *link, sd_event *event) {
        const LinkSettings *settings = &link->settings;
        usec_t accuracy = MIN(settings->handshake_usec, settings->heartbeat_usec) / 16;
        int r;

        accuracy = CLAMP(accuracy, UINT64_C(1), TIMER_ACCURACY_MAX_USEC);
        r = sd_event_add_io(event, &link->io, link->fd, EPOLLIN, link_on_io, link);
        if (r >= 0)
                r = sd_event_add_time(event, &link->timer, CLOCK_BOOTTIME, 0, accuracy, link_on_timer, link);
        if (r >= 0)
                r = sd_event_add_defer(event, &link->ending, link_on_ending, link);
        if (r >= 0)
                r = sd_event_source_set_enabled(link->ending, SD_EVENT_OFF);
        return r;
}

int link_new(sd_event *event, int fd, LinkSide side, const Identity *identity, const LinkSettings *settings,
             const LinkCallbacks *callbacks, void *userdata, Link **ret) {
        _cleanup_(link_freep) Link *link = NULL;
        int r;

        link = malloc(sizeof *link);
        if (!link) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        *link = (Link) {
                .state = LINK_SHAKING,
                .fd = fd,
                .settings = settings ? *settings : LINK_SETTINGS_DEFAULT,
                .callbacks = *callbacks,
                .userdata = userdata,
                .state_usec = clock_now_usec(),
        };
        if (link->settings.handshake_usec == 0 || link->settings.heartbeat_usec == 0 ||
            link->settings.silence_usec <= link->settings.heartbeat_usec)
                return -EINVAL;

        r = socket_check(fd);
        if (r < 0)
                return r;
        r = fd_set_nonblocking(fd, true);
        if (r < 0)
                return r;
        socket_set_up(fd, link->settings.silence_usec);

        link->parser = frame_parser_new();
        link->decoder = message_decoder_new();
        if (!link->parser || !link->decoder)
                return -ENOMEM;
        r = tls_new(fd, side == LINK_SERVER, identity, &link->tls);
        if (r < 0)
                return r;
        r = link_add_sources(link, event);
        if (r < 0)
                return r;
        /* The client has the first word: its socket is writable, and the loop will find it so. */
        r = sd_event_source_set_io_events(link->io, side == LINK_CLIENT ? EPOLLOUT : EPOLLIN);
        if (r < 0)
                return r;
        link_arm_timer(link);

        *ret = TAKE_PTR(link);
        return 0;
}

Link *link_free(Link *link) {
        if (!link)
                return NULL;
        sd_event_source_disable_unref(link->io);
        sd_event_source_disable_unref(link->timer);
        sd_event_source_disable_unref(link->ending);
        (void) fd_close(link->fd);
        outbox_done(&link->outbox);
        (void) tls_free(link->tls);
        (void) frame_parser_free(link->parser);
        (void) message_decoder_free(link->decoder);
        free(link);
        return NULL;
}

int link_send(Link *link, const Message *message) {
        int r;

        if (link->state != LINK_OPEN)
                return -ENOTCONN;
        r = link_put(link, message, link->settings.queue_max);
        if (r < 0)
                return r;
        link->is_drain_due = true;
        return 0;
}

void link_close(Link *link, ByeCode code, const char *reason) {
        if (!reason || !reason[0])
                reason = "The connection was closed by this side";
        if (link->state == LINK_SHAKING)
                link_end(link, 0, reason);
        else if (link->state == LINK_OPEN)
                link_begin_closing(link, code, 0, reason);
}

size_t link_queued_bytes(const Link *link) {
        return link->outbox.n_bytes;
}

const uint8_t *link_peer_id(const Link *link) {
        return link->is_peer_known ? tls_peer_id(link->tls) : NULL;
}
