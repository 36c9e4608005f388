/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The doorbell follows the jobs. Against an Avahi that the test plays. */

#include "master/advertise.h"

#include "bus/bus.h"
#include "discovery/fake-avahi.h"
#include "jobs-stage.h"

static JobsStage stage;
static FakeAvahi fake;
static unsigned n_changed;

static void on_changed(void *userdata) {
        n_changed++;
}

static bool txt_has(const char *word) {
        return strstr(fake.txt, word) != NULL;
}

static void test_txt_follows_the_jobs(void) {
        Advertise *advertise = NULL;
        sd_bus *bus = NULL;

        stage_begin(&stage);
        fake_start(&fake, stage.event);
        CHECK_EQUAL(bus_open_system(stage.event, &bus, NULL), 0);
        CHECK_EQUAL(advertise_new(bus, stage.event, &(AdvertiseSettings) {
                .name = "h1",
                .port = 1234,
                .master = stage.master,
                .jobs = stage.jobs,
                .on_changed = on_changed,
        }, &advertise), 0);
        CHECK_STRING(advertise_name(advertise), "");
        RUN_UNTIL(stage.event, fake.n_commits > 0, 5);
        fake_group_state(&fake, 1, "");
        fake_group_state(&fake, 2, "");
        RUN_UNTIL(stage.event, *advertise_name(advertise), 5);
        CHECK(strncmp(advertise_name(advertise), "primed on h1 (", 14) == 0);
        CHECK(n_changed > 0);
        CHECK_EQUAL(fake.port, 1234);
        CHECK(txt_has("work=0") && txt_has("caps=primes"));

        CHECK_EQUAL(stage_add(&stage, "0", "10^12", 0), 0);
        advertise_update(advertise);
        RUN_UNTIL(stage.event, txt_has("work=1"), 5);
        CHECK(txt_has("work=1") && txt_has("job=0 to 10^12"));

        /* nothing new: nothing is sent */
        fake.n_updates = 0;
        for (int i = 0; i < 20; i++)
                advertise_update(advertise);
        RUN_UNTIL(stage.event, fake.n_updates > 0, 0.2);
        CHECK_EQUAL(fake.n_updates, 0);

        CHECK_EQUAL(jobs_pause(stage.jobs, "0-1000000000000", true, NULL), 0);
        advertise_update(advertise);
        RUN_UNTIL(stage.event, txt_has("work=0"), 5);
        CHECK(txt_has("work=0"));

        CHECK(advertise_free(advertise) == NULL);
        CHECK(advertise_free(NULL) == NULL);
        CHECK_STRING(advertise_name(NULL), "");
        CHECK_STRING(advertise_problem(NULL), "");
        sd_bus_close_unref(bus);
        fake_stop(&fake);
        stage_end(&stage);
}

static void test_without_avahi_it_tells_why(void) {
        Advertise *advertise = NULL;
        sd_bus *bus = NULL;

        stage_begin(&stage);
        CHECK_EQUAL(bus_open_system(stage.event, &bus, NULL), 0);
        CHECK_EQUAL(advertise_new(bus, stage.event, &(AdvertiseSettings) {
                .name = "h1",
                .port = 1234,
                .master = stage.master,
                .jobs = stage.jobs,
                .on_changed = on_changed,
        }, &advertise), 0);
        RUN_UNTIL(stage.event, *advertise_problem(advertise), 5);
        CHECK(strstr(advertise_problem(advertise), "vahi"));
        CHECK_STRING(advertise_name(advertise), "");
        advertise_free(advertise);
        sd_bus_close_unref(bus);
        stage_end(&stage);
}

int main(void) {
        PrivateBus private_bus;

        if (!private_bus_start(&private_bus)) {
                SKIP(test_advertise, "needs dbus-daemon");
                return tests_end();
        }
        RUN(test_txt_follows_the_jobs);
        RUN(test_without_avahi_it_tells_why);
        private_bus_stop(&private_bus);
        return tests_end();
}
