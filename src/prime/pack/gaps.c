/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Golomb codes of distances.
 *
 * Beyond 2^64 primes are rare and blocks are short: 20 bytes for 22 primes at 2^1024. Huffman's table alone costs more
 * than these, and even a byte for the parameter would cost 5 %, so both sides derive it from the block's place. It is
 * integer arithmetic on the number of bits, the same on every machine: the mean distance between primes is ln(start),
 * of which 0.10035 are candidates, and ln 2 of that mean, less a third, is the best parameter.
 */

#include "prime/pack/gaps.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

/* How remainders are written. */
typedef struct Golomb {
        uint32_t parameter;
        unsigned n_bits; /* of the longer remainders */
        uint32_t n_short;
} Golomb;

/* The ones of a stream, as distances. */
typedef struct GapWalk {
        const uint8_t *stream;
        uint64_t n_bits, word, word_at, next; /* `next`: the position behind the last one */
} GapWalk;

static Golomb golomb_make(uint32_t parameter) {
        Golomb code = { .parameter = parameter };

        while (parameter > UINT32_C(1) << code.n_bits)
                code.n_bits++;
        code.n_short = (UINT32_C(1) << code.n_bits) - parameter;
        return code;
}

uint32_t gaps_parameter(const mpz_t start) {
        uint64_t parameter = (99 * (uint64_t) mpz_sizeinbase(start, 2) + 307) / 2048;

        return parameter > 1 ? (uint32_t) parameter : 1;
}

/* False at the end. */
static inline bool gap_walk_next(GapWalk *walk, uint64_t *ret_gap) {
        uint64_t position;

        while (walk->word == 0) {
                if (walk->word_at >= walk->n_bits)
                        return false;
                walk->word = get_le64(walk->stream + walk->word_at / 8);
                walk->word_at += 64;
        }
        position = walk->word_at - 64 + (unsigned) __builtin_ctzll(walk->word);
        walk->word &= walk->word - 1;
        *ret_gap = position - walk->next;
        walk->next = position + 1;
        return true;
}

size_t gaps_size(const uint8_t *stream, uint64_t n_bits, uint32_t parameter) {
        GapWalk walk = { .stream = stream, .n_bits = n_bits };
        const Golomb code = golomb_make(parameter);
        uint64_t size_bits = 0, gap;

        while (gap_walk_next(&walk, &gap)) {
                uint32_t quotient = (uint32_t) gap / parameter, rest = (uint32_t) gap % parameter;

                size_bits += quotient + 1 + code.n_bits - (rest < code.n_short && code.n_bits > 0);
        }
        return size_bits > 0 ? (size_t) ((size_bits + 7) / 8) : 1;
}

void gaps_write(const uint8_t *stream, uint64_t n_bits, uint32_t parameter, uint8_t *ret, size_t size) {
        GapWalk walk = { .stream = stream, .n_bits = n_bits };
        const Golomb code = golomb_make(parameter);
        uint64_t at = 0, gap;

        memset(ret, 0, size);
        while (gap_walk_next(&walk, &gap)) {
                uint32_t quotient = (uint32_t) gap / parameter, rest = (uint32_t) gap % parameter;
                uint32_t bits;
                unsigned n = 1;

                /* The one, and the remainder behind it. */
                if (code.n_bits == 0) {
                        bits = 1;
                } else if (rest < code.n_short) {
                        bits = 1 | rest << 1;
                        n = code.n_bits;
                } else {
                        rest += code.n_short;
                        bits = 1 | rest >> 1 << 1 | (rest & 1) << code.n_bits;
                        n = code.n_bits + 1;
                }
                at += quotient;
                for (uint64_t shifted = (uint64_t) bits << at % 8, byte = at / 8; shifted > 0; shifted >>= 8)
                        ret[byte++] |= (uint8_t) shifted;
                at += n;
        }
}

/* The up to 56 bits from `at` on; behind the end there are zeros. */
static uint64_t peek(const uint8_t *gaps, size_t size, uint64_t at) {
        uint8_t tail[8] = {};
        size_t byte = (size_t) (at / 8);

        if (size - byte >= 8)
                return get_le64(gaps + byte) >> at % 8;
        memcpy(tail, gaps + byte, size - byte);
        return get_le64(tail) >> at % 8;
}

int64_t gaps_read(const uint8_t *gaps, size_t size, uint32_t parameter, uint8_t *ret_stream, size_t n_bytes) {
        const Golomb code = golomb_make(parameter);
        uint64_t at = 0, end = (uint64_t) size * 8, position = 0;

        memset(ret_stream, 0, n_bytes);
        for (;;) {
                uint64_t begin = at, quotient, rest = 0, bits;

                while (at < end && (bits = peek(gaps, size, at) & ((UINT64_C(1) << 56) - 1)) == 0)
                        at += 56;
                if (at >= end) {
                        /* Only what fills up the last byte; the whole byte if there is nothing else. */
                        if (begin == 0 ? size != 1 : end - begin >= 8)
                                return -EBADMSG;
                        return (int64_t) position;
                }
                at += (unsigned) __builtin_ctzll(bits);
                quotient = at - begin;
                at++;

                if (code.n_bits > 0) {
                        bits = at < end ? peek(gaps, size, at) : 0;
                        rest = bits & ((UINT64_C(1) << (code.n_bits - 1)) - 1);
                        at += code.n_bits - 1;
                        if (rest >= code.n_short) {
                                rest = rest * 2 + (bits >> (code.n_bits - 1) & 1) - code.n_short;
                                at++;
                        }
                }
                if (at > end)
                        return -EBADMSG;

                /* No sum overflows: a quotient is at most 8 times the size of something in memory. */
                position += quotient * code.parameter + rest;
                if (position / 8 >= n_bytes)
                        return -EBADMSG;
                ret_stream[position / 8] |= (uint8_t) (1U << position % 8);
                position++;
        }
}
