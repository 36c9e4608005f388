/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primed-limits: parse – apply, until the config holds still. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/option.h"
#include "base/place.h"
#include "limits/apply.h"
#include "limits/config-stamp.h"
#include "limits/slice.h"
#include "settings/settings.h"

/* Enough for an editor to end what it began. */
#define SETTLE_USEC (100 * USEC_PER_MSEC)
#define SETTLE_ROUNDS_MAX 100

static ApplySettings arg_settings = {
        .config_path = SETTINGS_WORKER_PATH,
        .state_path = PLACE_LIMITS_STATE,
        .control_folder = SLICE_CONTROL_FOLDER,
        .cgroup_folder = "/sys/fs/cgroup",
};
static bool arg_start, arg_settle;
static int arg_log_priority = LOG_INFO;

static void help(void) {
        printf("primed-limits [OPTIONS...]\n\n"
               "Sets the limits of worker.conf on %s, reverts those taken out.\n\n"
               "  -h --help             Show this help\n"
               "     --version          Show the version\n"
               "     --start            Bear a broken config while limits are in force\n"
               "     --settle           Apply again until the config holds still\n"
               "     --config=FILE      Config file (default: %s)\n"
               "     --state=FILE       What was set (default: %s)\n"
               "     --control=FOLDER   Run-time drop-ins of systemd (default:\n"
               "                        %s)\n"
               "     --cgroup=FOLDER    Control groups (default: /sys/fs/cgroup)\n"
               "     --debug            Log details\n\n"
               "It is started by systemd. See the primed-limits(8) man page.\n",
               SLICE_WORKER, SETTINGS_WORKER_PATH, PLACE_LIMITS_STATE, SLICE_CONTROL_FOLDER);
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_START, ARG_SETTLE, ARG_CONFIG, ARG_STATE, ARG_CONTROL, ARG_CGROUP, ARG_DEBUG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "start", no_argument, NULL, ARG_START },
                { "settle", no_argument, NULL, ARG_SETTLE },
                { "config", required_argument, NULL, ARG_CONFIG },
                { "state", required_argument, NULL, ARG_STATE },
                { "control", required_argument, NULL, ARG_CONTROL },
                { "cgroup", required_argument, NULL, ARG_CGROUP },
                { "debug", no_argument, NULL, ARG_DEBUG },
                {},
        };

        optind = 0;
        for (int c; (c = option_next(argc, argv, "h", options, "primed-limits")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        printf("primed-limits %s\n", PRIMED_VERSION);
                        return 0;
                case ARG_START:
                        arg_start = true;
                        break;
                case ARG_SETTLE:
                        arg_settle = true;
                        break;
                case ARG_CONFIG:
                        arg_settings.config_path = optarg;
                        break;
                case ARG_STATE:
                        arg_settings.state_path = optarg;
                        break;
                case ARG_CONTROL:
                        arg_settings.control_folder = optarg;
                        break;
                case ARG_CGROUP:
                        arg_settings.cgroup_folder = optarg;
                        break;
                case ARG_DEBUG:
                        arg_log_priority = LOG_DEBUG;
                        break;
                default:
                        return -1;
                }
        if (optind < argc) {
                log_error("Unexpected argument '%s'. Try 'primed-limits --help'.", argv[optind]);
                return -1;
        }
        return 1;
}

/*
 * systemd's path unit does not look while the service that it starts is running: what is saved meanwhile would be
 * missed. So look again before the end.
 */
static int run(void) {
        uint64_t stamp, before;
        int r;

        stamp = config_stamp(arg_settings.config_path);
        for (unsigned i = 0;; i++) {
                before = stamp;
                r = limits_apply(&arg_settings, arg_start);
                if (!arg_settle || i >= SETTLE_ROUNDS_MAX)
                        return r;
                (void) usleep(SETTLE_USEC);
                stamp = config_stamp(arg_settings.config_path);
                if (stamp == before)
                        return r;
        }
}

int main(int argc, char *argv[]) {
        int r;

        process_prepare();
        log_setup("primed-limits", LOG_INFO);
        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        log_setup("primed-limits", arg_log_priority);
        return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
