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
#include "ctl/owner-rights.h"
#include "ctl/store-change.h"
#include "ctl/store-verb.h"
#include "ctl/verb.h"
#include "store/repair.h"
#include "store/verify.h"

#define PROGRESS_INTERVAL_USEC (USEC_PER_SEC / 5)

#define FAULTS_SHOWN_MAX 25

/* What is said while it goes on: the line on a terminal, and what is wrong. */
typedef struct VerifyLine {
        bool enabled, shown;
        usec_t last_usec;
        uint64_t n_faults;
} VerifyLine;

static void help(void) {
        printf("primectl verify [OPTIONS...]\n\n"
               "Check a store: every checksum and digest, that no block is missing or out of\n"
               "order, that ranks and footers are right. Name everything that is wrong.\n\n"
               STORE_VERB_HELP
               "     --recompute  Sieve all of it again, and compare: then this machine vouches\n"
               "                  for every prime. Takes as long as finding them did\n"
               "     --repair     Put damaged files aside; what was in them is found again when\n"
               "                  the job is started again\n"
               "  -q --quiet      Print nothing but what is wrong\n\n"
               "Without --recompute it checks that the store is whole and unchanged since the\n"
               "primes were written; it does not prove them again: 'unaudited'. Where only\n"
               "digests are kept, --recompute is what shows that they are right.\n");
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

static void line_clear(VerifyLine *line) {
        if (line->shown)
                fprintf(stderr, "\r\033[K");
        line->shown = false;
}

static void on_fault(const VerifyFault *fault, const char *sentence, void *userdata) {
        VerifyLine *line = userdata;

        line_clear(line);
        if (line->n_faults++ < FAULTS_SHOWN_MAX)
                log_error("%s", sentence);
}

static void on_quarantine(const char *name, const char *to, void *userdata) {
        line_clear(userdata);
        log_info("'%s' is called '%s' now.", name, to);
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
        if (report->digest_blocks > report->n_recomputed)
                printf(", %s block%s by digest alone", text_grouped(report->digest_blocks, a),
                       text_plural(report->digest_blocks));
        printf(report->n_recomputed > 0 ? "; sieved again.\n" : "; unaudited.\n");
}

/* Faults that were found; how many of them were not shown. */
static int end_damaged(const char *path, const VerifyLine *line, bool repair) {
        char n[TEXT_SIZE];

        if (line->n_faults > FAULTS_SHOWN_MAX)
                log_error("%s faults in all.", text_grouped(line->n_faults, n));
        if (!repair)
                log_error("'primectl verify --repair --store \"%s\"' puts damaged files aside.", path);
        return EXIT_FAILURE;
}

static int look(const char *path, const VerifyOptions *options, VerifyLine *line, bool quiet) {
        Problem problem = PROBLEM_NONE;
        VerifyReport report;
        VerifyFault fault;
        int r;

        r = verify_store(path, options, &report, &fault, &problem);
        line_clear(line);
        if (r < 0 && line->n_faults == 0) {
                log_error("%s", problem.text);
                return EXIT_FAILURE;
        }
        if (r < 0)
                return end_damaged(path, line, fault.kind == VERIFY_JOB);
        if (quiet)
                return EXIT_SUCCESS;
        print_intact(&report);
        if (fflush(stdout) < 0) {
                log_error("Failed to write the result: %m.");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}

/* `job`: of the master, which the store belongs to, or NULL. */
static void print_repaired(const RepairReport *report, const char *path, const char *job) {
        char a[TEXT_SIZE], b[TEXT_SIZE];

        if (report->n_faults == 0) {
                printf("Nothing to repair: the store is intact.\n");
                return;
        }
        printf("Repaired: %s file%s put aside", text_grouped(report->n_quarantined, a),
               text_plural(report->n_quarantined));
        if (report->n_passed_over > 0)
                printf(", %s damaged place%s cut out", text_grouped(report->n_passed_over, a),
                       text_plural(report->n_passed_over));
        printf(", %s block%s left", text_grouped(report->n_present, b), text_plural(report->n_present));
        if (report->n_hole_blocks > 0)
                printf(", %s missing before the last of them", text_grouped(report->n_hole_blocks, a));
        if (job)
                printf(".\nWhat is missing is found again when the master goes on with the job %s: 'primectl resume "
                       "%s', or 'primectl start' with the same interval if it was finished.\n", job, job);
        else
                printf(".\nWhat is missing is found again when the job is started again:\n"
                       "  primectl local --store '%s'\n", path);
}

static int repair(const char *path, const VerifyOptions *options, VerifyLine *line, bool quiet) {
        const RepairOptions repair_options = { *options, on_quarantine, line };
        _cleanup_free_ char *job = store_change_job_of(path);
        Problem problem = PROBLEM_NONE;
        RepairReport report;
        bool taken;
        int r;

        r = owner_rights_take(path, &taken, &problem);
        if (r >= 0)
                r = repair_store(path, &repair_options, &report, &problem);
        if (owner_rights_end(taken, &problem) < 0)
                r = -EPERM;
        line_clear(line);
        if (r == -EBUSY && job) {
                log_error("The store '%s' is open, for it is the master's. Take it from there, repair it, and give it "
                          "back: 'primectl cancel %s', 'primectl verify --repair --store \"%s\"', and 'primectl "
                          "start' with the same interval.", path, job, path);
                return EXIT_FAILURE;
        }
        if (r < 0) {
                log_error("%s", problem.text);
                return EXIT_FAILURE;
        }
        if (line->n_faults > FAULTS_SHOWN_MAX)
                (void) end_damaged(path, line, true);
        if (!quiet)
                print_repaired(&report, path, job);
        if (fflush(stdout) < 0) {
                log_error("Failed to write the result: %m.");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}

int verb_verify(int argc, char *argv[]) {
        bool quiet = false, recompute = false, with_repair = false;
        const StoreOption options[] = {
                { "recompute", 0, no_argument, .given = &recompute },
                { "repair", 0, no_argument, .given = &with_repair },
                { "quiet", 'q', no_argument, .given = &quiet },
                {},
        };
        const StoreVerb verb = { .name = "verify", .help = help, .options = options };
        VerifyLine line = { .last_usec = clock_now_usec() };
        VerifyOptions verify = { .progress = on_progress, .on_fault = on_fault, .userdata = &line };
        _cleanup_free_ char *path = NULL;
        StoreArguments arguments;
        int r;

        if (!store_verb_parse(&verb, argc, argv, &arguments, &r))
                return r;
        r = store_verb_path(&arguments, &path);
        if (r != 0)
                return r;
        line.enabled = !quiet && isatty(STDERR_FILENO);
        verify.recompute = recompute;
        return with_repair ? repair(path, &verify, &line, quiet) : look(path, &verify, &line, quiet);
}
