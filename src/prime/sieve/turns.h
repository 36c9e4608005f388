/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Primes that have many multiples in a piece of bitmap, crossed off by whole turns of the wheel: a turn of the prime p
 * is its multiples by eight consecutive cofactors 30k + {1, 7, …, 29}, which are spread over p bytes of bitmap.
 */

#include <stddef.h>
#include <stdint.h>

#define TURN_PRIME_MIN 167        /* the smaller ones belong to presieve.h */
#define TURN_PRIME_END (1U << 21) /* exclusive */

/* The primes from TURN_PRIME_MIN to TURN_PRIME_END, ascending, by the bit of their residue modulo 30. */
typedef struct TurnPrimes {
        uint32_t n[8];
        const uint32_t *primes[8];
} TurnPrimes;

/* Made by the first caller, then shared by all threads for ever. NULL when out of memory. */
const TurnPrimes *turn_primes(void);

/* How many primes of one class are below `end`. */
uint32_t turn_primes_below(const TurnPrimes *primes, unsigned residue_bit, uint64_t end);

/*
 * Crosses off the multiples of `n` primes of the class `residue_bit`, ascending, in the `length` bytes at `bitmap`.
 * turns[i] is the byte, from `bitmap` on, where the next turn of primes[i] begins; afterwards it counts from
 * bitmap + length on. Multiples up to one turn behind `length` are crossed off as well, but none behind `room`, the end
 * of what may be written: length <= room.
 */
void turns_mark(unsigned residue_bit, const uint32_t *primes, uint32_t *turns, size_t n, uint8_t *bitmap,
                uint32_t length, uint32_t room);

/*
 * Crosses off those multiples of one turn that lie in the `n_bytes` at `bitmap`. The turn begins at the byte `turn`,
 * which may be negative.
 */
void turns_mark_one(unsigned residue_bit, uint32_t prime, int64_t turn, uint8_t *bitmap, uint32_t n_bytes);
