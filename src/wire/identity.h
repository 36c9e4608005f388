/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who a host is: an Ed25519 key pair (P-256 where the system's policy forbids Ed25519). Its id is the
 * SHA-256 of the public key as SubjectPublicKeyInfo (RFC 7250); it is all that a peer is known by.
 */

#include <stdint.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/problem.h"

typedef struct Identity Identity;

/* A key for this process only. */
int identity_new_ephemeral(Identity **ret, Problem *problem);

/*
 * The key in `path` (PEM, mode 0600); made, with all it takes to be durable, if the file is not there. A
 * file that others may read, or that holds no key, is refused and never changed: -EPERM, -EBADMSG.
 */
int identity_open(const char *path, Identity **ret, Problem *problem);

/*
 * The key of this host's daemons: the credential primed.key, if systemd handed one over ($CREDENTIALS_DIRECTORY), which
 * is never made or changed; else that of identity_open(path).
 */
int identity_open_host(const char *path, Identity **ret, Problem *problem);

Identity *identity_free(Identity *identity);

const uint8_t *identity_id(const Identity *identity); /* SHA256_SIZE bytes */

/* For the link: a gnutls_certificate_credentials_t that lives as long as the identity. */
void *identity_credentials(const Identity *identity);

DEFINE_TRIVIAL_CLEANUP_FUNC(Identity *, identity_free);
