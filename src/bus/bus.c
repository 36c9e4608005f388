/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What our programs do with the system bus, without ever waiting for its daemon. */

#include "bus/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/utf8.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

int bus_open_system(sd_event *event, sd_bus **ret, Problem *problem) {
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r < 0)
                return problem_set(problem, r, "Cannot connect to the system bus: %m. Is dbus running?");
        (void) sd_bus_set_exit_on_disconnect(bus, false);
        if (event) {
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
                if (r < 0) {
                        sd_bus_close_unref(bus);
                        return problem_set(problem, r, "Cannot watch the connection to the system bus: %m");
                }
        }
        *ret = bus;
        return 0;
}

/* What was asked for with bus_on_disconnected(); belongs to the slot of its match. */
typedef struct Disconnection {
        void (*callback)(void *userdata);
        void *userdata;
        bool told;
} Disconnection;

static int disconnection_on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Disconnection *disconnection = userdata;

        if (disconnection->told)
                return 0;
        disconnection->told = true;
        disconnection->callback(disconnection->userdata);
        return 0;
}

/* Hands a match and what it points to over to the bus, which frees both when it is freed itself. */
static int slot_give_to_bus(sd_bus_slot *slot, void *owned) {
        int r;

        r = sd_bus_slot_set_floating(slot, true);
        sd_bus_slot_unref(slot);
        if (r < 0) {
                free(owned);
                return r;
        }
        r = sd_bus_slot_set_destroy_callback(slot, free);
        return r < 0 ? r : 0;
}

int bus_on_disconnected(sd_bus *bus, void (*callback)(void *userdata), void *userdata) {
        _cleanup_free_ Disconnection *disconnection = calloc(1, sizeof *disconnection);
        sd_bus_slot *slot = NULL;
        int r;

        if (!disconnection)
                return -ENOMEM;
        *disconnection = (Disconnection) { .callback = callback, .userdata = userdata };

        /* A signal that sd-bus sends to itself: no daemon is asked for it. */
        r = sd_bus_match_signal_async(bus, &slot, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                      "org.freedesktop.DBus.Local", "Disconnected", disconnection_on_signal, NULL,
                                      disconnection);
        if (r < 0)
                return r;
        return slot_give_to_bus(slot, TAKE_PTR(disconnection));
}

/* What was asked for with bus_request_name(); belongs to the slot of its match. */
typedef struct NameRequest {
        sd_bus *bus; /* not referenced: it owns us */
        BusNameResult on_result;
        void *userdata;
        bool owned;
        char name[];
} NameRequest;

static int name_request_send(NameRequest *request);

static void name_request_acquired(NameRequest *request) {
        if (request->owned)
                return;
        request->owned = true;
        request->on_result(0, "", request->userdata);
}

static int name_request_on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        /* Replies of RequestName in the D-Bus specification. */
        enum { PRIMARY_OWNER = 1, IN_QUEUE = 2, EXISTS = 3, ALREADY_OWNER = 4 };
        NameRequest *request = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        Problem problem = PROBLEM_NONE;
        uint32_t result = 0;

        if (error) {
                int r = -sd_bus_message_get_errno(m);

                if (sd_bus_is_open(request->bus) <= 0) /* bus_on_disconnected() tells that */
                        return 0;
                (void) problem_set(&problem, r, "Cannot own the bus name %s: %s", request->name,
                                   bus_error_text(error, r));
                request->on_result(r, problem.text, request->userdata);
                /* A daemon that hung for a while is asked again: nobody else will tell us that it is back. */
                return r == -ETIMEDOUT ? name_request_send(request) : 0;
        }
        (void) sd_bus_message_read(m, "u", &result);
        if (result == PRIMARY_OWNER || result == ALREADY_OWNER) {
                name_request_acquired(request);
        } else if (!request->owned) {
                (void) problem_set(&problem, EEXIST,
                                   "Another process owns the bus name %s; it is ours when that one ends",
                                   request->name);
                request->on_result(-EEXIST, problem.text, request->userdata);
        }
        return 0;
}

static int name_request_send(NameRequest *request) {
        enum { ALLOW_NOTHING_BUT_QUEUE = 0 };
        int r;

        r = sd_bus_call_method_async(request->bus, NULL, DBUS_NAME, DBUS_PATH, DBUS_NAME, "RequestName",
                                     name_request_on_reply, request, "su", request->name,
                                     (uint32_t) ALLOW_NOTHING_BUT_QUEUE);
        return r < 0 ? r : 0;
}

static int name_request_on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        NameRequest *request = userdata;

        if (sd_bus_message_is_signal(m, DBUS_NAME, "NameAcquired")) {
                name_request_acquired(request);
        } else if (sd_bus_message_is_signal(m, DBUS_NAME, "NameLost") && request->owned) {
                Problem problem = PROBLEM_NONE;

                request->owned = false;
                (void) problem_set(&problem, ESTALE, "The bus name %s was lost; it is asked for again", request->name);
                request->on_result(-ESTALE, problem.text, request->userdata);
                return name_request_send(request);
        }
        return 0;
}

int bus_request_name(sd_bus *bus, const char *name, BusNameResult on_result, void *userdata) {
        size_t size = strlen(name) + 1;
        _cleanup_free_ NameRequest *request = calloc(1, sizeof *request + size);
        NameRequest *kept;
        char match[512];
        sd_bus_slot *slot = NULL;
        int r;

        if (!request)
                return -ENOMEM;
        if (!sd_bus_service_name_is_valid(name))
                return -EINVAL;
        *request = (NameRequest) { .bus = bus, .on_result = on_result, .userdata = userdata };
        memcpy(request->name, name, size);

        /* The match is asked for first, so that the daemon knows it before it can give us the name. */
        (void) snprintf(match, sizeof match, "type='signal',sender='" DBUS_NAME "',path='" DBUS_PATH "',arg0='%s'",
                        name);
        r = sd_bus_add_match_async(bus, &slot, match, name_request_on_signal, NULL, request);
        if (r < 0)
                return r;
        kept = TAKE_PTR(request);
        r = slot_give_to_bus(slot, kept);
        if (r < 0)
                return r;
        return name_request_send(kept);
}

int bus_caller_is_root(sd_bus_message *call, sd_bus_error *ret_error) {
        sd_bus_creds *creds = NULL;
        uid_t uid = (uid_t) -1;
        int r;

        /* Not sd_bus_query_sender_privilege(): it lets in whoever has our own uid. */
        r = sd_bus_query_sender_creds(call, SD_BUS_CREDS_EUID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, &uid);
        sd_bus_creds_unref(creds);
        if (r < 0) {
                (void) sd_bus_error_setf(ret_error, SD_BUS_ERROR_ACCESS_DENIED,
                                         "Cannot tell who is calling: %s", strerror(-r));
                return 0;
        }
        if (uid == 0)
                return 1;
        (void) sd_bus_error_setf(ret_error, SD_BUS_ERROR_ACCESS_DENIED,
                                 "Only root may do this (the caller's user id is %u)", (unsigned) uid);
        return 0;
}

int bus_append_string(sd_bus_message *m, const char *key, const char *value) {
        size_t size = value ? strlen(value) + 1 : 1;
        _cleanup_free_ char *plain = malloc(size);

        if (!plain)
                return -ENOMEM;
        utf8_copy_plain(plain, size, value ? value : "");
        return sd_bus_message_append(m, "{sv}", key, "s", plain);
}

int bus_append_u32(sd_bus_message *m, const char *key, uint32_t value) {
        return sd_bus_message_append(m, "{sv}", key, "u", value);
}

int bus_append_u64(sd_bus_message *m, const char *key, uint64_t value) {
        return sd_bus_message_append(m, "{sv}", key, "t", value);
}

int bus_append_double(sd_bus_message *m, const char *key, double value) {
        return sd_bus_message_append(m, "{sv}", key, "d", value);
}

int bus_append_bool(sd_bus_message *m, const char *key, bool value) {
        return sd_bus_message_append(m, "{sv}", key, "b", (int) value);
}

const char *bus_error_text(const sd_bus_error *error, int r) {
        if (error && error->message && *error->message)
                return error->message;
        return strerror(abs(r));
}

/* The value of the entry whose key was read, by its type; unknown types are skipped. */
static int read_value(sd_bus_message *m, const char *key, BusOnEntry on_entry, void *userdata) {
        const char *contents = NULL;
        BusValue value = { .t = 0 };
        char kind, type;
        int r;

        r = sd_bus_message_peek_type(m, &kind, &contents);
        if (r < 0)
                return r;
        if (r == 0 || kind != SD_BUS_TYPE_VARIANT)
                return -ENXIO;
        if (strlen(contents) != 1 || !strchr("sutdb", *contents))
                return sd_bus_message_skip(m, "v");

        type = *contents;
        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, contents);
        if (r < 0)
                return r;
        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        return on_entry(key, type, value, userdata);
}

int bus_read_dictionary(sd_bus_message *m, BusOnEntry on_entry, void *userdata) {
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r <= 0)
                return r < 0 ? r : -ENXIO;
        for (;;) {
                const char *key;

                r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &key);
                if (r < 0)
                        return r;
                r = read_value(m, key, on_entry, userdata);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_exit_container(m);
        return r < 0 ? r : 0;
}
