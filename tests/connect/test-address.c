/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "connect/address.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "test.h"

static const char *round_trip(const char *host, uint16_t port) {
        static char text[ADDRESS_TEXT_SIZE];
        Address address = {};

        CHECK(address_parse(host, port, &address) == 0);
        return address_text(&address, text);
}

static void test_parse_and_text(void) {
        CHECK_STRING(round_trip("10.0.0.2", 7919), "10.0.0.2:7919");
        CHECK_STRING(round_trip("::1", 1), "[::1]:1");
        CHECK_STRING(round_trip("fe80::1%lo", 65535), "[fe80::1%lo]:65535");
        CHECK_STRING(round_trip("2001:DB8:0:0::1", 7919), "[2001:db8::1]:7919");
}

static void test_scope_by_number(void) {
        Address address = {};
        unsigned lo = if_nametoindex("lo");
        char host[32];

        CHECK(lo > 0);
        (void) snprintf(host, sizeof host, "fe80::1%%%u", lo);
        CHECK(address_parse(host, 7919, &address) == 0);
        CHECK_EQUAL(address.in6.sin6_scope_id, lo);
}

static void test_not_numeric(void) {
        static const char *const words[] = { "", "localhost", "10.0.0", "10.0.0.256", "1:2", "::g", "pi.local", "%lo",
                                             "::1::2", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001" };
        Address address = {};

        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                CHECK_EQUAL(address_parse(words[i], 7919, &address), -EINVAL);
        CHECK_EQUAL(address_parse("fe80::1%no-such-one", 7919, &address), -ENODEV);
        CHECK_EQUAL(address_parse("fe80::1%", 7919, &address), -ENODEV);
        CHECK_EQUAL(address.any.sa_family, 0);
}

static void test_equal(void) {
        Address four = {}, six = {}, other = {};

        CHECK(address_parse("127.0.0.1", 7919, &four) == 0);
        CHECK(address_parse("::1", 7919, &six) == 0);
        CHECK(address_equal(&four, &four) && address_equal(&six, &six));
        CHECK(!address_equal(&four, &six) && !address_equal(&six, &four));
        CHECK(address_parse("127.0.0.1", 7920, &other) == 0 && !address_equal(&four, &other));
        CHECK(address_parse("127.0.0.2", 7919, &other) == 0 && !address_equal(&four, &other));
        CHECK(address_parse("::1", 7920, &other) == 0 && !address_equal(&six, &other));
        CHECK(address_parse("::2", 7919, &other) == 0 && !address_equal(&six, &other));
        CHECK(address_parse("::1%lo", 7919, &other) == 0 && !address_equal(&six, &other));
}

static void test_size(void) {
        Address four = {}, six = {};

        CHECK(address_parse("127.0.0.1", 7919, &four) == 0 && address_size(&four) == sizeof four.in);
        CHECK(address_parse("::1", 7919, &six) == 0 && address_size(&six) == sizeof six.in6);
}

int main(void) {
        RUN(test_parse_and_text);
        RUN(test_scope_by_number);
        RUN(test_not_numeric);
        RUN(test_equal);
        RUN(test_size);
        return tests_end();
}
