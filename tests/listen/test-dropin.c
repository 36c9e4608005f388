/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* master.conf in the language of unit files. */

#include "listen/dropin.h"

#include <errno.h>

#include "base/cleanup.h"
#include "test.h"

#define STATE "/var/lib/primed"

/* The lines behind the head of the drop-in for the socket; NULL: there is none. */
static char *socket_lines(size_t n, char *listen[]) {
        MasterConfig config = { .listen = listen, .n_listen = n };
        char *text, *lines;

        CHECK_EQUAL(dropin_for_socket(&config, &text), 0);
        if (!text)
                return NULL;
        CHECK(strncmp(text, "# Made by primed-listen-generator(8)", 36) == 0);
        lines = strstr(text, "[Socket]\nListenStream=\n");
        CHECK(lines);
        lines = strdup(lines + strlen("[Socket]\nListenStream=\n"));
        free(text);
        return lines;
}

#define CHECK_SOCKET(expected, ...)                                                                          \
        do {                                                                                                 \
                char *listen_[] = { __VA_ARGS__ };                                                           \
                _cleanup_free_ char *lines_ = socket_lines(sizeof listen_ / sizeof listen_[0], listen_);     \
                CHECK(lines_);                                                                               \
                CHECK_STRING(lines_, expected);                                                              \
        } while (0)

#define FREE_BIND "# The address may come later than the socket.\nFreeBind=yes\n"

static void test_default_is_nothing(void) {
        char *listen[] = { (char *) "7919" };

        CHECK(!socket_lines(1, listen));
}

static void test_ports(void) {
        CHECK_SOCKET("ListenStream=7920\n", (char *) "7920");
        CHECK_SOCKET("ListenStream=7919\nListenStream=7920\n", (char *) "7919", (char *) "7920");
}

static void test_addresses(void) {
        CHECK_SOCKET("ListenStream=192.168.1.5:7919\n" FREE_BIND, (char *) "192.168.1.5:7919");
        CHECK_SOCKET("ListenStream=[fd00::5]:7919\n" FREE_BIND, (char *) "[fd00::5]:7919");
        CHECK_SOCKET("ListenStream=0.0.0.0:7919\n", (char *) "0.0.0.0:7919");
}

static void test_scope_goes_to_the_end(void) {
        CHECK_SOCKET("ListenStream=[fe80::1]:7919%%eth0\n" FREE_BIND, (char *) "[fe80::1%eth0]:7919");
}

/* The kernel would refuse the second one. */
static void test_covered_is_left_out(void) {
        CHECK_SOCKET("ListenStream=7919\n", (char *) "192.168.1.5:7919", (char *) "7919", (char *) "[::]:7919");
        CHECK_SOCKET("ListenStream=0.0.0.0:7919\n", (char *) "0.0.0.0:7919", (char *) "192.168.1.5:7919");
        CHECK_SOCKET("ListenStream=7919\nListenStream=192.168.1.5:7920\n" FREE_BIND, (char *) "7919",
                     (char *) "192.168.1.5:7920");
}

static void test_families_are_parted(void) {
        CHECK_SOCKET("ListenStream=0.0.0.0:7919\nListenStream=[::]:7919\nBindIPv6Only=ipv6-only\n",
                     (char *) "0.0.0.0:7919", (char *) "[::]:7919");
        CHECK_SOCKET("ListenStream=0.0.0.0:80\nListenStream=[::]:80\nListenStream=[::]:7919\n"
                     "ListenStream=10.0.0.1:7919\nBindIPv6Only=ipv6-only\n" FREE_BIND,
                     (char *) "80", (char *) "[::]:7919", (char *) "10.0.0.1:7919");
        CHECK_SOCKET("ListenStream=[::]:7919\n", (char *) "[::]:7919");
}

static char *service_lines(const char *store) {
        MasterConfig config = { .store = (char *) store };
        char *text, *lines;

        CHECK_EQUAL(dropin_for_service(&config, STATE, &text, NULL), 0);
        if (!text)
                return NULL;
        lines = strstr(text, "[Unit]\n");
        CHECK(lines);
        lines = strdup(lines);
        free(text);
        return lines;
}

#define CHECK_SERVICE(store, expected)                                                                       \
        do {                                                                                                 \
                _cleanup_free_ char *lines_ = service_lines(store);                                          \
                CHECK(lines_);                                                                               \
                CHECK_STRING(lines_, expected);                                                              \
        } while (0)

static void test_own_store_is_nothing(void) {
        CHECK(!service_lines(STATE));
        CHECK(!service_lines(STATE "/more"));
}

static void test_store_elsewhere(void) {
        CHECK_SERVICE("/srv/primes",
                      "[Unit]\nRequiresMountsFor=\"/srv/primes\"\n\n[Service]\nReadWritePaths=\"-/srv/primes\"\n");
        CHECK_SERVICE("/var/lib/primed2", "[Unit]\nRequiresMountsFor=\"/var/lib/primed2\"\n\n[Service]\n"
                                          "ReadWritePaths=\"-/var/lib/primed2\"\n");
}

/* ReadWritePaths= does not reach below what ProtectHome= and PrivateTmp= hide. */
static void test_store_in_hidden_places(void) {
        CHECK_SERVICE("/home/ada/primes", "[Unit]\nRequiresMountsFor=\"/home/ada/primes\"\n\n[Service]\n"
                                          "# Of the homes it sees this folder alone.\nProtectHome=tmpfs\n"
                                          "BindPaths=\"-/home/ada/primes\"\n");
        CHECK_SERVICE("/var/tmp/primes", "[Unit]\nRequiresMountsFor=\"/var/tmp/primes\"\n\n[Service]\n"
                                         "BindPaths=\"-/var/tmp/primes\"\n");
        CHECK_SERVICE("/homes", "[Unit]\nRequiresMountsFor=\"/homes\"\n\n[Service]\nReadWritePaths=\"-/homes\"\n");
}

static void test_store_with_odd_characters(void) {
        CHECK_SERVICE("/srv/a b%c\"d\\e", "[Unit]\nRequiresMountsFor=\"/srv/a b%%c\\\"d\\\\e\"\n\n[Service]\n"
                                          "ReadWritePaths=\"-/srv/a b%%c\\\"d\\\\e\"\n");
}

static void test_store_with_newline_is_refused(void) {
        MasterConfig config = { .store = (char *) "/srv/a\nExecStart=/bin/sh" };
        Problem problem = PROBLEM_NONE;
        char *text;

        CHECK_EQUAL(dropin_for_service(&config, STATE, &text, &problem), -EINVAL);
        CHECK(problem.text[0] != '\0');
}

/* What systemd, the shell or a terminal could take for more than text. */
static void test_refusal_is_only_text(void) {
        _cleanup_free_ char *text = dropin_for_refusal("\"a'b\" $c %d \\e\n\xc3\xa4");

        CHECK(text);
        CHECK(strstr(text, "' \"\\\"a'b\\\" $$c %%d \\\\e???\"\nExecStartPre=/bin/false\n"));
        CHECK(!strstr(text, "ListenStream"));
}

int main(void) {
        RUN(test_default_is_nothing);
        RUN(test_ports);
        RUN(test_addresses);
        RUN(test_scope_goes_to_the_end);
        RUN(test_covered_is_left_out);
        RUN(test_families_are_parted);
        RUN(test_refusal_is_only_text);
        RUN(test_own_store_is_nothing);
        RUN(test_store_elsewhere);
        RUN(test_store_in_hidden_places);
        RUN(test_store_with_odd_characters);
        RUN(test_store_with_newline_is_refused);
        return tests_end();
}
