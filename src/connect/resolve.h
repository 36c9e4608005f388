/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The addresses of a host's name, by getaddrinfo(), so that /etc/hosts, DNS and nss-mdns work as everywhere else.
 * That call blocks, and the libraries it loads stay: so it is made in a child process of its own, which is killed when
 * nobody waits for it any more.
 */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "connect/address.h"

#define RESOLVE_ADDRESSES_MAX 16

typedef struct Resolve Resolve;

/*
 * Comes once, from the event loop; only resolve_free() may follow. Without an address `reason` says why; else it is "".
 * The addresses are in the order of preference.
 */
typedef void (*ResolveDone)(Resolve *resolve, const Address *addresses, size_t n_addresses, const char *reason,
                            void *userdata);

/* 0 or negative errno. */
int resolve_new(sd_event *event, const char *host, uint16_t port, ResolveDone on_done, void *userdata, Resolve **ret);
Resolve *resolve_free(Resolve *resolve);

DEFINE_TRIVIAL_CLEANUP_FUNC(Resolve *, resolve_free);
