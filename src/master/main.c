/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primed-master: parse – new – loop. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/option.h"
#include "base/parse.h"
#include "base/place.h"
#include "master/local-run.h"
#include "master/service.h"
#include "settings/settings.h"
#include "prime/certainty.h"
#include "store/store.h"

static const char *arg_config = SETTINGS_MASTER_PATH;
static const char *arg_key;
static const char *arg_state = PLACE_STATE;
static unsigned arg_control_fd;
static unsigned arg_segment_blocks;
static uint64_t arg_segment_bytes;
static Certainty arg_certainty;
static StoreKeep arg_keep; /* 0: what the store has so far */
static unsigned arg_interval_fd;
static const char *arg_store;
static int arg_log_priority = LOG_INFO;

static void help(void) {
        printf("primed-master [OPTIONS...]\n\n"
               "Hands out ranges of numbers and keeps the primes that come back.\n\n"
               "  -h --help              Show this help\n"
               "     --version           Show the version\n"
               "     --debug             Log details\n\n"
               "As a service, with listening sockets from systemd:\n"
               "     --config=FILE       Settings, and their drop-ins in FILE.d/\n"
               "                         (%s)\n"
               "     --state=DIR         Folder of the list of jobs and of the key\n"
               "                         (%s)\n"
               "     --key=FILE          The key of this host (host.key in that folder, or the\n"
               "                         credential primed.key)\n\n"
               "For primectl local:\n"
               "     --control=FD        Take workers from, and report to, this\n"
               "                         SOCK_SEQPACKET socket\n"
               "     --store=DIR         The store\n"
               "     --interval=FD       Read the job's ends from this file: A and B, a line\n"
               "                         each, for [A, B); without B the job is open\n"
               "     --segment-blocks=N  Blocks in a segment of a new store\n"
               "     --segment-size=SIZE About how large one becomes, with K, M, G or T\n"
               "     --certainty=WHAT    How sure primes must be: proved or bpsw\n"
               "     --keep=WHAT         What to keep of the blocks: full or digest\n\n"
               "It is started by systemd or by primectl(1). See primed-master(8).\n",
               SETTINGS_MASTER_PATH, PLACE_STATE);
}

/* Which of the two ways to run was meant, and is everything there that it needs? */
static int check_arguments(void) {
        if (arg_control_fd == 0 && arg_interval_fd == 0 && !arg_store)
                return 1;
        if (arg_control_fd == 0 || arg_interval_fd == 0 || !arg_store) {
                log_error("--control=, --interval= and --store= are needed together: primectl local gives them.");
                return -1;
        }
        return 1;
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_CONFIG, ARG_STATE, ARG_KEY, ARG_CONTROL, ARG_STORE, ARG_INTERVAL,
               ARG_SEGMENT_BLOCKS, ARG_SEGMENT_SIZE, ARG_CERTAINTY, ARG_KEEP, ARG_DEBUG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "config", required_argument, NULL, ARG_CONFIG },
                { "state", required_argument, NULL, ARG_STATE },
                { "key", required_argument, NULL, ARG_KEY },
                { "control", required_argument, NULL, ARG_CONTROL },
                { "store", required_argument, NULL, ARG_STORE },
                { "interval", required_argument, NULL, ARG_INTERVAL },
                { "segment-blocks", required_argument, NULL, ARG_SEGMENT_BLOCKS },
                { "segment-size", required_argument, NULL, ARG_SEGMENT_SIZE },
                { "certainty", required_argument, NULL, ARG_CERTAINTY },
                { "keep", required_argument, NULL, ARG_KEEP },
                { "debug", no_argument, NULL, ARG_DEBUG },
                {},
        };

        for (int c; (c = option_next(argc, argv, "h", options, "primed-master")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        printf("primed-master %s\n", PRIMED_VERSION);
                        return 0;
                case ARG_CONFIG:
                        arg_config = optarg;
                        break;
                case ARG_STATE:
                        arg_state = optarg;
                        break;
                case ARG_KEY:
                        arg_key = optarg;
                        break;
                case ARG_CONTROL:
                        if (option_descriptor("control", optarg, &arg_control_fd) < 0)
                                return -1;
                        break;
                case ARG_STORE:
                        arg_store = optarg;
                        break;
                case ARG_INTERVAL:
                        if (option_descriptor("interval", optarg, &arg_interval_fd) < 0)
                                return -1;
                        break;
                case ARG_SEGMENT_BLOCKS:
                        if (option_unsigned("segment-blocks", optarg, 1, STORE_SEGMENT_BLOCKS_MAX,
                                            &arg_segment_blocks) < 0)
                                return -1;
                        break;
                case ARG_SEGMENT_SIZE:
                        if (parse_size(optarg, &arg_segment_bytes) < 0) {
                                log_error("--segment-size=%s: give bytes, with K, M, G or T.", optarg);
                                return -1;
                        }
                        break;
                case ARG_CERTAINTY:
                        if (certainty_parse(optarg, &arg_certainty) < 0) {
                                log_error("--certainty=%s: give \"proved\" or \"bpsw\".", optarg);
                                return -1;
                        }
                        break;
                case ARG_KEEP:
                        if (store_keep_parse(optarg, &arg_keep) < 0) {
                                log_error("--keep=%s: give \"full\" or \"digest\".", optarg);
                                return -1;
                        }
                        break;
                case ARG_DEBUG:
                        arg_log_priority = LOG_DEBUG;
                        break;
                default:
                        return -1;
                }
        if (optind < argc) {
                log_error("Unexpected argument '%s'. Try 'primed-master --help'.", argv[optind]);
                return -1;
        }
        return check_arguments();
}

static int run_service(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(service_freep) Service *service = NULL;
        Problem problem = PROBLEM_NONE;
        int r;

        r = sd_event_default(&event);
        if (r < 0)
                return log_error_errno(r, "Failed to make the event loop: %m");
        r = service_new(event, &(ServiceSettings) {
                .config_path = arg_config,
                .key_path = arg_key,
                .state_path = arg_state,
        }, &service, &problem);
        if (r < 0) {
                log_error("%s", problem.text);
                return r;
        }
        return service_run(service);
}

static int run_local(void) {
        return local_run(&(LocalRunSettings) {
                .control_fd = (int) arg_control_fd,
                .interval_fd = (int) arg_interval_fd,
                .store_path = arg_store,
                .certainty = arg_certainty,
                .segment_bytes = arg_segment_bytes,
                .store_options = { .segment_blocks = arg_segment_blocks, .keep = arg_keep },
        });
}

int main(int argc, char *argv[]) {
        int r;

        process_prepare();
        log_setup("primed-master", LOG_INFO);
        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        log_setup("primed-master", arg_log_priority);
        daemon_prepare();
        r = arg_control_fd > 0 ? run_local() : run_service();
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
