/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An mDNS entry: a byte for "announced by this machine", one for the interface, two for the port, one for the length of
 * the address, the address as text, and the TXT record as it travels in DNS. What is accepted is harmless.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "discovery/sighting.h"
#include "fuzz/fuzz.h"

static void check(bool condition) {
        if (!condition)
                abort();
}

static void check_address(const DiscoveredAddress *address, bool local) {
        if (address->any.sa_family == AF_INET) {
                check(address->in.sin_port != 0);
                check(local || ntohl(address->in.sin_addr.s_addr) >> 24 != 127);
                return;
        }
        check(address->any.sa_family == AF_INET6 && address->in6.sin6_port != 0);
        check(local || !IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr));
        check((address->in6.sin6_scope_id != 0) == (bool) IN6_IS_ADDR_LINKLOCAL(&address->in6.sin6_addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *address = NULL;
        SightingSource source;
        AvahiStringList *txt = NULL;
        Sighting sighting;
        size_t address_size;

        if (size < 5 || size > 4096)
                return 0;
        address_size = data[4];
        if (address_size > size - 5)
                return 0;
        address = strndup((const char *) data + 5, address_size);
        if (!address || avahi_string_list_parse(data + 5 + address_size, size - 5 - address_size, &txt) < 0)
                return 0;
        source = (SightingSource) { .local = data[0] & 1, .interface = (int8_t) data[1], .address = address,
                                    .port = (uint16_t) (data[2] << 8 | data[3]), .txt = txt };
        if (sighting_read(&source, &sighting) == 0) {
                check(strlen(sighting.id) == DISCOVERY_ID_SIZE);
                check(strspn(sighting.id, "0123456789abcdef") == DISCOVERY_ID_SIZE);
                check(strlen(sighting.job) <= DISCOVERY_JOB_MAX && utf8_is_plain(sighting.job, strlen(sighting.job)));
                check(sighting.local == source.local);
                check_address(&sighting.address, source.local);
        }
        avahi_string_list_free(txt);
        return 0;
}
