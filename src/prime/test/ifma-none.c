/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What ifma.h is where it cannot be. */

#if !defined(__x86_64__)

#include "prime/test/ifma.h"

#include <errno.h>

bool ifma_is_usable(void) {
        return false;
}

int ifma_strong(const uint64_t *words, size_t n_bits, size_t n_numbers, bool *ret_passed) {
        (void) words, (void) n_bits, (void) n_numbers, (void) ret_passed;
        return -EOPNOTSUPP;
}

int ifma_lucas(const uint64_t *words, size_t n_bits, const unsigned *parameters, size_t n_numbers, bool *ret_passed) {
        (void) words, (void) n_bits, (void) parameters, (void) n_numbers, (void) ret_passed;
        return -EOPNOTSUPP;
}

int ifma_drawn(const uint64_t *words, size_t n_bits, const uint64_t *w, size_t n_numbers, bool *ret_passed) {
        (void) words, (void) n_bits, (void) w, (void) n_numbers, (void) ret_passed;
        return -EOPNOTSUPP;
}

#endif
