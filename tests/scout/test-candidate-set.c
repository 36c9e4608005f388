/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scout/candidate-set.h"

#include <errno.h>

#include "fixture.h"
#include "seed.h"
#include "test.h"

#define NOW (1000 * USEC_PER_SEC)

static Random chance;
static CandidateSet set = { .random = &chance };

static Candidate *see(char digit, const char *host) {
        DiscoveredMaster master = fixture_master(digit, true, host);
        Candidate *candidate = NULL;

        CHECK(candidate_set_see(&set, &master, NOW, &candidate) == 0);
        return candidate;
}

static void fix(size_t n, const char *const *hosts) {
        SettingsAddress fixed[4];

        for (size_t i = 0; i < n; i++)
                fixed[i] = (SettingsAddress) { .host = (char *) hosts[i], .port = 7919 };
        CHECK(candidate_set_fix(&set, fixed, n, NOW) == 0);
}

#define FIX(...)                                                                                                     \
        fix(sizeof((const char *const[]) { __VA_ARGS__ }) / sizeof(char *), (const char *const[]) { __VA_ARGS__ })

static void hand_over(Candidate *candidate, const char *host, const char *via) {
        Address peer = fixture_address(host, 7919);

        candidate_dialing(candidate, NOW);
        CHECK(candidate_handed_over(candidate, &peer, via, 7919, NOW) == 0);
}

static Candidate *identify(Candidate *candidate, char digit) {
        Candidate *owner = NULL;

        CHECK(candidate_set_identify(&set, candidate, fixture_id(digit), NOW, &owner) == 0);
        CHECK(owner->proved && owner->id[0] == digit);
        return owner;
}

static void test_records_of_one_id_are_one(void) {
        Candidate *a = see('a', "10.0.0.1");

        CHECK(see('a', "10.0.0.2") == a && set.n_candidates == 1);
        CHECK(see('b', "10.0.0.1") != a && set.n_candidates == 2);
        CHECK(candidate_set_find(&set, fixture_id('b')) == set.candidates[1]);
        CHECK(!candidate_set_find(&set, fixture_id('c')));
        candidate_set_done(&set);
}

static void test_config_adds_and_removes(void) {
        FIX("pi.local", "nas.local", "PI.local");
        CHECK_EQUAL(set.n_candidates, 2);
        FIX("nas.local");
        CHECK_EQUAL(set.n_candidates, 2);
        CHECK(candidate_is_forgotten(set.candidates[0], NOW) && !candidate_is_forgotten(set.candidates[1], NOW));
        candidate_set_done(&set);
}

static void test_as_told(void) {
        Candidate *a = see('a', "10.0.0.1");

        hand_over(a, "10.0.0.1", NULL);
        CHECK(identify(a, 'a') == a);
        candidate_set_done(&set);
}

static void test_fixed_gets_its_id(void) {
        FIX("pi.local");
        hand_over(set.candidates[0], "10.0.0.1", "pi.local");
        CHECK(identify(set.candidates[0], 'a') == set.candidates[0]);

        /* Its record by mDNS then belongs to it. */
        CHECK(see('a', "10.0.0.1") == set.candidates[0]);
        CHECK_EQUAL(set.n_candidates, 1);
        candidate_set_done(&set);
}

static void test_fixed_is_one_that_mdns_knows(void) {
        Candidate *a = see('a', "10.0.0.1"), *pi;

        FIX("pi.local");
        pi = set.candidates[1];
        hand_over(pi, "10.0.0.1", "pi.local");
        CHECK(identify(pi, 'a') == a);
        CHECK(a->n_fixed == 1 && pi->n_fixed == 0);
        CHECK(candidate_find_fixed(a, "pi.local", 7919) == 0);

        /* A reload does not make it two again. */
        candidate_drop(pi, RETRY_LOST, "", NOW, &chance);
        candidate_set_remove(&set, pi);
        FIX("pi.local");
        CHECK_EQUAL(set.n_candidates, 1);
        candidate_set_done(&set);
}

static void test_two_names_of_one_master(void) {
        Candidate *pi, *raspberry;

        FIX("pi.local", "10.0.0.1");
        pi = set.candidates[0];
        raspberry = set.candidates[1];
        hand_over(pi, "10.0.0.1", "pi.local");
        CHECK(identify(pi, 'a') == pi);
        hand_over(raspberry, "10.0.0.1", "10.0.0.1");
        CHECK(identify(raspberry, 'a') == pi);
        CHECK(pi->n_fixed == 2 && raspberry->n_fixed == 0);
        candidate_set_done(&set);
}

static void test_record_that_lies_leads_to_a_stranger(void) {
        Candidate *a = see('a', "10.0.0.66"), *stranger;
        Address address = fixture_address("10.0.0.66", 7919);

        hand_over(a, "10.0.0.66", NULL);
        stranger = identify(a, 'e');
        CHECK(stranger != a && a->id[0] == 'a' && !a->proved);
        CHECK(candidate_shuns(a, &address, NOW) && !candidate_shuns(stranger, &address, NOW));
        candidate_move_session(stranger, a, NOW);
        CHECK(a->phase == CANDIDATE_IDLE && stranger->phase == CANDIDATE_HANDED_OVER);

        /* Nobody speaks of the stranger: with its session it is forgotten. */
        CHECK(!candidate_is_forgotten(stranger, NOW));
        candidate_drop(stranger, RETRY_LOST, "", NOW, &chance);
        CHECK(candidate_is_forgotten(stranger, NOW) && !candidate_is_forgotten(a, NOW));
        candidate_set_done(&set);
}

static void test_name_that_moved_goes_along(void) {
        Candidate *a = see('a', "10.0.0.1"), *b = see('b', "10.0.0.2");

        FIX("pi.local");
        hand_over(set.candidates[2], "10.0.0.1", "pi.local");
        CHECK(identify(set.candidates[2], 'a') == a);
        hand_over(a, "10.0.0.2", "pi.local");
        CHECK(identify(a, 'b') == b);
        CHECK(a->n_fixed == 0 && b->n_fixed == 1);
        candidate_set_done(&set);
}

static void test_renewed_key(void) {
        Candidate *pi;

        FIX("pi.local");
        pi = set.candidates[0];
        hand_over(pi, "10.0.0.1", "pi.local");
        CHECK(identify(pi, 'a') == pi);
        CHECK(identify(pi, 'b') == pi);
        CHECK(set.n_candidates == 1 && pi->id[0] == 'b');
        candidate_set_done(&set);
}

static void test_full(void) {
        DiscoveredMaster master = fixture_master('a', true, "10.0.0.1");
        Candidate *candidate = NULL;

        for (size_t i = 0; i < CANDIDATES_MAX; i++) {
                (void) snprintf(master.id, sizeof master.id, "%064zx", i);
                CHECK(candidate_set_see(&set, &master, NOW, &candidate) == 0);
        }
        (void) snprintf(master.id, sizeof master.id, "%s", fixture_id('f'));
        CHECK_EQUAL(candidate_set_see(&set, &master, NOW, &candidate), -ENOSPC);
        hand_over(set.candidates[0], "10.0.0.1", NULL);
        CHECK_EQUAL(candidate_set_identify(&set, set.candidates[0], fixture_id('f'), NOW, &candidate), -ENOSPC);
        candidate_set_remove(&set, set.candidates[5]);
        CHECK(set.n_candidates == CANDIDATES_MAX - 1);
        candidate_set_done(&set);
}

int main(void) {
        random_init(&chance, test_seed());
        RUN(test_records_of_one_id_are_one);
        RUN(test_config_adds_and_removes);
        RUN(test_as_told);
        RUN(test_fixed_gets_its_id);
        RUN(test_fixed_is_one_that_mdns_knows);
        RUN(test_two_names_of_one_master);
        RUN(test_record_that_lies_leads_to_a_stranger);
        RUN(test_name_that_moved_goes_along);
        RUN(test_renewed_key);
        RUN(test_full);
        return tests_end();
}
