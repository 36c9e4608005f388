/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primed-scout: parse – new – loop. */

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/option.h"
#include "base/place.h"
#include "scout/scout.h"

static const char *arg_config = SETTINGS_WORKER_PATH;
static const char *arg_worker_socket = PLACE_WORKER_SOCKET;
static int arg_log_priority = LOG_INFO;

static void help(void) {
        printf("primed-scout [OPTIONS...]\n\n"
               "Finds masters on the LAN and hands connections to the worker.\n\n"
               "  -h --help                 Show this help\n"
               "     --version              Show the version\n"
               "     --config=FILE          Read this instead of\n"
               "                            %s\n"
               "     --worker-socket=PATH   Hand connections over here instead of\n"
               "                            %s\n"
               "     --debug                Log details\n\n"
               "It is started by systemd: see primed-scout(8).\n",
               SETTINGS_WORKER_PATH, PLACE_WORKER_SOCKET);
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_CONFIG, ARG_WORKER_SOCKET, ARG_DEBUG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "config", required_argument, NULL, ARG_CONFIG },
                { "worker-socket", required_argument, NULL, ARG_WORKER_SOCKET },
                { "debug", no_argument, NULL, ARG_DEBUG },
                {},
        };

        for (int c; (c = option_next(argc, argv, "h", options, "primed-scout")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        printf("primed-scout %s\n", PRIMED_VERSION);
                        return 0;
                case ARG_CONFIG:
                        arg_config = optarg;
                        break;
                case ARG_WORKER_SOCKET:
                        arg_worker_socket = optarg;
                        break;
                case ARG_DEBUG:
                        arg_log_priority = LOG_DEBUG;
                        break;
                default:
                        return -1;
                }
        if (optind < argc) {
                log_error("Unexpected argument '%s'. Try 'primed-scout --help'.", argv[optind]);
                return -1;
        }
        if (strlen(arg_worker_socket) >= sizeof ((struct sockaddr_un *) NULL)->sun_path) {
                log_error("--worker-socket=%s: too long for a socket's path", arg_worker_socket);
                return -1;
        }
        return 1;
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void) sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
        return sd_event_exit(sd_event_source_get_event(source), EXIT_SUCCESS);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        daemon_tell_reloading();
        scout_reload(userdata);
        (void) sd_notify(0, "READY=1");
        return 0;
}

static int run(void) {
        const ScoutSettings settings = { .config_path = arg_config, .worker_socket = arg_worker_socket };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(scout_freep) Scout *scout = NULL;
        Problem problem = PROBLEM_NONE;
        int r;

        daemon_prepare();
        /* Unlike the others, it handles nothing large, and should be small for the rest of the time. */
        (void) mallopt(M_MMAP_THRESHOLD, 64 << 10);
        (void) mallopt(M_TRIM_THRESHOLD, 16 << 10);
        (void) mallopt(M_TOP_PAD, 8 << 10);
        (void) mallopt(M_ARENA_MAX, 1);

        r = sd_event_default(&event);
        if (r < 0)
                return log_error_errno(r, "Failed to make the event loop: %m");
        r = scout_new(event, &settings, &scout, &problem);
        if (r < 0) {
                log_error("%s", problem.text);
                return r;
        }
        r = sd_event_add_signal(event, NULL, SIGTERM, on_terminate, scout);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, on_terminate, scout);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGHUP, on_reload, scout);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0)
                return log_error_errno(r, "Failed to watch for signals: %m");
        return sd_event_loop(event);
}

int main(int argc, char *argv[]) {
        int r;

        process_prepare();
        log_setup("primed-scout", LOG_INFO);
        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        log_setup("primed-scout", arg_log_priority);
        r = run();
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
