/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Integers as JSON strings, beyond what a double holds. */

#include "ctl/json-number.h"

#include "prime/number.h"
#include "test.h"

static void check_string(json_t *value, const char *expected) {
        CHECK(json_is_string(value));
        CHECK_STRING(json_string_value(value), expected);
        json_decref(value);
}

static void test_integers_are_exact(void) {
        mpz_t number;

        check_string(json_u64(0), "0");
        check_string(json_u64(UINT64_MAX), "18446744073709551615");
        mpz_init(number);
        CHECK(number_parse(number, "10^30+57", NULL) == 0);
        check_string(json_number(number), "1000000000000000000000000000057");
        mpz_clear(number);
}

static void test_classes_have_their_residues(void) {
        static const uint64_t classes[8] = { 10, 11, 12, 13, 14, 15, 16, UINT64_MAX };
        static const char *const names[8] = { "1", "7", "11", "13", "17", "19", "23", "29" };
        json_t *object = json_classes(classes);
        char text[24];

        CHECK_EQUAL(json_object_size(object), 8);
        for (size_t i = 0; i < 8; i++) {
                (void) snprintf(text, sizeof text, "%" PRIu64, classes[i]);
                CHECK_STRING(json_string_value(json_object_get(object, names[i])), text);
        }
        json_decref(object);
}

int main(void) {
        RUN(test_integers_are_exact);
        RUN(test_classes_have_their_residues);
        return tests_end();
}
