/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl join: computes for a master, in the foreground. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/option.h"
#include "base/utf8.h"
#include "ctl/join.h"
#include "ctl/live-line.h"
#include "ctl/verb.h"
#include "settings/settings.h"
#include "settings/value.h"
#include "wire/message.h"

typedef struct JoinRun {
        SettingsAddress address;
        JoinSettings settings;
        bool quiet;

        sd_event *event;
        Join *join;
        LiveLine line;
        Problem problem;
        unsigned n_signals;
} JoinRun;

static void help(void) {
        printf("primectl join [OPTIONS...] HOST[:PORT]\n\n"
               "Compute for the master on HOST until Ctrl-C, in the foreground: without root,\n"
               "systemd or Avahi. When the connection breaks or the master has no work, it is\n"
               "tried again. PORT is %d unless it is given; IPv6 addresses stand in brackets:\n"
               "[fe80::1%%eth0]:%d.\n\n"
               "  -h --help       Show this help\n"
               "     --threads=N  Compute on N threads (default: all processors)\n"
               "     --memory=SIZE  Memory to keep to, with K, M, G or T (default: 320M, or less\n"
               "                  where there is little)\n"
               "     --name=NAME  Name of this worker, for people (default: host name)\n"
               "  -q --quiet      Say nothing but errors\n"
               "     --debug      Log what the worker does\n", SETTINGS_PORT_DEFAULT, SETTINGS_PORT_DEFAULT);
}

static int take_name(JoinRun *run, const char *name) {
        if (name[0] == '\0' || strlen(name) > WIRE_NAME_MAX || !utf8_is_plain(name, strlen(name))) {
                log_error("--name=: give 1 to %d bytes of text in one line", WIRE_NAME_MAX);
                return -EINVAL;
        }
        run->settings.name = name;
        return 0;
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[], JoinRun *run) {
        enum { ARG_THREADS = 0x100, ARG_MEMORY, ARG_NAME, ARG_DEBUG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "threads", required_argument, NULL, ARG_THREADS },
                { "memory", required_argument, NULL, ARG_MEMORY },
                { "name", required_argument, NULL, ARG_NAME },
                { "quiet", no_argument, NULL, 'q' },
                { "debug", no_argument, NULL, ARG_DEBUG },
                {},
        };

        optind = 0;
        for (int c; (c = option_next(argc, argv, "hq", options, "primectl join")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_THREADS:
                        if (option_unsigned("threads", optarg, 1, WIRE_THREADS_MAX, &run->settings.threads) < 0)
                                return -EINVAL;
                        break;
                case ARG_MEMORY:
                        if (option_size("memory", optarg, WORKER_MEMORY_MIN, WORKER_MEMORY_MAX,
                                        &run->settings.memory_bytes) < 0)
                                return -EINVAL;
                        break;
                case ARG_NAME:
                        if (take_name(run, optarg) < 0)
                                return -EINVAL;
                        break;
                case 'q':
                        run->quiet = true;
                        break;
                case ARG_DEBUG:
                        run->settings.debug = true;
                        break;
                default:
                        return -EINVAL;
                }
        if (argc - optind != 1) {
                if (optind == argc)
                        log_error("Which master? Give its HOST or HOST:PORT. Try 'primectl join --help'.");
                else
                        log_error("Unexpected argument '%s'. Try 'primectl join --help'.", argv[optind + 1]);
                return -EINVAL;
        }
        if (value_parse_address(argv[optind], &run->address, &run->problem) < 0) {
                log_error("%s", run->problem.text);
                return -EINVAL;
        }
        run->settings.host = run->address.host;
        run->settings.port = run->address.port;
        return 1;
}

static void on_event(const char *sentence, bool bad, void *userdata) {
        JoinRun *run = userdata;

        if (run->quiet)
                return;
        live_line_clear(&run->line);
        if (bad)
                log_warning("%s", sentence);
        else {
                printf("%s\n", sentence);
                (void) fflush(stdout);
        }
}

static void on_ended(const char *problem, void *userdata) {
        JoinRun *run = userdata;

        (void) snprintf(run->problem.text, sizeof run->problem.text, "%s", problem);
        (void) sd_event_exit(run->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        JoinRun *run = userdata;

        if (run->n_signals++ == 0 && !run->quiet) {
                live_line_clear(&run->line);
                fprintf(stderr, "Leaving …\n");
        }
        join_stop(run->join);
        return 0;
}

/* Once a second, on a terminal. */
static int on_second(sd_event_source *source, uint64_t usec, void *userdata) {
        JoinRun *run = userdata;
        char text[1024];

        live_line_show(&run->line, join_describe(run->join, text, sizeof text));
        (void) sd_event_source_set_time(source, clock_now_usec() + USEC_PER_SEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* By nohup(1), or by a shell for what it runs in the background: then it stays so. */
static bool signal_is_ignored(int signal_number) {
        struct sigaction action;

        return sigaction(signal_number, NULL, &action) >= 0 && action.sa_handler == SIG_IGN;
}

static int watch_signals(JoinRun *run) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        sigset_t mask;
        int r = 0;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                if (!signal_is_ignored(signals[i]))
                        (void) sigaddset(&mask, signals[i]);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
                if (sigismember(&mask, signals[i]))
                        r = sd_event_add_signal(run->event, NULL, signals[i], on_signal, run);
        return r;
}

static int run_join(JoinRun *run) {
        static const JoinCallbacks callbacks = { .on_event = on_event, .on_ended = on_ended };
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        live_line_init(&run->line, stderr, !run->quiet);
        r = sd_event_default(&run->event);
        if (r < 0)
                return problem_set(&run->problem, r, "Failed to make the event loop: %m.");
        r = watch_signals(run);
        if (r >= 0 && run->line.enabled)
                r = sd_event_add_time(run->event, NULL, CLOCK_BOOTTIME, 0, 100 * USEC_PER_MSEC, on_second, run);
        if (r < 0)
                return problem_set(&run->problem, r, "Failed to watch for signals: %m.");
        r = join_new(run->event, &run->settings, &callbacks, run, &run->join, &run->problem);
        if (r < 0)
                return r;
        r = sd_event_loop(run->event);
        return r < 0 ? problem_set(&run->problem, r, "The event loop failed: %m.") : 0;
}

int verb_join(int argc, char *argv[]) {
        JoinRun run = {};
        int r;

        r = parse_arguments(argc, argv, &run);
        if (r <= 0)
                return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
        (void) run_join(&run);
        live_line_clear(&run.line);
        if (run.problem.text[0])
                log_error("%s", run.problem.text);
        join_free(run.join);
        sd_event_unref(run.event);
        free(run.address.host);
        return run.problem.text[0] ? EXIT_FAILURE : run.n_signals > 1 ? 128 + SIGINT : EXIT_SUCCESS;
}
