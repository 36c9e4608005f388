/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Messages to bytes and back. `test-message --write-corpus DIR` writes the samples as files, which are the
 * corpora of the fuzz targets message and frame.
 */

#include <errno.h>
#include <fcntl.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "wire/frame.h"
#include "wire/golden.h"
#include "wire/samples.h"

static SampleMemory memory;

static uint64_t test_seed(void) {
        const char *given = getenv("PRIMED_TEST_SEED");
        uint64_t seed = given ? strtoull(given, NULL, 0) : clock_realtime_usec();

        printf("# PRIMED_TEST_SEED=%" PRIu64 "\n", seed);
        return seed;
}

static int decode(MessageDecoder *decoder, const uint8_t *frame, size_t size, Message *ret,
                  Problem *problem) {
        return message_decode(decoder, get_le16(frame + 4), frame + FRAME_HEADER_SIZE,
                              size - FRAME_HEADER_SIZE, ret, problem);
}

/* What the wire looks like must never change by accident. */
static void test_golden_bytes(void) {
        for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                Message message = sample_message(type);
                _cleanup_free_ uint8_t *frame = NULL;
                char hex[2 * 1024 + 1] = "";
                size_t size;

                CHECK(message_encode(&message, &frame, &size) == 0);
                CHECK(size <= 1024);
                for (size_t i = 0; i < size; i++)
                        (void) snprintf(hex + 2 * i, 3, "%02x", frame[i]);
                CHECK_STRING(hex, golden[type] ? golden[type] : "");
        }
}

static void test_samples_come_back(void) {
        _cleanup_(message_decoder_freep) MessageDecoder *decoder = message_decoder_new();

        for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                Message message = sample_message(type), back;
                _cleanup_free_ uint8_t *frame = NULL;
                size_t size;

                CHECK(message_encode(&message, &frame, &size) == 0);
                CHECK(decode(decoder, frame, size, &back, NULL) == 0);
                check_same_message(&message, &back);
        }
}

static void test_random_messages_come_back(void) {
        _cleanup_(message_decoder_freep) MessageDecoder *decoder = message_decoder_new();
        Random random;

        random_init(&random, test_seed());
        for (unsigned round = 0; round < 200; round++)
                for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                        Message message = sample_random(&random, type, &memory), back;
                        _cleanup_free_ uint8_t *frame = NULL;
                        size_t size;

                        CHECK(message_encode(&message, &frame, &size) == 0);
                        CHECK(decode(decoder, frame, size, &back, NULL) == 0);
                        check_same_message(&message, &back);
                }
}

/* The largest message of each type passes the limit that the frame parser holds against it. */
static void test_largest_messages_fit(void) {
        static const uint8_t ones[WIRE_PACKED_MAX] = { [0] = 1, [WIRE_NUMBER_BYTES_MAX - 1] = 1 };
        _cleanup_(message_decoder_freep) MessageDecoder *decoder = message_decoder_new();
        Message block = sample_message(MESSAGE_BLOCK), job = sample_message(MESSAGE_JOB), back;
        _cleanup_free_ uint8_t *frame = NULL, *other = NULL;
        size_t size;

        block.block.packed = (WireBytes) { ones, WIRE_PACKED_MAX };
        CHECK(message_encode(&block, &frame, &size) == 0);
        CHECK(decode(decoder, frame, size, &back, NULL) == 0);
        block.block.packed.size++;
        CHECK_EQUAL(message_encode(&block, &other, &size), -EINVAL);

        job.job.from = job.job.to = (WireBytes) { ones, WIRE_NUMBER_BYTES_MAX };
        CHECK(message_encode(&job, &other, &size) == 0);
        CHECK(decode(decoder, other, size, &back, NULL) == 0);
        job.job.to.size++;
        CHECK_EQUAL(message_encode(&job, &other, &size), -EINVAL);
}

/* Whether the frame has `size` bytes without some of its last fields, all of which are optional. */
static bool is_size_without_optionals(const Message *message, size_t size) {
        const ProtocolMessage *row = protocol_find((uint16_t) message->type);
        Message shorter = *message;

        for (size_t i = row->n_fields; i > 0 && protocol_field_is_optional(row->fields + i - 1); i--) {
                const ProtocolField *last = row->fields + i - 1;
                _cleanup_free_ uint8_t *frame = NULL;
                size_t shorter_size;

                memset((uint8_t *) &shorter + last->offset, 0, (size_t) protocol_field_size_max(last));
                CHECK(message_encode(&shorter, &frame, &shorter_size) == 0);
                if (shorter_size == size)
                        return true;
        }
        return false;
}

/* Every shorter payload of a sample is refused: a field is missing or cut. Only last, optional fields may go whole. */
static void test_every_truncation(void) {
        _cleanup_(message_decoder_freep) MessageDecoder *decoder = message_decoder_new();

        for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                Message message = sample_message(type), back;
                _cleanup_free_ uint8_t *frame = NULL;
                size_t size;

                CHECK(message_encode(&message, &frame, &size) == 0);
                for (size_t n = 0; n < size - FRAME_HEADER_SIZE; n++) {
                        /* Memory of exactly this size, so that a read beyond it is seen. */
                        _cleanup_free_ uint8_t *cut = malloc(n + 1);
                        Problem problem = PROBLEM_NONE;

                        memcpy(cut, frame + FRAME_HEADER_SIZE, n);
                        if (is_size_without_optionals(&message, n + FRAME_HEADER_SIZE)) {
                                CHECK_EQUAL(message_decode(decoder, (uint16_t) type, cut, n, &back, &problem), 0);
                                continue;
                        }
                        CHECK_EQUAL(message_decode(decoder, (uint16_t) type, cut, n, &back, &problem),
                                    -EBADMSG);
                        CHECK(strncmp(problem.text, message_type_name(type),
                                      strlen(message_type_name(type))) == 0);
                }
        }
}

/* Flipped bits never crash, and what still decodes is in bounds: it can be encoded again. */
static void test_every_bit_flip(void) {
        _cleanup_(message_decoder_freep) MessageDecoder *decoder = message_decoder_new();
        unsigned n_refused = 0, n_accepted = 0;

        for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                Message message = sample_message(type), back;
                _cleanup_free_ uint8_t *frame = NULL;
                size_t size;

                CHECK(message_encode(&message, &frame, &size) == 0);
                for (size_t bit = FRAME_HEADER_SIZE * 8; bit < size * 8; bit++) {
                        _cleanup_free_ uint8_t *again = NULL;
                        size_t again_size;

                        frame[bit / 8] ^= (uint8_t) (1U << bit % 8);
                        if (decode(decoder, frame, size, &back, NULL) < 0)
                                n_refused++;
                        else {
                                n_accepted++;
                                CHECK(message_encode(&back, &again, &again_size) == 0);
                        }
                        frame[bit / 8] ^= (uint8_t) (1U << bit % 8);
                }
        }
        CHECK(n_refused > 1000 && n_accepted > 1000);
}

/* Payloads by hand: a REQUEST or whatever the row says, as "tag length bytes" in hexadecimal. */

static const struct {
        MessageType type;
        const char *hex, *says; /* NULL: accepted */
} payloads[] = {
        { MESSAGE_REQUEST, "0100 02000000 0100", NULL },
        { MESSAGE_REQUEST, "", "request.lane is missing" },
        { MESSAGE_REQUEST, "0100 02000000 0100 00", "1 stray bytes" },
        { MESSAGE_REQUEST, "0100 02000000 0100 0180 000000", "5 stray bytes" },
        { MESSAGE_REQUEST, "0100 02000000 0100 0100 02000000 0100", "request.lane stands twice" },
        { MESSAGE_REQUEST, "0100 01000000 01", "request.lane has 1 bytes, not 2" },
        { MESSAGE_REQUEST, "0100 03000000 010000", "request.lane has 3 bytes, not 2" },
        { MESSAGE_REQUEST, "0100 00000000", "request.lane has 0 bytes, not 2" },
        { MESSAGE_REQUEST, "0100 ffffffff 0100", "goes beyond the end" },
        { MESSAGE_REQUEST, "0100 03000000 0100", "goes beyond the end" },
        { MESSAGE_REQUEST, "0100 02000000 0004", "request.lane is 1024, not 0 … 1023" },
        { MESSAGE_REQUEST, "0100 02000000 0100 0300 01000000 00", "field 0x3 is not known" },
        { MESSAGE_REQUEST, "0000 00000000 0100 02000000 0100", "field 0 is not known" },
        { MESSAGE_REQUEST, "0100 02000000 0100 0380 01000000 00", NULL },     /* optional: skipped */
        { MESSAGE_REQUEST, "0380 03000000 010203 0100 02000000 0100", NULL }, /* … also in front */
        { MESSAGE_REQUEST, "0180 02000000 0100", "request.lane is missing" }, /* the tag is all 16 bits */
        { MESSAGE_PING, "", NULL },
        { MESSAGE_PING, "0100 00000000", "field 0x1 is not known" },
        { MESSAGE_PING, "0180 00000000", NULL },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 01000000 61", NULL },
        { MESSAGE_WELCOME, "0200 01000000 61 0100 02000000 0000", NULL }, /* any order */
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 00000000", NULL },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 01000000 0a", "welcome.name is not plain" },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 01000000 00", "welcome.name is not plain" },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 01000000 7f", "welcome.name is not plain" },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 01000000 1b", "welcome.name is not plain" },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 02000000 c29b", "welcome.name is not plain" },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 01000000 ff", "welcome.name is not plain" },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 02000000 c080", "welcome.name is not plain" },
        { MESSAGE_WELCOME, "0100 02000000 0000 0200 01000000 c3", "welcome.name is not plain" },
        { MESSAGE_BYE, "0100 01000000 c8 0200 00000000", NULL }, /* a code from the future */
        { MESSAGE_HELLO,
          "0100 02000000 0300 0200 02000000 0200 0300 00000000 0500 02000000 0100",
          "hello.version_max = 2 does not fit hello.version_min = 3" },
        { MESSAGE_HELLO,
          "0100 02000000 0000 0200 02000000 0000 0300 00000000 0500 02000000 0000",
          "hello.n_lanes is 0, not 1 … 1024" },
        { MESSAGE_HELLO,
          "0100 02000000 0000 0200 02000000 0000 0300 00000000 0500 02000000 0104",
          "hello.n_lanes is 1025, not 1 … 1024" },
        { MESSAGE_LEASE,
          "0100 08000000 0000000000000000 0200 02000000 0000 0300 08000000 0500000000000000"
          "0400 08000000 0500000000000000 0500 08000000 0500000000000000",
          "lease.end = 5 does not fit lease.first = 5" },
        { MESSAGE_LEASE,
          "0100 08000000 0000000000000000 0200 02000000 0000 0300 08000000 0500000000000000"
          "0400 08000000 0400000000000000 0500 08000000 0500000000000000",
          "lease.end = 4 does not fit" },
        { MESSAGE_LEASE,
          "0100 08000000 0000000000000000 0200 02000000 0000 0300 08000000 0500000000000000"
          "0400 08000000 0600100000000000 0500 08000000 ffffffffffffffff",
          "lease.end = 1048582 does not fit" },
        { MESSAGE_LEASE,
          "0100 08000000 0000000000000000 0200 02000000 0000 0300 08000000 0500000000000000"
          "0400 08000000 0500100000000000 0500 08000000 0500100000000000", NULL },
        { MESSAGE_LEASE,
          "0100 08000000 0000000000000000 0200 02000000 0000 0300 08000000 0500000000000000"
          "0400 08000000 0600000000000000 0500 08000000 0500000000000000",
          "lease.run_end = 5 does not fit lease.end = 6" },
        { MESSAGE_JOB,
          "0100 08000000 0000000000000000 0200 00000000 0300 00000000"
          "0400 08000000 0100000000000000", NULL },
        { MESSAGE_JOB,
          "0100 08000000 0000000000000000 0200 02000000 0100 0300 00000000 0400 08000000 0100000000000000",
          "job.from has leading zeros" },
        { MESSAGE_JOB,
          "0100 08000000 0000000000000000 0200 00000000 0300 00000000 0400 08000000 0000000000000000",
          "job.block_length is 0" },
        { MESSAGE_REVOKE, "0100 08000000 0000000000000000 0200 00000000",
          "revoke is 0 intervals, not 1 … 4096" },
        { MESSAGE_REVOKE, "0100 08000000 0000000000000000 0200 0f000000 000000000000000000000000000000",
          "revoke has 15 bytes" },
        { MESSAGE_REVOKE, "0100 08000000 0000000000000000 0200 10000000 0500000000000000 0500000000000000",
          "revoke: interval 0 is empty" },
        { MESSAGE_REVOKE, "0100 08000000 0000000000000000 0200 10000000 0500000000000000 0400000000000000",
          "revoke: interval 0 is empty" },
        { MESSAGE_REVOKE,
          "0100 08000000 0000000000000000 0200 20000000 0500000000000000 0700000000000000"
          "0600000000000000 0800000000000000", "revoke: interval 1 is not beyond" },
        { MESSAGE_REVOKE,
          "0100 08000000 0000000000000000 0200 20000000 0500000000000000 0700000000000000"
          "0100000000000000 0200000000000000", "revoke: interval 1 is not beyond" },
        { MESSAGE_REVOKE,
          "0100 08000000 0000000000000000 0200 20000000 0500000000000000 0700000000000000"
          "0700000000000000 0800000000000000", NULL }, /* touching is fine */
        { 0, "", "message type 0 is not known" },
        { _MESSAGE_TYPE_MAX, "", "is not known" },
        { 65535, "", "is not known" },
};

static size_t from_hex(const char *hex, uint8_t *ret) {
        size_t n = 0;

        for (; *hex; hex++) {
                char digits[3] = { hex[0], hex[1] };

                if (*hex == ' ')
                        continue;
                ret[n++] = (uint8_t) strtoul(digits, NULL, 16);
                hex++;
        }
        return n;
}

static void test_payloads_by_hand(void) {
        _cleanup_(message_decoder_freep) MessageDecoder *decoder = message_decoder_new();

        for (size_t i = 0; i < ELEMENTSOF(payloads); i++) {
                Problem problem = PROBLEM_NONE;
                uint8_t payload[256];
                Message message;
                size_t size = from_hex(payloads[i].hex, payload);
                int r;

                r = message_decode(decoder, (uint16_t) payloads[i].type, payload, size, &message, &problem);
                if ((r < 0) != (payloads[i].says != NULL) ||
                    (payloads[i].says && !strstr(problem.text, payloads[i].says)))
                        printf("# case %zu: %d '%s', not '%s'\n", i, r, problem.text,
                               payloads[i].says ? payloads[i].says : "");
                CHECK_EQUAL(r, payloads[i].says ? -EBADMSG : 0);
                CHECK(!payloads[i].says || strstr(problem.text, payloads[i].says));
        }
}

static void test_over_limit_is_refused(void) {
        _cleanup_(message_decoder_freep) MessageDecoder *decoder = message_decoder_new();
        static uint8_t payload[WIRE_PACKED_MAX * 2];
        Message message;
        Problem problem = PROBLEM_NONE;
        size_t n;

        /* A name of 65 bytes. */
        n = from_hex("0100 02000000 0000 0200 41000000", payload);
        memset(payload + n, 'a', 65);
        CHECK_EQUAL(message_decode(decoder, MESSAGE_WELCOME, payload, n + 65, &message, &problem), -EBADMSG);
        CHECK(strstr(problem.text, "welcome.name is 65 bytes, not 0 … 64"));

        /* A reason of 513 bytes. */
        problem = PROBLEM_NONE;
        n = from_hex("0100 01000000 00 0200 01020000", payload);
        memset(payload + n, 'a', 513);
        CHECK_EQUAL(message_decode(decoder, MESSAGE_BYE, payload, n + 513, &message, &problem), -EBADMSG);
        CHECK(strstr(problem.text, "bye.reason is 513 bytes"));

        /* 4,097 intervals. */
        problem = PROBLEM_NONE;
        n = from_hex("0100 08000000 0000000000000000 0200 10000100", payload);
        CHECK_EQUAL(message_decode(decoder, MESSAGE_REVOKE, payload, n + 65552, &message, &problem),
                    -EBADMSG);
        CHECK(strstr(problem.text, "revoke is 4097 intervals"));

        /* Optional fields cannot make a small message large. */
        problem = PROBLEM_NONE;
        n = from_hex("0100 02000000 0000 0280 00100000", payload);
        CHECK_EQUAL(message_decode(decoder, MESSAGE_REQUEST, payload, n + 4096, &message, &problem),
                    -EBADMSG);
        CHECK(strstr(problem.text, "more than the"));
}

/* What the decoder refuses the encoder does not let out. */
static void test_encoder_holds_the_rules(void) {
        static const uint8_t zeros[] = { 1, 0 };
        WireInterval disorder[] = { { 5, 6 }, { 1, 2 } }, empty[] = { { 5, 5 } };
        Message bad[] = {
                { .type = 0 },
                { .type = _MESSAGE_TYPE_MAX },
                { .type = MESSAGE_HELLO, .hello = { .n_lanes = 0 } },
                { .type = MESSAGE_HELLO, .hello = { .n_lanes = 1, .version_min = 2, .version_max = 1 } },
                { .type = MESSAGE_HELLO, .hello = { .n_lanes = 1, .name = "a\nb" } },
                { .type = MESSAGE_HELLO, .hello = { .n_lanes = 1, .program = "\xff" } },
                { .type = MESSAGE_REQUEST, .request.lane = WIRE_LANES_MAX },
                { .type = MESSAGE_LEASE, .lease = { .first = 5, .end = 5, .run_end = 5 } },
                { .type = MESSAGE_LEASE, .lease = { 0, 0, 0, WIRE_LEASE_BLOCKS_MAX + 1, UINT64_MAX } },
                { .type = MESSAGE_LEASE, .lease = { .first = 0, .end = 2, .run_end = 1 } },
                { .type = MESSAGE_JOB, .job = { .block_length = 0 } },
                { .type = MESSAGE_JOB, .job = { .block_length = 1, .from = { zeros, sizeof zeros } } },
                { .type = MESSAGE_ACKNOWLEDGE },
                { .type = MESSAGE_ACKNOWLEDGE, .acknowledge = { .n_intervals = 1, .intervals = empty } },
                { .type = MESSAGE_REVOKE, .revoke = { .n_intervals = 2, .intervals = disorder } },
                { .type = MESSAGE_HAND_BACK, .hand_back = { 0, WIRE_INTERVALS_MAX + 1, empty } },
        };
        Message endless = { .type = MESSAGE_BYE };
        uint8_t *frame;
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_EQUAL(message_encode(bad + i, &frame, &size), -EINVAL);
        memset(endless.bye.reason, 'x', sizeof endless.bye.reason); /* no NUL */
        CHECK_EQUAL(message_encode(&endless, &frame, &size), -EINVAL);
}

static void test_type_names(void) {
        CHECK_STRING(message_type_name(MESSAGE_HELLO), "HELLO");
        CHECK_STRING(message_type_name(MESSAGE_HAND_BACK), "HAND_BACK");
        CHECK(message_type_name(0) == NULL);
        CHECK(message_type_name(_MESSAGE_TYPE_MAX) == NULL);
}

static void write_corpus(const char *folder) {
        for (MessageType type = 1; type < _MESSAGE_TYPE_MAX; type++) {
                Message message = sample_message(type);
                _cleanup_free_ uint8_t *frame = NULL;
                _cleanup_close_ int fd = -1;
                char path[4096];
                size_t size;

                (void) snprintf(path, sizeof path, "%s/%s", folder, message_type_name(type));
                CHECK(message_encode(&message, &frame, &size) == 0);
                fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
                CHECK(fd >= 0);
                CHECK(fd_write_all(fd, frame, size) == 0);
        }
}

int main(int argc, char *argv[]) {
        if (argc == 3 && strcmp(argv[1], "--write-corpus") == 0) {
                write_corpus(argv[2]);
                return 0;
        }
        RUN(test_golden_bytes);
        RUN(test_samples_come_back);
        RUN(test_random_messages_come_back);
        RUN(test_largest_messages_fit);
        RUN(test_every_truncation);
        RUN(test_every_bit_flip);
        RUN(test_payloads_by_hand);
        RUN(test_over_limit_is_refused);
        RUN(test_encoder_holds_the_rules);
        RUN(test_type_names);
        return tests_end();
}
