/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Takes connections from listening TCP sockets that were inherited (sd_listen_fds(3)). Never blocks; when the process
 * runs out of descriptors it pauses for a second, while new connections wait in the kernel's queue.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/problem.h"

#define ACCEPTOR_SOCKETS_MAX 16

typedef struct Acceptor Acceptor;

typedef struct AcceptorSettings {
        void (*on_connection)(int fd, void *userdata); /* takes the descriptor, which is non-blocking */
        void *userdata;
} AcceptorSettings;

/*
 * Takes the `n` descriptors, on failure too. -EINVAL: one is not a listening TCP socket; -ENOENT: there is none;
 * -E2BIG: too many; all with a sentence.
 */
int acceptor_new(sd_event *event, const int fds[], size_t n, const AcceptorSettings *settings, Acceptor **ret,
                 Problem *problem);
Acceptor *acceptor_free(Acceptor *acceptor);

uint16_t acceptor_port(const Acceptor *acceptor); /* of the first socket that others can reach, else of the first */
bool acceptor_is_loopback(const Acceptor *acceptor); /* no socket can be reached from other machines */
