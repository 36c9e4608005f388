/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl cat: the primes of a store in order, as text or for programs. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "ctl/output.h"
#include "ctl/prime-writer.h"
#include "ctl/stop-signal.h"
#include "ctl/store-follow.h"
#include "ctl/store-verb.h"
#include "ctl/verb.h"
#include "prime/number.h"
#include "store/prime-walk.h"

/* What was asked for, and how far it is. */
typedef struct Cat {
        StoreArguments arguments;
        PrimeFormat format;
        bool reverse, follow;
        uint64_t n_lines; /* UINT64_MAX: all */

        PrimeWriter *writer;
        bool begun;       /* the writer knows the first rank */
        mpz_t position;   /* with --follow: everything below is printed, or not wanted */
} Cat;

static void help(void) {
        printf("primectl cat [OPTIONS...] [A [B]]\n\n"
               "Print the primes of a store in order: those in [A, B), B exclusive. Without B up\n"
               "to where the store is complete, without A from its beginning.\n\n"
               STORE_VERB_HELP
               "     --format=FORMAT  How to print them:\n"
               "                    text   one a line (the default)\n"
               "                    csv    n,prime below a line with these names\n"
               "                    json   an object a line: {\"n\":\"1\",\"prime\":\"2\"}\n"
               "                    u64le  8 bytes each, little-endian; below 2^64 only\n"
               "                    gaps   the first one, then the differences, one a line\n"
               "                    bfile  \"n prime\", as the OEIS has it\n"
               "  -n --lines=N    Print the first N primes; with -r or -f begin with the last N\n"
               "  -r --reverse    Print the largest first\n"
               "  -f --follow     Go on as the store grows, until its job is finished\n\n"
               "n is the number of the prime in the store's job, beginning with 1.\n"
               "A and B are integers of any size: 123, 1e12, 10^24, 2^64+13, 5*10^30.\n");
}

/* Before anything is written: all that is still to come must have room in the format. 0 or the exit status. */
static int cat_check_format(const Cat *cat, const Reader *reader, const StoreInterval *interval) {
        const Grid *grid = reader_grid(reader);
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t end;

        mpz_init_set(end, interval->high);
        if (cat->follow && cat->arguments.n_words > 1)
                (void) number_parse(end, cat->arguments.words[1], NULL);
        else if (cat->follow && !grid->open)
                mpz_set(end, grid->to);
        if (prime_format_check(cat->format, end, &problem) >= 0)
                return 0;
        log_error("%s", problem.text);
        return EXIT_USAGE;
}

/* The writer learns which prime comes first, and how many there are before it. */
static int cat_begin(Cat *cat, Reader *reader, StoreInterval *interval, Problem *problem) {
        uint64_t rank = 0;
        int r;

        if (cat->follow && cat->n_lines != UINT64_MAX) {
                r = prime_walk_find_last(reader, interval->low, interval->high, cat->n_lines, interval->low, problem);
                if (r < 0)
                        return r;
                cat->n_lines = UINT64_MAX;
        }
        if (prime_format_has_rank(cat->format)) {
                r = reader_count(reader, reader_grid(reader)->from, cat->reverse ? interval->high : interval->low,
                                 &rank, problem);
                if (r < 0)
                        return r;
                rank += cat->reverse ? 0 : 1;
        }
        r = prime_writer_begin(cat->writer, rank, cat->reverse);
        if (r < 0)
                return problem_set(problem, r, "Failed to write the primes: %m.");
        cat->begun = true;
        return 0;
}

/* Prints what the interval has, flushes. 0, or negative errno with a sentence; without one -EPIPE. */
static int cat_walk(Cat *cat, Reader *reader, const StoreInterval *interval, Problem *problem) {
        _cleanup_free_ PrimeWalk *walk = malloc(sizeof *walk);
        int r, k = 0;

        if (!walk)
                return problem_set(problem, ENOMEM, "Out of memory.");
        r = prime_walk_init(walk, reader, interval->low, interval->high, cat->reverse, problem);
        if (r < 0)
                return r;
        while (k >= 0 && cat->n_lines > 0 && stop_signal() == 0 && (r = prime_walk_next(walk, problem)) > 0) {
                size_t n = (size_t) MIN((uint64_t) walk->n_offsets, cat->n_lines);

                k = prime_writer_put(cat->writer, walk->block.start, walk->offsets, n);
                if (cat->n_lines != UINT64_MAX)
                        cat->n_lines -= n;
        }
        prime_walk_done(walk);
        if (k >= 0) /* what is good goes out, also before a block that is not */
                k = prime_writer_flush(cat->writer);
        if (k == -EPIPE)
                return k;
        if (k < 0)
                return problem_set(problem, k, "Failed to write the primes: %m.");
        return r == -EPIPE ? -EIO : MIN(r, 0);
}

/* Exit status. */
static int cat_fail(int error, const Problem *problem) {
        if (error == -EPIPE) /* `| head` has seen enough */
                return EXIT_SUCCESS;
        log_error("%s", problem->text);
        return EXIT_FAILURE;
}

static int cat_interval(Cat *cat, Reader *reader, StoreInterval *interval, int *ret_status) {
        Problem problem = PROBLEM_NONE;
        int r;

        *ret_status = cat_check_format(cat, reader, interval);
        if (*ret_status != 0)
                return -EINVAL;
        r = cat->begun ? 0 : cat_begin(cat, reader, interval, &problem);
        if (r >= 0)
                r = cat_walk(cat, reader, interval, &problem);
        if (r < 0)
                *ret_status = cat_fail(r, &problem);
        return r;
}

/* As the store is now. */
static int cat_once(Cat *cat) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        StoreInterval interval;
        int r;

        r = store_interval_open(&cat->arguments, &reader, &interval);
        if (r != 0)
                return r;
        if (cat_interval(cat, reader, &interval, &r) >= 0)
                r = cat->n_lines > 0 ? store_interval_end(&interval, reader) : EXIT_SUCCESS;
        store_interval_done(&interval);
        return r;
}

/* Whether nothing that was asked for is still to come. */
static bool cat_is_complete(const Cat *cat, const Reader *reader) {
        const Grid *grid = reader_grid(reader);
        _cleanup_mpz_ mpz_t coverage, end;

        mpz_init(coverage);
        mpz_init(end);
        if (!grid->open && reader_frontier(reader) == grid->n_blocks)
                return true;
        if (cat->arguments.n_words < 2 || number_parse(end, cat->arguments.words[1], NULL) < 0)
                return false;
        reader_coverage(reader, coverage);
        return mpz_cmp(end, coverage) <= 0;
}

/* One look at the store. 1: there is more to come; 0 or negative: the end, with `ret_status`. */
static int cat_look(Cat *cat, const char *path, int *ret_status) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        StoreInterval interval;
        int r = 0;

        *ret_status = store_verb_open(path, &reader);
        if (*ret_status == 0)
                *ret_status = store_interval_take(&cat->arguments, reader, &interval);
        if (*ret_status != 0)
                return -EINVAL;
        if (mpz_cmp(interval.low, cat->position) < 0)
                mpz_set(interval.low, cat->position);
        if (mpz_cmp(interval.low, interval.high) < 0) {
                r = cat_interval(cat, reader, &interval, ret_status);
                mpz_set(cat->position, interval.high);
        } else {
                if (!cat->begun) /* what comes from now on is news, however much it is */
                        cat->n_lines = UINT64_MAX;
                *ret_status = cat_check_format(cat, reader, &interval);
                r = *ret_status == 0 ? 0 : -EINVAL;
        }
        if (r >= 0) {
                r = !cat_is_complete(cat, reader);
                if (r == 0)
                        *ret_status = store_interval_end(&interval, reader);
        }
        store_interval_done(&interval);
        return r;
}

static int cat_follow(Cat *cat) {
        StoreFollow follow = STORE_FOLLOW_NONE;
        _cleanup_free_ char *path = NULL;
        int r;

        r = store_verb_path(&cat->arguments, &path);
        if (r != 0)
                return r;
        store_follow_init(&follow, path);
        while (cat_look(cat, path, &r) > 0)
                if (!store_follow_wait(&follow)) {
                        r = EXIT_SUCCESS;
                        break;
                }
        store_follow_done(&follow);
        return stop_signal() != 0 ? EXIT_SUCCESS : r;
}

int verb_cat(int argc, char *argv[]) {
        Cat cat = { .n_lines = UINT64_MAX };
        const char *lines = NULL, *format = NULL;
        const StoreOption options[] = {
                { "format", 0, required_argument, .value = &format },
                { "lines", 'n', required_argument, .value = &lines },
                { "reverse", 'r', no_argument, .given = &cat.reverse },
                { "follow", 'f', no_argument, .given = &cat.follow },
                {},
        };
        const StoreVerb verb = { .name = "cat", .help = help, .options = options, .most_words = 2 };
        int r;

        if (!store_verb_parse(&verb, argc, argv, &cat.arguments, &r))
                return r;
        if (lines && store_verb_count("lines", lines, &cat.n_lines) < 0)
                return EXIT_USAGE;
        if (format && prime_format_parse(format, &cat.format) < 0) {
                log_error("--format=%s: give " PRIME_FORMAT_NAMES ".", format);
                return EXIT_USAGE;
        }
        if (cat.reverse && cat.follow) {
                log_error("Give only one of --reverse and --follow.");
                return EXIT_USAGE;
        }
        (void) signal(SIGPIPE, SIG_IGN);
        if (prime_writer_new(cat.format, output_write, NULL, &cat.writer) < 0) {
                log_error("Out of memory.");
                return EXIT_FAILURE;
        }
        mpz_init(cat.position);
        r = cat.follow ? cat_follow(&cat) : cat_once(&cat);
        mpz_clear(cat.position);
        cat.writer = prime_writer_free(cat.writer);
        return r;
}
