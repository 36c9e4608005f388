/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening a store and understanding an interval, for the verbs that read. */

#include "ctl/store-verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ctl/store-path.h"
#include "ctl/verb.h"
#include "prime/number.h"

int store_verb_path(const char *path, char **ret) {
        int r;

        if (path) {
                *ret = strdup(path);
                r = *ret ? 0 : -ENOMEM;
        } else
                r = store_path_last(ret);
        if (r == -ENOENT) {
                log_error("Neither XDG_DATA_HOME nor HOME is set: say with --store where the store is.");
                return EXIT_FAILURE;
        }
        if (r < 0) {
                log_error("Out of memory.");
                return EXIT_FAILURE;
        }
        return 0;
}

int store_verb_open(const char *path, Reader **ret) {
        _cleanup_free_ char *chosen = NULL;
        Problem problem = PROBLEM_NONE;
        int r;

        r = store_verb_path(path, &chosen);
        if (r != 0)
                return r;
        r = reader_open(chosen, ret, &problem);
        if (r == -ENOENT) {
                log_error("%s Make one with 'primectl local', or say with --store where it is.", problem.text);
                return EXIT_FAILURE;
        }
        if (r < 0) {
                log_error("%s", problem.text);
                return EXIT_FAILURE;
        }
        return 0;
}

/* -EINVAL after saying what is wrong. */
static int interval_parse(StoreInterval *interval, char *words[], int n_words) {
        Problem problem = PROBLEM_NONE;

        if ((n_words > 0 && number_parse(interval->low, words[0], &problem) < 0) ||
            (n_words > 1 && number_parse(interval->high, words[1], &problem) < 0)) {
                log_error("%s", problem.text);
                return -EINVAL;
        }
        if (n_words > 1 && mpz_cmp(interval->low, interval->high) >= 0) {
                log_error("The interval from %s to %s is empty: the end must be larger than the beginning.", words[0],
                          words[1]);
                return -EINVAL;
        }
        return 0;
}

int store_interval_init(StoreInterval *interval, const Reader *reader, char *words[], int n_words) {
        const Grid *grid = reader_grid(reader);
        mpz_t coverage;

        mpz_init(interval->low);
        mpz_init(interval->high);
        interval->cut = false;
        if (interval_parse(interval, words, n_words) < 0) {
                store_interval_done(interval);
                return EXIT_USAGE;
        }

        mpz_init(coverage);
        reader_coverage(reader, coverage);
        if (n_words < 1)
                mpz_set(interval->low, grid->from);
        if (n_words < 2)
                mpz_set(interval->high, coverage);
        if (mpz_cmp(interval->low, grid->from) < 0) {
                mpz_set(interval->low, grid->from);
                interval->cut = true;
        }
        if (mpz_cmp(interval->high, coverage) > 0) {
                mpz_set(interval->high, coverage);
                interval->cut = true;
        }
        if (mpz_cmp(interval->low, interval->high) > 0) { /* all of it is outside */
                mpz_set(interval->low, interval->high);
                interval->cut = true;
        }
        mpz_clear(coverage);
        return 0;
}

void store_interval_done(StoreInterval *interval) {
        mpz_clear(interval->low);
        mpz_clear(interval->high);
}

int store_interval_end(const StoreInterval *interval, const Reader *reader) {
        const Grid *grid = reader_grid(reader);
        _cleanup_free_ char *from = NULL, *end = NULL;
        mpz_t coverage;

        if (!interval->cut)
                return EXIT_SUCCESS;
        mpz_init(coverage);
        reader_coverage(reader, coverage);
        from = number_format_short(grid->from);
        end = number_format_short(coverage);
        mpz_clear(coverage);
        if (!grid->open && reader_frontier(reader) == grid->n_blocks)
                log_error("The store covers the numbers from %s up to but not including %s; the rest of what was asked "
                          "for lies outside of its job.", from ?: "?", end ?: "?");
        else
                log_error("The store covers the numbers from %s up to but not including %s so far.", from ?: "?",
                          end ?: "?");
        return EXIT_FAILURE;
}
