/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The publisher against an Avahi that does what it is told (fake-avahi.h). test-mdns.py has the real one. */

#include "discovery/publisher.h"

#include <errno.h>

#include "base/macro.h"
#include "bus/bus.h"
#include "discovery/fake-avahi.h"

#define ID "12345678deadbeef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAME "primed on h1 (12345678)"

enum { UNCOMMITTED, REGISTERING, ESTABLISHED, COLLISION, FAILURE };

static PrivateBus private_bus;
static sd_event *event;
static FakeAvahi fake;
static size_t n_changed;

static void on_changed(Publisher *publisher, void *userdata) {
        n_changed++;
}

typedef struct Scene {
        sd_bus *bus;
        Publisher *publisher;
} Scene;

static Scene begin(void) {
        const PublisherSettings settings = {
                .name = "h1", .id = ID, .port = 7919, .capabilities = "", .on_changed = on_changed,
        };
        Scene scene = { 0 };
        Problem problem = PROBLEM_NONE;

        n_changed = 0;
        CHECK_EQUAL(bus_open_system(event, &scene.bus, &problem), 0);
        CHECK_EQUAL(publisher_new(scene.bus, event, &settings, &scene.publisher), 0);
        return scene;
}

/* Avahi runs, and the service is there. */
static Scene begin_established(void) {
        Scene scene;

        fake_start(&fake, event);
        scene = begin();
        CHECK_EQUAL(publisher_set_work(scene.publisher, false, "a job"), 0);
        RUN_UNTIL(event, fake.n_commits > 0, 5);
        fake_group_state(&fake, REGISTERING, "");
        fake_group_state(&fake, ESTABLISHED, "");
        RUN_UNTIL(event, *publisher_published_name(scene.publisher), 5);
        CHECK_STRING(publisher_published_name(scene.publisher), NAME);
        CHECK_STRING(publisher_problem(scene.publisher), "");
        return scene;
}

static void end(Scene *scene) {
        CHECK_EQUAL(fake.n_auto_start, 0);
        publisher_free(scene->publisher);
        sd_bus_close_unref(scene->bus);
        RUN_UNTIL(event, fake_count(&fake, "") == 0, 5);
        CHECK_EQUAL(fake_count(&fake, ""), 0); /* taken back */
        fake_stop(&fake);
        RUN_UNTIL(event, false, 0.05);
}

static void test_what_is_refused(void) {
        PublisherSettings settings = { .name = "h1", .id = "x", .port = 7919, .capabilities = "" };
        Publisher *publisher = NULL;
        Problem problem = PROBLEM_NONE;
        sd_bus *bus = NULL;

        CHECK_EQUAL(bus_open_system(event, &bus, &problem), 0);
        CHECK_EQUAL(publisher_new(bus, event, &settings, &publisher), -EINVAL);
        settings.id = ID;
        settings.port = 0;
        CHECK_EQUAL(publisher_new(bus, event, &settings, &publisher), -EINVAL);
        CHECK(!publisher);
        sd_bus_close_unref(bus);
}

static void test_publishes(void) {
        Scene scene;

        fake_start(&fake, event);
        scene = begin();
        RUN_UNTIL(event, fake.n_calls > 0, 5);
        RUN_UNTIL(event, false, 0.1);
        CHECK_EQUAL(fake_count(&fake, "EntryGroup"), 0); /* before it is known what is wanted */

        CHECK_EQUAL(publisher_set_work(scene.publisher, true, "to 10^11"), 0);
        RUN_UNTIL(event, fake.n_commits > 0, 5);
        CHECK_STRING(fake.added_name, NAME);
        CHECK_EQUAL(fake.port, 7919);
        CHECK(strstr(fake.txt, "v=0 id=" ID " work=1 ring="));
        CHECK(strstr(fake.txt, " job=to 10^11"));
        CHECK_STRING(publisher_published_name(scene.publisher), "");
        fake_group_state(&fake, ESTABLISHED, "");
        RUN_UNTIL(event, n_changed > 0 && *publisher_published_name(scene.publisher), 5);
        CHECK_STRING(publisher_published_name(scene.publisher), NAME);
        end(&scene);
}

static void test_doorbell(void) {
        Scene scene = begin_established();
        char before[1024];

        CHECK(strstr(fake.txt, "work=0"));
        CHECK_EQUAL(publisher_set_work(scene.publisher, false, "a job"), 0); /* nothing new */
        RUN_UNTIL(event, false, 0.1);
        CHECK_EQUAL(fake.n_updates, 0);

        CHECK_EQUAL(publisher_set_work(scene.publisher, true, "a job"), 0);
        RUN_UNTIL(event, fake.n_updates > 0, 5);
        CHECK(strstr(fake.txt, "work=1"));
        (void) snprintf(before, sizeof before, "%s", fake.txt);

        /* Away and back while a call is under way: one update, and another number. */
        CHECK_EQUAL(publisher_set_work(scene.publisher, false, "a job"), 0);
        CHECK_EQUAL(publisher_set_work(scene.publisher, true, "a job"), 0);
        RUN_UNTIL(event, strstr(fake.txt, "work=1") && strcmp(fake.txt, before) != 0, 5);
        CHECK(strstr(fake.txt, "work=1") && strcmp(fake.txt, before) != 0);
        CHECK_EQUAL(fake.n_adds, 1);
        CHECK_EQUAL(fake.n_resets, 0);
        CHECK_STRING(publisher_published_name(scene.publisher), NAME);
        end(&scene);
}

static void test_collision_on_the_lan(void) {
        Scene scene = begin_established();

        fake_group_state(&fake, COLLISION, "org.freedesktop.Avahi.CollisionError");
        RUN_UNTIL(event, fake.n_commits == 2, 5);
        CHECK_EQUAL(fake.n_resets, 1);
        CHECK_STRING(fake.added_name, NAME " #2");
        CHECK_STRING(publisher_published_name(scene.publisher), "");
        fake_group_state(&fake, ESTABLISHED, "");
        RUN_UNTIL(event, *publisher_published_name(scene.publisher), 5);
        CHECK_STRING(publisher_published_name(scene.publisher), NAME " #2");

        CHECK_EQUAL(publisher_set_work(scene.publisher, true, ""), 0); /* the doorbell is under the new name */
        RUN_UNTIL(event, fake.n_updates > 0, 5);
        CHECK_STRING(fake.added_name, NAME " #2");
        end(&scene);
}

static void test_collision_on_the_host(void) {
        Scene scene;

        fake_start(&fake, event);
        fake.refuses = "AddService";
        fake.refusal = "org.freedesktop.Avahi.CollisionError";
        scene = begin();
        CHECK_EQUAL(publisher_set_work(scene.publisher, true, ""), 0);
        RUN_UNTIL(event, *publisher_problem(scene.publisher), 5);
        /* Somebody has every name: a pause, not a storm. */
        CHECK(strstr(publisher_problem(scene.publisher), "taken"));
        CHECK(fake.n_calls < 60);
        RUN_UNTIL(event, false, 0.2);
        CHECK(fake.n_calls < 60);
        end(&scene);
}

static void test_failure_is_told(void) {
        Scene scene = begin_established();

        fake_group_state(&fake, FAILURE, "org.freedesktop.Avahi.TimeoutError");
        RUN_UNTIL(event, *publisher_problem(scene.publisher), 5);
        CHECK(strstr(publisher_problem(scene.publisher), "Timeout reached"));
        CHECK_STRING(publisher_published_name(scene.publisher), "");
        end(&scene);
}

static void test_group_is_refused(void) {
        Scene scene;

        fake_start(&fake, event);
        fake.refuses = "EntryGroupNew";
        fake.refusal = "org.freedesktop.Avahi.NotPermittedError";
        scene = begin();
        CHECK_EQUAL(publisher_set_work(scene.publisher, true, ""), 0);
        RUN_UNTIL(event, *publisher_problem(scene.publisher), 5);
        CHECK(strstr(publisher_problem(scene.publisher), "Not now"));
        end(&scene);
}

static void test_another_host_name(void) {
        Scene scene = begin_established();

        fake_set_state(&fake, 3, "org.freedesktop.Avahi.CollisionError");
        RUN_UNTIL(event, !*publisher_published_name(scene.publisher), 5);
        CHECK_STRING(publisher_published_name(scene.publisher), "");
        CHECK_EQUAL(fake.n_resets, 0);
        fake_set_state(&fake, 1, "");
        fake_set_state(&fake, 2, "");
        RUN_UNTIL(event, fake.n_commits == 2, 5);
        CHECK_EQUAL(fake.n_resets, 1); /* what was there points to the old name */
        CHECK_STRING(fake.added_name, NAME);
        fake_group_state(&fake, ESTABLISHED, "");
        RUN_UNTIL(event, *publisher_published_name(scene.publisher), 5);
        CHECK_STRING(publisher_published_name(scene.publisher), NAME);
        end(&scene);
}

static void test_restarts(void) {
        Scene scene = begin_established();

        for (unsigned i = 0; i < 5; i++) {
                fake_stop(&fake);
                RUN_UNTIL(event, !*publisher_published_name(scene.publisher), 5);
                CHECK(strstr(publisher_problem(scene.publisher), "does not run"));
                CHECK_EQUAL(publisher_set_work(scene.publisher, i % 2 == 0, "meanwhile"), 0);
                fake_start(&fake, event);
                RUN_UNTIL(event, fake.n_commits == 1, 5);
                CHECK(strstr(fake.txt, i % 2 == 0 ? "work=1" : "work=0"));
                CHECK_STRING(fake.added_name, NAME);
                fake_group_state(&fake, ESTABLISHED, "");
                RUN_UNTIL(event, *publisher_published_name(scene.publisher), 5);
                CHECK_STRING(publisher_published_name(scene.publisher), NAME);
                CHECK_STRING(publisher_problem(scene.publisher), "");
        }
        end(&scene);
}

static void test_hangs(void) {
        Scene scene = begin_established();
        usec_t began = clock_now_usec();

        fake.hangs = true;
        for (unsigned i = 0; i < 50; i++) {
                CHECK_EQUAL(publisher_set_work(scene.publisher, i % 2 == 0, "a job"), 0);
                CHECK(sd_event_run(event, 0) >= 0);
        }
        CHECK(clock_now_usec() - began < TEST_PATIENCE(1));
        RUN_UNTIL(event, fake.n_kept > 0, 5);
        CHECK_EQUAL(fake.n_kept, 1); /* one call at a time */
        fake_wake(&fake);
        RUN_UNTIL(event, fake.n_updates == 2, 5);
        CHECK(strstr(fake.txt, "work=0")); /* the last word */
        RUN_UNTIL(event, false, 0.1);
        CHECK_EQUAL(fake.n_updates, 2);
        end(&scene);
}

static void test_bus_ends(void) {
        PrivateBus other;
        Scene scene;

        CHECK(private_bus_start(&other));
        scene = begin_established();
        private_bus_stop(&other);
        RUN_UNTIL(event, !*publisher_published_name(scene.publisher), 5);
        CHECK(strstr(publisher_problem(scene.publisher), "bus"));
        CHECK_EQUAL(publisher_set_work(scene.publisher, true, ""), 0);
        publisher_free(scene.publisher);
        sd_bus_close_unref(scene.bus);
        fake_stop(&fake);
        CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", private_bus.address, 1) == 0);
}

/* Avahi 0.8 can leave a group registering for ever. Takes 30 s. */
static void test_stuck_registering(void) {
        Scene scene;

        fake_start(&fake, event);
        scene = begin();
        CHECK_EQUAL(publisher_set_work(scene.publisher, true, ""), 0);
        RUN_UNTIL(event, fake.n_commits > 0, 5);
        fake_group_state(&fake, REGISTERING, "");
        RUN_UNTIL(event, fake.n_commits > 1, 25);
        CHECK_EQUAL(fake.n_commits, 1);
        RUN_UNTIL(event, fake.n_commits > 1, 10);
        CHECK_EQUAL(fake.n_commits, 2);
        CHECK_EQUAL(fake.n_resets, 1);
        CHECK(*publisher_problem(scene.publisher));
        fake_group_state(&fake, ESTABLISHED, "");
        RUN_UNTIL(event, *publisher_published_name(scene.publisher), 5);
        CHECK_STRING(publisher_problem(scene.publisher), "");
        end(&scene);
}

/* A person is told. Takes 30 s. */
static void test_hangs_for_long(void) {
        Scene scene = begin_established();

        fake.hangs = true;
        CHECK_EQUAL(publisher_set_work(scene.publisher, true, ""), 0);
        RUN_UNTIL(event, *publisher_problem(scene.publisher), 35);
        CHECK(strstr(publisher_problem(scene.publisher), "hangs"));
        fake_wake(&fake);
        RUN_UNTIL(event, !*publisher_problem(scene.publisher), 5);
        CHECK_STRING(publisher_problem(scene.publisher), "");
        CHECK(strstr(fake.txt, "work=1"));
        end(&scene);
}

int main(int argc, char *argv[]) {
        if (!private_bus_start(&private_bus)) {
                private_bus_stop(&private_bus);
                printf("1..0 # SKIP needs dbus-daemon\n");
                return 0;
        }
        CHECK(sd_event_new(&event) >= 0);
        RUN(test_what_is_refused);
        RUN(test_publishes);
        RUN(test_doorbell);
        RUN(test_collision_on_the_lan);
        RUN(test_collision_on_the_host);
        RUN(test_failure_is_told);
        RUN(test_group_is_refused);
        RUN(test_another_host_name);
        RUN(test_restarts);
        RUN(test_hangs);
        RUN(test_bus_ends);
        if (argc > 1 && strcmp(argv[1], "long") == 0) {
                RUN(test_stuck_registering);
                RUN(test_hangs_for_long);
        }
        sd_event_unref(event);
        private_bus_stop(&private_bus);
        return tests_end();
}
