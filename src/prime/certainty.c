/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The certainty of a job, and of its blocks. */

#include "prime/certainty.h"

#include <errno.h>
#include <string.h>

#include "prime/number.h"

#define PROVED_TO "4*10^33"

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
