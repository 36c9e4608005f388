/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Against a dbus-daemon of our own. */

#include "bus/bus.h"

#include <errno.h>

#include "base/clock.h"
#include "base/macro.h"
#include "private-bus.h"
#include "test.h"

static PrivateBus private_bus;
static sd_event *event;

#define NAME "org.primed.Test1"

/* Runs the loop until `condition`, at most `seconds`. */
#define RUN_UNTIL(condition, seconds)                                                                        \
        do {                                                                                                 \
                usec_t _end = clock_now_usec() + TEST_PATIENCE(seconds);                                     \
                while (!(condition) && clock_now_usec() < _end)                                              \
                        CHECK(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);                                 \
        } while (0)

typedef struct Told {
        int n;
        int error;
        char reason[256];
} Told;

static void on_name(int error, const char *reason, void *userdata) {
        Told *told = userdata;

        told->n++;
        told->error = error;
        (void) snprintf(told->reason, sizeof told->reason, "%s", reason);
}

static void on_gone(void *userdata) {
        ((Told *) userdata)->n++;
}

static sd_bus *open_bus(void) {
        Problem problem = PROBLEM_NONE;
        sd_bus *bus = NULL;

        CHECK_EQUAL(bus_open_system(event, &bus, &problem), 0);
        return bus;
}

static void test_no_daemon(void) {
        Problem problem = PROBLEM_NONE;
        sd_bus *bus = NULL;

        CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1) == 0);
        CHECK_EQUAL(bus_open_system(event, &bus, &problem), -ENOENT);
        CHECK(!bus);
        CHECK(strstr(problem.text, "system bus"));
        CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", private_bus.address, 1) == 0);
}

static void test_name(void) {
        Told first = { .n = 0 }, second = { .n = 0 };
        sd_bus *a = open_bus(), *b = open_bus();

        CHECK_EQUAL(bus_request_name(a, "no name", on_name, &first), -EINVAL);
        CHECK_EQUAL(bus_request_name(a, NAME, on_name, &first), 0);
        CHECK_EQUAL(first.n, 0); /* from the loop only */
        RUN_UNTIL(first.n > 0, 5);
        CHECK_EQUAL(first.n, 1);
        CHECK_EQUAL(first.error, 0);

        CHECK_EQUAL(bus_request_name(b, NAME, on_name, &second), 0);
        RUN_UNTIL(second.n > 0, 5);
        CHECK_EQUAL(second.error, -EEXIST);
        CHECK(strstr(second.reason, NAME));

        /* The old process ends: no retry is needed. */
        sd_bus_close_unref(a);
        RUN_UNTIL(second.n > 1, 5);
        CHECK_EQUAL(second.n, 2);
        CHECK_EQUAL(second.error, 0);
        CHECK_EQUAL(first.n, 1);
        sd_bus_close_unref(b);
}

static void test_name_lost(void) {
        Told told = { .n = 0 };
        sd_bus *bus = open_bus();

        CHECK_EQUAL(bus_request_name(bus, NAME, on_name, &told), 0);
        RUN_UNTIL(told.n > 0, 5);
        CHECK_EQUAL(told.error, 0);
        /* Behind our back. */
        CHECK(sd_bus_call_method_async(bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "ReleaseName", NULL, NULL, "s", NAME) >= 0);
        RUN_UNTIL(told.n >= 3, 5);
        CHECK_EQUAL(told.n, 3); /* lost, and ours again */
        CHECK_EQUAL(told.error, 0);
        sd_bus_close_unref(bus);
}

static void test_name_refused(void) {
        Told told = { .n = 0 };
        sd_bus *bus = open_bus();

        CHECK_EQUAL(bus_request_name(bus, "org.primed.Forbidden.Name", on_name, &told), 0);
        RUN_UNTIL(told.n > 0, 5);
        CHECK_EQUAL(told.n, 1);
        CHECK_EQUAL(told.error, -EACCES);
        CHECK(strstr(told.reason, "org.primed.Forbidden.Name"));
        sd_bus_close_unref(bus);
}

static void test_pending_is_freed(void) {
        Told told = { .n = 0 };
        sd_bus *bus = open_bus();

        CHECK_EQUAL(bus_request_name(bus, NAME, on_name, &told), 0);
        CHECK_EQUAL(bus_on_disconnected(bus, on_gone, &told), 0);
        sd_bus_close_unref(bus); /* LeakSanitizer looks */
        RUN_UNTIL(false, 0);
        CHECK_EQUAL(told.n, 0);
}

static void test_stopped_daemon(void) {
        Told told = { .n = 0 };
        usec_t began = clock_now_usec();
        sd_bus *bus;

        CHECK(kill(private_bus.pid, SIGSTOP) == 0);
        bus = open_bus();
        CHECK_EQUAL(bus_request_name(bus, NAME, on_name, &told), 0);
        CHECK(sd_event_run(event, 0) >= 0);
        CHECK(clock_now_usec() - began < TEST_PATIENCE(2));
        RUN_UNTIL(told.n > 0, 1);
        CHECK_EQUAL(told.n, 0);
        CHECK(kill(private_bus.pid, SIGCONT) == 0);
        RUN_UNTIL(told.n > 0, 5);
        CHECK_EQUAL(told.error, 0);
        sd_bus_close_unref(bus);
}

/* A child of user id `uid` calls a method of ours; what it got is its exit status. */
static pid_t call_as(uid_t uid, const char *destination) {
        pid_t pid = fork();

        if (pid == 0) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                sd_bus *bus = NULL;
                int r;

                if (getuid() != uid && (setgid(uid) < 0 || setuid(uid) < 0))
                        _exit(3);
                if (sd_bus_open_system(&bus) < 0)
                        _exit(4);
                r = sd_bus_call_method(bus, destination, "/", "org.primed.Test1", "Change", &error, NULL, NULL);
                if (r >= 0)
                        _exit(0);
                if (!sd_bus_error_has_name(&error, SD_BUS_ERROR_ACCESS_DENIED) || !strstr(error.message, "Only root"))
                        _exit(2);
                _exit(1);
        }
        return pid;
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        int *n_calls = userdata, r;

        if (!sd_bus_message_is_method_call(m, "org.primed.Test1", "Change"))
                return 0;
        (*n_calls)++;
        r = bus_caller_is_root(m, ret_error);
        if (r > 0)
                return sd_bus_reply_method_return(m, NULL);
        return sd_bus_reply_method_error(m, ret_error);
}

static int exit_status_of(uid_t uid) {
        int n_calls = 0, status = -1;
        const char *unique;
        sd_bus *bus = open_bus();
        pid_t pid;

        CHECK(sd_bus_get_unique_name(bus, &unique) >= 0);
        CHECK(sd_bus_add_filter(bus, NULL, on_call, &n_calls) >= 0);
        pid = call_as(uid, unique);
        RUN_UNTIL(waitpid(pid, &status, WNOHANG) == pid, 10);
        CHECK_EQUAL(n_calls, 1);
        CHECK(WIFEXITED(status));
        sd_bus_close_unref(bus);
        return WEXITSTATUS(status);
}

static void test_caller_is_root(void) {
        CHECK_EQUAL(exit_status_of(getuid()), 0);
}

static void test_caller_is_not_root(void) {
        CHECK_EQUAL(exit_status_of(getuid() == 0 ? 65534 : getuid()), 1);
}

static void test_disconnected(void) {
        Told told = { .n = 0 }, name = { .n = 0 };
        PrivateBus other;
        sd_bus *bus;

        CHECK(private_bus_start(&other));
        bus = open_bus();
        CHECK_EQUAL(bus_on_disconnected(bus, on_gone, &told), 0);
        CHECK_EQUAL(bus_request_name(bus, NAME, on_name, &name), 0);
        RUN_UNTIL(name.n > 0, 5);
        CHECK_EQUAL(told.n, 0);
        private_bus_stop(&other);
        RUN_UNTIL(told.n > 0, 5);
        RUN_UNTIL(false, 1);
        CHECK_EQUAL(told.n, 1);
        CHECK_EQUAL(sd_bus_is_open(bus), 0);
        CHECK_EQUAL(sd_event_get_state(event), SD_EVENT_INITIAL); /* the loop goes on */
        sd_bus_close_unref(bus);
        CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", private_bus.address, 1) == 0);
}

static void test_error_text(void) {
        const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST("org.primed.Error.Failed", "No such job");
        const sd_bus_error silent = SD_BUS_ERROR_MAKE_CONST("org.primed.Error.Failed", "");

        CHECK_STRING(bus_error_text(&error, -EIO), "No such job");
        CHECK_STRING(bus_error_text(&silent, -EIO), strerror(EIO));
        CHECK_STRING(bus_error_text(NULL, -EIO), strerror(EIO));
}

static sd_bus_message *new_message(sd_bus *bus) {
        sd_bus_message *m = NULL;

        CHECK(sd_bus_message_new_signal(bus, &m, "/", "org.primed.Test1", "Told") >= 0);
        return m;
}

static int collect(const char *key, char type, BusValue value, void *userdata) {
        char line[128], *all = userdata;

        switch (type) {
        case 's': (void) snprintf(line, sizeof line, "%s=%s;", key, value.s); break;
        case 'u': (void) snprintf(line, sizeof line, "%s=%" PRIu32 ";", key, value.u); break;
        case 't': (void) snprintf(line, sizeof line, "%s=%" PRIu64 ";", key, value.t); break;
        case 'd': (void) snprintf(line, sizeof line, "%s=%g;", key, value.d); break;
        default: (void) snprintf(line, sizeof line, "%s=%s;", key, value.b ? "yes" : "no");
        }
        strcat(all, line);
        return strcmp(key, "stop") == 0 ? -ECANCELED : 0;
}

static void test_dictionary(void) {
        sd_bus *bus = open_bus();
        sd_bus_message *m = new_message(bus);
        char all[1024] = "";

        CHECK(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
        CHECK(bus_append_string(m, "s", "text") >= 0);
        CHECK(bus_append_string(m, "null", NULL) >= 0);
        CHECK(bus_append_string(m, "bad", "a\xff" "b\nc\xc3\xa4") >= 0);
        CHECK(sd_bus_message_append(m, "{sv}", "list", "as", 2, "x", "y") >= 0); /* of a later release */
        CHECK(sd_bus_message_append(m, "{sv}", "int", "i", -1) >= 0);
        CHECK(bus_append_u32(m, "u", UINT32_MAX) >= 0);
        CHECK(bus_append_u64(m, "t", UINT64_MAX) >= 0);
        CHECK(bus_append_double(m, "d", 1.5) >= 0);
        CHECK(bus_append_bool(m, "b", true) >= 0);
        CHECK(sd_bus_message_close_container(m) >= 0);
        CHECK(sd_bus_message_append(m, "s", "behind") >= 0);
        CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
        CHECK(sd_bus_message_rewind(m, true) >= 0);

        CHECK_EQUAL(bus_read_dictionary(m, collect, all), 0);
        CHECK_STRING(all, "s=text;null=;bad=a?b?c\xc3\xa4;u=4294967295;t=18446744073709551615;d=1.5;b=yes;");
        CHECK_EQUAL(bus_read_dictionary(m, collect, all), -ENXIO); /* a string stands there */
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
}

static void test_dictionary_ends(void) {
        sd_bus *bus = open_bus();
        sd_bus_message *m = new_message(bus);
        char all[1024] = "";

        CHECK(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
        CHECK(bus_append_u32(m, "first", 1) >= 0);
        CHECK(bus_append_u32(m, "stop", 2) >= 0);
        CHECK(bus_append_u32(m, "last", 3) >= 0);
        CHECK(sd_bus_message_close_container(m) >= 0);
        CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
        CHECK(sd_bus_message_rewind(m, true) >= 0);
        CHECK_EQUAL(bus_read_dictionary(m, collect, all), -ECANCELED);
        CHECK_STRING(all, "first=1;stop=2;");
        sd_bus_message_unref(m);
        sd_bus_close_unref(bus);
}

int main(void) {
        PrivateBus root_bus;

        if (!private_bus_start(&private_bus)) {
                private_bus_stop(&private_bus);
                printf("1..0 # SKIP needs dbus-daemon\n");
                return 0;
        }
        CHECK(sd_event_new(&event) >= 0);
        RUN(test_no_daemon);
        RUN(test_name);
        RUN(test_name_lost);
        RUN(test_name_refused);
        RUN(test_pending_is_freed);
        RUN(test_stopped_daemon);
        if (private_bus_start_as(&root_bus, true))
                RUN(test_caller_is_root);
        else
                SKIP(test_caller_is_root, "run as root, or where users may make user namespaces");
        private_bus_stop(&root_bus);
        CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", private_bus.address, 1) == 0);
        RUN(test_caller_is_not_root);
        RUN(test_disconnected);
        RUN(test_error_text);
        RUN(test_dictionary);
        RUN(test_dictionary_ends);
        sd_event_unref(event);
        private_bus_stop(&private_bus);
        return tests_end();
}
