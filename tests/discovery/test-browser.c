/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The browser against an Avahi that does what it is told (fake-avahi.h). test-mdns.py has the real one. */

#include "discovery/browser.h"

#include <arpa/inet.h>

#include "base/macro.h"
#include "bus/bus.h"
#include "discovery/fake-avahi.h"

static PrivateBus private_bus;
static sd_event *event;
static FakeAvahi fake; /* large */

static DiscoveredMaster last;
static DiscoveryState state;
static char problem_text[256], order[4096];
static size_t n_told, n_gone, n_states;

static void on_master(const DiscoveredMaster *master, void *userdata) {
        last = *master;
        n_told++;
}

static void on_gone(const char *id, void *userdata) {
        n_gone++;
        strcat(order, "g");
}

static void on_state(DiscoveryState s, const char *problem, void *userdata) {
        state = s;
        n_states++;
        (void) snprintf(problem_text, sizeof problem_text, "%s", problem);
        strcat(order, s == DISCOVERY_ABSENT ? "a" : s == DISCOVERY_STARTING ? "s" : "r");
}

typedef struct Scene {
        sd_bus *bus;
        Browser *browser;
} Scene;

static Scene begin(void) {
        const BrowserCallbacks callbacks = { .on_master = on_master, .on_gone = on_gone, .on_state = on_state };
        Scene scene = { 0 };
        Problem problem = PROBLEM_NONE;

        n_told = n_gone = n_states = 0;
        *order = '\0';
        CHECK_EQUAL(bus_open_system(event, &scene.bus, &problem), 0);
        CHECK_EQUAL(browser_new(scene.bus, event, &callbacks, &scene.browser), 0);
        CHECK_EQUAL(n_states, 0);
        return scene;
}

static void end(Scene *scene) {
        browser_free(scene->browser);
        sd_bus_close_unref(scene->bus);
}

/* The service browser is there, and the browser knows. */
static void wait_for_browser(void) {
        RUN_UNTIL(event, fake_object(&fake, "ServiceBrowser", NULL) &&
                                 (fake.old || fake_object(&fake, "ServiceBrowser", NULL)->started), 5);
        CHECK(fake_object(&fake, "ServiceBrowser", NULL));
        RUN_UNTIL(event, false, 0.02);
}

/* With an Avahi whose browser runs. */
static Scene begin_browsing(void) {
        Scene scene;

        fake_start(&fake, event);
        scene = begin();
        wait_for_browser();
        CHECK_EQUAL(state, DISCOVERY_RUNNING);
        return scene;
}

static void end_browsing(Scene *scene) {
        CHECK_EQUAL(fake.n_auto_start, 0);
        end(scene);
        RUN_UNTIL(event, fake_count(&fake, "") == 0, 5);
        CHECK_EQUAL(fake_count(&fake, ""), 0); /* nothing is left behind in Avahi */
        fake_stop(&fake);
        RUN_UNTIL(event, false, 0.05);
}

static FakeObject *wait_for_resolver(const char *name) {
        RUN_UNTIL(event, fake_object(&fake, "ServiceResolver", name), 5);
        CHECK(fake_object(&fake, "ServiceResolver", name));
        return fake_object(&fake, "ServiceResolver", name);
}

static void test_absent(void) {
        Scene scene = begin();

        RUN_UNTIL(event, n_states > 0, 5);
        CHECK_EQUAL(state, DISCOVERY_ABSENT);
        CHECK_STRING(problem_text, "");
        fake_start(&fake, event); /* it comes later */
        wait_for_browser();
        CHECK_EQUAL(state, DISCOVERY_RUNNING);
        end_browsing(&scene);
}

static void test_found_and_gone(void) {
        Scene scene = begin_browsing();
        FakeObject *resolver;

        fake_item(&fake, "ItemNew", 2, 1, "m1", 0);
        resolver = wait_for_resolver("m1");
        RUN_UNTIL(event, resolver->started, 5);
        CHECK(resolver->started);
        CHECK_EQUAL(n_told, 0);
        fake_found(&fake, resolver, "fe80::1", 7919, fake_master_txt(fake_id("m1"), "0"));
        RUN_UNTIL(event, n_told > 0, 5);
        CHECK_STRING(last.name, "m1");
        CHECK_EQUAL(last.addresses[0].in6.sin6_scope_id, 2);
        CHECK(!last.work && !last.local);

        fake_found(&fake, resolver, "fe80::1", 7919, fake_master_txt(fake_id("m1"), "1")); /* the doorbell */
        RUN_UNTIL(event, n_told > 1, 5);
        CHECK(last.work);

        fake_item(&fake, "ItemRemove", 2, 1, "m1", 0);
        RUN_UNTIL(event, n_gone > 0 && !*resolver->path, 5);
        CHECK_EQUAL(n_gone, 1);
        CHECK(!*resolver->path);
        end_browsing(&scene);
}

static void test_found_before_start(void) {
        Scene scene = begin_browsing();

        fake.found_at_once = true;
        for (unsigned i = 0; i < 10; i++) {
                char name[8];

                (void) snprintf(name, sizeof name, "m%u", i);
                fake_item(&fake, "ItemNew", 2, 0, name, 0);
        }
        RUN_UNTIL(event, n_told == 10, 5);
        CHECK_EQUAL(n_told, 10);
        end_browsing(&scene);
}

static void test_without_server2(void) {
        Scene scene;

        fake_start(&fake, event);
        fake.old = true;
        scene = begin();
        wait_for_browser();
        fake_item(&fake, "ItemNew", 2, 0, "m1", 0);
        fake_found(&fake, wait_for_resolver("m1"), "10.0.0.2", 7919, fake_master_txt(fake_id("m1"), "1"));
        RUN_UNTIL(event, n_told > 0, 5);
        CHECK_EQUAL(n_told, 1);
        CHECK(!fake_object(&fake, "ServiceResolver", NULL)->started);
        end_browsing(&scene);
}

static void test_local_flag(void) {
        Scene scene = begin_browsing();

        fake_item(&fake, "ItemNew", 1, 0, "m1", 8);
        fake_item(&fake, "ItemNew", 1, 0, "m2", 0);
        fake_found(&fake, wait_for_resolver("m2"), "127.0.0.1", 7919, fake_master_txt(fake_id("m2"), "1"));
        fake_found(&fake, wait_for_resolver("m1"), "127.0.0.1", 7919, fake_master_txt(fake_id("m1"), "1"));
        RUN_UNTIL(event, n_told > 0, 5);
        CHECK_EQUAL(n_told, 1); /* 127.0.0.1 of a stranger is nobody */
        CHECK_STRING(last.name, "m1");
        CHECK(last.local);
        end_browsing(&scene);
}

static void test_resolver_fails(void) {
        Scene scene = begin_browsing();
        FakeObject *a, *b;

        fake_item(&fake, "ItemNew", 2, 0, "m1", 0);
        a = wait_for_resolver("m1");
        fake_found(&fake, a, "10.0.0.2", 7919, fake_master_txt(fake_id("m1"), "0"));
        fake_item(&fake, "ItemNew", 3, 0, "m1 #2", 0);
        b = wait_for_resolver("m1 #2");
        fake_found(&fake, b, "10.1.0.2", 7919, fake_master_txt(fake_id("m1"), "0"));
        RUN_UNTIL(event, n_told == 2, 5);
        CHECK_EQUAL(last.n_addresses, 2);
        fake_resolver_failure(&fake, a);
        RUN_UNTIL(event, n_told == 3, 5);
        CHECK_EQUAL(last.n_addresses, 1);
        CHECK_EQUAL(last.addresses[0].interface, 3);
        CHECK_EQUAL(n_gone, 0);
        fake_resolver_failure(&fake, b);
        RUN_UNTIL(event, n_gone == 1, 5);
        CHECK(*a->path && *b->path); /* both go on */
        fake_found(&fake, a, "10.0.0.2", 7919, fake_master_txt(fake_id("m1"), "0"));
        RUN_UNTIL(event, n_told == 4, 5);
        CHECK_EQUAL(n_told, 4);
        end_browsing(&scene);
}

static void test_removed_while_prepared(void) {
        Scene scene = begin_browsing();

        fake.hangs = true;
        fake_item(&fake, "ItemNew", 2, 0, "m1", 0);
        RUN_UNTIL(event, fake.n_kept > 0, 5);
        fake_item(&fake, "ItemRemove", 2, 0, "m1", 0);
        fake_item(&fake, "ItemNew", 2, 0, "m1", 0); /* back at once: another resolver */
        RUN_UNTIL(event, fake.n_kept > 1, 5);
        fake_wake(&fake);
        RUN_UNTIL(event, fake.n_frees == 1, 5);
        CHECK_EQUAL(fake_count(&fake, "ServiceResolver"), 1);
        fake_found(&fake, fake_object(&fake, "ServiceResolver", "m1"), "10.0.0.2", 7919,
                   fake_master_txt(fake_id("m1"), "0"));
        RUN_UNTIL(event, n_told > 0, 5);
        CHECK_EQUAL(n_told, 1);
        end_browsing(&scene);
}

static void test_restarts(void) {
        Scene scene = begin();

        for (unsigned i = 1; i <= 5; i++) {
                fake_start(&fake, event);
                fake.found_at_once = true;
                wait_for_browser();
                *order = '\0';
                fake_item(&fake, "ItemNew", 2, 0, "m1", 0);
                fake_item(&fake, "ItemNew", 2, 1, "m2", 0);
                RUN_UNTIL(event, n_told == 2 * i, 5);
                CHECK_EQUAL(n_told, 2 * i);
                fake_stop(&fake);
                RUN_UNTIL(event, n_gone == 2 * i, 5);
                CHECK_EQUAL(n_gone, 2 * i);
                CHECK_STRING(order, "agg"); /* why, then who */
        }
        end(&scene);
}

static void test_signals_of_strangers(void) {
        FakeAvahi *second = calloc(1, sizeof *second);
        Scene scene = begin_browsing();
        sd_bus_message *m;

        fake.found_at_once = true;
        fake_item(&fake, "ItemNew", 2, 0, "m1", 0);
        RUN_UNTIL(event, n_told > 0, 5);

        /* Signals of a process that is not Avahi, to everybody or to us alone, mean nothing. */
        memset(second, 0, sizeof *second);
        CHECK(sd_bus_open_system(&second->bus) >= 0);
        m = fake_signal_new(second, fake_object(&fake, "ServiceResolver", NULL)->path,
                            "org.freedesktop.Avahi.ServiceResolver", "Failure");
        CHECK(sd_bus_message_append(m, "s", "x") >= 0);
        {
                const char *name;

                CHECK(sd_bus_get_unique_name(scene.bus, &name) >= 0);
                CHECK(sd_bus_message_set_destination(m, name) >= 0);
        }
        fake_send(second, m);
        CHECK(sd_bus_flush(second->bus) >= 0);
        RUN_UNTIL(event, false, 0.2);
        CHECK_EQUAL(n_gone, 0);
        sd_bus_flush_close_unref(second->bus);
        free(second);
        end_browsing(&scene);
}

static void test_hangs(void) {
        usec_t began;
        Scene scene;

        fake_start(&fake, event);
        fake.hangs = true;
        began = clock_now_usec();
        scene = begin();
        RUN_UNTIL(event, fake.n_kept > 0, 5);
        CHECK(clock_now_usec() - began < TEST_PATIENCE(1));
        CHECK_EQUAL(state, DISCOVERY_STARTING);
        fake_wake(&fake);
        wait_for_browser();
        CHECK_EQUAL(state, DISCOVERY_RUNNING);
        end_browsing(&scene);
}

static void test_starting(void) {
        Scene scene;

        fake_start(&fake, event);
        fake.state = 1;
        scene = begin();
        RUN_UNTIL(event, fake.n_calls > 0, 5);
        RUN_UNTIL(event, false, 0.1);
        CHECK_EQUAL(state, DISCOVERY_STARTING);
        CHECK(!fake_object(&fake, "ServiceBrowser", NULL));
        fake_set_state(&fake, 2, "");
        wait_for_browser();
        CHECK(fake_object(&fake, "ServiceBrowser", NULL));

        fake_set_state(&fake, 3, "org.freedesktop.Avahi.CollisionError"); /* the host's name: browsing goes on */
        RUN_UNTIL(event, state == DISCOVERY_STARTING, 5);
        CHECK(*problem_text);
        fake_set_state(&fake, 2, "");
        RUN_UNTIL(event, state == DISCOVERY_RUNNING, 5);
        CHECK_STRING(problem_text, "");
        RUN_UNTIL(event, false, 0.1);
        CHECK_EQUAL(fake_count(&fake, "ServiceBrowser"), 1);
        end_browsing(&scene);
}

static void test_browser_refused(void) {
        Scene scene;

        fake_start(&fake, event);
        fake.refuses = "ServiceBrowserPrepare";
        fake.refusal = "org.freedesktop.Avahi.TooManyObjectsError";
        scene = begin();
        RUN_UNTIL(event, n_states > 0 && *problem_text, 5);
        CHECK_EQUAL(state, DISCOVERY_RUNNING);
        CHECK(strstr(problem_text, "Not now"));
        end_browsing(&scene);
}

static void test_browser_fails(void) {
        Scene scene = begin_browsing();

        fake_browser_signal(&fake, "Failure", "org.freedesktop.Avahi.NoNetworkError");
        RUN_UNTIL(event, *problem_text, 5);
        CHECK(strstr(problem_text, "No suitable network protocol available")); /* Avahi's own words */
        end_browsing(&scene);
}

static void test_garbage(void) {
        static const char *const no_id[] = { "v=0", NULL };
        static const char *strings[5001];
        Scene scene = begin_browsing();
        FakeObject *resolver;
        sd_bus_message *m;
        char long_name[201];

        memset(long_name, 'n', sizeof long_name - 1);
        long_name[sizeof long_name - 1] = '\0';
        fake_item(&fake, "ItemNew", 2, 0, long_name, 0); /* no label of DNS is so long */
        fake_item(&fake, "ItemNew", 2, 0, "", 0);
        fake_item(&fake, "ItemNew", 2, 0, "m\0331\n\xe2\x80\xae", 0);
        resolver = wait_for_resolver("m\0331\n\xe2\x80\xae"); /* asked for by its own name */
        CHECK_EQUAL(fake_count(&fake, "ServiceResolver"), 1);

        fake_found(&fake, resolver, "10.0.0.2", 7919, no_id);
        for (size_t i = 0; i < ELEMENTSOF(strings) - 1; i++)
                strings[i] = "id=x";
        fake_found(&fake, resolver, "10.0.0.2", 7919, strings);
        fake_found(&fake, resolver, "not an address", 7919, fake_master_txt(fake_id("1"), "1"));
        fake_found(&fake, resolver, "10.0.0.2", 0, fake_master_txt(fake_id("1"), "1"));
        /* Other types than Avahi's. */
        m = fake_signal_new(&fake, resolver->path, resolver->interface, "Found");
        CHECK(sd_bus_message_append(m, "s", "x") >= 0);
        fake_send(&fake, m);
        m = fake_signal_new(&fake, fake_object(&fake, "ServiceBrowser", NULL)->path,
                            "org.freedesktop.Avahi.ServiceBrowser", "ItemNew");
        fake_send(&fake, m);
        RUN_UNTIL(event, false, 0.1);
        CHECK_EQUAL(n_told, 0);

        fake_found(&fake, resolver, "10.0.0.2", 7919, fake_master_txt(fake_id("1"), "1"));
        RUN_UNTIL(event, n_told > 0, 5);
        CHECK_STRING(last.name, "m?1????"); /* as it is shown */
        /* It stops making sense: no master is left. */
        fake_found(&fake, resolver, "10.0.0.2", 7919, no_id);
        RUN_UNTIL(event, n_gone > 0, 5);
        CHECK_EQUAL(n_gone, 1);
        end_browsing(&scene);
}

/* Services 0 … n-1, each with an id of its own. */
static void announce(unsigned from, unsigned to, const char *member) {
        char name[32];

        for (unsigned i = from; i < to; i++) {
                (void) snprintf(name, sizeof name, "service-%u", i);
                fake_item(&fake, member, 2, 0, name, 0);
        }
}

static void test_flood(void) {
        static const char *const no_id[] = { "v=0", NULL };
        Scene scene = begin_browsing();
        FakeObject *resolver;
        char id[65];
        unsigned n_before;

        /* More than there is room for. */
        announce(0, 1000, "ItemNew");
        RUN_UNTIL(event, fake.n_objects >= 769, 20);
        RUN_UNTIL(event, false, 0.2);
        CHECK_EQUAL(fake.n_objects, 769); /* with the service browser */

        /* One was looked at and is no master: it gives way. */
        fake_found(&fake, fake_object(&fake, "ServiceResolver", "service-500"), "10.0.0.2", 7919, no_id);
        fake_item(&fake, "ItemNew", 2, 0, "service-1000", 0);
        wait_for_resolver("service-1000");
        RUN_UNTIL(event, !fake_object(&fake, "ServiceResolver", "service-500"), 5);
        CHECK(!fake_object(&fake, "ServiceResolver", "service-500"));
        CHECK_EQUAL(fake_count(&fake, "ServiceResolver"), 768);

        /* All of them become masters: 256 are told. */
        for (size_t i = 0; i < fake.n_objects; i++) {
                resolver = &fake.objects[i];
                if (!*resolver->path || !strstr(resolver->interface, "Resolver"))
                        continue;
                (void) snprintf(id, sizeof id, "%064zx", i);
                fake_found(&fake, resolver, "10.0.0.2", 7919, fake_master_txt(id, "0"));
        }
        RUN_UNTIL(event, n_told >= DISCOVERY_MASTERS_MAX, 5);
        RUN_UNTIL(event, false, 0.2);
        CHECK_EQUAL(n_told, DISCOVERY_MASTERS_MAX);

        /* Now a newcomer finds no room ... */
        n_before = fake.n_objects;
        fake_item(&fake, "ItemNew", 2, 0, "newcomer", 0);
        RUN_UNTIL(event, false, 0.1);
        CHECK_EQUAL(fake.n_objects, n_before);

        /* ... until many went: then the browser looks again, and what is not shown again is gone. */
        announce(0, 700, "ItemRemove");
        RUN_UNTIL(event, fake.n_objects > n_before, 5);
        wait_for_browser();
        CHECK_EQUAL(fake_count(&fake, "ServiceBrowser"), 1);
        fake_item(&fake, "ItemNew", 2, 0, "newcomer", 0);
        fake_item(&fake, "ItemNew", 2, 0, "service-767", 0);
        wait_for_resolver("newcomer");
        fake_browser_signal(&fake, "AllForNow", NULL);
        RUN_UNTIL(event, fake_count(&fake, "ServiceResolver") <= 2, 5);
        CHECK_EQUAL(fake_count(&fake, "ServiceResolver"), 2);
        CHECK(fake_object(&fake, "ServiceResolver", "service-767"));
        end_browsing(&scene);
}

static void test_calls_are_paced(void) {
        Scene scene = begin_browsing();

        fake.hangs = true;
        announce(0, 200, "ItemNew");
        RUN_UNTIL(event, fake.n_kept >= 16, 5);
        RUN_UNTIL(event, false, 0.2);
        CHECK_EQUAL(fake.n_kept, 16); /* a bus takes 128 of one connection */
        fake_wake(&fake);
        RUN_UNTIL(event, fake_count(&fake, "ServiceResolver") == 200, 5);
        CHECK_EQUAL(fake_count(&fake, "ServiceResolver"), 200);
        RUN_UNTIL(event, false, 0.1); /* until the browser knows them */
        end_browsing(&scene);
}

static void test_freed_in_the_middle(void) {
        Scene scene = begin_browsing();

        fake.hangs = true;
        announce(0, 20, "ItemNew");
        RUN_UNTIL(event, fake.n_kept >= 16, 5);
        end(&scene);
        fake_wake(&fake);
        RUN_UNTIL(event, false, 0.1);
        CHECK_EQUAL(n_told, 0);
        fake_stop(&fake);
}

static void test_bus_ends(void) {
        PrivateBus other;
        Scene scene;

        CHECK(private_bus_start(&other));
        scene = begin_browsing();
        fake.found_at_once = true;
        fake_item(&fake, "ItemNew", 2, 0, "m1", 0);
        RUN_UNTIL(event, n_told > 0, 5);
        private_bus_stop(&other);
        RUN_UNTIL(event, n_gone > 0, 5);
        CHECK_EQUAL(state, DISCOVERY_ABSENT);
        CHECK(strstr(problem_text, "bus"));
        CHECK_EQUAL(n_gone, 1);
        end(&scene);
        fake_stop(&fake);
        CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", private_bus.address, 1) == 0);
}

int main(void) {
        if (!private_bus_start(&private_bus)) {
                private_bus_stop(&private_bus);
                printf("1..0 # SKIP needs dbus-daemon\n");
                return 0;
        }
        CHECK(sd_event_new(&event) >= 0);
        RUN(test_absent);
        RUN(test_found_and_gone);
        RUN(test_found_before_start);
        RUN(test_without_server2);
        RUN(test_local_flag);
        RUN(test_resolver_fails);
        RUN(test_removed_while_prepared);
        RUN(test_restarts);
        RUN(test_signals_of_strangers);
        RUN(test_hangs);
        RUN(test_starting);
        RUN(test_browser_refused);
        RUN(test_browser_fails);
        RUN(test_garbage);
        RUN(test_flood);
        RUN(test_calls_are_paced);
        RUN(test_freed_in_the_middle);
        RUN(test_bus_ends);
        sd_event_unref(event);
        private_bus_stop(&private_bus);
        return tests_end();
}
