/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An Avahi daemon without a network: it owns Avahi's name on a private bus, takes the calls that we make, and sends the
 * signals that a test wants, in orders and amounts that a real one shows once in a while. Runs in the test's own loop.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "private-bus.h"
#include "test.h"

#define FAKE_OBJECTS_MAX 2048

typedef struct FakeObject {
        char path[64]; /* "": freed */
        bool started;
        char interface[64];
        int number;    /* of the network interface */
        int protocol;
        char name[64];
} FakeObject;

typedef struct FakeAvahi {
        sd_event *event;
        sd_bus *bus;
        int state;           /* what GetState says */
        bool old;            /* no Server2 */
        bool hangs;          /* takes calls and answers none; see fake_wake() */
        bool found_at_once;  /* Found right behind the reply to Prepare, before Start, as 0.8 does */
        const char *refuses; /* the method that gets refusal as its error */
        const char *refusal;
        FakeObject objects[FAKE_OBJECTS_MAX];
        size_t n_objects;
        sd_bus_message *kept[256]; /* while it hangs */
        size_t n_kept;
        unsigned n_calls, n_auto_start;
        unsigned n_adds, n_commits, n_updates, n_resets, n_frees;
        char added_name[64];
        char txt[1024]; /* of the last AddService or UpdateServiceTxt: "v=0 id=…" */
        uint16_t port;
} FakeAvahi;

/* Runs the loop until `condition`, at most `seconds`. */
#define RUN_UNTIL(event, condition, seconds)                                                                 \
        do {                                                                                                 \
                usec_t _end = clock_now_usec() + TEST_PATIENCE(seconds);                                     \
                while (!(condition) && clock_now_usec() < _end)                                              \
                        CHECK(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);                                 \
        } while (0)

static inline FakeObject *fake_find(FakeAvahi *fake, const char *path) {
        for (size_t i = 0; i < fake->n_objects; i++)
                if (*path && strcmp(fake->objects[i].path, path) == 0)
                        return &fake->objects[i];
        return NULL;
}

/* The living object of an interface ("ServiceBrowser", …) and, if that is not NULL, of a name. */
static inline FakeObject *fake_object(FakeAvahi *fake, const char *interface, const char *name) {
        for (size_t i = 0; i < fake->n_objects; i++)
                if (*fake->objects[i].path && strstr(fake->objects[i].interface, interface) &&
                    (!name || strcmp(fake->objects[i].name, name) == 0))
                        return &fake->objects[i];
        return NULL;
}

static inline size_t fake_count(FakeAvahi *fake, const char *interface) {
        size_t n = 0;

        for (size_t i = 0; i < fake->n_objects; i++)
                n += *fake->objects[i].path && strstr(fake->objects[i].interface, interface);
        return n;
}

static inline sd_bus_message *fake_signal_new(FakeAvahi *fake, const char *path, const char *interface,
                                              const char *member) {
        sd_bus_message *m = NULL;

        CHECK(sd_bus_message_new_signal(fake->bus, &m, path, interface, member) >= 0);
        return m;
}

static inline void fake_send(FakeAvahi *fake, sd_bus_message *m) {
        CHECK(sd_bus_send(fake->bus, m, NULL) >= 0);
        sd_bus_message_unref(m);
}

/* ItemNew or ItemRemove of the one service browser. */
static inline void fake_item(FakeAvahi *fake, const char *member, int interface, int protocol, const char *name,
                             uint32_t flags) {
        FakeObject *browser = fake_object(fake, "ServiceBrowser", NULL);
        sd_bus_message *m;

        CHECK(browser);
        m = fake_signal_new(fake, browser->path, browser->interface, member);
        CHECK(sd_bus_message_append(m, "iisssu", interface, protocol, name, "_primed._tcp", "local", flags) >= 0);
        fake_send(fake, m);
}

static inline void fake_browser_signal(FakeAvahi *fake, const char *member, const char *error) {
        FakeObject *browser = fake_object(fake, "ServiceBrowser", NULL);
        sd_bus_message *m = fake_signal_new(fake, browser->path, browser->interface, member);

        if (error)
                CHECK(sd_bus_message_append(m, "s", error) >= 0);
        fake_send(fake, m);
}

/* Found of a resolver; `strings` ends with NULL. */
static inline void fake_found(FakeAvahi *fake, FakeObject *resolver, const char *address, uint16_t port,
                              const char *const *strings) {
        sd_bus_message *m = fake_signal_new(fake, resolver->path, resolver->interface, "Found");

        CHECK(sd_bus_message_append(m, "iissssisq", resolver->number, resolver->protocol, resolver->name,
                                    "_primed._tcp", "local", "host.local", resolver->protocol, address, port) >= 0);
        CHECK(sd_bus_message_open_container(m, 'a', "ay") >= 0);
        for (; *strings; strings++)
                CHECK(sd_bus_message_append_array(m, 'y', *strings, strlen(*strings)) >= 0);
        CHECK(sd_bus_message_close_container(m) >= 0);
        CHECK(sd_bus_message_append(m, "u", 0) >= 0);
        fake_send(fake, m);
}

static inline void fake_resolver_failure(FakeAvahi *fake, FakeObject *resolver) {
        sd_bus_message *m = fake_signal_new(fake, resolver->path, resolver->interface, "Failure");

        CHECK(sd_bus_message_append(m, "s", "org.freedesktop.Avahi.TimeoutError") >= 0);
        fake_send(fake, m);
}

static inline void fake_group_state(FakeAvahi *fake, int state, const char *error) {
        FakeObject *group = fake_object(fake, "EntryGroup", NULL);
        sd_bus_message *m;

        CHECK(group);
        m = fake_signal_new(fake, group->path, group->interface, "StateChanged");
        CHECK(sd_bus_message_append(m, "is", state, error) >= 0);
        fake_send(fake, m);
}

static inline void fake_set_state(FakeAvahi *fake, int state, const char *error) {
        sd_bus_message *m = fake_signal_new(fake, "/", "org.freedesktop.Avahi.Server", "StateChanged");

        fake->state = state;
        CHECK(sd_bus_message_append(m, "is", state, error) >= 0);
        fake_send(fake, m);
}

static inline const char *const *fake_master_txt(const char *id, const char *work) {
        static char id_string[80], work_string[16];
        static const char *strings[] = { "v=0", id_string, work_string, NULL };

        (void) snprintf(id_string, sizeof id_string, "id=%s", id);
        (void) snprintf(work_string, sizeof work_string, "work=%s", work);
        return strings;
}

/* The id in Found signals that are sent by themselves: of the first digit of the name. */
static inline const char *fake_id(const char *name) {
        static char id[65];

        memset(id, strpbrk(name, "0123456789") ? *strpbrk(name, "0123456789") : 'f', 64);
        return id;
}

static inline int fake_make(FakeAvahi *fake, sd_bus_message *m, const char *kind) {
        FakeObject *object = &fake->objects[fake->n_objects];
        const char *name, *type, *domain;
        int r;

        CHECK(fake->n_objects < FAKE_OBJECTS_MAX);
        memset(object, 0, sizeof *object);
        if (strcmp(kind, "ServiceResolver") == 0) {
                CHECK(sd_bus_message_read(m, "iisss", &object->number, &object->protocol, &name, &type, &domain) >= 0);
                (void) snprintf(object->name, sizeof object->name, "%s", name);
        }
        (void) snprintf(object->interface, sizeof object->interface, "org.freedesktop.Avahi.%s", kind);
        (void) snprintf(object->path, sizeof object->path, "/Client0/%s%zu", kind, fake->n_objects++);
        r = sd_bus_reply_method_return(m, "o", object->path);
        if (fake->found_at_once && strcmp(kind, "ServiceResolver") == 0)
                fake_found(fake, object, "10.0.0.2", 7919, fake_master_txt(fake_id(object->name), "0"));
        return r;
}

static inline void fake_read_service(FakeAvahi *fake, sd_bus_message *m, bool add) {
        const char *name, *type, *domain, *host;
        int32_t interface, protocol;
        uint32_t flags;

        CHECK(sd_bus_message_read(m, "iiusss", &interface, &protocol, &flags, &name, &type, &domain) >= 0);
        CHECK_EQUAL(interface, -1);
        CHECK_EQUAL(protocol, -1); /* one for all */
        CHECK_STRING(type, "_primed._tcp");
        (void) snprintf(fake->added_name, sizeof fake->added_name, "%s", name);
        if (add)
                CHECK(sd_bus_message_read(m, "sq", &host, &fake->port) >= 0);
        *fake->txt = '\0';
        CHECK(sd_bus_message_enter_container(m, 'a', "ay") >= 0);
        while (sd_bus_message_at_end(m, false) == 0) {
                const void *data;
                size_t size, used = strlen(fake->txt);

                CHECK(sd_bus_message_read_array(m, 'y', &data, &size) >= 0);
                (void) snprintf(fake->txt + used, sizeof fake->txt - used, "%s%.*s", used > 0 ? " " : "", (int) size,
                                (const char *) data);
        }
        CHECK(sd_bus_message_exit_container(m) >= 0);
}

static inline int fake_take(FakeAvahi *fake, sd_bus_message *m) {
        const char *member = sd_bus_message_get_member(m);
        FakeObject *object = fake_find(fake, sd_bus_message_get_path(m));

        if (fake->refuses && strcmp(member, fake->refuses) == 0)
                return sd_bus_reply_method_errorf(m, fake->refusal, "Not now");
        if (strcmp(member, "GetState") == 0)
                return sd_bus_reply_method_return(m, "i", fake->state);
        if (strcmp(sd_bus_message_get_interface(m), "org.freedesktop.Avahi.Server2") == 0) {
                if (fake->old)
                        return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_METHOD, "Method not found");
                return fake_make(fake, m,
                                 strcmp(member, "ServiceBrowserPrepare") == 0 ? "ServiceBrowser" : "ServiceResolver");
        }
        if (strcmp(member, "ServiceBrowserNew") == 0)
                return fake_make(fake, m, "ServiceBrowser");
        if (strcmp(member, "ServiceResolverNew") == 0)
                return fake_make(fake, m, "ServiceResolver");
        if (strcmp(member, "EntryGroupNew") == 0)
                return fake_make(fake, m, "EntryGroup");
        if (!object)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT, "No such object");
        if (strcmp(member, "Free") == 0) {
                *object->path = '\0';
                fake->n_frees++;
        } else if (strcmp(member, "Start") == 0) {
                CHECK(!object->started);
                object->started = true;
        } else if (strcmp(member, "AddService") == 0) {
                fake->n_adds++;
                fake_read_service(fake, m, true);
        } else if (strcmp(member, "UpdateServiceTxt") == 0) {
                fake->n_updates++;
                fake_read_service(fake, m, false);
        } else if (strcmp(member, "Commit") == 0) {
                fake->n_commits++;
        } else if (strcmp(member, "Reset") == 0) {
                fake->n_resets++;
        }
        return sd_bus_reply_method_return(m, NULL);
}

static inline int fake_on_message(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        FakeAvahi *fake = userdata;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        fake->n_calls++;
        fake->n_auto_start += sd_bus_message_get_auto_start(m) != 0;
        if (fake->hangs) {
                CHECK(fake->n_kept < sizeof fake->kept / sizeof *fake->kept);
                fake->kept[fake->n_kept++] = sd_bus_message_ref(m);
                return 1;
        }
        return fake_take(fake, m) < 0 ? -1 : 1;
}

/* Starts it: state 2, running. */
static inline void fake_start(FakeAvahi *fake, sd_event *event) {
        memset(fake, 0, sizeof *fake);
        fake->event = event;
        fake->state = 2;
        CHECK(sd_bus_open_system(&fake->bus) >= 0);
        CHECK(sd_bus_attach_event(fake->bus, event, 0) >= 0);
        CHECK(sd_bus_add_filter(fake->bus, NULL, fake_on_message, fake) >= 0);
        CHECK(sd_bus_request_name(fake->bus, "org.freedesktop.Avahi", 0) >= 0);
}

/* It stops hanging and does what it was asked to meanwhile. */
static inline void fake_wake(FakeAvahi *fake) {
        fake->hangs = false;
        for (size_t i = 0; i < fake->n_kept; i++) {
                CHECK(fake_take(fake, fake->kept[i]) >= 0);
                sd_bus_message_unref(fake->kept[i]);
        }
        fake->n_kept = 0;
}

/* It dies. */
static inline void fake_stop(FakeAvahi *fake) {
        for (size_t i = 0; i < fake->n_kept; i++)
                sd_bus_message_unref(fake->kept[i]);
        fake->n_kept = 0;
        fake->bus = sd_bus_flush_close_unref(fake->bus);
}
