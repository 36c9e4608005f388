/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* sd-bus plumbing that every program of ours needs. All functions return 0 or negative errno unless they say so. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/problem.h"

/*
 * The system bus (or the one that DBUS_SYSTEM_BUS_ADDRESS names), attached to `event` when that is not NULL. Never
 * waits for the daemon: the hello is asynchronous. When the connection breaks later, the bus closes; see
 * bus_on_disconnected(). Drop it with sd_bus_close_unref(), not with sd_bus_flush_close_unref(): flushing waits.
 */
int bus_open_system(sd_event *event, sd_bus **ret, Problem *problem);

/*
 * Calls `callback` once when the connection is gone, from the event loop, after all calls that were under way got
 * their errors. Until then the bus takes messages and loses them. The owner lets it go and may open another one.
 */
int bus_on_disconnected(sd_bus *bus, void (*callback)(void *userdata), void *userdata);

/*
 * Asks for the name without waiting. `on_result` is called with 0 when the name is ours, and with negative errno and a
 * sentence when it is not: refused, lost, or held by another process (-EEXIST). A name that another process holds comes
 * to us when that process lets it go, a lost one is asked for again: `on_result` is called with each change.
 */
typedef void (*BusNameResult)(int error, const char *reason, void *userdata);
int bus_request_name(sd_bus *bus, const char *name, BusNameResult on_result, void *userdata);

/*
 * In a method of ours: 1 when the caller is root; 0 when not: then `ret_error` is AccessDenied with a sentence. Root
 * only, not whoever runs as the same user as we: a worker that was taken over must not command a master.
 */
int bus_caller_is_root(sd_bus_message *call, sd_bus_error *ret_error);

/*
 * Appends one entry of an a{sv} that is open in `m`. Text that is not UTF-8, or not fit for one line, gets '?'s. Not
 * negative on success, as sd_bus_message_append().
 */
int bus_append_string(sd_bus_message *m, const char *key, const char *value); /* NULL: "" */
int bus_append_u32(sd_bus_message *m, const char *key, uint32_t value);
int bus_append_u64(sd_bus_message *m, const char *key, uint64_t value);
int bus_append_double(sd_bus_message *m, const char *key, double value);
int bus_append_bool(sd_bus_message *m, const char *key, bool value);

/* The sentence for people in a failed call's reply: "MESSAGE", without the error's name; else the text of |r|. */
const char *bus_error_text(const sd_bus_error *error, int r);

/*
 * Reads one a{sv} of basic values: calls `on_entry` for each entry, with `type` (one of 's', 'u', 't', 'd', 'b') and
 * the value of that type. Values of other types are skipped, so that peers may add keys. A negative result of
 * `on_entry` ends the reading and is returned. Returns -ENXIO when `m` holds no a{sv} here.
 */
typedef union BusValue {
        const char *s; /* lives as long as the message */
        uint32_t u;
        uint64_t t;
        double d;
        int b;
} BusValue;
typedef int (*BusOnEntry)(const char *key, char type, BusValue value, void *userdata);
int bus_read_dictionary(sd_bus_message *m, BusOnEntry on_entry, void *userdata);
