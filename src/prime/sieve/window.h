/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Windows without multiples of the primes up to a limit, at any place, of any size, by all threads of a team. Sieved to
 * the square root of its end, what is left in a window is proved prime.
 */

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "prime/sieve/run.h"
#include "prime/sieve/tuning.h"

/* No limit may lie behind: the base primes end. So windows below 2^80 can be sieved completely. */
#define WINDOW_LIMIT_MAX ((UINT64_C(1) << 40) - 1)

/* Buffers, and what is kept from window to window; the windows need not be consecutive. */
typedef struct Window Window;

/* Pieces that a thread of several has to do in a long window; each begins with a remainder for each prime. */
#define WINDOW_STRETCHES_PER_THREAD 2U

/* Besides bitmap, lists and base primes that are kept, a thread needs about so much memory. */
#define WINDOW_THREAD_BYTES ((size_t) 5 << 18)

/*
 * Whether windows in so many bytes of memory keep the base primes up to the square root `limit` of where they are. It
 * does not depend on the windows' lengths, lest a short one keeps what a long one has no room for.
 */
bool window_keeps_base(size_t memory, uint64_t limit);

/* Both structs are copied; what `environment` points to must stay. NULL when out of memory. */
Window *window_new(const SieveEnvironment *environment, const SieveTuning *tuning);
Window *window_free(Window *window);

/* Other sizes, from the next window on. */
void window_retune(Window *window, const SieveTuning *tuning);

/* The largest x with x·x < end, or UINT64_MAX: sieved so far, a window that ends at `end` is complete. */
uint64_t window_root(const mpz_t end);

/*
 * Writes the bitmap of the `length` numbers from `start` on (both multiples of 30): a bit is cleared if its number is 1
 * or has a prime factor up to `limit` or up to PRESIEVE_PRIME_MAX other than itself. A limit behind window_root() is
 * lowered to it. Returns 0, -ECANCELED or -ENOMEM; then the bitmap's contents are undefined.
 */
int window_sieve(Window *window, const mpz_t start, uint64_t length, uint64_t limit, uint8_t *bitmap);

DEFINE_TRIVIAL_CLEANUP_FUNC(Window *, window_free);
