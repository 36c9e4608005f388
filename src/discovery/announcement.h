/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a master says about itself on the LAN: its instance name and its TXT record. */

#include <avahi-common/strlst.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/browser.h"

#define ANNOUNCEMENT_CAPABILITIES_MAX 200 /* bytes */

typedef struct Announcement {
        char master[DISCOVERY_NAME_MAX + 1];   /* its name, for people */
        char id[DISCOVERY_ID_SIZE + 1];        /* lower case */
        char capabilities[ANNOUNCEMENT_CAPABILITIES_MAX + 1];
        char job[DISCOVERY_JOB_MAX + 1];
        bool work;
        uint32_t ring;
        uint16_t port;
} Announcement;

/* 0; -EINVAL: no id of 64 hex digits, or port 0. What is too long is cut, what is not plain text is replaced. */
int announcement_init(Announcement *announcement, const char *master, const char *id, uint16_t port,
                      const char *capabilities);

/*
 * Sets work and job; a change of `work` to true changes `ring`, to the time `now_sec` (Unix) or a greater number: not
 * the one that an earlier process of this master used. Whether anything changed.
 */
bool announcement_set_work(Announcement *announcement, bool work, const char *job, uint64_t now_sec);

/* "primed on NAME (12345678)"; "primed (12345678)" without a name. */
void announcement_instance_name(const Announcement *announcement, char ret[static DISCOVERY_NAME_MAX + 1]);

/* The TXT record, in order; the caller frees it with avahi_string_list_free(). NULL when out of memory. */
AvahiStringList *announcement_txt(const Announcement *announcement);
