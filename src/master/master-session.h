/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One worker at the other end of a link: what it said of itself, which of its lanes wait for a lease, which of its
 * blocks wait for their acknowledgement. It speaks the protocol; what to answer is the master's business.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/interval-set.h"
#include "plan/plan.h"
#include "prime/certainty.h"
#include "prime/grid.h"
#include "wire/identity.h"
#include "wire/link.h"

typedef struct MasterSession MasterSession;

/* What a session asks of its owner. All come from the event loop. */
typedef struct MasterSessionOwner {
        /*
         * The worker said HELLO with an acceptable version, and was told WELCOME: the SETTINGS and JOBs come next.
         * -EBUSY or other negative errno: it is turned away.
         */
        int (*on_joined)(MasterSession *session, void *userdata);
        /* It speaks no version of ours, or broke the protocol: it is about to be turned away. */
        void (*on_refused)(MasterSession *session, const char *reason, void *userdata);
        void (*on_state)(MasterSession *session, const MessageState *state, void *userdata);
        /* A lane waits: see master_session_next_lane(). */
        void (*on_request)(MasterSession *session, unsigned lane, void *userdata);
        void (*on_block)(MasterSession *session, const MessageBlock *block, void *userdata);
        void (*on_hand_back)(MasterSession *session, uint64_t job, uint64_t first, uint64_t end, void *userdata);
        void (*on_ended)(MasterSession *session, int error, const char *reason, void *userdata);
        const char *name; /* the master's, for people */
} MasterSessionOwner;

/* Takes the descriptor, on failure too. `number` is the worker's number in the plan. `owner` must outlive it. */
int master_session_new(sd_event *event, int fd, uint64_t number, const Identity *identity,
                       const MasterSessionOwner *owner, void *userdata, MasterSession **ret);
MasterSession *master_session_free(MasterSession *session);

/* what it is */
uint64_t master_session_number(const MasterSession *session);
const char *master_session_name(const MasterSession *session);
const char *master_session_program(const MasterSession *session); /* "" before it joined */
unsigned master_session_lanes(const MasterSession *session);   /* 0 before it joined */
unsigned master_session_threads(const MasterSession *session); /* that its host has for it; 0 before it joined */
const uint8_t *master_session_peer_id(const MasterSession *session);
bool master_session_is_closing(const MasterSession *session);

void master_session_settings(MasterSession *session, unsigned threads_max, unsigned cpu_percent); /* 0: no cap */

/* leases: the first lane from `lane` on that waits, -1 if none does */
int master_session_next_lane(const MasterSession *session, unsigned lane);
/* How many blocks the lane, which waits, would compute at once; 0: unknown. */
uint64_t master_session_window_blocks(const MasterSession *session, unsigned lane);
void master_session_grant(MasterSession *session, unsigned lane, const PlanLease *lease);
void master_session_wait(MasterSession *session, unsigned lane); /* tells the lane once that it has to wait */
void master_session_ignore(MasterSession *session, unsigned lane); /* the request needs no answer */

/* `certainty` and `priority` as in MessageJob. */
void master_session_announce(MasterSession *session, uint64_t job, const Grid *grid, Certainty certainty,
                             unsigned priority);
/* Whether its worker still knows of the job for sure; before a lease of another it is to be announced again. */
bool master_session_remembers(const MasterSession *session, uint64_t job);
void master_session_revoke(MasterSession *session, uint64_t job, uint64_t first, uint64_t end);

/* Acknowledges now (`durable` blocks), or once they are durable. */
void master_session_acknowledge(MasterSession *session, uint64_t job, uint64_t sequence);
int master_session_await_durable(MasterSession *session, uint64_t job, uint64_t sequence);
void master_session_on_durable(MasterSession *session, uint64_t job, const IntervalSet *durable);
/* Acknowledges all blocks of the job: they are not wanted any more. */
void master_session_release(MasterSession *session, uint64_t job);
/* The blocks of the job that await acknowledgement, NULL if there are none. */
const IntervalSet *master_session_pending(const MasterSession *session, uint64_t job);
bool master_session_has_pending(const MasterSession *session);

/* Says BYE and ends; on_ended() follows. */
void master_session_close(MasterSession *session, ByeCode code, const char *reason);
