/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names and first bytes. */

#include "store/layout.h"

#include <errno.h>

#include "base/bytes.h"
#include "test.h"

static void test_names_are_read_as_they_are_written(void) {
        static const uint64_t numbers[] = { 0, 7, 99999999, 100000000, 999999999999, 1000000000000, UINT64_MAX };
        char name[LAYOUT_NAME_SIZE];
        uint64_t number;

        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
                layout_sealed_name(numbers[i], name);
                CHECK(layout_parse_name(name, &number) == NAME_SEALED && number == numbers[i]);
                layout_open_name(numbers[i], name);
                CHECK(layout_parse_name(name, &number) == NAME_OPEN && number == numbers[i]);
                layout_spool_name(numbers[i], name);
                CHECK(layout_parse_name(name, &number) == NAME_SPOOL && number == numbers[i]);
                CHECK(strlen(name) + strlen(LAYOUT_NEW_SUFFIX) < LAYOUT_NAME_SIZE);
                strcat(name, LAYOUT_NEW_SUFFIX);
                CHECK(layout_parse_name(name, &number) == NAME_UNFINISHED);
        }
        layout_open_name(3, name);
        CHECK_STRING(name, "000000000003.open");
}

static void test_other_names_are_foreign(void) {
        static const char *const names[] = {
                "", ".", "..", "jobs", "job.newer", ".new", "thesis.new", "00000000000.primes", "0000000000000.primes",
                "000000000000.prime", "000000000000", "-00000000001.open", "00000000000a.open", "spool-", "spool-1",
                "spool-000000001", "spool-0000000x", "18446744073709551616.open",
                "a-name-that-is-longer-than-any-of-ours-can-ever-be.primes",
        };
        uint64_t number;

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                if (layout_parse_name(names[i], &number) != NAME_FOREIGN)
                        printf("# %s\n", names[i]);
                CHECK(layout_parse_name(names[i], &number) == NAME_FOREIGN);
        }
        CHECK(layout_parse_name("job", &number) == NAME_PLAIN);
        CHECK(layout_parse_name("manifest.new", &number) == NAME_UNFINISHED);
}

static void test_header_says_what_is_wrong(void) {
        uint8_t job[SHA256_SIZE] = { 1 }, other[SHA256_SIZE] = { 2 }, data[FILE_HEADER_SIZE];
        Problem problem = PROBLEM_NONE;

        file_header_encode(FILE_SPOOL, 5, job, data);
        CHECK(file_header_check(data, sizeof data, FILE_SPOOL, 5, job, "f", NULL) == 0);
        CHECK(file_header_check(data, sizeof data - 1, FILE_SPOOL, 5, job, "f", &problem) == -EBADMSG);
        CHECK(strstr(problem.text, "'f'") != NULL);
        CHECK(file_header_check(data, sizeof data, FILE_SEGMENT, 5, job, "f", NULL) == -EBADMSG);
        CHECK(file_header_check(data, sizeof data, FILE_SPOOL, 6, job, "f", NULL) == -EBADMSG);
        CHECK(file_header_check(data, sizeof data, FILE_SPOOL, 5, other, "f", NULL) == -EEXIST);
        for (size_t i = 0; i < sizeof data; i++) {
                data[i] ^= 0x20;
                CHECK(file_header_check(data, sizeof data, FILE_SPOOL, 5, job, "f", NULL) ==
                      -EBADMSG);
                data[i] ^= 0x20;
        }
}

int main(void) {
        RUN(test_names_are_read_as_they_are_written);
        RUN(test_other_names_are_foreign);
        RUN(test_header_says_what_is_wrong);
        return tests_end();
}
