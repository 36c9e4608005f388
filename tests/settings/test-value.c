/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The words of the config files: what is taken, and what is refused with which sentence. */

#include "settings/value.h"

#include <errno.h>

#include "base/macro.h"
#include "test.h"

static void test_percent(void) {
        static const char *const bad[] = { "",     "%",    "50",  "50 %",  "-5%",  "+5%",
                                           "5.5%", "50%%", "%50", "0x10%", "abc%", " 5%" };
        unsigned value = 7;
        Problem problem = PROBLEM_NONE;

        CHECK(value_parse_percent("1%", 100, &value, NULL) == 0 && value == 1);
        CHECK(value_parse_percent("150%", 102400, &value, NULL) == 0 && value == 150);
        CHECK(value_parse_percent("102400%", 102400, &value, NULL) == 0 && value == 102400);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(value_parse_percent(bad[i], 100, &value, NULL) == -EINVAL);
        CHECK(value_parse_percent("0%", 100, &value, NULL) == -ERANGE);
        CHECK(value_parse_percent("4294967297%", 100, &value, NULL) == -ERANGE);
        CHECK(value_parse_percent("99999999999999999999999%", 100, &value, NULL) == -ERANGE);
        CHECK(value_parse_percent("101%", 100, &value, &problem) == -ERANGE);
        CHECK_STRING(problem.text, "'101%' is not between 1% and 100%.");
        problem = PROBLEM_NONE;
        CHECK(value_parse_percent("150", 1000, &value, &problem) == -EINVAL);
        CHECK_STRING(problem.text, "'150' is not a percentage. Write digits and a per cent sign: \"50%\".");
        CHECK(value == 102400);
}

static void test_size(void) {
        uint64_t value = 7;
        Problem problem = PROBLEM_NONE;

        CHECK(value_parse_size("512M", 1 << 20, UINT64_C(1) << 40, &value, NULL) == 0 && value == UINT64_C(512) << 20);
        CHECK(value_parse_size("1T", 1 << 20, UINT64_C(1) << 40, &value, NULL) == 0 && value == UINT64_C(1) << 40);
        CHECK(value_parse_size("1048576", 1 << 20, UINT64_C(1) << 40, &value, NULL) == 0 && value == 1 << 20);
        CHECK(value_parse_size("2T", 1 << 20, UINT64_C(1) << 40, &value, &problem) == -ERANGE);
        CHECK_STRING(problem.text, "'2T' is not between 1.0M and 1.0T.");
        CHECK(value_parse_size("1K", 1 << 20, UINT64_C(1) << 40, &value, NULL) == -ERANGE);
        CHECK(value_parse_size("99999999999999999999T", 1, UINT64_MAX, &value, NULL) == -ERANGE);
        problem = PROBLEM_NONE;
        CHECK(value_parse_size("512 MB", 1, UINT64_MAX, &value, &problem) == -EINVAL);
        CHECK_STRING(problem.text, "'512 MB' is not a size. Write digits and K, M, G or T: \"512M\".");
        CHECK(value == 1 << 20);
}

static void check_cpus(const char *word, const char *hex) {
        _cleanup_free_ uint8_t *map = NULL;
        char text[64] = "";
        size_t size;

        CHECK(value_parse_cpu_list(word, &map, &size, NULL) == 0);
        CHECK(2 * size < sizeof text);
        for (size_t i = 0; i < size; i++)
                (void) snprintf(text + 2 * i, 3, "%02x", map[i]);
        CHECK_STRING(text, hex);
}

static void test_cpu_list(void) {
        static const char *const bad[] = { "",    ",",    "-",   "0-",   "-1",  "3-1", "0,",   ",0",  "0,,1", "a",
                                           "0-3x", "8192", "0-8192", "99999999999", "0--1", "1.5", "0-3-5", "0 - 3" };
        uint8_t *map = NULL;
        size_t size;
        Problem problem = PROBLEM_NONE;

        check_cpus("0", "01");
        check_cpus("0-3,6", "4f");
        check_cpus("6,0-3", "4f");
        check_cpus("0-3, 6", "4f");
        check_cpus("0 1 9", "0302");
        check_cpus("15", "0080");
        check_cpus("1-1,1", "02");
        check_cpus(" 1 ", "02");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(value_parse_cpu_list(bad[i], &map, &size, NULL) == -EINVAL);
        CHECK(value_parse_cpu_list("3-1", &map, &size, &problem) == -EINVAL);
        CHECK_STRING(problem.text,
                     "'3-1' is not a list of processors. Write numbers from 0 to 8191 and ranges: \"0-3,6\".");
        CHECK(map == NULL);
        CHECK(value_parse_cpu_list("8191", &map, &size, NULL) == 0 && size == 1024 && map[1023] == 0x80);
        free(map);
}

static void test_cpu_weight(void) {
        uint64_t value = 7;

        CHECK(value_parse_cpu_weight("idle", &value, NULL) == 0 && value == 0);
        CHECK(value_parse_cpu_weight("1", &value, NULL) == 0 && value == 1);
        CHECK(value_parse_cpu_weight("10000", &value, NULL) == 0 && value == 10000);
        CHECK(value_parse_cpu_weight("0", &value, NULL) == -EINVAL);
        CHECK(value_parse_cpu_weight("10001", &value, NULL) == -EINVAL);
        CHECK(value_parse_cpu_weight("Idle", &value, NULL) == -EINVAL);
        CHECK(value == 10000);
}

static void test_address(void) {
        static const struct {
                const char *word, *host;
                uint16_t port;
        } good[] = {
                { "pi.local", "pi.local", 7919 },
                { "pi", "pi", 7919 },
                { "my_host-1.example.org.", "my_host-1.example.org.", 7919 },
                { "10.0.0.1:80", "10.0.0.1", 80 },
                { "pi.local:65535", "pi.local", 65535 },
                { "[fe80::1%eth0]:7919", "fe80::1%eth0", 7919 },
                { "[::1]", "::1", 7919 },
                { "[2001:db8::5]:1", "2001:db8::5", 1 },
        };
        static const char *const bad[] = {
                "",          ":",         ":80",      "pi:",         "pi:0",      "pi:65536",   "pi:http",  "pi:80x",
                "10.0.0",    "10.0.0.256", "fe80::1", "fe80::1:80",  "[fe80::1",  "[pi]:80",    "[10.0.0.1]", "[]",
                "[::1]80",   "[::1]:",    "[::1%]",   "[::1%averyveryverylongname]", "pi..local", ".pi", "-pi", "a b",
                "http://pi", "pi/x",      "[::1%a/b]", "pi:99999999999999999999", "[::1%eth0 ]",
        };
        Problem problem = PROBLEM_NONE;
        SettingsAddress address = {};

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                CHECK(value_parse_address(good[i].word, &address, NULL) == 0);
                CHECK_STRING(address.host, good[i].host);
                CHECK_EQUAL(address.port, good[i].port);
                free(address.host);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                address.host = NULL;
                if (value_parse_address(bad[i], &address, NULL) != -EINVAL)
                        printf("# taken: %s\n", bad[i]);
                CHECK(address.host == NULL);
        }
        CHECK(value_parse_address("fe80::1", &address, &problem) == -EINVAL);
        CHECK_STRING(problem.text, "'fe80::1' is not an address. Put IPv6 in brackets: \"[fe80::1%eth0]:7919\".");
        problem = PROBLEM_NONE;
        CHECK(value_parse_address("pi:http", &address, &problem) == -EINVAL);
        CHECK_STRING(problem.text, "'pi:http' has no port that is a number from 1 to 65535. Write \":7919\" behind "
                                   "the host, or nothing.");
}

static void test_listen(void) {
        static const char *const good[][2] = {
                { "7919", "7919" },
                { "080", "80" },
                { "192.168.1.5:7920", "192.168.1.5:7920" },
                { "192.168.1.5", "192.168.1.5:7919" },
                { "[fe80::1%eth0]:80", "[fe80::1%eth0]:80" },
                { "[::]", "[::]:7919" },
        };
        static const char *const bad[] = { "",      "0",      "65536",       "pi.local", "pi:7919",
                                           ":7919", "*:7919", "/run/socket", "::1" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_free_ char *text = NULL;

                CHECK(value_parse_listen(good[i][0], &text, NULL) == 0);
                CHECK_STRING(text, good[i][1]);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *text = NULL;

                CHECK(value_parse_listen(bad[i], &text, NULL) == -EINVAL && !text);
        }
}

static void test_name(void) {
        _cleanup_free_ char *name = NULL;
        char *untouched = NULL, longer[VALUE_NAME_MAX + 2];

        CHECK(value_parse_name("Küche 2", &name, NULL) == 0);
        CHECK_STRING(name, "Küche 2");
        CHECK(value_parse_name("", &untouched, NULL) == -EINVAL);
        CHECK(value_parse_name(" x", &untouched, NULL) == -EINVAL);
        CHECK(value_parse_name("x ", &untouched, NULL) == -EINVAL);
        memset(longer, 'x', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        CHECK(value_parse_name(longer, &untouched, NULL) == -EINVAL);
        CHECK(!untouched);
        CHECK(value_parse_name(longer + 1, &untouched, NULL) == 0);
        free(untouched);
}

static void test_folder(void) {
        static const char *const bad[] = { "", "srv", "./srv", "/", "//", "/srv/../etc", "/srv/.", "/./srv" };
        _cleanup_free_ char *path = NULL;
        char *untouched = NULL;

        CHECK(value_parse_folder("//srv//primes of ours/..x/", &path, NULL) == 0);
        CHECK_STRING(path, "/srv/primes of ours/..x");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(value_parse_folder(bad[i], &untouched, NULL) == -EINVAL && !untouched);
}

static void test_integer(void) {
        _cleanup_free_ char *text = NULL;
        char *untouched = NULL;
        Problem problem = PROBLEM_NONE;

        CHECK(value_parse_integer("2^64+13", &text, NULL) == 0);
        CHECK_STRING(text, "2^64+13");
        CHECK(value_parse_integer("-5", &untouched, NULL) == -ERANGE);
        CHECK(value_parse_integer("many", &untouched, &problem) == -EINVAL && !untouched);
        CHECK(strstr(problem.text, "'many'") != NULL);
}

static void test_long_words_are_cut(void) {
        Problem problem = PROBLEM_NONE;
        char word[5000];
        unsigned value;

        for (size_t i = 0; i < sizeof word - 1; i += 2)
                memcpy(word + i, "ä", 2);
        word[sizeof word - 1] = '\0';
        CHECK(value_parse_percent(word, 100, &value, &problem) == -EINVAL);
        CHECK(strlen(problem.text) < 250 && strstr(problem.text, "Write digits") != NULL);
}

int main(void) {
        RUN(test_percent);
        RUN(test_size);
        RUN(test_cpu_list);
        RUN(test_cpu_weight);
        RUN(test_address);
        RUN(test_listen);
        RUN(test_name);
        RUN(test_folder);
        RUN(test_integer);
        RUN(test_long_words_are_cut);
        return tests_end();
}
