/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Baillie-PSW. The strong test comes first: it is cheaper and nearly all composites end there. */

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
