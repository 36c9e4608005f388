/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One connection to one master, from HELLO to BYE: asks for leases, hands them to the crew, sends blocks from the
 * shelf, and tells the master how many threads it uses and why not more. It owns neither crew nor account.
 */

#include <systemd/sd-event.h>

#include "wire/handover.h"
#include "wire/identity.h"
#include "wire/link.h"
#include "worker/account.h"
#include "worker/allowance.h"
#include "worker/crew.h"

typedef struct WorkerSession WorkerSession;

/* All callbacks but on_peer() may be NULL, except on_ended(). */
typedef struct WorkerSessionOwner {
        Crew *crew;
        const char *name;           /* this host's, for people */
        const Allowance *allowance; /* by this host; after a change call worker_session_set_allowance() */

        /*
         * The master has proved who it is: its account, which no other session may use, or NULL and in `ret_reason`
         * why this connection is let go.
         */
        Account *(*on_peer)(WorkerSession *session, const uint8_t *master_id, const char **ret_reason,
                            void *userdata);
        void (*on_joined)(WorkerSession *session, void *userdata);       /* WELCOME came */
        void (*on_state)(WorkerSession *session, void *userdata);        /* threads or note changed */
        void (*on_acknowledged)(WorkerSession *session, void *userdata); /* blocks left the shelf */
        /*
         * Once, from the event loop; then only worker_session_free() may be called. `error` and `reason` are those
         * of wire/link.h; -EPROTO also when the master broke a rule.
         */
        void (*on_ended)(WorkerSession *session, int error, const char *reason, void *userdata);
} WorkerSessionOwner;

#define WORKER_SESSION_FINISH_USEC (10 * USEC_PER_SEC) /* for blocks to be acknowledged, when leaving */

/* Takes the descriptor, on failure too. `owner` and `identity` must outlive the session. */
int worker_session_new(sd_event *event, int fd, const Identity *identity, const WorkerSessionOwner *owner,
                       void *userdata, WorkerSession **ret);
WorkerSession *worker_session_free(WorkerSession *session);

/* The crew finished something, or has room: sends blocks and asks for leases. */
void worker_session_pump(WorkerSession *session);

/* The owner's allowance changed (and the crew's threads with it): what is too much now is handed back. */
void worker_session_set_allowance(WorkerSession *session);

/*
 * Leaves: takes all work back from the crew, hands it back to the master and asks for no more; says BYE when all
 * finished blocks are acknowledged, or WORKER_SESSION_FINISH_USEC are over.
 */
void worker_session_finish(WorkerSession *session, const char *reason);
bool worker_session_is_finishing(const WorkerSession *session);

/* Gives the account up for another session of the same master, and ends. */
void worker_session_replace(WorkerSession *session);

/* NULL until on_peer(), and after worker_session_replace(). */
Account *worker_session_account(const WorkerSession *session);

/* WELCOME has come. */
bool worker_session_is_joined(const WorkerSession *session);

/* Fills in all that a report tells about the session but `event` and `reason`. */
void worker_session_describe(const WorkerSession *session, HandoverReport *ret);
