/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Follows the owner of Avahi's name, and that owner's state. */

#include "discovery/avahi-daemon.h"

#include <avahi-common/defs.h>
#include <avahi-common/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"

#define AVAHI_NAME "org.freedesktop.Avahi"
#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

/* Avahi that does not say its state for so long hangs: a person is told. */
#define PATIENCE_USEC (20 * USEC_PER_SEC)

#define STATE_UNKNOWN (-1)

struct AvahiDaemon {
        sd_bus *bus;
        sd_event *event;
        AvahiDaemonCallbacks callbacks;
        sd_bus_slot *owner_match;
        sd_bus_slot *signal_match;
        sd_bus_slot *disconnected_match;
        sd_bus_slot *owner_call;
        sd_bus_slot *state_call;
        sd_event_source *patience;
        char *owner; /* unique name; NULL: none */
        int server_state; /* AvahiServerState, or STATE_UNKNOWN */
        bool hangs;
        bool told; /* anything at all */
        DiscoveryState told_state;
        char problem[256];
        char told_problem[256];
};

static DiscoveryState current_state(const AvahiDaemon *daemon) {
        if (!daemon->owner)
                return DISCOVERY_ABSENT;
        return daemon->server_state == AVAHI_SERVER_RUNNING ? DISCOVERY_RUNNING : DISCOVERY_STARTING;
}

static void tell_state(AvahiDaemon *daemon) {
        DiscoveryState state = current_state(daemon);

        if (daemon->told && state == daemon->told_state && strcmp(daemon->problem, daemon->told_problem) == 0)
                return;
        daemon->told = true;
        daemon->told_state = state;
        memcpy(daemon->told_problem, daemon->problem, sizeof daemon->problem);
        daemon->callbacks.on_state(state, daemon->problem, daemon->callbacks.userdata);
}

static void set_server_state(AvahiDaemon *daemon, int state, const char *error) {
        daemon->patience = sd_event_source_disable_unref(daemon->patience);
        daemon->server_state = state;
        *daemon->problem = '\0';
        if (state == AVAHI_SERVER_COLLISION)
                (void) snprintf(daemon->problem, sizeof daemon->problem,
                                "Another host of the network has this host's name: Avahi looks for another one");
        else if (state == AVAHI_SERVER_FAILURE)
                (void) snprintf(daemon->problem, sizeof daemon->problem,
                                "avahi-daemon failed (%s): see \"journalctl -u avahi-daemon\"",
                                avahi_error_name_text(error));
        tell_state(daemon);
}

static int on_state_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        AvahiDaemon *daemon = userdata;
        int32_t state;

        daemon->state_call = sd_bus_slot_unref(daemon->state_call);
        daemon->patience = sd_event_source_disable_unref(daemon->patience);
        if (sd_bus_message_is_method_error(m, NULL)) {
                (void) snprintf(daemon->problem, sizeof daemon->problem, "avahi-daemon does not tell its state: %s",
                                avahi_reply_text(m));
                tell_state(daemon);
        } else if (sd_bus_message_read(m, "i", &state) >= 0) {
                set_server_state(daemon, state, "");
        }
        return 0;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata) {
        AvahiDaemon *daemon = userdata;

        (void) snprintf(daemon->problem, sizeof daemon->problem,
                        "avahi-daemon does not answer: it hangs (\"systemctl restart avahi-daemon\")");
        tell_state(daemon);
        return 0;
}

static int ask_state(AvahiDaemon *daemon) {
        sd_bus_message *m = NULL;
        int r;

        r = avahi_daemon_new_call(daemon, AVAHI_SERVER_PATH, AVAHI_SERVER_INTERFACE, "GetState", &m);
        if (r < 0)
                return r;
        r = avahi_daemon_send(daemon, m, on_state_reply, daemon, &daemon->state_call);
        sd_bus_message_unref(m);
        if (r < 0)
                return r;
        /* Once, and only until it answers: this is no timer of an idle program. */
        return sd_event_add_time_relative(daemon->event, &daemon->patience, CLOCK_MONOTONIC, PATIENCE_USEC,
                                          USEC_PER_SEC, on_patience, daemon);
}

/* `owner` is "" when there is none. */
static int set_owner(AvahiDaemon *daemon, const char *owner, const char *problem) {
        bool lost = daemon->owner;

        if (lost && strcmp(owner, daemon->owner) == 0)
                return 0;
        free(daemon->owner);
        daemon->owner = NULL;
        daemon->state_call = sd_bus_slot_unref(daemon->state_call);
        daemon->patience = sd_event_source_disable_unref(daemon->patience);
        daemon->server_state = STATE_UNKNOWN;
        (void) snprintf(daemon->problem, sizeof daemon->problem, "%s", problem);
        if (lost || !*owner)
                tell_state(daemon);
        if (lost)
                daemon->callbacks.on_lost(daemon->callbacks.userdata);
        if (!*owner)
                return 0;

        daemon->owner = strdup(owner);
        if (!daemon->owner)
                return -ENOMEM;
        tell_state(daemon);
        return ask_state(daemon);
}

static int on_owner_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        AvahiDaemon *daemon = userdata;
        const char *owner = "";

        daemon->owner_call = sd_bus_slot_unref(daemon->owner_call);
        if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return set_owner(daemon, "", "");
        if (sd_bus_message_is_method_error(m, NULL))
                return set_owner(daemon, "", avahi_reply_text(m));
        if (sd_bus_message_read(m, "s", &owner) < 0)
                return 0;
        return set_owner(daemon, owner, "");
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *name, *before, *after;

        if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0 || strcmp(name, AVAHI_NAME) != 0)
                return 0;
        return set_owner(userdata, after, "");
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        AvahiDaemon *daemon = userdata;
        const char *sender = sd_bus_message_get_sender(m);
        const char *error;
        int32_t state;

        /* Anybody can send a signal to us alone, in Avahi's words. */
        if (!daemon->owner || !sender || strcmp(sender, daemon->owner) != 0)
                return 0;
        if (sd_bus_message_is_signal(m, AVAHI_SERVER_INTERFACE, "StateChanged") ||
            sd_bus_message_is_signal(m, AVAHI_SERVER2_INTERFACE, "StateChanged")) {
                if (sd_bus_message_read(m, "is", &state, &error) >= 0)
                        set_server_state(daemon, state, error);
                return 0;
        }
        daemon->callbacks.on_signal(m, daemon->callbacks.userdata);
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        AvahiDaemon *daemon = userdata;

        return set_owner(daemon, "", "The connection to the system bus is gone");
}

/* The order counts: the daemon of the bus knows both matches before it says who owns the name. */
static int watch(AvahiDaemon *daemon) {
        int r;

        r = sd_bus_match_signal_async(daemon->bus, &daemon->disconnected_match, "org.freedesktop.DBus.Local",
                                      "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                                      on_disconnected, NULL, daemon);
        if (r < 0)
                return r;
        r = sd_bus_add_match_async(daemon->bus, &daemon->signal_match, "type='signal',sender='" AVAHI_NAME "'",
                                   on_signal, NULL, daemon);
        if (r < 0)
                return r;
        r = sd_bus_add_match_async(daemon->bus, &daemon->owner_match,
                                   "type='signal',sender='" DBUS_NAME "',path='" DBUS_PATH "',interface='" DBUS_NAME
                                   "',member='NameOwnerChanged',arg0='" AVAHI_NAME "'",
                                   on_owner_changed, NULL, daemon);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(daemon->bus, &daemon->owner_call, DBUS_NAME, DBUS_PATH, DBUS_NAME,
                                        "GetNameOwner", on_owner_reply, daemon, "s", AVAHI_NAME);
}

int avahi_daemon_new(sd_bus *bus, sd_event *event, const AvahiDaemonCallbacks *callbacks, AvahiDaemon **ret) {
        AvahiDaemon *daemon = calloc(1, sizeof *daemon);
        int r;

        if (!daemon)
                return -ENOMEM;
        daemon->bus = sd_bus_ref(bus);
        daemon->event = sd_event_ref(event);
        daemon->callbacks = *callbacks;
        daemon->server_state = STATE_UNKNOWN;
        r = watch(daemon);
        if (r < 0) {
                avahi_daemon_free(daemon);
                return r;
        }
        *ret = daemon;
        return 0;
}

AvahiDaemon *avahi_daemon_free(AvahiDaemon *daemon) {
        if (!daemon)
                return NULL;
        sd_event_source_disable_unref(daemon->patience);
        sd_bus_slot_unref(daemon->state_call);
        sd_bus_slot_unref(daemon->owner_call);
        sd_bus_slot_unref(daemon->owner_match);
        sd_bus_slot_unref(daemon->signal_match);
        sd_bus_slot_unref(daemon->disconnected_match);
        sd_event_unref(daemon->event);
        sd_bus_unref(daemon->bus);
        free(daemon->owner);
        free(daemon);
        return NULL;
}

int avahi_daemon_new_call(AvahiDaemon *daemon, const char *path, const char *interface, const char *method,
                          sd_bus_message **ret) {
        sd_bus_message *m = NULL;
        int r;

        if (!daemon->owner)
                return -ENOTCONN;
        /* To the process that we know, not to the name: object paths of one Avahi mean other objects in the next. */
        r = sd_bus_message_new_method_call(daemon->bus, &m, daemon->owner, path, interface, method);
        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(m, false);
        if (r < 0) {
                sd_bus_message_unref(m);
                return r;
        }
        *ret = m;
        return 0;
}

int avahi_daemon_send(AvahiDaemon *daemon, sd_bus_message *m, sd_bus_message_handler_t on_reply, void *userdata,
                      sd_bus_slot **ret_slot) {
        /*
         * No timeout: a call that Avahi gets late is done late, so giving it up would leave objects behind that nobody
         * knows. The bus answers in the place of an Avahi that died.
         */
        return sd_bus_call_async(daemon->bus, ret_slot, m, on_reply, userdata, USEC_INFINITY);
}

void avahi_daemon_post(AvahiDaemon *daemon, const char *path, const char *interface, const char *method) {
        sd_bus_message *m = NULL;

        if (avahi_daemon_new_call(daemon, path, interface, method, &m) < 0)
                return;
        if (sd_bus_message_set_expect_reply(m, false) >= 0)
                (void) sd_bus_send(daemon->bus, m, NULL);
        sd_bus_message_unref(m);
}

bool avahi_reply_is_unknown(sd_bus_message *reply) {
        return sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_METHOD) ||
                sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
                sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_OBJECT);
}

const char *avahi_reply_text(sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (!error)
                return avahi_strerror(AVAHI_OK);
        return error->message && *error->message ? error->message : avahi_error_name_text(error->name);
}

const char *avahi_error_name_text(const char *name) {
        /* Those of its D-Bus errors that can meet who browses and publishes. */
        static const struct {
                const char *name;
                int error;
        } errors[] = {
                { "BadStateError", AVAHI_ERR_BAD_STATE },
                { "CollisionError", AVAHI_ERR_COLLISION },
                { "DisconnectedError", AVAHI_ERR_DISCONNECTED },
                { "InvalidDomainNameError", AVAHI_ERR_INVALID_DOMAIN_NAME },
                { "InvalidHostNameError", AVAHI_ERR_INVALID_HOST_NAME },
                { "InvalidServiceNameError", AVAHI_ERR_INVALID_SERVICE_NAME },
                { "NoMemoryError", AVAHI_ERR_NO_MEMORY },
                { "NoNetworkError", AVAHI_ERR_NO_NETWORK },
                { "NotPermittedError", AVAHI_ERR_NOT_PERMITTED },
                { "OSError", AVAHI_ERR_OS },
                { "TimeoutError", AVAHI_ERR_TIMEOUT },
                { "TooManyClientsError", AVAHI_ERR_TOO_MANY_CLIENTS },
                { "TooManyEntriesError", AVAHI_ERR_TOO_MANY_ENTRIES },
                { "TooManyObjectsError", AVAHI_ERR_TOO_MANY_OBJECTS },
        };
        const char *last = name ? strrchr(name, '.') : NULL;

        for (size_t i = 0; last && i < ELEMENTSOF(errors); i++)
                if (strcmp(last + 1, errors[i].name) == 0)
                        return avahi_strerror(errors[i].error);
        return avahi_strerror(AVAHI_ERR_FAILURE);
}
