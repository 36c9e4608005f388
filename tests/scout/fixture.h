/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Masters as mDNS shows them, and reports as the worker writes them. */

#include <arpa/inet.h>
#include <string.h>

#include "discovery/browser.h"
#include "scout/candidate.h"
#include "test.h"

/* An id of 64 equal hex digits. */
static inline const char *fixture_id(char digit) {
        static char ids[4][DISCOVERY_ID_SIZE + 1];
        static unsigned next;
        char *id = ids[next++ % 4];

        memset(id, digit, DISCOVERY_ID_SIZE);
        id[DISCOVERY_ID_SIZE] = '\0';
        return id;
}

static inline Address fixture_address(const char *host, uint16_t port) {
        Address address = {};

        CHECK(address_parse(host, port, &address) == 0);
        return address;
}

static inline DiscoveredMaster fixture_master(char digit, bool work, const char *host) {
        DiscoveredMaster master = { .work = work, .n_addresses = 1 };
        Address address = fixture_address(host, 7919);

        (void) snprintf(master.id, sizeof master.id, "%s", fixture_id(digit));
        (void) snprintf(master.name, sizeof master.name, "primed on host-%c", digit);
        master.addresses[0].in = address.in;
        return master;
}

static inline HandoverReport fixture_report(HandoverEvent event, char digit) {
        HandoverReport report = { .event = event, .threads_allowed = 4, .threads_applied = 2 };

        (void) snprintf(report.master_id, sizeof report.master_id, "%s", fixture_id(digit));
        (void) snprintf(report.master_name, sizeof report.master_name, "host-%c", digit);
        return report;
}
