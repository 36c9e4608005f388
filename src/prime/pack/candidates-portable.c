/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Candidates on any processor of any byte order.
 *
 * The masks use the vectors of 16 bytes that GCC and Clang know everywhere (SSE2, NEON, or plain words). Bits are
 * moved bytewise through tables; where the bits of each byte begin is the running sum of the bytes' counts, all eight
 * of which one multiplication adds up.
 */

#include "prime/pack/candidates-kernel.h"

#include <string.h>

typedef uint64_t Vector __attribute__((vector_size(16)));

/* Eight vectors at a time, which stay in registers. */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define FIRST(i) memcpy(&v##i, at[0] + done + 16 * (i), 16);
#define NEXT(i)                                                                                              \
        memcpy(&next, at[t] + done + 16 * (i), 16);                                                          \
        v##i &= next;
#define LAST(i) memcpy(ret_mask + done + 16 * (i), &v##i, 16);

void candidates_portable_mask(const uint8_t *const at[N_CANDIDATE_TABLES], uint8_t *ret_mask) {
        for (unsigned done = 0; done < CANDIDATE_CHUNK; done += 8 * 16) {
                Vector v0, v1, v2, v3, v4, v5, v6, v7, next;

                EACH(FIRST)
                for (unsigned t = 1; t < N_CANDIDATE_TABLES; t++) {
                        EACH(NEXT)
                }
                EACH(LAST)
        }
}

/* Byte k of the result is how many bits are set in the bytes 0 to k of the word. */
static uint64_t running_counts(uint64_t word) {
        return bits_of_bytes(word) * UINT64_C(0x0101010101010101);
}

uint64_t candidates_portable_extract(const CandidateBytes *bytes, const uint8_t *mask, const uint8_t *bitmap,
                                     BitSink *sink) {
        BitSink local = *sink;
        uint64_t lost = 0;

        for (unsigned i = 0; i < CANDIDATE_CHUNK; i += 8) {
                uint64_t counts = running_counts(get_le64(mask + i)), begin = counts << 8, bits = 0;

                for (unsigned k = 0; k < 8; k++)
                        bits |= (uint64_t) bytes->squeeze[mask[i + k]][bitmap[i + k]] << (begin >> 8 * k & 63);
                lost |= get_le64(bitmap + i) & ~get_le64(mask + i);
                bit_sink_put(&local, bits, (unsigned) (counts >> 56));
        }
        *sink = local;
        return lost;
}

void candidates_portable_deposit(const CandidateBytes *bytes, const uint8_t *mask, BitSource *source,
                                 uint8_t *ret_bitmap) {
        BitSource local = *source;

        for (unsigned i = 0; i < CANDIDATE_CHUNK; i += 8) {
                uint64_t counts = running_counts(get_le64(mask + i)), begin = counts << 8;
                uint64_t bits = bit_source_peek(&local);

                for (unsigned k = 0; k < 8; k++)
                        ret_bitmap[i + k] = bytes->spread[mask[i + k]][bits >> (begin >> 8 * k & 63) & 0xff];
                local.at += counts >> 56;
        }
        *source = local;
}

static bool is_usable(void) {
        return true;
}

const CandidateKernel candidates_portable = {
        .name = "portable",
        .is_usable = is_usable,
        .mask = candidates_portable_mask,
        .extract = candidates_portable_extract,
        .deposit = candidates_portable_deposit,
};
