/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The worker's side of the dialogue in wire/message.h.
 *
 * Pull: the worker asks for a lease as long as the crew wants one, one request at a time, so that the next lease is
 * there before the present one ends. The master answers each request with one LEASE, at once or after a WAIT. All
 * threads work at the same leases, so there is one lane.
 */

#include "worker/worker-session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "prime/number.h"
#include "wire/version.h"

_Static_assert(WIRE_NUMBER_BYTES_MAX == NUMBER_BYTES_MAX, "the protocol carries every number there may be");
_Static_assert(WIRE_PACKED_MAX >= GRID_BLOCK_BYTES_MAX, "the protocol carries every block, at worst as it is");

#define N_LANES 1
#define LANE 0 /* its number */

/* Those in use come on top of what the protocol has us remember. */
#define JOBS_MAX (2 * WIRE_JOBS_KEPT)               /* of one master … */
#define JOBS_BYTES_MAX (8 * WIRE_JOBS_KEPT_BYTES)   /* … and the bytes of their numbers */

typedef struct SessionJob {
        CrewJob *job;
        size_t n_bytes; /* of its numbers */
} SessionJob;

struct WorkerSession {
        Link *link;
        const WorkerSessionOwner *owner;
        void *userdata;
        sd_event *event;
        sd_event_source *finish_timer;
        Account *account;
        char master_id[2 * SHA256_SIZE + 1]; /* hex */
        char master_name[WIRE_NAME_MAX + 1];
        char finish_reason[128];
        bool welcome, finishing, closing;
        bool knows_jobs;  /* all that the master had when we joined were announced */
        int error;        /* that we end with, unless the link knows better */
        bool asked;       /* a request is on its way */
        SessionJob jobs[JOBS_MAX]; /* the one that was announced last is the last */
        size_t n_jobs, jobs_bytes;

        unsigned threads_max, cpu_percent; /* the master's caps; 0: none */
        unsigned threads;                  /* that work for it */
        bool has_told;
        MessageState told; /* the last STATE */
};

static CrewJob *session_find_job(const WorkerSession *session, uint64_t id) {
        for (size_t i = 0; i < session->n_jobs; i++)
                if (crew_job_id(session->jobs[i].job) == id)
                        return session->jobs[i].job;
        return NULL;
}

/* The peer broke a rule: tell it, and end. */
static void session_refuse(WorkerSession *session, const char *what) {
        log_warning("The master '%s' (%.8s) broke the protocol: %s", session->master_name, session->master_id, what);
        session->closing = true;
        session->error = -EPROTO;
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
        Message message = { .type = MESSAGE_REQUEST };

        if (session->asked || session->threads == 0 || !crew_wants(crew, session->account->client))
                return;
        message.request.n_blocks = MIN(crew_window_blocks(crew, session->account->client), WIRE_LEASE_BLOCKS_MAX);
        session->asked = link_send(session->link, &message) >= 0;
}

/* Leaving, and nothing is left to be acknowledged. */
static void session_check_finished(WorkerSession *session) {
        if (!session->finishing || session->closing)
                return;
        if (session->welcome && session->account && !account_is_settled(session->account, session->owner->crew))
                return;
        session->closing = true;
        link_close(session->link, BYE_DONE, session->finish_reason);
}

/*
 * A job that is announced may turn out to have another grid than it had: then its blocks are of no use. One that is not
 * announced at all is gone; its blocks are offered all the same, for it is the master who settles what becomes of them.
 */
static bool session_may_send(const WorkerSession *session, const CrewResult *block) {
        return session->knows_jobs || session_find_job(session, crew_job_id(block->job));
}

void worker_session_pump(WorkerSession *session) {
        if (!session->welcome || session->closing)
                return;

        for (CrewResult *block = session->account->shelf.first; block; block = block->next) {
                if (block->sent || !session_may_send(session, block))
                        continue;
                if (!session_send_block(session, block))
                        break;
                block->sent = true;
        }
        if (!session->finishing)
                session_ask(session);
        session_check_finished(session);
}

static void session_hand_back(WorkerSession *session, const CrewRemainder *remainder) {
        WireInterval interval = { remainder->first, remainder->end };
        Message message = {
                .type = MESSAGE_HAND_BACK,
                .hand_back = { .job = crew_job_id(remainder->job), .n_intervals = 1, .intervals = &interval },
        };

        (void) link_send(session->link, &message);
}

/* Takes back what is not finished, and tells the master if it still listens. */
static void session_withdraw(WorkerSession *session) {
        CrewRemainder remainders[CREW_REMAINDERS_MAX];
        size_t n;

        if (!session->account)
                return;
        n = crew_withdraw(session->owner->crew, session->account->client, remainders);
        for (size_t i = 0; i < n; i++) {
                if (session->welcome && !session->closing)
                        session_hand_back(session, remainders + i);
                crew_job_unref(remainders[i].job);
        }
}

/* Threads and caps */

/* Threads for this session: by this host, and by the master's caps. */
static unsigned session_count_threads(const WorkerSession *session) {
        unsigned n = session->owner->allowance->threads_now;

        if (session->threads_max > 0)
                n = MIN(n, session->threads_max);
        if (session->cpu_percent > 0)
                n = MIN(n, (session->cpu_percent + 99) / 100);
        return n;
}

static void session_state(const WorkerSession *session, MessageState *ret) {
        const Allowance *allowance = session->owner->allowance;

        *ret = (MessageState) { .threads_allowed = (uint16_t) allowance->threads_allowed,
                                .threads_applied = (uint16_t) session->threads };
        if (session->threads < allowance->threads_now && session->cpu_percent > 0 &&
            (session->cpu_percent + 99) / 100 == session->threads)
                (void) snprintf(ret->note, sizeof ret->note, "the master's cap of %u%% of a processor",
                                session->cpu_percent);
        else if (session->threads < allowance->threads_now)
                (void) snprintf(ret->note, sizeof ret->note, "the master's cap of %u thread%s", session->threads_max,
                                text_plural(session->threads_max));
        else
                (void) snprintf(ret->note, sizeof ret->note, "%s", allowance->note);
}

static void session_tell_state(WorkerSession *session) {
        Message message = { .type = MESSAGE_STATE };

        session_state(session, &message.state);
        if (session->has_told && session->told.threads_allowed == message.state.threads_allowed &&
            session->told.threads_applied == message.state.threads_applied &&
            strcmp(session->told.note, message.state.note) == 0)
                return;
        session->has_told = true;
        session->told = message.state;
        (void) link_send(session->link, &message);
        if (session->owner->on_state)
                session->owner->on_state(session, session->userdata);
}

/* Something changed that decides about the threads. */
static void session_apply(WorkerSession *session) {
        if (!session->account)
                return;
        session->threads = MIN(session_count_threads(session), crew_threads_max(session->owner->crew));
        if (session->threads == 0)
                session_withdraw(session);
        crew_limit(session->owner->crew, session->account->client, session->threads, session->cpu_percent);
        if (session->welcome && !session->closing)
                session_tell_state(session);
        worker_session_pump(session);
}

void worker_session_set_allowance(WorkerSession *session) {
        session_apply(session);
}

/* The end */

static int session_on_finish_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        WorkerSession *session = userdata;

        if (!session->closing) {
                session->closing = true;
                link_close(session->link, BYE_DONE, session->finish_reason);
        }
        return 0;
}

void worker_session_finish(WorkerSession *session, const char *reason) {
        if (session->finishing || session->closing)
                return;
        session->finishing = true;
        (void) snprintf(session->finish_reason, sizeof session->finish_reason, "%s", reason);
        session_withdraw(session);
        (void) sd_event_add_time_relative(session->event, &session->finish_timer, CLOCK_BOOTTIME,
                                          WORKER_SESSION_FINISH_USEC, USEC_PER_MSEC, session_on_finish_timer,
                                          session);
        worker_session_pump(session);
        session_check_finished(session);
}

bool worker_session_is_finishing(const WorkerSession *session) {
        return session->finishing || session->closing;
}

/* The account is free for another session, or for nobody. */
static void session_release_account(WorkerSession *session) {
        Account *account = session->account;

        if (!account)
                return;
        session_withdraw(session);
        crew_detach(session->owner->crew, account->client);
        shelf_rewind(&account->shelf);
        account->attached = false;
        account->detached_usec = clock_now_usec();
        session->account = NULL;
}

void worker_session_replace(WorkerSession *session) {
        session->closing = true;
        session_release_account(session);
        link_close(session->link, BYE_DONE, "another connection took over");
}

Account *worker_session_account(const WorkerSession *session) {
        return session->account;
}

bool worker_session_is_joined(const WorkerSession *session) {
        return session->welcome;
}

void worker_session_describe(const WorkerSession *session, HandoverReport *ret) {
        MessageState state;

        session_state(session, &state);
        (void) snprintf(ret->master_id, sizeof ret->master_id, "%s", session->master_id);
        (void) snprintf(ret->master_name, sizeof ret->master_name, "%s", session->master_name);
        ret->threads_asked = session->threads_max;
        ret->threads_allowed = state.threads_allowed;
        ret->threads_applied = state.threads_applied;
        (void) snprintf(ret->note, sizeof ret->note, "%s", state.note);
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
        (void) snprintf(session->master_name, sizeof session->master_name, "%s", welcome->name);
        (void) snprintf(session->account->master_name, sizeof session->account->master_name, "%s", welcome->name);
        log_debug("Welcomed by '%s' (%s)", welcome->name, welcome->program);
        if (session->owner->on_joined)
                session->owner->on_joined(session, session->userdata);
        session_apply(session);
}

static void session_on_settings(WorkerSession *session, const MessageSettings *settings) {
        session->threads_max = settings->threads_max;
        session->cpu_percent = settings->cpu_percent;
        session->knows_jobs = true;
        session_apply(session);
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

/* As if it had been announced for the first time now. */
static void session_renew_job(WorkerSession *session, const CrewJob *job) {
        size_t i = 0;
        SessionJob renewed;

        while (session->jobs[i].job != job)
                i++;
        renewed = session->jobs[i];
        memmove(session->jobs + i, session->jobs + i + 1, (session->n_jobs - 1 - i) * sizeof *session->jobs);
        session->jobs[session->n_jobs - 1] = renewed;
}

/* Makes room for another job by forgetting the oldest one that nobody uses: its master has long finished it. */
static bool session_forget_job(WorkerSession *session) {
        for (size_t i = 0; i < session->n_jobs; i++) {
                if (!crew_job_is_unused(session->jobs[i].job))
                        continue;
                crew_job_unref(session->jobs[i].job);
                session->jobs_bytes -= session->jobs[i].n_bytes;
                session->n_jobs--;
                memmove(session->jobs + i, session->jobs + i + 1, (session->n_jobs - i) * sizeof *session->jobs);
                return true;
        }
        return false;
}

static void session_add_job(WorkerSession *session, const MessageJob *message) {
        size_t n_bytes = message->from.size + message->to.size;
        CrewJob *job;
        Grid grid;

        while (session->n_jobs == JOBS_MAX || session->jobs_bytes + n_bytes > JOBS_BYTES_MAX)
                if (!session_forget_job(session)) {
                        session_refuse(session, "too many jobs");
                        return;
                }
        if (message->certainty >= _CERTAINTY_MAX) {
                session_refuse(session, "a JOB of an unknown certainty");
                return;
        }
        if (grid_from_message(message, &grid) < 0) {
                session_refuse(session, "a JOB whose interval or block length is impossible");
                return;
        }
        job = crew_job_new(session->account->client, message->job, &grid, (Certainty) message->certainty);
        if (!job) {
                grid_done(&grid);
                session_refuse(session, "out of memory");
                return;
        }
        session->jobs[session->n_jobs++] = (SessionJob) { job, n_bytes };
        session->jobs_bytes += n_bytes;
        account_adopt(session->account, session->owner->crew, job);
}

static void session_on_job(WorkerSession *session, const MessageJob *message) {
        CrewJob *job = session_find_job(session, message->job);

        if (job)
                session_renew_job(session, job);
        else {
                session_add_job(session, message);
                job = session_find_job(session, message->job);
        }
        if (job)
                crew_job_set_priority(job, message->priority > 0 ? message->priority : CREW_PRIORITY_DEFAULT);
        worker_session_pump(session);
}

static void session_on_lease(WorkerSession *session, const MessageLease *lease) {
        Crew *crew = session->owner->crew;
        CrewJob *job = session_find_job(session, lease->job);

        if (!job || lease->lane != LANE || lease->end > crew_job_grid(job)->n_blocks ||
            lease->run_end > crew_job_grid(job)->n_blocks) {
                session_refuse(session, "a LEASE of an unknown job, lane or block");
                return;
        }
        session->asked = false;

        /* It crossed our HAND_BACK on its way. */
        if (session->finishing || session->threads == 0) {
                session_hand_back(session, &(CrewRemainder) { job, lease->first, lease->end });
                return;
        }
        if (crew_assign(crew, job, lease->first, lease->end, lease->run_end) < 0) {
                session_refuse(session, "more leases than were asked for");
                return;
        }
        session_ask(session);
}

static void session_on_acknowledge(WorkerSession *session, const MessageIntervals *acknowledge) {
        for (size_t i = 0; i < acknowledge->n_intervals; i++)
                account_acknowledge(session->account, session->owner->crew, acknowledge->job,
                                    acknowledge->intervals[i].first, acknowledge->intervals[i].end);
        if (session->owner->on_acknowledged)
                session->owner->on_acknowledged(session, session->userdata);
        session_check_finished(session);
}

static void session_on_revoke(WorkerSession *session, const MessageIntervals *revoke) {
        for (size_t i = 0; i < revoke->n_intervals; i++)
                crew_revoke(session->owner->crew, session->account->client, revoke->job, revoke->intervals[i].first,
                            revoke->intervals[i].end);
        worker_session_pump(session);
}

static void session_on_message(Link *link, const Message *message, void *userdata) {
        WorkerSession *session = userdata;

        if (session->closing || !session->account)
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
                        .n_lanes = N_LANES,
                        .n_threads = (uint16_t) crew_threads_max(session->owner->crew),
                },
        };
        const char *reason = "this worker is busy";

        (void) text_hex(link_peer_id(link), SHA256_SIZE, session->master_id);
        session->account = session->owner->on_peer(session, link_peer_id(link), &reason, session->userdata);
        if (session->account && crew_attach(session->owner->crew, session->account->client) < 0) {
                session->account = NULL;
                reason = "this worker serves as many masters as it can";
        }
        if (!session->account) {
                session->closing = true;
                link_close(link, BYE_DONE, reason);
                return;
        }
        session->account->attached = true;
        session_apply(session);
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
        session->owner->on_ended(session, session->error < 0 ? session->error : error, reason, session->userdata);
}

int worker_session_new(sd_event *event, int fd, const Identity *identity, const WorkerSessionOwner *owner,
                       void *userdata, WorkerSession **ret) {
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
        if (!session) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        session->owner = owner;
        session->userdata = userdata;
        session->event = sd_event_ref(event);
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

        session->closing = true;
        session_release_account(session);
        link_free(session->link);
        for (size_t i = 0; i < session->n_jobs; i++)
                crew_job_unref(session->jobs[i].job);
        sd_event_source_disable_unref(session->finish_timer);
        sd_event_unref(session->event);
        free(session);
        return NULL;
}
