/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Masters on the LAN, by Avahi's D-Bus API. Never blocks, never starts Avahi against the admin's will, and finds
 * everything again when Avahi comes back. What it tells is a hint: who may be there, not who is alive or who they are.
 *
 * A master that is seen over several interfaces and protocols is one DiscoveredMaster with several addresses: entries
 * are merged by TXT `id`. Entries without a valid id, port, version or address are ignored. An idle browser has no
 * timer: it wakes up only when Avahi or the bus has something to say.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define DISCOVERY_SERVICE_TYPE "_primed._tcp"
#define DISCOVERY_TXT_VERSION "0"       /* TXT v: the wire's version; a browser takes any number */
#define DISCOVERY_ID_SIZE 64            /* hex digits of the master's id */
#define DISCOVERY_NAME_MAX 63           /* bytes of an instance name: RFC 6763 */
#define DISCOVERY_JOB_MAX 200           /* bytes of TXT `job`, for people */
#define DISCOVERY_MASTERS_MAX 256       /* further ones are seen when one of these goes */
#define DISCOVERY_ADDRESSES_MAX 16      /* of one master */

typedef struct DiscoveredAddress {
        union {
                struct sockaddr any;
                struct sockaddr_in in;
                struct sockaddr_in6 in6; /* with sin6_scope_id for link-local ones */
        };
        int interface; /* index of the one on which it was seen */
} DiscoveredAddress;

typedef struct DiscoveredMaster {
        char id[DISCOVERY_ID_SIZE + 1];    /* lower case */
        char name[DISCOVERY_NAME_MAX + 1]; /* the mDNS instance name; plain text, see base/utf8.h, as is `job` */
        char job[DISCOVERY_JOB_MAX + 1];
        bool work;     /* TXT work=1: it wants workers */
        uint32_t ring; /* TXT ring: another number with work=1 is another call for workers; 0 if it tells none */
        bool local;    /* it is on this machine */
        size_t n_addresses; /* at least 1 */
        DiscoveredAddress addresses[DISCOVERY_ADDRESSES_MAX]; /* the likeliest to answer first: see master-list.h */
} DiscoveredMaster;

typedef enum DiscoveryState {
        DISCOVERY_ABSENT,   /* nobody owns Avahi's name */
        DISCOVERY_STARTING, /* owned, not running yet; `problem` tells when that takes too long */
        DISCOVERY_RUNNING,
} DiscoveryState;

typedef struct Browser Browser;

/*
 * When Avahi goes away, or the bus, on_state() tells it first, then on_gone() is called for every master. None of them
 * may free the browser.
 */
typedef struct BrowserCallbacks {
        void (*on_master)(const DiscoveredMaster *master, void *userdata); /* new, or something of it changed */
        void (*on_gone)(const char *id, void *userdata);                   /* no entry of it is left */
        void (*on_state)(DiscoveryState state, const char *problem, void *userdata); /* of Avahi; `problem` may be "" */
        void *userdata;
} BrowserCallbacks;

/*
 * `bus` is referenced. 0 or negative errno. Callbacks come from the event loop only. When the bus is closed (see
 * bus_on_disconnected()) the browser stays ABSENT: free it, and make a new one with the new bus.
 */
int browser_new(sd_bus *bus, sd_event *event, const BrowserCallbacks *callbacks, Browser **ret);
Browser *browser_free(Browser *browser);
