/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A process that writes a store, to be killed, starved and cut off, and the one that looks at what is left.
 *
 *     store-writer write FOLDER SEED      puts what is missing of the workload, out of order
 *     store-writer check FOLDER ACKNOWLEDGED PUT [REFERENCE]
 *                                         opens the store; finishes it and compares it when there is a reference
 *     store-writer reference FOLDER       makes a store to which nothing happens
 *
 *     --from=EXPRESSION                   where the job begins, and so how large a block is
 *     --digests                           keep no bitmaps
 *     --pause=USEC                        between two blocks
 *     --patient                           waits for space as long as there is none
 *
 * `write` tells what happens in lines on standard output, each one write(): "put SET" before a block is put,
 * "acknowledged SET" after a commit, "full" and "wants-space" once for each time of waiting, "done", or "failed ERRNO
 * SENTENCE". A SET is a number in hexadecimal with a bit for each block. `check` fails with a sentence. The exit status
 * is 1 for "failed", 2 for a wrong call.
 */

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "faults/workload.h"
#include "store/verify.h"
#include "test.h"

#define WAIT_USEC 10000

static const char *from = FIXTURE_FROM;
static StoreKeep keep = STORE_KEEP_FULL;
static uint64_t pause_usec;
static bool patient;
static Workload workload;

static void __attribute__((__format__(printf, 1, 2))) tell(const char *format, ...) {
        char line[1024];
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(line, sizeof line - 1, format, arguments);
        va_end(arguments);
        CHECK(n > 0 && (size_t) n < sizeof line - 1);
        line[n++] = '\n';
        CHECK(write(STDOUT_FILENO, line, (size_t) n) == n);
}

/* Waits where waiting may help. */
static bool waits(int error, bool *told) {
        if (!patient || (error != -ENOSPC && error != -EDQUOT))
                return false;
        if (!*told)
                tell("full");
        *told = true;
        (void) usleep(WAIT_USEC);
        return true;
}

static int open_patiently(const char *folder, Store **ret, Problem *problem) {
        bool told = false;
        int r;

        while ((r = workload_open(&workload, &disk_system, folder, ret, problem)) < 0)
                if (!waits(r, &told))
                        return r;
        return 0;
}

static int put_patiently(Store *store, uint64_t sequence, Problem *problem) {
        bool told = false;
        int r;

        while ((r = workload_put(&workload, store, sequence, problem)) < 0)
                if (!waits(r, &told))
                        return r == -EALREADY ? 0 : r;
        /* Losing it would be no harm: it is history. */
        r = sequence % 3 == 0 ? workload_put_provenance(store, sequence, problem) : 0;
        return r == -ENOSPC || r == -EDQUOT ? 0 : r;
}

static int run(Store *store, uint64_t seed, Problem *problem) {
        uint64_t order[WORKLOAD_BLOCKS], acknowledged, put, patience;
        bool told = false;
        Random random;
        int r;

        random_init(&random, seed);
        workload_draw_order(&random, order);
        patience = 1 + random_below(&random, 12);
        acknowledged = put = workload_present(store);
        tell("acknowledged %" PRIx64, acknowledged);
        for (size_t i = 0; i < WORKLOAD_BLOCKS; i++) {
                put |= UINT64_C(1) << order[i];
                tell("put %" PRIx64, put);
                r = put_patiently(store, order[i], problem);
                if (r < 0)
                        return r;
                if (pause_usec > 0)
                        (void) usleep((useconds_t) pause_usec);
                if (i + 1 < WORKLOAD_BLOCKS && random_below(&random, patience) > 0)
                        continue;
                r = workload_commit(store, &acknowledged, problem);
                if (r < 0)
                        return r;
                tell("acknowledged %" PRIx64, acknowledged);
        }
        while (store_wants_space(store) && patient) {
                if (!told)
                        tell("wants-space");
                told = true;
                (void) usleep(WAIT_USEC);
                r = workload_commit(store, &acknowledged, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int verb_write(const char *folder, const char *seed_word) {
        Problem problem = PROBLEM_NONE;
        Store *store = NULL;
        uint64_t seed;
        int r;

        if (parse_u64(seed_word, &seed) < 0)
                return 2;
        r = open_patiently(folder, &store, &problem);
        if (r >= 0)
                r = run(store, seed, &problem);
        store_close(store);
        if (r < 0) {
                tell("failed %d %s", -r, problem.text);
                return 1;
        }
        tell("done");
        return 0;
}

static int wrong(const char *what, const char *why) {
        tell("%s%s%s", what, *why ? ": " : "", why);
        return 1;
}

static int check_open(Store *store, const char *folder, uint64_t acknowledged, uint64_t put) {
        Problem problem = PROBLEM_NONE;
        VerifyReport report;
        VerifyFault fault;
        const char *what;

        what = workload_find_fault(&workload, store, acknowledged, put);
        if (what)
                return wrong(what, "");
        if (verify_store(folder, NULL, &report, &fault, &problem) < 0)
                return wrong("the store is not intact", problem.text);
        return 0;
}

static int verb_check(const char *folder, const char *acknowledged, const char *put, const char *reference) {
        Problem problem = PROBLEM_NONE;
        const char *what;
        Store *store;
        int r;

        r = workload_open(&workload, &disk_system, folder, &store, &problem);
        if (r < 0)
                return wrong("the store cannot be opened", problem.text);
        r = check_open(store, folder, strtoull(acknowledged, NULL, 16), strtoull(put, NULL, 16));
        if (r == 0 && reference && workload_finish(&workload, store, &problem) < 0)
                r = wrong("the store cannot be finished", problem.text);
        store_close(store);
        if (r != 0 || !reference)
                return r;
        what = workload_find_difference(reference, folder);
        return what ? wrong(what, "") : 0;
}

static int verb_reference(const char *folder) {
        fixture_copy(workload_make_reference(&workload), folder);
        return 0;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "from", required_argument, NULL, 'f' },
                { "digests", no_argument, NULL, 'd' },
                { "pause", required_argument, NULL, 'p' },
                { "patient", no_argument, NULL, 'w' },
                {},
        };
        int option, r = 2;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (option) {
                case 'f':
                        from = optarg;
                        break;
                case 'd':
                        keep = STORE_KEEP_DIGEST;
                        break;
                case 'p':
                        if (parse_u64(optarg, &pause_usec) < 0)
                                return 2;
                        break;
                case 'w':
                        patient = true;
                        break;
                default:
                        return 2;
                }
        argv += optind;
        argc -= optind;
        if (argc < 2)
                return 2;
        workload_init(&workload, from, keep);
        if (strcmp(argv[0], "write") == 0 && argc == 3)
                r = verb_write(argv[1], argv[2]);
        else if (strcmp(argv[0], "check") == 0 && (argc == 4 || argc == 5))
                r = verb_check(argv[1], argv[2], argv[3], argv[4]);
        else if (strcmp(argv[0], "reference") == 0 && argc == 2)
                r = verb_reference(argv[1]);
        workload_done(&workload);
        return r;
}
