/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which numbers. In a long bitmap bits are drawn until there are enough of both kinds: so no time goes into walking it.
 * A short one is walked, for there primes may be so rare that drawing would miss them; each kind keeps a reservoir
 * (Vitter, "Random sampling with a reservoir", 1985).
 *
 * Which test. One base of the strong test, drawn like the positions, settles nearly all: it does not help to know the
 * pseudoprimes to base 2. Only a number that is called composite and passes is tested thoroughly.
 */

#include "audit/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/test/strong64.h"

#define SAMPLES_MAX 64
#define WALKED_BYTES_MAX 4096
#define DRAWS_MAX (64 * SAMPLES_MAX)
#define BASE_MAX UINT32_C(0x7fffffff)

typedef enum Kind {
        KIND_COMPOSITE,
        KIND_PRIME,
        _KIND_MAX,
} Kind;

/* Offsets of numbers from the start of the block. */
typedef struct Samples {
        unsigned n_wanted;
        unsigned n_drawn[_KIND_MAX];
        uint64_t n_seen[_KIND_MAX];
        uint64_t offsets[_KIND_MAX][SAMPLES_MAX];
} Samples;

int sampler_init(Sampler *sampler) {
        ssize_t n;

        *sampler = (Sampler) {};
        bpsw_init(&sampler->bpsw);
        mpz_init(sampler->number);
        n = getrandom(sampler->random.state, sizeof sampler->random.state, 0);
        if (n < 0)
                return -errno;
        return n == (ssize_t) sizeof sampler->random.state ? 0 : -EIO;
}

void sampler_done(Sampler *sampler) {
        bpsw_done(&sampler->bpsw);
        mpz_clear(sampler->number);
}

/*
 * What a strong test takes, measured on a slow virtual processor: 0.3 µs at 64 bits, 2 µs at 128, 10 at 256, 55 at 512,
 * 360 at 1024, 3 ms at 2048; and 17 ms at 4096. Below 2^64 that is less than a hundredth of what the master does with
 * a block anyway; above, a block takes its worker about a second, and this less than a hundredth of that.
 */
unsigned sampler_budget(size_t n_bits) {
        static const struct {
                size_t n_bits;
                unsigned n;
        } table[] = { { 256, SAMPLES_MAX }, { 512, 16 }, { 1024, 4 }, { SAMPLE_BITS_MAX, 1 } };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (n_bits <= table[i].n_bits)
                        return table[i].n;
        return 0;
}

static void samples_draw(Samples *samples, Random *random, const GridBlock *block, const uint8_t *bitmap,
                         SampleCovered on_covered, const void *userdata) {
        for (unsigned i = 0; i < DRAWS_MAX; i++) {
                uint64_t bit = random_below(random, block->length / 30 * 8);
                size_t index = (size_t) (bit / 8);
                uint8_t mask = (uint8_t) (1U << bit % 8);
                uint64_t offset = 30 * (uint64_t) index + bitmap_residues[bit % 8];
                Kind kind = bitmap[index] & mask ? KIND_PRIME : KIND_COMPOSITE;

                if (offset < block->low || offset >= block->high || samples->n_drawn[kind] == samples->n_wanted ||
                    (kind == KIND_COMPOSITE && on_covered && (on_covered(userdata, index) & mask)))
                        continue;
                samples->offsets[kind][samples->n_drawn[kind]++] = offset;
                if (samples->n_drawn[KIND_PRIME] == samples->n_wanted &&
                    samples->n_drawn[KIND_COMPOSITE] == samples->n_wanted)
                        return;
        }
}

static void samples_walk(Samples *samples, Random *random, const GridBlock *block, const uint8_t *bitmap,
                         SampleCovered on_covered, const void *userdata) {
        for (uint64_t bit = 0; bit < block->length / 30 * 8; bit++) {
                size_t index = (size_t) (bit / 8);
                uint8_t mask = (uint8_t) (1U << bit % 8);
                uint64_t offset = 30 * (uint64_t) index + bitmap_residues[bit % 8], place;
                Kind kind = bitmap[index] & mask ? KIND_PRIME : KIND_COMPOSITE;

                if (offset < block->low || offset >= block->high ||
                    (kind == KIND_COMPOSITE && on_covered && (on_covered(userdata, index) & mask)))
                        continue;
                if (samples->n_drawn[kind] < samples->n_wanted)
                        place = samples->n_drawn[kind]++;
                else
                        place = random_below(random, samples->n_seen[kind] + 1);
                samples->n_seen[kind]++;
                if (place < samples->n_wanted)
                        samples->offsets[kind][place] = offset;
        }
}

/* Whether the number is what it is called. */
static bool sampler_confirms(Sampler *sampler, bool prime) {
        unsigned long base = 2 + (unsigned long) random_below(&sampler->random, BASE_MAX);

        if (mpz_sizeinbase(sampler->number, 2) <= 64) {
                uint64_t n = number_get_u64(sampler->number);

                if (n < 4)
                        return prime == (n >= 2);
                return prime ? strong64_passes(n, base) : !strong64_passes(n, base) || !strong64_is_prime(n);
        }
        if (!strong_test_passes(&sampler->bpsw.strong, sampler->number, base))
                return !prime;
        return prime || !bpsw_is_prime(&sampler->bpsw, sampler->number);
}

static int sampler_accuse(Sampler *sampler, bool prime, Problem *problem) {
        _cleanup_free_ char *number = number_format_short(sampler->number);

        return problem_set(problem, EBADMSG, prime ? "it calls %s prime, which is composite"
                                                   : "it calls %s composite, which is prime", number ?: "a number");
}

int sampler_check(Sampler *sampler, const mpz_t start, const GridBlock *block, const uint8_t *bitmap,
                  SampleCovered on_covered, const void *userdata, Problem *problem) {
        Samples samples;

        number_add_u64(sampler->number, start, block->high);
        samples.n_wanted = sampler_budget(mpz_sizeinbase(sampler->number, 2));
        if (samples.n_wanted == 0)
                return 0;
        memset(samples.n_drawn, 0, sizeof samples.n_drawn);
        memset(samples.n_seen, 0, sizeof samples.n_seen);
        if (block->length / 30 <= WALKED_BYTES_MAX)
                samples_walk(&samples, &sampler->random, block, bitmap, on_covered, userdata);
        else
                samples_draw(&samples, &sampler->random, block, bitmap, on_covered, userdata);

        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (unsigned i = 0; i < samples.n_drawn[kind]; i++) {
                        number_add_u64(sampler->number, start, samples.offsets[kind][i]);
                        if (!sampler_confirms(sampler, kind == KIND_PRIME))
                                return sampler_accuse(sampler, kind == KIND_PRIME, problem);
                }
        return 0;
}
