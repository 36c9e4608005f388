/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "connect/resolve.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "test.h"

static sd_event *event;
static Address addresses[RESOLVE_ADDRESSES_MAX];
static size_t n_addresses;
static char reason[256];
static unsigned n_answers;

static void on_done(Resolve *resolve, const Address *found, size_t n_found, const char *why, void *userdata) {
        memcpy(addresses, found, n_found * sizeof *found);
        n_addresses = n_found;
        (void) snprintf(reason, sizeof reason, "%s", why);
        n_answers++;
}

static void ask(const char *host) {
        _cleanup_(resolve_freep) Resolve *resolve = NULL;

        n_answers = 0;
        CHECK(resolve_new(event, host, 7919, on_done, NULL, &resolve) == 0);
        while (n_answers == 0)
                CHECK(sd_event_run(event, 60 * USEC_PER_SEC) > 0);
        CHECK(n_answers == 1);
}

static void test_localhost(void) {
        bool found = false;

        ask("localhost");
        CHECK(n_addresses > 0 && reason[0] == '\0');
        for (size_t i = 0; i < n_addresses; i++) {
                char text[ADDRESS_TEXT_SIZE];

                (void) address_text(addresses + i, text);
                found |= strcmp(text, "127.0.0.1:7919") == 0 || strcmp(text, "[::1]:7919") == 0;
        }
        CHECK(found);
}

static void test_unknown_name(void) {
        ask("no-such-host.invalid");
        CHECK(n_addresses == 0 && reason[0] != '\0');
}

/* Whatever happened, no child is left behind. */
static void test_no_child_stays(void) {
        CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
        for (unsigned i = 0; i < 8; i++) {
                Resolve *resolve = NULL;

                CHECK(resolve_new(event, "no-such-host.invalid", 7919, on_done, NULL, &resolve) == 0);
                resolve = resolve_free(resolve);
        }
        CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

int main(void) {
        CHECK(sd_event_new(&event) >= 0);
        RUN(test_localhost);
        RUN(test_unknown_name);
        RUN(test_no_child_stays);
        sd_event_unref(event);
        return tests_end();
}
