/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events where standard error is no journal; tests/lan looks at a real one. */

#include "base/journal.h"

#include <stdlib.h>

#include "base/log.h"
#include "capture.h"
#include "test.h"

static const JournalField fields[] = { { "PRIMED_JOB", "0-100" }, { "PRIMED_WORKER", NULL } };

static void test_event_is_a_line_without_a_journal(void) {
        (void) unsetenv("JOURNAL_STREAM");
        log_setup("program", LOG_INFO);
        capture_start();
        journal_event(LOG_INFO, MESSAGE_ID_JOB_ADDED, fields, ELEMENTSOF(fields), "Job '%s' was added", "0-100");
        CHECK_STRING(capture_end(), "program: Job '0-100' was added\n");
}

static void test_quiet_events_are_dropped(void) {
        capture_start();
        journal_event(LOG_DEBUG, MESSAGE_ID_RANGE_DONE, fields, ELEMENTSOF(fields), "no");
        journal_event(LOG_NOTICE, MESSAGE_ID_RANGE_DONE, NULL, 0, "yes");
        CHECK_STRING(capture_end(), "program: yes\n");
}

static void test_ids_are_ids_and_differ(void) {
        static const char *const ids[] = {
                MESSAGE_ID_WORKER_JOINED, MESSAGE_ID_WORKER_LEFT, MESSAGE_ID_WORKER_REFUSED,
                MESSAGE_ID_RANGE_DONE, MESSAGE_ID_JOB_ADDED, MESSAGE_ID_JOB_PAUSED,
                MESSAGE_ID_JOB_RESUMED, MESSAGE_ID_JOB_CANCELLED, MESSAGE_ID_JOB_FINISHED,
                MESSAGE_ID_JOB_FAILED, MESSAGE_ID_RESULT_DIFFERS, MESSAGE_ID_FIREWALL,
                MESSAGE_ID_MASTER_JOINED, MESSAGE_ID_MASTER_LEFT, MESSAGE_ID_LIMITS_APPLIED,
                MESSAGE_ID_LIMITS_BROKEN,
        };

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                CHECK(strlen(ids[i]) == 32 && strspn(ids[i], "0123456789abcdef") == 32);
                for (size_t k = 0; k < i; k++)
                        CHECK(strcmp(ids[i], ids[k]) != 0);
        }
}

int main(void) {
        RUN(test_event_is_a_line_without_a_journal);
        RUN(test_quiet_events_are_dropped);
        RUN(test_ids_are_ids_and_differ);
        return tests_end();
}
