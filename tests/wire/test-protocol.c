/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table itself: that its rows can be right at all, and that its printed form names everything. */

#include "wire/samples.h"

static size_t member_size(const ProtocolField *field) {
        switch (field->kind) {
        case FIELD_TEXT:
                return (size_t) field->high + 1;
        case FIELD_BYTES:
        case FIELD_NUMBER:
                return sizeof(WireBytes);
        case FIELD_INTERVALS:
                return sizeof(MessageIntervals);
        default:
                return (size_t) protocol_field_size_max(field);
        }
}

static void test_every_type_has_a_row(void) {
        for (unsigned type = 0; type <= UINT16_MAX; type++)
                CHECK((protocol_find((uint16_t) type) != NULL) == (type >= 1 && type < _MESSAGE_TYPE_MAX));
}

/*
 * Tags differ, members lie inside the message and do not overlap (but for MessageIntervals, which holds its
 * job).
 */
static void test_rows_are_sound(void) {
        for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                const ProtocolMessage *row = protocol_find((uint16_t) type);

                CHECK(row->n_fields <= PROTOCOL_FIELDS_MAX);
                for (size_t i = 0; i < row->n_fields; i++) {
                        const ProtocolField *a = row->fields + i;

                        CHECK((a->tag & ~WIRE_TAG_OPTIONAL) != 0);
                        CHECK(a->low <= a->high);
                        CHECK(a->offset >= offsetof(Message, hello));
                        CHECK(a->offset + member_size(a) <= sizeof(Message));
                        CHECK(!protocol_field_is_optional(a) || a->low == 0);
                        for (size_t j = i + 1; j < row->n_fields; j++) {
                                const ProtocolField *b = row->fields + j;

                                CHECK((a->tag & ~WIRE_TAG_OPTIONAL) < (b->tag & ~WIRE_TAG_OPTIONAL));
                                CHECK(b->kind == FIELD_INTERVALS || a->offset + member_size(a) <= b->offset);
                        }
                }
                for (size_t i = 0; i < row->n_rules; i++) {
                        CHECK(row->rules[i].a < row->n_fields && row->rules[i].b < row->n_fields);
                        CHECK(row->fields[row->rules[i].a].kind == row->fields[row->rules[i].b].kind);
                        CHECK(row->fields[row->rules[i].a].kind == FIELD_U16 ||
                              row->fields[row->rules[i].a].kind == FIELD_U64);
                }
        }
}

/*
 * What a stranger can make us gather is small; what anybody can is a packed block, or a job's two numbers.
 */
static void test_payloads_are_bounded(void) {
        for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                const ProtocolMessage *row = protocol_find((uint16_t) type);

                CHECK(protocol_payload_max(row) <= WIRE_PACKED_MAX + 1024);
                if (row->is_opening)
                        CHECK(protocol_payload_max(row) <= PROTOCOL_OPENING_MAX);
        }
}

static void test_print_names_every_field(void) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        CHECK(f != NULL);
        protocol_print(f);
        CHECK(fclose(f) == 0);
        for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                const ProtocolMessage *row = protocol_find((uint16_t) type);

                CHECK(strstr(text, row->name));
                for (size_t i = 0; i < row->n_fields; i++)
                        CHECK(strstr(text, row->fields[i].name));
        }
        CHECK(strstr(text,
                     "14  BYE  both  payload at most 781 bytes, also before the peer's HELLO or WELCOME\n"
                     "     1  u8          bye.code                  0 … 255\n"
                     "     2  text        bye.reason                0 … 512\n"));
        CHECK(strstr(text, "        1 <= lease.end - lease.first <= 1048576\n"));
        CHECK(strstr(text, "     4  text        hello.program             0 … 64  optional\n"));
        free(text);
}

int main(int argc, char *argv[]) {
        if (argc == 2 && strcmp(argv[1], "--print") == 0) {
                protocol_print(stdout);
                return 0;
        }
        RUN(test_every_type_has_a_row);
        RUN(test_rows_are_sound);
        RUN(test_payloads_are_bounded);
        RUN(test_print_names_every_field);
        return tests_end();
}
