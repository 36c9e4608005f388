/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "prime/certainty.h"

#include <errno.h>

#include "prime/number.h"
#include "test.h"

static void test_words(void) {
        Certainty certainty = 0;

        CHECK_EQUAL(certainty_parse("proved", &certainty), 0);
        CHECK_EQUAL(certainty, CERTAINTY_PROVED);
        CHECK_EQUAL(certainty_parse("bpsw", &certainty), 0);
        CHECK_EQUAL(certainty, CERTAINTY_BPSW);
        CHECK_EQUAL(certainty_parse("Proved", &certainty), -EINVAL);
        CHECK_EQUAL(certainty_parse("", &certainty), -EINVAL);
        CHECK_EQUAL(certainty, CERTAINTY_BPSW);
}

static void test_proofs_end_somewhere(void) {
        static const struct {
                const char *to;
                int proved;
        } cases[] = {
                { "1", 0 },
                { "2^64", 0 },
                { "10^24", 0 },
                { "4*10^33", 0 },
                { "4*10^33+1", -ERANGE },
                { "2^128", -ERANGE },
                { "2^1000", -ERANGE },
        };
        _cleanup_mpz_ mpz_t to;

        mpz_init(to);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                Problem problem = PROBLEM_NONE;

                CHECK(number_parse(to, cases[i].to, NULL) >= 0);
                CHECK_EQUAL(certainty_check(CERTAINTY_PROVED, to, &problem), cases[i].proved);
                CHECK_EQUAL(problem.text[0] != '\0', cases[i].proved < 0);
                CHECK_EQUAL(certainty_check(CERTAINTY_BPSW, to, NULL), 0);
                CHECK_EQUAL(certainty_check(0, to, NULL), 0);
        }
        CHECK_EQUAL(certainty_check(CERTAINTY_PROVED, NULL, NULL), -ERANGE);
        CHECK_EQUAL(certainty_check(0, NULL, NULL), 0);
}

static void test_what_blocks_record(void) {
        _cleanup_mpz_ mpz_t end;

        mpz_init(end);
        CHECK(number_parse(end, "2^64", NULL) >= 0);
        CHECK_EQUAL(certainty_at(0, end), CERTAINTY_PROVED);
        CHECK_EQUAL(certainty_at(CERTAINTY_BPSW, end), CERTAINTY_PROVED);
        CHECK_EQUAL(certainty_at(CERTAINTY_PROVED, end), CERTAINTY_PROVED);
        mpz_add_ui(end, end, 1);
        CHECK_EQUAL(certainty_at(0, end), CERTAINTY_BPSW);
        CHECK_EQUAL(certainty_at(CERTAINTY_BPSW, end), CERTAINTY_BPSW);
        CHECK_EQUAL(certainty_at(CERTAINTY_PROVED, end), CERTAINTY_PROVED);
}

int main(void) {
        RUN(test_words);
        RUN(test_proofs_end_somewhere);
        RUN(test_what_blocks_record);
        return tests_end();
}
