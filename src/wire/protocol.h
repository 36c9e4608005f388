/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The table of all messages. It is the only place that knows which fields a message has and what they may
 * hold: the encoder, the decoder, the frame parser's limits and the printed description are loops over it.
 *
 * How to add a message: a number in MessageType and a struct in wire/message.h, a row of fields and a line
 * in the table of protocol.c, a sample in tests/wire/samples.h; then the tests print the golden bytes that
 * they miss. How to add a field: a member, a line in its message's row. A field that an older reader may not
 * know has WIRE_TAG_OPTIONAL in its tag, and its zero or empty value must mean what its absence means.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wire/message.h"

#define PROTOCOL_FIELDS_MAX 16
#define PROTOCOL_FIELD_HEADER_SIZE 6 /* u16 tag, u32 length */
#define PROTOCOL_INTERVAL_SIZE 16    /* u64 first, u64 end */

/* Bytes of optional fields from a newer peer that a message may carry beyond the fields that we know. */
#define PROTOCOL_UNKNOWN_MAX 256

/* What a peer may send before its HELLO or WELCOME fits into so many bytes. */
#define PROTOCOL_OPENING_MAX 1024

typedef enum FieldKind {
        FIELD_U8,
        FIELD_U16,
        FIELD_U64,
        FIELD_TEXT,      /* char[high + 1]; on the wire UTF-8 without the NUL, see base/utf8.h */
        FIELD_DIGEST,    /* uint8_t[SHA256_SIZE] */
        FIELD_BYTES,     /* WireBytes */
        FIELD_NUMBER,    /* WireBytes: least significant byte first, the last one not 0; zero is no bytes */
        FIELD_INTERVALS, /* in a MessageIntervals: ascending, disjoint */
        _FIELD_KIND_MAX,
} FieldKind;

typedef struct ProtocolField {
        const char *name;
        uint16_t tag;
        FieldKind kind;
        size_t offset;      /* of the member in Message */
        uint64_t low, high; /* an integer's bounds; else those of the number of bytes, or intervals */
} ProtocolField;

/*
 * A claim about two u16 or u64 fields: low <= b - a <= high, without wrapping. `a` and `b` index the fields.
 */
typedef struct ProtocolRule {
        unsigned a, b;
        uint64_t low, high;
} ProtocolRule;

typedef struct ProtocolMessage {
        const char *name;
        const char *direction; /* "W → M" … */
        const ProtocolField *fields;
        size_t n_fields;
        const ProtocolRule *rules;
        size_t n_rules;
        bool is_opening; /* may come before the peer's HELLO or WELCOME */
} ProtocolMessage;

/* NULL for a type that there is not. */
const ProtocolMessage *protocol_find(uint16_t type);

/* The most bytes that a payload of this message may have. */
size_t protocol_payload_max(const ProtocolMessage *message);

static inline bool protocol_field_is_optional(const ProtocolField *field) {
        return field->tag & WIRE_TAG_OPTIONAL;
}

/* The most bytes that this field's value may have on the wire. */
uint64_t protocol_field_size_max(const ProtocolField *field);

/* Writes the whole table for people. */
void protocol_print(FILE *f);
