/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What one strong test costs is a modular power: as many squarings as the number has bits, and with GMP's fast
 * multiplication each of them grows with the power 1.4 of the bits at these sizes. Measured: 0.08 s with 8,000 bits,
 * 0.48 s with 16,000, 2.7 s with 32,000, 14 s with 64,000.
 */

#include "ctl/slow-test.h"

#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define KNOWN_BITS 64000.0
#define KNOWN_SECONDS 14.4
#define EXPONENT 2.4

#define SLOW_SECONDS 10.0

double slow_test_seconds(size_t n_bits) {
        return KNOWN_SECONDS * pow((double) n_bits / KNOWN_BITS, EXPONENT);
}

void slow_test_warn(const mpz_t from) {
        double seconds = slow_test_seconds(mpz_sizeinbase(from, 2));
        char span[TEXT_SIZE];

        if (seconds > SLOW_SECONDS)
                log_warning("Testing a single number of this size takes about %s: a block takes minutes or more, and "
                            "other jobs wait for the threads that work on it.",
                            text_duration((usec_t) (seconds * (double) USEC_PER_SEC), span));
}
