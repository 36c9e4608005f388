/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the log writes: standard error is a pipe here. */

#include "base/log.h"

#include <errno.h>
#include <unistd.h>

#include "capture.h"
#include "test.h"

static void test_line_has_the_program_in_front(void) {
        (void) unsetenv("JOURNAL_STREAM");
        log_setup("program", LOG_INFO);
        capture_start();
        log_info("%d primes", 25);
        CHECK_STRING(capture_end(), "program: 25 primes\n");
}

static void test_journal_gets_the_priority(void) {
        CHECK(setenv("JOURNAL_STREAM", "8:1", 1) == 0);
        capture_start();
        log_warning("low");
        log_error("high");
        (void) unsetenv("JOURNAL_STREAM");
        CHECK_STRING(capture_end(), "<4>low\n<3>high\n");
}

static void test_quiet_priorities_are_dropped(void) {
        log_setup("program", LOG_WARNING);
        capture_start();
        log_debug("no");
        log_info("no");
        log_notice("no");
        log_warning("yes");
        CHECK_STRING(capture_end(), "program: yes\n");
}

static void test_errno_goes_into_text_and_result(void) {
        log_setup("program", LOG_ERR);
        capture_start();
        CHECK(log_error_errno(ENOSPC, "Failed to write: %m") == -ENOSPC);
        CHECK(log_error_errno(-ENOSPC, "Failed to write: %m") == -ENOSPC);
        CHECK(log_warning_errno(-EPERM, "dropped") == -EPERM);
        CHECK_STRING(capture_end(), "program: Failed to write: No space left on device\n"
                                    "program: Failed to write: No space left on device\n");
}

static void test_long_line_is_cut_not_overrun(void) {
        char message[6000];
        const char *text;

        memset(message, 'x', sizeof message - 1);
        message[sizeof message - 1] = '\0';
        log_setup("program", LOG_INFO);
        capture_start();
        log_info("%s", message);
        log_info("next");
        text = capture_end();
        CHECK(strncmp(text, "program: xxx", 12) == 0);
        CHECK(strlen(text) < 2100);
        CHECK_STRING(strchr(text, '\n') + 1, "program: next\n");
}

int main(void) {
        RUN(test_line_has_the_program_in_front);
        RUN(test_journal_gets_the_priority);
        RUN(test_quiet_priorities_are_dropped);
        RUN(test_errno_goes_into_text_and_result);
        RUN(test_long_line_is_cut_not_overrun);
        return tests_end();
}
