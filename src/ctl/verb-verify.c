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
               STORE_VERB_HELP
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

static void print_intact(const VerifyReport *report) {
        char a[TEXT_SIZE], b[TEXT_SIZE];

        if (report->complete)
                printf("Intact: %s prime%s in %s block%s", text_grouped(report->n_primes, a),
                       text_plural(report->n_primes), text_grouped(report->n_blocks, b), text_plural(report->n_blocks));
        else {
                printf("Intact so far: %s prime%s up to %s (%s", text_grouped(report->n_primes, a),
                       text_plural(report->n_primes), report->coverage, text_grouped(report->n_blocks, b));
                if (report->job_blocks > 0)
                        printf(" of %s block%s)", text_grouped(report->job_blocks, a), text_plural(report->job_blocks));
                else
                        printf(" block%s)", text_plural(report->n_blocks));
        }
        printf(", %" PRIu64 " sealed segment%s", report->n_segments, text_plural(report->n_segments));
        if (report->n_islands > 0)
                printf(", %" PRIu64 " of them beyond a hole", report->n_islands);
        if (report->n_unlisted > 0)
                printf(", %" PRIu64 " of them not in the manifest yet", report->n_unlisted);
        if (report->spool_blocks > 0)
                printf(", %s block%s in the spool", text_grouped(report->spool_blocks, a),
                       text_plural(report->spool_blocks));
        if (report->torn_bytes > 0)
                printf(", an unfinished write of %s byte%s", text_grouped(report->torn_bytes, a),
                       text_plural(report->torn_bytes));
        printf("; unaudited.\n");
}

static int verify(const StoreArguments *arguments, bool quiet) {
        VerifyLine line = { .enabled = !quiet && isatty(STDERR_FILENO), .last_usec = clock_now_usec() };
        _cleanup_free_ char *path = NULL;
        Problem problem = PROBLEM_NONE;
        VerifyReport report;
        VerifyFault fault;
        int r;

        r = store_verb_path(arguments, &path);
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
        print_intact(&report);
        if (fflush(stdout) < 0) {
                log_error("Failed to write the result: %m.");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}

int verb_verify(int argc, char *argv[]) {
        bool quiet = false;
        const StoreOption options[] = { { "quiet", 'q', no_argument, .given = &quiet }, {} };
        const StoreVerb verb = { .name = "verify", .help = help, .options = options };
        StoreArguments arguments;
        int r;

        return store_verb_parse(&verb, argc, argv, &arguments, &r) ? verify(&arguments, quiet) : r;
}
