/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The outbox against a plain array of bytes. */

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/random.h"
#include "test.h"
#include "wire/outbox.h"

static uint8_t expected[8 << 20];

static void put(Outbox *outbox, Random *random, size_t *put_bytes, size_t size) {
        uint8_t *frame = malloc(size);

        CHECK(frame != NULL);
        for (size_t i = 0; i < size; i++)
                expected[*put_bytes + i] = frame[i] = (uint8_t) random_u64(random);
        *put_bytes += size;
        CHECK(outbox_put(outbox, frame, size) == 0);
}

static void test_bytes_come_out_in_order(void) {
        size_t n_put = 0, n_taken = 0;
        Outbox outbox = {};
        Random random;

        random_init(&random, 7);
        while (n_put < sizeof expected - 200000) {
                const uint8_t *data;
                size_t size, n;

                for (uint64_t i = random_below(&random, 20); i > 0; i--) {
                        size_t frame_max = random_below(&random, 30) == 0 ? 100000 : 300;

                        if (n_put < sizeof expected - 200000)
                                put(&outbox, &random, &n_put,
                                    16 + (size_t) random_below(&random, frame_max));
                }
                CHECK_EQUAL(outbox.n_bytes, n_put - n_taken);
                for (uint64_t i = random_below(&random, 6); i > 0; i--) {
                        data = outbox_peek(&outbox, &size);
                        CHECK((data == NULL) == (n_put == n_taken));
                        CHECK((size == 0) == (n_put == n_taken));
                        if (size == 0)
                                break;
                        n = 1 + (size_t) random_below(&random, MIN(size, (size_t) 16384));
                        CHECK(memcmp(data, expected + n_taken, n) == 0);
                        outbox_consume(&outbox, n);
                        n_taken += n;
                }
        }
        CHECK(n_taken > 0);
        outbox_done(&outbox);
        CHECK(outbox.n_bytes == 0 && outbox.head == NULL);
}

/* A record that is half sent must stay where it is while more is queued. */
static void test_put_does_not_move_what_waits(void) {
        const uint8_t *before, *after;
        size_t size_before, size_after, n_put = 0;
        Outbox outbox = {};
        Random random;

        random_init(&random, 8);
        put(&outbox, &random, &n_put, 100);
        before = outbox_peek(&outbox, &size_before);
        for (unsigned i = 0; i < 1000; i++)
                put(&outbox, &random, &n_put, 100);
        after = outbox_peek(&outbox, &size_after);
        CHECK(before == after);
        CHECK(size_after > size_before && size_after <= 16384); /* they share a record */
        outbox_done(&outbox);
}

int main(void) {
        RUN(test_bytes_come_out_in_order);
        RUN(test_put_does_not_move_what_waits);
        return tests_end();
}
