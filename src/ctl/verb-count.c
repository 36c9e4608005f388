/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl count: how many primes a store has in an interval. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "ctl/store-verb.h"
#include "ctl/verb.h"
#include "store/reader-interval.h"

static void help(void) {
        printf("primectl count [OPTIONS...] [A [B]]\n\n"
               "Count the primes of a store in [A, B), B exclusive. Without B up to where the\n"
               "store is complete, without A from its beginning. Every block is read, held\n"
               "against its checksums, and its primes are counted one by one.\n\n"
               STORE_VERB_HELP
               "\n"
               "A and B are integers of any size: 123, 1e12, 10^24, 2^64+13, 5*10^30.\n");
}

static int count(const StoreArguments *arguments) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        Problem problem = PROBLEM_NONE;
        StoreInterval interval;
        uint64_t n_primes;
        int r;

        r = store_interval_open(arguments, &reader, &interval);
        if (r != 0)
                return r;
        r = reader_count(reader, interval.low, interval.high, &n_primes, &problem);
        if (r < 0) {
                log_error("%s", problem.text);
                r = EXIT_FAILURE;
        } else if (printf("%" PRIu64 "\n", n_primes) < 0 || fflush(stdout) < 0) {
                log_error("Failed to write the count: %m.");
                r = EXIT_FAILURE;
        } else
                r = store_interval_end(&interval, reader);
        store_interval_done(&interval);
        return r;
}

int verb_count(int argc, char *argv[]) {
        static const StoreVerb verb = { .name = "count", .help = help, .most_words = 2 };
        StoreArguments arguments;
        int r;

        return store_verb_parse(&verb, argc, argv, &arguments, &r) ? count(&arguments) : r;
}
