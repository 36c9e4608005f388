/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The only reader of what strangers announce: every field has a form and a limit, what breaks it is no master. */

#include "discovery/sighting.h"

#include <arpa/inet.h>
#include <avahi-common/address.h>
#include <avahi-common/malloc.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/utf8.h"

/* Copies the value of `key` with its NUL: 0; -ENOENT: no such key, or one without a value; -EBADMSG: a NUL inside. */
static int txt_get(AvahiStringList *txt, const char *key, char value[static SIGHTING_TXT_STRING_SIZE + 1]) {
        AvahiStringList *found = avahi_string_list_find(txt, key); /* the first one counts: RFC 6763, 6.4 */
        char *text = NULL;
        size_t size = 0;
        int r = 0;

        if (!found)
                return -ENOENT;
        if (avahi_string_list_get_pair(found, NULL, &text, &size) < 0)
                return -ENOMEM;
        if (!text)
                r = -ENOENT;
        else if (size > SIGHTING_TXT_STRING_SIZE || memchr(text, '\0', size))
                r = -EBADMSG;
        else
                memcpy(value, text, size + 1);
        avahi_free(text);
        return r;
}

/* 64 hex digits, to lower case. */
static int read_id(const char *text, char id[static DISCOVERY_ID_SIZE + 1]) {
        if (strlen(text) != DISCOVERY_ID_SIZE)
                return -EBADMSG;
        for (size_t i = 0; i < DISCOVERY_ID_SIZE; i++) {
                if (!isxdigit((unsigned char) text[i]))
                        return -EBADMSG;
                id[i] = (char) tolower((unsigned char) text[i]);
        }
        id[DISCOVERY_ID_SIZE] = '\0';
        return 0;
}

static int read_txt(AvahiStringList *txt, Sighting *sighting) {
        char value[SIGHTING_TXT_STRING_SIZE + 1];
        uint64_t number;
        unsigned version;

        if (txt_get(txt, "id", value) < 0 || read_id(value, sighting->id) < 0)
                return -EBADMSG;
        if (txt_get(txt, "v", value) < 0 || parse_unsigned(value, 0, UINT16_MAX, &version) < 0)
                return -EBADMSG;
        sighting->work = txt_get(txt, "work", value) == 0 && strcmp(value, "1") == 0;
        if (txt_get(txt, "ring", value) == 0 && parse_u64(value, &number) == 0)
                sighting->ring = (uint32_t) number;
        if (txt_get(txt, "job", value) == 0)
                utf8_copy_plain(sighting->job, sizeof sighting->job, value);
        return 0;
}

/*
 * Hosts are sent where an entry points, so it must be a place that a master can have. A loopback address means this
 * machine: only this machine may announce it.
 */
static int read_ipv4(uint32_t address, bool local) {
        uint32_t host_order = ntohl(address);
        bool loopback = host_order >> 24 == 127;
        bool nobody = host_order >> 24 == 0 || host_order >= 0xe0000000; /* "this network", multicast, reserved */

        return nobody || (loopback && !local) ? -EBADMSG : 0;
}

static int read_ipv6(const struct in6_addr *address, bool local) {
        if (IN6_IS_ADDR_UNSPECIFIED(address) || IN6_IS_ADDR_MULTICAST(address) || IN6_IS_ADDR_V4MAPPED(address))
                return -EBADMSG;
        if (IN6_IS_ADDR_LOOPBACK(address))
                return local ? 0 : -EBADMSG;
        return IN6_IS_ADDR_V4COMPAT(address) ? -EBADMSG : 0;
}

static int read_address(const SightingSource *source, DiscoveredAddress *ret) {
        AvahiAddress address;

        if (source->port == 0 || !avahi_address_parse(source->address, AVAHI_PROTO_UNSPEC, &address))
                return -EBADMSG;
        if (address.proto == AVAHI_PROTO_INET) {
                ret->in.sin_family = AF_INET;
                ret->in.sin_port = htons(source->port);
                ret->in.sin_addr.s_addr = address.data.ipv4.address;
                if (read_ipv4(ret->in.sin_addr.s_addr, source->local) < 0)
                        return -EBADMSG;
        } else {
                ret->in6.sin6_family = AF_INET6;
                ret->in6.sin6_port = htons(source->port);
                memcpy(&ret->in6.sin6_addr, address.data.ipv6.address, sizeof ret->in6.sin6_addr);
                if (read_ipv6(&ret->in6.sin6_addr, source->local) < 0)
                        return -EBADMSG;
                if (IN6_IS_ADDR_LINKLOCAL(&ret->in6.sin6_addr)) {
                        if (source->interface <= 0)
                                return -EBADMSG;
                        ret->in6.sin6_scope_id = (uint32_t) source->interface;
                }
        }
        ret->interface = source->interface;
        return 0;
}

int sighting_read(const SightingSource *source, Sighting *ret) {
        Sighting sighting;
        int r;

        memset(&sighting, 0, sizeof sighting);
        sighting.local = source->local;
        r = read_txt(source->txt, &sighting);
        if (r < 0)
                return r;
        r = read_address(source, &sighting.address);
        if (r < 0)
                return r;
        *ret = sighting;
        return 0;
}

int sighting_read_txt(sd_bus_message *m, AvahiStringList **ret) {
        AvahiStringList *txt = NULL, *longer;
        size_t n_strings = 0;
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "ay");
        if (r <= 0)
                return r < 0 ? r : -ENXIO;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                const void *data;
                size_t size;

                r = sd_bus_message_read_array(m, SD_BUS_TYPE_BYTE, &data, &size);
                if (r < 0)
                        break;
                if (size > SIGHTING_TXT_STRING_SIZE || ++n_strings > SIGHTING_TXT_STRINGS_MAX) {
                        r = -EMSGSIZE;
                        break;
                }
                longer = avahi_string_list_add_arbitrary(txt, data, size);
                if (!longer) {
                        r = -ENOMEM;
                        break;
                }
                txt = longer;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0) {
                avahi_string_list_free(txt);
                return r;
        }
        *ret = avahi_string_list_reverse(txt); /* each was added in front of the others */
        return 0;
}
