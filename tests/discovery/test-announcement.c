/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a master says of itself, and that a browser reads the same. */

#include "discovery/announcement.h"

#include <errno.h>

#include "base/macro.h"
#include "base/utf8.h"
#include "discovery/sighting.h"
#include "test.h"

#define ID "12345678deadbeef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_what_is_refused(void) {
        Announcement announcement;

        CHECK_EQUAL(announcement_init(&announcement, "h", "", 7919, ""), -EINVAL);
        CHECK_EQUAL(announcement_init(&announcement, "h", "1234", 7919, ""), -EINVAL);
        CHECK_EQUAL(announcement_init(&announcement, "h", ID "0", 7919, ""), -EINVAL);
        CHECK_EQUAL(announcement_init(&announcement, "h",
                                      "x2345678deadbeef0123456789abcdef0123456789abcdef0123456789abcdef", 7919, ""),
                    -EINVAL);
        CHECK_EQUAL(announcement_init(&announcement, "h", ID, 0, ""), -EINVAL);
        CHECK_EQUAL(announcement_init(&announcement, "h", ID, 7919, ""), 0);
}

static const char *name_of(const char *master, char ret[static DISCOVERY_NAME_MAX + 1]) {
        Announcement announcement;

        CHECK_EQUAL(announcement_init(&announcement, master, ID, 7919, ""), 0);
        announcement_instance_name(&announcement, ret);
        return ret;
}

static void test_instance_name(void) {
        char name[DISCOVERY_NAME_MAX + 1], master[401] = "";

        CHECK_STRING(name_of("host1", name), "primed on host1 (12345678)");
        CHECK_STRING(name_of("", name), "primed (12345678)");
        CHECK_STRING(name_of("a\nb\xff", name), "primed on a?b? (12345678)");

        memset(master, 'h', 400);
        name_of(master, name);
        CHECK_EQUAL(strlen(name), DISCOVERY_NAME_MAX);
        CHECK_STRING(name + strlen(name) - 11, " (12345678)");

        for (size_t i = 0; i < 400; i += 2)
                memcpy(master + i, "\xc3\xa4", 2);
        name_of(master + 1, name); /* half a character in front, so that the cut goes through one */
        CHECK(strlen(name) <= DISCOVERY_NAME_MAX && utf8_is_plain(name, strlen(name)));
        CHECK_STRING(name + strlen(name) - 11, " (12345678)");
}

static void test_ring(void) {
        Announcement announcement;

        CHECK_EQUAL(announcement_init(&announcement, "h", ID, 7919, ""), 0);
        CHECK(!announcement_set_work(&announcement, false, "", 1000));
        CHECK_EQUAL(announcement.ring, 0);
        CHECK(announcement_set_work(&announcement, true, "a", 1000));
        CHECK_EQUAL(announcement.ring, 1000);
        CHECK(announcement_set_work(&announcement, true, "b", 2000)); /* another job is no call */
        CHECK_EQUAL(announcement.ring, 1000);
        CHECK(!announcement_set_work(&announcement, true, "b", 2000));
        /* Away and back within a second, or with a clock that went back. */
        CHECK(announcement_set_work(&announcement, false, "b", 2000));
        CHECK(announcement_set_work(&announcement, true, "b", 1000));
        CHECK_EQUAL(announcement.ring, 1001);
}

static void test_txt_is_read_back(void) {
        static const char *const order[] = { "v", "id", "work", "ring", "job", "caps" };
        char long_text[1000];
        Announcement announcement;
        AvahiStringList *txt, *item;
        Sighting sighting;

        memset(long_text, 'x', sizeof long_text);
        long_text[sizeof long_text - 1] = '\0';
        CHECK_EQUAL(announcement_init(&announcement, long_text, ID, 7919, long_text), 0);
        CHECK(announcement_set_work(&announcement, true, long_text, 5));
        txt = announcement_txt(&announcement);
        CHECK_EQUAL(avahi_string_list_length(txt), ELEMENTSOF(order));
        item = txt;
        for (size_t i = 0; i < ELEMENTSOF(order); i++, item = avahi_string_list_get_next(item)) {
                CHECK(memcmp(avahi_string_list_get_text(item), order[i], strlen(order[i])) == 0);
                CHECK(avahi_string_list_get_size(item) <= SIGHTING_TXT_STRING_SIZE);
        }
        CHECK_EQUAL(sighting_read(&(SightingSource) { .interface = 2, .address = "10.0.0.2", .port = 7919, .txt = txt },
                                  &sighting), 0);
        CHECK_STRING(sighting.id, ID);
        CHECK_EQUAL(strlen(sighting.job), DISCOVERY_JOB_MAX);
        CHECK(sighting.work);
        CHECK_EQUAL(sighting.ring, 5);
        avahi_string_list_free(txt);
}

static void test_empty_is_left_out(void) {
        Announcement announcement;
        AvahiStringList *txt;

        CHECK_EQUAL(announcement_init(&announcement, "", ID, 7919, ""), 0);
        txt = announcement_txt(&announcement);
        CHECK_EQUAL(avahi_string_list_length(txt), 4);
        CHECK(!avahi_string_list_find(txt, "job") && !avahi_string_list_find(txt, "caps"));
        avahi_string_list_free(txt);
}

int main(void) {
        RUN(test_what_is_refused);
        RUN(test_instance_name);
        RUN(test_ring);
        RUN(test_txt_is_read_back);
        RUN(test_empty_is_left_out);
        return tests_end();
}
