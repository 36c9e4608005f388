/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scout/retry.h"

#include "seed.h"
#include "test.h"

static Random chance;

static void test_pauses_lie_in_their_bounds(void) {
        for (unsigned kind = 0; kind < _RETRY_KIND_MAX; kind++)
                for (unsigned n = 0; n < 80; n++) {
                        usec_t low = retry_pause_min(kind, n), high = retry_pause_max(kind, n);

                        CHECK(low <= high);
                        for (unsigned i = 0; i < 50; i++) {
                                usec_t pause = retry_pause(kind, n, &chance);

                                CHECK(pause >= low && pause <= high);
                        }
                }
}

static void test_pauses_never_shrink(void) {
        for (unsigned kind = 0; kind < _RETRY_KIND_MAX; kind++)
                for (unsigned n = 0; n < 80; n++)
                        CHECK(retry_pause_max(kind, n + 1) >= retry_pause_max(kind, n));
}

static void test_promises(void) {
        /* The doorbell is answered within 0.3 s, a restarted master found again within about one. */
        CHECK(retry_pause_max(RETRY_DOORBELL, 9) <= 300 * USEC_PER_MSEC);
        CHECK(retry_pause_max(RETRY_DONE, 0) <= USEC_PER_SEC);
        CHECK(retry_pause_min(RETRY_LOST, 0) >= USEC_PER_SEC / 2 && retry_pause_max(RETRY_LOST, 0) <= 2 * USEC_PER_SEC);
        CHECK(retry_pause_max(RETRY_LOST, 60) <= 90 * USEC_PER_SEC);
        CHECK(retry_pause_max(RETRY_UNREACHABLE, 60) <= 7 * USEC_PER_MINUTE);
        CHECK(retry_pause_min(RETRY_UNREACHABLE, 60) >= 3 * USEC_PER_MINUTE);
        CHECK(retry_pause_min(RETRY_REFUSED, 0) >= 10 * USEC_PER_MINUTE);
        /* With nothing to do a host wakes up less than once a minute. */
        CHECK(retry_pause_min(RETRY_RING, 0) >= 3 * USEC_PER_MINUTE);
        CHECK(retry_pause_min(RETRY_RING_SEEN, 0) >= 10 * USEC_PER_MINUTE);
}

static void test_chance_spreads(void) {
        usec_t low = USEC_INFINITY, high = 0;

        for (unsigned i = 0; i < 1000; i++) {
                usec_t pause = retry_pause(RETRY_DOORBELL, 0, &chance);

                low = pause < low ? pause : low;
                high = pause > high ? pause : high;
        }
        CHECK(low < 30 * USEC_PER_MSEC && high > 270 * USEC_PER_MSEC);
}

int main(void) {
        random_init(&chance, test_seed());
        RUN(test_pauses_lie_in_their_bounds);
        RUN(test_pauses_never_shrink);
        RUN(test_promises);
        RUN(test_chance_spreads);
        return tests_end();
}
