/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon as a state, and calls to it. */

#include "discovery/avahi-daemon.h"

#include <errno.h>

#include "base/macro.h"
#include "bus/bus.h"
#include "discovery/fake-avahi.h"

static PrivateBus private_bus;
static sd_event *event;
static FakeAvahi fake;

static char states[256];
static char problem_text[256];
static size_t n_lost, n_signals, n_replies;
static int reply_errno;

static void on_state(DiscoveryState state, const char *problem, void *userdata) {
        strcat(states, state == DISCOVERY_ABSENT ? "a" : state == DISCOVERY_STARTING ? "s" : "r");
        (void) snprintf(problem_text, sizeof problem_text, "%s", problem);
}

static void on_lost(void *userdata) {
        n_lost++;
        strcat(states, "l");
}

static void on_signal(sd_bus_message *m, void *userdata) {
        n_signals++;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        n_replies++;
        reply_errno = sd_bus_message_get_errno(m);
        return 0;
}

static AvahiDaemon *begin(sd_bus **ret_bus) {
        const AvahiDaemonCallbacks callbacks = { .on_state = on_state, .on_lost = on_lost, .on_signal = on_signal };
        Problem problem = PROBLEM_NONE;
        AvahiDaemon *daemon = NULL;

        *states = '\0';
        n_lost = n_signals = n_replies = 0;
        CHECK_EQUAL(bus_open_system(event, ret_bus, &problem), 0);
        CHECK_EQUAL(avahi_daemon_new(*ret_bus, event, &callbacks, &daemon), 0);
        return daemon;
}

static void end(AvahiDaemon *daemon, sd_bus *bus) {
        avahi_daemon_free(daemon);
        sd_bus_close_unref(bus);
}

static void test_comes_and_goes(void) {
        sd_bus_message *m = NULL;
        sd_bus *bus = NULL;
        AvahiDaemon *daemon = begin(&bus);

        RUN_UNTIL(event, *states, 5);
        CHECK_STRING(states, "a");
        CHECK_EQUAL(avahi_daemon_new_call(daemon, "/", AVAHI_SERVER_INTERFACE, "GetState", &m), -ENOTCONN);
        avahi_daemon_post(daemon, "/", AVAHI_SERVER_INTERFACE, "GetState"); /* to nobody */

        for (unsigned i = 0; i < 3; i++) {
                *states = '\0';
                fake_start(&fake, event);
                RUN_UNTIL(event, strlen(states) == 2, 5);
                CHECK_STRING(states, "sr");
                *states = '\0';
                fake_stop(&fake);
                RUN_UNTIL(event, strlen(states) == 2, 5);
                CHECK_STRING(states, "al");
        }
        CHECK_EQUAL(n_lost, 3);
        end(daemon, bus);
}

/* What an answer to a call that was under way when Avahi died says, and that it comes at all. */
static void test_dies_with_a_call(void) {
        sd_bus_message *m = NULL;
        sd_bus_slot *slot = NULL;
        sd_bus *bus = NULL;
        AvahiDaemon *daemon = begin(&bus);

        fake_start(&fake, event);
        RUN_UNTIL(event, strstr(states, "r"), 5);
        fake.hangs = true;
        CHECK_EQUAL(avahi_daemon_new_call(daemon, "/", AVAHI_SERVER_INTERFACE, "EntryGroupNew", &m), 0);
        CHECK(avahi_daemon_send(daemon, m, on_reply, NULL, &slot) >= 0);
        sd_bus_message_unref(m);
        RUN_UNTIL(event, fake.n_kept > 0, 5);
        CHECK_EQUAL(fake.n_auto_start, 0);
        fake_stop(&fake);
        RUN_UNTIL(event, n_replies > 0, 5);
        CHECK_EQUAL(n_replies, 1);
        CHECK(reply_errno > 0);
        sd_bus_slot_unref(slot);
        end(daemon, bus);
}

static void test_failure_is_told(void) {
        sd_bus *bus = NULL;
        AvahiDaemon *daemon = begin(&bus);

        fake_start(&fake, event);
        RUN_UNTIL(event, strstr(states, "r"), 5);
        fake_set_state(&fake, 4, "org.freedesktop.Avahi.NoNetworkError");
        RUN_UNTIL(event, *problem_text, 5);
        CHECK(strstr(problem_text, "No suitable network protocol available"));
        fake_set_state(&fake, 2, "");
        RUN_UNTIL(event, !*problem_text, 5);
        CHECK_STRING(problem_text, "");
        CHECK_EQUAL(n_signals, 0); /* these are ours */
        fake_stop(&fake);
        end(daemon, bus);
}

static void test_state_is_refused(void) {
        sd_bus *bus = NULL;
        AvahiDaemon *daemon;

        fake_start(&fake, event);
        fake.refuses = "GetState";
        fake.refusal = SD_BUS_ERROR_ACCESS_DENIED;
        daemon = begin(&bus);
        RUN_UNTIL(event, *problem_text, 5);
        CHECK(strstr(problem_text, "Not now"));
        fake_stop(&fake);
        end(daemon, bus);
}

static void test_words(void) {
        CHECK_STRING(avahi_error_name_text("org.freedesktop.Avahi.CollisionError"), "Local name collision");
        CHECK_STRING(avahi_error_name_text("org.freedesktop.Avahi.TimeoutError"), "Timeout reached");
        CHECK_STRING(avahi_error_name_text("org.freedesktop.Avahi.NewError"), "Operation failed");
        CHECK_STRING(avahi_error_name_text(""), "Operation failed");
        CHECK_STRING(avahi_error_name_text(NULL), "Operation failed");
}

int main(void) {
        if (!private_bus_start(&private_bus)) {
                private_bus_stop(&private_bus);
                printf("1..0 # SKIP needs dbus-daemon\n");
                return 0;
        }
        CHECK(sd_event_new(&event) >= 0);
        RUN(test_comes_and_goes);
        RUN(test_dies_with_a_call);
        RUN(test_failure_is_told);
        RUN(test_state_is_refused);
        RUN(test_words);
        sd_event_unref(event);
        private_bus_stop(&private_bus);
        return tests_end();
}
