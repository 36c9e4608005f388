/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The master as a service of systemd: listening sockets and readiness from there, settings from master.conf, control
 * over the system bus, workers called by mDNS, jobs that outlive the process.
 *
 * systemd is told: READY=1 once all jobs are open, STATUS= whenever it changes, RELOADING=1 on SIGHUP, STOPPING=1 on
 * SIGTERM, the watchdog. Bus and Avahi may be absent, or come and go: the master works on without them.
 */

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/problem.h"

typedef struct Service Service;

typedef struct ServiceSettings {
        const char *config_path; /* master.conf; all live as long as the service */
        const char *key_path;    /* NULL: the credential primed.key, or else host.key in the state folder */
        const char *state_path;  /* the folder of host.key and jobs.json */
} ServiceSettings;

/*
 * Reads everything, opens everything, tells that it is ready. The process has called daemon_prepare(). 0 or negative
 * errno with a sentence.
 */
int service_new(sd_event *event, const ServiceSettings *settings, Service **ret, Problem *problem);

/* Until it is stopped: 0, or an error that was told. */
int service_run(Service *service);

Service *service_free(Service *service);

DEFINE_TRIVIAL_CLEANUP_FUNC(Service *, service_free);
