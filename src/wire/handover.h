/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The handover channel: a SOCK_SEQPACKET connection between the one who connects to a master (primed-scout, or
 * primectl) and the worker. In to the worker: a datagram with one connected descriptor each. Out: reports, one JSON
 * object in one datagram each, on what becomes of the session.
 *
 * In socket activation (/run/primed/worker.sock) each channel carries one session: the worker closes it when it has
 * let the session go, and ends the session politely when the other side closes it. A channel that was given by
 * --handover=FD carries one session after the other; when it is closed, the worker stops.
 */

#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"

#define HANDOVER_SIZE_MAX 4096 /* bytes of one datagram */

typedef enum HandoverEvent {
        HANDOVER_JOINED,  /* the handshake is done and WELCOME came: master_id and master_name are known */
        HANDOVER_STATE,   /* threads or note changed */
        HANDOVER_DONE,    /* the master has no more work, or stops: `reason`. Ring again when it asks for workers */
        HANDOVER_LOST,    /* the connection broke: another one to the same master is welcome */
        HANDOVER_REFUSED, /* the master turned this worker away, and would again */
        _HANDOVER_EVENT_MAX,
} HandoverEvent;

typedef struct HandoverReport {
        HandoverEvent event;
        char master_id[2 * SHA256_SIZE + 1]; /* hex; empty before it is known */
        char master_name[WIRE_NAME_MAX + 1];
        char reason[WIRE_REASON_MAX + 1];    /* for people */
        unsigned threads_asked;   /* the master's cap; 0: none */
        unsigned threads_allowed; /* by this host */
        unsigned threads_applied;
        char note[WIRE_REASON_MAX + 1]; /* why it computes with fewer; "" nothing to say */
} HandoverReport;

/*
 * The caller frees `*ret`, which is never longer than HANDOVER_SIZE_MAX: what cannot stand in a line of text becomes
 * '?' (base/utf8.h). 0 or -ENOMEM.
 */
int handover_encode(const HandoverReport *report, char **ret, size_t *ret_size);

/* All texts of `ret` are plain (base/utf8.h). What is not in the object is empty or 0. -EBADMSG. */
int handover_decode(const char *text, size_t size, HandoverReport *ret);
