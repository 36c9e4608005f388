/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl export: the primes of a store as files. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/text.h"
#include "ctl/export-folder.h"
#include "ctl/live-line.h"
#include "ctl/prime-writer.h"
#include "ctl/stop-signal.h"
#include "ctl/store-verb.h"
#include "ctl/verb.h"
#include "store/prime-walk.h"

#define PER_FILE_DEFAULT UINT64_C(100000000)
#define PROGRESS_INTERVAL_USEC (USEC_PER_SEC / 5)

typedef struct Export {
        PrimeFormat format;
        uint64_t per_file;
        bool quiet;

        ExportFolder *folder;
        PrimeWriter *writer;
        uint64_t rank;    /* of the next prime */
        uint64_t in_file; /* primes of the current file; 0: there is none */
        uint64_t n_primes;
        ExportTotals totals;

        LiveLine line;
        usec_t shown_usec;
        Problem problem;
} Export;

static void help(void) {
        printf("primectl export [OPTIONS...] DIR [A [B]]\n\n"
               "Write the primes of a store in [A, B), B exclusive, to files in the folder DIR:\n"
               "primes-000000.txt and so on, and SHA256SUMS when all are there. The same command\n"
               "again goes on where an export was interrupted, and extends it when the store has\n"
               "grown: files that are there are compared with the store, and kept if right.\n\n"
               STORE_VERB_HELP
               "     --format=FORMAT  text, csv, json, u64le, gaps or bfile, as with cat\n"
               "     --per-file=N  Primes in each file (default: 100000000)\n"
               "  -q --quiet      Say nothing but errors\n\n"
               "A and B are integers of any size: 123, 1e12, 10^24, 2^64+13, 5*10^30.\n");
}

static int export_sink(const char *data, size_t size, void *userdata) {
        Export *export = userdata;

        return export_folder_write(export->folder, data, size, &export->problem);
}

static void export_show(Export *export, double fraction) {
        char text[128], bytes[TEXT_SIZE];
        usec_t now_usec = clock_now_usec();

        if (!export->line.enabled || now_usec < export->shown_usec + PROGRESS_INTERVAL_USEC)
                return;
        export->shown_usec = now_usec;
        (void) snprintf(text, sizeof text, "%5.1f %%  %s  %s primes", 100 * fraction,
                        export_folder_current(export->folder), text_grouped(export->n_primes, bytes));
        live_line_show(&export->line, text);
}

static int export_end_file(Export *export) {
        int r;

        r = prime_writer_flush(export->writer);
        if (r >= 0)
                r = export_folder_end_file(export->folder, &export->problem);
        export->in_file = 0;
        return r;
}

/* Some primes, to one file or several. */
static int export_list(Export *export, const mpz_t start, const uint32_t *offsets, size_t n) {
        int r;

        while (n > 0) {
                size_t n_now = (size_t) MIN((uint64_t) n, export->per_file - export->in_file);

                if (export->in_file == 0) {
                        r = export_folder_begin_file(export->folder, &export->problem);
                        if (r >= 0)
                                r = prime_writer_begin(export->writer, export->rank, false);
                        if (r < 0)
                                return r;
                }
                r = prime_writer_put(export->writer, start, offsets, n_now);
                if (r < 0)
                        return r;
                export->in_file += n_now;
                export->rank += n_now;
                export->n_primes += n_now;
                if (export->in_file == export->per_file) {
                        r = export_end_file(export);
                        if (r < 0)
                                return r;
                }
                offsets += n_now;
                n -= n_now;
        }
        return 0;
}

/* 1: all was written; 0: a signal came; negative errno with a sentence in `problem`. */
static int export_walk(Export *export, Reader *reader, const StoreInterval *interval) {
        _cleanup_free_ PrimeWalk *walk = malloc(sizeof *walk);
        uint64_t first, n_blocks;
        int r;

        if (!walk)
                return problem_set(&export->problem, ENOMEM, "Out of memory.");
        r = prime_walk_init(walk, reader, interval->low, interval->high, false, &export->problem);
        if (r < 0)
                return r;
        first = walk->first;
        n_blocks = MAX(walk->end - first, UINT64_C(1));
        while (stop_signal() == 0 && (r = prime_walk_next(walk, &export->problem)) > 0) {
                r = export_list(export, walk->block.start, walk->offsets, walk->n_offsets);
                if (r < 0)
                        break;
                export_show(export, (double) (walk->first - first - 1) / (double) n_blocks);
        }
        prime_walk_done(walk);
        if (r >= 0 && stop_signal() == 0 && export->in_file > 0)
                r = export_end_file(export);
        if (r >= 0 && stop_signal() == 0)
                r = export_folder_finish(export->folder, &export->totals, &export->problem);
        if (r == -ENOMEM)
                return problem_set(&export->problem, r, "Out of memory.");
        return r < 0 ? r : stop_signal() == 0;
}

static int export_summarize(const Export *export, const char *dir) {
        char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];
        const ExportTotals *totals = &export->totals;

        if (export->quiet)
                return 0;
        printf("%s prime%s in %s file%s in '%s', %s", text_grouped(export->n_primes, a), text_plural(export->n_primes),
               text_grouped(totals->n_files, b), text_plural(totals->n_files), dir, text_bytes(totals->n_bytes, c));
        if (totals->n_kept > 0)
                printf("; %s of them %s there already", text_grouped(totals->n_kept, a),
                       totals->n_kept == 1 ? "was" : "were");
        printf("\n");
        return fflush(stdout) < 0 ? log_error_errno(errno, "Failed to write the summary: %m.") : 0;
}

/* The folder is opened when everything else is in order: a command that is wrong leaves nothing behind. */
static int export_prepare(Export *export, const char *dir, Reader *reader, const StoreInterval *interval) {
        int r;

        r = prime_format_check(export->format, interval->high, &export->problem);
        if (r >= 0 && prime_format_has_rank(export->format))
                r = reader_count(reader, reader_grid(reader)->from, interval->low, &export->rank, &export->problem);
        if (r < 0)
                return r;
        export->rank++;
        if (prime_writer_new(export->format, export_sink, export, &export->writer) < 0)
                return problem_set(&export->problem, ENOMEM, "Out of memory.");
        return export_folder_open(dir, prime_format_suffix(export->format), &export->folder, &export->problem);
}

static int export_interval(Export *export, const char *dir, Reader *reader, const StoreInterval *interval) {
        int r;

        live_line_init(&export->line, stderr, !export->quiet);
        stop_signal_catch();
        r = export_prepare(export, dir, reader, interval);
        if (r >= 0)
                r = export_walk(export, reader, interval);
        live_line_clear(&export->line);
        export->folder = export_folder_close(export->folder);
        export->writer = prime_writer_free(export->writer);
        if (r < 0) {
                log_error("%s", export->problem.text);
                return EXIT_FAILURE;
        }
        if (r == 0) {
                if (!export->quiet)
                        log_info("Interrupted. The same command goes on where it was.");
                return 128 + stop_signal();
        }
        return export_summarize(export, dir) < 0 ? EXIT_FAILURE : store_interval_end(interval, reader);
}

int verb_export(int argc, char *argv[]) {
        Export export = { .per_file = PER_FILE_DEFAULT, .problem = PROBLEM_NONE };
        const char *per_file = NULL, *format = NULL, *dir;
        const StoreOption options[] = {
                { "format", 0, required_argument, .value = &format },
                { "per-file", 0, required_argument, .value = &per_file },
                { "quiet", 'q', no_argument, .given = &export.quiet },
                {},
        };
        const StoreVerb verb = { .name = "export", .help = help, .options = options, .most_words = 3 };
        _cleanup_(reader_closep) Reader *reader = NULL;
        StoreArguments arguments;
        StoreInterval interval;
        int r;

        if (!store_verb_parse(&verb, argc, argv, &arguments, &r))
                return r;
        if (arguments.n_words < 1 || arguments.words[0][0] == '\0') {
                log_error("Say to which folder: 'primectl export DIR'.");
                return EXIT_USAGE;
        }
        if (format && prime_format_parse(format, &export.format) < 0) {
                log_error("--format=%s: give " PRIME_FORMAT_NAMES ".", format);
                return EXIT_USAGE;
        }
        if (per_file && store_verb_count("per-file", per_file, &export.per_file) < 0)
                return EXIT_USAGE;
        if (export.per_file == 0) {
                log_error("--per-file=0: each file has one prime at least.");
                return EXIT_USAGE;
        }
        dir = *arguments.words++;
        arguments.n_words--;
        r = store_interval_open(&arguments, &reader, &interval);
        if (r != 0)
                return r;
        interval.quiet = export.quiet;
        r = export_interval(&export, dir, reader, &interval);
        store_interval_done(&interval);
        return r;
}
