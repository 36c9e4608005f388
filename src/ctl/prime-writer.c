/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Primes to bytes. The loops know nothing of buffers that fill up: they get as many primes as surely fit. That the
 * numbers of a list are near each other is what makes them fast; see decimal.h.
 */

#include "ctl/prime-writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "ctl/decimal.h"
#include "prime/number.h"

/* Large enough that a write costs nothing, small enough to stay in the second-level cache. */
#define BUFFER_SIZE ((size_t) 256 << 10)

#define LITERAL_MAX 24       /* bytes of a line that are no digits */
#define STEP_BITS_MAX 59     /* of a step that Decimal can take: below 10^18 */

struct PrimeWriter {
        PrimeFormat format;
        PrimeSink sink;
        void *userdata;

        char *buffer;
        size_t n_buffer, n_used;

        bool reverse, has_last; /* has_last: a prime was written since the beginning */
        mpz_t start, number;    /* of the last list; scratch */
        uint32_t last;          /* offset of the last prime of it */
        Decimal prime, rank;    /* the last ones, as far as the format wants them */
};

static const struct {
        const char *name, *suffix, *head;
        bool has_rank;
} formats[_PRIME_FORMAT_MAX] = {
        [PRIME_FORMAT_TEXT] = { "text", "txt", "", false },
        [PRIME_FORMAT_CSV] = { "csv", "csv", "n,prime\n", true },
        [PRIME_FORMAT_JSON] = { "json", "jsonl", "", true },
        [PRIME_FORMAT_U64LE] = { "u64le", "u64le", "", false },
        [PRIME_FORMAT_GAPS] = { "gaps", "gaps", "", false },
        [PRIME_FORMAT_BFILE] = { "bfile", "bfile", "", true },
};

int prime_format_parse(const char *word, PrimeFormat *ret) {
        for (unsigned i = 0; i < _PRIME_FORMAT_MAX; i++)
                if (strcmp(word, formats[i].name) == 0) {
                        *ret = (PrimeFormat) i;
                        return 0;
                }
        return -EINVAL;
}

const char *prime_format_name(PrimeFormat format) {
        return formats[format].name;
}

const char *prime_format_suffix(PrimeFormat format) {
        return formats[format].suffix;
}

bool prime_format_has_rank(PrimeFormat format) {
        return formats[format].has_rank;
}

int prime_format_check(PrimeFormat format, const mpz_t end, Problem *problem) {
        _cleanup_mpz_ mpz_t last;

        mpz_init(last);
        if (format != PRIME_FORMAT_U64LE || mpz_sgn(end) == 0)
                return 0;
        mpz_sub_ui(last, end, 1);
        if (mpz_sizeinbase(last, 2) <= 64)
                return 0;
        return problem_set(problem, ERANGE, "--format=u64le has room for primes below 2^64 only: end at 2^64, or take "
                           "another format.");
}

int prime_writer_new(PrimeFormat format, PrimeSink sink, void *userdata, PrimeWriter **ret) {
        _cleanup_(prime_writer_freep) PrimeWriter *writer = malloc(sizeof *writer);

        if (!writer)
                return -ENOMEM;
        *writer = (PrimeWriter) { .format = format, .sink = sink, .userdata = userdata, .n_buffer = BUFFER_SIZE };
        mpz_init(writer->start);
        mpz_init(writer->number);
        writer->buffer = malloc(writer->n_buffer);
        if (!writer->buffer)
                return -ENOMEM;
        *ret = TAKE_PTR(writer);
        return 0;
}

PrimeWriter *prime_writer_free(PrimeWriter *writer) {
        if (!writer)
                return NULL;
        mpz_clear(writer->start);
        mpz_clear(writer->number);
        decimal_done(&writer->prime);
        decimal_done(&writer->rank);
        free(writer->buffer);
        free(writer);
        return NULL;
}

int prime_writer_flush(PrimeWriter *writer) {
        size_t n = writer->n_used;

        writer->n_used = 0;
        return n > 0 ? writer->sink(writer->buffer, n, writer->userdata) : 0;
}

int prime_writer_begin(PrimeWriter *writer, uint64_t rank, bool reverse) {
        size_t n_head = strlen(formats[writer->format].head);
        int r;

        writer->reverse = reverse;
        writer->has_last = false;
        number_set_u64(writer->number, rank);
        r = decimal_set(&writer->rank, writer->number);
        if (r < 0)
                return r;
        if (n_head > writer->n_buffer - writer->n_used) {
                r = prime_writer_flush(writer);
                if (r < 0)
                        return r;
        }
        memcpy(writer->buffer + writer->n_used, formats[writer->format].head, n_head);
        writer->n_used += n_head;
        return 0;
}

/* the loops: `n` primes to `at`, where there is room; return the end of what was written */

static char *put_text(PrimeWriter *writer, const uint32_t *offsets, size_t n, char *at) {
        DecimalCursor prime = decimal_cursor(&writer->prime);
        const bool reverse = writer->reverse;
        uint32_t last = writer->last;

        for (size_t i = 0; i < n; i++) {
                prime = decimal_step(&writer->prime, prime, reverse ? last - offsets[i] : offsets[i] - last, reverse);
                last = offsets[i];
                at = decimal_put(prime, at);
                *at++ = '\n';
        }
        decimal_leave(&writer->prime, prime);
        writer->last = last;
        return at;
}

static inline char *put_literal(char *at, const char *text, size_t size) {
        memcpy(at, text, size);
        return at + size;
}

/* Rank and prime between three literals; is made anew for each format, where their sizes are constants. */
static inline __attribute__((always_inline)) char *put_pairs(PrimeWriter *writer, const uint32_t *offsets, size_t n,
                                                             const char *before, const char *between,
                                                             const char *behind, char *at) {
        DecimalCursor prime = decimal_cursor(&writer->prime), rank = decimal_cursor(&writer->rank);
        const bool reverse = writer->reverse;
        uint32_t last = writer->last;

        for (size_t i = 0; i < n; i++) {
                prime = decimal_step(&writer->prime, prime, reverse ? last - offsets[i] : offsets[i] - last, reverse);
                last = offsets[i];
                at = put_literal(at, before, strlen(before));
                at = decimal_put(rank, at);
                at = put_literal(at, between, strlen(between));
                at = decimal_put(prime, at);
                at = put_literal(at, behind, strlen(behind));
                rank = decimal_step(&writer->rank, rank, 1, reverse);
        }
        decimal_leave(&writer->prime, prime);
        decimal_leave(&writer->rank, rank);
        writer->last = last;
        return at;
}

static char *put_u64le(PrimeWriter *writer, const uint32_t *offsets, size_t n, char *at) {
        uint64_t start = number_get_u64(writer->start);

        for (size_t i = 0; i < n; i++, at += 8)
                put_le64((uint8_t *) at, start + offsets[i]);
        writer->last = offsets[n - 1];
        return at;
}

static char *put_gaps(PrimeWriter *writer, const uint32_t *offsets, size_t n, char *at) {
        uint32_t last = writer->last;

        for (size_t i = 0; i < n; i++) {
                at = decimal_put_u64(writer->reverse ? last - offsets[i] : offsets[i] - last, at);
                *at++ = '\n';
                last = offsets[i];
        }
        writer->last = last;
        return at;
}

static char *writer_put_some(PrimeWriter *writer, const uint32_t *offsets, size_t n, char *at) {
        switch (writer->format) {
        case PRIME_FORMAT_TEXT:
                return put_text(writer, offsets, n, at);
        case PRIME_FORMAT_CSV:
                return put_pairs(writer, offsets, n, "", ",", "\n", at);
        case PRIME_FORMAT_JSON:
                return put_pairs(writer, offsets, n, "{\"n\":\"", "\",\"prime\":\"", "\"}\n", at);
        case PRIME_FORMAT_U64LE:
                return put_u64le(writer, offsets, n, at);
        case PRIME_FORMAT_GAPS:
                return put_gaps(writer, offsets, n, at);
        default: /* PRIME_FORMAT_BFILE */
                return put_pairs(writer, offsets, n, "", " ", "\n", at);
        }
}

/* lists */

/* The decimal digits become those of `start` plus `offset`. */
static int writer_set_prime(PrimeWriter *writer, const mpz_t start, uint32_t offset) {
        number_add_u64(writer->number, start, offset);
        return decimal_set(&writer->prime, writer->number);
}

/*
 * Goes to the first prime of a list in another block: by a step if it is not too far, for a conversion of a number with
 * 300,000 digits is slow. Afterwards `last` is its offset.
 */
static int writer_enter(PrimeWriter *writer, const mpz_t start, uint32_t offset) {
        uint64_t step;
        int r = 0;

        if (writer->reverse) {
                mpz_sub(writer->number, writer->start, start);
                number_add_u64(writer->number, writer->number, writer->last);
        } else {
                mpz_sub(writer->number, start, writer->start);
                number_add_u64(writer->number, writer->number, offset);
        }
        mpz_sub_ui(writer->number, writer->number, writer->reverse ? offset : writer->last);
        if (!writer->has_last || mpz_sizeinbase(writer->number, 2) > STEP_BITS_MAX)
                r = writer_set_prime(writer, start, offset);
        else {
                step = number_get_u64(writer->number);
                if (writer->reverse)
                        decimal_subtract(&writer->prime, step);
                else
                        decimal_add(&writer->prime, step);
        }
        if (r < 0)
                return r;
        mpz_set(writer->start, start);
        writer->last = offset;
        return 0;
}

/* So many bytes are enough for a line. */
static size_t writer_line_room(const PrimeWriter *writer) {
        return LITERAL_MAX + decimal_room(&writer->prime) + decimal_room(&writer->rank);
}

/* Makes room for one line at least. */
static int writer_make_room(PrimeWriter *writer, size_t n_line) {
        int r;

        if (n_line <= writer->n_buffer - writer->n_used)
                return 0;
        r = prime_writer_flush(writer);
        if (r < 0)
                return r;
        if (n_line > writer->n_buffer) {
                char *grown = realloc(writer->buffer, n_line);

                if (!grown)
                        return -ENOMEM;
                writer->buffer = grown;
                writer->n_buffer = n_line;
        }
        return 0;
}

/* The difference to the last prime of another block, or the first prime of all. */
static int writer_put_first_gap(PrimeWriter *writer, const mpz_t start, uint32_t offset) {
        char *at;
        int r;

        if (writer->has_last) {
                mpz_sub(writer->number, start, writer->start);
                number_add_u64(writer->number, writer->number, offset);
                mpz_sub_ui(writer->number, writer->number, writer->last);
                mpz_abs(writer->number, writer->number);
                r = decimal_set(&writer->prime, writer->number);
        } else
                r = writer_set_prime(writer, start, offset);
        if (r < 0)
                return r;
        r = writer_make_room(writer, writer_line_room(writer));
        if (r < 0)
                return r;
        at = decimal_put(decimal_cursor(&writer->prime), writer->buffer + writer->n_used);
        *at++ = '\n';
        writer->n_used = (size_t) (at - writer->buffer);
        mpz_set(writer->start, start);
        writer->last = offset;
        writer->has_last = true;
        return 0;
}

/* -ERANGE: the list has a prime beyond 2^64. */
static int writer_check_u64(PrimeWriter *writer, const mpz_t start, const uint32_t *offsets, size_t n) {
        number_add_u64(writer->number, start, MAX(offsets[0], offsets[n - 1]));
        if (mpz_sizeinbase(writer->number, 2) > 64)
                return -ERANGE;
        mpz_set(writer->start, start);
        return 0;
}

/* What has to be done before the first prime of a list. */
static int writer_begin_list(PrimeWriter *writer, const mpz_t start, const uint32_t **offsets, size_t *n) {
        int r;

        if (writer->format == PRIME_FORMAT_U64LE)
                return writer_check_u64(writer, start, *offsets, *n);
        if (writer->has_last && mpz_cmp(start, writer->start) == 0)
                return 0;
        if (writer->format != PRIME_FORMAT_GAPS)
                return writer_enter(writer, start, **offsets);
        r = writer_put_first_gap(writer, start, **offsets);
        if (r < 0)
                return r;
        ++*offsets;
        --*n;
        return 0;
}

int prime_writer_put(PrimeWriter *writer, const mpz_t start, const uint32_t *offsets, size_t n) {
        int r;

        if (n == 0)
                return 0;
        r = writer_begin_list(writer, start, &offsets, &n);
        if (r < 0)
                return r;
        while (n > 0) {
                size_t n_line = writer_line_room(writer), n_now;
                char *end;

                r = writer_make_room(writer, n_line);
                if (r < 0)
                        return r;
                n_now = MIN(n, (writer->n_buffer - writer->n_used) / n_line);
                end = writer_put_some(writer, offsets, n_now, writer->buffer + writer->n_used);
                writer->n_used = (size_t) (end - writer->buffer);
                writer->has_last = true;
                offsets += n_now;
                n -= n_now;
        }
        return 0;
}
