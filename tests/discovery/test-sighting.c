/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What anybody on the LAN may announce, and what is left of it. */

#include "discovery/sighting.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macro.h"
#include "test.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TXT_OF(...) ((const char *const[]) { __VA_ARGS__, NULL })

static AvahiStringList *make_txt(const char *const *strings) {
        AvahiStringList *txt = NULL;

        for (; *strings; strings++)
                txt = avahi_string_list_add(txt, *strings);
        return avahi_string_list_reverse(txt);
}

/* `ret` may be NULL. */
static int read_source(const char *const *strings, const char *address, uint16_t port, int interface, bool local,
                       Sighting *ret) {
        AvahiStringList *txt = make_txt(strings);
        Sighting sighting;
        int r;

        memset(&sighting, 0xaa, sizeof sighting);
        r = sighting_read(&(SightingSource) { .interface = interface, .address = address, .port = port, .txt = txt,
                                              .local = local },
                          &sighting);
        avahi_string_list_free(txt);
        if (ret)
                *ret = sighting;
        return r;
}

static int read_strings(const char *const *strings, Sighting *ret) {
        return read_source(strings, "10.0.0.2", 7919, 2, false, ret);
}

static int read_place(const char *address, int interface, bool local, Sighting *ret) {
        return read_source(TXT_OF("v=0", "id=" ID), address, 7919, interface, local, ret);
}

static void test_all(void) {
        Sighting sighting;

        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id=" ID, "work=1", "ring=17", "job=to 10^11", "caps=x", "later=1"),
                                 &sighting), 0);
        CHECK_STRING(sighting.id, ID);
        CHECK_STRING(sighting.job, "to 10^11");
        CHECK(sighting.work && !sighting.local);
        CHECK_EQUAL(sighting.ring, 17);
        CHECK_EQUAL(sighting.address.interface, 2);
        CHECK_EQUAL(sighting.address.any.sa_family, AF_INET);
        CHECK_EQUAL(ntohs(sighting.address.in.sin_port), 7919);
        CHECK_EQUAL(ntohl(sighting.address.in.sin_addr.s_addr), 0x0a000002);
}

static void test_least(void) {
        Sighting sighting;

        CHECK_EQUAL(read_strings(TXT_OF("id=" ID, "v=12"), &sighting), 0);
        CHECK_STRING(sighting.job, "");
        CHECK(!sighting.work);
        CHECK_EQUAL(sighting.ring, 0);
}

static void test_id(void) {
        Sighting sighting;

        CHECK_EQUAL(read_strings(TXT_OF("v=0"), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id"), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id="), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id=0123"), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id=" ID "0"), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id=g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
                                 NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id= 123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
                                 NULL), -EBADMSG);
        /* Keys are compared without case, and so are hex digits. */
        CHECK_EQUAL(read_strings(TXT_OF("V=0", "ID=0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"),
                                 &sighting), 0);
        CHECK_STRING(sighting.id, ID);
}

static void test_version(void) {
        CHECK_EQUAL(read_strings(TXT_OF("id=" ID), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("id=" ID, "v="), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("id=" ID, "v=-1"), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("id=" ID, "v=one"), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("id=" ID, "v=99999999999999999999"), NULL), -EBADMSG);
        CHECK_EQUAL(read_strings(TXT_OF("id=" ID, "v=7"), NULL), 0);
}

static void test_first_string_counts(void) {
        Sighting sighting;

        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id=" ID, "work=1", "work=0", "job=a", "job=b"), &sighting), 0);
        CHECK(sighting.work);
        CHECK_STRING(sighting.job, "a");
}

static void test_work_is_one(void) {
        static const char *const others[] = { "work=0", "work=", "work", "work=11", "work=true", "work=1 ", "works=1" };
        Sighting sighting;

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                CHECK_EQUAL(read_strings(TXT_OF("v=0", "id=" ID, others[i]), &sighting), 0);
                CHECK(!sighting.work);
        }
}

static void test_job_is_plain(void) {
        char string[255 + 1];
        Sighting sighting;

        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id=" ID, "job=\033[31mred\xff\n\xe2\x80\xae"), &sighting), 0);
        CHECK_STRING(sighting.job, "?[31mred??" "???");
        (void) snprintf(string, sizeof string, "job=%0251d", 7);
        CHECK_EQUAL(read_strings(TXT_OF("v=0", "id=" ID, string), &sighting), 0);
        CHECK_EQUAL(strlen(sighting.job), DISCOVERY_JOB_MAX);
}

static void test_nul_inside(void) {
        static const char id[] = "id=" ID;
        AvahiStringList *txt = avahi_string_list_add(NULL, "v=0");
        uint8_t text[sizeof id + 1];
        Sighting sighting;

        memcpy(text, id, sizeof id); /* with its NUL */
        text[sizeof id] = 'x';
        txt = avahi_string_list_add_arbitrary(txt, text, sizeof id + 1);
        CHECK_EQUAL(sighting_read(&(SightingSource) { .interface = 2, .address = "10.0.0.2", .port = 1, .txt = txt },
                                  &sighting), -EBADMSG);
        avahi_string_list_free(txt);
}

static void test_no_txt(void) {
        Sighting sighting;

        CHECK_EQUAL(sighting_read(&(SightingSource) { .interface = 2, .address = "10.0.0.2", .port = 1 }, &sighting),
                    -EBADMSG);
}

static void test_port(void) {
        Sighting sighting;

        CHECK_EQUAL(read_source(TXT_OF("v=0", "id=" ID), "10.0.0.2", 0, 2, false, NULL), -EBADMSG);
        CHECK_EQUAL(read_source(TXT_OF("v=0", "id=" ID), "fd00::1", 65535, 2, false, &sighting), 0);
        CHECK_EQUAL(ntohs(sighting.address.in6.sin6_port), 65535);
}

static void test_places_of_nobody(void) {
        static const char *const places[] = {
                "", "host", "10.0.0", "10.0.0.2 ", "0.0.0.0", "0.1.2.3", "224.0.0.251", "240.0.0.1", "255.255.255.255",
                "::", "ff02::fb", "::ffff:127.0.0.1", "::ffff:10.0.0.2", "::10.0.0.2", "fe80::1%eth0", "fe80::g",
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                for (int local = 0; local < 2; local++)
                        CHECK_EQUAL(read_place(places[i], 2, local, NULL), -EBADMSG);
}

static void test_loopback_is_ours_alone(void) {
        Sighting sighting;

        CHECK_EQUAL(read_place("127.0.0.1", 1, false, NULL), -EBADMSG);
        CHECK_EQUAL(read_place("127.255.0.1", 2, false, NULL), -EBADMSG);
        CHECK_EQUAL(read_place("::1", 1, false, NULL), -EBADMSG);
        CHECK_EQUAL(read_place("127.0.0.1", 1, true, &sighting), 0);
        CHECK(sighting.local);
        CHECK_EQUAL(read_place("::1", 1, true, NULL), 0);
}

static void test_scope(void) {
        Sighting sighting;

        CHECK_EQUAL(read_place("fe80::1", 7, false, &sighting), 0);
        CHECK_EQUAL(sighting.address.in6.sin6_scope_id, 7);
        CHECK_EQUAL(read_place("fe80::1", 0, false, NULL), -EBADMSG);
        CHECK_EQUAL(read_place("fe80::1", -1, false, NULL), -EBADMSG);
        CHECK_EQUAL(read_place("fd00::1", 7, false, &sighting), 0);
        CHECK_EQUAL(sighting.address.in6.sin6_scope_id, 0);
        CHECK_EQUAL(sighting.address.interface, 7);
}

static void test_nothing_written_on_failure(void) {
        Sighting sighting;

        CHECK_EQUAL(read_strings(TXT_OF("v=0"), &sighting), -EBADMSG);
        for (size_t i = 0; i < sizeof sighting; i++)
                CHECK_EQUAL(((uint8_t *) &sighting)[i], 0xaa);
}

/* A message with `n` strings of `size` bytes. */
static sd_bus_message *make_message(sd_bus *bus, size_t n, size_t size) {
        char string[300];
        sd_bus_message *m = NULL;

        memset(string, 'x', sizeof string);
        CHECK(sd_bus_message_new_signal(bus, &m, "/", "org.primed.Test1", "Found") >= 0);
        CHECK(sd_bus_message_open_container(m, 'a', "ay") >= 0);
        for (size_t i = 0; i < n; i++)
                CHECK(sd_bus_message_append_array(m, 'y', string, size) >= 0);
        CHECK(sd_bus_message_close_container(m) >= 0);
        CHECK(sd_bus_message_append(m, "u", 5) >= 0);
        CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
        CHECK(sd_bus_message_rewind(m, true) >= 0);
        return m;
}

static void test_txt_limits(void) {
        static const struct {
                size_t n, size;
                int r;
        } cases[] = {
                { 0, 0, 0 }, { 1, 0, 0 }, { SIGHTING_TXT_STRINGS_MAX, 255, 0 },
                { SIGHTING_TXT_STRINGS_MAX + 1, 1, -EMSGSIZE }, { 1, 256, -EMSGSIZE }, { 5000, 3, -EMSGSIZE },
        };
        sd_bus *bus = NULL;
        int pair[2];

        /* A bus that talks to nobody: messages need one. */
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
        CHECK(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, pair[0], pair[0]) >= 0 && sd_bus_start(bus) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                sd_bus_message *m = make_message(bus, cases[i].n, cases[i].size);
                AvahiStringList *txt = NULL;
                uint32_t flags;

                CHECK_EQUAL(sighting_read_txt(m, &txt), cases[i].r);
                CHECK_EQUAL(avahi_string_list_length(txt), cases[i].r == 0 ? cases[i].n : 0);
                if (cases[i].r == 0) {
                        CHECK_EQUAL(sighting_read_txt(m, &txt), -ENXIO);
                        CHECK(sd_bus_message_read(m, "u", &flags) >= 0); /* it stands behind the array */
                }
                avahi_string_list_free(txt);
                sd_bus_message_unref(m);
        }
        sd_bus_close_unref(bus);
        (void) close(pair[1]);
}

int main(void) {
        RUN(test_all);
        RUN(test_least);
        RUN(test_id);
        RUN(test_version);
        RUN(test_first_string_counts);
        RUN(test_work_is_one);
        RUN(test_job_is_plain);
        RUN(test_nul_inside);
        RUN(test_no_txt);
        RUN(test_port);
        RUN(test_places_of_nobody);
        RUN(test_loopback_is_ours_alone);
        RUN(test_scope);
        RUN(test_nothing_written_on_failure);
        RUN(test_txt_limits);
        return tests_end();
}
