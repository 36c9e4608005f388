/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primed-worker: parse – new – loop. */

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/option.h"
#include "base/processor.h"
#include "wire/message.h"
#include "worker/worker.h"

static unsigned arg_threads;
static unsigned arg_handover_fd;
static char arg_name[WIRE_NAME_MAX + 1];
static int arg_log_priority = LOG_INFO;

static void help(void) {
        printf("primed-worker [OPTIONS...]\n\n"
               "Computes ranges of primes for a master.\n\n"
               "  -h --help           Show this help\n"
               "     --version        Show the version\n"
               "     --handover=FD    Take connected masters from this SOCK_SEQPACKET socket\n"
               "     --threads=N      Compute on N threads (default: all that may be used)\n"
               "     --name=NAME      Name of this worker, for people (default: host name)\n"
               "     --debug          Log details\n\n"
               "It is started by primectl(1).\n");
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_HANDOVER, ARG_THREADS, ARG_NAME, ARG_DEBUG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "handover", required_argument, NULL, ARG_HANDOVER },
                { "threads", required_argument, NULL, ARG_THREADS },
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
                case ARG_HANDOVER:
                        if (option_descriptor("handover", optarg, &arg_handover_fd) < 0)
                                return -1;
                        break;
                case ARG_THREADS:
                        if (option_unsigned("threads", optarg, 1, WIRE_LANES_MAX, &arg_threads) < 0)
                                return -1;
                        break;
                case ARG_NAME:
                        (void) snprintf(arg_name, sizeof arg_name, "%s", optarg);
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
        if (arg_handover_fd == 0) {
                log_error("--handover= is missing: primed-worker is started by primectl or systemd.");
                return -1;
        }
        return 1;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        worker_stop(userdata);
        return 0;
}

DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free);

static int run(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(worker_freep) Worker *worker = NULL;
        WorkerSettings settings = {
                .name = arg_name,
                .threads = arg_threads > 0 ? arg_threads : MIN(processors_usable(), (unsigned) WIRE_LANES_MAX),
                .handover_fd = (int) arg_handover_fd,
        };
        Problem problem = PROBLEM_NONE;
        sigset_t mask;
        int r;

        if (arg_name[0] == '\0' && gethostname(arg_name, sizeof arg_name - 1) < 0)
                (void) snprintf(arg_name, sizeof arg_name, "localhost");

        /* Blocks of half a megabyte come and go: keep their memory instead of asking the kernel anew for each. */
        (void) mallopt(M_MMAP_THRESHOLD, 4 << 20);
        (void) mallopt(M_TRIM_THRESHOLD, 32 << 20);

        /* Before any thread exists, so that all inherit the mask. */
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        (void) signal(SIGPIPE, SIG_IGN);

        r = sd_event_default(&event);
        if (r < 0)
                return log_error_errno(r, "Failed to make the event loop: %m");
        r = worker_new(event, &settings, &worker, &problem);
        if (r < 0) {
                log_error("%s", problem.text);
                return r;
        }
        r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, worker);
        if (r < 0)
                return log_error_errno(r, "Failed to watch for SIGTERM: %m");
        r = sd_event_loop(event);

        /* The master has been told everything by now. */
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
