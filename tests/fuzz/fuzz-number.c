/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any word is a number, or is refused with a sentence; a number is written so that it reads back. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "prime/number.h"

#define REQUIRE(condition)                                                                                   \
        do {                                                                                                 \
                if (!(condition))                                                                            \
                        abort();                                                                             \
        } while (0)

static void check_round_trip(const mpz_t number) {
        _cleanup_free_ char *digits = number_format(number), *short_form = number_format_short(number);
        _cleanup_mpz_ mpz_t again;

        mpz_init(again);
        REQUIRE(digits && short_form);
        REQUIRE(number_parse(again, digits, NULL) == 0 && mpz_cmp(again, number) == 0);
        if (!strchr(short_form, 'e')) /* else it is cut short */
                REQUIRE(number_parse(again, short_form, NULL) == 0 && mpz_cmp(again, number) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *word = malloc(size + 1);
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t number;
        int r;

        mpz_init_set_ui(number, 4711);
        REQUIRE(word != NULL);
        if (size > 0)
                memcpy(word, data, size);
        word[size] = '\0';

        r = number_parse(number, word, &problem);
        if (r < 0) {
                REQUIRE(r == -EINVAL || r == -ERANGE);
                REQUIRE(problem.text[0] != '\0' && !strchr(problem.text, '\n'));
                REQUIRE(mpz_cmp_ui(number, 4711) == 0);
                return 0;
        }
        REQUIRE(problem.text[0] == '\0');
        REQUIRE(mpz_sgn(number) >= 0 && mpz_sizeinbase(number, 2) <= NUMBER_BITS_MAX);
        check_round_trip(number);
        return 0;
}
