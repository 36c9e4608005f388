/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * TXT keys: v (the wire's version), id, work, ring, job, caps. The keys that a browser needs come first. Nothing of it
 * is secret, and nothing is proved: whoever connects checks the master's key.
 */

#include "discovery/announcement.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/utf8.h"

#define ID_DIGITS_SHOWN 8

int announcement_init(Announcement *announcement, const char *master, const char *id, uint16_t port,
                      const char *capabilities) {
        if (strlen(id) != DISCOVERY_ID_SIZE || strspn(id, "0123456789abcdefABCDEF") != DISCOVERY_ID_SIZE || port == 0)
                return -EINVAL;
        memset(announcement, 0, sizeof *announcement);
        announcement->port = port;
        for (size_t i = 0; i < DISCOVERY_ID_SIZE; i++)
                announcement->id[i] = (char) tolower((unsigned char) id[i]);
        utf8_copy_plain(announcement->master, sizeof announcement->master, master);
        utf8_copy_plain(announcement->capabilities, sizeof announcement->capabilities, capabilities);
        return 0;
}

bool announcement_set_work(Announcement *announcement, bool work, const char *job, uint64_t now_sec) {
        char plain[DISCOVERY_JOB_MAX + 1];
        bool changed = work != announcement->work;

        if (work && !announcement->work)
                announcement->ring = MAX((uint32_t) now_sec, announcement->ring + 1);
        announcement->work = work;
        utf8_copy_plain(plain, sizeof plain, job);
        changed |= strcmp(plain, announcement->job) != 0;
        memcpy(announcement->job, plain, sizeof plain);
        return changed;
}

void announcement_instance_name(const Announcement *announcement, char ret[static DISCOVERY_NAME_MAX + 1]) {
        /* What remains of the 63 bytes for the name of the master. */
        char name[DISCOVERY_NAME_MAX + 1 - (sizeof "primed on  ()" - 1) - ID_DIGITS_SHOWN];

        utf8_copy_plain(name, sizeof name, announcement->master);
        (void) snprintf(ret, DISCOVERY_NAME_MAX + 1, "primed%s%s (%.*s)", *name ? " on " : "", name, ID_DIGITS_SHOWN,
                        announcement->id);
}

AvahiStringList *announcement_txt(const Announcement *announcement) {
        char ring[11];
        const struct {
                const char *key, *value;
        } pairs[] = {
                { "v", DISCOVERY_TXT_VERSION },
                { "id", announcement->id },
                { "work", announcement->work ? "1" : "0" },
                { "ring", ring },
                { "job", announcement->job },
                { "caps", announcement->capabilities },
        };
        AvahiStringList *txt = NULL, *longer;

        (void) snprintf(ring, sizeof ring, "%" PRIu32, announcement->ring);
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                if (!*pairs[i].value)
                        continue;
                longer = avahi_string_list_add_pair(txt, pairs[i].key, pairs[i].value);
                if (!longer) {
                        avahi_string_list_free(txt);
                        return NULL;
                }
                txt = longer;
        }
        return avahi_string_list_reverse(txt); /* each was added in front of the others */
}
