/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells the LAN of the master, and whether it wants workers: the doorbell. */

#include "discovery/publisher.h"
#include "master/jobs.h"

typedef struct Advertise Advertise;

typedef struct AdvertiseSettings {
        const char *name;
        uint16_t port;
        const Master *master; /* these two outlive it */
        const Jobs *jobs;
        void (*on_changed)(void *userdata); /* of what the queries tell */
        void *userdata;
} AdvertiseSettings;

/* Publishes at once. 0 or negative errno. */
int advertise_new(sd_bus *bus, sd_event *event, const AdvertiseSettings *settings, Advertise **ret);
Advertise *advertise_free(Advertise *advertise);

/* After anything that changed in master or jobs. Publishes only what is new. */
void advertise_update(Advertise *advertise);

const char *advertise_name(const Advertise *advertise);    /* "" while not published, or for NULL */
const char *advertise_problem(const Advertise *advertise); /* a sentence, "" if there is none, or for NULL */
