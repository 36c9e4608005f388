/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Tells the LAN of one master, by Avahi's D-Bus API: one _primed._tcp service with protocol and interface unspecified.
 * The instance name is unique by construction ("primed on HOST (12345678)", the first digits of the id); on a
 * collision an alternative one is taken all the same. Comes back by itself when Avahi restarts; a registration that
 * hangs for 30 s is begun anew. Never blocks, never starts Avahi against the admin's will.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

typedef struct Publisher Publisher;

typedef struct PublisherSettings {
        const char *name; /* of the master, for people: becomes part of the instance name; cut to fit */
        const char *id;   /* 64 hex digits */
        uint16_t port;
        const char *capabilities; /* TXT caps; may be "" */
        /* Of what the two queries below tell. From the event loop only; must not free the publisher. */
        void (*on_changed)(Publisher *publisher, void *userdata);
        void *userdata;
} PublisherSettings;

/*
 * Copies the settings; `bus` is referenced. Nothing is published before the first publisher_set_work(). 0, -ENOMEM,
 * -EINVAL for an id or a port that no browser would take. When the bus is closed (see bus_on_disconnected()), free the
 * publisher and make a new one with the new bus.
 */
int publisher_new(sd_bus *bus, sd_event *event, const PublisherSettings *settings, Publisher **ret);

/* Takes the service back, if it can be done at once. */
Publisher *publisher_free(Publisher *publisher);

/*
 * TXT work and job (cut to fit): the doorbell. The first call publishes. Each change of `work` to true rings (TXT ring
 * gets another number), even when the false before it was too short for anybody to see.
 */
int publisher_set_work(Publisher *publisher, bool work, const char *job);

const char *publisher_published_name(const Publisher *publisher); /* "" while not published */
const char *publisher_problem(const Publisher *publisher);        /* why not, a sentence; "" when all is well */
