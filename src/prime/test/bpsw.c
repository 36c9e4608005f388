/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Baillie-PSW for numbers of any size, one at a time, on GMP: the plain form, by which samples are audited and the
 * kernels (bpsw-kernel.h, large-test.h) are tested. It shares no code with them.
 *
 * The test is two tests of different kinds, which every prime passes. Either has composites that pass, too, its
 * pseudoprimes, but these are of different kinds as well. Those to base 2 tend to have factors p whose p - 1 has much
 * in common with n - 1; Lucas's sequence with a Jacobi symbol of -1 asks the same of p + 1 and n + 1. That no number
 * up to 25·10^9 is both was found by Baillie and Wagstaff and by Pomerance, Selfridge and Wagstaff in 1980, who
 * proposed the combination. Feitsma has listed all 118,968,378 pseudoprimes to base 2 below 2^64 (2009), by Galway's
 * method; none of them passes Lucas's test in any of its usual forms (Jacobsen, "Pseudoprime statistics, tables, and
 * data"). So the answer is proved there. Above it is not: Pomerance has reasons to expect counter-examples (1984), but
 * nobody knows one.
 *
 * The strong test comes first: it is cheaper, and nearly all composites end there.
 */

#include "prime/test/bpsw.h"

void bpsw_init(Bpsw *bpsw) {
        strong_test_init(&bpsw->strong);
        lucas_test_init(&bpsw->lucas);
}

void bpsw_done(Bpsw *bpsw) {
        strong_test_done(&bpsw->strong);
        lucas_test_done(&bpsw->lucas);
}

bool bpsw_is_prime(Bpsw *bpsw, const mpz_t n) {
        if (mpz_cmp_ui(n, 3) <= 0)
                return mpz_cmp_ui(n, 2) >= 0;
        if (mpz_even_p(n))
                return false;
        return strong_test_passes(&bpsw->strong, n, 2) && lucas_test_passes(&bpsw->lucas, n);
}
