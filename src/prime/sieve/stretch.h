/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One thread's piece of a window, from an empty bitmap to one without the multiples of primes up to the large ones. */

#include <stdatomic.h>

#include "base/cleanup.h"
#include "prime/sieve/dividend.h"
#include "prime/sieve/tuning.h"

#define STRETCH_BYTES_MAX (UINT32_C(1) << 30)

typedef struct Stretch Stretch;

/* May be used for one stretch after the other. NULL when out of memory. */
Stretch *stretch_new(void);
Stretch *stretch_free(Stretch *stretch);

/* Told of bytes at `offset` in which nothing will be cleared any more. Returns 0 or an error, which is handed on. */
typedef int StretchVisit(void *userdata, size_t offset, size_t n_bytes);

typedef struct StretchWork {
        const SieveTuning *tuning;
        const Dividend *start_byte; /* the window's start / 30, */
        uint64_t skip;              /* and so many bytes further on the stretch begins */
        uint8_t *bitmap;            /* of the stretch itself */
        uint32_t n_bytes;           /* from 1 to STRETCH_BYTES_MAX */
        uint64_t prime_end;         /* exclusive, at most TURN_PRIME_END. The square of no prime below lies behind the
                                       stretch. The pre-sieve's primes are always crossed off. */
        const atomic_bool *cancel;  /* may be NULL */
        StretchVisit *visit;        /* may be NULL; called for one segment after the other, while it is in the cache */
        void *userdata;
} StretchWork;

/* Returns 0, -ECANCELED or what visit() returned. Bits of primes are kept. */
int stretch_sieve(Stretch *stretch, const StretchWork *work);

DEFINE_TRIVIAL_CLEANUP_FUNC(Stretch *, stretch_free);
