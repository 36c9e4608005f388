/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The table of all messages.
 *
 * HELLO, WELCOME and BYE are read before a version is agreed: whatever later versions do, the fields that
 * stand here keep their tags and meanings, and new ones are optional. The other messages belong to their
 * version.
 */

#include "wire/protocol.h"

#include <inttypes.h>

#include "base/macro.h"

#define FIELD(kind_, tag_, member, low_, high_)                                                             \
        {                                                                                                   \
                .name = #member, .tag = (tag_), .kind = FIELD_##kind_, .offset = offsetof(Message, member), \
                .low = (low_), .high = (high_)                                                              \
        }
#define OPTIONAL(kind_, tag_, member, low_, high_)                                                          \
        FIELD(kind_, WIRE_TAG_OPTIONAL | (tag_), member, low_, high_)

static const ProtocolField hello_fields[] = {
        FIELD(U16, 1, hello.version_min, 0, UINT16_MAX),
        FIELD(U16, 2, hello.version_max, 0, UINT16_MAX),
        FIELD(TEXT, 3, hello.name, 0, WIRE_NAME_MAX),
        OPTIONAL(TEXT, 4, hello.program, 0, WIRE_NAME_MAX),
        FIELD(U16, 5, hello.n_lanes, 1, WIRE_LANES_MAX),
        OPTIONAL(U16, 6, hello.n_threads, 0, WIRE_THREADS_MAX),
};
static const ProtocolRule hello_rules[] = {
        { 0, 1, 0, UINT16_MAX }, /* version_min <= version_max */
};

static const ProtocolField welcome_fields[] = {
        FIELD(U16, 1, welcome.version, 0, UINT16_MAX),
        FIELD(TEXT, 2, welcome.name, 0, WIRE_NAME_MAX),
        OPTIONAL(TEXT, 3, welcome.program, 0, WIRE_NAME_MAX),
};

static const ProtocolField settings_fields[] = {
        FIELD(U16, 1, settings.threads_max, 0, UINT16_MAX),
        OPTIONAL(U16, 2, settings.cpu_percent, 0, UINT16_MAX),
};

static const ProtocolField request_fields[] = {
        FIELD(U16, 1, request.lane, 0, WIRE_LANES_MAX - 1),
        OPTIONAL(U64, 2, request.n_blocks, 0, WIRE_LEASE_BLOCKS_MAX),
};

static const ProtocolField job_fields[] = {
        FIELD(U64, 1, job.job, 0, UINT64_MAX),
        FIELD(NUMBER, 2, job.from, 0, WIRE_NUMBER_BYTES_MAX),
        FIELD(NUMBER, 3, job.to, 0, WIRE_NUMBER_BYTES_MAX),
        FIELD(U64, 4, job.block_length, 1, UINT64_MAX),
        OPTIONAL(U16, 5, job.priority, 0, WIRE_PRIORITY_MAX),
        OPTIONAL(U8, 6, job.certainty, 0, UINT8_MAX),
};

static const ProtocolField lease_fields[] = {
        FIELD(U64, 1, lease.job, 0, UINT64_MAX),
        FIELD(U16, 2, lease.lane, 0, WIRE_LANES_MAX - 1),
        FIELD(U64, 3, lease.first, 0, UINT64_MAX),
        FIELD(U64, 4, lease.end, 0, UINT64_MAX),
        FIELD(U64, 5, lease.run_end, 0, UINT64_MAX),
};
static const ProtocolRule lease_rules[] = {
        { 2, 3, 1, WIRE_LEASE_BLOCKS_MAX }, /* at least one block, not too many */
        { 3, 4, 0, UINT64_MAX },            /* end <= run_end */
};

static const ProtocolField wait_fields[] = {
        FIELD(U16, 1, wait.lane, 0, WIRE_LANES_MAX - 1),
};

static const ProtocolField block_fields[] = {
        FIELD(U64, 1, block.job, 0, UINT64_MAX),
        FIELD(U64, 2, block.sequence, 0, UINT64_MAX),
        FIELD(U8, 3, block.codec, 0, UINT8_MAX),
        FIELD(U8, 4, block.certainty, 0, UINT8_MAX),
        FIELD(U64, 5, block.count, 0, UINT64_MAX),
        FIELD(DIGEST, 6, block.digest, SHA256_SIZE, SHA256_SIZE),
        OPTIONAL(U64, 7, block.compute_usec, 0, UINT64_MAX),
        FIELD(BYTES, 8, block.packed, 0, WIRE_PACKED_MAX),
};

#define INTERVAL_FIELDS(member)                                                                             \
        {                                                                                                   \
                FIELD(U64, 1, member.job, 0, UINT64_MAX),                                                   \
                FIELD(INTERVALS, 2, member, 1, WIRE_INTERVALS_MAX),                                         \
        }
static const ProtocolField acknowledge_fields[] = INTERVAL_FIELDS(acknowledge);
static const ProtocolField revoke_fields[] = INTERVAL_FIELDS(revoke);
static const ProtocolField hand_back_fields[] = INTERVAL_FIELDS(hand_back);

/* A code that we do not know is no error: the reason stands beside it. */
static const ProtocolField bye_fields[] = {
        FIELD(U8, 1, bye.code, 0, UINT8_MAX),
        FIELD(TEXT, 2, bye.reason, 0, WIRE_REASON_MAX),
};

static const ProtocolField state_fields[] = {
        FIELD(U16, 1, state.threads_allowed, 0, UINT16_MAX),
        FIELD(U16, 2, state.threads_applied, 0, UINT16_MAX),
        OPTIONAL(TEXT, 3, state.note, 0, WIRE_REASON_MAX),
};

#define ROW(fields_) .fields = (fields_), .n_fields = ELEMENTSOF(fields_)
#define RULES(rules_) .rules = (rules_), .n_rules = ELEMENTSOF(rules_)

static const ProtocolMessage protocol[] = {
        [MESSAGE_HELLO] = { "HELLO", "W → M", ROW(hello_fields), RULES(hello_rules), .is_opening = true },
        [MESSAGE_WELCOME] = { "WELCOME", "M → W", ROW(welcome_fields), .is_opening = true },
        [MESSAGE_SETTINGS] = { "SETTINGS", "M → W", ROW(settings_fields) },
        [MESSAGE_REQUEST] = { "REQUEST", "W → M", ROW(request_fields) },
        [MESSAGE_JOB] = { "JOB", "M → W", ROW(job_fields) },
        [MESSAGE_LEASE] = { "LEASE", "M → W", ROW(lease_fields), RULES(lease_rules) },
        [MESSAGE_WAIT] = { "WAIT", "M → W", ROW(wait_fields) },
        [MESSAGE_BLOCK] = { "BLOCK", "W → M", ROW(block_fields) },
        [MESSAGE_ACKNOWLEDGE] = { "ACKNOWLEDGE", "M → W", ROW(acknowledge_fields) },
        [MESSAGE_REVOKE] = { "REVOKE", "M → W", ROW(revoke_fields) },
        [MESSAGE_HAND_BACK] = { "HAND_BACK", "W → M", ROW(hand_back_fields) },
        [MESSAGE_PING] = { "PING", "both", .is_opening = true },
        [MESSAGE_PONG] = { "PONG", "both", .is_opening = true },
        [MESSAGE_STATE] = { "STATE", "W → M", ROW(state_fields) },
        [MESSAGE_BYE] = { "BYE", "both", ROW(bye_fields), .is_opening = true },
};

const ProtocolMessage *protocol_find(uint16_t type) {
        return type < ELEMENTSOF(protocol) && protocol[type].name ? protocol + type : NULL;
}

uint64_t protocol_field_size_max(const ProtocolField *field) {
        switch (field->kind) {
        case FIELD_U8:
                return 1;
        case FIELD_U16:
                return 2;
        case FIELD_U64:
                return 8;
        case FIELD_INTERVALS:
                return field->high * PROTOCOL_INTERVAL_SIZE;
        default:
                return field->high;
        }
}

size_t protocol_payload_max(const ProtocolMessage *message) {
        size_t size = PROTOCOL_UNKNOWN_MAX;

        for (size_t i = 0; i < message->n_fields; i++)
                size += PROTOCOL_FIELD_HEADER_SIZE + (size_t) protocol_field_size_max(message->fields + i);
        return size;
}

static void protocol_print_field(FILE *f, const ProtocolField *field) {
        static const char *const kinds[_FIELD_KIND_MAX] = {
                [FIELD_U8] = "u8",         [FIELD_U16] = "u16",       [FIELD_U64] = "u64",
                [FIELD_TEXT] = "text",     [FIELD_DIGEST] = "digest", [FIELD_BYTES] = "bytes",
                [FIELD_NUMBER] = "number", [FIELD_INTERVALS] = "intervals",
        };

        fprintf(f, "    %2u  %-10s  %-24s  %" PRIu64 " … %" PRIu64 "%s\n", field->tag & ~WIRE_TAG_OPTIONAL,
                kinds[field->kind], field->name, field->low, field->high,
                protocol_field_is_optional(field) ? "  optional" : "");
}

void protocol_print(FILE *f) {
        for (uint16_t type = 0; type < ELEMENTSOF(protocol); type++) {
                const ProtocolMessage *message = protocol_find(type);

                if (!message)
                        continue;
                fprintf(f, "%2u  %s  %s  payload at most %zu bytes%s\n", type, message->name,
                        message->direction, protocol_payload_max(message),
                        message->is_opening ? ", also before the peer's HELLO or WELCOME" : "");
                for (size_t i = 0; i < message->n_fields; i++)
                        protocol_print_field(f, message->fields + i);
                for (size_t i = 0; i < message->n_rules; i++) {
                        const ProtocolRule *rule = message->rules + i;

                        fprintf(f, "        %" PRIu64 " <= %s - %s <= %" PRIu64 "\n", rule->low,
                                message->fields[rule->b].name, message->fields[rule->a].name, rule->high);
                }
        }
}
