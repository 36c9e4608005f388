/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What candidates.c shares with the variants for processors. A variant knows neither numbers nor ends of bitmaps: it
 * works on whole chunks.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "prime/pack/candidates.h"

#define CANDIDATE_CHUNK 512   /* bytes of bitmap; less than the shortest period of a table */
#define N_CANDIDATE_TABLES 25

/* pext and pdep for bytes: squeeze[mask][value] and spread[mask][value]. */
typedef struct CandidateBytes {
        uint8_t squeeze[256][256], spread[256][256];
} CandidateBytes;

/* Bits on their way to memory. Fewer than eight are kept back. */
typedef struct BitSink {
        uint8_t *out;
        uint64_t kept;
        unsigned n_kept;
} BitSink;

/* The next bit is bit `at` % 8 of byte `at` / 8. */
typedef struct BitSource {
        const uint8_t *in;
        uint64_t at;
} BitSource;

struct CandidateKernel {
        const char *name;
        bool (*is_usable)(void);

        /* The AND of the chunks at `at`. */
        void (*mask)(const uint8_t *const at[N_CANDIDATE_TABLES], uint8_t *ret_mask);

        /* The bitmap's bits under the mask go to the sink. Returns a value that is not 0 when others are set. */
        uint64_t (*extract)(const CandidateBytes *bytes, const uint8_t *mask, const uint8_t *bitmap, BitSink *sink);

        void (*deposit)(const CandidateBytes *bytes, const uint8_t *mask, BitSource *source, uint8_t *ret_bitmap);
};

/*
 * Eight bytes of a mask hold at most 56 bits: seven consecutive bytes hold all residues of the wheel modulo 7, hence
 * eight multiples of 7, of which one at most is a prime (and the first eight bytes, where that is, hold 50 primes and
 * the 1). So what is kept and what comes fit into 64 bits.
 */
static inline void bit_sink_put(BitSink *sink, uint64_t bits, unsigned n_bits) {
        sink->kept |= bits << sink->n_kept;
        sink->n_kept += n_bits;
        put_le64(sink->out, sink->kept);
        sink->out += sink->n_kept / 8;
        sink->kept >>= sink->n_kept / 8 * 8;
        sink->n_kept %= 8;
}

/* At least 57 valid bits. */
static inline uint64_t bit_source_peek(const BitSource *source) {
        return get_le64(source->in + source->at / 8) >> source->at % 8;
}

extern const CandidateKernel candidates_portable;
void candidates_portable_mask(const uint8_t *const at[N_CANDIDATE_TABLES], uint8_t *ret_mask);
uint64_t candidates_portable_extract(const CandidateBytes *bytes, const uint8_t *mask, const uint8_t *bitmap,
                                     BitSink *sink);
void candidates_portable_deposit(const CandidateBytes *bytes, const uint8_t *mask, BitSource *source,
                                 uint8_t *ret_bitmap);

#if defined(__x86_64__)
extern const CandidateKernel candidates_avx2;      /* AVX2, where pext is missing or slow */
extern const CandidateKernel candidates_avx2_bmi2; /* AVX2 and a fast pext */
#endif
