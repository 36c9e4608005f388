/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The candidates of a bitmap: its positions without those that are known beforehand to be no primes.
 *
 * A position of the wheel-30 bitmap is dropped when its number is a multiple of a prime from 7 to 251 and is not that
 * prime itself. (So 1 and the primes up to 251 are candidates, 49 is not.) Which positions these are follows from the
 * bitmap's start alone; 38 % of the wheel's positions remain. Their bits, in ascending order, are the stream: least
 * significant bit of the first byte first, the last byte filled up with zeros.
 *
 * This is part of the store's format 1 and must not change.
 */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room that a stream's buffer has behind the bitmap's size: eight bytes are read and written at a time. */
#define CANDIDATES_SLACK 8

typedef struct CandidateTables CandidateTables;
typedef struct CandidateKernel CandidateKernel; /* candidates-kernel.h */

/* Made by the first caller, then shared by all threads for ever. NULL when out of memory. */
const CandidateTables *candidate_tables(void);

/* The i-th way to do it that this processor knows, the fastest first; NULL behind the last. All give the same bytes. */
const CandidateKernel *candidate_kernel(size_t i);
const char *candidate_kernel_name(const CandidateKernel *kernel);

/*
 * Bitmap to stream, for a bitmap that begins at `start`, a multiple of 30. `ret_stream` has room for n_bytes +
 * CANDIDATES_SLACK bytes; behind the stream come at least seven zeros. Returns false, with an undefined stream, when
 * a bit is set on a dropped position.
 */
bool candidates_extract(const CandidateTables *tables, const CandidateKernel *kernel, const mpz_t start,
                        const uint8_t *bitmap, size_t n_bytes, uint8_t *ret_stream, uint64_t *ret_n_bits);

/*
 * The opposite; dropped positions become 0. All n_bytes + CANDIDATES_SLACK bytes of `stream` must be initialised.
 * Returns how many bits the stream has.
 */
uint64_t candidates_deposit(const CandidateTables *tables, const CandidateKernel *kernel, const mpz_t start,
                            const uint8_t *stream, uint8_t *ret_bitmap, size_t n_bytes);
