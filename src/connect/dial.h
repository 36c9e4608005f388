/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Connects to one master that may be in many places: all its names are resolved, and its addresses are tried one after
 * the other, each a quarter of a second behind the last or as soon as that failed, IPv6 and IPv4 in turn (RFC 8305,
 * "happy eyeballs"). The first that answers wins. Nothing is sent, nothing is read, nothing blocks.
 */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "connect/address.h"

#define DIAL_STAGGER_USEC (250 * USEC_PER_MSEC)
#define DIAL_DEADLINE_USEC (15 * USEC_PER_SEC)
#define DIAL_TARGETS_MAX 48

typedef struct Dial Dial;

typedef struct DialName {
        const char *host; /* a name or a numeric address, without brackets */
        uint16_t port;
} DialName;

typedef struct DialResult {
        int fd;         /* connected, for the callee to keep; or negative errno */
        Address peer;   /* if connected */
        const char *host; /* the element of `names` that led there; NULL: one of `addresses` */
        uint16_t port;
        const char *reason; /* if not: for people */
} DialResult;

typedef struct DialRequest {
        const Address *addresses; /* the likeliest first */
        size_t n_addresses;
        const DialName *names;
        size_t n_names;
        /* Addresses that names lead to and that are not wanted; may be NULL. */
        bool (*is_unwanted)(const Address *address, void *userdata);
        void (*on_done)(Dial *dial, const DialResult *result, void *userdata); /* once, from the event loop; may free */
        void *userdata;
} DialRequest;

/* Copies the request. 0 or negative errno. */
int dial_new(sd_event *event, const DialRequest *request, Dial **ret);
Dial *dial_free(Dial *dial);

/* For a connected TCP socket: no delays, and a peer that is gone without a word is noticed. */
int dial_prepare_socket(int fd);

DEFINE_TRIVIAL_CLEANUP_FUNC(Dial *, dial_free);
