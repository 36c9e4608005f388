/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One place to connect to: an IPv4 or IPv6 address with its port, and for link-local ones the interface. */

#include <netinet/in.h>
#include <stdbool.h>

#define ADDRESS_TEXT_SIZE 80 /* "[fe80::1234:5678:9abc:def0%interface-name]:65535" and the NUL */

typedef union Address {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
} Address;

socklen_t address_size(const Address *address);
bool address_equal(const Address *a, const Address *b);

/* For people: "10.0.0.2:7919", "[fe80::1%eth0]:7919". Returns `buffer`. */
const char *address_text(const Address *address, char buffer[static ADDRESS_TEXT_SIZE]);

/* "10.0.0.2", "::1", "fe80::1%eth0". 0; -EINVAL: not numeric; -ENODEV: there is no such interface now. */
int address_parse(const char *host, uint16_t port, Address *ret);
