/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The addresses of this host are not asked for: the master may live in a network namespace of its own, where a
 * connected socket is all it has of the network.
 */

#include "master/peer-address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

typedef union Address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
} Address;

static void address_unmap(Address *address) {
        struct sockaddr_in v4 = { .sin_family = AF_INET };

        if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
                return;
        memcpy(&v4.sin_addr, address->v6.sin6_addr.s6_addr + 12, sizeof v4.sin_addr);
        v4.sin_port = address->v6.sin6_port;
        address->v4 = v4;
}

static bool address_is_loopback(const Address *address) {
        return address->any.sa_family == AF_INET ? ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                                 : IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

static bool address_equal(const Address *a, const Address *b) {
        if (a->any.sa_family != b->any.sa_family)
                return false;
        return a->any.sa_family == AF_INET ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
                                           : IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}

bool peer_address(int fd, char ret[static PEER_ADDRESS_SIZE]) {
        Address peer = {}, own = {};
        socklen_t size = sizeof peer;
        char text[NI_MAXHOST];

        ret[0] = '\0';
        if (getpeername(fd, &peer.any, &size) < 0 ||
            (peer.any.sa_family != AF_INET && peer.any.sa_family != AF_INET6))
                return false;
        address_unmap(&peer);
        size = peer.any.sa_family == AF_INET ? sizeof peer.v4 : sizeof peer.v6;
        if (getnameinfo(&peer.any, size, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
                (void) snprintf(ret, PEER_ADDRESS_SIZE, "%.*s", PEER_ADDRESS_SIZE - 1, text);

        size = sizeof own;
        if (getsockname(fd, &own.any, &size) < 0)
                return true;
        address_unmap(&own);
        return !address_is_loopback(&peer) && !address_equal(&peer, &own);
}
