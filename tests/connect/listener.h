/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Places on loopback that answer, or do not. */

#include <sys/socket.h>
#include <unistd.h>

#include "connect/address.h"
#include "test.h"

/* Listens on a free port of `host`; -1 when this machine has no such address. */
static inline int listener_new(const char *host, Address *ret) {
        socklen_t size = sizeof *ret;
        int fd;

        CHECK(address_parse(host, 0, ret) == 0);
        fd = socket(ret->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, &ret->any, address_size(ret)) < 0) {
                (void) close(fd);
                return -1;
        }
        CHECK(listen(fd, 16) == 0 && getsockname(fd, &ret->any, &size) == 0);
        return fd;
}

static inline uint16_t listener_port(const Address *address) {
        return ntohs(address->any.sa_family == AF_INET6 ? address->in6.sin6_port : address->in.sin_port);
}

/* An address whose port is closed. */
static inline Address listener_closed(const char *host) {
        Address address = {};
        int fd = listener_new(host, &address);

        CHECK(fd >= 0);
        (void) close(fd);
        return address;
}
