/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Messages for tests: one fixed sample of each type, random ones, and a comparison. */

#include "base/macro.h"
#include "base/random.h"
#include "test.h"
#include "wire/message.h"
#include "wire/protocol.h"

/* One message of each type that is not simply zero. Their bytes on the wire stand in golden.h. */
static inline Message sample_message(MessageType type) {
        static const uint8_t from[] = { 0x00, 0xe1, 0xf5, 0x05 }, to[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1 };
        static const uint8_t packed[] = { 0xfb, 0xff, 0x00, 0x10 };
        static const WireInterval intervals[] = { { 0, 1 }, { 5, 9 }, { 9, UINT64_MAX } };
        const MessageIntervals set = { .job = 7,
                                       .n_intervals = ELEMENTSOF(intervals),
                                       .intervals = intervals };
        Message message = { .type = type };

        switch (type) {
        case MESSAGE_HELLO:
                message.hello = (MessageHello) {
                        .version_max = 3,
                        .name = "w\u00f6rker-1",
                        .program = "primed-worker 0.1.0",
                        .n_lanes = 8,
                        .n_threads = 16,
                };
                break;
        case MESSAGE_WELCOME:
                message.welcome = (MessageWelcome) { .version = 1, .name = "master" };
                break;
        case MESSAGE_SETTINGS:
                message.settings = (MessageSettings) { .threads_max = 4, .cpu_percent = 150 };
                break;
        case MESSAGE_REQUEST:
                message.request = (MessageRequest) { .lane = WIRE_LANES_MAX - 1, .n_blocks = 96 };
                break;
        case MESSAGE_JOB:
                message.job = (MessageJob) {
                        .job = 7,
                        .from = { from, sizeof from },
                        .to = { to, sizeof to },
                        .block_length = 31457280,
                        .priority = 100,
                        .certainty = 1,
                };
                break;
        case MESSAGE_LEASE:
                message.lease = (MessageLease) {
                        .job = 7, .lane = 2, .first = 100, .end = 132, .run_end = 1000
                };
                break;
        case MESSAGE_WAIT:
                message.wait = (MessageWait) { .lane = 2 };
                break;
        case MESSAGE_BLOCK:
                message.block = (MessageBlock) {
                        .job = 7, .sequence = 131, .codec = 1, .certainty = 2, .count = 1857859,
                        .digest = { 0xe3, 0xb0, 0xc4, 0x42 }, .compute_usec = 1234567,
                        .packed = { packed, sizeof packed },
                };
                break;
        case MESSAGE_ACKNOWLEDGE:
                message.acknowledge = set;
                break;
        case MESSAGE_REVOKE:
                message.revoke = set;
                break;
        case MESSAGE_HAND_BACK:
                message.hand_back = set;
                break;
        case MESSAGE_BYE:
                message.bye = (MessageBye) { .code = BYE_REFUSED, .reason = "the key is not known here" };
                break;
        case MESSAGE_STATE:
                message.state = (MessageState) {
                        .threads_allowed = 4, .threads_applied = 2, .note = "the master's cap"
                };
                break;
        default:
                break;
        }
        return message;
}

/* Random values in every field, bounds and long strings often; what must fit together does. */

/* Where random strings, numbers and intervals of one message live. */
typedef struct SampleMemory {
        uint8_t bytes[2][WIRE_PACKED_MAX];
        WireInterval intervals[WIRE_INTERVALS_MAX];
} SampleMemory;

static inline uint64_t sample_integer(Random *random, uint64_t low, uint64_t high) {
        switch (random_below(random, 4)) {
        case 0:
                return low;
        case 1:
                return high;
        default: /* all magnitudes */
                return low + (random_u64(random) >> random_below(random, 64)) %
                                             (high - low + (high - low < UINT64_MAX));
        }
}

static inline void sample_text(Random *random, char *ret, size_t max) {
        static const char *const characters[] = {
                "a", "Z", "0", " ", "~", "\u00e9", "\u20ac", "\U0001f600"
        };
        size_t size = (size_t) sample_integer(random, 0, max), used = 0;

        for (;;) {
                const char *c = characters[random_below(random, ELEMENTSOF(characters))];

                if (used + strlen(c) > size)
                        break;
                memcpy(ret + used, c, strlen(c));
                used += strlen(c);
        }
        ret[used] = '\0';
}

static inline WireBytes sample_bytes(Random *random, uint8_t *memory, size_t max, bool is_number) {
        size_t size = (size_t) sample_integer(random, 0, random_below(random, 10) == 0 ? max : 300);

        for (size_t i = 0; i < size; i++)
                memory[i] = (uint8_t) random_u64(random);
        if (is_number && size > 0)
                memory[size - 1] |= 1;
        return (WireBytes) { memory, size };
}

static inline MessageIntervals sample_intervals(Random *random, WireInterval *memory) {
        size_t n = (size_t) sample_integer(random, 1, WIRE_INTERVALS_MAX);
        uint64_t at = 0;

        for (size_t i = 0; i < n; i++) {
                memory[i].first = at + random_below(random, 1000); /* may touch the one before */
                memory[i].end = at = memory[i].first + 1 + random_below(random, UINT64_C(1) << 40);
        }
        return (MessageIntervals) { .job = random_u64(random), .n_intervals = n, .intervals = memory };
}

static inline void sample_member(Random *random, const ProtocolField *field, Message *message,
                                 SampleMemory *memory, unsigned *n_bytes) {
        void *member = (uint8_t *) message + field->offset;

        switch (field->kind) {
        case FIELD_U8:
                *(uint8_t *) member = (uint8_t) sample_integer(random, field->low, field->high);
                break;
        case FIELD_U16:
                *(uint16_t *) member = (uint16_t) sample_integer(random, field->low, field->high);
                break;
        case FIELD_U64:
                *(uint64_t *) member = sample_integer(random, field->low, field->high);
                break;
        case FIELD_TEXT:
                sample_text(random, member, (size_t) field->high);
                break;
        case FIELD_DIGEST:
                for (size_t i = 0; i < SHA256_SIZE; i++)
                        ((uint8_t *) member)[i] = (uint8_t) random_u64(random);
                break;
        case FIELD_BYTES:
        case FIELD_NUMBER:
                *(WireBytes *) member = sample_bytes(random, memory->bytes[(*n_bytes)++],
                                                     (size_t) field->high, field->kind == FIELD_NUMBER);
                break;
        default:
                *(MessageIntervals *) member = sample_intervals(random, memory->intervals);
        }
}

static inline Message sample_random(Random *random, MessageType type, SampleMemory *memory) {
        const ProtocolMessage *row = protocol_find((uint16_t) type);
        Message message = { .type = type };
        unsigned n_bytes = 0;

        for (size_t i = 0; i < row->n_fields; i++)
                sample_member(random, row->fields + i, &message, memory, &n_bytes);
        if (type == MESSAGE_HELLO && message.hello.version_min > message.hello.version_max)
                message.hello.version_max = message.hello.version_min;
        if (type == MESSAGE_LEASE) {
                MessageLease *lease = &message.lease;

                lease->first = MIN(lease->first, UINT64_MAX - WIRE_LEASE_BLOCKS_MAX);
                lease->end = lease->first + sample_integer(random, 1, WIRE_LEASE_BLOCKS_MAX);
                lease->run_end = sample_integer(random, lease->end, UINT64_MAX);
        }
        return message;
}

/* Fails where two messages differ. */
static inline void check_same_message(const Message *a, const Message *b) {
        const ProtocolMessage *row = protocol_find((uint16_t) a->type);

        CHECK_EQUAL(a->type, b->type);
        for (size_t i = 0; i < row->n_fields; i++) {
                const ProtocolField *field = row->fields + i;
                const void *x = (const uint8_t *) a + field->offset,
                           *y = (const uint8_t *) b + field->offset;
                const MessageIntervals *s = x, *t = y;
                const WireBytes *p = x, *q = y;

                switch (field->kind) {
                case FIELD_TEXT:
                        CHECK_STRING(x, y);
                        break;
                case FIELD_BYTES:
                case FIELD_NUMBER:
                        CHECK_EQUAL(p->size, q->size);
                        CHECK(p->size == 0 || memcmp(p->data, q->data, p->size) == 0);
                        break;
                case FIELD_INTERVALS:
                        CHECK_EQUAL(s->n_intervals, t->n_intervals);
                        for (size_t j = 0; j < s->n_intervals; j++) {
                                CHECK(s->intervals[j].first == t->intervals[j].first);
                                CHECK(s->intervals[j].end == t->intervals[j].end);
                        }
                        break;
                default:
                        CHECK(memcmp(x, y, (size_t) protocol_field_size_max(field)) == 0);
                }
        }
}
