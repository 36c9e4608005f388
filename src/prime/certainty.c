/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The certainty of a job, and of its blocks. */

#include "prime/certainty.h"

#include <errno.h>
#include <string.h>

#include "prime/number.h"
#include "prime/test/proof128.h"

#define PROVED_TO "4*10^33"

const char *certainty_name(Certainty certainty) {
        switch (certainty) {
        case CERTAINTY_PROVED:
                return "proved";
        case CERTAINTY_BPSW:
                return "bpsw";
        case _CERTAINTY_MAX:
                break;
        }
        return NULL;
}

Certainty certainty_of(const mpz_t end) {
        size_t n_bits = mpz_sizeinbase(end, 2);

        if (n_bits <= 64 || (n_bits == 65 && mpz_scan1(end, 0) == 64))
                return CERTAINTY_PROVED;
        return CERTAINTY_BPSW;
}

Certainty certainty_reachable(const mpz_t end, uint64_t depth) {
        if (certainty_of(end) == CERTAINTY_PROVED ||
            (mpz_sizeinbase(end, 2) <= 128 && proof128_reaches(number128_from(end), depth)))
                return CERTAINTY_PROVED;
        return CERTAINTY_BPSW;
}

int certainty_parse(const char *word, Certainty *ret) {
        for (Certainty certainty = CERTAINTY_PROVED; certainty < _CERTAINTY_MAX; certainty++)
                if (strcmp(word, certainty_name(certainty)) == 0) {
                        *ret = certainty;
                        return 0;
                }
        return -EINVAL;
}

int certainty_check(Certainty asked, mpz_srcptr to, Problem *problem) {
        _cleanup_mpz_ mpz_t most;

        mpz_init(most);
        (void) number_parse(most, PROVED_TO, NULL);
        if (asked != CERTAINTY_PROVED || (to && mpz_cmp(to, most) <= 0))
                return 0;
        return problem_set(problem, ERANGE, "Beyond " PROVED_TO " primes cannot be proved: %s, or ask for the "
                           "certainty \"bpsw\".", to ? "end the interval there" : "give the job an end below");
}

Certainty certainty_at(Certainty asked, const mpz_t end) {
        return asked == CERTAINTY_PROVED ? CERTAINTY_PROVED : certainty_of(end);
}
