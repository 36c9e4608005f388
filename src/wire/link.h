/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One connection to one peer: messages over TLS 1.3 with raw public keys, over any stream descriptor, on an
 * sd-event loop. The link shakes hands, tells who the peer is, keeps the heartbeat, and reports its own end.
 * It does not know who is master and who is worker, except for which side begins the TLS handshake.
 *
 * No byte of a message is parsed before the peer's key is verified.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "wire/identity.h"
#include "wire/message.h"

typedef struct Link Link;

typedef enum LinkSide {
        LINK_CLIENT, /* the worker */
        LINK_SERVER, /* the master */
} LinkSide;

typedef struct LinkSettings {
        usec_t handshake_usec; /* the handshake must be done after so much time */
        usec_t heartbeat_usec; /* after so much silence of our own, a PING is sent … */
        usec_t silence_usec;   /* … and after so much silence of the peer the link is dead */
        size_t queue_max;      /* bytes that may wait for sending; one message may always be queued */
} LinkSettings;

#define LINK_SETTINGS_DEFAULT                                                                               \
        ((LinkSettings) {                                                                                   \
                .handshake_usec = 5 * USEC_PER_SEC,                                                         \
                .heartbeat_usec = 10 * USEC_PER_SEC,                                                        \
                .silence_usec = 35 * USEC_PER_SEC,                                                          \
                .queue_max = 64U << 20,                                                                     \
        })

/*
 * The callbacks may call any function of this link but link_free(), and may call link_close(). `on_closed`
 * comes exactly once, from the event loop, never from inside a function of the link; then only link_free()
 * may be called, also from inside on_closed(). `reason` is a sentence for people, never empty. `error` is 0
 * for a clean end (BYE from the peer with BYE_DONE, or link_close()), else negative errno: that of the
 * peer's BYE (-EPROTONOSUPPORT BYE_VERSION, -EPROTO BYE_PROTOCOL, -EACCES BYE_REFUSED, -EBUSY BYE_RESOURCES,
 * -ECONNABORTED a code from the future), -ETIMEDOUT (silent, takes nothing, never finished the handshake),
 * -ECONNRESET (went without BYE), -EPROTO (not TLS, or broke the protocol), -ENOMEM, -EIO.
 */
typedef struct LinkCallbacks {
        void (*on_ready)(Link *link, void *userdata); /* handshake done: link_peer_id() is known */
        void (*on_message)(Link *link, const Message *message, void *userdata); /* never PING, PONG, BYE */
        void (*on_drained)(Link *link, void *userdata); /* the send queue became empty; may be NULL */
        void (*on_closed)(Link *link, int error, const char *reason, void *userdata);
} LinkCallbacks;

/*
 * Takes `fd`, a connected stream socket, on failure too (closes it). `identity` must outlive the link.
 * `settings` may be NULL for the default. 0 or negative errno; -EINVAL: the silence must be longer than the
 * heartbeat.
 */
int link_new(sd_event *event, int fd, LinkSide side, const Identity *identity, const LinkSettings *settings,
             const LinkCallbacks *callbacks, void *userdata, Link **ret);

/* Closes at once, without waiting for what is queued; on_closed() is not called by it. */
Link *link_free(Link *link);

/*
 * Queues a copy, which leaves with the next rounds of the loop. The first message of either side is HELLO or
 * WELCOME: the peer takes no other before it but BYE. -ENOTCONN before on_ready() and after the end;
 * -ENOBUFS when queue_max is reached; -EINVAL, -ENOMEM.
 */
int link_send(Link *link, const Message *message);

/*
 * Sends what is queued, then BYE, at most 2 s long, then ends with on_closed(). Messages that come in the
 * meantime are thrown away. Without effect on a link that is closing or closed.
 */
void link_close(Link *link, ByeCode code, const char *reason);

size_t link_queued_bytes(const Link *link);
const uint8_t *link_peer_id(const Link *link); /* SHA256_SIZE bytes; NULL before on_ready() */

DEFINE_TRIVIAL_CLEANUP_FUNC(Link *, link_free);
