/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The Avahi daemon as it is seen over D-Bus: whether it is there, whether it runs, and calls to it. It may be stopped,
 * started, killed, or hang at any time, and the bus with it: nothing here waits, and nothing starts it.
 *
 * One match for all signals of Avahi is in place before anything is asked for; owners of objects find theirs by path. A
 * match for each object would lose signals: Avahi sends the first one right behind the reply that names the object.
 */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "discovery/browser.h"

#define AVAHI_SERVER_INTERFACE "org.freedesktop.Avahi.Server"
#define AVAHI_SERVER2_INTERFACE "org.freedesktop.Avahi.Server2" /* since Avahi 0.8 */
#define AVAHI_SERVER_PATH "/"
#define AVAHI_BROWSER_INTERFACE "org.freedesktop.Avahi.ServiceBrowser"
#define AVAHI_RESOLVER_INTERFACE "org.freedesktop.Avahi.ServiceResolver"
#define AVAHI_GROUP_INTERFACE "org.freedesktop.Avahi.EntryGroup"

typedef struct AvahiDaemon AvahiDaemon;

/* None of them may free the daemon's object. */
typedef struct AvahiDaemonCallbacks {
        /* Only changes. */
        void (*on_state)(DiscoveryState state, const char *problem, void *userdata);
        /* The process that we talked to is gone: its paths mean nothing now, or something else. After on_state(). */
        void (*on_lost)(void *userdata);
        void (*on_signal)(sd_bus_message *m, void *userdata); /* of an object, from that process */
        void *userdata;
} AvahiDaemonCallbacks;

/* `bus` is referenced, `callbacks` copied. */
int avahi_daemon_new(sd_bus *bus, sd_event *event, const AvahiDaemonCallbacks *callbacks, AvahiDaemon **ret);
AvahiDaemon *avahi_daemon_free(AvahiDaemon *daemon);

/* A call to be filled and sent: -ENOTCONN while nobody owns the name. */
int avahi_daemon_new_call(AvahiDaemon *daemon, const char *path, const char *interface, const char *method,
                          sd_bus_message **ret);

/*
 * Sends it. The reply comes when Avahi gives it, however long it hangs, or an error when Avahi or the bus is gone; not
 * when `ret_slot` is unreferenced before that.
 */
int avahi_daemon_send(AvahiDaemon *daemon, sd_bus_message *m, sd_bus_message_handler_t on_reply, void *userdata,
                      sd_bus_slot **ret_slot);

/* A call without arguments whose reply nobody needs: Start, Free. */
void avahi_daemon_post(AvahiDaemon *daemon, const char *path, const char *interface, const char *method);

/* Whether the reply says that this Avahi is too old to know the method or the interface. */
bool avahi_reply_is_unknown(sd_bus_message *reply);

/*
 * For people: "Local name collision", in Avahi's words, for a reply that is an error, or for the name of an error that
 * came in a signal ("org.freedesktop.Avahi.CollisionError").
 */
const char *avahi_reply_text(sd_bus_message *reply);
const char *avahi_error_name_text(const char *name);
