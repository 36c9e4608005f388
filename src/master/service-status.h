/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The line by which `systemctl status` tells a person what a master is doing. */

#include <stddef.h>

#include "master/jobs.h"

#define SERVICE_STATUS_SIZE 2048

typedef struct ServiceFacts {
        const Master *master;
        const Jobs *jobs;
        const char *problem; /* of the last reload; "" */
        const char *hint;    /* what keeps workers away; "" */
} ServiceFacts;

/* Without newlines. Returns `ret`. */
const char *service_status_text(const ServiceFacts *facts, char ret[static SERVICE_STATUS_SIZE]);

/* What is worked on, for the LAN: "0 to 10^11", "0 to 10^11 and 2 more", "" when nothing is. Returns `ret`. */
const char *service_work_text(const Jobs *jobs, char *ret, size_t size);

/* How many processors of all workers compute for this master. */
unsigned service_n_threads(const Master *master);
