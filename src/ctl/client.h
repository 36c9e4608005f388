/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Calls to the daemons over the system bus (bus/names.h). These functions log what is wrong; where they say so, the
 * result is an exit status: EXIT_SUCCESS, EXIT_FAILURE, or EXIT_NOT_RUNNING.
 */

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "ctl/client-options.h"

#define EXIT_NOT_RUNNING 3 /* as `systemctl status` has it */

typedef enum ClientService {
        CLIENT_MASTER,
        CLIENT_WORKER,
} ClientService;

/*
 * The bus of this host or of `host` (by ssh). The caller gives it to sd_bus_flush_close_unref(). Exit status:
 * EXIT_NOT_RUNNING when this host has no bus.
 */
int client_open(const char *host, sd_bus **ret);

/*
 * Calls a method without arguments that returns a{sv} or aa{sv}. Never starts a daemon. Negative errno and a
 * sentence in `error` (which the caller frees) when it fails; nothing is logged. -EHOSTDOWN: the daemon does not run.
 */
int client_query(sd_bus *bus, ClientService service, const char *method, json_t **ret, sd_bus_error *error);

/* The same for verbs that can do nothing without the answer: logs. Exit status. */
int client_get(sd_bus *bus, ClientService service, const char *method, json_t **ret);

/*
 * An empty call of a method that changes something, to be filled by the caller, and the call itself, which
 * starts a daemon that is enabled. `action` completes "Failed to …". Exit status; the caller frees `*ret_reply`,
 * which may be NULL.
 */
int client_prepare(sd_bus *bus, const char *method, sd_bus_message **ret);
int client_call(sd_bus *bus, sd_bus_message *call, const char *action, sd_bus_message **ret_reply);

/* One whose answer may take as long as it likes, while the daemon lives. */
int client_call_long(sd_bus *bus, sd_bus_message *call, const char *action, sd_bus_message **ret_reply);

/* Prints the record as JSON. Exit status. */
int client_print_json(const json_t *record, JsonMode mode);

/* Ends what is written to standard output: a full disk or a closed pipe is a failure. Exit status. */
int client_end_output(void);
