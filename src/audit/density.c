/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Simpson's rule: with u = ln x the integrand is e^u/u, smooth even near 2; where a stretch is short against its place,
 * 1/ln x itself is so flat that three points are plenty, and no digits are lost to differences of large numbers.
 */

#include "audit/density.h"

#include <math.h>

#define N_STEPS 512 /* even */
#define SIGMAS 8
#define SLACK 24 /* the densest known row of primes in so few numbers that none is expected has fewer */
#define SHORT_PART 1e-3

/* ln(start + offset) for numbers of any size. */
static double logarithm(const mpz_t start, uint64_t offset) {
        signed long exponent;
        double mantissa = mpz_get_d_2exp(&exponent, start);

        if (exponent <= 900)
                return log(mpz_get_d(start) + (double) offset);
        return log(mantissa) + (double) exponent * M_LN2; /* beyond a double, no offset changes a digit */
}

double density_expected(const mpz_t start, uint64_t low, uint64_t high) {
        double from, to, step, sum;

        if (mpz_cmp_ui(start, 2) < 0 && low < 2)
                low = 2;
        if (high <= low)
                return 0;
        from = logarithm(start, low);
        to = logarithm(start, high);
        if ((double) (high - low) < SHORT_PART * exp(fmin(from, 600)))
                return (double) (high - low) * (1 / from + 4 / logarithm(start, low + (high - low) / 2) + 1 / to) / 6;

        step = (to - from) / N_STEPS;
        sum = exp(from) / from + exp(to) / to;
        for (unsigned i = 1; i < N_STEPS; i++)
                sum += (i % 2 == 1 ? 4 : 2) * exp(from + i * step) / (from + i * step);
        return sum * step / 3;
}

bool density_is_plausible(const mpz_t start, uint64_t low, uint64_t high, uint64_t count) {
        double expected = density_expected(start, low, high);

        return fabs((double) count - expected) <= SIGMAS * sqrt(expected) + SLACK;
}
