/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What one resolved mDNS entry says about a master, checked and bounded. Anybody on the LAN can announce anything:
 * nothing of an entry reaches the rest of the program but through sighting_read().
 */

#include <avahi-common/strlst.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "discovery/browser.h"

#define SIGHTING_TXT_STRINGS_MAX 32 /* of a TXT record; ours has six */
#define SIGHTING_TXT_STRING_SIZE 255 /* bytes of each: RFC 6763 */

/* An entry as Avahi resolved it. */
typedef struct SightingSource {
        int interface;
        const char *address; /* "10.0.0.2", "fe80::1" */
        uint16_t port;
        AvahiStringList *txt; /* in the order of the record; not changed */
        bool local;           /* announced by this machine's Avahi */
} SightingSource;

typedef struct Sighting {
        char id[DISCOVERY_ID_SIZE + 1];
        char job[DISCOVERY_JOB_MAX + 1];
        bool work;
        uint32_t ring;
        bool local;
        DiscoveredAddress address;
} Sighting;

/*
 * 0, or -EBADMSG when the entry is none of a master: no id of 64 hex digits, no version, port 0, or an address that no
 * host can have, or that only this machine can have though another one announced it. `*ret` is written on success.
 */
int sighting_read(const SightingSource *source, Sighting *ret);

/*
 * Reads TXT as it travels on D-Bus, aay. 0; -EMSGSIZE: longer than the limits above; -ENXIO: no aay; -ENOMEM. Free
 * `*ret` with avahi_string_list_free().
 */
int sighting_read_txt(sd_bus_message *m, AvahiStringList **ret);
