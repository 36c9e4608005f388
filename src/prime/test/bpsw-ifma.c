/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Baillie-PSW on AVX-512 with IFMA: sixteen numbers above 2^70 at once. Fewer than FEW of them are faster one after
 * the other, and so are smaller ones.
 */

#if defined(__x86_64__)

#include "base/macro.h"
#include "prime/test/bpsw-kernel.h"
#include "prime/test/ifma.h"
#include "prime/test/lucas-parameter.h"

#define FEW 6

/* How many of the numbers are of equal size, at most as many as fit. */
static size_t count_equal(const Number128 *numbers, size_t n_numbers) {
        size_t n = 1;

        while (n < MIN(n_numbers, (size_t) IFMA_LANES) && number128_bits(numbers[n]) == number128_bits(numbers[0]))
                n++;
        return n;
}

static void strong64(const uint64_t *numbers, size_t n_numbers, bool *ret_passed) {
        bpsw_x86.strong64(numbers, n_numbers, ret_passed);
}

static void lucas64(const uint64_t *numbers, size_t n_numbers, bool *ret_passed) {
        bpsw_x86.lucas64(numbers, n_numbers, ret_passed);
}

static void strong128(const Number128 *numbers, size_t n_numbers, bool *ret_passed) {
        for (size_t done = 0, n; done < n_numbers; done += n) {
                unsigned n_bits = number128_bits(numbers[done]);

                n = count_equal(numbers + done, n_numbers - done);
                if (n < FEW || n_bits < IFMA_BITS_MIN)
                        bpsw_x86.strong128(numbers + done, n, ret_passed + done);
                else
                        (void) ifma_strong(&numbers[done].low, n_bits, n, ret_passed + done);
        }
}

static void lucas128(const Number128 *numbers, size_t n_numbers, bool *ret_passed) {
        for (size_t done = 0, n; done < n_numbers; done += n) {
                unsigned n_bits = number128_bits(numbers[done]), parameters[IFMA_LANES];
                bool has_parameter[IFMA_LANES];

                n = count_equal(numbers + done, n_numbers - done);
                if (n < FEW || n_bits < IFMA_BITS_MIN) {
                        bpsw_x86.lucas128(numbers + done, n, ret_passed + done);
                        continue;
                }
                for (size_t i = 0; i < n; i++) {
                        parameters[i] = lucas_parameter128(numbers[done + i]);
                        has_parameter[i] = parameters[i] > 0;
                        parameters[i] = MAX(parameters[i], 3U);
                }
                (void) ifma_lucas(&numbers[done].low, n_bits, parameters, n, ret_passed + done);
                for (size_t i = 0; i < n; i++)
                        ret_passed[done + i] &= has_parameter[i];
        }
}

static bool strong128_bases(Number128 n, const uint64_t *bases, size_t n_bases) {
        return bpsw_x86.strong128_bases(n, bases, n_bases);
}

static void euler128(Number128 n, const uint64_t *bases, size_t n_bases, int *ret) {
        bpsw_x86.euler128(n, bases, n_bases, ret);
}

static bool is_usable(void) {
        return ifma_is_usable() && bpsw_x86.is_usable();
}

const BpswKernel bpsw_ifma = {
        .name = "x86-ifma",
        .is_usable = is_usable,
        .strong64 = strong64,
        .strong128 = strong128,
        .lucas64 = lucas64,
        .lucas128 = lucas128,
        .strong128_bases = strong128_bases,
        .euler128 = euler128,
};

#endif
