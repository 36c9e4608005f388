/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Masters from sightings: those with one id are one master, whatever interface, protocol or instance name they came by.
 *
 * What a master says of itself (name, work, ring, job) is taken from the sighting that changed last: an entry that went
 * stale on an interface where nothing is heard any more must not hide the doorbell.
 *
 * Its addresses are put in the order in which they are worth a try: loopback first (a master on this machine, no
 * firewall in between), then IPv4 (the one that every host of a LAN has, and on-link), then IPv6 other than link-local
 * (prefixes outlive the router that gave them), then IPv6 link-local (always there, but only with the right interface),
 * then IPv4 link-local (worthless to a host that has a real address). Within a kind by interface and by value, so that
 * the order does not depend on the order of arrival.
 */

#include <stdbool.h>
#include <stdint.h>

#include "discovery/browser.h"
#include "discovery/sighting.h"

#define MASTER_LIST_SEATS_MAX 768 /* entries; Avahi allows a client 1,024 objects */

typedef struct MasterList MasterList;

/* An entry's place in the list; embedded by its owner, who zeroes it. */
typedef struct Seat {
        bool valid; /* it saw a master; the rest is only then of use */
        uint64_t order; /* of its last change */
        char name[DISCOVERY_NAME_MAX + 1];
        Sighting sighting;
} Seat;

/* The two callbacks for masters are called; `callbacks` must live as long as the list. */
MasterList *master_list_new(const BrowserCallbacks *callbacks);
MasterList *master_list_free(MasterList *list); /* calls nothing */

/*
 * The entry at `seat`, with the instance name `name`, saw a master, or none (`sighting` is NULL). 0, -ENOMEM, or
 * -ENOSPC when MASTER_LIST_SEATS_MAX other seats are valid: then this one is not.
 */
int master_list_put(MasterList *list, Seat *seat, const char *name, const Sighting *sighting);

/* Every seat becomes invalid; all masters are gone. */
void master_list_clear(MasterList *list);
