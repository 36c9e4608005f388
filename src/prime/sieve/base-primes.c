/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One bitmap of base primes for the whole process: 1 MB for windows at 10^15, 33 MB at 10^18, 143 MB at 2^64.
 *
 * The table of chunks is read and filled without a lock: whoever finds a chunk missing sieves it and tries to enter it;
 * if another thread was faster, that one's chunk is taken. So nobody ever waits for anybody, at the price of a chunk
 * that is sieved twice now and then.
 *
 * A chunk is sieved by the primes below its end's square root, which are turn primes up to 2^40.
 */

#include "prime/sieve/base-primes.h"

#include <assert.h>
#include <errno.h>
#include <gmp.h>
#include <math.h>
#include <stdlib.h>

#include "base/macro.h"
#include "prime/number.h"
#include "prime/sieve/turns.h"

struct BasePrimes {
        unsigned n_refs; /* guarded by `busy` */
        _Atomic(size_t) n_kept;
        _Atomic(uint8_t *) chunks[BASE_CHUNKS_MAX];
};

/* The shared object. `busy` is held for a few instructions only. */
static atomic_flag busy = ATOMIC_FLAG_INIT;
static BasePrimes *shared;

static void busy_begin(void) {
        while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
                ;
}

static void busy_end(void) {
        atomic_flag_clear_explicit(&busy, memory_order_release);
}

BasePrimes *base_primes_ref(void) {
        BasePrimes *fresh = calloc(1, sizeof *fresh), *base;

        busy_begin();
        if (!shared)
                shared = TAKE_PTR(fresh);
        base = shared;
        if (base)
                base->n_refs++;
        busy_end();
        free(fresh);
        return base;
}

BasePrimes *base_primes_unref(BasePrimes *base) {
        bool last;

        if (!base)
                return NULL;
        busy_begin();
        last = --base->n_refs == 0;
        if (last)
                shared = NULL;
        busy_end();
        if (!last)
                return NULL;
        for (size_t i = 0; i < BASE_CHUNKS_MAX; i++)
                free(atomic_load(&base->chunks[i]));
        free(base);
        return NULL;
}

size_t base_primes_bytes(const BasePrimes *base) {
        return atomic_load(&base->n_kept) * BASE_CHUNK_BYTES;
}

static int chunk_sieve(uint64_t index, Stretch *stretch, const atomic_bool *cancel, uint8_t *ret) {
        uint64_t end = (index + 1) * BASE_CHUNK_LENGTH, root = (uint64_t) sqrt((double) end) + 1;
        Dividend start_byte = { .first = index * BASE_CHUNK_BYTES };
        StretchWork work = {
                .tuning = sieve_tuning_default(),
                .start_byte = &start_byte,
                .bitmap = ret,
                .n_bytes = BASE_CHUNK_BYTES,
                .prime_end = MIN(root, (uint64_t) TURN_PRIME_END),
                .cancel = cancel,
        };

        assert(index * BASE_CHUNK_LENGTH < BASE_PRIME_END);

        return stretch_sieve(stretch, &work);
}

int base_primes_chunk(BasePrimes *base, uint64_t index, bool keep, Stretch *stretch, const atomic_bool *cancel,
                      uint8_t *scratch, const uint8_t **ret) {
        uint8_t *kept = index < BASE_CHUNKS_MAX ? atomic_load(&base->chunks[index]) : NULL, *fresh;
        int r;

        if (kept) {
                *ret = kept;
                return 0;
        }
        keep = keep && index < BASE_CHUNKS_MAX;
        assert(keep || scratch);
        fresh = keep ? malloc(BASE_CHUNK_BYTES) : scratch;
        if (!fresh)
                return -ENOMEM;
        r = chunk_sieve(index, stretch, cancel, fresh);
        if (r < 0) {
                if (keep)
                        free(fresh);
                return r;
        }
        if (keep && !atomic_compare_exchange_strong(&base->chunks[index], &kept, fresh)) {
                free(fresh); /* another thread was faster */
                fresh = kept;
        } else if (keep) {
                atomic_fetch_add(&base->n_kept, 1);
        }
        *ret = fresh;
        return 0;
}
