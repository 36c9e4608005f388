/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options, which jobs, one call for each. */

#include "ctl/job-verb.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "ctl/client.h"
#include "ctl/job-select.h"
#include "ctl/answer.h"

static int change_job(const JobVerb *verb, sd_bus *bus, const json_t *job, const ClientOptions *options) {
        const char *name = answer_string(job, "name");
        sd_bus_message *call = NULL;
        char action[128];
        int r;

        r = client_prepare(bus, verb->method, &call);
        if (r == EXIT_SUCCESS) {
                (void) snprintf(action, sizeof action, "%s the job %s", verb->name, name);
                r = sd_bus_message_append(call, "s", name);
                r = r < 0 ? EXIT_FAILURE : client_call(bus, call, action, NULL);
        }
        sd_bus_message_unref(call);
        if (r == EXIT_SUCCESS && !options->quiet)
                verb->tell(job, !options->host);
        return r;
}

int job_verb_run(const JobVerb *verb, int argc, char *argv[]) {
        ClientOptions options;
        sd_bus *bus = NULL;
        json_t *jobs = NULL, *selected = NULL, *job;
        size_t i;
        int r;

        if (!client_parse(argc, argv, false, INT_MAX / 2, verb->help, &options, &r))
                return r;
        r = client_open(options.host, &bus);
        if (r == EXIT_SUCCESS)
                r = client_get(bus, CLIENT_MASTER, "ListJobs", &jobs);
        if (r == EXIT_SUCCESS) {
                (void) answer_make_plain(jobs);
                r = job_select(jobs, argv + optind, argc - optind, verb->states, verb->name, &selected) < 0
                            ? EXIT_FAILURE
                            : EXIT_SUCCESS;
        }
        /* One that fails does not keep the others from it. */
        json_array_foreach(selected, i, job) {
                int k = change_job(verb, bus, job, &options);

                r = r == EXIT_SUCCESS ? k : r;
        }
        json_decref(selected);
        json_decref(jobs);
        sd_bus_flush_close_unref(bus);
        return r == EXIT_SUCCESS ? client_end_output() : r;
}
