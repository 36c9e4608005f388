/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Baillie-PSW: the strong test to base 2, then the extra strong Lucas test (Baillie and Wagstaff, "Lucas
 * pseudoprimes", 1980; Pomerance, "Are there counter-examples to the Baillie-PSW primality test?", 1984).
 * Composite is certain; prime is proved below 2^64, where Feitsma's complete list of base-2 pseudoprimes was checked,
 * and without a known counter-example above.
 */

#include <gmp.h>
#include <stdbool.h>

#include "prime/test/lucas.h"
#include "prime/test/strong.h"

typedef struct Bpsw {
        StrongTest strong;
        LucasTest lucas;
} Bpsw;

void bpsw_init(Bpsw *bpsw);
void bpsw_done(Bpsw *bpsw);

/* For every n >= 0. No trial division: the caller has sieved. */
bool bpsw_is_prime(Bpsw *bpsw, const mpz_t n);
