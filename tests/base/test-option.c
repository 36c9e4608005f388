/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Good options are what getopt_long() makes of them; bad ones give one line that helps. */

#include "base/option.h"

#include <unistd.h>

#include "base/log.h"
#include "base/macro.h"
#include "test.h"

enum { ARG_SIZE = 0x100, ARG_FLAG };

static const struct option options[] = {
        { "size", required_argument, NULL, ARG_SIZE },
        { "flag", no_argument, NULL, ARG_FLAG },
        { "help", no_argument, NULL, 'h' },
        {},
};

/* What the first option gives, and what was written to standard error meanwhile. */
static int next(const char *a, const char *b, char *text, size_t size) {
        char *argv[] = { (char *) "verb", (char *) a, (char *) b, NULL };
        int pipe_fds[2], saved = dup(STDERR_FILENO), c;
        ssize_t n;

        CHECK(saved >= 0 && pipe(pipe_fds) >= 0);
        CHECK(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
        optind = 0;
        c = option_next(b ? 3 : 2, argv, "hn:", options, "tool verb");
        CHECK(dup2(saved, STDERR_FILENO) >= 0);
        CHECK(close(pipe_fds[1]) == 0 && close(saved) == 0);
        n = read(pipe_fds[0], text, size - 1);
        CHECK(n >= 0 && close(pipe_fds[0]) == 0);
        text[n] = '\0';
        return c;
}

static void test_good_options(void) {
        char text[256];

        CHECK_EQUAL(next("--size=3", NULL, text, sizeof text), ARG_SIZE);
        CHECK_STRING(optarg, "3");
        CHECK_EQUAL(next("--size", "4", text, sizeof text), ARG_SIZE);
        CHECK_STRING(optarg, "4");
        CHECK_EQUAL(next("--flag", NULL, text, sizeof text), ARG_FLAG);
        CHECK_EQUAL(next("-h", NULL, text, sizeof text), 'h');
        CHECK_EQUAL(next("-n5", NULL, text, sizeof text), 'n');
        CHECK_STRING(optarg, "5");
        CHECK_EQUAL(next("word", NULL, text, sizeof text), -1);
        CHECK_EQUAL(next("--", NULL, text, sizeof text), -1);
        CHECK_STRING(text, "");
}

static void test_bad_options(void) {
        static const struct {
                const char *word, *text;
        } cases[] = {
                { "--sizes", "test: Unknown option '--sizes'. Try 'tool verb --help'.\n" },
                { "-x", "test: Unknown option '-x'. Try 'tool verb --help'.\n" },
                { "--size", "test: Option '--size' needs a value. Try 'tool verb --help'.\n" },
                { "-n", "test: Option '-n' needs a value. Try 'tool verb --help'.\n" },
                { "--flag=yes", "test: Option '--flag=yes' takes no value. Try 'tool verb --help'.\n" },
                { "--help=me", "test: Option '--help=me' takes no value. Try 'tool verb --help'.\n" },
        };
        char text[256];

        (void) unsetenv("JOURNAL_STREAM");
        log_setup("test", LOG_INFO);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CHECK_EQUAL(next(cases[i].word, NULL, text, sizeof text), '?');
                CHECK_STRING(text, cases[i].text);
        }
}

static void test_values(void) {
        unsigned value = 7;

        CHECK(option_unsigned("n", "5", 1, 5, &value) == 0 && value == 5);
        CHECK(option_unsigned("n", "6", 1, 5, &value) < 0 && option_unsigned("n", "0", 1, 5, &value) < 0);
        CHECK(option_unsigned("n", "many", 1, 5, &value) < 0 && option_unsigned("n", "", 1, 5, &value) < 0);
        CHECK_EQUAL(value, 5);
        CHECK(option_descriptor("fd", "3", &value) == 0 && value == 3);
        CHECK(option_descriptor("fd", "2", &value) < 0 && option_descriptor("fd", "-1", &value) < 0);
        CHECK_EQUAL(value, 3);
}

int main(void) {
        RUN(test_good_options);
        RUN(test_bad_options);
        RUN(test_values);
        return tests_end();
}
