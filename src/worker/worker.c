/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The worker's owner object: wires channels, sessions, accounts, crew and limits. A seat is a handover channel and the
 * session that it carries. When to end:
 *
 *     told to stop          the open blocks are handed back, finished ones sent, at most STOP_USEC long
 *     as a service          WORKER_GRACE_USEC after the last seat is empty, or ACCOUNT_KEEP_USEC while blocks are left
 *                           that their master has not acknowledged
 *     with one channel      when the master says done, at once, if every block is acknowledged; when it vanished, after
 *                           IDLE_USEC, or ACCOUNT_KEEP_USEC as above; when the channel is closed, as when told to stop
 */

#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "worker/account.h"
#include "worker/config-watch.h"
#include "worker/crew.h"
#include "worker/handover-channel.h"
#include "worker/limiter.h"
#include "worker/profile-file.h"
#include "worker/worker-session.h"
#include "worker/worker-status.h"

/* Packed blocks that wait for their acknowledgement, shared by all masters; where memory is scarce a third of what the
 * sieve has. */
#define PENDING_BYTES_MAX (UINT64_C(64) << 20)
#define PENDING_BYTES(memory) ((size_t) MIN(PENDING_BYTES_MAX, (memory) / 3))
#define STOP_USEC (WORKER_SESSION_FINISH_USEC + 2 * USEC_PER_SEC)
#define IDLE_USEC (10 * USEC_PER_SEC)
#define MEASURE_AFTER_USEC USEC_PER_MINUTE    /* of CPU time: who has less to do is not kept waiting for it */
#define TICK_USEC (5 * USEC_PER_SEC)        /* limits are looked up so often */
#define EMPTY_SEAT_USEC (10 * USEC_PER_SEC) /* a channel must bring a session in that time */

typedef struct Seat Seat;
struct Seat {
        Seat *next;
        Worker *worker;
        HandoverChannel *channel; /* NULL: closed by the other side */
        WorkerSession *session;
        bool lasting; /* the channel of --handover= */
        usec_t since_usec;
};

struct Worker {
        sd_event *event;
        sd_event_source *listen_source, *crew_source, *end_timer, *tick_timer;
        int listen_fd;
        bool is_service, has_given_name, told_pressure;
        char name[WIRE_NAME_MAX + 1];
        const Identity *identity;
        Crew *crew;
        ConfigWatch *config;
        Limiter *limiter;
        Allowance allowance;
        char *profile_path; /* NULL: there is no place for it */
        WorkerSessionOwner session_owner;
        Account *accounts;
        Seat *seats;
        unsigned n_seats;
        char status[512];
        usec_t idle_usec; /* since when there is no session; USEC_INFINITY: there is one */
        bool stopping;
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free);

static void worker_check_end(Worker *worker);

/* Status */

static void worker_tell_status(Worker *worker) {
        WorkerStatus status = { .n_threads = crew_threads_max(worker->crew), .allowance = &worker->allowance,
                                .stopping = worker->stopping, .n_channels = worker->n_seats };
        HandoverReport report;
        char text[sizeof worker->status];

        if (!worker->is_service)
                return;
        for (const Seat *seat = worker->seats; seat; seat = seat->next)
                if (seat->session && worker_session_is_joined(seat->session)) {
                        worker_session_describe(seat->session, &report);
                        worker_status_add(&status, &report);
                }
        for (const Account *account = worker->accounts; account; account = account->next)
                if (!account->attached)
                        status.n_orphans += account->shelf.n_blocks;
        worker_status_text(&status, text, sizeof text);
        if (strcmp(text, worker->status) == 0)
                return;
        memcpy(worker->status, text, sizeof text);
        (void) sd_notifyf(0, "STATUS=%s", text);
}

static void seat_report(Seat *seat, HandoverEvent event, const char *reason) {
        HandoverReport report = { .event = event };

        if (!seat->channel)
                return;
        if (seat->session)
                worker_session_describe(seat->session, &report);
        (void) snprintf(report.reason, sizeof report.reason, "%s", reason);
        handover_channel_report(seat->channel, &report);
}

/* Accounts */

/* What the crew has finished goes to the shelves of those for whom it was made. */
static void worker_collect(Worker *worker) {
        for (CrewResult *result; (result = crew_pop_result(worker->crew));) {
                Account *account = account_find_client(worker->accounts, crew_job_client(result->job));

                if (account)
                        shelf_add(&account->shelf, result);
                else
                        crew_result_free(result);
        }
}

/* Measured once, for all workers that come later on this machine. */
static void worker_keep_profile(Worker *worker) {
        Problem problem = PROBLEM_NONE;
        SieveProfile profile;

        if (!crew_pop_profile(worker->crew, &profile))
                return;
        log_debug("Measured this machine");
        if (worker->profile_path && profile_file_write(worker->profile_path, &profile, &problem) < 0)
                log_debug("%s", problem.text);
}

/*
 * What a worker before this one has measured, or else it will be measured when there is enough to do, unless that could
 * not be kept: it would be measured at each start.
 */
static void worker_take_profile(Worker *worker) {
        Problem problem = PROBLEM_NONE;
        SieveProfile profile;
        int r;

        worker->profile_path = profile_file_path();
        if (!worker->profile_path)
                return;
        r = profile_file_read(worker->profile_path, &profile, &problem);
        if (r >= 0) {
                crew_set_profile(worker->crew, &profile);
                return;
        }
        if (r != -ENOENT)
                log_debug("%s", problem.text);
        problem = PROBLEM_NONE;
        r = profile_file_prepare(worker->profile_path, &problem);
        if (r < 0) {
                log_debug("This machine is not measured: %s", problem.text);
                return;
        }
        crew_measure(worker->crew, MEASURE_AFTER_USEC);
}

static int worker_on_crew(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Worker *worker = userdata;
        int r;

        worker_collect(worker);
        worker_keep_profile(worker);
        r = crew_error(worker->crew);
        if (r < 0) {
                log_error_errno(r, "Failed to compute: %m");
                return sd_event_exit(worker->event, EXIT_FAILURE);
        }
        for (Seat *seat = worker->seats; seat; seat = seat->next)
                if (seat->session)
                        worker_session_pump(seat->session);
        return 0;
}

/* Limits */

static void worker_apply_allowance(Worker *worker) {
        const WorkerConfig *config = worker->config ? config_watch_config(worker->config) : NULL;
        const char *fault = worker->config ? config_watch_fault(worker->config) : NULL;
        LimiterFacts facts;
        Allowance allowance;

        limiter_look("", config, &facts);
        if (config && config->pause_cpu_pressure > 0 && !facts.has_pressure && !worker->told_pressure) {
                log_warning("This kernel does not tell how long other programs wait for a processor (it needs cgroup "
                            "v2 and psi=1): pause.cpu_pressure in worker.conf has no effect.");
                worker->told_pressure = true;
        }
        limiter_decide(worker->limiter, config, fault, &facts, &allowance);
        if (allowance.threads_allowed == worker->allowance.threads_allowed &&
            allowance.threads_now == worker->allowance.threads_now &&
            allowance.memory_bytes == worker->allowance.memory_bytes &&
            strcmp(allowance.note, worker->allowance.note) == 0)
                return;
        if (allowance.threads_now != worker->allowance.threads_now)
                log_debug("%u threads, %u now: %s", allowance.threads_allowed, allowance.threads_now, allowance.note);
        worker->allowance = allowance;
        crew_set_memory(worker->crew, allowance.memory_bytes, PENDING_BYTES(allowance.memory_bytes));
        crew_set_threads(worker->crew, allowance.threads_now);
        for (Seat *seat = worker->seats; seat; seat = seat->next)
                if (seat->session)
                        worker_session_set_allowance(seat->session);
        worker_tell_status(worker);
}

/* From the next session on; the present ones have said their HELLO. */
static void worker_take_name(Worker *worker) {
        const WorkerConfig *config = worker->config ? config_watch_config(worker->config) : NULL;

        if (worker->has_given_name)
                return;
        if (config && config->name)
                utf8_copy_plain(worker->name, sizeof worker->name, config->name);
        else if (gethostname(worker->name, sizeof worker->name - 1) < 0)
                (void) snprintf(worker->name, sizeof worker->name, "localhost");
}

static void worker_on_config(void *userdata) {
        worker_take_name(userdata);
        worker_apply_allowance(userdata);
}

/* Sessions */

static Account *worker_on_peer(WorkerSession *session, const uint8_t *master_id, const char **ret_reason,
                               void *userdata) {
        Worker *worker = ((Seat *) userdata)->worker;
        Account *account = account_find(worker->accounts, master_id);

        for (Seat *seat = worker->seats; seat && account && account->attached; seat = seat->next) {
                if (!seat->session || worker_session_account(seat->session) != account)
                        continue;
                if (!worker_session_is_finishing(seat->session)) {
                        *ret_reason = "this worker is joined to this master already";
                        return NULL;
                }
                worker_session_replace(seat->session);
        }
        if (!account) {
                account = account_new(master_id);
                if (!account) {
                        *ret_reason = "this worker is out of memory";
                        return NULL;
                }
                account->next = worker->accounts;
                worker->accounts = account;
        }
        return account;
}

static void worker_on_joined(WorkerSession *session, void *userdata) {
        Seat *seat = userdata;
        HandoverReport report;

        worker_session_describe(session, &report);
        if (seat->worker->is_service)
                log_info("Joined the master '%s' (%.8s).", report.master_name, report.master_id);
        seat_report(seat, HANDOVER_JOINED, "");
        worker_tell_status(seat->worker);
}

static void worker_on_state(WorkerSession *session, void *userdata) {
        Seat *seat = userdata;

        seat_report(seat, HANDOVER_STATE, "");
        worker_tell_status(seat->worker);
}

static Seat *seat_free(Seat *seat) {
        Worker *worker = seat->worker;
        Seat **place = &worker->seats;

        while (*place && *place != seat)
                place = &(*place)->next;
        if (*place) {
                *place = seat->next;
                worker->n_seats--;
        }
        worker_session_free(seat->session);
        handover_channel_free(seat->channel);
        free(seat);
        return NULL;
}

static HandoverEvent event_of(const Worker *worker, int error) {
        if (error == -EACCES || error == -EPROTONOSUPPORT || error == -EPROTO)
                return HANDOVER_REFUSED;
        /* Whoever hands masters over may do so again: to the worker that is started next. */
        return error < 0 || worker->stopping ? HANDOVER_LOST : HANDOVER_DONE;
}

static void worker_on_session_ended(WorkerSession *session, int error, const char *reason, void *userdata) {
        Seat *seat = userdata;
        Worker *worker = seat->worker;
        bool lasting = seat->lasting;
        HandoverReport report;

        worker_session_describe(session, &report);
        if (worker->is_service && worker_session_is_joined(session))
                log_info("Left the master '%s': %s.", report.master_name, reason);
        else if (worker->is_service && error < 0)
                log_info("A master could not be joined: %s.", reason);
        else
                log_debug("Session ended: %s", reason);
        if (!lasting || !worker->stopping)
                seat_report(seat, event_of(worker, error), reason);

        worker_collect(worker);
        seat->session = worker_session_free(seat->session);
        if (!lasting)
                seat_free(seat);
        account_expire(&worker->accounts, worker->crew, clock_now_usec());
        worker_tell_status(worker);
        if (lasting && error == 0 && !worker->accounts)
                (void) sd_event_exit(worker->event, 0);
        else
                worker_check_end(worker);
}

static void seat_on_descriptor(HandoverChannel *channel, int fd, void *userdata) {
        Seat *seat = userdata;
        Worker *worker = seat->worker;
        int r;

        if (seat->session || worker->stopping) {
                log_debug("Busy with another master; the connection is let go.");
                (void) fd_close(fd);
                return;
        }
        r = worker_session_new(worker->event, fd, worker->identity, &worker->session_owner, seat, &seat->session);
        if (r < 0) {
                log_warning_errno(r, "Failed to begin a session: %m");
                if (!seat->lasting) {
                        seat_report(seat, HANDOVER_LOST, "the worker cannot begin a session");
                        seat_free(seat);
                }
        }
        worker_check_end(worker);
}

static void seat_on_channel_closed(HandoverChannel *channel, void *userdata) {
        Seat *seat = userdata;
        Worker *worker = seat->worker;

        seat->channel = handover_channel_free(seat->channel);
        if (seat->lasting)
                worker_stop(worker);
        else if (seat->session) {
                worker_collect(worker);
                worker_session_finish(seat->session, "no longer wanted on this host");
        } else {
                seat_free(seat);
                worker_check_end(worker);
        }
}

/* Takes `fd`, on failure too. */
static int worker_add_seat(Worker *worker, int fd, bool lasting) {
        static const HandoverChannelCallbacks callbacks = {
                .on_descriptor = seat_on_descriptor,
                .on_closed = seat_on_channel_closed,
        };
        Seat *seat = malloc(sizeof *seat);
        int r;

        if (!seat) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        *seat = (Seat) { .next = worker->seats, .worker = worker, .lasting = lasting,
                         .since_usec = clock_now_usec() };
        worker->seats = seat;
        worker->n_seats++;
        r = handover_channel_new(worker->event, fd, &callbacks, seat, &seat->channel);
        if (r < 0) {
                seat_free(seat);
                return r;
        }
        worker_tell_status(worker);
        return 0;
}

static int worker_on_listen(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Worker *worker = userdata;
        int channel, r;

        channel = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (channel < 0) {
                /* Without descriptors it would come again at once, and for ever. */
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                        log_warning_errno(-errno, "Failed to accept a handover: %m");
                        (void) sd_event_source_set_enabled(worker->listen_source, SD_EVENT_OFF);
                }
                return 0;
        }
        if (worker->n_seats >= WORKER_CHANNELS_MAX) {
                log_debug("No seat for another master");
                (void) fd_close(channel);
                return 0;
        }
        r = worker_add_seat(worker, channel, false);
        if (r < 0)
                log_warning_errno(r, "Failed to take a handover: %m");
        worker_check_end(worker);
        return 0;
}

/* The end */

/* What no master has acknowledged by now is told. */
static void worker_end(Worker *worker) {
        account_expire(&worker->accounts, worker->crew, USEC_INFINITY);
        (void) sd_event_exit(worker->event, 0);
}

static int worker_on_end_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        worker_end(userdata);
        return 0;
}

static void worker_arm_end(Worker *worker, usec_t when) {
        if (worker->end_timer) {
                (void) sd_event_source_set_time(worker->end_timer, when);
                (void) sd_event_source_set_enabled(worker->end_timer, SD_EVENT_ONESHOT);
        } else if (sd_event_add_time(worker->event, &worker->end_timer, CLOCK_BOOTTIME, when, USEC_PER_MSEC,
                                     worker_on_end_timer, worker) < 0)
                (void) sd_event_exit(worker->event, EXIT_FAILURE);
}

/* When the process ends as things are now. */
static void worker_check_end(Worker *worker) {
        usec_t when;
        bool busy = false;

        for (const Seat *seat = worker->seats; seat; seat = seat->next)
                busy = busy || seat->session || !seat->lasting;
        if (worker->stopping) {
                if (!busy)
                        worker_end(worker);
                return;
        }
        if (busy) {
                worker->idle_usec = USEC_INFINITY;
                if (worker->end_timer)
                        (void) sd_event_source_set_enabled(worker->end_timer, SD_EVENT_OFF);
                return;
        }
        worker->idle_usec = MIN(worker->idle_usec, clock_now_usec());
        when = worker->idle_usec + (worker->is_service ? WORKER_GRACE_USEC : IDLE_USEC);
        for (const Account *account = worker->accounts; account; account = account->next)
                if (!account_is_settled(account, worker->crew))
                        when = MAX(when, account->detached_usec + ACCOUNT_KEEP_USEC);
        worker_arm_end(worker, when);
}

static int worker_on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Worker *worker = userdata;

        for (Seat *seat = worker->seats, *next; seat; seat = next) {
                next = seat->next;
                if (!seat->session && !seat->lasting && clock_now_usec() >= seat->since_usec + EMPTY_SEAT_USEC)
                        seat_free(seat);
        }
        account_expire(&worker->accounts, worker->crew, clock_now_usec());
        if (worker->seats)
                worker_apply_allowance(worker);
        if (worker->listen_source)
                (void) sd_event_source_set_enabled(worker->listen_source, SD_EVENT_ON);
        worker_tell_status(worker);
        if (!worker->seats)
                worker_check_end(worker);
        (void) sd_event_source_set_time(source, clock_now_usec() + TICK_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void worker_stop(Worker *worker) {
        if (worker->stopping)
                return;
        worker->stopping = true;
        worker->listen_source = sd_event_source_disable_unref(worker->listen_source);
        worker_collect(worker);
        for (Seat *seat = worker->seats, *next; seat; seat = next) {
                next = seat->next;
                if (seat->session)
                        worker_session_finish(seat->session, "this worker stops");
                else if (!seat->lasting)
                        seat_free(seat);
        }
        worker_tell_status(worker);
        worker_arm_end(worker, clock_now_usec() + STOP_USEC);
        worker_check_end(worker);
}

void worker_reload(Worker *worker) {
        if (worker->config)
                config_watch_reload(worker->config);
        worker_apply_allowance(worker);
}

bool worker_rest(Worker *worker) {
        return crew_stop(worker->crew, USEC_PER_SEC / 2);
}

/* The beginning */

/* Takes the descriptor, on failure too. */
static int worker_watch(Worker *worker, int handover_fd, Problem *problem) {
        int r;

        r = worker->is_service ? 0 : worker_add_seat(worker, handover_fd, true);
        if (r >= 0)
                r = sd_event_add_io(worker->event, &worker->crew_source, crew_fd(worker->crew), EPOLLIN,
                                    worker_on_crew, worker);
        if (r >= 0)
                r = sd_event_add_time_relative(worker->event, &worker->tick_timer, CLOCK_BOOTTIME, TICK_USEC,
                                               USEC_PER_SEC / 2, worker_on_tick, worker);
        if (r >= 0 && worker->is_service) {
                r = fd_set_nonblocking(worker->listen_fd, true);
                if (r >= 0)
                        r = sd_event_add_io(worker->event, &worker->listen_source, worker->listen_fd, EPOLLIN,
                                            worker_on_listen, worker);
        }
        if (r < 0)
                return problem_set(problem, r, "Failed to watch the handover socket: %m");
        return 0;
}

static int worker_start(Worker *worker, const WorkerSettings *settings, Problem *problem) {
        const CrewSettings crew_settings = { .n_threads = settings->n_threads,
                                             .pending_bytes_max = PENDING_BYTES_MAX };
        int r;

        r = crew_new(&crew_settings, &worker->crew);
        if (r < 0)
                return problem_set(problem, r, "Failed to start %u threads: %m", settings->n_threads);
        worker->session_owner.crew = worker->crew;
        worker_take_profile(worker);
        worker->limiter = limiter_new(settings->n_threads, settings->threads_max, settings->memory_max);
        if (!worker->limiter)
                return problem_set(problem, ENOMEM, "Out of memory");
        if (settings->config_path) {
                r = config_watch_new(worker->event, settings->config_path, worker_on_config, worker, &worker->config);
                if (r < 0)
                        return problem_set(problem, r, "Failed to watch %s: %m", settings->config_path);
        }
        worker_on_config(worker);
        return 0;
}

int worker_new(sd_event *event, const WorkerSettings *settings, Worker **ret, Problem *problem) {
        _cleanup_close_ int handover_fd = settings->handover_fd, listen_fd = settings->listen_fd;
        _cleanup_(worker_freep) Worker *worker = NULL;
        int r;

        worker = malloc(sizeof *worker);
        if (!worker)
                return problem_set(problem, ENOMEM, "Out of memory");
        *worker = (Worker) {
                .event = sd_event_ref(event),
                .is_service = settings->listen_fd >= 0,
                .has_given_name = settings->name,
                .listen_fd = TAKE_FD(listen_fd),
                .identity = settings->identity,
                .idle_usec = USEC_INFINITY,
                .session_owner = {
                        .name = worker->name,
                        .allowance = &worker->allowance,
                        .on_peer = worker_on_peer,
                        .on_joined = worker_on_joined,
                        .on_state = worker_on_state,
                        .on_ended = worker_on_session_ended,
                },
        };
        if (settings->name)
                utf8_copy_plain(worker->name, sizeof worker->name, settings->name);
        r = worker_start(worker, settings, problem);
        if (r >= 0)
                r = worker_watch(worker, TAKE_FD(handover_fd), problem);
        if (r < 0)
                return r;
        if (worker->is_service)
                worker_check_end(worker);
        *ret = TAKE_PTR(worker);
        return 0;
}

Worker *worker_free(Worker *worker) {
        if (!worker)
                return NULL;
        while (worker->seats)
                seat_free(worker->seats);
        sd_event_source_disable_unref(worker->listen_source);
        sd_event_source_disable_unref(worker->crew_source);
        sd_event_source_disable_unref(worker->end_timer);
        sd_event_source_disable_unref(worker->tick_timer);
        (void) fd_close(worker->listen_fd);
        config_watch_free(worker->config);
        limiter_free(worker->limiter);
        crew_free(worker->crew);
        free(worker->profile_path);
        while (worker->accounts) {
                Account *account = worker->accounts;

                worker->accounts = account->next;
                account_free(account);
        }
        sd_event_unref(worker->event);
        free(worker);
        return NULL;
}
