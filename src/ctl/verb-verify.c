/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl verify: is a store what it says it is? */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/option.h"
#include "base/text.h"
#include "ctl/store-verb.h"
#include "ctl/verb.h"
#include "store/verify.h"

#define PROGRESS_INTERVAL_USEC (USEC_PER_SEC / 5)

/* The line on a terminal. */
typedef struct VerifyLine {
        bool enabled, shown;
        usec_t last_usec;
} VerifyLine;

static void help(void) {
        printf("primectl verify [OPTIONS...]\n\n"
               "Check a store: every checksum and digest, that no block is missing or out of\n"
               "order, that ranks and footers are right. Name the first thing that is wrong.\n\n"
               "  -h --help       Show this help\n"
               "     --store=DIR  The store (default: see primectl(1))\n"
               "  -q --quiet      Print nothing but what is wrong\n\n"
               "It checks that the store is whole and unchanged since the primes were written;\n"
               "it does not prove them again: 'unaudited'.\n");
}

static void on_progress(uint64_t done_bytes, uint64_t total_bytes, void *userdata) {
        VerifyLine *line = userdata;
        usec_t now_usec = clock_now_usec();
        char done[TEXT_SIZE], total[TEXT_SIZE];

        if (!line->enabled || now_usec - line->last_usec < PROGRESS_INTERVAL_USEC)
                return;
        line->last_usec = now_usec;
        line->shown = true;
        fprintf(stderr, "\r\033[K%s of %s checked", text_bytes(done_bytes, done), text_bytes(total_bytes, total));
}

static int verify(const char *store, bool quiet) {
        VerifyLine line = { .enabled = !quiet && isatty(STDERR_FILENO), .last_usec = clock_now_usec() };
        _cleanup_free_ char *path = NULL;
        Problem problem = PROBLEM_NONE;
        char primes[TEXT_SIZE], blocks[TEXT_SIZE];
        VerifyReport report;
        VerifyFault fault;
        int r;

        r = store_verb_path(store, &path);
        if (r != 0)
                return r;
        r = verify_store(path, on_progress, &line, &report, &fault, &problem);
        if (line.shown)
                fprintf(stderr, "\r\033[K");
        if (r < 0) {
                log_error("%s", problem.text);
                return EXIT_FAILURE;
        }
        if (quiet)
                return EXIT_SUCCESS;

        printf("Intact: %s primes in %s block%s, %" PRIu64 " sealed segment%s",
               text_grouped(report.n_primes, primes), text_grouped(report.n_blocks, blocks),
               report.n_blocks == 1 ? "" : "s", report.n_segments, report.n_segments == 1 ? "" : "s");
        if (report.spool_blocks > 0)
                printf(", %" PRIu64 " blocks in the spool", report.spool_blocks);
        if (report.n_islands > 0)
                printf(", %" PRIu64 " of the segments beyond a hole", report.n_islands);
        if (report.torn_bytes > 0)
                printf(", an unfinished write of %" PRIu64 " bytes", report.torn_bytes);
        printf("; unaudited.\n");
        if (fflush(stdout) < 0) {
                log_error("Failed to write the result: %m");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}

int verb_verify(int argc, char *argv[]) {
        enum { ARG_STORE = 0x100 };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "quiet", no_argument, NULL, 'q' },
                { "store", required_argument, NULL, ARG_STORE },
                {},
        };
        const char *store = NULL;
        bool quiet = false;

        optind = 0;
        for (int c; (c = option_next(argc, argv, "hq", options, "primectl verify")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return EXIT_SUCCESS;
                case 'q':
                        quiet = true;
                        break;
                case ARG_STORE:
                        store = optarg;
                        break;
                default:
                        return EXIT_USAGE;
                }
        if (optind < argc) {
                log_error("Unexpected argument '%s'. Try 'primectl verify --help'.", argv[optind]);
                return EXIT_USAGE;
        }
        return verify(store, quiet);
}
