/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl status: the daemons of this host, at a glance. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus.h"
#include "bus/names.h"
#include "ctl/client.h"
#include "ctl/pager.h"
#include "ctl/answer.h"
#include "ctl/status-view.h"
#include "ctl/unit-state.h"
#include "ctl/verb.h"

typedef struct Status {
        json_t *master, *jobs, *workers; /* NULL: the master does not run */
        json_t *worker, *masters;        /* NULL: the scout does not run */
} Status;

static void help(void) {
        printf("primectl status [OPTIONS...]\n\n"
               "Show what the master and the worker on this host do: jobs and workers of the\n"
               "one, masters and limits of the other. Exit status 3 when neither runs.\n\n"
               CLIENT_TABLE_HELP
               "  -q --quiet            Print nothing: the exit status tells\n");
}

/* The daemon may end between two questions: then it does not run. Exit status. */
static int ask(sd_bus *bus, ClientService service, const char *const methods[], json_t **const answers[], size_t n) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                r = client_query(bus, service, methods[i], answers[i], &error);
                if (r >= 0)
                        r = answer_make_plain(*answers[i]);
        }
        if (r < 0)
                for (size_t i = 0; i < n; i++) {
                        json_decref(*answers[i]);
                        *answers[i] = NULL;
                }
        if (r < 0 && r != -EHOSTDOWN) {
                log_error("Failed to ask %s: %s.", service == CLIENT_MASTER ? "primed-master" : "primed-scout",
                          bus_error_text(&error, r));
                r = EXIT_FAILURE;
        } else
                r = EXIT_SUCCESS;
        sd_bus_error_free(&error);
        return r;
}

static int status_read(Status *status, sd_bus *bus) {
        static const char *const of_master[] = { "GetStatus", "ListJobs", "ListWorkers" };
        static const char *const of_worker[] = { "GetStatus", "ListMasters" };
        json_t **const master_answers[] = { &status->master, &status->jobs, &status->workers };
        json_t **const worker_answers[] = { &status->worker, &status->masters };
        int r, k;

        /* One that is in trouble does not hide the other. */
        r = ask(bus, CLIENT_MASTER, of_master, master_answers, ELEMENTSOF(of_master));
        k = ask(bus, CLIENT_WORKER, of_worker, worker_answers, ELEMENTSOF(of_worker));
        return r == EXIT_SUCCESS ? k : r;
}

/* What to do about a daemon that does not answer: `unit` is what people enable, `daemon` what owns the name. */
static void advise(sd_bus *bus, const char *unit, const char *daemon, const char *purpose) {
        char enabled[64], running[64];
        UnitState state;

        (void) snprintf(enabled, sizeof enabled, "%s.service", unit);
        (void) snprintf(running, sizeof running, "%s.service", daemon);
        unit_state_read(bus, enabled, running, &state);
        if (strncmp(state.file, "masked", 6) == 0) /* masked-runtime as well */
                printf("%s is masked: 'systemctl unmask %s' lets it start again.\n", unit, unit);
        else if (strcmp(state.active, "failed") == 0)
                printf("%s failed: 'journalctl -u %s' says why.\n", daemon, daemon);
        else if (strcmp(state.active, "active") == 0 || strcmp(state.active, "activating") == 0)
                printf("%s is %s, but not on the bus: 'journalctl -u %s' says why.\n", daemon,
                       strcmp(state.active, "active") == 0 ? "running" : "being started", daemon);
        else if (strncmp(state.file, "enabled", 7) == 0)
                printf("%s is enabled, but stopped: 'systemctl start %s' starts it.\n", unit, unit);
        else
                printf("'systemctl enable --now %s' makes this host %s%s.\n", unit, purpose,
                       state.file[0] ? "" : " (once its package is installed)");
}

static int print_nothing(sd_bus *bus, const ClientOptions *options) {
        if (!options->quiet) {
                printf("No primed daemon runs on %s.\n", options->host ?: "this host");
                advise(bus, "primed-master", "primed-master", "a master: it hands out the work and keeps the primes");
                advise(bus, "primed-worker", "primed-scout", "a worker: it joins every master of the LAN");
                if (!options->host)
                        printf("Without daemons: 'primectl local' finds primes with this machine alone.\n");
        }
        (void) client_end_output();
        return EXIT_NOT_RUNNING;
}

static int print_text(const Status *status, const ClientOptions *options) {
        const TableStyle style = client_table_style(options);
        usec_t now = clock_realtime_usec();
        int r = 0;

        if (options->pager)
                pager_open();
        if (status->master)
                r = status_view_master(status->master, status->jobs, status->workers, &style, now);
        if (status->master && status->worker)
                putchar('\n');
        if (status->worker && r >= 0)
                r = status_view_worker(status->worker, status->masters, &style, now);
        if (r < 0) {
                pager_close();
                log_error_errno(r, "Failed to print the status: %m.");
                return EXIT_FAILURE;
        }
        return client_end_output();
}

/* Everything at one level; null for what does not run. */
static int print_json(const Status *status, JsonMode mode) {
        json_t *object;
        int r;

        object = json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?}", "master", status->master, "jobs", status->jobs, "workers",
                           status->workers, "worker", status->worker, "masters", status->masters);
        if (!object) {
                log_error("Out of memory.");
                return EXIT_FAILURE;
        }
        r = client_print_json(object, mode);
        json_decref(object);
        return r == EXIT_SUCCESS && !status->master && !status->worker ? EXIT_NOT_RUNNING : r;
}

int verb_status(int argc, char *argv[]) {
        Status status = {};
        ClientOptions options;
        sd_bus *bus = NULL;
        int r;

        if (!client_parse(argc, argv, true, 0, help, &options, &r))
                return r;
        r = client_open(options.host, &bus);
        if (r == EXIT_SUCCESS) {
                int k;

                r = status_read(&status, bus);
                if (options.quiet && (status.master || status.worker))
                        k = EXIT_SUCCESS;
                else if (options.json != JSON_OFF)
                        k = print_json(&status, options.json);
                else if (status.master || status.worker)
                        k = print_text(&status, &options);
                else
                        k = r == EXIT_SUCCESS ? print_nothing(bus, &options) : EXIT_SUCCESS;
                r = r == EXIT_SUCCESS ? k : r;
        } else if (r == EXIT_NOT_RUNNING && options.json != JSON_OFF)
                r = print_json(&status, options.json);
        json_decref(status.master);
        json_decref(status.jobs);
        json_decref(status.workers);
        json_decref(status.worker);
        json_decref(status.masters);
        sd_bus_flush_close_unref(bus);
        return r;
}

bool status_has_daemon(void) {
        static const char *const names[] = { BUS_MASTER_NAME, BUS_WORKER_NAME };
        sd_bus *bus = NULL;
        bool found = false;

        if (bus_open_system(NULL, &bus, NULL) < 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(names) && !found; i++) {
                sd_bus_creds *creds = NULL;

                found = sd_bus_get_name_creds(bus, names[i], 0, &creds) >= 0;
                sd_bus_creds_unref(creds);
        }
        sd_bus_flush_close_unref(bus);
        return found;
}
