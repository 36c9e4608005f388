/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Crossing off by base primes, and Baillie-PSW for the survivors.
 *
 * The base primes and their places are kept over the consecutive blocks of a run, so the one division of a large
 * number per prime is paid once a run, and a block costs a look at each prime (PASS_NSEC) and its hits. How deep to
 * sieve follows from that. Sieving by a prime near p removes 0.5615 / (p·ln p) of all numbers from those that need a
 * base-2 test, which costs T; for a run of N numbers in pieces of W it is worth while as long as
 *
 *         N · 0.5615 · T / (p · ln p)  >  locate + pass · N / W + hit · 0.267 · N / p.
 *
 * The optimum is flat: constants that are wrong by a factor of two cost a few percent.
 *
 * A prime p is kept in eight bytes: p as p / 30 and the bit (0…7) of p % 30, and the place of its next multiple
 * p·q with q prime to 30, as its byte in the bitmap and the bit of q % 30. The multiple behind it is
 *
 *         p·(q + gap) = …, byte + (p / 30)·gap + carry
 *
 * where gap and carry depend on the two bits only: 64 entries of a table (WheelStep).
 *
 * BASE_PRIME_END bounds the memory of a run to 32 MB, and makes everything fit into 29 + 3 bits: the next multiple
 * is less than 7p away.
 */

#include "prime/sieve/hybrid.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/below64.h"
#include "prime/test/bpsw.h"

#define BASE_PRIME_END (UINT64_C(30) << 21) /* 62.9 million: 3,731,000 primes, 30 MB */
#define BASE_PRIME_END_MIN (UINT64_C(30) << 5)
#define PIECE_BYTES_MAX (UINT64_C(1) << 18) /* the bitmap that is sieved at once stays in the second-level cache */
#define CANCEL_PRIMES 65536                 /* so many primes between two looks at the cancel flag: a few ms, */
#define CANCEL_LIMBS ((size_t) 1 << 22)     /* or fewer where the division of so many limbs takes as long */

/* Nanoseconds on a desktop core. */
#define PASS_NSEC 1.2
#define HIT_NSEC 2.5
#define LOCATE_NSEC 12.0          /* finding the prime and its place, and besides … */
#define LOCATE_NSEC_PER_LIMB 4.0  /* … the division */

static_assert(BASE_PRIME_END <= HYBRID_START_MIN, "a base prime would be crossed off");

typedef struct BasePrime {
        uint32_t quotient : 29, residue_bit : 3;
        uint32_t byte : 29, cofactor_bit : 3;
} BasePrime;

/* What the step from one multiple to the next does. */
typedef struct WheelStep {
        uint8_t keep;  /* all bits but the multiple's */
        uint8_t gap;   /* from this cofactor to the next one that is prime to 30 */
        uint8_t carry; /* what the residues add to the byte */
} WheelStep;

struct Hybrid {
        mpz_t position;   /* the next piece */
        mpz_t candidate;
        double n_numbers; /* that the run will probably have */
        const atomic_bool *cancel;

        WheelStep steps[8][8]; /* by residue_bit, cofactor_bit */
        BasePrime *primes;     /* NULL before the first block */
        size_t n_primes;
        Bpsw bpsw;
};

/* Fills the table that moves a prime from one multiple to the next. */
static void wheel_steps_fill(WheelStep steps[static 8][8]) {
        for (unsigned i = 0; i < 8; i++)
                for (unsigned k = 0; k < 8; k++) {
                        unsigned residue = bitmap_residues[i], cofactor = bitmap_residues[k];
                        unsigned gap = (k < 7 ? bitmap_residues[k + 1] : 31U) - cofactor;
                        unsigned product = residue * cofactor % 30;

                        steps[i][k] = (WheelStep) {
                                .keep = (uint8_t) ~(1U << bitmap_residue_bit[product]),
                                .gap = (uint8_t) gap,
                                .carry = (uint8_t) ((product + residue * gap) / 30),
                        };
                }
}

Hybrid *hybrid_new(const mpz_t start, const mpz_t stop_hint, const atomic_bool *cancel) {
        Hybrid *hybrid = malloc(sizeof *hybrid);

        assert(mpz_sizeinbase(start, 2) > 26 && mpz_divisible_ui_p(start, 30));

        if (!hybrid)
                return NULL;
        *hybrid = (Hybrid) { .cancel = cancel };
        mpz_init_set(hybrid->position, start);
        mpz_init(hybrid->candidate);
        mpz_sub(hybrid->candidate, stop_hint, start);
        hybrid->n_numbers = mpz_get_d(hybrid->candidate);
        wheel_steps_fill(hybrid->steps);
        bpsw_init(&hybrid->bpsw);
        return hybrid;
}

Hybrid *hybrid_free(Hybrid *hybrid) {
        if (!hybrid)
                return NULL;
        mpz_clears(hybrid->position, hybrid->candidate, NULL);
        bpsw_done(&hybrid->bpsw);
        free(hybrid->primes);
        free(hybrid);
        return NULL;
}

static bool hybrid_is_cancelled(const Hybrid *hybrid) {
        return hybrid->cancel && atomic_load_explicit(hybrid->cancel, memory_order_relaxed);
}

/* The cost of one base-2 test: GMP's powm, within a factor of two up to 4,096 bits, too much above. */
static double strong_test_nsec(size_t n_bits) {
        double n_limbs = ceil((double) n_bits / 64);

        return (double) n_bits * (1.1 * n_limbs * n_limbs + 4 * n_limbs + 6);
}

/* The depth of the essay above, a multiple of 30. */
static uint64_t hybrid_choose_depth(const Hybrid *hybrid, uint64_t length) {
        size_t n_bits = mpz_sizeinbase(hybrid->position, 2);
        double test = strong_test_nsec(n_bits);
        double piece = (double) MIN(length, PIECE_BYTES_MAX * 30);
        double numbers = MAX(hybrid->n_numbers, (double) length);
        double locate = LOCATE_NSEC + LOCATE_NSEC_PER_LIMB * ceil((double) n_bits / 64);
        double depth = (double) BASE_PRIME_END;

        for (unsigned i = 0; i < 4; i++) {
                depth = numbers * (0.5615 * test / log(depth) - 0.267 * HIT_NSEC) /
                        (locate + PASS_NSEC * numbers / piece);
                depth = CLAMP(depth, (double) BASE_PRIME_END_MIN, (double) BASE_PRIME_END);
        }
        return (uint64_t) depth / 30 * 30;
}

/* Where the first multiple of `p` at or behind the position lies whose cofactor is prime to 30. */
static BasePrime hybrid_locate(const Hybrid *hybrid, uint64_t p) {
        static const uint8_t inverse[8] = { 1, 13, 11, 7, 23, 19, 17, 29 }; /* of the residues, modulo 30 */
        unsigned residue_bit = bitmap_residue_bit[p % 30];
        uint64_t remainder = mpz_fdiv_ui(hybrid->position, (unsigned long) p);
        uint64_t offset = remainder > 0 ? p - remainder : 0;
        unsigned cofactor = (unsigned) (offset % 30) * inverse[residue_bit] % 30; /* the position is 0 modulo 30 */

        while (bitmap_residue_bit[cofactor] == 8) {
                cofactor++;
                offset += p;
        }
        return (BasePrime) {
                .quotient = (uint32_t) (p / 30),
                .residue_bit = residue_bit,
                .byte = (uint32_t) (offset / 30),
                .cofactor_bit = bitmap_residue_bit[cofactor],
        };
}

/* Adds the primes of one stretch of the base primes. */
static int hybrid_add_primes(Hybrid *hybrid, uint64_t start, const uint8_t *bitmap, size_t n_bytes) {
        size_t n_limbs = mpz_size(hybrid->position);
        size_t n_between = 1 + MIN((size_t) CANCEL_PRIMES, CANCEL_LIMBS / n_limbs);
        BitmapWalk walk;
        uint64_t offset;

        bitmap_walk_init(&walk, bitmap, n_bytes);
        while (bitmap_walk_next(&walk, &offset)) {
                if (hybrid->n_primes % n_between == 0 && hybrid_is_cancelled(hybrid))
                        return -ECANCELED;
                hybrid->primes[hybrid->n_primes++] = hybrid_locate(hybrid, start + offset);
        }
        return 0;
}

/* Collects the base primes 7 … `end` (a multiple of 30). */
static int hybrid_prepare(Hybrid *hybrid, uint64_t end) {
        /* pi(x) < 1.25506·x / ln x (Rosser and Schoenfeld, 1962). */
        size_t n_primes_max = (size_t) (1.25506 * (double) end / log((double) end)) + 1;
        const uint64_t stretch = UINT64_C(30) << 15;
        _cleanup_(below64_freep) Below64 *source = NULL;
        _cleanup_free_ uint8_t *bitmap = NULL;
        BasePrime *fitting;

        hybrid->primes = calloc(n_primes_max, sizeof *hybrid->primes);
        bitmap = malloc((size_t) (stretch / 30));
        source = below64_new(0, end, hybrid->cancel);
        if (!hybrid->primes || !bitmap || !source)
                return -ENOMEM;

        for (uint64_t start = 0; start < end; start += stretch) {
                uint64_t length = MIN(stretch, end - start);
                int r;

                r = below64_next(source, length, bitmap);
                if (r < 0)
                        return r;
                r = hybrid_add_primes(hybrid, start, bitmap, (size_t) (length / 30));
                if (r < 0)
                        return r;
        }

        fitting = reallocarray(hybrid->primes, hybrid->n_primes, sizeof *hybrid->primes);
        if (fitting)
                hybrid->primes = fitting;
        return 0;
}

/* Crosses off the multiples of base primes in the piece at the position, and moves the primes behind it. */
static int hybrid_cross_off(Hybrid *hybrid, uint8_t *bitmap, uint32_t n_bytes) {
        memset(bitmap, 0xff, n_bytes);
        for (size_t i = 0; i < hybrid->n_primes; i++) {
                BasePrime *prime = hybrid->primes + i;
                uint32_t byte = prime->byte;

                if (i % CANCEL_PRIMES == 0 && hybrid_is_cancelled(hybrid))
                        return -ECANCELED;
                if (byte < n_bytes) {
                        const WheelStep *steps = hybrid->steps[prime->residue_bit];
                        uint32_t quotient = prime->quotient;
                        unsigned k = prime->cofactor_bit;

                        do {
                                bitmap[byte] &= steps[k].keep;
                                byte += quotient * steps[k].gap + steps[k].carry;
                                k = (k + 1) % 8;
                        } while (byte < n_bytes);
                        prime->cofactor_bit = k & 7;
                }
                prime->byte = (byte - n_bytes) & 0x1fffffff;
        }
        return 0;
}

/* Clears the bits of survivors that are composite. */
static int hybrid_test_survivors(Hybrid *hybrid, uint8_t *bitmap, uint32_t n_bytes) {
        BitmapWalk walk;
        uint64_t offset;

        bitmap_walk_init(&walk, bitmap, n_bytes);
        while (bitmap_walk_next(&walk, &offset)) {
                if (hybrid_is_cancelled(hybrid))
                        return -ECANCELED;
                number_add_u64(hybrid->candidate, hybrid->position, offset);
                if (!bpsw_is_prime(&hybrid->bpsw, hybrid->candidate))
                        bitmap[offset / 30] &= (uint8_t) ~(1U << bitmap_residue_bit[offset % 30]);
        }
        return 0;
}

int hybrid_next(Hybrid *hybrid, uint64_t length, uint8_t *bitmap) {
        uint64_t n_bytes = length / 30;
        int r;

        if (!hybrid->primes) {
                r = hybrid_prepare(hybrid, hybrid_choose_depth(hybrid, length));
                if (r < 0)
                        return r;
        }
        for (uint64_t done = 0; done < n_bytes;) {
                uint32_t n = (uint32_t) MIN(PIECE_BYTES_MAX, n_bytes - done);

                r = hybrid_cross_off(hybrid, bitmap + done, n);
                if (r < 0)
                        return r;
                r = hybrid_test_survivors(hybrid, bitmap + done, n);
                if (r < 0)
                        return r;
                number_add_u64(hybrid->position, hybrid->position, (uint64_t) n * 30);
                done += n;
        }
        return 0;
}
