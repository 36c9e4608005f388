/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl cat: the primes of a store as text, in order. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/parse.h"
#include "ctl/decimal.h"
#include "ctl/store-verb.h"
#include "ctl/verb.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/reader-interval.h"

/* Large enough that a write costs nothing, small enough to stay in the second-level cache. */
#define OUTPUT_SIZE ((size_t) 256 << 10)

typedef struct Output {
        char *buffer; /* OUTPUT_SIZE */
        size_t n_used;
        uint64_t n_lines_left;
} Output;

static void help(void) {
        printf("primectl cat [OPTIONS...] [A [B]]\n\n"
               "Print the primes of a store in order, one a line: those in [A, B), B exclusive.\n"
               "Without B up to where the store is complete, without A from its beginning.\n\n"
               STORE_VERB_HELP
               "  -n --lines=N    Print at most N primes\n\n"
               "A and B are integers of any size: 123, 1e12, 10^24, 2^64+13, 5*10^30.\n");
}

/* Writes everything, also to a terminal or pipe that somebody made non-blocking. */
static int write_all(const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(STDOUT_FILENO, data, size);

                if (n < 0 && errno == EAGAIN) {
                        struct pollfd pollfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

                        (void) poll(&pollfd, 1, -1);
                        continue;
                }
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

static int output_flush(Output *output) {
        int r = write_all(output->buffer, output->n_used);

        output->n_used = 0;
        return r;
}

/* 1: go on; 0: that was the last line wanted; negative errno of a write. */
static inline int output_line(Output *output, const Decimal *decimal) {
        size_t size;
        const char *line = decimal_line(decimal, &size);

        if (size > OUTPUT_SIZE - output->n_used) {
                int r = output_flush(output);

                if (r >= 0 && size > OUTPUT_SIZE) /* a number of more than 262,000 digits */
                        r = write_all(line, size);
                if (r < 0)
                        return r;
                if (size > OUTPUT_SIZE)
                        return --output->n_lines_left > 0;
        }
        memcpy(output->buffer + output->n_used, line, size);
        output->n_used += size;
        return --output->n_lines_left > 0;
}

/* 2, 3 and 5 have no bit. */
static int print_small_primes(Output *output, Decimal *decimal, const ReaderWalk *walk) {
        static const uint8_t small[] = { 2, 3, 5 };
        int r = 1;

        for (size_t i = 0; r > 0 && i < sizeof small; i++) {
                if (small[i] < walk->cell.low || small[i] >= walk->cell.high)
                        continue;
                r = decimal_set(decimal, walk->start); /* 0 */
                if (r < 0)
                        return r;
                decimal_add(decimal, small[i]);
                r = output_line(output, decimal);
        }
        return r;
}

static int print_block(Output *output, Decimal *decimal, const ReaderWalk *walk) {
        uint64_t offset, last = 0;
        BitmapWalk bits;
        int r;

        if (mpz_sgn(walk->start) == 0) {
                r = print_small_primes(output, decimal, walk);
                if (r <= 0)
                        return r;
        }
        bitmap_walk_init(&bits, walk->bitmap, walk->n_bytes);
        if (!bitmap_walk_next(&bits, &offset))
                return 1; /* large numbers: most blocks have none, and converting the first is dear */
        r = decimal_set(decimal, walk->start);
        if (r < 0)
                return r;
        do {
                decimal_add(decimal, offset - last);
                last = offset;
                r = output_line(output, decimal);
        } while (r > 0 && bitmap_walk_next(&bits, &offset));
        return r;
}

/* 1: all printed; 0: as many as were wanted; negative errno, told already unless the reader of the pipe is gone. */
static int print_interval(Reader *reader, const StoreInterval *interval, Output *output) {
        Decimal decimal = DECIMAL_NONE;
        Problem problem = PROBLEM_NONE;
        ReaderWalk walk;
        int r, k = 1;

        r = reader_walk_init(&walk, reader, interval->low, interval->high, &problem);
        if (r < 0) {
                log_error("%s", problem.text);
                return r;
        }
        while (k > 0 && (r = reader_walk_next(&walk, &problem)) > 0)
                k = print_block(output, &decimal, &walk);
        reader_walk_done(&walk);
        decimal_done(&decimal);
        if (k >= 0) { /* what is good goes out, also before a block that is not */
                int f = output_flush(output);

                k = f < 0 ? f : k;
        }
        if (k < 0) {
                if (k != -EPIPE)
                        log_error_errno(k, "Failed to write the primes: %m.");
                return k;
        }
        if (r < 0) {
                log_error("%s", problem.text);
                return r == -EPIPE ? -EIO : r;
        }
        return k;
}

static int cat(const StoreArguments *arguments, uint64_t n_lines) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        _cleanup_free_ char *buffer = NULL;
        StoreInterval interval;
        Output output;
        int r;

        r = store_interval_open(arguments, &reader, &interval);
        if (r != 0)
                return r;

        buffer = malloc(OUTPUT_SIZE);
        output = (Output) { .buffer = buffer, .n_lines_left = n_lines };
        if (!buffer) {
                log_error("Out of memory.");
                r = EXIT_FAILURE;
        } else if (n_lines > 0) {
                r = print_interval(reader, &interval, &output);
                if (r == -EPIPE) /* `| head` has seen enough */
                        r = EXIT_SUCCESS;
                else if (r < 0)
                        r = EXIT_FAILURE;
                else
                        r = r > 0 ? store_interval_end(&interval, reader) : EXIT_SUCCESS;
        }
        store_interval_done(&interval);
        return r;
}

int verb_cat(int argc, char *argv[]) {
        const char *lines = NULL;
        const StoreOption options[] = { { "lines", 'n', required_argument, .value = &lines }, {} };
        const StoreVerb verb = { .name = "cat", .help = help, .options = options, .most_words = 2 };
        uint64_t n_lines = UINT64_MAX;
        StoreArguments arguments;
        int r;

        if (!store_verb_parse(&verb, argc, argv, &arguments, &r))
                return r;
        if (lines && parse_u64(lines, &n_lines) < 0) {
                log_error("--lines=%s: give a number of lines.", lines);
                return EXIT_USAGE;
        }
        (void) signal(SIGPIPE, SIG_IGN);
        return cat(&arguments, n_lines);
}
