/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From one connection to the next.
 *
 *     dialling      the master is looked for. The first time a failure is the end: it is a word that was mistyped, or a
 *                   daemon that does not run. Once joined, it is tried again for ever
 *     handed over   the worker has the connection and shakes hands
 *     joined        it computes
 *     waiting       until the next try: soon after a broken connection, later when the master has no work; pauses
 *                   double, up to a limit, and vary so that a whole LAN does not ring at once
 *     stopping      the worker ends
 *
 * The worker stays while connections break and are replaced: it keeps finished blocks that nobody has acknowledged yet.
 * When the master has no more work, it tells so and ends.
 */

#include "ctl/join.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "connect/dial.h"
#include "ctl/child-process.h"
#include "ctl/program-path.h"
#include "wire/handover.h"

#define RETRY_USEC USEC_PER_SEC        /* after a connection broke or a worker died, doubles up to … */
#define RETRY_MAX_USEC USEC_PER_MINUTE
#define RING_USEC (30 * USEC_PER_SEC)  /* after the master had no work, doubles up to … */
#define RING_MAX_USEC (5 * USEC_PER_MINUTE)
#define GOOD_SESSION_USEC (10 * USEC_PER_SEC) /* a session of this length had work: pauses begin anew */
#define HANDSHAKES_MAX 3               /* that fail before the first joining: it is no master */
#define DEATHS_MAX 5                   /* of workers before the first joining */
#define STOP_USEC (15 * USEC_PER_SEC)  /* for a polite end */

typedef enum JoinState {
        JOIN_DIALLING,
        JOIN_HANDED_OVER,
        JOIN_JOINED,
        JOIN_WAITING,
        JOIN_STOPPING,
} JoinState;

struct Join {
        sd_event *event;
        JoinSettings settings;
        JoinCallbacks callbacks;
        void *userdata;
        char *worker_path;
        Random random;

        JoinState state;
        usec_t state_usec;    /* since when */
        Dial *dial;
        sd_event_source *timer; /* the next try, or the kill */
        usec_t next_usec;       /* when it is due */
        const char *why;        /* it is waiting */

        pid_t pid; /* of the worker; 0: none */
        int channel_fd;
        ChildWatch *watch;
        sd_event_source *channel_source;

        HandoverReport report;  /* the last one */
        char master_name[WIRE_NAME_MAX + 1]; /* once it is known */
        bool ever_joined;
        unsigned n_retries, n_rings, n_handshakes, n_deaths; /* in a row */
        bool ended;
        Problem problem;
};

static void join_dial(Join *join);

static void join_set_state(Join *join, JoinState state) {
        join->state = state;
        join->state_usec = clock_now_usec();
}

static void join_tell(Join *join, bool bad, const char *format, ...) _printf_(3, 4);
static void join_tell(Join *join, bool bad, const char *format, ...) {
        char sentence[1024];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof sentence, format, arguments);
        va_end(arguments);
        join->callbacks.on_event(sentence, bad, join->userdata);
}

static const char *join_master_name(const Join *join) {
        return join->master_name[0] ? join->master_name : join->settings.host;
}

/* The end */

static void join_check_ended(Join *join) {
        if (join->ended || join->state != JOIN_STOPPING || join->pid > 0)
                return;
        join->ended = true;
        join->callbacks.on_ended(join->problem.text, join->userdata);
}

static int join_on_kill(sd_event_source *source, uint64_t usec, void *userdata) {
        Join *join = userdata;

        if (join->pid > 0)
                (void) kill(join->pid, SIGKILL);
        return 0;
}

static void join_arm(Join *join, usec_t span, sd_event_time_handler_t handler) {
        join->timer = sd_event_source_disable_unref(join->timer);
        join->next_usec = clock_now_usec() + span;
        if (sd_event_add_time_relative(join->event, &join->timer, CLOCK_BOOTTIME, span, 100 * USEC_PER_MSEC, handler,
                                       join) < 0) {
                (void) problem_set(&join->problem, ENOMEM, "Out of memory.");
                (void) sd_event_exit(join->event, -ENOMEM);
        }
}

void join_stop(Join *join) {
        if (join->state == JOIN_STOPPING) {
                if (join->pid > 0)
                        (void) kill(join->pid, SIGKILL);
                return;
        }
        join_set_state(join, JOIN_STOPPING);
        join->dial = dial_free(join->dial);
        join->timer = sd_event_source_disable_unref(join->timer);
        if (join->pid > 0) {
                (void) kill(join->pid, SIGTERM);
                join_arm(join, STOP_USEC, join_on_kill);
        }
        join_check_ended(join);
}

static void join_fail(Join *join, const char *format, ...) _printf_(2, 3);
static void join_fail(Join *join, const char *format, ...) {
        va_list arguments;

        if (join->problem.text[0] == '\0') {
                va_start(arguments, format);
                (void) vsnprintf(join->problem.text, sizeof join->problem.text, format, arguments);
                va_end(arguments);
        }
        if (join->state != JOIN_STOPPING)
                join_stop(join);
}

/* The next try */

static int join_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        join_dial(userdata);
        return 0;
}

/* `*count` earlier ones in a row. Returns the pause, for the sentence. */
static usec_t join_wait(Join *join, unsigned *count, usec_t first, usec_t most, const char *why) {
        usec_t span = first;

        for (unsigned i = 0; i < *count && span < most; i++)
                span *= 2;
        span = MIN(span, most);
        span -= random_below(&join->random, span / 4 + 1);
        (*count)++;
        join_set_state(join, JOIN_WAITING);
        join->why = why;
        join_arm(join, span, join_on_timer);
        return span;
}

static usec_t join_retry(Join *join, const char *why) {
        return join_wait(join, &join->n_retries, RETRY_USEC, RETRY_MAX_USEC, why);
}

/* The session */

static void join_on_joined(Join *join) {
        const HandoverReport *report = &join->report;

        join_set_state(join, JOIN_JOINED);
        (void) snprintf(join->master_name, sizeof join->master_name, "%s", report->master_name);
        join->ever_joined = true;
        join->n_handshakes = join->n_deaths = join->n_retries = 0;
        join_tell(join, false, "Joined %s.", join_master_name(join));
}

static void join_on_state(Join *join, const HandoverReport *before) {
        const HandoverReport *report = &join->report;
        const char *colon = report->note[0] ? ": " : "";

        if (report->threads_applied == before->threads_applied && strcmp(report->note, before->note) == 0 &&
            before->event != HANDOVER_JOINED)
                return;
        if (report->threads_applied == 0)
                join_tell(join, false, "Paused%s%s.", colon, report->note);
        else
                join_tell(join, false, "Computing with %u of %u thread%s%s%s.", report->threads_applied,
                          report->threads_allowed, text_plural(report->threads_allowed), colon, report->note);
}

/* The session before this moment was long enough to have done something. */
static void join_forgive(Join *join) {
        if (join->state == JOIN_JOINED && clock_now_usec() - join->state_usec >= GOOD_SESSION_USEC)
                join->n_rings = join->n_retries = 0;
}

static void join_on_done(Join *join) {
        char span[TEXT_SIZE];
        const char *reason = join->report.reason[0] ? join->report.reason : "no work";
        usec_t pause_usec;

        /* The first time it may just be restarted. One that has no work says so again. */
        join_forgive(join);
        if (join->n_rings == 0) {
                join->n_rings++;
                pause_usec = join_retry(join, "it has let this worker go");
        } else {
                unsigned n_before = join->n_rings - 1;

                pause_usec = join_wait(join, &n_before, RING_USEC, RING_MAX_USEC, "it had no work");
                join->n_rings++;
        }
        join_tell(join, false, "%s has let this worker go (%s); asking again in %s.", join_master_name(join), reason,
                  text_duration(pause_usec, span));
}

static void join_on_lost(Join *join) {
        char span[TEXT_SIZE];
        const char *reason = join->report.reason;

        if (!join->ever_joined && ++join->n_handshakes >= HANDSHAKES_MAX) {
                join_fail(join, "%s port %u takes connections, but no master speaks there (%s). Is it the port of "
                          "primed-master?", join->settings.host, join->settings.port, reason);
                return;
        }
        join_forgive(join);
        join_tell(join, true, "The connection to %s broke (%s); connecting again in %s.", join_master_name(join),
                  reason, text_duration(join_retry(join, "the connection broke"), span));
}

static void join_take_report(Join *join, const HandoverReport *report) {
        HandoverReport before = join->report;

        join->report = *report;
        if (join->state != JOIN_HANDED_OVER && join->state != JOIN_JOINED)
                return;
        switch (report->event) {
        case HANDOVER_JOINED:
                join_on_joined(join);
                break;
        case HANDOVER_STATE:
                join_on_state(join, &before);
                break;
        case HANDOVER_DONE:
                join_on_done(join);
                break;
        case HANDOVER_LOST:
                join_on_lost(join);
                break;
        case HANDOVER_REFUSED:
                join_fail(join, "Cannot join %s: %s", join_master_name(join), report->reason);
                break;
        default:
                break;
        }
}

/* One report. 1: there may be more; 0: none waits, or the end. */
static int join_receive(Join *join) {
        char datagram[HANDOVER_SIZE_MAX];
        HandoverReport report;
        ssize_t n;

        n = recv(join->channel_fd, datagram, sizeof datagram, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
                return 1;
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
                (void) sd_event_source_set_enabled(join->channel_source, SD_EVENT_OFF);
                return 0;
        }
        if (n < 0)
                return 0;
        if (handover_decode(datagram, (size_t) n, &report) < 0)
                log_debug("A report of the worker cannot be read");
        else
                join_take_report(join, &report);
        return 1;
}

static int join_on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) join_receive(userdata);
        return 0;
}

/* The worker */

static void join_on_death(Join *join, const siginfo_t *info) {
        char how[128], span[TEXT_SIZE];

        if (info->si_code == CLD_EXITED && info->si_status == EXIT_CANNOT_EXEC) {
                join_fail(join, "%s cannot be started.", join->worker_path);
                return;
        }
        (void) child_describe_end(info, how, sizeof how);
        if (!join->ever_joined && ++join->n_deaths >= DEATHS_MAX) {
                join_fail(join, "The worker ends again and again (the last time: %s). See the messages above.", how);
                return;
        }
        join_forgive(join);
        join->dial = dial_free(join->dial);
        join_tell(join, true, "The worker ended (%s); starting it again in %s.", how,
                  text_duration(join_retry(join, "the worker ended"), span));
}

static void join_on_child(const siginfo_t *info, void *userdata) {
        Join *join = userdata;

        join->pid = 0;
        while (join_receive(join) > 0) /* its last words */
                ;
        join->watch = child_watch_free(join->watch);
        join->channel_source = sd_event_source_disable_unref(join->channel_source);
        join->channel_fd = fd_close(join->channel_fd);
        /* While waiting nobody needs it; the next connection starts another. */
        if (join->state == JOIN_HANDED_OVER || join->state == JOIN_JOINED)
                join_on_death(join, info);
        join_check_ended(join);
}

static int join_start_worker(Join *join) {
        char threads[32], memory[48], name[16 + WIRE_NAME_MAX + 1];
        char *argv[7] = { join->worker_path, (char *) "--handover=3" };
        int pair[2], r, n = 2;

        if (join->settings.threads > 0) {
                (void) snprintf(threads, sizeof threads, "--threads=%u", join->settings.threads);
                argv[n++] = threads;
        }
        if (join->settings.memory_bytes > 0) {
                (void) snprintf(memory, sizeof memory, "--memory=%" PRIu64, join->settings.memory_bytes);
                argv[n++] = memory;
        }
        if (join->settings.name) {
                (void) snprintf(name, sizeof name, "--name=%s", join->settings.name);
                argv[n++] = name;
        }
        if (join->settings.debug)
                argv[n++] = (char *) "--debug";
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        r = child_start(&pair[1], 1, argv, &join->pid);
        (void) fd_close(pair[1]);
        if (r < 0) {
                (void) fd_close(pair[0]);
                return r;
        }
        join->channel_fd = pair[0];
        (void) fd_set_nonblocking(join->channel_fd, true);
        r = child_watch_new(join->event, join->pid, join_on_child, join, &join->watch);
        if (r >= 0)
                r = sd_event_add_io(join->event, &join->channel_source, join->channel_fd, EPOLLIN, join_on_channel,
                                    join);
        return r;
}

/* Takes `fd`. */
static void join_hand_over(Join *join, int fd) {
        char span[TEXT_SIZE];
        int r = 0;

        (void) dial_prepare_socket(fd);
        if (join->pid == 0)
                r = join_start_worker(join);
        if (r < 0)
                join_fail(join, "The worker cannot be started: %s.", strerror(-r));
        else {
                r = fd_send_descriptor(join->channel_fd, "session", strlen("session"), fd);
                join_set_state(join, JOIN_HANDED_OVER);
                /* One that is just ending does not take it; its end is noticed in a moment. */
                if (r < 0 && r != -EPIPE && r != -ECONNRESET && r != -ECONNREFUSED)
                        join_tell(join, true, "The worker does not take the connection; trying again in %s.",
                                  text_duration(join_retry(join, "the worker was busy"), span));
        }
        (void) fd_close(fd);
}

/* The connection */

static void join_on_unreachable(Join *join, const char *reason) {
        const char *host = join->settings.host;
        size_t n = strlen(host);
        bool named = strncmp(reason, host, n) == 0 || reason[0] == '[';
        bool looked_up = strncmp(reason, host, n) == 0 && strncmp(reason + n, ": ", 2) == 0; /* no port behind it */
        char span[TEXT_SIZE];
        usec_t pause_usec;

        if (!join->ever_joined && looked_up) {
                join_fail(join, "Cannot connect: %s.", reason);
                return;
        }
        if (!join->ever_joined) {
                join_fail(join, "Cannot connect%s%s: %s. Is primed-master running there, and does its firewall let "
                          "port %u in? 'primectl status' on that host tells.", named ? "" : " to ", named ? "" : host,
                          reason, join->settings.port);
                return;
        }
        /* Once for each absence: a master may be off for a night. */
        pause_usec = join_retry(join, "it cannot be reached");
        if (join->n_retries <= 2)
                join_tell(join, true, "%s cannot be reached (%s); trying again until it can, next in %s.",
                          join_master_name(join), reason, text_duration(pause_usec, span));
}

static void join_on_dialled(Dial *dial, const DialResult *result, void *userdata) {
        Join *join = userdata;
        char reason[512];
        int fd = result->fd;

        (void) snprintf(reason, sizeof reason, "%s", result->reason);
        join->dial = dial_free(join->dial);
        if (join->state != JOIN_DIALLING)
                (void) fd_close(fd);
        else if (fd < 0)
                join_on_unreachable(join, reason);
        else
                join_hand_over(join, fd);
}

static void join_dial(Join *join) {
        const DialName name = { .host = join->settings.host, .port = join->settings.port };
        const DialRequest request = { .names = &name, .n_names = 1, .on_done = join_on_dialled, .userdata = join };
        int r;

        join->timer = sd_event_source_disable_unref(join->timer);
        join_set_state(join, JOIN_DIALLING);
        r = dial_new(join->event, &request, &join->dial);
        if (r < 0)
                join_on_unreachable(join, strerror(-r));
}

const char *join_describe(const Join *join, char *buffer, size_t size) {
        const HandoverReport *report = &join->report;
        usec_t now = clock_now_usec();
        char span[TEXT_SIZE];

        switch (join->state) {
        case JOIN_DIALLING:
        case JOIN_HANDED_OVER:
                (void) snprintf(buffer, size, "Connecting to %s …", join_master_name(join));
                break;
        case JOIN_JOINED:
                (void) snprintf(buffer, size, "Working for %s with %u thread%s, for %s%s%s", join_master_name(join),
                                report->threads_applied, text_plural(report->threads_applied),
                                text_duration(now - join->state_usec, span), report->note[0] ? ": " : "", report->note);
                break;
        case JOIN_WAITING:
                (void) snprintf(buffer, size, "Not connected to %s: %s; next try in %s", join_master_name(join),
                                join->why, text_duration(join->next_usec > now ? join->next_usec - now : 0, span));
                break;
        case JOIN_STOPPING:
                (void) snprintf(buffer, size, "Handing back …");
                break;
        }
        return buffer;
}

int join_new(sd_event *event, const JoinSettings *settings, const JoinCallbacks *callbacks, void *userdata, Join **ret,
             Problem *problem) {
        _cleanup_(join_freep) Join *join = malloc(sizeof *join);
        int r;

        if (!join)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *join = (Join) {
                .event = sd_event_ref(event),
                .settings = *settings,
                .callbacks = *callbacks,
                .userdata = userdata,
                .channel_fd = -1,
                .why = "",
        };
        random_init(&join->random, clock_realtime_usec());
        r = program_path_find("primed-worker", &join->worker_path, problem);
        if (r < 0)
                return r;
        join_dial(join);
        *ret = TAKE_PTR(join);
        return 0;
}

Join *join_free(Join *join) {
        if (!join)
                return NULL;
        dial_free(join->dial);
        sd_event_source_disable_unref(join->timer);
        child_watch_free(join->watch);
        sd_event_source_disable_unref(join->channel_source);
        (void) fd_close(join->channel_fd);
        if (join->pid > 0) {
                (void) kill(join->pid, SIGKILL);
                (void) waitpid(join->pid, NULL, 0);
        }
        free(join->worker_path);
        sd_event_unref(join->event);
        free(join);
        return NULL;
}
