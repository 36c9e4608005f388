/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* org.primed.Master1 (bus/names.h): what primectl, and everybody else on this host, sees and changes of a master. */

#include <systemd/sd-bus.h>

#include "master/jobs.h"

typedef struct MasterBus MasterBus;

/* What neither master nor jobs know. */
typedef struct MasterBusFacts {
        const char *problem, *hint;
        const char *advertised, *advertise_problem;
        uint16_t port;
} MasterBusFacts;

typedef struct MasterBusSettings {
        Master *master; /* these two outlive it */
        Jobs *jobs;
        const char *name; /* of the master; outlives it */
        void (*on_facts)(MasterBusFacts *ret, void *userdata);
        void (*on_changed)(void *userdata); /* a call changed the jobs */
        void *userdata;
} MasterBusSettings;

/* Puts the object on the bus, then asks for the name. 0 or negative errno. Freed before the bus. */
int master_bus_new(sd_bus *bus, const MasterBusSettings *settings, MasterBus **ret);
MasterBus *master_bus_free(MasterBus *bus);

/* After anything that changed in master or jobs: tells those who listen. */
void master_bus_update(MasterBus *bus);
