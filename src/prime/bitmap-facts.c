/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a bitmap says: how many bits are set, and the facts for a segment's footer.
 *
 * The questions differ, so a bitmap is read twice for the facts. Counts per residue, of twins and of all are sums over
 * bits that can be taken for many bytes at once: "vertical" counters, one byte lane each, emptied before they overflow.
 * The twins of a wheel of 30 are the neighbours 11 13 and 17 19 of a byte, and its 29 with the 1 of the next; so the
 * word that begins one byte later is read too.
 *
 * The largest gap needs the order. Its search is one for long runs of empty bytes: the byte at either end of a gap has
 * at most 29 of its numbers in it, so a gap above 30 k + 58 has at least k empty bytes, and 2 w - 1 of them hold w that
 * are aligned. Once the largest gap so far is 148, which is very soon, only aligned pairs of empty bytes are worth a
 * closer look; then fours, then eights.
 *
 * Both work on eight bytes in one register without vectors, by well-known means. Bits are counted in parallel: in
 * pairs, fours and bytes, each step adding neighbours twice as wide; then a product adds up the lanes (Warren,
 * "Hacker's Delight", 2nd edition 2012, chapter 5). No lane of a byte overflows: it takes 31 words of at most 8 bits,
 * or 80 words of at most 3 twins.
 *
 * An empty lane is found by (x - low) & ~x & high, which is Mycroft's (Usenet, 1987; in Anderson, "Bit twiddling
 * hacks", and Warren, chapter 6). Each lane of x loses 1, and its upper bit, which was 0, becomes 1 only if the lane
 * was 0 or if the one below has borrowed from it. The first borrow is by a lane that is 0, so the lowest mark is
 * always true; and only the lowest is used.
 */

#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "prime/bitmap-kernel.h"
#include "prime/bitmap.h"
#include "prime/variant.h"

#define LANES UINT64_C(0x0101010101010101) /* bit 0 of each byte */

/* The sum of the eight byte lanes. */
static uint64_t lanes_sum(uint64_t lanes) {
        const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);

        lanes = (lanes & even) + (lanes >> 8 & even);
        return (lanes * UINT64_C(0x0001000100010001)) >> 48;
}

static uint64_t count_portable(const uint8_t *bitmap, size_t n_words) {
        const size_t n_turn = 31; /* words until the lanes are emptied: 31 · 8 < 256 */
        uint64_t count = 0;

        while (n_words > 0) {
                size_t n = MIN(n_words, n_turn);
                uint64_t lanes = 0;

                for (size_t i = 0; i < n; i++)
                        lanes += bits_of_bytes(get_le64(bitmap + 8 * i));
                count += lanes_sum(lanes);
                bitmap += 8 * n;
                n_words -= n;
        }
        return count;
}

static void tally_portable(const uint8_t *bitmap, size_t n_words, uint64_t classes[static 8], uint64_t *twins) {
        const size_t n_turn = 80; /* words until the lanes are emptied: 80 · 3 twins < 256 */

        while (n_words > 0) {
                size_t n = MIN(n_words, n_turn);
                uint64_t lanes[8] = {}, pairs = 0;

                for (size_t i = 0; i < n; i++) {
                        uint64_t word = get_le64(bitmap + 8 * i), next = get_le64(bitmap + 8 * i + 1);

                        for (unsigned bit = 0; bit < 8; bit++)
                                lanes[bit] += word >> bit & LANES;
                        pairs += (word >> 2 & word >> 3 & LANES) + (word >> 4 & word >> 5 & LANES) +
                                 (word >> 7 & next & LANES);
                }
                for (unsigned bit = 0; bit < 8; bit++)
                        classes[bit] += lanes_sum(lanes[bit]);
                *twins += lanes_sum(pairs);
                bitmap += 8 * n;
                n_words -= n;
        }
}

static bool always(void) {
        return true;
}

const BitmapKernel bitmap_portable = {
        .name = "portable",
        .is_usable = always,
        .count = count_portable,
        .tally = tally_portable,
};

const BitmapKernel *bitmap_kernel(size_t i) {
        static const BitmapKernel *const kernels[] = {
#if defined(__x86_64__)
                &bitmap_avx2,
#endif
                &bitmap_portable,
        };

        return VARIANT_AT(kernels, i);
}

uint64_t bitmap_count_by(const BitmapKernel *kernel, const uint8_t *bitmap, size_t n_bytes) {
        uint8_t rest[8] = {};

        memcpy(rest, bitmap + n_bytes / 8 * 8, n_bytes % 8);
        return kernel->count(bitmap, n_bytes / 8) + kernel->count(rest, 1);
}

uint64_t bitmap_count(const uint8_t *bitmap, size_t n_bytes) {
        return bitmap_count_by(VARIANT_CHOOSE(bitmap_kernel), bitmap, n_bytes);
}

/* Counts of all kinds. */
static void facts_count(const BitmapKernel *kernel, const uint8_t *bitmap, size_t n_bytes, BitmapFacts *facts) {
        size_t n_words = n_bytes < 16 ? 0 : n_bytes / 8 - 1;
        uint8_t rest[24] = {}; /* the last one or two words, and what is readable behind them */

        memcpy(rest, bitmap + 8 * n_words, n_bytes - 8 * n_words);
        kernel->tally(bitmap, n_words, facts->classes, &facts->twins);
        kernel->tally(rest, 2, facts->classes, &facts->twins);
        for (unsigned i = 0; i < 8; i++)
                facts->count += facts->classes[i];
}

/* Of a byte that is not empty. */
static uint64_t first_number(const uint8_t *bitmap, size_t at) {
        return (uint64_t) at * 30 + bitmap_residues[__builtin_ctz(bitmap[at])];
}

static uint64_t last_number(const uint8_t *bitmap, size_t at) {
        return (uint64_t) at * 30 + bitmap_residues[31 - __builtin_clz(bitmap[at])];
}

static void facts_take_gap(BitmapFacts *facts, uint64_t from, uint64_t to) {
        if (to - from > facts->gap) {
                facts->gap = to - from;
                facts->gap_at = from;
        }
}

/* What has to be looked for, by the largest gap so far: aligned runs of `width` empty bytes. */
typedef struct EmptyRun {
        uint64_t gap;
        unsigned width;
        uint64_t low, high; /* the lowest and the highest bit of each run in a word */
} EmptyRun;

static const EmptyRun empty_runs[] = {
        { 30 * 15 + 58, 8, UINT64_C(0x0000000000000001), UINT64_C(0x8000000000000000) },
        { 30 * 7 + 58, 4, UINT64_C(0x0000000100000001), UINT64_C(0x8000000080000000) },
        { 30 * 3 + 58, 2, UINT64_C(0x0001000100010001), UINT64_C(0x8000800080008000) },
};

/* The eight bytes at `at`; those behind the end are not empty. */
static uint64_t filled_word(const uint8_t *bitmap, size_t n_bytes, size_t at) {
        uint8_t tail[8];

        if (n_bytes - at >= 8)
                return get_le64(bitmap + at);
        memset(tail, 0xff, sizeof tail);
        memcpy(tail, bitmap + at, n_bytes - at);
        return get_le64(tail);
}

/* The first run from the byte `at` on, which is aligned; n_bytes: there is none. */
static size_t find_empty_run(const EmptyRun *run, const uint8_t *bitmap, size_t n_bytes, size_t at) {
        uint64_t hidden = ((uint64_t) 1 << 8 * (at % 8)) - 1; /* bytes before it */

        for (at -= at % 8; at < n_bytes; at += 8) {
                uint64_t word = filled_word(bitmap, n_bytes, at) | hidden, empty;

                /* The borrow marks runs that are zero; what lies above the first of them may be marked falsely. */
                empty = (word - run->low) & ~word & run->high;
                if (empty != 0)
                        return at + (unsigned) __builtin_ctzll(empty) / 8 / run->width * run->width;
                hidden = 0;
        }
        return n_bytes;
}

/* Bit by bit, from the byte `at` on, which has the first number, until runs can be looked for; returns where. */
static size_t find_gaps_slowly(const uint8_t *bitmap, size_t n_bytes, size_t at, BitmapFacts *facts) {
        uint64_t last = facts->first;

        for (; at < n_bytes && facts->gap < empty_runs[ELEMENTSOF(empty_runs) - 1].gap; at++)
                for (unsigned bits = bitmap[at]; bits != 0; bits &= bits - 1) {
                        uint64_t number = (uint64_t) at * 30 + bitmap_residues[__builtin_ctz(bits)];

                        facts_take_gap(facts, last, number);
                        last = number;
                }
        return at;
}

/* First, last, and the largest gap; the earliest of equals. */
static void facts_find_gap(const uint8_t *bitmap, size_t n_bytes, BitmapFacts *facts) {
        const EmptyRun *run = empty_runs + ELEMENTSOF(empty_runs) - 1;
        size_t at = 0;

        while (at < n_bytes && bitmap[at] == 0)
                at++;
        if (at == n_bytes)
                return;
        while (bitmap[n_bytes - 1] == 0)
                n_bytes--;
        facts->first = first_number(bitmap, at);
        facts->last = last_number(bitmap, n_bytes - 1);

        at = find_gaps_slowly(bitmap, n_bytes, at, facts);
        /* The gap that may have begun in what was seen is found by its end. */
        while (at > 0 && bitmap[at - 1] == 0)
                at--;
        for (;;) {
                size_t before, behind;

                while (run > empty_runs && facts->gap >= run[-1].gap)
                        run--;
                before = behind = find_empty_run(run, bitmap, n_bytes, (at + run->width - 1) / run->width * run->width);
                if (before == n_bytes)
                        return;
                while (bitmap[before - 1] == 0)
                        before--;
                while (bitmap[behind] == 0)
                        behind++;
                facts_take_gap(facts, last_number(bitmap, before - 1), first_number(bitmap, behind));
                at = behind;
        }
}

void bitmap_facts_by(const BitmapKernel *kernel, const uint8_t *bitmap, size_t n_bytes, BitmapFacts *ret) {
        BitmapFacts facts = {};

        facts_count(kernel, bitmap, n_bytes, &facts);
        facts_find_gap(bitmap, n_bytes, &facts);
        *ret = facts;
}

void bitmap_facts(const uint8_t *bitmap, size_t n_bytes, BitmapFacts *ret) {
        bitmap_facts_by(VARIANT_CHOOSE(bitmap_kernel), bitmap, n_bytes, ret);
}
