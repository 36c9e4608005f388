/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The footers count the blocks of either kind, and those below 2^64 can be told by their place. */

#include "store/store-certainty.h"

#include <errno.h>

#include "base/cleanup.h"
#include "prime/number.h"
#include "store/reader.h"

static bool place_is_beyond(const Grid *grid, uint64_t sequence) {
        _cleanup_mpz_ mpz_t end;
        GridBlock block;

        mpz_init(end);
        grid_block(grid, sequence, end, &block);
        number_add_u64(end, end, block.high);
        return certainty_of(end) != CERTAINTY_PROVED;
}

int store_certainty(const char *path, Certainty *ret, Problem *problem) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        ReaderParts parts;
        uint64_t n;
        int r;

        *ret = 0;
        r = reader_open(path, &reader, problem);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        n = reader_frontier(reader);
        if (n == 0 || !place_is_beyond(reader_grid(reader), n - 1))
                return 0;
        r = reader_parts(reader, &parts, problem);
        if (r >= 0)
                *ret = parts.n_bpsw > 0 ? CERTAINTY_BPSW : CERTAINTY_PROVED;
        return r;
}

int store_settle_certainty(const char *path, Certainty asked, Certainty *ret, Problem *problem) {
        Certainty had;

        *ret = asked;
        if (asked == CERTAINTY_BPSW || store_certainty(path, &had, NULL) < 0)
                return 0;
        if (asked == CERTAINTY_PROVED && had == CERTAINTY_BPSW)
                return problem_set(problem, ERANGE, "The store '%s' holds primes that were not proved: move it away to "
                                   "begin with proofs, or ask for the certainty \"bpsw\".", path);
        if (had == CERTAINTY_PROVED)
                *ret = CERTAINTY_PROVED;
        return 0;
}
