/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the other end of a connection is. */

#include <stdbool.h>

#define PEER_ADDRESS_SIZE 64

/*
 * Writes the numeric address of the peer, without its port: "192.168.1.7" (also when it was mapped into IPv6),
 * "fe80::1%eth0"; "" for a socket without addresses. Returns whether the peer is on another host: not when the
 * connection has the same address at both ends, as one to oneself has.
 */
bool peer_address(int fd, char ret[static PEER_ADDRESS_SIZE]);
