/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The report as JSON, by a table of its fields. */

#include "wire/report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/parse.h"

typedef enum ReportKind {
        REPORT_U64, /* a string of digits */
        REPORT_U32,
        REPORT_REAL,
        REPORT_TEXT,   /* an array in the struct */
        REPORT_STRING, /* allocated */
} ReportKind;

typedef struct ReportField {
        const char *key;
        ReportKind kind;
        size_t offset, size;
} ReportField;

#define FIELD(name, kind) { #name, kind, offsetof(Report, name), sizeof(((Report *) NULL)->name) }

static const ReportField report_fields[] = {
        FIELD(state, REPORT_TEXT),
        FIELD(problem, REPORT_TEXT),
        FIELD(from, REPORT_STRING),
        FIELD(to, REPORT_STRING),
        FIELD(block_length, REPORT_U64),
        FIELD(blocks_total, REPORT_U64),
        FIELD(blocks_in_order, REPORT_U64),
        FIELD(blocks_spooled, REPORT_U64),
        FIELD(blocks_at_start, REPORT_U64),
        FIELD(numbers_total, REPORT_REAL),
        FIELD(numbers_done, REPORT_REAL),
        FIELD(numbers_at_start, REPORT_REAL),
        FIELD(primes, REPORT_U64),
        FIELD(segment_bytes, REPORT_U64),
        FIELD(spool_bytes, REPORT_U64),
        FIELD(segments, REPORT_U64),
        FIELD(disagreements, REPORT_U64),
        FIELD(workers, REPORT_U32),
        FIELD(threads, REPORT_U32),
        FIELD(elapsed_usec, REPORT_U64),
};

void report_done(Report *report) {
        free(report->from);
        free(report->to);
        *report = (Report) {};
}

static json_t *report_encode_field(const Report *report, const ReportField *field) {
        const void *p = (const char *) report + field->offset;
        const char *text;
        char digits[24];

        switch (field->kind) {
        case REPORT_U64:
                (void) snprintf(digits, sizeof digits, "%" PRIu64, *(const uint64_t *) p);
                return json_string(digits);
        case REPORT_U32:
                return json_integer(*(const uint32_t *) p);
        case REPORT_REAL:
                return json_real(*(const double *) p);
        case REPORT_TEXT:
                return json_string(p);
        case REPORT_STRING:
                text = *(const char *const *) p;
                return json_string(text && strlen(text) <= REPORT_NUMBER_MAX ? text : "");
        }
        return NULL;
}

int report_encode(const Report *report, char **ret, size_t *ret_size) {
        json_auto_t *object = json_object();
        char *text;

        if (!object)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(report_fields); i++)
                if (json_object_set_new(object, report_fields[i].key,
                                        report_encode_field(report, report_fields + i)) < 0)
                        return -ENOMEM;
        text = json_dumps(object, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        *ret = text;
        *ret_size = strlen(text);
        return 0;
}

static int report_decode_field(const json_t *object, const ReportField *field, Report *report) {
        const json_t *value = json_object_get(object, field->key);
        void *p = (char *) report + field->offset;
        char *copy;

        switch (field->kind) {
        case REPORT_U64:
                return json_is_string(value) && parse_u64(json_string_value(value), (uint64_t *) p) >= 0 ? 0 : -EBADMSG;
        case REPORT_U32:
                if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > UINT32_MAX)
                        return -EBADMSG;
                *(uint32_t *) p = (uint32_t) json_integer_value(value);
                return 0;
        case REPORT_REAL:
                if (!json_is_number(value))
                        return -EBADMSG;
                *(double *) p = json_number_value(value);
                return 0;
        case REPORT_TEXT:
                if (!json_is_string(value) || json_string_length(value) >= field->size)
                        return -EBADMSG;
                memcpy(p, json_string_value(value), json_string_length(value) + 1);
                return 0;
        case REPORT_STRING:
                if (!json_is_string(value))
                        return -EBADMSG;
                copy = strdup(json_string_value(value));
                if (!copy)
                        return -ENOMEM;
                *(char **) p = copy;
                return 0;
        }
        return -EBADMSG;
}

int report_decode(const char *text, size_t size, Report *ret) {
        json_auto_t *object = json_loadb(text, size, 0, NULL);
        Report report = {};

        if (!json_is_object(object))
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(report_fields); i++) {
                int r = report_decode_field(object, report_fields + i, &report);

                if (r < 0) {
                        report_done(&report);
                        return r;
                }
        }
        *ret = report;
        return 0;
}
