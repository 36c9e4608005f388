/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses, compared and as text. */

#include "connect/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

socklen_t address_size(const Address *address) {
        return address->any.sa_family == AF_INET6 ? sizeof address->in6 : sizeof address->in;
}

bool address_equal(const Address *a, const Address *b) {
        if (a->any.sa_family != b->any.sa_family)
                return false;
        if (a->any.sa_family == AF_INET)
                return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
        return a->in6.sin6_port == b->in6.sin6_port && a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
               memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0;
}

const char *address_text(const Address *address, char buffer[static ADDRESS_TEXT_SIZE]) {
        char host[INET6_ADDRSTRLEN] = "", scope[IF_NAMESIZE] = "";

        if (address->any.sa_family == AF_INET) {
                (void) inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof host);
                (void) snprintf(buffer, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(address->in.sin_port));
                return buffer;
        }
        (void) inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof host);
        if (address->in6.sin6_scope_id != 0 && !if_indextoname(address->in6.sin6_scope_id, scope))
                (void) snprintf(scope, sizeof scope, "%u", address->in6.sin6_scope_id);
        (void) snprintf(buffer, ADDRESS_TEXT_SIZE, "[%s%s%s]:%u", host, scope[0] != '\0' ? "%" : "", scope,
                        ntohs(address->in6.sin6_port));
        return buffer;
}

static int address_parse_scope(const char *scope, uint32_t *ret) {
        unsigned number;

        if (parse_unsigned(scope, 1, INT32_MAX, &number) < 0)
                number = if_nametoindex(scope);
        if (number == 0)
                return -ENODEV;
        *ret = number;
        return 0;
}

int address_parse(const char *host, uint16_t port, Address *ret) {
        Address address = { .in = { .sin_family = AF_INET, .sin_port = htons(port) } };
        const char *percent = strchrnul(host, '%');
        char plain[INET6_ADDRSTRLEN] = "";
        int r = 0;

        if (inet_pton(AF_INET, host, &address.in.sin_addr) == 1) {
                *ret = address;
                return 0;
        }
        if ((size_t) (percent - host) >= sizeof plain)
                return -EINVAL;
        memcpy(plain, host, (size_t) (percent - host));
        address = (Address) { .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
        if (inet_pton(AF_INET6, plain, &address.in6.sin6_addr) != 1)
                return -EINVAL;
        if (*percent != '\0')
                r = address_parse_scope(percent + 1, &address.in6.sin6_scope_id);
        if (r >= 0)
                *ret = address;
        return r;
}
