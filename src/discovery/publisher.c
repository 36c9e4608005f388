/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Brings Avahi to what is wanted, one call at a time: publisher_advance() looks at what is missing and asks for the
 * next thing; each reply, signal and timer notes what it learned and calls it again.
 *
 *     EntryGroupNew → AddService → Commit → (registering) → established → UpdateServiceTxt when the TXT changes
 *                          ▲                                     │
 *                          └── Reset ◀── collision, failure, 30 s registering, another host name
 */

#include "discovery/publisher.h"

#include <avahi-common/address.h>
#include <avahi-common/alternative.h>
#include <avahi-common/defs.h>
#include <avahi-common/malloc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/macro.h"
#include "discovery/announcement.h"
#include "discovery/avahi-daemon.h"

/* Avahi 0.8 leaves a group registering for ever when its interface vanishes at the wrong moment. */
#define PATIENCE_USEC (30 * USEC_PER_SEC)

/* Names that were tried in a row: then a pause, lest somebody who claims every name keeps us and the LAN busy. */
#define COLLISIONS_MAX 16

typedef enum Step {
        STEP_GROUP,
        STEP_ADD,
        STEP_COMMIT,
        STEP_UPDATE,
        STEP_RESET,
} Step;

struct Publisher {
        sd_event *event;
        void (*on_changed)(Publisher *publisher, void *userdata);
        void *userdata;
        AvahiDaemon *daemon;
        Announcement announcement;
        bool wanted; /* publisher_set_work() was called */
        DiscoveryState state;

        char *group; /* object path */
        sd_bus_slot *call;
        Step step; /* of the call */
        bool added, committed;
        bool registering; /* committed, and Avahi still asks the LAN whether the name is free */
        bool outdated; /* the TXT that Avahi has */
        bool reset;    /* wanted before anything else */
        bool paused;   /* until the timer */
        unsigned n_collisions;
        sd_event_source *timer;

        char name[DISCOVERY_NAME_MAX + 1]; /* the one that is tried, or established */
        bool established;
        char problem[256];
        char told_name[DISCOVERY_NAME_MAX + 1];
        char told_problem[256];
};

static int publisher_advance(Publisher *publisher);

const char *publisher_published_name(const Publisher *publisher) {
        return publisher->established ? publisher->name : "";
}

const char *publisher_problem(const Publisher *publisher) {
        return publisher->problem;
}

static void publisher_tell(Publisher *publisher) {
        const char *name = publisher_published_name(publisher);

        if (strcmp(name, publisher->told_name) == 0 && strcmp(publisher->problem, publisher->told_problem) == 0)
                return;
        (void) snprintf(publisher->told_name, sizeof publisher->told_name, "%s", name);
        memcpy(publisher->told_problem, publisher->problem, sizeof publisher->problem);
        if (publisher->on_changed)
                publisher->on_changed(publisher, publisher->userdata);
}

static void publisher_set_problem(Publisher *publisher, const char *what, const char *why) {
        (void) snprintf(publisher->problem, sizeof publisher->problem, "%s%s%s", what, *why ? ": " : "", why);
}

static int publisher_on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* The timer runs while something is awaited, and only then. `anew`: something else than before. */
static void publisher_watch(Publisher *publisher, bool anew) {
        bool awaited = publisher->call || publisher->paused || publisher->registering;

        if (anew || !awaited)
                publisher->timer = sd_event_source_disable_unref(publisher->timer);
        if (awaited && !publisher->timer)
                (void) sd_event_add_time_relative(publisher->event, &publisher->timer, CLOCK_MONOTONIC, PATIENCE_USEC,
                                                  USEC_PER_SEC, publisher_on_timer, publisher);
}

/* What was published is no longer right, or not there. */
static void publisher_withdraw(Publisher *publisher) {
        publisher->established = publisher->registering = false;
        publisher->reset = true;
}

/* Nothing more until the timer, then from the start. */
static void publisher_pause(Publisher *publisher) {
        publisher_withdraw(publisher);
        publisher->paused = true;
        publisher_watch(publisher, true);
}

static int publisher_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Publisher *publisher = userdata;

        publisher->timer = sd_event_source_disable_unref(publisher->timer);
        if (publisher->call) {
                publisher_set_problem(publisher, "avahi-daemon does not answer: it hangs", "");
        } else if (publisher->paused) {
                publisher->paused = false;
                publisher->n_collisions = 0;
        } else {
                publisher_set_problem(publisher, "Avahi did not finish the registration in 30 s; it is begun anew", "");
                publisher_withdraw(publisher);
        }
        publisher_tell(publisher);
        return publisher_advance(publisher);
}

static void publisher_on_collision(Publisher *publisher) {
        char *alternative = avahi_alternative_service_name(publisher->name);

        publisher_withdraw(publisher);
        if (alternative && strlen(alternative) < sizeof publisher->name)
                memcpy(publisher->name, alternative, strlen(alternative) + 1);
        avahi_free(alternative);
        if (++publisher->n_collisions < COLLISIONS_MAX)
                return;
        publisher_set_problem(publisher, "Every name that was tried is taken by another host", publisher->name);
        publisher_pause(publisher);
}

static void publisher_on_error(Publisher *publisher, sd_bus_message *reply) {
        if (publisher->step == STEP_ADD &&
            sd_bus_message_is_method_error(reply, "org.freedesktop.Avahi.CollisionError")) {
                publisher_on_collision(publisher); /* with another program of this host */
                return;
        }
        publisher_set_problem(publisher, "Avahi does not publish this master", avahi_reply_text(reply));
        publisher_pause(publisher);
        if (publisher->step == STEP_RESET || publisher->step == STEP_GROUP) { /* a group that cannot be used */
                free(publisher->group);
                publisher->group = NULL;
        }
}

static int publisher_on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Publisher *publisher = userdata;
        const char *path;
        int r;

        publisher->call = sd_bus_slot_unref(publisher->call);
        if (sd_bus_message_is_method_error(m, NULL)) {
                publisher_on_error(publisher, m);
        } else if (publisher->step == STEP_GROUP) {
                r = sd_bus_message_read(m, "o", &path);
                if (r < 0)
                        return r;
                publisher->group = strdup(path);
                if (!publisher->group)
                        return -ENOMEM;
                publisher->reset = publisher->added = publisher->committed = false;
        } else if (publisher->step == STEP_ADD) {
                publisher->added = true;
        } else if (publisher->step == STEP_COMMIT) {
                publisher->committed = true;
                publisher->registering = !publisher->established; /* the signal may come first */
        } else if (publisher->step == STEP_RESET) {
                publisher->reset = publisher->added = publisher->committed = false;
        }
        if (publisher->established)
                *publisher->problem = '\0';
        r = publisher_advance(publisher);
        publisher_watch(publisher, false);
        publisher_tell(publisher);
        return r;
}

static int append_txt(sd_bus_message *m, const Announcement *announcement) {
        AvahiStringList *txt = announcement_txt(announcement);
        int r;

        if (!txt)
                return -ENOMEM;
        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "ay");
        for (AvahiStringList *item = txt; item && r >= 0; item = avahi_string_list_get_next(item))
                r = sd_bus_message_append_array(m, SD_BUS_TYPE_BYTE, avahi_string_list_get_text(item),
                                                avahi_string_list_get_size(item));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        avahi_string_list_free(txt);
        return r;
}

static int append_arguments(Publisher *publisher, sd_bus_message *m, Step step) {
        int r;

        if (step != STEP_ADD && step != STEP_UPDATE)
                return 0;
        /*
         * One service for all interfaces and protocols: Avahi 0.8 never takes back one of two that differ only in the
         * protocol.
         */
        r = sd_bus_message_append(m, "iiusss", (int32_t) AVAHI_IF_UNSPEC, (int32_t) AVAHI_PROTO_UNSPEC, UINT32_C(0),
                                  publisher->name, DISCOVERY_SERVICE_TYPE, "");
        if (r < 0)
                return r;
        if (step == STEP_ADD) {
                r = sd_bus_message_append(m, "sq", "", publisher->announcement.port);
                if (r < 0)
                        return r;
        }
        publisher->outdated = false;
        return append_txt(m, &publisher->announcement);
}

static int publisher_start(Publisher *publisher, Step step) {
        static const char *const methods[] = {
                [STEP_GROUP] = "EntryGroupNew", [STEP_ADD] = "AddService", [STEP_COMMIT] = "Commit",
                [STEP_UPDATE] = "UpdateServiceTxt", [STEP_RESET] = "Reset",
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = avahi_daemon_new_call(publisher->daemon, step == STEP_GROUP ? AVAHI_SERVER_PATH : publisher->group,
                                  step == STEP_GROUP ? AVAHI_SERVER_INTERFACE : AVAHI_GROUP_INTERFACE, methods[step],
                                  &m);
        if (r < 0)
                return r;
        r = append_arguments(publisher, m, step);
        if (r < 0)
                return r;
        r = avahi_daemon_send(publisher->daemon, m, publisher_on_reply, publisher, &publisher->call);
        if (r < 0)
                return r;
        publisher->step = step;
        publisher_watch(publisher, true);
        return 0;
}

/* The next thing that is missing, if anything is. */
static int publisher_advance(Publisher *publisher) {
        if (!publisher->wanted || publisher->call || publisher->paused || publisher->state != DISCOVERY_RUNNING)
                return 0;
        if (!publisher->group)
                return publisher_start(publisher, STEP_GROUP);
        if (publisher->reset)
                return publisher_start(publisher, STEP_RESET);
        if (!publisher->added)
                return publisher_start(publisher, STEP_ADD);
        if (!publisher->committed)
                return publisher_start(publisher, STEP_COMMIT);
        if (publisher->outdated)
                return publisher_start(publisher, STEP_UPDATE);
        return 0;
}

static void publisher_on_signal(sd_bus_message *m, void *userdata) {
        Publisher *publisher = userdata;
        const char *error;
        int32_t state;

        if (!publisher->group || strcmp(sd_bus_message_get_path(m), publisher->group) != 0 || publisher->reset ||
            !sd_bus_message_is_signal(m, AVAHI_GROUP_INTERFACE, "StateChanged") ||
            sd_bus_message_read(m, "is", &state, &error) < 0)
                return;
        switch (state) {
        case AVAHI_ENTRY_GROUP_ESTABLISHED:
                publisher->established = true;
                publisher->registering = false;
                publisher->n_collisions = 0;
                *publisher->problem = '\0';
                break;
        case AVAHI_ENTRY_GROUP_REGISTERING:
                /* Also when an interface comes up: on the others the service is still there. */
                publisher->registering = true;
                break;
        case AVAHI_ENTRY_GROUP_COLLISION:
                publisher_on_collision(publisher);
                break;
        case AVAHI_ENTRY_GROUP_FAILURE:
                publisher_set_problem(publisher, "Avahi cannot publish this master", avahi_error_name_text(error));
                publisher_pause(publisher);
                break;
        }
        (void) publisher_advance(publisher);
        publisher_watch(publisher, false);
        publisher_tell(publisher);
}

static void publisher_drop_objects(Publisher *publisher) {
        publisher->call = sd_bus_slot_unref(publisher->call);
        publisher->timer = sd_event_source_disable_unref(publisher->timer);
        free(publisher->group);
        publisher->group = NULL;
        publisher->established = publisher->registering = publisher->reset = publisher->paused = false;
        publisher->n_collisions = 0;
        announcement_instance_name(&publisher->announcement, publisher->name);
}

static void publisher_on_lost(void *userdata) {
        Publisher *publisher = userdata;

        publisher_drop_objects(publisher);
        publisher_tell(publisher);
}

static void publisher_on_state(DiscoveryState state, const char *problem, void *userdata) {
        Publisher *publisher = userdata;

        publisher->state = state;
        if (state == DISCOVERY_ABSENT)
                publisher_set_problem(publisher, "Avahi does not run, so no host finds this master by itself "
                                                 "(\"systemctl start avahi-daemon\")", problem);
        else
                publisher_set_problem(publisher, problem, "");
        if (state != DISCOVERY_RUNNING && publisher->group) {
                /* The host gets another name: what was published points to the old one. */
                publisher_withdraw(publisher);
        }
        (void) publisher_advance(publisher);
        publisher_watch(publisher, false);
        publisher_tell(publisher);
}

int publisher_new(sd_bus *bus, sd_event *event, const PublisherSettings *settings, Publisher **ret) {
        Publisher *publisher = calloc(1, sizeof *publisher);
        int r;

        if (!publisher)
                return -ENOMEM;
        publisher->event = sd_event_ref(event);
        publisher->on_changed = settings->on_changed;
        publisher->userdata = settings->userdata;
        r = announcement_init(&publisher->announcement, settings->name ? settings->name : "", settings->id,
                              settings->port, settings->capabilities ? settings->capabilities : "");
        if (r < 0) {
                publisher_free(publisher);
                return r;
        }
        announcement_instance_name(&publisher->announcement, publisher->name);
        r = avahi_daemon_new(bus, event,
                             &(AvahiDaemonCallbacks) { .on_state = publisher_on_state, .on_lost = publisher_on_lost,
                                                       .on_signal = publisher_on_signal, .userdata = publisher },
                             &publisher->daemon);
        if (r < 0) {
                publisher_free(publisher);
                return r;
        }
        *ret = publisher;
        return 0;
}

Publisher *publisher_free(Publisher *publisher) {
        if (!publisher)
                return NULL;
        if (publisher->group)
                avahi_daemon_post(publisher->daemon, publisher->group, AVAHI_GROUP_INTERFACE, "Free");
        publisher_drop_objects(publisher);
        avahi_daemon_free(publisher->daemon);
        sd_event_unref(publisher->event);
        free(publisher);
        return NULL;
}

int publisher_set_work(Publisher *publisher, bool work, const char *job) {
        bool changed = announcement_set_work(&publisher->announcement, work, job ? job : "",
                                             clock_realtime_usec() / USEC_PER_SEC);
        int r;

        if (publisher->wanted && !changed)
                return 0;
        publisher->wanted = publisher->outdated = true;
        r = publisher_advance(publisher);
        return r == -ENOTCONN ? 0 : r; /* a bus that is gone is told otherwise */
}
