/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Crossing off the multiples of big primes by way of lists.
 *
 * A prime far above the size of a cache has few multiples in a window, and each lies in another page of memory: crossed
 * off one by one, each waits for memory. So the multiples ("hits") are only written down at first, into one list for
 * each region of the bitmap, and every list is written from its beginning to its end, which memory likes. Later a
 * region is taken into the cache and all its hits are crossed off there. This is a radix sort with one pass, and the
 * idea of the bucket sieve (T. Oliveira e Silva, 2001), but for a whole window at once: no prime has a state that must
 * be kept, moved from list to list and read again. CADO-NFS sorts the updates of its sieve in the same way.
 *
 * A hit is the low 32 bits of 8·byte + bit: a region is smaller than 2^29 bytes and its list says where it begins.
 *
 * With p = 30q + r, the turn of p that the window begins in began R = start_byte mod p bytes before (turns.c), and the
 * whole part of 30·R / p is how far into the turn that is, as a cofactor from 0 to 29. So dividend_locate() gives all
 * that is needed:
 *
 * - If p has a turn or more in the window, the hits of whole turns are written without any comparison.
 *
 * - If it has not, its hits come one by one. Whether there is one at all is a toss of a coin that no processor can
 *   predict, so no branch depends on it: the first multiple at or behind the start is always written to an array, and
 *   the array's end is moved only if it lies inside. Then all of the array's hits are listed, the primes move on to
 *   their next multiples, and those that are still inside are kept in the same way, until the array is empty.
 *
 * A list is never checked for its end when a hit is added. Before each batch of primes the fullest list is looked for,
 * and the batch is made so small that it would fit even if all its primes hit that region as often as possible.
 */

#include "prime/sieve/hits.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/large-memory.h"
#include "base/macro.h"
#include "prime/bitmap.h"

#define REGION_SHIFT_MAX 28
#define REGIONS_MAX 1024 /* lists that are written at the same time, before regions are made larger */
#define LINE_HITS ((size_t) 16)   /* in a cache line, */
#define PAGE_HITS ((size_t) 1024) /* in a page of memory */
#define TURNS_MIN 1      /* so many in the window make it worth while to write whole ones */
#define PREFETCH_HITS 32 /* a list's memory is fetched so far ahead */

/* The multiple by the cofactor s of a class of primes. */
typedef struct TurnStep {
        uint8_t s, carry, bit; /* carry = floor(r·s / 30) */
} TurnStep;

/* From the multiple by one cofactor to the next. A state is 8·(bit of r) + (place of s in the turn). */
typedef struct HitStep {
        uint8_t bit;        /* of this multiple */
        uint8_t gap, carry; /* the next one is q·gap + carry bytes further on, */
        uint8_t next;       /* with this state */
} HitStep;

/* The first multiple behind a phase. */
typedef struct HitFirst {
        uint8_t s, carry, state; /* s may be 31: the next turn's first */
} HitFirst;

typedef struct HitItem {
        uint64_t q;
        uint32_t byte;
        uint32_t state;
} HitItem;

struct Hits {
        HitsPlan plan;
        uint32_t *next[REGIONS_MAX]; /* of each region: where its list ends */
        uint32_t *memory;
        size_t n_memory; /* hits that it has room for */

        TurnStep turns[8][8];
        HitStep steps[64];
        HitFirst firsts[8][30];

        uint64_t primes[HITS_BATCH], remainders[HITS_BATCH];
        uint32_t phases[HITS_BATCH];
        HitItem items[HITS_BATCH + 1];
};

/* How many multiples of a prime that are prime to 30 can lie in one region. */
static size_t region_hits_max(unsigned region_shift, uint64_t prime) {
        uint64_t region = UINT64_C(1) << region_shift;

        return (size_t) MIN(8 * (region / prime + 1), 30 * region / prime / 2 + 1);
}

/*
 * A list for about `n` hits: at most so many if possible, or, if `least` is set, at least.
 *
 * The lists' ends, which lie about so far from each other, shall not all fall into the same few sets of a cache or of
 * the TLB: an odd number of pages and an odd number of cache lines. (256 lists whose ends were 64 pages apart made the
 * whole sieve slower by a sixth.)
 */
static size_t hits_capacity(size_t n, bool least) {
        size_t n_pairs = least ? (n + PAGE_HITS - 1) / (2 * PAGE_HITS) : n / (2 * PAGE_HITS);

        if (!least && n_pairs > 0)
                n_pairs--;
        return (2 * n_pairs + 1) * PAGE_HITS + LINE_HITS;
}

void hits_plan(size_t n_bytes, size_t region_bytes, size_t memory_bytes, uint64_t prime_min, HitsPlan *ret) {
        HitsPlan plan = { .n_bytes = n_bytes };

        assert(region_bytes > 0);

        while ((size_t) 1 << plan.region_shift < region_bytes)
                plan.region_shift++;
        while (((n_bytes - 1) >> plan.region_shift) + 1 > REGIONS_MAX)
                plan.region_shift++;
        for (;;) {
                size_t least;

                plan.n_regions = ((n_bytes - 1) >> plan.region_shift) + 1;
                least = hits_capacity(HITS_ROOM * region_hits_max(plan.region_shift, prime_min), true);
                plan.capacity = MAX(hits_capacity(memory_bytes / sizeof(uint32_t) / plan.n_regions, false), least);
                if (plan.n_regions == 1 || plan.region_shift == REGION_SHIFT_MAX ||
                    plan.n_regions * plan.capacity <= memory_bytes / sizeof(uint32_t))
                        break;
                plan.region_shift++;
        }
        *ret = plan;
}

static void hits_fill_tables(Hits *hits) {
        for (unsigned i = 0; i < 8; i++) {
                unsigned r = bitmap_residues[i];

                for (unsigned k = 0; k < 8; k++) {
                        unsigned s = bitmap_residues[k], after = k < 7 ? bitmap_residues[k + 1] : 31;
                        uint8_t bit = bitmap_residue_bit[r * s % 30], carry = (uint8_t) (r * s / 30);

                        hits->turns[i][k] = (TurnStep) { .s = (uint8_t) s, .carry = carry, .bit = bit };
                        hits->steps[8 * i + k] = (HitStep) {
                                .bit = bit,
                                .gap = (uint8_t) (after - s),
                                .carry = (uint8_t) (r * after / 30 - carry),
                                .next = (uint8_t) (8 * i + (k + 1) % 8),
                        };
                }
                for (unsigned phase = 0; phase < 30; phase++) {
                        unsigned k = 0, s;

                        while (k < 8 && bitmap_residues[k] <= phase)
                                k++;
                        s = k < 8 ? bitmap_residues[k] : 31;
                        hits->firsts[i][phase] = (HitFirst) {
                                .s = (uint8_t) s,
                                .carry = (uint8_t) (r * s / 30),
                                .state = (uint8_t) (8 * i + k % 8),
                        };
                }
        }
}

static uint32_t *hits_begin_of(const Hits *hits, size_t region) {
        return hits->memory + region * hits->plan.capacity;
}

Hits *hits_new(void) {
        Hits *hits = calloc(1, sizeof *hits);

        if (!hits)
                return NULL;
        hits_fill_tables(hits);
        return hits;
}

int hits_begin(Hits *hits, const HitsPlan *plan) {
        size_t n = plan->n_regions * plan->capacity;

        if (n > hits->n_memory) {
                free(hits->memory);
                hits->n_memory = 0;
                hits->memory = large_memory(n * sizeof *hits->memory);
                if (!hits->memory)
                        return -ENOMEM;
                hits->n_memory = n;
        } else {
                large_memory_trim(hits->memory, hits->n_memory * sizeof *hits->memory, n * sizeof *hits->memory);
        }
        hits->plan = *plan;
        for (size_t region = 0; region < plan->n_regions; region++)
                hits->next[region] = hits_begin_of(hits, region);
        return 0;
}

Hits *hits_free(Hits *hits) {
        if (!hits)
                return NULL;
        free(hits->memory);
        free(hits);
        return NULL;
}

size_t hits_room(const Hits *hits, uint64_t prime_min) {
        size_t fullest = 0, room;

        for (size_t region = 0; region < hits->plan.n_regions; region++) {
                size_t n = (size_t) (hits->next[region] - hits_begin_of(hits, region));

                fullest = MAX(fullest, n);
        }
        room = (hits->plan.capacity - fullest) / region_hits_max(hits->plan.region_shift, prime_min);
        return room < HITS_ROOM ? 0 : MIN(room, (size_t) HITS_BATCH);
}

/* Lists a hit; `code`: 8·byte + bit. */
static inline void list(uint32_t **next, unsigned code_shift, uint64_t code) {
        uint32_t **of_region = next + (code >> code_shift), *at = *of_region;

        *at = (uint32_t) code;
        *of_region = at + 1;
        __builtin_prefetch(at + PREFETCH_HITS, 1);
}

/* All hits of one prime that has whole turns in the window, or nearly. */
static inline void hits_add_turns(Hits *hits, uint64_t index, uint64_t prime, uint64_t remainder, bool skip_first) {
        const TurnStep *steps = hits->turns[index & 7];
        const uint64_t n_codes = (uint64_t) hits->plan.n_bytes << 3, turn_codes = prime << 3;
        const unsigned code_shift = hits->plan.region_shift + 3;
        uint32_t **next = hits->next;
        uint64_t codes[8], turn = 0;

        for (unsigned k = 0; k < 8; k++)
                codes[k] = ((index >> 3) * steps[k].s + steps[k].carry) << 3 | steps[k].bit;

        if (skip_first) {
                turn = turn_codes - (remainder << 3);
        } else if (remainder > 0) {
                for (unsigned k = 0; k < 8; k++) {
                        uint64_t code = codes[k] - (remainder << 3); /* wraps around before the window */

                        if (code < n_codes)
                                list(next, code_shift, code);
                }
                turn = turn_codes - (remainder << 3);
        }
        for (; turn + turn_codes <= n_codes; turn += turn_codes) {
                list(next, code_shift, turn + codes[0]);
                list(next, code_shift, turn + codes[1]);
                list(next, code_shift, turn + codes[2]);
                list(next, code_shift, turn + codes[3]);
                list(next, code_shift, turn + codes[4]);
                list(next, code_shift, turn + codes[5]);
                list(next, code_shift, turn + codes[6]);
                list(next, code_shift, turn + codes[7]);
        }
        for (unsigned k = 0; k < 8 && turn + codes[k] < n_codes; k++)
                list(next, code_shift, turn + codes[k]);
}

/* The first multiples that lie in the window; returns how many. */
static size_t hits_find_first(Hits *hits, const uint64_t *indices, size_t n) {
        const uint64_t n_bytes = hits->plan.n_bytes;
        size_t n_inside = 0;

        for (size_t i = 0; i < n; i++) {
                uint64_t q = indices[i] >> 3;
                const HitFirst *first = &hits->firsts[indices[i] & 7][hits->phases[i]];
                uint64_t byte = q * first->s + first->carry - hits->remainders[i];

                hits->items[n_inside] = (HitItem) { .q = q, .byte = (uint32_t) byte, .state = first->state };
                n_inside += byte < n_bytes;
        }
        return n_inside;
}

/* Lists the hits of the array, and moves its primes on; returns how many are left. */
static size_t hits_step(Hits *hits, size_t n) {
        const unsigned code_shift = hits->plan.region_shift + 3;
        const uint64_t n_bytes = hits->plan.n_bytes;
        uint32_t **next = hits->next;
        HitItem *items = hits->items;
        size_t n_inside = 0;

        for (size_t i = 0; i < n; i++) {
                const HitStep *step = &hits->steps[items[i].state];
                uint64_t q = items[i].q, byte = items[i].byte;

                list(next, code_shift, byte << 3 | step->bit);
                byte += q * step->gap + step->carry;
                items[n_inside] = (HitItem) { .q = q, .byte = (uint32_t) byte, .state = step->next };
                n_inside += byte < n_bytes;
        }
        return n_inside;
}

void hits_add(Hits *hits, const LocateKernel *kernel, const Dividend *start_byte, const uint64_t *indices, size_t n) {
        uint64_t start = dividend_saturated(start_byte);

        assert(n > 0 && n <= HITS_BATCH);

        for (size_t i = 0; i < n; i++)
                hits->primes[i] = 30 * (indices[i] >> 3) + bitmap_residues[indices[i] & 7];
        dividend_locate(kernel, start_byte, hits->primes, n, hits->remainders, hits->phases);

        /* The first turn of a prime that lies in or behind the window has the prime itself. */
        if (hits->primes[n - 1] > start || hits->primes[0] < hits->plan.n_bytes / TURNS_MIN)
                for (size_t i = 0; i < n; i++)
                        hits_add_turns(hits, indices[i], hits->primes[i], hits->remainders[i], hits->primes[i] > start);
        else
                for (size_t n_inside = hits_find_first(hits, indices, n); n_inside > 0;)
                        n_inside = hits_step(hits, n_inside);
}

void hits_apply(Hits *hits, size_t region, uint8_t *bitmap) {
        static const uint8_t keep[8] = { 0xfe, 0xfd, 0xfb, 0xf7, 0xef, 0xdf, 0xbf, 0x7f };
        const uint32_t *at = hits_begin_of(hits, region), *end = hits->next[region];
        const uint32_t mask = (UINT32_C(1) << hits->plan.region_shift) - 1;

        bitmap += region << hits->plan.region_shift;
        for (; at < end; at++)
                bitmap[*at >> 3 & mask] &= keep[*at & 7];
        hits->next[region] = hits_begin_of(hits, region);
}
