/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The worker's side of the dialogue in wire/message.h.
 *
 * Pull: each lane asks for a lease as long as it has fewer than LEASES_IN_HAND, one request at a time, so that the
 * next lease is there before the present one ends. The master answers each request with one LEASE, at once or
 * after a WAIT.
 */

#include "worker/worker-session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "prime/number.h"
#include "wire/version.h"

_Static_assert(WIRE_NUMBER_BYTES_MAX == NUMBER_BYTES_MAX, "the protocol carries every number there may be");
_Static_assert(WIRE_PACKED_MAX >= GRID_BLOCK_BYTES_MAX, "the protocol carries every block, at worst as it is");

#define LEASES_IN_HAND 2
#define JOBS_MAX 64 /* that one master may announce */

struct WorkerSession {
        Link *link;
        const WorkerSessionOwner *owner;
        bool welcome, draining, closing;
        bool *lane_asked; /* a request of this lane is on its way */
        CrewJob *jobs[JOBS_MAX];
        size_t n_jobs;
};

static CrewJob *session_find_job(const WorkerSession *session, uint64_t id) {
        for (size_t i = 0; i < session->n_jobs; i++)
                if (crew_job_id(session->jobs[i]) == id)
                        return session->jobs[i];
        return NULL;
}

/* The peer broke a rule: tell it, and end. */
static void session_refuse(WorkerSession *session, const char *what) {
        log_warning("The master broke the protocol: %s", what);
        session->closing = true;
        link_close(session->link, BYE_PROTOCOL, what);
}

/* False: the queue is full or the link is gone; the caller tries again when it is drained. */
static bool session_send_block(WorkerSession *session, const CrewResult *block) {
        Message message = {
                .type = MESSAGE_BLOCK,
                .block = {
                        .job = crew_job_id(block->job),
                        .sequence = block->sequence,
                        .codec = (uint8_t) block->codec,
                        .certainty = (uint8_t) block->certainty,
                        .count = block->count,
                        .compute_usec = block->compute_usec,
                        .packed = { block->packed, block->packed_size },
                },
        };

        memcpy(message.block.digest, block->digest, sizeof message.block.digest);
        return link_send(session->link, &message) >= 0;
}

static void session_ask(WorkerSession *session) {
        Crew *crew = session->owner->crew;

        for (unsigned lane = 0; lane < crew_threads(crew); lane++) {
                Message message = { .type = MESSAGE_REQUEST, .request.lane = (uint16_t) lane };

                if (session->lane_asked[lane] || crew_lane_leases(crew, lane) >= LEASES_IN_HAND)
                        continue;
                if (link_send(session->link, &message) < 0)
                        return;
                session->lane_asked[lane] = true;
        }
}

void worker_session_pump(WorkerSession *session) {
        if (!session->welcome || session->closing)
                return;

        for (CrewResult *block = session->owner->shelf->first; block; block = block->next) {
                if (block->sent || !session_find_job(session, crew_job_id(block->job)))
                        continue;
                if (!session_send_block(session, block))
                        break;
                block->sent = true;
        }
        if (!session->draining)
                session_ask(session);
}

static void session_hand_back(WorkerSession *session, const CrewRemainder *remainder) {
        WireInterval interval = { remainder->first, remainder->end };
        Message message = {
                .type = MESSAGE_HAND_BACK,
                .hand_back = { .job = crew_job_id(remainder->job), .n_intervals = 1, .intervals = &interval },
        };

        (void) link_send(session->link, &message);
}

/* Takes back what the lanes from `first_lane` on have not finished, and tells the master if it still listens. */
static void session_withdraw(WorkerSession *session, unsigned first_lane, bool tell) {
        CrewRemainder remainders[CREW_REMAINDERS_MAX];

        for (unsigned lane = first_lane; lane < crew_lanes(session->owner->crew); lane++) {
                size_t n = crew_withdraw(session->owner->crew, lane, remainders);

                for (size_t i = 0; i < n; i++) {
                        if (tell)
                                session_hand_back(session, remainders + i);
                        crew_job_unref(remainders[i].job);
                }
        }
}

void worker_session_drain(WorkerSession *session) {
        session->draining = true;
        session_withdraw(session, 0, session->welcome && !session->closing);
        worker_session_pump(session);
}

void worker_session_close(WorkerSession *session, const char *reason) {
        session->closing = true;
        link_close(session->link, BYE_DONE, reason);
}

/* Messages */

static void session_on_welcome(WorkerSession *session, const MessageWelcome *welcome) {
        uint16_t version;

        if (session->welcome ||
            version_pick(welcome->version, welcome->version, WIRE_VERSION_MIN, WIRE_VERSION_MAX, &version) < 0) {
                session_refuse(session, "a WELCOME that does not answer the HELLO");
                return;
        }
        session->welcome = true;
        log_debug("Welcomed by %s (%s)", welcome->name, welcome->program);
        worker_session_pump(session);
}

static void session_on_settings(WorkerSession *session, const MessageSettings *settings) {
        const WorkerSessionOwner *owner = session->owner;
        unsigned n = settings->threads_max > 0 ? MIN((unsigned) settings->threads_max, owner->threads)
                                               : owner->threads;

        session_withdraw(session, n, session->welcome && !session->closing);
        crew_set_threads(owner->crew, n);
        worker_session_pump(session);
}

/* Builds the grid of an announced job; the numbers come from a stranger. */
static int grid_from_message(const MessageJob *message, Grid *ret) {
        _cleanup_mpz_ mpz_t from, to;
        int r;

        mpz_inits(from, to, NULL);
        number_from_bytes(from, message->from.data, message->from.size);
        number_from_bytes(to, message->to.data, message->to.size);
        r = grid_init(ret, from, message->to.size > 0 ? to : NULL, NULL);
        if (r < 0)
                return r;
        if (ret->block_length != message->block_length) {
                grid_done(ret);
                return -EPROTO;
        }
        return 0;
}

static void session_on_job(WorkerSession *session, const MessageJob *message) {
        CrewJob *job;
        Grid grid;

        if (session_find_job(session, message->job))
                return;
        if (session->n_jobs == JOBS_MAX) {
                session_refuse(session, "too many jobs");
                return;
        }
        if (grid_from_message(message, &grid) < 0) {
                session_refuse(session, "a JOB whose interval or block length is impossible");
                return;
        }
        job = crew_job_new(message->job, &grid);
        if (!job) {
                grid_done(&grid);
                session_refuse(session, "out of memory");
                return;
        }
        session->jobs[session->n_jobs++] = job;
        shelf_adopt(session->owner->shelf, job);
        worker_session_pump(session);
}

static void session_on_lease(WorkerSession *session, const MessageLease *lease) {
        Crew *crew = session->owner->crew;
        CrewJob *job = session_find_job(session, lease->job);

        if (!job || lease->lane >= crew_lanes(crew) || lease->end > crew_job_grid(job)->n_blocks ||
            lease->run_end > crew_job_grid(job)->n_blocks) {
                session_refuse(session, "a LEASE of an unknown job, lane or block");
                return;
        }
        session->lane_asked[lease->lane] = false;

        /* It crossed our HAND_BACK or a smaller number of threads on its way. */
        if (session->draining || lease->lane >= crew_threads(crew)) {
                session_hand_back(session, &(CrewRemainder) { job, lease->first, lease->end });
                return;
        }
        if (crew_assign(crew, lease->lane, job, lease->first, lease->end, lease->run_end) < 0) {
                session_refuse(session, "more leases than were asked for");
                return;
        }
        session_ask(session);
}

static void session_on_acknowledge(WorkerSession *session, const MessageIntervals *acknowledge) {
        size_t n_bytes = 0;

        for (size_t i = 0; i < acknowledge->n_intervals; i++)
                n_bytes += shelf_acknowledge(session->owner->shelf, acknowledge->job,
                                              acknowledge->intervals[i].first, acknowledge->intervals[i].end);
        crew_release(session->owner->crew, n_bytes);
        if (session->owner->on_acknowledged)
                session->owner->on_acknowledged(session, session->owner->userdata);
}

static void session_on_revoke(WorkerSession *session, const MessageIntervals *revoke) {
        for (size_t i = 0; i < revoke->n_intervals; i++)
                crew_revoke(session->owner->crew, revoke->job, revoke->intervals[i].first,
                            revoke->intervals[i].end);
        worker_session_pump(session);
}

static void session_on_message(Link *link, const Message *message, void *userdata) {
        WorkerSession *session = userdata;

        if (session->closing && message->type != MESSAGE_ACKNOWLEDGE)
                return;
        if (!session->welcome && message->type != MESSAGE_WELCOME && message->type != MESSAGE_BYE) {
                session_refuse(session, "a message before WELCOME");
                return;
        }
        switch (message->type) {
        case MESSAGE_WELCOME:
                session_on_welcome(session, &message->welcome);
                break;
        case MESSAGE_SETTINGS:
                session_on_settings(session, &message->settings);
                break;
        case MESSAGE_JOB:
                session_on_job(session, &message->job);
                break;
        case MESSAGE_LEASE:
                session_on_lease(session, &message->lease);
                break;
        case MESSAGE_ACKNOWLEDGE:
                session_on_acknowledge(session, &message->acknowledge);
                break;
        case MESSAGE_REVOKE:
                session_on_revoke(session, &message->revoke);
                break;
        case MESSAGE_WAIT:
        case MESSAGE_BYE:
                break;
        default:
                session_refuse(session, "a message that only workers send");
        }
}

static void session_on_ready(Link *link, void *userdata) {
        WorkerSession *session = userdata;
        Message hello = {
                .type = MESSAGE_HELLO,
                .hello = {
                        .version_min = WIRE_VERSION_MIN,
                        .version_max = WIRE_VERSION_MAX,
                        .n_lanes = (uint16_t) crew_lanes(session->owner->crew),
                },
        };

        (void) snprintf(hello.hello.name, sizeof hello.hello.name, "%s", session->owner->name);
        (void) snprintf(hello.hello.program, sizeof hello.hello.program, "primed-worker %s", PRIMED_VERSION);
        (void) link_send(link, &hello);
}

static void session_on_drained(Link *link, void *userdata) {
        worker_session_pump(userdata);
}

static void session_on_closed(Link *link, int error, const char *reason, void *userdata) {
        WorkerSession *session = userdata;

        session->closing = true;
        session->owner->on_ended(session, error, reason, session->owner->userdata);
}

int worker_session_new(sd_event *event, int fd, const Identity *identity, const WorkerSessionOwner *owner,
                       WorkerSession **ret) {
        static const LinkCallbacks callbacks = {
                .on_ready = session_on_ready,
                .on_message = session_on_message,
                .on_drained = session_on_drained,
                .on_closed = session_on_closed,
        };
        const LinkSettings settings = LINK_SETTINGS_DEFAULT;
        WorkerSession *session;
        int r;

        session = calloc(1, sizeof *session);
        if (session)
                session->lane_asked = calloc(crew_lanes(owner->crew), sizeof *session->lane_asked);
        if (!session || !session->lane_asked) {
                free(session);
                (void) fd_close(fd);
                return -ENOMEM;
        }
        session->owner = owner;
        r = link_new(event, fd, LINK_CLIENT, identity, &settings, &callbacks, session, &session->link);
        if (r < 0) {
                worker_session_free(session);
                return r;
        }
        *ret = session;
        return 0;
}

WorkerSession *worker_session_free(WorkerSession *session) {
        if (!session)
                return NULL;

        session_withdraw(session, 0, false);
        shelf_rewind(session->owner->shelf);
        link_free(session->link);
        for (size_t i = 0; i < session->n_jobs; i++)
                crew_job_unref(session->jobs[i]);
        free(session->lane_asked);
        free(session);
        return NULL;
}
