/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl info: what a store holds, for people and as JSON. */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "ctl/client-options.h"
#include "ctl/json-number.h"
#include "ctl/json-text.h"
#include "ctl/store-verb.h"
#include "ctl/verb.h"
#include "prime/number.h"
#include "store/layout.h"

/* Digests alone take less, and it says nothing. */
#define BYTES_PER_PRIME_MIN 0.001

typedef struct StoreInfo {
        char *path;
        Reader *reader;
        mpz_t coverage, gap_at;
        ReaderTotals totals;
        ReaderParts parts;
        ReaderWorker *workers;
        size_t n_workers;
        double percent; /* of the job's numbers; negative when the job is open */
        char chain[2 * SHA256_SIZE + 1];
} StoreInfo;

static void help(void) {
        printf("primectl info [OPTIONS...]\n\n"
               "Show what a store holds.\n\n"
               STORE_VERB_HELP
               "     --json[=MODE]  Write a JSON object: pretty, short, or off; integers that\n"
               "                  can be large are strings\n");
}

static int info_read(StoreInfo *info, Problem *problem) {
        const Grid *grid = reader_grid(info->reader);
        uint64_t frontier = reader_frontier(info->reader);
        int r;

        r = reader_totals(info->reader, &info->totals, problem);
        if (r < 0)
                return r;
        r = reader_parts(info->reader, &info->parts, problem);
        if (r < 0)
                return r;
        r = reader_workers(info->reader, &info->workers, &info->n_workers, problem);
        if (r < 0)
                return r;
        reader_coverage(info->reader, info->coverage);
        place_number(grid, &info->parts.facts.gap_at, info->gap_at);
        if (grid->open)
                info->percent = -1;
        else if (frontier == grid->n_blocks)
                info->percent = 100;
        else /* 100 is said only when it is all */
                info->percent = MIN(99.99,
                                    100 * grid_numbers(grid, 0, frontier) / grid_numbers(grid, 0, grid->n_blocks));
        (void) text_hex(info->totals.chain, SHA256_SIZE, info->chain);
        return 0;
}

/* Of what is counted as primes: up to the frontier. */
static double info_bytes_per_prime(const StoreInfo *info) {
        const ReaderTotals *totals = &info->totals;

        if (totals->n_primes == 0)
                return 0;
        return (double) (totals->segment_bytes - totals->island_bytes) / (double) totals->n_primes;
}

static const char *info_certainty(const StoreInfo *info) {
        return info->parts.n_bpsw == 0 ? "proved" : info->parts.n_proved == 0 ? "bpsw" : "mixed";
}

/* for people */

static const char *format_day(usec_t usec, char *buffer, size_t size) {
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(buffer, size, "%Y-%m-%d %H:%M", &tm) == 0)
                return "?";
        return buffer;
}

/* Any other word says what was checked: "shape+sampled". */
static bool is_unaudited(const ReaderWorker *worker) {
        return strcmp(worker->check, "unaudited") == 0;
}

static void print_workers(const StoreInfo *info) {
        char id[2 * 4 + 1], name[sizeof info->workers->name], check[sizeof info->workers->check];
        char first[32], last[32], blocks[TEXT_SIZE];

        for (size_t i = 0; i < info->n_workers; i++) {
                const ReaderWorker *worker = info->workers + i;

                /* Bytes that some machine sent: nothing in them may steer the terminal. */
                utf8_copy_plain(name, sizeof name, worker->name);
                utf8_copy_plain(check, sizeof check, worker->check);
                printf("%-13s %s (%s…), %s block%s, %s to %s, %s%s\n", i == 0 ? "Computed by:" : "", name,
                       text_hex(worker->id, 4, id), text_grouped(worker->n_blocks, blocks),
                       text_plural(worker->n_blocks), format_day(worker->first_usec, first, sizeof first),
                       format_day(worker->last_usec, last, sizeof last), check,
                       is_unaudited(worker) ? "" : " checked");
        }
}

static void print_certainty(const StoreInfo *info) {
        if (info->parts.n_bpsw == 0)
                printf("Certainty:    proved\n");
        else if (info->parts.n_proved == 0)
                printf("Certainty:    bpsw (no composite is known to pass)\n");
        else
                printf("Certainty:    proved in %" PRIu64 " block%s, bpsw in %" PRIu64 "\n", info->parts.n_proved,
                       text_plural(info->parts.n_proved), info->parts.n_bpsw);
}

static int print_text(const StoreInfo *info) {
        const Grid *grid = reader_grid(info->reader);
        const ReaderTotals *totals = &info->totals;
        _cleanup_free_ char *from = number_format_short(grid->from), *coverage = number_format_short(info->coverage);
        _cleanup_free_ char *to = grid->open ? strdup("…") : number_format_short(grid->to);
        _cleanup_free_ char *gap_at = number_format_short(info->gap_at);
        char a[TEXT_SIZE], b[TEXT_SIZE];

        if (!from || !coverage || !to || !gap_at)
                return -ENOMEM;
        printf("Store:        %s\n"
               "Job:          all primes in [%s, %s)\n", info->path, from, to);
        if (info->percent < 0)
                printf("Complete:     up to %s (%s block%s)\n", coverage, text_grouped(totals->n_blocks, a),
                       text_plural(totals->n_blocks));
        else
                printf("Complete:     %.4g %%, up to %s (%s of %s block%s)\n", info->percent, coverage,
                       text_grouped(totals->n_blocks, a), text_grouped(grid->n_blocks, b), text_plural(grid->n_blocks));
        printf("Primes:       %s\n", text_grouped(totals->n_primes, a));
        printf("Size:         %s", text_bytes(totals->segment_bytes, a));
        if (info_bytes_per_prime(info) >= BYTES_PER_PRIME_MIN)
                printf(", %.3f bytes per prime", info_bytes_per_prime(info));
        putchar('\n');
        printf("Segments:     %" PRIu64 " sealed", totals->n_segments);
        if (totals->open_blocks > 0)
                printf(", 1 open with %" PRIu64 " block%s", totals->open_blocks, text_plural(totals->open_blocks));
        if (totals->n_islands > 0)
                printf(", %" PRIu64 " beyond a hole", totals->n_islands);
        if (totals->n_quarantined > 0)
                printf(", %" PRIu64 " damaged and put aside", totals->n_quarantined);
        printf("\n");
        if (info->parts.n_digest > 0)
                printf("Kept:         digests of %s block%s, primes of %s\n", text_grouped(info->parts.n_digest, a),
                       text_plural(info->parts.n_digest), text_grouped(totals->n_blocks - info->parts.n_digest, b));
        if (totals->spool_files > 0)
                printf("Spool:        %" PRIu64 " block%s with %s prime%s, %s\n", totals->spool_blocks,
                       text_plural(totals->spool_blocks), text_grouped(totals->spool_primes, a),
                       text_plural(totals->spool_primes), text_bytes(totals->spool_bytes, b));
        else
                printf("Spool:        empty\n");
        if (totals->n_blocks > 0)
                print_certainty(info);
        if (info->parts.facts.gap > 0)
                printf("Largest gap:  %" PRIu64 ", after %s\n", info->parts.facts.gap, gap_at);
        printf("Twin pairs:   %s\n", text_grouped(info->parts.facts.twins, a));
        if (totals->n_blocks > 0)
                printf("Chain:        %s\n", info->chain);
        print_workers(info);
        printf("Audit:        unaudited\n");
        return 0;
}

/* for programs */

static json_t *json_workers(const StoreInfo *info) {
        char id[2 * SHA256_SIZE + 1];
        json_t *array = json_array();

        for (size_t i = 0; array && i < info->n_workers; i++) {
                const ReaderWorker *worker = info->workers + i;

                if (json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:o, s:I, s:I}",
                                                           "id", text_hex(worker->id, SHA256_SIZE, id),
                                                           "name", json_text(worker->name),
                                                           "blocks", json_u64(worker->n_blocks),
                                                           "audit", json_text(worker->check),
                                                           "first_usec", (json_int_t) worker->first_usec,
                                                           "last_usec", (json_int_t) worker->last_usec)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        }
        return array;
}

static int print_json(const StoreInfo *info, JsonMode mode) {
        const Grid *grid = reader_grid(info->reader);
        const ReaderTotals *totals = &info->totals;
        json_t *object;
        int r;

        object = json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:s, s:o, s:o, "
                           "s:o, s:o, s:s, s:o, s:s, s:o}",
                           "store", json_text(info->path), "format", (int) STORE_FORMAT,
                           "from", json_number(grid->from),
                           "to", grid->open ? json_null() : json_number(grid->to),
                           "complete_to", json_number(info->coverage),
                           "percent", info->percent < 0 ? json_null() : json_real(info->percent),
                           "blocks", json_u64(totals->n_blocks),
                           "job_blocks", grid->open ? json_null() : json_u64(grid->n_blocks),
                           "primes", json_u64(totals->n_primes), "bytes", json_u64(totals->segment_bytes),
                           "bytes_per_prime", info_bytes_per_prime(info),
                           "segments", json_u64(totals->n_segments), "spool_blocks", json_u64(totals->spool_blocks),
                           "spool_primes", json_u64(totals->spool_primes),
                           "spool_bytes", json_u64(totals->spool_bytes), "certainty", info_certainty(info),
                           "largest_gap", json_u64(info->parts.facts.gap),
                           "largest_gap_after", info->parts.facts.gap > 0 ? json_number(info->gap_at) : json_null(),
                           "twin_pairs", json_u64(info->parts.facts.twins),
                           "classes", json_classes(info->parts.facts.classes),
                           "chain", info->chain, "workers", json_workers(info), "audit", "unaudited",
                           "digest_blocks", json_u64(info->parts.n_digest));
        if (!object)
                return -ENOMEM;
        r = json_dumpf(object, stdout,
                       (mode == JSON_PRETTY_FORM ? JSON_INDENT(8) : JSON_COMPACT) | JSON_REAL_PRECISION(10));
        json_decref(object);
        return r < 0 || putchar('\n') < 0 ? -EIO : 0;
}

static int info(const StoreArguments *arguments, JsonMode json) {
        StoreInfo info = {};
        Problem problem = PROBLEM_NONE;
        int r;

        r = store_verb_path(arguments, &info.path);
        if (r != 0)
                return r;
        r = store_verb_open(info.path, &info.reader);
        if (r == 0) {
                mpz_init(info.coverage);
                mpz_init(info.gap_at);
                if (info_read(&info, &problem) < 0) {
                        log_error("%s", problem.text);
                        r = EXIT_FAILURE;
                } else {
                        int k = json != JSON_OFF ? print_json(&info, json) : print_text(&info);

                        if (k >= 0 && fflush(stdout) < 0)
                                k = -errno;
                        if (k < 0) {
                                log_error_errno(k, "Failed to write the summary: %m.");
                                r = EXIT_FAILURE;
                        }
                }
                mpz_clear(info.coverage);
                mpz_clear(info.gap_at);
        }
        free(info.workers);
        reader_close(info.reader);
        free(info.path);
        return r;
}

int verb_info(int argc, char *argv[]) {
        const char *mode = NULL;
        bool has_mode = false;
        const StoreOption options[] = { { "json", 0, optional_argument, &has_mode, &mode }, {} };
        const StoreVerb verb = { .name = "info", .help = help, .options = options };
        JsonMode json = JSON_OFF;
        StoreArguments arguments;
        int r;

        if (!store_verb_parse(&verb, argc, argv, &arguments, &r))
                return r;
        if (has_mode && client_parse_json(mode, &json) < 0)
                return EXIT_USAGE;
        return info(&arguments, json);
}
