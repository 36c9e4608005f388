/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Is a firewall of this host likely to keep workers away, and which command opens it? Asks systemd over the bus which
 * of firewalld, ufw and nftables is active, and these what they let through, as far as an unprivileged process without
 * network can see it. Nothing is started for it, nothing waits.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

typedef struct Firewall Firewall;

typedef struct FirewallSettings {
        uint16_t port;
        const char *root;        /* before /etc, for tests; "" or NULL: none */
        const char *passed_path; /* the file that keeps what firewall_passed() learnt; NULL: none. Copied */
        void (*on_changed)(const char *hint, void *userdata); /* the hint is another one, or "" */
        void *userdata;
} FirewallSettings;

/* Begins a check at once. The bus is referenced. 0 or negative errno. */
int firewall_new(sd_bus *bus, sd_event *event, const FirewallSettings *settings, Firewall **ret);
Firewall *firewall_free(Firewall *firewall);

/*
 * A sentence with the command, "" if nothing is known. When the last check is older than ten seconds a new one begins:
 * its result comes by on_changed().
 */
const char *firewall_hint(Firewall *firewall);

/*
 * A worker on another machine has just joined: what seems closed is open, now and after the next start. False: to be
 * told again later, because a check is under way.
 */
bool firewall_passed(Firewall *firewall);
