/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Supervision of one master and its workers.
 *
 *     start    master with the control socket; per worker a handover socket and a session, whose other end goes to
 *              the master over the control socket
 *     stop     workers first (they hand back and deliver), the master when the last of them is gone
 *     a worker dies   it is started again at once; after deaths without a new block in between, after a pause that
 *                     doubles; after RESTARTS_MAX of them the job is given up
 *     a connection breaks   (one side was stopped for long, say) the two get another one
 *     the master dies   everything ends: the store is safe, the next start goes on
 *
 * The children notice by the end of their sockets when this process dies, however it dies.
 */

#include "ctl/local-cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "ctl/child-process.h"
#include "ctl/program-path.h"
#include "wire/handover.h"

#define RESTARTS_MAX 8                          /* deaths of workers without a new block in between */
#define RESTART_PAUSE_USEC (50 * USEC_PER_MSEC) /* doubles with each of them, up to … */
#define RESTART_PAUSE_MAX_USEC USEC_PER_SEC
#define LEFT_PAUSE_USEC USEC_PER_SEC            /* after a worker left of its own accord */
#define RECONNECT_USEC USEC_PER_SEC             /* after a connection broke */
#define KILL_USEC (15 * USEC_PER_SEC)           /* after a polite stop … */
#define FINISHED_KILL_USEC (2 * USEC_PER_SEC)   /* … and when there is nothing left to deliver */

typedef struct LocalWorker {
        LocalCluster *cluster;
        unsigned number;
        pid_t pid; /* 0: not running */
        int handover_fd;
        bool refused; /* by the master */
        bool left;    /* of its own accord, once */
        bool lost;    /* its connection broke, and nobody was told so yet */
        char reason[WIRE_REASON_MAX + 1]; /* why its session ended */
        ChildWatch *watch;
        sd_event_source *handover_source, *restart_timer;
} LocalWorker;

struct LocalCluster {
        sd_event *event;
        LocalClusterSettings settings;
        LocalClusterCallbacks callbacks;
        void *userdata;
        char *master_path, *worker_path;

        pid_t master_pid;
        int control_fd;
        ChildWatch *master_watch;
        sd_event_source *control_source, *kill_timer;

        LocalWorker *workers;
        unsigned n_running; /* workers */
        unsigned n_deaths;  /* of workers since a block arrived last */
        uint64_t blocks_done, blocks_done_at_death, blocks_done_at_loss;
        bool told_lost;

        bool stopping, finished, told_end;
        bool killed_master; /* it did not die by itself */
        LocalOutcome outcome;
        Problem problem;
};

DEFINE_TRIVIAL_CLEANUP_FUNC(LocalCluster *, local_cluster_free);

static void cluster_fail(LocalCluster *cluster, const char *sentence);

/* The end */

static void cluster_check_ended(LocalCluster *cluster) {
        if (cluster->told_end || cluster->master_pid > 0 || cluster->n_running > 0)
                return;
        cluster->told_end = true;
        cluster->callbacks.on_ended(cluster->outcome, cluster->problem.text, cluster->userdata);
}

static void cluster_arm_kill(LocalCluster *cluster, usec_t span);

static void cluster_signal_workers(LocalCluster *cluster, int signal_number) {
        for (unsigned i = 0; i < cluster->settings.n_workers; i++)
                if (cluster->workers[i].pid > 0)
                        (void) kill(cluster->workers[i].pid, signal_number);
}

/*
 * They had their time. First the workers, which hold nothing that cannot be computed again; the master then stores
 * what has arrived, and is killed only if it does not even do that.
 */
static void cluster_kill(LocalCluster *cluster) {
        bool workers_left = cluster->n_running > 0;

        cluster_signal_workers(cluster, SIGKILL);
        if (cluster->master_pid > 0) {
                cluster->killed_master = !workers_left;
                (void) kill(cluster->master_pid, workers_left ? SIGTERM : SIGKILL);
        }
}

static int cluster_on_kill_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        LocalCluster *cluster = userdata;

        cluster_kill(cluster);
        cluster_arm_kill(cluster, KILL_USEC);
        return 0;
}

static void cluster_arm_kill(LocalCluster *cluster, usec_t span) {
        cluster->kill_timer = sd_event_source_disable_unref(cluster->kill_timer);
        (void) sd_event_add_time_relative(cluster->event, &cluster->kill_timer, CLOCK_MONOTONIC, span, USEC_PER_MSEC,
                                          cluster_on_kill_timer, cluster);
}

/* Workers first: what they have finished is to be stored. */
static void cluster_wind_down(LocalCluster *cluster) {
        cluster->stopping = true;
        for (unsigned i = 0; i < cluster->settings.n_workers; i++)
                cluster->workers[i].restart_timer = sd_event_source_disable_unref(cluster->workers[i].restart_timer);
        cluster_signal_workers(cluster, SIGTERM);
        if (cluster->n_running == 0 && cluster->master_pid > 0)
                (void) kill(cluster->master_pid, SIGTERM);
        if (!cluster->kill_timer)
                cluster_arm_kill(cluster, cluster->finished ? FINISHED_KILL_USEC : KILL_USEC);
        cluster_check_ended(cluster);
}

static void cluster_fail(LocalCluster *cluster, const char *sentence) {
        cluster->outcome = LOCAL_FAILED;
        (void) problem_set(&cluster->problem, EIO, "%s", sentence);
        cluster_wind_down(cluster);
}

void local_cluster_stop(LocalCluster *cluster) {
        if (cluster->stopping) {
                cluster_kill(cluster);
                return;
        }
        cluster->outcome = LOCAL_STOPPED;
        cluster_wind_down(cluster);
}

/* Workers */

static int worker_start(LocalWorker *worker);

static int worker_on_restart(sd_event_source *source, uint64_t usec, void *userdata) {
        LocalWorker *worker = userdata;

        worker->restart_timer = sd_event_source_disable_unref(worker->restart_timer);
        if (!worker->cluster->finished && worker_start(worker) < 0)
                cluster_fail(worker->cluster, "A worker cannot be started again: out of processes or memory.");
        return 0;
}

/* What happens to the worker next: it is started, or connected, again. */
static void worker_arm(LocalWorker *worker, usec_t pause_usec, sd_event_time_handler_t handler) {
        if (sd_event_add_time_relative(worker->cluster->event, &worker->restart_timer, CLOCK_MONOTONIC, pause_usec,
                                       USEC_PER_MSEC, handler, worker) < 0)
                cluster_fail(worker->cluster, "A worker cannot be started or connected again: out of memory.");
}

static void worker_on_death(LocalWorker *worker, const char *how) {
        LocalCluster *cluster = worker->cluster;
        usec_t pause_usec = 0;
        char sentence[256];

        if (cluster->blocks_done != cluster->blocks_done_at_death)
                cluster->n_deaths = 0;
        cluster->blocks_done_at_death = cluster->blocks_done;
        if (++cluster->n_deaths > RESTARTS_MAX) {
                (void) snprintf(sentence, sizeof sentence,
                                "The workers end again and again without finishing a block (the last one: %s). See "
                                "the messages above; fewer --threads or --workers may help.", how);
                cluster_fail(cluster, sentence);
                return;
        }
        cluster->callbacks.on_worker_died(how, cluster->userdata);
        if (cluster->n_deaths > 1)
                pause_usec = MIN(RESTART_PAUSE_USEC << (cluster->n_deaths - 2), RESTART_PAUSE_MAX_USEC);
        worker_arm(worker, pause_usec, worker_on_restart);
}

static void worker_on_exit(const siginfo_t *info, void *userdata) {
        LocalWorker *worker = userdata;
        LocalCluster *cluster = worker->cluster;
        char how[128];

        worker->watch = child_watch_free(worker->watch);
        worker->handover_source = sd_event_source_disable_unref(worker->handover_source);
        worker->restart_timer = sd_event_source_disable_unref(worker->restart_timer);
        worker->handover_fd = fd_close(worker->handover_fd);
        worker->pid = 0;
        cluster->n_running--;

        if (cluster->stopping) {
                if (cluster->n_running == 0 && cluster->master_pid > 0)
                        (void) kill(cluster->master_pid, SIGTERM);
        } else if (worker->refused)
                worker_on_death(worker, worker->reason);
        else if (info->si_code == CLD_EXITED && info->si_status == EXIT_SUCCESS && !worker->left) {
                /* The master told it that the work is done, and tells us the same in a moment. */
                worker->left = true;
                worker_arm(worker, LEFT_PAUSE_USEC, worker_on_restart);
        } else if (!cluster->finished)
                worker_on_death(worker, child_describe_end(info, how, sizeof how));
        cluster_check_ended(cluster);
}

/* Gives the two ends of a new connection to the worker and to the master. */
static int worker_connect(LocalWorker *worker) {
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        r = fd_send_descriptor(worker->cluster->control_fd, "worker", 6, pair[0]);
        if (r >= 0)
                r = fd_send_descriptor(worker->handover_fd, "session", 7, pair[1]);
        (void) fd_close(pair[0]);
        (void) fd_close(pair[1]);
        return r;
}

static void worker_reconnect(LocalWorker *worker);

/*
 * Not before the connection is replaced, and once, until there is something new to tell: it may break just because the
 * master has found the work done, and is gone before we hear of that.
 */
static void worker_tell_lost(LocalWorker *worker) {
        LocalCluster *cluster = worker->cluster;

        if (worker->lost && (!cluster->told_lost || cluster->blocks_done != cluster->blocks_done_at_loss)) {
                cluster->told_lost = true;
                cluster->blocks_done_at_loss = cluster->blocks_done;
                cluster->callbacks.on_connection_lost(worker->reason, cluster->userdata);
        }
        worker->lost = false;
}

static int worker_on_reconnect(sd_event_source *source, uint64_t usec, void *userdata) {
        LocalWorker *worker = userdata;

        worker->restart_timer = sd_event_source_disable_unref(worker->restart_timer);
        if (worker->pid == 0 || worker->cluster->finished)
                return 0;
        worker_tell_lost(worker);
        if (worker_connect(worker) == -EAGAIN)
                worker_reconnect(worker); /* the master does not even read */
        return 0;
}

static void worker_reconnect(LocalWorker *worker) {
        if (!worker->restart_timer)
                worker_arm(worker, RECONNECT_USEC, worker_on_reconnect);
}

/* A broken connection is replaced: the worker keeps its blocks. One that was refused is started anew. */
static void worker_take_report(LocalWorker *worker, const HandoverReport *report) {
        LocalCluster *cluster = worker->cluster;

        if (cluster->stopping || cluster->finished ||
            (report->event != HANDOVER_LOST && report->event != HANDOVER_REFUSED))
                return;
        worker->refused = report->event == HANDOVER_REFUSED;
        (void) snprintf(worker->reason, sizeof worker->reason, "%s", report->reason);
        if (worker->refused) {
                (void) kill(worker->pid, SIGTERM);
                return;
        }
        worker->lost = true;
        worker_reconnect(worker);
}

/* The worker tells what becomes of its session: see wire/handover.h. */
static int worker_on_handover(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        char datagram[HANDOVER_SIZE_MAX];
        HandoverReport report;
        ssize_t n;

        n = recv(fd, datagram, sizeof datagram, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        else if (handover_decode(datagram, (size_t) n, &report) < 0)
                log_debug("A report of a worker cannot be read");
        else
                worker_take_report(userdata, &report);
        return 0;
}

static int worker_start(LocalWorker *worker) {
        LocalCluster *cluster = worker->cluster;
        char threads[32], name[48], memory[48];
        char *argv[7] = { cluster->worker_path, (char *) "--handover=3", threads, name };
        int pair[2], n = 4, r;

        (void) snprintf(threads, sizeof threads, "--threads=%u", cluster->settings.n_threads);
        (void) snprintf(name, sizeof name, "--name=local-%u", worker->number + 1);
        if (cluster->settings.memory_bytes > 0) {
                (void) snprintf(memory, sizeof memory, "--memory=%" PRIu64, cluster->settings.memory_bytes);
                argv[n++] = memory;
        }
        if (cluster->settings.debug)
                argv[n++] = (char *) "--debug";
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        r = child_start(&pair[1], 1, argv, &worker->pid);
        (void) fd_close(pair[1]);
        if (r < 0) {
                (void) fd_close(pair[0]);
                return r;
        }
        worker->handover_fd = pair[0];
        (void) fd_set_nonblocking(worker->handover_fd, true);
        worker->refused = worker->lost = false;
        worker->reason[0] = '\0';
        cluster->n_running++;
        r = child_watch_new(cluster->event, worker->pid, worker_on_exit, worker, &worker->watch);
        if (r >= 0)
                r = sd_event_add_io(cluster->event, &worker->handover_source, worker->handover_fd, EPOLLIN,
                                    worker_on_handover, worker);
        if (r < 0)
                return r;

        /* When the master or the worker is already gone, its own end is noticed elsewhere. */
        r = worker_connect(worker);
        if (r == -EAGAIN) {
                worker_reconnect(worker);
                return 0;
        }
        return r == -EPIPE || r == -ECONNRESET || r == -ECONNREFUSED ? 0 : r;
}

/* Master */

static void cluster_take_report(LocalCluster *cluster, const char *text, size_t size) {
        Report report;

        if (report_decode(text, size, &report) < 0) {
                log_debug("A report of the master cannot be read");
                return;
        }
        cluster->blocks_done = report.blocks_in_order + report.blocks_spooled;
        cluster->finished = cluster->finished || strcmp(report.state, "finished") == 0;
        if (strcmp(report.state, "failed") == 0)
                (void) problem_set(&cluster->problem, EIO, "%s", report.problem);
        else
                cluster->callbacks.on_report(&report, cluster->userdata);
        report_done(&report);
}

/*
 * Takes one report. 1: there may be more; 0: none waits; negative: the end. A master that ends before it has read
 * what we sent leaves an error in the socket, in front of its own last report.
 */
static int cluster_receive(LocalCluster *cluster) {
        static char datagram[REPORT_SIZE_MAX];
        ssize_t n = recv(cluster->control_fd, datagram, sizeof datagram, MSG_DONTWAIT);

        if (n > 0) {
                cluster_take_report(cluster, datagram, (size_t) n);
                return 1;
        }
        if (n < 0 && (errno == EINTR || errno == ECONNRESET))
                return 1;
        return n < 0 && errno == EAGAIN ? 0 : -ENOTCONN;
}

static int cluster_on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        if (cluster_receive(userdata) < 0)
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

static void cluster_on_master_exit(const siginfo_t *info, void *userdata) {
        LocalCluster *cluster = userdata;
        char how[128], sentence[512];

        cluster->master_watch = child_watch_free(cluster->master_watch);
        cluster->master_pid = 0;

        /* Its last words may still lie in the socket. */
        while (cluster_receive(cluster) > 0)
                ;

        if (info->si_code == CLD_EXITED && info->si_status == EXIT_SUCCESS) {
                if (cluster->finished)
                        cluster->outcome = LOCAL_FINISHED;
                else if (!cluster->stopping)
                        cluster->outcome = LOCAL_STOPPED;
        } else if (!cluster->killed_master) {
                cluster->outcome = LOCAL_FAILED;
                if (info->si_code == CLD_EXITED && info->si_status == EXIT_CANNOT_EXEC)
                        (void) snprintf(sentence, sizeof sentence, "%s cannot be started.", cluster->master_path);
                else
                        (void) snprintf(sentence, sizeof sentence,
                                        "The master died (%s). What it stored is safe: start the same command again "
                                        "to continue.", child_describe_end(info, how, sizeof how));
                (void) problem_set(&cluster->problem, EIO, "%s", sentence);
        }
        cluster_wind_down(cluster);
}

/* A file in memory with the two ends: they may be longer than what fits into arguments. */
static int interval_file(const LocalClusterSettings *settings) {
        _cleanup_close_ int fd = memfd_create("interval", MFD_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, settings->from, strlen(settings->from));
        if (r >= 0)
                r = fd_write_all(fd, "\n", 1);
        if (r >= 0 && settings->to)
                r = fd_write_all(fd, settings->to, strlen(settings->to));
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int master_start(LocalCluster *cluster) {
        const LocalClusterSettings *settings = &cluster->settings;
        _cleanup_free_ char *store = NULL, *blocks = NULL, *size = NULL, *keep = NULL, *certainty = NULL;
        char *argv[11] = { cluster->master_path, (char *) "--control=3", (char *) "--interval=4" };
        int pair[2], fds[2], r, n = 3;

        if (asprintf(&store, "--store=%s", settings->store_path) < 0 ||
            asprintf(&blocks, "--segment-blocks=%u", settings->segment_blocks) < 0 ||
            asprintf(&size, "--segment-size=%s", settings->segment_size ?: "") < 0 ||
            asprintf(&certainty, "--certainty=%s", settings->certainty ?: "") < 0 ||
            asprintf(&keep, "--keep=%s", settings->keep ?: "full") < 0)
                return -ENOMEM;
        argv[n++] = store;
        if (settings->segment_blocks > 0)
                argv[n++] = blocks;
        if (settings->segment_size)
                argv[n++] = size;
        if (settings->certainty)
                argv[n++] = certainty;
        if (settings->keep)
                argv[n++] = keep;
        if (settings->debug)
                argv[n++] = (char *) "--debug";

        fds[1] = interval_file(settings);
        if (fds[1] < 0)
                return fds[1];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
                r = -errno;
                (void) fd_close(fds[1]);
                return r;
        }
        cluster->control_fd = pair[0];
        (void) fd_set_nonblocking(cluster->control_fd, true); /* a master that was stopped does not stop us */
        fds[0] = pair[1];
        r = child_start(fds, ELEMENTSOF(fds), argv, &cluster->master_pid);
        (void) fd_close(fds[0]);
        (void) fd_close(fds[1]);
        if (r < 0)
                return r;
        r = child_watch_new(cluster->event, cluster->master_pid, cluster_on_master_exit, cluster,
                            &cluster->master_watch);
        if (r < 0)
                return r;
        return sd_event_add_io(cluster->event, &cluster->control_source, cluster->control_fd, EPOLLIN,
                               cluster_on_control, cluster);
}

int local_cluster_new(sd_event *event, const LocalClusterSettings *settings, const LocalClusterCallbacks *callbacks,
                      void *userdata, LocalCluster **ret, Problem *problem) {
        _cleanup_(local_cluster_freep) LocalCluster *cluster = NULL;
        int r;

        cluster = malloc(sizeof *cluster);
        if (!cluster)
                return problem_set(problem, ENOMEM, "Out of memory");
        *cluster = (LocalCluster) {
                .event = sd_event_ref(event),
                .settings = *settings,
                .callbacks = *callbacks,
                .userdata = userdata,
                .control_fd = -1,
        };
        r = program_path_find("primed-master", &cluster->master_path, problem);
        if (r >= 0)
                r = program_path_find("primed-worker", &cluster->worker_path, problem);
        if (r < 0)
                return r;
        cluster->workers = calloc(settings->n_workers, sizeof *cluster->workers);
        if (!cluster->workers)
                return problem_set(problem, ENOMEM, "Out of memory");
        for (unsigned i = 0; i < settings->n_workers; i++)
                cluster->workers[i] = (LocalWorker) { .cluster = cluster, .number = i, .handover_fd = -1 };

        r = master_start(cluster);
        for (unsigned i = 0; i < settings->n_workers && r >= 0; i++)
                r = worker_start(cluster->workers + i);
        if (r < 0)
                return problem_set(problem, r, "Failed to start the master and its workers: %m");

        *ret = TAKE_PTR(cluster);
        return 0;
}

LocalCluster *local_cluster_free(LocalCluster *cluster) {
        if (!cluster)
                return NULL;
        for (unsigned i = 0; cluster->workers && i < cluster->settings.n_workers; i++) {
                LocalWorker *worker = cluster->workers + i;

                child_watch_free(worker->watch);
                sd_event_source_disable_unref(worker->handover_source);
                sd_event_source_disable_unref(worker->restart_timer);
                (void) fd_close(worker->handover_fd);
                if (worker->pid > 0) {
                        (void) kill(worker->pid, SIGKILL);
                        (void) waitpid(worker->pid, NULL, 0);
                }
        }
        child_watch_free(cluster->master_watch);
        sd_event_source_disable_unref(cluster->control_source);
        sd_event_source_disable_unref(cluster->kill_timer);
        if (cluster->master_pid > 0) {
                (void) kill(cluster->master_pid, SIGTERM);
                (void) waitpid(cluster->master_pid, NULL, 0);
        }
        (void) fd_close(cluster->control_fd);
        free(cluster->workers);
        free(cluster->master_path);
        free(cluster->worker_path);
        sd_event_unref(cluster->event);
        free(cluster);
        return NULL;
}
