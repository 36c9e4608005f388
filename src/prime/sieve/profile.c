/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The text of a profile:
 *
 *         primed sieve profile 2
 *         version 0.1.0
 *         processor AMD EPYC
 *         block-bytes 32768
 *         ...
 *         number-psec 75
 *         ...
 *         xxh3 0123456789abcdef
 *
 * One line for each field of the table below, all of them, in this order; costs are whole picoseconds, so that no
 * locale can spoil them. The last line is the XXH3 of all lines before. Whatever has the right sum was written by
 * sieve_profile_format(); the limits of the table are for files that somebody has made by hand, for a size that is no
 * power of two, or none at all, would break the sieve instead of slowing it down.
 */

#include "prime/sieve/profile.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "prime/sieve/turns.h"

#define MAGIC "primed sieve profile 2\n"
#define SUM_WORD "xxh3 "
#define SUM_LINE_SIZE (sizeof SUM_WORD - 1 + 16 + 1)

typedef enum FieldKind {
        FIELD_BYTES,     /* uint32_t */
        FIELD_BYTES_2_K, /* the same, a power of two */
        FIELD_NSEC,      /* double, written in picoseconds */
} FieldKind;

typedef struct Field {
        const char *name;
        FieldKind kind;
        size_t offset;
        uint64_t low, high; /* of what is written */
} Field;

#define PSEC_MAX UINT64_C(1000000000000) /* a second */
#define TUNING(field) offsetof(SieveProfile, tuning.field)
#define COSTS(field) offsetof(SieveProfile, costs.field)

static const Field fields[] = {
        { "block-bytes", FIELD_BYTES, TUNING(block_bytes), 1 << 10, 1 << 24 },
        { "segment-bytes", FIELD_BYTES, TUNING(segment_bytes), 1 << 10, 1 << 24 },
        { "span-bytes", FIELD_BYTES, TUNING(span_bytes), 1 << 10, 1 << 24 },
        { "small-end", FIELD_BYTES, TUNING(small_end), 0, TURN_PRIME_END },
        { "medium-end", FIELD_BYTES, TUNING(medium_end), 0, TURN_PRIME_END },
        { "large-end", FIELD_BYTES, TUNING(large_end), 2048, TURN_PRIME_END },
        { "region-bytes", FIELD_BYTES_2_K, TUNING(region_bytes), 1 << 10, 1 << 26 },
        { "number-psec", FIELD_NSEC, COSTS(number_nsec), 1, PSEC_MAX },
        { "mark-psec", FIELD_NSEC, COSTS(mark_nsec), 1, PSEC_MAX },
        { "hit-psec", FIELD_NSEC, COSTS(hit_nsec), 1, PSEC_MAX },
        { "base-psec", FIELD_NSEC, COSTS(base_nsec), 1, PSEC_MAX },
        { "prime-psec", FIELD_NSEC, COSTS(prime_nsec), 1, PSEC_MAX },
        { "prime-word-psec", FIELD_NSEC, COSTS(prime_word_nsec), 1, PSEC_MAX },
        { "test-64-psec", FIELD_NSEC, COSTS(test_nsec[0]), 1, PSEC_MAX },
        { "test-80-psec", FIELD_NSEC, COSTS(test_nsec[1]), 1, PSEC_MAX },
        { "test-96-psec", FIELD_NSEC, COSTS(test_nsec[2]), 1, PSEC_MAX },
        { "test-112-psec", FIELD_NSEC, COSTS(test_nsec[3]), 1, PSEC_MAX },
        { "test-128-psec", FIELD_NSEC, COSTS(test_nsec[4]), 1, PSEC_MAX },
        { "power-bit-psec", FIELD_NSEC, COSTS(power_nsec[0]), 0, PSEC_MAX },
        { "power-limb-psec", FIELD_NSEC, COSTS(power_nsec[1]), 0, PSEC_MAX },
        { "power-square-psec", FIELD_NSEC, COSTS(power_nsec[2]), 0, PSEC_MAX },
};

SieveProfile sieve_profile_default(void) {
        return (SieveProfile) { .tuning = *sieve_tuning_default(), .costs = sieve_costs_default };
}

static uint64_t field_get(const Field *field, const SieveProfile *profile) {
        const void *place = (const uint8_t *) profile + field->offset;

        return field->kind == FIELD_NSEC ? (uint64_t) llround(*(const double *) place * 1000)
                                         : *(const uint32_t *) place;
}

/* False: the value is not possible. */
static bool field_set(const Field *field, uint64_t value, SieveProfile *profile) {
        void *place = (uint8_t *) profile + field->offset;

        if (value < field->low || value > field->high)
                return false;
        if (field->kind == FIELD_BYTES_2_K && (value & (value - 1)) != 0)
                return false;
        if (field->kind == FIELD_NSEC)
                *(double *) place = (double) value / 1000;
        else
                *(uint32_t *) place = (uint32_t) value;
        return true;
}

static int word_length(const char *word) {
        size_t n = strcspn(word, "\n");

        return (int) MIN(n, (size_t) PROFILE_WORD_MAX);
}

char *sieve_profile_format(const SieveProfile *profile, const char *processor, const char *version) {
        _cleanup_free_ char *text = malloc(PROFILE_TEXT_MAX);
        size_t n;

        if (!text)
                return NULL;
        n = (size_t) snprintf(text, PROFILE_TEXT_MAX, MAGIC "version %.*s\nprocessor %.*s\n", word_length(version),
                              version, word_length(processor), processor);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                n += (size_t) snprintf(text + n, PROFILE_TEXT_MAX - n, "%s %" PRIu64 "\n", fields[i].name,
                                       field_get(&fields[i], profile));
        (void) snprintf(text + n, PROFILE_TEXT_MAX - n, SUM_WORD "%016" PRIx64 "\n", checksum_xxh3(text, n));
        return TAKE_PTR(text);
}

/* Whether the last line is the sum of the others. */
static bool has_sum(const char *text, size_t size) {
        char line[SUM_LINE_SIZE + 1];

        if (size < SUM_LINE_SIZE)
                return false;
        size -= SUM_LINE_SIZE;
        (void) snprintf(line, sizeof line, SUM_WORD "%016" PRIx64 "\n", checksum_xxh3(text, size));
        return strcmp(text + size, line) == 0;
}

/* Steps over `name`, a blank, and the rest of the line, which is `*ret` of `*ret_size`. */
static bool read_line(const char **text, const char *name, const char **ret, size_t *ret_size) {
        size_t n = strlen(name);

        if (strncmp(*text, name, n) != 0 || (*text)[n] != ' ')
                return false;
        *ret = *text + n + 1;
        *ret_size = strcspn(*ret, "\n");
        *text = *ret + *ret_size + ((*ret)[*ret_size] == '\n');
        return true;
}

/* As read_line(), for a line that must say `word`. */
static int read_word(const char **text, const char *name, const char *word, Problem *problem) {
        const char *found;
        size_t n;

        if (!read_line(text, name, &found, &n))
                return problem_set(problem, EINVAL, "it has no line \"%s\" where that belongs", name);
        if (n != (size_t) word_length(word) || strncmp(found, word, n) != 0)
                return problem_set(problem, ESTALE, "it is for %s \"%.*s\", and this is \"%.*s\"", name,
                                   (int) MIN(n, (size_t) PROFILE_WORD_MAX), found, word_length(word), word);
        return 0;
}

static int read_field(const char **text, const Field *field, SieveProfile *ret, Problem *problem) {
        const char *found;
        char number[24];
        uint64_t value;
        size_t n;

        if (!read_line(text, field->name, &found, &n))
                return problem_set(problem, EINVAL, "it has no line \"%s\" where that belongs", field->name);
        (void) snprintf(number, sizeof number, "%.*s", (int) MIN(n, sizeof number), found);
        if (n >= sizeof number || parse_u64(number, &value) < 0 || !field_set(field, value, ret))
                return problem_set(problem, EINVAL, "its line \"%s\" says \"%.*s\", which cannot be", field->name,
                                   (int) MIN(n, (size_t) PROFILE_WORD_MAX), found);
        return 0;
}

int sieve_profile_parse(const char *text, const char *processor, const char *version, SieveProfile *ret,
                        Problem *problem) {
        SieveProfile profile = sieve_profile_default();
        int r;

        if (strncmp(text, MAGIC, sizeof MAGIC - 1) != 0)
                return problem_set(problem, EINVAL, "it does not begin with \"%.*s\"", (int) sizeof MAGIC - 2, MAGIC);
        if (!has_sum(text, strlen(text)))
                return problem_set(problem, EINVAL, "its checksum is wrong");
        text += sizeof MAGIC - 1;
        r = read_word(&text, "version", version, problem);
        if (r < 0)
                return r;
        r = read_word(&text, "processor", processor, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                r = read_field(&text, &fields[i], &profile, problem);
                if (r < 0)
                        return r;
        }
        if (strncmp(text, SUM_WORD, sizeof SUM_WORD - 1) != 0)
                return problem_set(problem, EINVAL, "it has more lines than it should");
        *ret = profile;
        return 0;
}
