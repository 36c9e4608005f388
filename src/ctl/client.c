/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bus as primectl needs it: one call at a time, and sentences for all that can go wrong. */

#include "ctl/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus.h"
#include "bus/names.h"
#include "ctl/pager.h"
#include "ctl/answer.h"

#define CALL_USEC USEC_PER_MINUTE /* a large store may have to be recovered before a job starts */

typedef struct ServiceNames {
        const char *name, *path, *interface;
        const char *program, *unit; /* for people */
} ServiceNames;

static const ServiceNames services[] = {
        [CLIENT_MASTER] = { BUS_MASTER_NAME, BUS_MASTER_PATH, BUS_MASTER_INTERFACE, "primed-master", "primed-master" },
        [CLIENT_WORKER] = { BUS_WORKER_NAME, BUS_WORKER_PATH, BUS_WORKER_INTERFACE, "primed-scout", "primed-worker" },
};

int client_open(const char *host, sd_bus **ret) {
        Problem problem = PROBLEM_NONE;
        int r;

        if (!host) {
                r = bus_open_system(NULL, ret, &problem);
                if (r >= 0)
                        return EXIT_SUCCESS;
                log_error("%s", problem.text);
                /* Where no bus is, nobody is on it. */
                return r == -ENOENT || r == -ECONNREFUSED ? EXIT_NOT_RUNNING : EXIT_FAILURE;
        }
        r = sd_bus_open_system_remote(ret, host);
        if (r < 0) {
                log_error_errno(r, "Failed to connect to the system bus of %s: %m.", host);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}

/* Nobody has the name, and nobody can be started who would. */
static bool is_not_running(const sd_bus_error *error) {
        static const char *const names[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                "org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
                "org.freedesktop.systemd1.NoSuchUnit",
                "org.freedesktop.systemd1.Masked",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (sd_bus_error_has_name(error, names[i]))
                        return true;
        return false;
}

int client_query(sd_bus *bus, ClientService service, const char *method, json_t **ret, sd_bus_error *error) {
        const ServiceNames *names = services + service;
        sd_bus_message *call = NULL, *reply = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, names->name, names->path, names->interface, method);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0) {
                r = sd_bus_call(bus, call, CALL_USEC, error, &reply);
                if (r < 0 && is_not_running(error))
                        r = -EHOSTDOWN;
        }
        if (r >= 0) {
                r = sd_bus_message_has_signature(reply, "a{sv}") ? answer_read(reply, ret)
                                                                  : answer_read_list(reply, ret);
                if (r == -ENXIO)
                        (void) sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_SIGNATURE, "%s answers in another form: "
                                                 "primectl and the daemon are of different releases", names->program);
        }
        sd_bus_message_unref(call);
        sd_bus_message_unref(reply);
        return r;
}

static int not_running(ClientService service) {
        log_error("%s does not run on this host: 'systemctl enable --now %s' starts it.", services[service].program,
                  services[service].unit);
        return EXIT_NOT_RUNNING;
}

int client_get(sd_bus *bus, ClientService service, const char *method, json_t **ret) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = client_query(bus, service, method, ret, &error);
        if (r == -EHOSTDOWN)
                r = not_running(service);
        else if (r < 0) {
                log_error("Failed to ask %s: %s.", services[service].program, bus_error_text(&error, r));
                r = EXIT_FAILURE;
        } else
                r = EXIT_SUCCESS;
        sd_bus_error_free(&error);
        return r;
}

int client_prepare(sd_bus *bus, const char *method, sd_bus_message **ret) {
        const ServiceNames *names = services + CLIENT_MASTER;
        int r;

        r = sd_bus_message_new_method_call(bus, ret, names->name, names->path, names->interface, method);
        if (r < 0) {
                log_error_errno(r, "Failed to make a call to primed-master: %m.");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}

/* With exactly one full stop, whoever wrote it. */
static void log_failure(const char *action, const char *text) {
        size_t n = strlen(text);

        while (n > 0 && text[n - 1] == '.')
                n--;
        log_error("Failed to %s: %.*s.", action, (int) MIN(n, (size_t) 4096), text);
}

static int call_within(sd_bus *bus, sd_bus_message *call, usec_t timeout, const char *action,
                       sd_bus_message **ret_reply) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call(bus, call, timeout, &error, ret_reply);
        if (r >= 0)
                r = EXIT_SUCCESS;
        else if (is_not_running(&error))
                r = not_running(CLIENT_MASTER);
        else {
                /* The bus daemon's own refusal is a paragraph on rules. */
                if (sd_bus_error_has_name(&error, SD_BUS_ERROR_ACCESS_DENIED))
                        log_error("Failed to %s: access denied; only root may do this (sudo primectl …).", action);
                else
                        log_failure(action, bus_error_text(&error, r));
                r = EXIT_FAILURE;
        }
        sd_bus_error_free(&error);
        return r;
}

int client_call(sd_bus *bus, sd_bus_message *call, const char *action, sd_bus_message **ret_reply) {
        return call_within(bus, call, CALL_USEC, action, ret_reply);
}

int client_call_long(sd_bus *bus, sd_bus_message *call, const char *action, sd_bus_message **ret_reply) {
        return call_within(bus, call, UINT64_MAX, action, ret_reply);
}

int client_print_json(const json_t *record, JsonMode mode) {
        size_t flags = mode == JSON_PRETTY_FORM ? JSON_INDENT(8) : JSON_COMPACT;

        if (json_dumpf(record, stdout, flags | JSON_REAL_PRECISION(15)) < 0 || putchar('\n') < 0) {
                log_error_errno(errno, "Failed to write the answer: %m.");
                return EXIT_FAILURE;
        }
        return client_end_output();
}

int client_end_output(void) {
        bool failed = fflush(stdout) < 0 || ferror(stdout);
        int error = errno;

        pager_close();
        if (!failed || error == EPIPE) /* a person has read enough */
                return EXIT_SUCCESS;
        log_error_errno(error, "Failed to write the answer: %m.");
        return EXIT_FAILURE;
}
