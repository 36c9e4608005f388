/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tests of Baillie-PSW, and one more strong test, for numbers of many limbs. They are computed as in
 * bpsw-ladders.h, whose head explains how and names the sources, on Montgomery's form with R = 2^(bits of the limbs).
 *
 * Bounds. If n has four bits less than its limbs, everything stays < 4n < R without a comparison: a product of
 * operands < 4n is < 16n²/R + n < 2n, its double < 4n, and with an addend < n it is < 3n (Walter, "Montgomery
 * exponentiation needs no final subtractions", 1999). In general operands < n·2^k are allowed if n has 2k bits less,
 * so with more bits to spare several doublings are done at once: k squarings, and then a shift by up to 2^k - 1 bits.
 * For n with fewer, what is carried out at the top is taken away in multiples of n.
 *
 * Why one more test. Above 2^64 nobody knows a composite that passes Baillie-PSW, but it is not proved that there is
 * none. Composites that pass the strong test to given bases can even be made (Arnault, "Constructing Carmichael
 * numbers which are strong pseudoprimes to several bases", 1995). A base that is chosen at random is passed with a
 * chance of 1/4 at most (Rabin, "Probabilistic algorithm for testing primality", 1980; Monier, 1980). A random choice
 * would give another answer on another machine; so the base is w / 2^52, where w is a hash of n, with the multipliers
 * of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
 *
 * Such a base costs two rows where any other costs a product: y·w·2^12, divided by 2^64 the way of Montgomery.
 *
 * From some size on GMP's mpz_powm() is faster, for it multiplies large numbers by better methods. It cannot be
 * interrupted; so an exponent is raised piece by piece there, each piece being a power of two, of as many squarings as
 * take some 20 ms. Lucas's sequence is then computed with GMP's division.
 */

#include "prime/test/large-test.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "prime/number.h"
#include "prime/test/ifma.h"
#include "prime/variant.h"

#define OWN_BITS_MAX 4096 /* measured: see tests/bench/bench-tests.c */
#define FIRST_BITS 7 /* of an exponent, for which the power of two is known */
#define PARAMETER_FIRST 3UL
#define PARAMETER_BEFORE_SQUARE_CHECK 21UL
#define CANCEL_WORK (UINT64_C(1) << 22)     /* products of limbs between two looks at the cancel flag: some ms */
#define POWM_PIECE_WORK (UINT64_C(1) << 23)
#define WORD_LIMBS (64 / GMP_NUMB_BITS)

static_assert(GMP_NAIL_BITS == 0 && 64 % GMP_NUMB_BITS == 0, "limbs are words");

typedef struct Lane {
        LargeModulus modulus;
        LargeSquare *square;
        LargeMultiply *multiply;
        size_t slack;          /* bits that the limbs have more than n */
        size_t n_bits, n_twos; /* of n, and how often 2 divides n - 1 */
        mp_limb_t *value;      /* the power */
        mp_limb_t *exponent;
        mp_limb_t *spare[3];
} Lane;

#define LANES 2 /* numbers that fill each other's waits in the strong test */
#define LANE_NUMBERS 5          /* value, exponent, spare */
#define LANE_LIMBS(n) (LANE_NUMBERS * (n) + 2 * (n) + 4)

void large_test_init(LargeTest *test) {
        *test = (LargeTest) { .own_limbs_max = OWN_BITS_MAX / GMP_NUMB_BITS };
#if GMP_LIMB_BITS == 64 && defined(__x86_64__)
        if (variant_left_out() <= 1 && large_x86.is_usable())
                test->kernel = &large_x86;
#endif
        test->has_ifma = variant_left_out() == 0 && ifma_is_usable();
        mpz_inits(test->power, test->exponent, test->number, NULL);
}

void large_test_done(LargeTest *test) {
        free(test->memory);
        free(test->words);
        mpz_clears(test->power, test->exponent, test->number, NULL);
}

static bool is_cancelled(const atomic_bool *cancel) {
        return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

static int large_test_reserve(LargeTest *test, size_t n_limbs) {
        mp_limb_t *memory;

        if (test->memory_limbs >= n_limbs)
                return 0;
        memory = reallocarray(test->memory, n_limbs, sizeof *memory);
        if (!memory)
                return -ENOMEM;
        test->memory = memory;
        test->memory_limbs = n_limbs;
        return 0;
}

static void lane_init(const LargeTest *test, Lane *lane, const mpz_t n, mp_limb_t *memory) {
        const LargeKernel *kernel = test->kernel;
        size_t n_limbs = mpz_size(n);
        const mp_limb_t *limbs = mpz_limbs_read(n);
        mp_limb_t inverse = 3 * limbs[0] ^ 2; /* right in five bits; each step doubles them */

        for (unsigned i = 0; i < 4; i++)
                inverse *= 2 - limbs[0] * inverse;
        *lane = (Lane) {
                .modulus = { .n = limbs, .n_limbs = n_limbs, .negative = -inverse,
                             .scratch = memory + LANE_NUMBERS * n_limbs },
                .square = large_square_portable,
                .multiply = large_multiply_portable,
                .n_bits = mpz_sizeinbase(n, 2),
                .value = memory,
                .exponent = memory + n_limbs,
                .spare = { memory + 2 * n_limbs, memory + 3 * n_limbs, memory + 4 * n_limbs },
        };
        lane->slack = n_limbs * GMP_NUMB_BITS - lane->n_bits;
        if (kernel && n_limbs >= kernel->n_limbs_min && n_limbs <= kernel->n_limbs_max) {
                lane->square = kernel->square[n_limbs - kernel->n_limbs_min];
                lane->multiply = kernel->multiply[n_limbs - kernel->n_limbs_min];
        }
        mpn_copyi(lane->exponent, limbs, (mp_size_t) n_limbs);
        lane->exponent[0] -= 1;
        lane->n_twos = mpn_scan1(lane->exponent, 0);
}

/* carry·R + a is made smaller by multiples of n until the carry is 0. */
static void lane_settle_carry(const Lane *lane, mp_limb_t *a, mp_limb_t carry) {
        while (carry)
                carry -= mpn_sub_n(a, a, lane->modulus.n, (mp_size_t) lane->modulus.n_limbs);
}

/* a becomes < n. */
static void lane_settle(const Lane *lane, mp_limb_t *a) {
        while (mpn_cmp(a, lane->modulus.n, (mp_size_t) lane->modulus.n_limbs) >= 0)
                (void) mpn_sub_n(a, a, lane->modulus.n, (mp_size_t) lane->modulus.n_limbs);
}

static unsigned lane_bit(const Lane *lane, size_t bit) {
        return lane->exponent[bit / GMP_NUMB_BITS] >> bit % GMP_NUMB_BITS & 1;
}

/* value = value·2^n_bits, n_bits < 16. No branch on the bits, which are random. */
static void lane_shift(const Lane *lane, unsigned n_bits) {
        mp_limb_t *value = lane->value, carry = 0;

        for (size_t i = 0; i < lane->modulus.n_limbs; i++) {
                mp_limb_t limb = value[i];

                value[i] = limb << n_bits | carry;
                carry = limb >> 1 >> (GMP_NUMB_BITS - 1 - n_bits);
        }
        if (lane->slack < 4)
                lane_settle_carry(lane, value, carry);
}

/* Whether a / R is 1 or -1 modulo n; 0 if neither. `plain` is scratch. */
static int lane_unit(const Lane *lane, const mp_limb_t *a, mp_limb_t *plain) {
        mp_size_t n_limbs = (mp_size_t) lane->modulus.n_limbs;

        mpn_zero(plain, n_limbs);
        plain[0] = 1;
        lane->multiply(&lane->modulus, plain, a, plain); /* <= n */
        if (plain[0] == 1 && mpn_zero_p(plain + 1, n_limbs - 1))
                return 1;
        return plain[0] == lane->modulus.n[0] - 1 && mpn_cmp(plain + 1, lane->modulus.n + 1, n_limbs - 1) == 0 ? -1 : 0;
}

/* The power of 1/2 with the upper bits of (n - 1) / 2, rounded up; the exponent's other bits are negated. */
static void lane_begin_halves(const Lane *lane, size_t rest) {
        mp_size_t n_limbs = (mp_size_t) lane->modulus.n_limbs;
        size_t first = 0, power;

        (void) mpn_rshift(lane->exponent, lane->exponent, n_limbs, 1);
        for (size_t bit = 0; bit < FIRST_BITS; bit++)
                first |= (size_t) lane_bit(lane, rest + bit) << bit;
        first += mpn_scan1(lane->exponent, 0) < rest;
        (void) mpn_neg(lane->exponent, lane->exponent, n_limbs);
        power = (size_t) n_limbs * GMP_NUMB_BITS - first;
        mpn_zero(lane->value, n_limbs);
        lane->value[power / GMP_NUMB_BITS] = (mp_limb_t) 1 << power % GMP_NUMB_BITS;
}

/* As strong128_group(), but doubling is done once for up to four squarings, by as many places as they make of it. */
static int lanes_strong(Lane *lanes, size_t n_lanes, const atomic_bool *cancel, bool *ret_passed) {
        size_t rest = lanes[0].n_bits - 1 - FIRST_BITS, n_limbs = lanes[0].modulus.n_limbs, slack = lanes[0].slack;
        size_t window = slack >= 32 ? 4 : slack >= 16 ? 3 : slack >= 8 ? 2 : 1, twos_max = 1;
        uint64_t work = 0;

        for (size_t i = 0; i < n_lanes; i++) {
                lane_begin_halves(lanes + i, rest);
                twos_max = MAX(twos_max, lanes[i].n_twos);
                ret_passed[i] = false;
        }
        for (;;) {
                size_t now = rest < twos_max ? 1 : MIN(window, rest - twos_max + 1);

                for (size_t i = 0; i < n_lanes; i++)
                        if (rest < lanes[i].n_twos) {
                                int unit = lane_unit(lanes + i, lanes[i].value, lanes[i].spare[0]);

                                ret_passed[i] |= unit == -1 || (unit == 1 && rest + 1 == lanes[i].n_twos);
                        }
                if (rest == 0)
                        return 0;
                for (size_t k = 0; k < now; k++)
                        for (size_t i = 0; i < n_lanes; i++)
                                lanes[i].square(&lanes[i].modulus, lanes[i].value, lanes[i].value);
                for (size_t i = 0; i < n_lanes; i++) {
                        unsigned places = 0;

                        for (size_t k = 1; k <= now; k++)
                                places = 2 * places + lane_bit(lanes + i, rest - k);
                        lane_shift(lanes + i, places);
                }
                rest -= now;
                work += now * n_lanes * n_limbs * n_limbs;
                if (work >= CANCEL_WORK) {
                        work = 0;
                        if (is_cancelled(cancel))
                                return -ECANCELED;
                }
        }
}

/* power = power^(2^n_squarings) mod n */
static void powm_squarings(LargeTest *test, const mpz_t n, size_t n_squarings) {
        if (n_squarings == 1) {
                mpz_mul(test->power, test->power, test->power);
                mpz_tdiv_r(test->power, test->power, n);
        } else if (n_squarings > 1) {
                mpz_set_ui(test->exponent, 0);
                mpz_setbit(test->exponent, n_squarings);
                mpz_powm(test->power, test->power, test->exponent, n);
        }
}

/* power = base^exponent mod n, in pieces; base 2 if `base` is NULL. */
static int powm_pieces(LargeTest *test, const mpz_t n, const mpz_t *base, const mpz_t exponent,
                       const atomic_bool *cancel) {
        size_t window = base ? 4 : 12, piece = (size_t) (POWM_PIECE_WORK / mpz_size(n) / mpz_size(n));
        mpz_t powers[16];
        int r = 0;

        window = CLAMP(piece, (size_t) 1, window);
        for (size_t i = 0; i < ELEMENTSOF(powers); i++) {
                mpz_init_set_ui(powers[i], 1);
                if (i > 0 && base) {
                        mpz_mul(powers[i], powers[i - 1], *base);
                        mpz_tdiv_r(powers[i], powers[i], n);
                }
        }
        mpz_set_ui(test->power, 1);
        for (size_t at = mpz_sizeinbase(exponent, 2); at > 0;) {
                size_t now = MIN(window, at);
                unsigned long digit = 0;

                if (is_cancelled(cancel)) {
                        r = -ECANCELED;
                        break;
                }
                powm_squarings(test, n, now);
                for (size_t i = 0; i < now; i++)
                        digit = 2 * digit + (unsigned long) mpz_tstbit(exponent, --at);
                if (base)
                        mpz_mul(test->power, test->power, powers[digit]);
                else
                        mpz_mul_2exp(test->power, test->power, digit);
                mpz_tdiv_r(test->power, test->power, n);
        }
        for (size_t i = 0; i < ELEMENTSOF(powers); i++)
                mpz_clear(powers[i]);
        return r;
}

/* Whether n passes the strong test to a base (2 if NULL), by mpz_powm(), in pieces where that takes too long. */
static int powm_strong(LargeTest *test, const mpz_t n, const mpz_t *base, const atomic_bool *cancel,
                       bool *ret_passed) {
        size_t n_limbs = mpz_size(n), n_twos;
        _cleanup_mpz_ mpz_t odd_part;

        mpz_init(odd_part);
        mpz_sub_ui(odd_part, n, 1);
        n_twos = mpz_scan1(odd_part, 0);
        mpz_tdiv_q_2exp(odd_part, odd_part, n_twos);
        if (POWM_PIECE_WORK / n_limbs / n_limbs >= mpz_sizeinbase(n, 2)) {
                mpz_set_ui(test->power, 2);
                mpz_powm(test->power, base ? *base : test->power, odd_part, n);
        } else {
                int r = powm_pieces(test, n, base, odd_part, cancel);

                if (r < 0)
                        return r;
        }
        *ret_passed = mpz_cmp_ui(test->power, 1) == 0;
        mpz_sub_ui(odd_part, n, 1);
        for (size_t i = 0; i < n_twos && !*ret_passed; i++) {
                if (is_cancelled(cancel))
                        return -ECANCELED;
                *ret_passed = mpz_cmp(test->power, odd_part) == 0;
                powm_squarings(test, n, 1);
        }
        return 0;
}

/* Up to LANES numbers of equal size. */
static int large_test_strong_group(LargeTest *test, const mpz_t *numbers, size_t n_numbers,
                                   const atomic_bool *cancel, bool *ret_passed) {
        size_t n_limbs = mpz_size(numbers[0]);
        Lane lanes[LANES];
        int r;

        r = large_test_reserve(test, LANES * LANE_LIMBS(n_limbs));
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_numbers; i++)
                lane_init(test, lanes + i, numbers[i], test->memory + i * LANE_LIMBS(n_limbs));
        return lanes_strong(lanes, n_numbers, cancel, ret_passed);
}

/* ret = count·R mod n */
static void lane_small(LargeTest *test, const Lane *lane, const mpz_t n, unsigned long count, mp_limb_t *ret) {
        size_t size;

        mpz_set_ui(test->number, count);
        mpz_mul_2exp(test->number, test->number, lane->modulus.n_limbs * GMP_NUMB_BITS);
        mpz_tdiv_r(test->number, test->number, n);
        size = mpz_size(test->number);
        mpn_zero(ret, (mp_size_t) lane->modulus.n_limbs);
        mpn_copyi(ret, mpz_limbs_read(test->number), (mp_size_t) size);
}

/* Finds Baillie's P. False when the search itself proves n > 2^128 composite. */
static bool find_parameter(const mpz_t n, unsigned long *ret) {
        for (unsigned long p = PARAMETER_FIRST;; p++) {
                int jacobi = mpz_ui_kronecker(p * p - 4, n);

                if (jacobi == 0 || (p == PARAMETER_BEFORE_SQUARE_CHECK && mpz_perfect_square_p(n)))
                        return false;
                if (jacobi < 0) {
                        *ret = p;
                        return true;
                }
        }
}

/* a = a + addend, which is < n */
static void lane_add(const Lane *lane, mp_limb_t *a, const mp_limb_t *addend) {
        mp_limb_t carry = mpn_add_n(a, a, addend, (mp_size_t) lane->modulus.n_limbs);

        lane_settle_carry(lane, a, carry);
}

/* Whether V_d = ±2 and 2·V_d+1 = P·V_d; all < n. */
static bool lane_lucas_ends(const Lane *lane, mp_limb_t *const pair[2], const mp_limb_t *two,
                            const mp_limb_t *minus_two, const mp_limb_t *p, mp_limb_t *spare) {
        mp_size_t n_limbs = (mp_size_t) lane->modulus.n_limbs;

        if (mpn_cmp(pair[0], two, n_limbs) != 0 && mpn_cmp(pair[0], minus_two, n_limbs) != 0)
                return false;
        mpn_copyi(spare, pair[1], n_limbs);
        lane_add(lane, spare, pair[1]);
        lane_settle(lane, spare);
        lane->multiply(&lane->modulus, pair[1], pair[0], p); /* the test ends here, if it passes */
        lane_settle(lane, pair[1]);
        return mpn_cmp(spare, pair[1], n_limbs) == 0;
}

/* As lucas128_group(). */
static int lane_lucas(LargeTest *test, Lane *lane, const mpz_t n, unsigned long parameter, mp_limb_t *memory,
                      const atomic_bool *cancel, bool *ret_passed) {
        size_t limbs = lane->modulus.n_limbs, rest, n_twos;
        mp_limb_t *pair[2] = { lane->value, lane->spare[0] }, *two = lane->spare[1], *p = lane->spare[2];
        mp_limb_t *minus_two = memory, *minus_p = memory + limbs;
        mp_limb_t *spare = memory + 2 * limbs, *check = memory + 3 * limbs;
        mp_size_t n_limbs = (mp_size_t) limbs;
        uint64_t work = 0;

        /* (n + 1) / 2 */
        (void) mpn_rshift(lane->exponent, lane->modulus.n, n_limbs, 1);
        (void) mpn_add_1(lane->exponent, lane->exponent, n_limbs, 1);
        n_twos = 1 + mpn_scan1(lane->exponent, 0);
        rest = lane->n_bits; /* (n + 1) / 2 has so many bits at most */
        lane_small(test, lane, n, 2, two);
        lane_small(test, lane, n, parameter, p);
        (void) mpn_sub_n(minus_two, lane->modulus.n, two, n_limbs);
        (void) mpn_sub_n(minus_p, lane->modulus.n, p, n_limbs);
        mpn_copyi(pair[0], two, n_limbs);
        mpn_copyi(pair[1], p, n_limbs);
        for (;;) {
                if (rest < n_twos) {
                        lane_settle(lane, pair[0]);
                        if (rest + 1 == n_twos) {
                                lane_settle(lane, pair[1]);
                                mpn_copyi(check, pair[1], n_limbs);
                                *ret_passed = lane_lucas_ends(lane, pair, two, minus_two, p, spare);
                                mpn_copyi(pair[1], check, n_limbs);
                        }
                        if (rest > 0 && mpn_zero_p(pair[0], n_limbs))
                                *ret_passed = true;
                        if (*ret_passed || rest <= 1)
                                return 0;
                }
                rest--;
                {
                        unsigned bit = lane_bit(lane, rest);
                        mp_limb_t *same = pair[bit], *other = pair[!bit];

                        lane->multiply(&lane->modulus, other, pair[0], pair[1]);
                        lane->square(&lane->modulus, same, same);
                        lane_add(lane, other, minus_p);
                        lane_add(lane, same, minus_two);
                }
                work += 2 * limbs * limbs;
                if (work >= CANCEL_WORK) {
                        work = 0;
                        if (is_cancelled(cancel))
                                return -ECANCELED;
                }
        }
}

/* x = x·y - subtrahend mod n */
static void divide_multiply(LargeTest *test, mpz_t x, const mpz_t y, unsigned long subtrahend, const mpz_t n) {
        mpz_mul(test->number, x, y);
        mpz_sub_ui(test->number, test->number, subtrahend);
        mpz_mod(x, test->number, n);
}

/* The same with divisions: the whole test as in lucas.c. */
static int divide_lucas(LargeTest *test, const mpz_t n, unsigned long parameter, const atomic_bool *cancel,
                        bool *ret_passed) {
        _cleanup_mpz_ mpz_t odd_part;
        mpz_t pair[2];
        mp_bitcnt_t n_twos, bit;

        mpz_inits(pair[0], pair[1], odd_part, NULL);
        mpz_add_ui(odd_part, n, 1);
        n_twos = mpz_scan1(odd_part, 0);
        mpz_tdiv_q_2exp(odd_part, odd_part, n_twos);
        mpz_set_ui(pair[0], 2);
        mpz_set_ui(pair[1], parameter);
        for (bit = mpz_sizeinbase(odd_part, 2); bit-- > 0 && !is_cancelled(cancel);) {
                int high = mpz_tstbit(odd_part, bit);

                divide_multiply(test, pair[!high], pair[high], parameter, n);
                divide_multiply(test, pair[high], pair[high], 2, n);
        }
        /* V_d = ±2 and 2·V_d+1 = P·V_d */
        mpz_sub_ui(test->number, n, 2);
        if (mpz_cmp_ui(pair[0], 2) == 0 || mpz_cmp(pair[0], test->number) == 0) {
                mpz_mul_2exp(test->number, pair[1], 1);
                mpz_submul_ui(test->number, pair[0], parameter);
                *ret_passed = mpz_divisible_p(test->number, n);
        }
        for (mp_bitcnt_t r = 0; r + 1 < n_twos && !*ret_passed && !is_cancelled(cancel); r++) {
                *ret_passed = mpz_sgn(pair[0]) == 0;
                divide_multiply(test, pair[0], pair[0], 2, n);
        }
        mpz_clear(pair[1]);
        mpz_clear(pair[0]);
        return is_cancelled(cancel) ? -ECANCELED : 0;
}

static int large_test_lucas_one(LargeTest *test, const mpz_t n, const atomic_bool *cancel, bool *ret_passed) {
        size_t n_limbs = mpz_size(n);
        unsigned long parameter;
        Lane lane;
        int r;

        *ret_passed = false;
        if (!find_parameter(n, &parameter))
                return 0;
        if (n_limbs > test->own_limbs_max)
                return divide_lucas(test, n, parameter, cancel, ret_passed);
        r = large_test_reserve(test, LANE_LIMBS(n_limbs) + 4 * n_limbs);
        if (r < 0)
                return r;
        lane_init(test, &lane, n, test->memory);
        return lane_lucas(test, &lane, n, parameter, test->memory + LANE_LIMBS(n_limbs), cancel, ret_passed);
}

uint64_t large_test_draw(const mpz_t n) {
        size_t n_words = (mpz_sizeinbase(n, 2) + 63) / 64;
        uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);

        for (size_t i = 0; i < n_words; i++) {
                uint64_t word = 0;

                for (size_t k = 0; k < WORD_LIMBS; k++)
                        word |= (uint64_t) mpz_getlimbn(n, (mp_size_t) (i * WORD_LIMBS + k))
                                << (k * GMP_NUMB_BITS % 64);
                hash = (hash ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
                hash ^= hash >> 31;
        }
        return hash >> 12 | 1;
}

/* value = value·w / 2^64, for w = 2^12·what was drawn */
static void lane_multiply_draw(const Lane *lane, uint64_t w, mp_limb_t *memory) {
        mp_size_t n_limbs = (mp_size_t) lane->modulus.n_limbs;
        mp_limb_t carry = 0;

        mpn_copyi(memory, lane->value, n_limbs);
        mpn_zero(memory + n_limbs, WORD_LIMBS + 1);
        memory[n_limbs] = mpn_mul_1(memory, memory, n_limbs, (mp_limb_t) w);
        for (size_t k = 1; k < WORD_LIMBS; k++)
                memory[n_limbs + (mp_size_t) k] =
                        mpn_addmul_1(memory + k, lane->value, n_limbs, (mp_limb_t) (w >> (k * GMP_NUMB_BITS % 64)));
        for (size_t k = 0; k < WORD_LIMBS; k++) {
                mp_limb_t multiplier = memory[k] * lane->modulus.negative;

                carry = mpn_addmul_1(memory + k, lane->modulus.n, n_limbs, multiplier);
                carry = mpn_add_1(memory + n_limbs + k, memory + n_limbs + k, (mp_size_t) (WORD_LIMBS + 1 - k), carry);
        }
        mpn_copyi(lane->value, memory + WORD_LIMBS, n_limbs);
        lane_settle_carry(lane, lane->value, memory[WORD_LIMBS + n_limbs] + carry);
}

static int lane_drawn(LargeTest *test, Lane *lane, const mpz_t n, mp_limb_t *memory, const atomic_bool *cancel,
                      bool *ret_passed) {
        size_t rest = lane->n_bits - 1, limbs = lane->modulus.n_limbs;
        uint64_t w = large_test_draw(n) << 12, work = 0;

        lane_small(test, lane, n, 1, lane->value);
        lane_multiply_draw(lane, w, memory);
        *ret_passed = false;
        for (;;) {
                if (rest <= lane->n_twos) {
                        int unit = lane_unit(lane, lane->value, lane->spare[0]);

                        if ((unit == -1 && rest > 0) || (unit == 1 && rest == lane->n_twos)) {
                                *ret_passed = true;
                                return 0;
                        }
                }
                if (rest-- == 0)
                        return 0;
                lane->square(&lane->modulus, lane->value, lane->value);
                if (lane_bit(lane, rest))
                        lane_multiply_draw(lane, w, memory);
                work += limbs * limbs;
                if (work >= CANCEL_WORK) {
                        work = 0;
                        if (is_cancelled(cancel))
                                return -ECANCELED;
                }
        }
}

static int large_test_drawn_one(LargeTest *test, const mpz_t n, const atomic_bool *cancel, bool *ret_passed) {
        size_t n_limbs = mpz_size(n);
        Lane lane;
        int r;

        if (n_limbs > test->own_limbs_max) {
                _cleanup_mpz_ mpz_t base;

                mpz_init(base);
                mpz_setbit(base, 52);
                (void) mpz_invert(base, base, n);
                number_set_u64(test->number, large_test_draw(n));
                mpz_mul(base, base, test->number);
                mpz_tdiv_r(base, base, n);
                return powm_strong(test, n, (const mpz_t *) &base, cancel, ret_passed);
        }
        r = large_test_reserve(test, LANE_LIMBS(n_limbs) + n_limbs + 4);
        if (r < 0)
                return r;
        lane_init(test, &lane, n, test->memory);
        return lane_drawn(test, &lane, n, test->memory + LANE_LIMBS(n_limbs), cancel, ret_passed);
}

/* How many numbers from the first on are of equal size. */
static size_t count_equal(const mpz_t *numbers, size_t n_numbers) {
        size_t n = 1;

        while (n < n_numbers && mpz_sizeinbase(numbers[n], 2) == mpz_sizeinbase(numbers[0], 2))
                n++;
        return n;
}

/*
 * Fills `words` for ifma.h, if the numbers, all of one size, are of a kind that is faster there; a call takes as long
 * for one number as for sixteen. Returns 0 or 1, or -ENOMEM.
 */
static int large_test_load_words(LargeTest *test, const mpz_t *numbers, size_t n_numbers) {
        size_t n_bits = mpz_sizeinbase(numbers[0], 2), n_words = (n_bits + 63) / 64;

        if (!test->has_ifma || n_numbers < IFMA_FEW || n_bits > IFMA_BITS_MAX)
                return 0;
        if (!test->words) {
                test->words = calloc(LARGE_BATCH_MAX * ((IFMA_BITS_MAX + 63) / 64), sizeof *test->words);
                if (!test->words)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < n_numbers; i++)
                (void) mpz_export(test->words + i * n_words, NULL, -1, sizeof *test->words, 0, 0, numbers[i]);
        return 1;
}

int large_test_strong(LargeTest *test, const mpz_t *numbers, size_t n_numbers, const atomic_bool *cancel,
                      bool *ret_passed) {
        for (size_t done = 0, n; done < n_numbers; done += n) {
                int r;

                n = count_equal(numbers + done, n_numbers - done);
                r = large_test_load_words(test, numbers + done, n);
                if (r > 0)
                        r = ifma_strong(test->words, mpz_sizeinbase(numbers[done], 2), n, ret_passed + done);
                else if (r == 0 && mpz_size(numbers[done]) > test->own_limbs_max) {
                        n = 1;
                        r = powm_strong(test, numbers[done], NULL, cancel, ret_passed + done);
                } else if (r == 0) {
                        n = MIN(n, (size_t) LANES);
                        r = large_test_strong_group(test, numbers + done, n, cancel, ret_passed + done);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int large_test_lucas(LargeTest *test, const mpz_t *numbers, size_t n_numbers, const atomic_bool *cancel,
                     bool *ret_passed) {
        for (size_t done = 0, n; done < n_numbers; done += n) {
                unsigned parameters[LARGE_BATCH_MAX];
                int r;

                n = count_equal(numbers + done, n_numbers - done);
                r = large_test_load_words(test, numbers + done, n);
                if (r > 0) {
                        bool has_parameter[LARGE_BATCH_MAX];

                        for (size_t i = 0; i < n; i++) {
                                unsigned long parameter = PARAMETER_FIRST;

                                has_parameter[i] = find_parameter(numbers[done + i], &parameter);
                                parameters[i] = (unsigned) parameter;
                        }
                        r = ifma_lucas(test->words, mpz_sizeinbase(numbers[done], 2), parameters, n, ret_passed + done);
                        for (size_t i = 0; i < n; i++)
                                ret_passed[done + i] &= has_parameter[i];
                } else if (r == 0) {
                        n = 1;
                        r = large_test_lucas_one(test, numbers[done], cancel, ret_passed + done);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int large_test_drawn(LargeTest *test, const mpz_t *numbers, size_t n_numbers, const atomic_bool *cancel,
                     bool *ret_passed) {
        for (size_t done = 0, n; done < n_numbers; done += n) {
                uint64_t draws[LARGE_BATCH_MAX];
                int r;

                n = count_equal(numbers + done, n_numbers - done);
                r = large_test_load_words(test, numbers + done, n);
                if (r > 0) {
                        for (size_t i = 0; i < n; i++)
                                draws[i] = large_test_draw(numbers[done + i]);
                        r = ifma_drawn(test->words, mpz_sizeinbase(numbers[done], 2), draws, n, ret_passed + done);
                } else if (r == 0) {
                        n = 1;
                        r = large_test_drawn_one(test, numbers[done], cancel, ret_passed + done);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}
