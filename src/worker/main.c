/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primed-worker: parse – new – loop. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/option.h"
#include "base/place.h"
#include "base/processor.h"
#include "settings/settings.h"
#include "wire/message.h"
#include "worker/worker.h"

static unsigned arg_threads;
static uint64_t arg_memory;
static unsigned arg_handover_fd;
static const char *arg_name, *arg_config = SETTINGS_WORKER_PATH, *arg_key;
static int arg_log_priority = LOG_INFO;

static void help(void) {
        printf("primed-worker [OPTIONS...]\n\n"
               "Computes ranges of primes for the masters whose connections it is handed.\n\n"
               "  -h --help           Show this help\n"
               "     --version        Show the version\n"
               "     --config=FILE    Configuration (default: %s)\n"
               "     --key=FILE       Key of this host (default: %s)\n"
               "     --handover=FD    Take connected masters from this SOCK_SEQPACKET\n"
               "                      socket; no configuration, a key for this run only\n"
               "     --threads=N      Compute on N threads (default: all that may be used)\n"
               "     --memory=SIZE    Memory to keep to, with K, M, G or T (default: 320M, or\n"
               "                      less where there is little)\n"
               "     --name=NAME      Name of this worker, for people (default: host name)\n"
               "     --debug          Log details\n\n"
               "It is started by systemd, through primed-worker.socket, or by primectl(1).\n"
               "See the primed-worker(8) man page for details.\n", SETTINGS_WORKER_PATH, PLACE_HOST_KEY);
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_CONFIG, ARG_KEY, ARG_HANDOVER, ARG_THREADS, ARG_MEMORY, ARG_NAME, ARG_DEBUG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "config", required_argument, NULL, ARG_CONFIG },
                { "key", required_argument, NULL, ARG_KEY },
                { "handover", required_argument, NULL, ARG_HANDOVER },
                { "threads", required_argument, NULL, ARG_THREADS },
                { "memory", required_argument, NULL, ARG_MEMORY },
                { "name", required_argument, NULL, ARG_NAME },
                { "debug", no_argument, NULL, ARG_DEBUG },
                {},
        };

        for (int c; (c = option_next(argc, argv, "h", options, "primed-worker")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        printf("primed-worker %s\n", PRIMED_VERSION);
                        return 0;
                case ARG_CONFIG:
                        arg_config = optarg;
                        break;
                case ARG_KEY:
                        arg_key = optarg;
                        break;
                case ARG_HANDOVER:
                        if (option_descriptor("handover", optarg, &arg_handover_fd) < 0)
                                return -1;
                        break;
                case ARG_THREADS:
                        if (option_unsigned("threads", optarg, 1, WIRE_THREADS_MAX, &arg_threads) < 0)
                                return -1;
                        break;
                case ARG_MEMORY:
                        if (option_size("memory", optarg, WORKER_MEMORY_MIN, WORKER_MEMORY_MAX, &arg_memory) < 0)
                                return -1;
                        break;
                case ARG_NAME:
                        arg_name = optarg;
                        break;
                case ARG_DEBUG:
                        arg_log_priority = LOG_DEBUG;
                        break;
                default:
                        return -1;
                }
        if (optind < argc) {
                log_error("Unexpected argument '%s'. Try 'primed-worker --help'.", argv[optind]);
                return -1;
        }
        return 1;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void) sd_notify(0, "STOPPING=1");
        worker_stop(userdata);
        return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        daemon_tell_reloading();
        worker_reload(userdata);
        (void) sd_notify(0, "READY=1");
        return 0;
}

DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free);

/* The one listening socket that systemd gives. */
static int find_listener(int *ret) {
        int n = sd_listen_fds(true);

        if (n < 0)
                return log_error_errno(n, "Failed to take the socket of systemd: %m");
        if (n == 0) {
                log_error("There is no socket to take masters from: primed-worker is started by primed-worker.socket "
                          "(systemctl enable --now primed-worker) or by primectl.");
                return -ENOTCONN;
        }
        if (n > 1 || sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_SEQPACKET, 1) <= 0) {
                log_error("primed-worker takes exactly one listening unix socket of type SOCK_SEQPACKET; see "
                          "ListenSequentialPacket= in primed-worker.socket.");
                return -EINVAL;
        }
        *ret = SD_LISTEN_FDS_START;
        return 0;
}

static int watch_signals(sd_event *event, Worker *worker, bool is_service) {
        struct sigaction interrupt;
        int r;

        r = sd_event_add_signal(event, NULL, SIGTERM, on_stop, worker);
        /* Who started us may keep Ctrl-C for itself. */
        if (r >= 0 && sigaction(SIGINT, NULL, &interrupt) == 0 && interrupt.sa_handler != SIG_IGN)
                r = sd_event_add_signal(event, NULL, SIGINT, on_stop, worker);
        if (r >= 0 && is_service)
                r = sd_event_add_signal(event, NULL, SIGHUP, on_reload, worker);
        return r < 0 ? log_error_errno(r, "Failed to watch for signals: %m") : 0;
}

static int run(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(identity_freep) Identity *identity = NULL;
        _cleanup_(worker_freep) Worker *worker = NULL;
        bool is_service = arg_handover_fd == 0;
        WorkerSettings settings = { .name = arg_name, .threads_max = arg_threads, .memory_max = arg_memory,
                                    .listen_fd = -1 };
        Problem problem = PROBLEM_NONE;
        int r;

        settings.handover_fd = is_service ? -1 : (int) arg_handover_fd;
        if (is_service) {
                r = find_listener(&settings.listen_fd);
                if (r < 0)
                        return r;
                settings.config_path = arg_config;
                settings.n_threads = processors_online();
        } else
                settings.n_threads = arg_threads > 0 ? arg_threads : processors_usable();
        settings.n_threads = MIN(settings.n_threads, (unsigned) WIRE_THREADS_MAX);

        daemon_prepare();
        r = sd_event_default(&event);
        if (r < 0)
                return log_error_errno(r, "Failed to make the event loop: %m");
        if (!is_service)
                r = identity_new_ephemeral(&identity, &problem);
        else
                r = arg_key ? identity_open(arg_key, &identity, &problem)
                            : identity_open_host(PLACE_HOST_KEY, &identity, &problem);
        settings.identity = identity;
        if (r >= 0)
                r = worker_new(event, &settings, &worker, &problem);
        if (r < 0) {
                log_error("%s", problem.text);
                return r;
        }
        r = watch_signals(event, worker, is_service);
        if (r < 0)
                return r;
        if (is_service) {
                (void) sd_event_set_watchdog(event, true);
                (void) sd_notify(0, "READY=1");
        }
        r = sd_event_loop(event);

        /* The masters have been told everything by now. */
        if (!worker_rest(worker))
                _exit(r == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        return r;
}

int main(int argc, char *argv[]) {
        int r;

        fd_open_standard();
        log_setup("primed-worker", LOG_INFO);
        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        log_setup("primed-worker", arg_log_priority);
        r = run();
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
