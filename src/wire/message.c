/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Messages to bytes and back: loops over the table in wire/protocol.c.
 *
 * Both directions hold a message against the same checks, so what the encoder lets out the decoder of the
 * same version lets in. The decoder trusts nothing: it walks the fields once, finds each in the message's
 * row, checks its size before it looks at its bytes, and only then asks what was missing and whether the
 * fields fit each other.
 */

#include "wire/message.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "base/utf8.h"
#include "wire/frame.h"
#include "wire/protocol.h"

struct MessageDecoder {
        WireInterval *intervals;
        size_t n_allocated;
};

const char *message_type_name(MessageType type) {
        const ProtocolMessage *message = protocol_find((uint16_t) type);

        return message ? message->name : NULL;
}

/*
 * Members: every access goes through memcpy() or the member's own type, at the offset that the table names.
 */

static const void *field_member(const ProtocolField *field, const Message *message) {
        return (const uint8_t *) message + field->offset;
}

static void *field_member_mutable(const ProtocolField *field, Message *message) {
        return (uint8_t *) message + field->offset;
}

static bool field_is_integer(const ProtocolField *field) {
        return field->kind == FIELD_U8 || field->kind == FIELD_U16 || field->kind == FIELD_U64;
}

static uint64_t field_integer(const ProtocolField *field, const Message *message) {
        const void *member = field_member(field, message);

        switch (field->kind) {
        case FIELD_U8:
                return *(const uint8_t *) member;
        case FIELD_U16:
                return *(const uint16_t *) member;
        default:
                return *(const uint64_t *) member;
        }
}

/* Checks: of a value, on either side. */

static int check_amount(const ProtocolField *field, uint64_t amount, const char *unit, Problem *problem) {
        if (amount < field->low || amount > field->high)
                return problem_set(problem, EBADMSG, "%s is %" PRIu64 "%s, not %" PRIu64 " … %" PRIu64,
                                   field->name, amount, unit, field->low, field->high);
        return 0;
}

static int check_text(const ProtocolField *field, const char *text, size_t size, Problem *problem) {
        if (!utf8_is_plain(text, size))
                return problem_set(problem, EBADMSG, "%s is not plain UTF-8 text", field->name);
        return 0;
}

static int check_number(const ProtocolField *field, const uint8_t *data, size_t size, Problem *problem) {
        if (size > 0 && data[size - 1] == 0)
                return problem_set(problem, EBADMSG, "%s has leading zeros", field->name);
        return 0;
}

static int check_intervals(const ProtocolField *field, const WireInterval *intervals, size_t n,
                           Problem *problem) {
        for (size_t i = 0; i < n; i++) {
                if (intervals[i].first >= intervals[i].end)
                        return problem_set(problem, EBADMSG, "%s: interval %zu is empty", field->name, i);
                if (i > 0 && intervals[i].first < intervals[i - 1].end)
                        return problem_set(problem, EBADMSG,
                                           "%s: interval %zu is not beyond the one before it", field->name,
                                           i);
        }
        return 0;
}

static int check_rules(const ProtocolMessage *row, const Message *message, Problem *problem) {
        for (size_t i = 0; i < row->n_rules; i++) {
                const ProtocolRule *rule = row->rules + i;
                uint64_t a = field_integer(row->fields + rule->a, message);
                uint64_t b = field_integer(row->fields + rule->b, message);

                if (b < a || b - a < rule->low || b - a > rule->high)
                        return problem_set(problem, EBADMSG, "%s = %" PRIu64 " does not fit %s = %" PRIu64,
                                           row->fields[rule->b].name, b, row->fields[rule->a].name, a);
        }
        return 0;
}

/* Encoding */

/* Bytes of the field's value on the wire, or -EBADMSG. */
static ssize_t field_size(const ProtocolField *field, const Message *message) {
        const void *member = field_member(field, message);
        const MessageIntervals *intervals = member;
        const WireBytes *bytes = member;
        size_t n;
        int r;

        switch (field->kind) {
        case FIELD_U8:
        case FIELD_U16:
        case FIELD_U64:
                r = check_amount(field, field_integer(field, message), "", NULL);
                n = (size_t) protocol_field_size_max(field);
                break;
        case FIELD_TEXT:
                n = strnlen(member, (size_t) field->high + 1);
                r = n > field->high ? -EBADMSG : check_text(field, member, n, NULL);
                break;
        case FIELD_DIGEST:
                n = SHA256_SIZE;
                r = 0;
                break;
        case FIELD_BYTES:
        case FIELD_NUMBER:
                n = bytes->size;
                r = check_amount(field, n, " bytes", NULL);
                if (r >= 0 && field->kind == FIELD_NUMBER)
                        r = check_number(field, bytes->data, n, NULL);
                break;
        default:
                assert(field->kind == FIELD_INTERVALS);
                r = check_amount(field, intervals->n_intervals, " intervals", NULL);
                if (r >= 0)
                        r = check_intervals(field, intervals->intervals, intervals->n_intervals, NULL);
                n = intervals->n_intervals * PROTOCOL_INTERVAL_SIZE;
        }
        return r < 0 ? r : (ssize_t) n;
}

/* An optional field that says nothing is left out: then a message has one form only. */
static bool field_is_left_out(const ProtocolField *field, const Message *message, size_t size) {
        if (!protocol_field_is_optional(field))
                return false;
        return field_is_integer(field) ? field_integer(field, message) == 0 : size == 0;
}

static void field_write(const ProtocolField *field, const Message *message, uint8_t *p, size_t size) {
        const void *member = field_member(field, message);
        const MessageIntervals *intervals = member;
        const WireBytes *bytes = member;

        switch (field->kind) {
        case FIELD_U8:
                p[0] = (uint8_t) field_integer(field, message);
                break;
        case FIELD_U16:
                put_le16(p, (uint16_t) field_integer(field, message));
                break;
        case FIELD_U64:
                put_le64(p, field_integer(field, message));
                break;
        case FIELD_TEXT:
        case FIELD_DIGEST:
                memcpy(p, member, size);
                break;
        case FIELD_BYTES:
        case FIELD_NUMBER:
                if (size > 0)
                        memcpy(p, bytes->data, size);
                break;
        default:
                for (size_t i = 0; i < intervals->n_intervals; i++, p += PROTOCOL_INTERVAL_SIZE) {
                        put_le64(p, intervals->intervals[i].first);
                        put_le64(p + 8, intervals->intervals[i].end);
                }
        }
}

int message_encode(const Message *message, uint8_t **ret, size_t *ret_size) {
        const ProtocolMessage *row = protocol_find((uint16_t) message->type);
        size_t sizes[PROTOCOL_FIELDS_MAX], payload = 0;
        uint8_t *frame, *p;

        if (!row)
                return -EINVAL;
        assert(row->n_fields <= PROTOCOL_FIELDS_MAX);
        for (size_t i = 0; i < row->n_fields; i++) {
                ssize_t size = field_size(row->fields + i, message);

                if (size < 0)
                        return -EINVAL;
                sizes[i] = (size_t) size;
                if (!field_is_left_out(row->fields + i, message, sizes[i]))
                        payload += PROTOCOL_FIELD_HEADER_SIZE + sizes[i];
        }
        if (check_rules(row, message, NULL) < 0)
                return -EINVAL;

        frame = malloc(FRAME_HEADER_SIZE + payload);
        if (!frame)
                return -ENOMEM;
        frame_write_header(frame, (uint16_t) message->type, payload);
        p = frame + FRAME_HEADER_SIZE;
        for (size_t i = 0; i < row->n_fields; i++) {
                if (field_is_left_out(row->fields + i, message, sizes[i]))
                        continue;
                put_le16(p, row->fields[i].tag);
                put_le32(p + 2, (uint32_t) sizes[i]);
                field_write(row->fields + i, message, p + PROTOCOL_FIELD_HEADER_SIZE, sizes[i]);
                p += PROTOCOL_FIELD_HEADER_SIZE + sizes[i];
        }

        *ret = frame;
        *ret_size = FRAME_HEADER_SIZE + payload;
        return 0;
}

/* Decoding */

MessageDecoder *message_decoder_new(void) {
        return calloc(1, sizeof(MessageDecoder));
}

MessageDecoder *message_decoder_free(MessageDecoder *decoder) {
        if (decoder) {
                free(decoder->intervals);
                free(decoder);
        }
        return NULL;
}

static int decoder_read_intervals(MessageDecoder *decoder, const ProtocolField *field, const uint8_t *data,
                                  size_t size, Message *ret, Problem *problem) {
        MessageIntervals *member = field_member_mutable(field, ret);
        size_t n = size / PROTOCOL_INTERVAL_SIZE;
        int r;

        if (size % PROTOCOL_INTERVAL_SIZE != 0)
                return problem_set(problem, EBADMSG,
                                   "%s has %zu bytes, which is no whole number of intervals", field->name,
                                   size);
        r = check_amount(field, n, " intervals", problem);
        if (r < 0)
                return r;
        if (n > decoder->n_allocated) {
                WireInterval *grown = reallocarray(decoder->intervals, n, sizeof *grown);

                if (!grown)
                        return problem_set(problem, ENOMEM, "%s: %m", field->name);
                decoder->intervals = grown;
                decoder->n_allocated = n;
        }
        for (size_t i = 0; i < n; i++)
                decoder->intervals[i] = (WireInterval) {
                        .first = get_le64(data + i * PROTOCOL_INTERVAL_SIZE),
                        .end = get_le64(data + i * PROTOCOL_INTERVAL_SIZE + 8),
                };
        r = check_intervals(field, decoder->intervals, n, problem);
        if (r < 0)
                return r;
        member->n_intervals = n;
        member->intervals = decoder->intervals;
        return 0;
}

static int decoder_read_integer(const ProtocolField *field, const uint8_t *data, size_t size, Message *ret,
                                Problem *problem) {
        void *member = field_member_mutable(field, ret);

        if (size != protocol_field_size_max(field))
                return problem_set(problem, EBADMSG, "%s has %zu bytes, not %" PRIu64, field->name, size,
                                   protocol_field_size_max(field));
        switch (field->kind) {
        case FIELD_U8:
                *(uint8_t *) member = data[0];
                break;
        case FIELD_U16:
                *(uint16_t *) member = get_le16(data);
                break;
        default:
                *(uint64_t *) member = get_le64(data);
        }
        return check_amount(field, field_integer(field, ret), "", problem);
}

static int decoder_read_field(MessageDecoder *decoder, const ProtocolField *field, const uint8_t *data,
                              size_t size, Message *ret, Problem *problem) {
        void *member = field_member_mutable(field, ret);
        int r;

        if (field_is_integer(field))
                return decoder_read_integer(field, data, size, ret, problem);
        if (field->kind == FIELD_INTERVALS)
                return decoder_read_intervals(decoder, field, data, size, ret, problem);

        r = check_amount(field, size, " bytes", problem);
        if (r < 0)
                return r;
        switch (field->kind) {
        case FIELD_TEXT: /* the NUL is there: the message was cleared, and the member has one byte more */
                memcpy(member, data, size);
                return check_text(field, member, size, problem);
        case FIELD_DIGEST:
                memcpy(member, data, size);
                return 0;
        case FIELD_NUMBER:
                *(WireBytes *) member = (WireBytes) { .data = data, .size = size };
                return check_number(field, data, size, problem);
        default:
                assert(field->kind == FIELD_BYTES);
                *(WireBytes *) member = (WireBytes) { .data = data, .size = size };
                return 0;
        }
}

/* Index of the field with this tag, or n_fields. */
static size_t row_find(const ProtocolMessage *row, uint16_t tag) {
        size_t i;

        for (i = 0; i < row->n_fields; i++)
                if (row->fields[i].tag == tag)
                        break;
        return i;
}

static int decoder_read_fields(MessageDecoder *decoder, const ProtocolMessage *row, const uint8_t *p,
                               size_t left, Message *ret, Problem *problem) {
        uint32_t seen = 0;
        int r;

        while (left > 0) {
                uint16_t tag;
                uint32_t size;
                size_t i;

                if (left < PROTOCOL_FIELD_HEADER_SIZE)
                        return problem_set(problem, EBADMSG, "%zu stray bytes at the end", left);
                tag = get_le16(p);
                size = get_le32(p + 2);
                p += PROTOCOL_FIELD_HEADER_SIZE;
                left -= PROTOCOL_FIELD_HEADER_SIZE;
                if (size > left)
                        return problem_set(problem, EBADMSG, "field %#x goes beyond the end", tag);

                i = row_find(row, tag);
                if (i < row->n_fields) {
                        if (seen & UINT32_C(1) << i)
                                return problem_set(problem, EBADMSG, "%s stands twice", row->fields[i].name);
                        seen |= UINT32_C(1) << i;
                        r = decoder_read_field(decoder, row->fields + i, p, size, ret, problem);
                        if (r < 0)
                                return r;
                } else if (!(tag & WIRE_TAG_OPTIONAL))
                        return problem_set(problem, EBADMSG, "field %#x is not known", tag);
                p += size;
                left -= size;
        }

        for (size_t i = 0; i < row->n_fields; i++)
                if (!(seen & UINT32_C(1) << i) && !protocol_field_is_optional(row->fields + i))
                        return problem_set(problem, EBADMSG, "%s is missing", row->fields[i].name);
        return check_rules(row, ret, problem);
}

int message_decode(MessageDecoder *decoder, uint16_t type, const uint8_t *payload, size_t size, Message *ret,
                   Problem *problem) {
        const ProtocolMessage *row = protocol_find(type);
        Problem inner = PROBLEM_NONE;
        int r;

        if (!row)
                return problem_set(problem, EBADMSG, "message type %u is not known", type);
        if (size > protocol_payload_max(row))
                return problem_set(problem, EBADMSG, "%s has %zu bytes, more than the %zu it may have",
                                   row->name, size, protocol_payload_max(row));

        memset(ret, 0, sizeof *ret);
        ret->type = (MessageType) type;
        r = decoder_read_fields(decoder, row, payload, size, ret, &inner);
        if (r < 0)
                return problem_set(problem, r, "%s is malformed: %s", row->name, inner.text);
        return 0;
}
