/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primed-master: parse – new – loop. */

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/option.h"
#include "master/local-control.h"
#include "master/master.h"
#include "prime/number.h"
#include "wire/message.h"

/* Of both ends in decimal, with room to spare. */
#define INTERVAL_SIZE_MAX (NUMBER_BITS_MAX)

static unsigned arg_control_fd;
static unsigned arg_segment_blocks = STORE_SEGMENT_BLOCKS_DEFAULT;
static unsigned arg_interval_fd;
static const char *arg_store;
static int arg_log_priority = LOG_INFO;

static void help(void) {
        printf("primed-master [OPTIONS...]\n\n"
               "Hands out ranges of numbers and keeps the primes that come back.\n\n"
               "  -h --help              Show this help\n"
               "     --version           Show the version\n"
               "     --control=FD        Take workers from, and report to, this\n"
               "                         SOCK_SEQPACKET socket\n"
               "     --store=DIR         The store\n"
               "     --interval=FD       Read the job's ends from this file: A and B, a line\n"
               "                         each, for [A, B); without B the job is open\n"
               "     --segment-blocks=N  Blocks in a segment of a new store\n"
               "     --debug             Log details\n\n"
               "It is started by primectl(1).\n");
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_CONTROL, ARG_STORE, ARG_INTERVAL, ARG_SEGMENT_BLOCKS, ARG_DEBUG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "control", required_argument, NULL, ARG_CONTROL },
                { "store", required_argument, NULL, ARG_STORE },
                { "interval", required_argument, NULL, ARG_INTERVAL },
                { "segment-blocks", required_argument, NULL, ARG_SEGMENT_BLOCKS },
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
        if (arg_control_fd == 0 || arg_interval_fd == 0 || !arg_store) {
                log_error("--control=, --interval= and --store= are needed: primed-master is started by primectl.");
                return -1;
        }
        return 1;
}

/* Two lines, or one for an open job. They may be longer than what fits into the arguments of a program. */
static int read_interval(int fd, mpz_t ret_from, mpz_t ret_to, bool *ret_open, Problem *problem) {
        _cleanup_free_ char *text = malloc(INTERVAL_SIZE_MAX + 1);
        char *to;
        ssize_t n;
        int r;

        if (!text)
                return problem_set(problem, ENOMEM, "Out of memory.");
        n = fd_read_full(fd, text, INTERVAL_SIZE_MAX);
        if (n < 0)
                return problem_set(problem, (int) n, "The interval of the job cannot be read: %m.");
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        to = text + MIN(strlen(text) + 1, (size_t) n);
        to[strcspn(to, "\n")] = '\0';

        *ret_open = to[0] == '\0';
        r = number_parse(ret_from, text, problem);
        if (r >= 0 && !*ret_open)
                r = number_parse(ret_to, to, problem);
        return r;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        master_stop(userdata);
        return 0;
}

DEFINE_TRIVIAL_CLEANUP_FUNC(Master *, master_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(LocalControl *, local_control_free);

static int run(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(master_freep) Master *master = NULL;
        _cleanup_(local_control_freep) LocalControl *control = NULL;
        _cleanup_mpz_ mpz_t from, to;
        char name[WIRE_NAME_MAX + 1] = "";
        const MasterSettings settings = {
                .name = name,
                .once = true,
        };
        Problem problem = PROBLEM_NONE;
        bool open;
        sigset_t mask;
        int r;

        mpz_inits(from, to, NULL);
        if (gethostname(name, sizeof name - 1) < 0)
                (void) snprintf(name, sizeof name, "localhost");

        /* Blocks of half a megabyte come and go: keep their memory instead of asking the kernel anew for each. */
        (void) mallopt(M_MMAP_THRESHOLD, 4 << 20);
        (void) mallopt(M_TRIM_THRESHOLD, 32 << 20);

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        (void) signal(SIGPIPE, SIG_IGN);

        r = read_interval((int) arg_interval_fd, from, to, &open, &problem);
        if (r >= 0) {
                r = sd_event_default(&event);
                if (r < 0)
                        return log_error_errno(r, "Failed to make the event loop: %m");
                r = master_new(event, &settings, &master, &problem);
        }
        if (r >= 0)
                r = master_add_job(master, &(MasterJobSettings) {
                        .name = "local",
                        .from = from,
                        .to = open ? NULL : to,
                        .store_path = arg_store,
                        .segment_blocks = arg_segment_blocks,
                }, &problem);
        if (r < 0) {
                /* Whoever started us tells it to the person. */
                local_control_report_failure((int) arg_control_fd, problem.text);
                return r;
        }
        r = local_control_new(event, (int) arg_control_fd, master, &control);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, master);
        if (r < 0)
                return log_error_errno(r, "Failed to watch the control socket: %m");

        r = sd_event_loop(event);
        local_control_report_last(control);
        return r;
}

int main(int argc, char *argv[]) {
        int r;

        fd_open_standard();
        log_setup("primed-master", LOG_INFO);
        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        log_setup("primed-master", arg_log_priority);
        r = run();
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
