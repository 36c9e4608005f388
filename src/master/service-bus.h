/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The service's connection to the system bus with all that hangs on it: control, mDNS, the firewall hint. When there is
 * no bus, or it breaks, another connection is tried for again and again, at most a minute apart.
 */

#include "master/jobs.h"
#include "master/master-bus.h"

typedef struct ServiceBus ServiceBus;

typedef struct ServiceBusSettings {
        Master *master; /* these four outlive it */
        Jobs *jobs;
        const char *name;    /* may change, then service_bus_reload() */
        const char *problem; /* of the last reload, may change */
        const char *firewall_path; /* where firewall.h keeps what it learnt; outlives it */
        uint16_t port;
        bool is_loopback; /* nobody else reaches the port */
        bool advertise;   /* as master.conf says */
        void (*on_changed)(void *userdata);
        void *userdata;
} ServiceBusSettings;

/* Begins to connect. 0 or negative errno. */
int service_bus_new(sd_event *event, const ServiceBusSettings *settings, ServiceBus **ret);
ServiceBus *service_bus_free(ServiceBus *bus);

/* After anything that changed in master or jobs. */
void service_bus_update(ServiceBus *bus);

/* After the name changed, or whether to advertise. */
void service_bus_reload(ServiceBus *bus, bool advertise);

/* What may keep workers away, with the cure; "" when nothing is known, or a worker came from another machine. */
const char *service_bus_hint(ServiceBus *bus);
