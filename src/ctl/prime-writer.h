/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Primes in a form for people and programs, from lists of numbers to bytes. */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

typedef enum PrimeFormat {
        PRIME_FORMAT_TEXT,  /* the prime */
        PRIME_FORMAT_CSV,   /* rank,prime below a line with their names */
        PRIME_FORMAT_JSON,  /* an object a line, integers as strings: {"n":"1","prime":"2"} */
        PRIME_FORMAT_U64LE, /* eight bytes, the least significant first; below 2^64 only */
        PRIME_FORMAT_GAPS,  /* the first prime, then the difference of each to the one before */
        PRIME_FORMAT_BFILE, /* "rank prime", as in the OEIS */
        _PRIME_FORMAT_MAX,
} PrimeFormat;

#define PRIME_FORMAT_NAMES "text, csv, json, u64le, gaps or bfile"

/* "text", …; 0 or -EINVAL. */
int prime_format_parse(const char *word, PrimeFormat *ret);
const char *prime_format_name(PrimeFormat format);

/* What a file of it is called behind the dot: "txt", … */
const char *prime_format_suffix(PrimeFormat format);

/* Whether the rank of each prime is written. */
bool prime_format_has_rank(PrimeFormat format);

/* Whether all integers below `end` have room in it: 0, or -ERANGE with a sentence. */
int prime_format_check(PrimeFormat format, const mpz_t end, Problem *problem);

/* Takes bytes, all of them: whole lines. 0 or negative errno, which comes back from the writer. */
typedef int (*PrimeSink)(const char *data, size_t size, void *userdata);

typedef struct PrimeWriter PrimeWriter;

/* 0 or -ENOMEM. */
int prime_writer_new(PrimeFormat format, PrimeSink sink, void *userdata, PrimeWriter **ret);
PrimeWriter *prime_writer_free(PrimeWriter *writer); /* what was not flushed is lost */
DEFINE_TRIVIAL_CLEANUP_FUNC(PrimeWriter *, prime_writer_free);

/*
 * The head of a file. The next prime is the `rank`-th (of whatever the caller counts, from 1), the following ones have
 * the next ranks; with `reverse` they become smaller, and so do the ranks. 0, -ENOMEM, or an error of the sink.
 */
int prime_writer_begin(PrimeWriter *writer, uint64_t rank, bool reverse);

/*
 * The primes start + offsets[i]; in order, within a list and from list to list. 0; -ERANGE: the format has no room for
 * such a prime, and none of the list was written; -ENOMEM; an error of the sink.
 */
int prime_writer_put(PrimeWriter *writer, const mpz_t start, const uint32_t *offsets, size_t n);

/* Gives the sink what waits in the buffer. */
int prime_writer_flush(PrimeWriter *writer);
