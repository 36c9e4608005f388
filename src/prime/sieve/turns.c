/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Crossing off by turns of the wheel.
 *
 * Let p = 30q + r, and let the cofactor be 30k + s, both r and s prime to 30. Then
 *
 *         p·(30k + s) = 30·(p·k + q·s + floor(r·s / 30)) + (r·s mod 30),
 *
 * so the multiple is in the byte p·k + q·s + floor(r·s / 30), and its bit depends on r and s alone. A turn is the eight
 * values of s for one k. It begins at the byte p·k, and the next one p bytes further on. In a loop that is written once
 * for each r all bits are constants, the eight distances q·s stay in registers, and each multiple costs one
 * instruction; a comparison is needed per turn only.
 *
 * What makes this simple and fast is that a multiple crossed off too early does no harm: turns are never cut at the end
 * of a block, they run over it by up to p bytes, into bitmap that is already pre-sieved, and the prime goes on where
 * its last turn ended. Only the first and the last turn of a whole stretch of bitmap have to look where they are.
 *
 * The unrolled loop per residue is that of primesieve's EratSmall, which cuts turns at the ends of its segments.
 */

#include "prime/sieve/turns.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "prime/bitmap.h"

#define N_TURN_PRIMES 155573 /* from TURN_PRIME_MIN to TURN_PRIME_END */

typedef struct TurnPrimesOwner {
        TurnPrimes primes;
        uint32_t memory[N_TURN_PRIMES];
} TurnPrimesOwner;

/* The multiples of odd numbers among the odd numbers; composite[i] stands for 2i + 1. */
static void sieve_odd(uint8_t *composite, uint32_t n) {
        for (uint32_t p = 3; p * p < 2 * n; p += 2)
                if (!composite[p / 2])
                        for (uint32_t i = p * p / 2; i < n; i += p)
                                composite[i] = 1;
}

static TurnPrimesOwner *turn_primes_new(void) {
        TurnPrimesOwner *owner = calloc(1, sizeof *owner);
        uint8_t *composite = calloc(TURN_PRIME_END / 2, 1);
        uint32_t *next;

        if (!owner || !composite) {
                free(owner);
                free(composite);
                return NULL;
        }
        sieve_odd(composite, TURN_PRIME_END / 2);
        next = owner->memory;
        for (unsigned bit = 0; bit < 8; bit++) {
                owner->primes.primes[bit] = next;
                for (uint32_t p = bitmap_residues[bit]; p < TURN_PRIME_END; p += 30)
                        if (p >= TURN_PRIME_MIN && !composite[p / 2])
                                *next++ = p;
                owner->primes.n[bit] = (uint32_t) (next - owner->primes.primes[bit]);
        }
        assert(next == owner->memory + N_TURN_PRIMES);
        free(composite);
        return owner;
}

const TurnPrimes *turn_primes(void) {
        static _Atomic(TurnPrimesOwner *) shared;
        TurnPrimesOwner *owner = atomic_load(&shared), *first = NULL;

        if (owner)
                return &owner->primes;
        owner = turn_primes_new();
        if (!owner)
                return NULL;
        if (atomic_compare_exchange_strong(&shared, &first, owner))
                return &owner->primes;
        free(owner); /* another thread was faster */
        return &first->primes;
}

uint32_t turn_primes_below(const TurnPrimes *primes, unsigned residue_bit, uint64_t end) {
        uint32_t low = 0, high = primes->n[residue_bit];

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (primes->primes[residue_bit][middle] < end)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* The bit of a residue, as a constant. */
#define BIT(x)                                                                                               \
        ((x) == 1    ? 0                                                                                     \
         : (x) == 7  ? 1                                                                                     \
         : (x) == 11 ? 2                                                                                     \
         : (x) == 13 ? 3                                                                                     \
         : (x) == 17 ? 4                                                                                     \
         : (x) == 19 ? 5                                                                                     \
         : (x) == 23 ? 6                                                                                     \
                     : 7)
/* Of each multiple in a turn of a prime 30q + r: floor(r·s / 30), and all bits but its own. */
#define PLACE(r, s) { (r) * (s) / 30, (uint8_t) ~(1U << BIT((r) * (s) % 30)) }
#define PLACES(r)                                                                                            \
        {                                                                                                    \
                PLACE(r, 1), PLACE(r, 7), PLACE(r, 11), PLACE(r, 13),                                        \
                PLACE(r, 17), PLACE(r, 19), PLACE(r, 23), PLACE(r, 29)                                       \
        }

static const struct {
        uint8_t carry, keep;
} places[8][8] = { PLACES(1), PLACES(7), PLACES(11), PLACES(13), PLACES(17), PLACES(19), PLACES(23), PLACES(29) };

void turns_mark_one(unsigned residue_bit, uint32_t prime, int64_t turn, uint8_t *bitmap, uint32_t n_bytes) {
        const uint64_t q = prime / 30;

        for (unsigned i = 0; i < 8; i++) {
                uint64_t byte = (uint64_t) turn + q * bitmap_residues[i] + places[residue_bit][i].carry;

                if (byte < n_bytes) /* before the bitmap it has wrapped around */
                        bitmap[byte] &= places[residue_bit][i].keep;
        }
}

#define MARK(r, s) ((uint8_t *) (uintptr_t) at)[q * (s) + (r) * (s) / 30] &= (uint8_t) ~(1U << BIT((r) * (s) % 30));

/*
 * Defines the loop over all primes 30q + r of a list. Its addresses have 64 bits everywhere: the turn behind a bitmap
 * may begin behind the last address of 32.
 */
#define DEFINE_MARK_CLASS(r)                                                                                 \
        static void mark_class_##r(const uint32_t *primes, uint32_t *turns, size_t n, uint8_t *bitmap,       \
                                   uint32_t length) {                                                        \
                const uint64_t begin = (uintptr_t) bitmap, end = begin + length;                             \
                                                                                                             \
                for (size_t i = 0; i < n; i++) {                                                             \
                        size_t p = primes[i], q = p / 30;                                                    \
                        uint64_t at = begin + turns[i]; /* may be far behind the bitmap */                   \
                                                                                                             \
                        for (; at < end; at += p) {                                                          \
                                MARK(r, 1) MARK(r, 7) MARK(r, 11) MARK(r, 13)                                \
                                MARK(r, 17) MARK(r, 19) MARK(r, 23) MARK(r, 29)                              \
                        }                                                                                    \
                        turns[i] = (uint32_t) (at - end);                                                    \
                }                                                                                            \
        }

DEFINE_MARK_CLASS(1)
DEFINE_MARK_CLASS(7)
DEFINE_MARK_CLASS(11)
DEFINE_MARK_CLASS(13)
DEFINE_MARK_CLASS(17)
DEFINE_MARK_CLASS(19)
DEFINE_MARK_CLASS(23)
DEFINE_MARK_CLASS(29)

static void (*const mark_class[8])(const uint32_t *primes, uint32_t *turns, size_t n, uint8_t *bitmap,
                                   uint32_t length) = {
        mark_class_1,  mark_class_7,  mark_class_11, mark_class_13,
        mark_class_17, mark_class_19, mark_class_23, mark_class_29,
};

void turns_mark(unsigned residue_bit, const uint32_t *primes, uint32_t *turns, size_t n, uint8_t *bitmap,
                uint32_t length, uint32_t room) {
        size_t n_free = n;

        /* Those that may run over the end of the block, and those for which the room ends. */
        while (n_free > 0 && length + (uint64_t) primes[n_free - 1] > room)
                n_free--;
        mark_class[residue_bit](primes, turns, n_free, bitmap, length);
        for (size_t i = n_free; i < n; i++) {
                uint32_t last = room >= primes[i] ? MIN(length, room - primes[i]) : 0;

                mark_class[residue_bit](primes + i, turns + i, 1, bitmap, last);
                turns[i] += last;
                for (; turns[i] < length; turns[i] += primes[i])
                        turns_mark_one(residue_bit, primes[i], turns[i], bitmap, room);
                turns[i] -= length;
        }
}
