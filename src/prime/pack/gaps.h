/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Distances between the bits that are set in a stream of candidates (prime/pack/candidates.h), as Golomb codes.
 *
 * S. W. Golomb, "Run-length encodings", IEEE Trans. Inform. Theory 12 (1966), 399-401; the parameter by R. G. Gallager,
 * D. C. Van Voorhis, "Optimal source codes for geometrically distributed integer alphabets", same journal 21 (1975),
 * 228-230, not rounded to a power of two as in R. F. Rice, "Some practical universal noiseless coding techniques", JPL
 * Publication 79-22 (1979). If each bit is set with the same probability, below 1/4, the code is at most 1.3 % longer
 * than the entropy, and no table has to be sent.
 *
 * The parameter is m = floor((99·b + 307) / 2048), at least 1, b being the number of bits of the bitmap's start (1 for
 * 0). Codes follow each other in a stream of bits, least significant bit of the first byte first. A run of g zeros and
 * the one behind it are written as
 *
 *         floor(g / m) zeros, a one, r = g mod m
 *
 * r in truncated binary: let k be the bits of m - 1 (0 for m = 1) and c = 2^k - m. If r < c, r takes k - 1 bits; else
 * r + c, of k bits, is sent without its lowest bit, which follows last. The zeros behind the last one are not written.
 * The last byte is filled up with zeros; if there is no one at all, there is one byte, 0. So there is exactly one
 * encoding of each stream.
 *
 * This is part of the store's format 1 and must not change.
 */

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

uint32_t gaps_parameter(const mpz_t start);

/* How many bytes gaps_write() writes, at least 1. n_bits < 2^32; seven zeros stand behind the stream's last byte. */
size_t gaps_size(const uint8_t *stream, uint64_t n_bits, uint32_t parameter);

/* `size` is what gaps_size() says. */
void gaps_write(const uint8_t *stream, uint64_t n_bits, uint32_t parameter, uint8_t *ret, size_t size);

/*
 * Fills all of the `n_bytes` of the stream. Returns how many bits it has at least (up to its last one, 0 without),
 * or -EBADMSG for anything that gaps_write() does not write and for a bit behind n_bytes.
 */
int64_t gaps_read(const uint8_t *gaps, size_t size, uint32_t parameter, uint8_t *ret_stream, size_t n_bytes);
