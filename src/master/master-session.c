/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The master's side of the dialogue in wire/message.h. */

#include "master/master-session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "prime/number.h"
#include "wire/version.h"

/* Blocks of one job that this worker sent and that are not yet on disk. */
typedef struct PendingBlocks {
        uint64_t job;
        IntervalSet blocks;
} PendingBlocks;

typedef struct LaneRequest {
        bool waits;        /* for a lease */
        bool told_wait;    /* it was told so */
        uint64_t n_blocks; /* that it would compute at once; 0: unknown */
} LaneRequest;

typedef struct Announced {
        uint64_t job;
        size_t n_bytes; /* of its numbers */
} Announced;

struct MasterSession {
        Link *link;
        const MasterSessionOwner *owner;
        void *userdata;
        uint64_t number;
        char name[WIRE_NAME_MAX + 1], program[WIRE_NAME_MAX + 1];
        LaneRequest *lanes;
        unsigned n_lanes, n_threads;
        PendingBlocks *pending;
        size_t n_pending;
        Announced announced[WIRE_JOBS_KEPT]; /* a ring */
        size_t n_announced;                  /* ever */
        bool closing;
};

uint64_t master_session_number(const MasterSession *session) {
        return session->number;
}

const char *master_session_name(const MasterSession *session) {
        return session->name;
}

const char *master_session_program(const MasterSession *session) {
        return session->program;
}

unsigned master_session_lanes(const MasterSession *session) {
        return session->n_lanes;
}

unsigned master_session_threads(const MasterSession *session) {
        return session->n_threads;
}

const uint8_t *master_session_peer_id(const MasterSession *session) {
        return link_peer_id(session->link);
}

bool master_session_is_closing(const MasterSession *session) {
        return session->closing;
}

/* Leases */

int master_session_next_lane(const MasterSession *session, unsigned lane) {
        if (!session->closing)
                for (; lane < session->n_lanes; lane++)
                        if (session->lanes[lane].waits)
                                return (int) lane;
        return -1;
}

uint64_t master_session_window_blocks(const MasterSession *session, unsigned lane) {
        return session->lanes[lane].n_blocks;
}

/* An error of the link ends the session soon; its worker's leases are free again then. */
static void session_send(MasterSession *session, const Message *message) {
        int r = link_send(session->link, message);

        if (r < 0 && r != -ENOTCONN && !session->closing) {
                session->closing = true;
                link_close(session->link, BYE_RESOURCES, "the worker does not read what is sent to it");
        }
}

void master_session_grant(MasterSession *session, unsigned lane, const PlanLease *lease) {
        session->lanes[lane] = (LaneRequest) {};
        session_send(session, &(Message) {
                .type = MESSAGE_LEASE,
                .lease = {
                        .job = lease->job,
                        .lane = (uint16_t) lane,
                        .first = lease->first,
                        .end = lease->end,
                        .run_end = lease->run_end,
                },
        });
}

void master_session_wait(MasterSession *session, unsigned lane) {
        if (session->lanes[lane].told_wait)
                return;
        session->lanes[lane].told_wait = true;
        session_send(session, &(Message) { .type = MESSAGE_WAIT, .wait.lane = (uint16_t) lane });
}

void master_session_ignore(MasterSession *session, unsigned lane) {
        session->lanes[lane] = (LaneRequest) {};
}

void master_session_settings(MasterSession *session, unsigned threads_max, unsigned cpu_percent) {
        session_send(session, &(Message) {
                .type = MESSAGE_SETTINGS,
                .settings = {
                        .threads_max = (uint16_t) MIN(threads_max, UINT16_MAX + 0u),
                        .cpu_percent = (uint16_t) MIN(cpu_percent, UINT16_MAX + 0u),
                },
        });
}

void master_session_announce(MasterSession *session, uint64_t job, const Grid *grid, Certainty certainty,
                             unsigned priority) {
        size_t n_from = number_bytes(grid->from), n_to = number_bytes(grid->to);
        _cleanup_free_ uint8_t *bytes = malloc(n_from + n_to + 1);

        if (!bytes) {
                master_session_close(session, BYE_RESOURCES, "out of memory");
                return;
        }
        number_to_bytes(grid->from, bytes);
        number_to_bytes(grid->to, bytes + n_from);
        session_send(session, &(Message) {
                .type = MESSAGE_JOB,
                .job = {
                        .job = job,
                        .from = { bytes, n_from },
                        .to = { bytes + n_from, n_to },
                        .block_length = grid->block_length,
                        .priority = (uint16_t) priority,
                        .certainty = (uint8_t) certainty,
                },
        });
        session->announced[session->n_announced++ % WIRE_JOBS_KEPT] = (Announced) { job, n_from + n_to };
}

bool master_session_remembers(const MasterSession *session, uint64_t job) {
        size_t n_bytes = 0;

        for (size_t i = 1; i <= MIN(session->n_announced, (size_t) WIRE_JOBS_KEPT); i++) {
                const Announced *announced = session->announced + (session->n_announced - i) % WIRE_JOBS_KEPT;

                n_bytes += announced->n_bytes;
                if (n_bytes > WIRE_JOBS_KEPT_BYTES)
                        return false;
                if (announced->job == job)
                        return true;
        }
        return false;
}

/* ACKNOWLEDGE and REVOKE of any number of intervals, in messages of at most WIRE_INTERVALS_MAX. */
static void session_send_intervals(MasterSession *session, MessageType type, uint64_t job,
                                   const WireInterval *intervals, size_t n) {
        for (size_t at = 0; at < n; at += WIRE_INTERVALS_MAX) {
                Message message = { .type = type };
                MessageIntervals *body = type == MESSAGE_REVOKE ? &message.revoke : &message.acknowledge;

                *body = (MessageIntervals) {
                        .job = job,
                        .n_intervals = MIN(n - at, (size_t) WIRE_INTERVALS_MAX),
                        .intervals = intervals + at,
                };
                session_send(session, &message);
        }
}

void master_session_revoke(MasterSession *session, uint64_t job, uint64_t first, uint64_t end) {
        session_send_intervals(session, MESSAGE_REVOKE, job, &(WireInterval) { first, end }, 1);
}

/* Acknowledgements */

void master_session_acknowledge(MasterSession *session, uint64_t job, uint64_t sequence) {
        session_send_intervals(session, MESSAGE_ACKNOWLEDGE, job, &(WireInterval) { sequence, sequence + 1 }, 1);
}

const IntervalSet *master_session_pending(const MasterSession *session, uint64_t job) {
        for (size_t i = 0; i < session->n_pending; i++)
                if (session->pending[i].job == job)
                        return &session->pending[i].blocks;
        return NULL;
}

bool master_session_has_pending(const MasterSession *session) {
        for (size_t i = 0; i < session->n_pending; i++)
                if (session->pending[i].blocks.n_members > 0)
                        return true;
        return false;
}

int master_session_await_durable(MasterSession *session, uint64_t job, uint64_t sequence) {
        PendingBlocks *grown;

        for (size_t i = 0; i < session->n_pending; i++)
                if (session->pending[i].job == job)
                        return interval_set_add(&session->pending[i].blocks, sequence, sequence + 1);

        grown = reallocarray(session->pending, session->n_pending + 1, sizeof *grown);
        if (!grown)
                return -ENOMEM;
        session->pending = grown;
        grown[session->n_pending++] = (PendingBlocks) { .job = job };
        return interval_set_add(&grown[session->n_pending - 1].blocks, sequence, sequence + 1);
}

/* Sends and forgets the members of `pending` that `durable` has. */
static int session_acknowledge_common(MasterSession *session, PendingBlocks *pending, const IntervalSet *durable) {
        _cleanup_free_ WireInterval *common = NULL;
        size_t n = 0, n_allocated = 0;
        Interval a, b;
        int r;

        for (uint64_t at = 0; interval_set_next(&pending->blocks, at, &a) && interval_set_next(durable, a.first, &b);) {
                if (b.first >= a.end) {
                        at = a.end;
                        continue;
                }
                if (n == n_allocated) {
                        WireInterval *grown;

                        n_allocated = n_allocated * 2 + 8;
                        grown = reallocarray(common, n_allocated, sizeof *grown);
                        if (!grown)
                                return -ENOMEM;
                        common = grown;
                }
                common[n++] = (WireInterval) { b.first, MIN(a.end, b.end) };
                at = MIN(a.end, b.end);
        }
        session_send_intervals(session, MESSAGE_ACKNOWLEDGE, pending->job, common, n);
        for (size_t i = 0; i < n; i++) {
                r = interval_set_remove(&pending->blocks, common[i].first, common[i].end);
                if (r < 0)
                        return r;
        }
        return 0;
}

void master_session_on_durable(MasterSession *session, uint64_t job, const IntervalSet *durable) {
        for (size_t i = 0; i < session->n_pending; i++)
                if (session->pending[i].job == job &&
                    session_acknowledge_common(session, session->pending + i, durable) < 0)
                        master_session_close(session, BYE_RESOURCES, "out of memory");
}

void master_session_release(MasterSession *session, uint64_t job) {
        Interval all = { 0, UINT64_MAX };
        const IntervalSet everything = { .intervals = &all, .n_intervals = 1, .n_members = UINT64_MAX };

        for (size_t i = 0; i < session->n_pending; i++)
                if (session->pending[i].job == job) {
                        master_session_on_durable(session, job, &everything);
                        interval_set_done(&session->pending[i].blocks);
                        session->pending[i] = session->pending[--session->n_pending];
                        return;
                }
}

/* Messages */

static void session_refuse(MasterSession *session, ByeCode code, const char *reason) {
        session->owner->on_refused(session, reason, session->userdata);
        master_session_close(session, code, reason);
}

static void session_on_hello(MasterSession *session, const MessageHello *hello) {
        Message welcome = { .type = MESSAGE_WELCOME };
        char reason[WIRE_REASON_MAX + 1];

        if (session->n_lanes > 0) {
                session_refuse(session, BYE_PROTOCOL, "HELLO came twice");
                return;
        }
        (void) snprintf(session->name, sizeof session->name, "%s", hello->name);
        (void) snprintf(session->program, sizeof session->program, "%s", hello->program);
        if (version_negotiate(hello, &welcome.welcome.version) < 0) {
                version_explain(hello, reason);
                session_refuse(session, BYE_VERSION, reason);
                return;
        }
        session->lanes = calloc(hello->n_lanes, sizeof *session->lanes);
        if (!session->lanes) {
                master_session_close(session, BYE_RESOURCES, "out of memory");
                return;
        }
        session->n_lanes = hello->n_lanes;
        session->n_threads = hello->n_threads > 0 ? hello->n_threads : hello->n_lanes;
        (void) snprintf(welcome.welcome.name, sizeof welcome.welcome.name, "%s", session->owner->name);
        (void) snprintf(welcome.welcome.program, sizeof welcome.welcome.program, "primed-master %s", PRIMED_VERSION);
        session_send(session, &welcome);
        if (session->owner->on_joined(session, session->userdata) < 0)
                master_session_close(session, BYE_RESOURCES, "the master cannot take more workers");
}

static void session_on_request(MasterSession *session, const MessageRequest *request) {
        if (request->lane >= session->n_lanes || session->lanes[request->lane].waits) {
                session_refuse(session, BYE_PROTOCOL, "a REQUEST of an unknown lane, or a second one");
                return;
        }
        session->lanes[request->lane].waits = true;
        session->lanes[request->lane].n_blocks = request->n_blocks;
        session->owner->on_request(session, request->lane, session->userdata);
}

static void session_on_hand_back(MasterSession *session, const MessageIntervals *hand_back) {
        for (size_t i = 0; i < hand_back->n_intervals; i++)
                session->owner->on_hand_back(session, hand_back->job, hand_back->intervals[i].first,
                                             hand_back->intervals[i].end, session->userdata);
}

static void session_on_message(Link *link, const Message *message, void *userdata) {
        MasterSession *session = userdata;

        if (session->closing)
                return;
        if (session->n_lanes == 0 && message->type != MESSAGE_HELLO && message->type != MESSAGE_BYE) {
                session_refuse(session, BYE_PROTOCOL, "a message before HELLO");
                return;
        }
        switch (message->type) {
        case MESSAGE_HELLO:
                session_on_hello(session, &message->hello);
                break;
        case MESSAGE_REQUEST:
                session_on_request(session, &message->request);
                break;
        case MESSAGE_BLOCK:
                session->owner->on_block(session, &message->block, session->userdata);
                break;
        case MESSAGE_HAND_BACK:
                session_on_hand_back(session, &message->hand_back);
                break;
        case MESSAGE_STATE:
                session->owner->on_state(session, &message->state, session->userdata);
                break;
        case MESSAGE_BYE:
                break;
        default:
                session_refuse(session, BYE_PROTOCOL, "a message that only masters send");
        }
}

static void session_on_ready(Link *link, void *userdata) {
        /* The worker speaks first. */
}

static void session_on_closed(Link *link, int error, const char *reason, void *userdata) {
        MasterSession *session = userdata;

        session->closing = true;
        session->owner->on_ended(session, error, reason, session->userdata);
}

void master_session_close(MasterSession *session, ByeCode code, const char *reason) {
        if (session->closing)
                return;
        session->closing = true;
        link_close(session->link, code, reason);
}

int master_session_new(sd_event *event, int fd, uint64_t number, const Identity *identity,
                       const MasterSessionOwner *owner, void *userdata, MasterSession **ret) {
        static const LinkCallbacks callbacks = {
                .on_ready = session_on_ready,
                .on_message = session_on_message,
                .on_closed = session_on_closed,
        };
        const LinkSettings settings = LINK_SETTINGS_DEFAULT;
        MasterSession *session;
        int r;

        session = malloc(sizeof *session);
        if (!session) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        *session = (MasterSession) { .owner = owner, .userdata = userdata, .number = number, .name = "(unknown)" };
        r = link_new(event, fd, LINK_SERVER, identity, &settings, &callbacks, session, &session->link);
        if (r < 0) {
                master_session_free(session);
                return r;
        }
        *ret = session;
        return 0;
}

MasterSession *master_session_free(MasterSession *session) {
        if (!session)
                return NULL;
        link_free(session->link);
        for (size_t i = 0; i < session->n_pending; i++)
                interval_set_done(&session->pending[i].blocks);
        free(session->pending);
        free(session->lanes);
        free(session);
        return NULL;
}
