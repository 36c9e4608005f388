/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One sentence about what went wrong. */

#include "base/problem.h"

#include <errno.h>

#include "test.h"

static void test_sentence_and_result(void) {
        Problem problem = PROBLEM_NONE;

        CHECK(problem_set(&problem, EINVAL, "%s:%d: no such option", "file", 7) == -EINVAL);
        CHECK_STRING(problem.text, "file:7: no such option");
}

static void test_either_sign_of_the_error(void) {
        Problem problem = PROBLEM_NONE;

        CHECK(problem_set(&problem, -ENOENT, "Cannot open x: %m") == -ENOENT);
        CHECK_STRING(problem.text, "Cannot open x: No such file or directory");
}

static void test_first_sentence_stays(void) {
        Problem problem = PROBLEM_NONE;

        (void) problem_set(&problem, EIO, "near");
        CHECK(problem_set(&problem, EPERM, "far") == -EPERM);
        CHECK_STRING(problem.text, "near");
}

static void test_nobody_listens(void) {
        CHECK(problem_set(NULL, EIO, "unheard") == -EIO);
}

static void test_long_sentence_is_cut(void) {
        Problem problem = PROBLEM_NONE;
        char text[3 * sizeof problem.text];

        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        CHECK(problem_set(&problem, EIO, "%s", text) == -EIO);
        CHECK_EQUAL(strlen(problem.text), sizeof problem.text - 1);
}

int main(void) {
        RUN(test_sentence_and_result);
        RUN(test_either_sign_of_the_error);
        RUN(test_first_sentence_stays);
        RUN(test_nobody_listens);
        RUN(test_long_sentence_is_cut);
        return tests_end();
}
