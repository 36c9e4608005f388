/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Primes from libprimesieve's iterator, turned into bits.
 *
 * The iterator is read by the buffer (about a thousand primes), not by primesieve_next_prime(): the loop over a
 * buffer has neither a call nor an error check inside. It lives as long as the run, because its first prime costs
 * the generation of all primes below the square root of where it stands: 0.05 s at 10^15, 1 s at 10^18, 3 s at
 * 2^64. libprimesieve cannot be interrupted while it does that, so a cancellation may have to wait as long; between
 * buffers it is noticed at once. For the same reason the stop hint should be the end of the run: behind it the
 * library starts over.
 *
 * Asking the iterator for a prime beyond 2^64 is worse than an error: version 11.0 ends the program with a C++
 * exception that nobody catches. BELOW64_END lies before 2^64, and behind LAST_PRIME nothing is asked.
 */

#include "prime/sieve/below64.h"

#include <assert.h>
#include <errno.h>
#include <primesieve.h>
#include <stdlib.h>
#include <string.h>

#include "prime/bitmap.h"

#define LAST_PRIME (UINT64_MAX - 58) /* 2^64 - 59 */

struct Below64 {
        primesieve_iterator iterator;
        uint64_t position;
        const atomic_bool *cancel;
};

Below64 *below64_new(uint64_t start, uint64_t stop_hint, const atomic_bool *cancel) {
        Below64 *below64 = malloc(sizeof *below64);

        assert(start % 30 == 0 && start < BELOW64_END && stop_hint > start);

        if (!below64)
                return NULL;
        *below64 = (Below64) { .position = start, .cancel = cancel };
        primesieve_init(&below64->iterator);
        primesieve_jump_to(&below64->iterator, start, stop_hint);
        return below64;
}

Below64 *below64_free(Below64 *below64) {
        if (!below64)
                return NULL;
        primesieve_free_iterator(&below64->iterator);
        free(below64);
        return NULL;
}

/* Refills the used-up buffer. -ENODATA: there are no more primes below 2^64. */
static int below64_refill(Below64 *below64) {
        primesieve_iterator *iterator = &below64->iterator;

        if (below64->cancel && atomic_load_explicit(below64->cancel, memory_order_relaxed))
                return -ECANCELED;
        if (below64->position > LAST_PRIME ||
            (iterator->size > 0 && iterator->primes[iterator->size - 1] >= LAST_PRIME))
                return -ENODATA;
        primesieve_generate_next_primes(iterator);
        if (iterator->is_error || iterator->size == 0)
                return -EIO;
        return 0;
}

/* Sets the bits of the buffer's primes below `end`. */
static void below64_set_bits(Below64 *below64, uint64_t end, uint8_t *bitmap) {
        primesieve_iterator *iterator = &below64->iterator;
        const uint64_t *primes = iterator->primes;
        size_t i = iterator->i, size = iterator->size;

        for (; i < size && primes[i] < end; i++) {
                uint64_t offset = primes[i] - below64->position;

                /* 2, 3 and 5 have bit 8, which is none of a byte's. */
                bitmap[offset / 30] |= (uint8_t) (1U << bitmap_residue_bit[offset % 30]);
        }
        iterator->i = i;
}

int below64_next(Below64 *below64, uint64_t length, uint8_t *bitmap) {
        primesieve_iterator *iterator = &below64->iterator;
        uint64_t end = below64->position + length;

        assert(length <= BELOW64_END - below64->position);

        memset(bitmap, 0, (size_t) (length / 30));
        for (;;) {
                int r;

                below64_set_bits(below64, end, bitmap);
                if (iterator->i < iterator->size)
                        break;
                r = below64_refill(below64);
                if (r == -ENODATA)
                        break;
                if (r < 0)
                        return r;
        }
        below64->position = end;
        return 0;
}
