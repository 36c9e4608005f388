/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What bitmap-facts.c shares with the variants for processors. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prime/bitmap.h"

typedef struct BitmapKernel {
        const char *name;
        bool (*is_usable)(void);

        /* The bits that are set in `n_words` words of eight bytes. */
        uint64_t (*count)(const uint8_t *bitmap, size_t n_words);

        /*
         * Adds the set bits of `n_words` words per residue to `classes`, and the twins whose lesser is in them to
         * `twins`. Eight bytes behind them are readable.
         */
        void (*tally)(const uint8_t *bitmap, size_t n_words, uint64_t classes[static 8], uint64_t *twins);
} BitmapKernel;

extern const BitmapKernel bitmap_portable;
#if defined(__x86_64__)
extern const BitmapKernel bitmap_avx2;
#endif

/* Variant `i` of those that work on this processor, fastest first; NULL behind the last, which is the portable one. */
const BitmapKernel *bitmap_kernel(size_t i);

/* bitmap_count() and bitmap_facts() with a variant. */
uint64_t bitmap_count_by(const BitmapKernel *kernel, const uint8_t *bitmap, size_t n_bytes);
void bitmap_facts_by(const BitmapKernel *kernel, const uint8_t *bitmap, size_t n_bytes, BitmapFacts *ret);
