/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One connection to one master, from HELLO to BYE: asks for leases, hands them to the crew, sends blocks from the
 * shelf. It owns neither crew nor shelf.
 */

#include <systemd/sd-event.h>

#include "wire/identity.h"
#include "wire/link.h"
#include "worker/crew.h"
#include "worker/shelf.h"

typedef struct WorkerSession WorkerSession;

typedef struct WorkerSessionOwner {
        Crew *crew;
        Shelf *shelf;
        const char *name;      /* this host's, for people */
        unsigned threads;      /* what this host allows */
        void (*on_acknowledged)(WorkerSession *session, void *userdata); /* blocks left the shelf; may be NULL */
        /*
         * Once, from the event loop; then only worker_session_free() may be called. `error` and `reason` are those
         * of wire/link.h.
         */
        void (*on_ended)(WorkerSession *session, int error, const char *reason, void *userdata);
        void *userdata;
} WorkerSessionOwner;

/* Takes the descriptor, on failure too. `owner` and `identity` must outlive the session. */
int worker_session_new(sd_event *event, int fd, const Identity *identity, const WorkerSessionOwner *owner,
                       WorkerSession **ret);
WorkerSession *worker_session_free(WorkerSession *session);

/* The crew finished something, or has room: sends blocks and asks for leases. */
void worker_session_pump(WorkerSession *session);

/* Takes all work back from the crew, hands it back to the master, asks for no more. Finished blocks still go out. */
void worker_session_drain(WorkerSession *session);

/* Ends it politely; on_ended() follows. */
void worker_session_close(WorkerSession *session, const char *reason);
