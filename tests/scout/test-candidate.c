/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scout/candidate.h"

#include "fixture.h"
#include "seed.h"
#include "test.h"

#define START (1000 * USEC_PER_SEC)

static Random chance;

static Candidate *seen(char digit, bool work, usec_t now) {
        DiscoveredMaster master = fixture_master(digit, work, "10.0.0.1");
        Candidate *candidate = candidate_new(master.id);

        CHECK(candidate);
        candidate_seen(candidate, &master, now, &chance);
        return candidate;
}

static Candidate *fixed(const char *host, usec_t now) {
        Candidate *candidate = candidate_new("");

        CHECK(candidate && candidate_add_fixed(candidate, host, 7919, now, &chance) == 0);
        return candidate;
}

/* Connects at `now` and joins at once. */
static void join(Candidate *candidate, usec_t now) {
        Address peer = fixture_address("10.0.0.1", 7919);
        HandoverReport report = fixture_report(HANDOVER_JOINED, candidate->id[0] != '\0' ? candidate->id[0] : 'a');

        candidate_dialing(candidate, now);
        CHECK_STRING(candidate_state(candidate), "connecting");
        CHECK(candidate_handed_over(candidate, &peer, NULL, 0, now) == 0);
        CHECK_STRING(candidate_state(candidate), "connecting");
        candidate_report(candidate, &report, now);
        CHECK_STRING(candidate_state(candidate), "connected");
}

static void leave(Candidate *candidate, HandoverEvent event, usec_t now) {
        HandoverReport report = fixture_report(event, 'a');

        (void) snprintf(report.reason, sizeof report.reason, "because");
        candidate_report(candidate, &report, now);
        CHECK(!candidate_released(candidate, "crashed", now, &chance));
}

static void check_next(const Candidate *candidate, usec_t now, RetryKind kind, unsigned n) {
        CHECK_EQUAL(candidate->kind, kind);
        CHECK(candidate->next_try_usec >= now + retry_pause_min(kind, n));
        CHECK(candidate->next_try_usec <= now + retry_pause_max(kind, n));
}

static void test_doorbell_rings_at_once(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);

        check_next(candidate, START, RETRY_DOORBELL, 0);
        CHECK_STRING(candidate_state(candidate), "connecting");
        CHECK_STRING(candidate_title(candidate), "primed on host-a");
}

static void test_without_work_it_waits(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', false, START);
        DiscoveredMaster master = fixture_master('a', true, "10.0.0.1");

        check_next(candidate, START, RETRY_RING_SEEN, 0);
        CHECK_STRING(candidate_state(candidate), "waiting");
        candidate_seen(candidate, &master, START + USEC_PER_SEC, &chance);
        check_next(candidate, START + USEC_PER_SEC, RETRY_DOORBELL, 0);
}

static void test_repeated_record_is_no_doorbell(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);
        DiscoveredMaster master = fixture_master('a', true, "10.0.0.1");
        usec_t now = START + 2 * USEC_PER_SEC, next;

        candidate_dialing(candidate, now);
        candidate_unreachable(candidate, "no route", now, &chance);
        next = candidate->next_try_usec;
        candidate_seen(candidate, &master, now, &chance);
        CHECK(candidate->next_try_usec == next);

        /* Another number of the bell, or another address, is. */
        master.ring++;
        candidate_seen(candidate, &master, now, &chance);
        CHECK_EQUAL(candidate->kind, RETRY_DOORBELL);
        candidate_dialing(candidate, now);
        candidate_unreachable(candidate, "no route", now, &chance);
        master = fixture_master('a', true, "10.0.0.2");
        master.ring = 1;
        candidate_seen(candidate, &master, now, &chance);
        CHECK_EQUAL(candidate->kind, RETRY_DOORBELL);
        CHECK(candidate->n_addresses == 1 && ntohl(candidate->addresses[0].in.sin_addr.s_addr) == 0x0a000002);
}

static void test_flapping_record_keeps_a_gap(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);

        for (unsigned i = 0; i < 20; i++) {
                DiscoveredMaster master = fixture_master('a', i % 2, "10.0.0.1");
                usec_t now = START + i * 10 * USEC_PER_MSEC;

                if (candidate->next_try_usec <= now) {
                        candidate_dialing(candidate, now);
                        candidate_unreachable(candidate, "refused", now, &chance);
                }
                candidate_seen(candidate, &master, now, &chance);
                if (candidate->tried_usec > 0)
                        CHECK(candidate->next_try_usec >= candidate->tried_usec + CANDIDATE_GAP_USEC);
        }
}

static void test_fixed_rings_at_once_and_then_slowly(void) {
        _cleanup_(candidate_freep) Candidate *candidate = fixed("pi.local", START);
        usec_t now = START;

        check_next(candidate, now, RETRY_DOORBELL, 0);
        CHECK_STRING(candidate_title(candidate), "pi.local");
        join(candidate, now);
        CHECK_STRING(candidate_title(candidate), "host-a");
        leave(candidate, HANDOVER_DONE, now + USEC_PER_SEC);
        check_next(candidate, now + USEC_PER_SEC, RETRY_RING, 0);
        CHECK_STRING(candidate_state(candidate), "waiting");
        CHECK_STRING(candidate->reason, "because");
        CHECK_EQUAL(candidate->report.threads_applied, 0);
}

static void test_restarting_master_is_asked_soon_and_once(void) {
        _cleanup_(candidate_freep) Candidate *candidate = fixed("pi.local", START);
        usec_t now = START + 90 * USEC_PER_SEC;

        join(candidate, START);
        leave(candidate, HANDOVER_DONE, now);
        check_next(candidate, now, RETRY_DONE, 0);
        CHECK(candidate->next_try_usec <= now + USEC_PER_SEC);
        now = candidate->next_try_usec;
        join(candidate, now);
        leave(candidate, HANDOVER_DONE, now + USEC_PER_SEC / 10);
        CHECK_EQUAL(candidate->kind, RETRY_RING);
}

static void test_done_with_work_backs_off(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);
        usec_t now = START;

        for (unsigned i = 0; i < 8; i++) {
                join(candidate, now);
                leave(candidate, HANDOVER_DONE, now);
                check_next(candidate, now, RETRY_DONE, i);
                CHECK_STRING(candidate_state(candidate), "backing off");
                now = candidate->next_try_usec;
        }
        CHECK(now > START + USEC_PER_MINUTE);
}

static void test_done_and_then_no_work(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);
        DiscoveredMaster master = fixture_master('a', false, "10.0.0.1");

        join(candidate, START);
        leave(candidate, HANDOVER_DONE, START + USEC_PER_MINUTE);
        candidate_seen(candidate, &master, START + USEC_PER_MINUTE, &chance);
        CHECK_EQUAL(candidate->kind, RETRY_RING_SEEN);
}

static void test_lost_backs_off_until_a_good_session(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);
        usec_t now = START;

        for (unsigned i = 0; i < 10; i++) {
                join(candidate, now);
                leave(candidate, HANDOVER_LOST, now + USEC_PER_SEC);
                check_next(candidate, now + USEC_PER_SEC, RETRY_LOST, i);
                CHECK_STRING(candidate->reason, "because");
                now = candidate->next_try_usec;
        }
        CHECK(candidate->next_try_usec - now <= 90 * USEC_PER_SEC);
        join(candidate, now);
        now += CANDIDATE_SETTLED_USEC;
        leave(candidate, HANDOVER_LOST, now);
        check_next(candidate, now, RETRY_LOST, 0);
}

static void test_refused_waits_long_whatever_rings(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);
        DiscoveredMaster master = fixture_master('a', true, "10.0.0.1");
        usec_t next;

        join(candidate, START);
        leave(candidate, HANDOVER_REFUSED, START);
        CHECK_STRING(candidate_state(candidate), "refused");
        CHECK(candidate->next_try_usec >= START + 10 * USEC_PER_MINUTE);
        next = candidate->next_try_usec;
        master.ring = 7;
        candidate_seen(candidate, &master, START + USEC_PER_SEC, &chance);
        CHECK(candidate->next_try_usec == next);
}

static void test_unreachable_backs_off(void) {
        _cleanup_(candidate_freep) Candidate *candidate = fixed("10.0.0.9", START);
        usec_t now = START;

        for (unsigned i = 0; i < 12; i++) {
                candidate_dialing(candidate, now);
                candidate_unreachable(candidate, "10.0.0.9:7919: Connection refused", now, &chance);
                check_next(candidate, now, RETRY_UNREACHABLE, i);
                CHECK_STRING(candidate_state(candidate), "backing off");
                now = candidate->next_try_usec;
        }
        join(candidate, now);
        leave(candidate, HANDOVER_LOST, now);
        candidate_dialing(candidate, now + USEC_PER_MINUTE);
        candidate_unreachable(candidate, "", now + USEC_PER_MINUTE, &chance);
        check_next(candidate, now + USEC_PER_MINUTE, RETRY_UNREACHABLE, 0);
}

static void test_silent_end_is_the_workers_fault(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);
        Address peer = fixture_address("10.0.0.1", 7919);

        candidate_dialing(candidate, START);
        CHECK(candidate_handed_over(candidate, &peer, NULL, 0, START) == 0);
        CHECK(candidate_released(candidate, "crashed", START + 1, &chance));
        CHECK_STRING(candidate_state(candidate), "backing off");
        CHECK(candidate->next_try_usec == START + 1);

        /* After it joined, it is a lost session. */
        join(candidate, START + USEC_PER_SEC);
        CHECK(!candidate_released(candidate, "crashed", START + 2 * USEC_PER_SEC, &chance));
        check_next(candidate, START + 2 * USEC_PER_SEC, RETRY_LOST, 0);
}

static void test_goodbye_keeps_the_session(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);
        usec_t now = START + 2 * USEC_PER_HOUR;

        join(candidate, START);
        candidate_unseen(candidate, START + USEC_PER_SEC, &chance);
        CHECK_STRING(candidate_state(candidate), "connected");
        CHECK(!candidate_is_forgotten(candidate, START + 100 * USEC_PER_HOUR));

        /* Lost then, it is tried for an hour since it was seen last. */
        leave(candidate, HANDOVER_LOST, START + USEC_PER_MINUTE);
        CHECK_STRING(candidate_state(candidate), "gone");
        CHECK(candidate->next_try_usec < START + 3 * USEC_PER_MINUTE);
        CHECK(!candidate_is_forgotten(candidate, START + 10 * USEC_PER_MINUTE));
        CHECK(candidate_is_forgotten(candidate, now));
}

static void test_goodbye_forgets_strangers(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', false, START);

        CHECK(!candidate_is_forgotten(candidate, START));
        candidate_unseen(candidate, START, &chance);
        CHECK(candidate_is_forgotten(candidate, START));
}

static void test_fixed_is_never_forgotten(void) {
        _cleanup_(candidate_freep) Candidate *candidate = fixed("pi.local", START);

        CHECK(!candidate_is_forgotten(candidate, START + 1000 * USEC_PER_HOUR));
        CHECK(candidate_find_fixed(candidate, "PI.local", 7919) == 0);
        CHECK(candidate_find_fixed(candidate, "pi.local", 7920) == -1);
        candidate_remove_fixed(candidate, 0);
        CHECK(candidate_is_forgotten(candidate, START));
}

static void test_shunned_addresses_come_back(void) {
        _cleanup_(candidate_freep) Candidate *candidate = seen('a', true, START);

        for (unsigned i = 0; i < 3 * CANDIDATE_SHUNNED_MAX; i++) {
                Address address = fixture_address("10.0.0.1", (uint16_t) (1000 + i));

                CHECK(!candidate_shuns(candidate, &address, START + i));
                candidate_shun(candidate, &address, START + i);
                CHECK(candidate_shuns(candidate, &address, START + i));
                CHECK(!candidate_shuns(candidate, &address, START + i + CANDIDATE_SHUNNED_USEC));
        }
}

int main(void) {
        random_init(&chance, test_seed());
        RUN(test_doorbell_rings_at_once);
        RUN(test_without_work_it_waits);
        RUN(test_repeated_record_is_no_doorbell);
        RUN(test_flapping_record_keeps_a_gap);
        RUN(test_fixed_rings_at_once_and_then_slowly);
        RUN(test_restarting_master_is_asked_soon_and_once);
        RUN(test_done_with_work_backs_off);
        RUN(test_done_and_then_no_work);
        RUN(test_lost_backs_off_until_a_good_session);
        RUN(test_refused_waits_long_whatever_rings);
        RUN(test_unreachable_backs_off);
        RUN(test_silent_end_is_the_workers_fault);
        RUN(test_goodbye_keeps_the_session);
        RUN(test_goodbye_forgets_strangers);
        RUN(test_fixed_is_never_forgotten);
        RUN(test_shunned_addresses_come_back);
        return tests_end();
}
