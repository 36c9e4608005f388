/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What libconfig would take in silence, or refuse without a cure, is refused with one. */

#include "settings/scan.h"

#include <errno.h>

#include "base/cleanup.h"
#include "settings/refused.h"

static void check_scan(const Refused *cases, size_t n_cases) {
        for (size_t i = 0; i < n_cases; i++) {
                Problem problem = PROBLEM_NONE;
                unsigned *lines = NULL;
                size_t n_lines = 77;
                int r;

                r = scan_text("FILE", cases[i].text, strlen(cases[i].text), &lines, &n_lines, &problem);
                CHECK_STRING(problem.text, cases[i].sentence);
                CHECK(r == (cases[i].sentence[0] ? -EINVAL : 0));
                CHECK(r == 0 || (!lines && n_lines == 77));
                free(lines);
        }
}

static void test_integers_beyond_32_bits(void) {
        static const Refused cases[] = {
                { "n = 2147483647;\nm = -2147483647;\nk = 0x7fffffff;\nl = 0;", "" },
                { "a = 1;\nn = 5000000000;", "FILE:2: The number 5000000000 is too large: bare numbers end at "
                                             "2147483647. Where larger ones can be used they stand in quotes: "
                                             "\"5000000000\"." },
                { "n = 2147483648;", "FILE:1: The number 2147483648 is too large: bare numbers end at 2147483647. "
                                     "Where larger ones can be used they stand in quotes: \"2147483648\"." },
                { "n = -5000000000L;", "FILE:1: The number -5000000000L is too large: bare numbers end at "
                                       "2147483647. Where larger ones can be used they stand in quotes: "
                                       "\"-5000000000\"." },
                { "n = 1000000000000000000000000000000LL;",
                  "FILE:1: The number 1000000000000000000000000000000LL is too large: bare numbers end at "
                  "2147483647. Where larger ones can be used they stand in quotes: "
                  "\"1000000000000000000000000000000\"." },
                { "n = 10000000000000000000000000000000000000000000000000000000000000000000000;",
                  "FILE:1: A number of 71 digits is too large: bare numbers end at 2147483647. Where larger ones can "
                  "be used they stand in quotes." },
                { "n = 0xFFFFFFFF;", "FILE:1: The number 0xFFFFFFFF is too large: bare numbers end at 0x7fffffff." },
                { "n = 0x100000001L;",
                  "FILE:1: The number 0x100000001L is too large: bare numbers end at 0x7fffffff." },
                { "n = ( 1, 5000000000 );", "FILE:1: The number 5000000000 is too large: bare numbers end at "
                                            "2147483647. Where larger ones can be used they stand in quotes: "
                                            "\"5000000000\"." },
                { "n = 010;", "FILE:1: The number 010 begins with a zero. Write it without." },
                { "n = -07;", "FILE:1: The number -07 begins with a zero. Write it without." },
                { "# 5000000000\nn = \"5000000000\"; /* 010 */ // 010", "" },
        };

        check_scan(cases, ELEMENTSOF(cases));
}

static void test_values_without_quotes(void) {
        static const Refused cases[] = {
                { "cpu_quota = 150%;",
                  "FILE:1: '150%' is not a number and not true or false. Put it in quotes: \"150%\"." },
                { "memory = 512M;",
                  "FILE:1: '512M' is not a number and not true or false. Put it in quotes: \"512M\"." },
                { "to = 10^12;",
                  "FILE:1: '10^12' is not a number and not true or false. Put it in quotes: \"10^12\"." },
                { "allowed_cpus = 0-3,6;",
                  "FILE:1: '0-3' is not a number and not true or false. Put it in quotes: \"0-3\"." },
                { "listen = 10.0.0.1:7919;", "FILE:1: '10.0.0.1:7919' is not a number and not true or false. Put it "
                                             "in quotes: \"10.0.0.1:7919\"." },
                { "cpu_weight = idle;",
                  "FILE:1: 'idle' is not a number and not true or false. Put it in quotes: \"idle\"." },
                { "masters = (\npi.local );",
                  "FILE:2: 'pi.local' is not a number and not true or false. Put it in quotes: \"pi.local\"." },
                { "store = /srv;",
                  "FILE:1: '/srv' is not a number and not true or false. Put it in quotes: \"/srv\"." },
                { "name = Küche;",
                  "FILE:1: 'Küche' is not a number and not true or false. Put it in quotes: \"Küche\"." },
                { "discover = yes;", "FILE:1: 'yes' is not a value here. Write true." },
                { "discover = Off;", "FILE:1: 'Off' is not a value here. Write false." },
                { "discover = TRUE; advertise = False;", "" },
                { "f = 1.5; g = -.5e3; h = 1e+5; i = 3.;", "" }, /* floats: the schema names the key */
                { "f = 1e;", "FILE:1: '1e' is not a number and not true or false. Put it in quotes: \"1e\"." },
        };

        check_scan(cases, ELEMENTSOF(cases));
}

static void test_what_has_no_end(void) {
        static const Refused cases[] = {
                { "a = 1;\n/* b = 2;\n\n", "FILE:2: The comment that begins here has no end. Close it with */." },
                { "/*/", "FILE:1: The comment that begins here has no end. Close it with */." },
                { "/**/ a = 1; /* * / */", "" },
                { "a = \"x;\nb = \"y\";", "FILE:1: A string on this line has no end. Close it with a second '\"'." },
                { "a = \"x\\\";", "FILE:1: A string on this line has no end. Close it with a second '\"'." },
                { "a = \"x\\", "FILE:1: A string on this line has no end. Close it with a second '\"'." },
                { "a = \"", "FILE:1: A string on this line has no end. Close it with a second '\"'." },
                { "a = \"# no comment \\\" /* \"; b = 1;", "" },
                { "a = 1;\npause = {\n b = 1;\n", "FILE:2: The '{' of this line has no end. Close it with '}'." },
                { "a = ( 1, 2 ];", "FILE:1: This ']' cannot close the '(' of line 1. Write ')'." },
                { "a = {\n b = (\n};", "FILE:3: This '}' cannot close the '(' of line 2. Write ')'." },
                { "a = 1; };", "FILE:1: This '}' closes nothing. Remove it." },
                { "cores", "FILE:1: There is no '=' behind 'cores'. Write cores = VALUE;" },
                { "a = 1;\ncores\n 2;", "FILE:2: There is no '=' behind 'cores'. Write cores = VALUE;" },
                { "masters = ( \"a\",\n );", "FILE:1: Nothing follows the last comma before ')'. Remove the comma." },
        };

        check_scan(cases, ELEMENTSOF(cases));
}

static void test_tricks(void) {
        static const Refused cases[] = {
                { "a = 1;\n @include \"/dev/tcp\"\n", "FILE:2: @include cannot be used here. Put the other file into "
                                                      "the folder of drop-ins, FILE.d, under a name that ends with "
                                                      ".conf." },
                { "/*\n@include \"x\"\n*/", "FILE:2: @include cannot be used here. Put the other file into the "
                                            "folder of drop-ins, FILE.d, under a name that ends with .conf." },
                { "a = 1; @include \"x\"",
                  "FILE:1: '@include' is not a number and not true or false. Put it in quotes: \"@include\"." },
                { "a = \"x\\x00y\";", "FILE:1: A string cannot have the byte \\x00. Remove it." },
                { "a = \"x\\\\x00y\";", "" },
                { "\xef\xbb\xbf\n",
                  "FILE:1: The file begins with a byte order mark. Save it as UTF-8 without." },
                { "a = 1;\r\nb = 2;\r\n\tc = 3;", "" },
                { "a = 1;\nb\001 = 2;",
                  "FILE:2: There is a control character on this line, or a byte that is not UTF-8. Remove it, and "
                  "save the file as UTF-8." },
                { "# \xe4\n",
                  "FILE:1: There is a control character on this line, or a byte that is not UTF-8. Remove it, and "
                  "save the file as UTF-8." },
                { "# \xe2\x80\xae\n",
                  "FILE:1: There is a control character on this line, or a byte that is not UTF-8. Remove it, and "
                  "save the file as UTF-8." }, /* turns the direction of the rest */
                { "a=((((((((1))))))));", "" },
                { "a=(((((((((1)))))))));", "FILE:1: More than 8 brackets within each other. No key needs so many." },
        };

        check_scan(cases, ELEMENTSOF(cases));
}

static void test_zero_byte(void) {
        static const char text[] = "a = 1;\nb\0 = 2;";
        Problem problem = PROBLEM_NONE;
        unsigned *lines = NULL;
        size_t n_lines;

        CHECK(scan_text("FILE", text, sizeof text - 1, &lines, &n_lines, &problem) == -EINVAL);
        CHECK_STRING(problem.text,
                     "FILE:2: There is a control character on this line, or a byte that is not UTF-8. Remove it, and "
                     "save the file as UTF-8.");
}

static void test_too_many_tokens(void) {
        _cleanup_free_ char *text = malloc(SCAN_TOKENS_MAX + 2);
        Problem problem = PROBLEM_NONE;
        unsigned *lines = NULL;
        size_t n_lines;

        for (size_t i = 0; i < SCAN_TOKENS_MAX; i += 4)
                memcpy(text + i, "a=1;", 4);
        strcpy(text + SCAN_TOKENS_MAX, ";");
        CHECK(scan_text("FILE", text, SCAN_TOKENS_MAX, &lines, &n_lines, &problem) == 0);
        CHECK_EQUAL(n_lines, SCAN_TOKENS_MAX / 4);
        free(lines);
        CHECK(scan_text("FILE", text, SCAN_TOKENS_MAX + 1, &lines, &n_lines, &problem) == -EINVAL);
        CHECK_STRING(problem.text, "FILE:1: The file has more than 32768 words and signs. Make it shorter.");
}

static void test_order(void) {
        static const Refused cases[] = {
                { "a = 1, b = \"x\" \"y\" c = { } d = ( ), e : [ ];", "" },
                { "a = ( 1, ( 2, { b = 3, } ), \"x\"\n\"y\" ); c = { d = { }; e = [ 1, 2 ] };", "" },
                { "a = 1;\nb = ;", "FILE:2: There is no value behind '='. Write NAME = VALUE;" },
                { "a = {\nb =\n};", "FILE:2: There is no value behind '='. Write NAME = VALUE;" },
                { "a =", "FILE:1: There is no value behind '='. Write NAME = VALUE;" },
                { "a = = 1;", "FILE:1: There is no value behind '='. Write NAME = VALUE;" },
                { "= 1;", "FILE:1: There is no name in front of this '='. Write NAME = VALUE;" },
                { "a = 1 : 2;", "FILE:1: There is no name in front of this ':'. Write NAME = VALUE;" },
                { "a = \"x\";\n\"y\";", "FILE:2: There is no name in front of this value. Write NAME = VALUE;" },
                { "a = 1 2;", "FILE:1: There is no name in front of this value. Write NAME = VALUE;" },
                { "{ a = 1; }", "FILE:1: There is no name in front of this value. Write NAME = VALUE;" },
                { "true = 1;", "FILE:1: There is no name in front of this value. Write NAME = VALUE;" },
                { "a = 1;;", "FILE:1: This ';' ends nothing. Remove it." },
                { "a = {\n, };", "FILE:2: This ',' ends nothing. Remove it." },
                { "a = ( 1 2 );", "FILE:1: There is no comma between two values of a list. Write one." },
                { "a = ( 1,, 2 );", "FILE:1: There is no value in front of this comma. Remove the comma." },
                { "a = ( , 2 );", "FILE:1: There is no value in front of this comma. Remove the comma." },
                { "a = ( 1; 2 );", "FILE:1: This ';' cannot stand in a list. Write values with commas between, and "
                                   "settings in braces." },
                { "a = ( = );", "FILE:1: This '=' cannot stand in a list. Write values with commas between, and "
                                "settings in braces." },
                { "a = [ { } ];",
                  "FILE:1: Between [ and ] there can be no brackets. Write ( and ) instead of [ and ]." },
                { "a = [ 1, ];", "FILE:1: Nothing follows the last comma before ']'. Remove the comma." },
        };

        check_scan(cases, ELEMENTSOF(cases));
}

static void test_lines_of_values(void) {
        static const char text[] = "a = 1;\nb = ( \"x\"\n\"y\",\n true\n);\n\nc = { d = 0x10; };";
        static const unsigned expected[] = { 1, 2, 4, 7 };
        _cleanup_free_ unsigned *lines = NULL;
        size_t n_lines = 0;

        CHECK(scan_text("FILE", text, strlen(text), &lines, &n_lines, NULL) == 0);
        CHECK_EQUAL(n_lines, ELEMENTSOF(expected));
        CHECK(memcmp(lines, expected, sizeof expected) == 0);
}

int main(void) {
        RUN(test_integers_beyond_32_bits);
        RUN(test_values_without_quotes);
        RUN(test_what_has_no_end);
        RUN(test_tricks);
        RUN(test_order);
        RUN(test_zero_byte);
        RUN(test_too_many_tokens);
        RUN(test_lines_of_values);
        return tests_end();
}
