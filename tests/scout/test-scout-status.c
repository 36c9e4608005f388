/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scout/scout-status.h"

#include "fixture.h"
#include "seed.h"
#include "test.h"

#define NOW (1000 * USEC_PER_SEC)

static Random chance;
static CandidateSet set = { .random = &chance };
static ScoutFacts facts;
static ScoutStatus status;

static void reset(void) {
        candidate_set_done(&set);
        facts = (ScoutFacts) { .config_error = "", .worker_error = "", .avahi = "running" };
}

static const char *text(void) {
        static char line[SCOUT_STATUS_SIZE];

        scout_status_make(&set, &facts, &status);
        scout_status_text(&status, &facts, line, sizeof line);
        CHECK(!strchr(line, '\n'));
        return line;
}

static Candidate *see(char digit, bool work) {
        DiscoveredMaster master = fixture_master(digit, work, "10.0.0.1");
        Candidate *candidate = NULL;

        CHECK(candidate_set_see(&set, &master, NOW, &candidate) == 0);
        return candidate;
}

static Candidate *join(char digit, unsigned applied, unsigned allowed, const char *note) {
        HandoverReport report = fixture_report(HANDOVER_JOINED, digit);
        Candidate *candidate = see(digit, true);

        report.threads_applied = applied;
        report.threads_allowed = allowed;
        (void) snprintf(report.note, sizeof report.note, "%s", note);
        candidate_dialing(candidate, NOW);
        CHECK(candidate_handed_over(candidate, candidate->addresses, NULL, 0, NOW) == 0);
        candidate_report(candidate, &report, NOW);
        return candidate;
}

static void test_nobody(void) {
        reset();
        CHECK_STRING(text(), "Looking for masters");
        CHECK_STRING(status.state, "alone");
        facts.avahi = "stopped";
        CHECK(strstr(text(), "systemctl start avahi-daemon"));
        facts.avahi = "absent";
        CHECK(strstr(text(), "apt install avahi-daemon") && strstr(text(), "worker.conf"));
        facts.avahi = "off";
        CHECK(strstr(text(), "'discover' is off"));
}

static void test_serving(void) {
        reset();
        join('a', 2, 4, "");
        CHECK_STRING(text(), "Serving 'host-a' with 2 of 4 threads");
        CHECK_STRING(status.state, "working");
        join('b', 2, 4, "");
        CHECK_STRING(text(), "Serving 'host-a' and 'host-b' with 2 of 4 threads");
        join('c', 1, 4, "capped");
        CHECK_STRING(text(), "Serving 3 masters with 2 of 4 threads: capped");
        CHECK(status.applied_threads == 2 && status.allowed_threads == 4 && status.n_connected == 3);
}

static void test_one_thread(void) {
        reset();
        join('a', 1, 1, "");
        CHECK_STRING(text(), "Serving 'host-a' with 1 of 1 thread");
}

static void test_paused(void) {
        reset();
        join('a', 0, 4, "on battery");
        CHECK_STRING(text(), "Pausing for 'host-a': on battery");
        CHECK_STRING(status.state, "paused");
        CHECK_STRING(status.note, "on battery");
}

static void test_nobody_wants_us(void) {
        reset();
        see('a', false);
        CHECK_STRING(text(), "'primed on host-a' wants no workers now");
        CHECK_STRING(status.state, "idle");
        see('b', false);
        CHECK_STRING(text(), "2 masters, none wants workers now");
}

static void test_unreachable(void) {
        SettingsAddress fixed = { .host = (char *) "pi.local", .port = 7919 };

        reset();
        CHECK(candidate_set_fix(&set, &fixed, 1, NOW) == 0);
        candidate_dialing(set.candidates[0], NOW);
        CHECK_STRING(text(), "Connecting to 'pi.local'");
        candidate_unreachable(set.candidates[0], "pi.local: no such name", NOW, &chance);
        CHECK_STRING(text(), "Cannot join 'pi.local': pi.local: no such name");
        CHECK_STRING(status.state, "alone");
        see('a', false);
        CHECK_STRING(text(), "2 masters: 1 wants no workers now, 1 cannot be joined, 0 refuse");
        CHECK_STRING(status.state, "idle");
}

static void test_refused(void) {
        HandoverReport report = fixture_report(HANDOVER_REFUSED, 'a');
        Candidate *candidate;

        reset();
        candidate = join('a', 1, 1, "");
        (void) snprintf(report.reason, sizeof report.reason, "banned");
        candidate_report(candidate, &report, NOW);
        (void) candidate_released(candidate, "crashed", NOW, &chance);
        CHECK_STRING(text(), "'host-a' refuses this worker: banned");
}

static void test_stuck(void) {
        reset();
        see('a', true);
        facts.worker_error = "the worker ended without a word";
        CHECK_STRING(text(), "Stuck: the worker ended without a word");
        CHECK_STRING(status.state, "stuck");
        CHECK_STRING(status.note, "the worker ended without a word");
        facts.config_error = "/etc/primed/worker.conf:3: no";
        CHECK(strstr(text(), "worker.conf:3: no"));
        facts.config_missing = true;
        CHECK_STRING(text(), "Stuck: /etc/primed/worker.conf:3: no");
}

static void test_broken_config_is_shown(void) {
        reset();
        join('a', 2, 4, "");
        facts.config_error = "/etc/primed/worker.conf:3: no";
        CHECK(strstr(text(), "Serving 'host-a'") && strstr(text(), "worker.conf:3: no"));
        CHECK_STRING(status.state, "working");
}

static void test_gone_ones_do_not_count(void) {
        Candidate *candidate;

        reset();
        candidate = join('a', 2, 4, "");
        (void) candidate_released(candidate, "crashed", NOW, &chance);
        candidate_unseen(candidate, NOW, &chance);
        CHECK_STRING(text(), "Looking for masters");
        CHECK_EQUAL(status.n_masters, 0);
}

int main(void) {
        random_init(&chance, test_seed());
        RUN(test_nobody);
        RUN(test_serving);
        RUN(test_one_thread);
        RUN(test_paused);
        RUN(test_nobody_wants_us);
        RUN(test_unreachable);
        RUN(test_refused);
        RUN(test_stuck);
        RUN(test_broken_config_is_shown);
        RUN(test_gone_ones_do_not_count);
        reset();
        return tests_end();
}
