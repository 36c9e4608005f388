/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * TLS 1.3 with raw public keys (RFC 7250) on both sides, over a non-blocking socket. Knows records, not
 * frames. Only this file and wire/identity.c know which library it is.
 *
 * Functions that may fail return negative errno and fill `problem` with a sentence; -EAGAIN, without a
 * sentence, means that the socket is not ready.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "wire/identity.h"

typedef struct Tls Tls;

/* Neither `fd` nor `identity` is owned; both must outlive the session's last use. 0, -ENOMEM or -EIO. */
int tls_new(int fd, bool is_server, const Identity *identity, Tls **ret);
Tls *tls_free(Tls *tls);

/* Goes on with the handshake. 0: done, and the peer has proved to own the key of tls_peer_id(). */
int tls_handshake(Tls *tls, Problem *problem);

/* After -EAGAIN of the handshake: whether it waits for room to write, not for bytes to read. */
bool tls_handshake_wants_write(const Tls *tls);

const uint8_t *tls_peer_id(const Tls *tls); /* SHA256_SIZE bytes */

/*
 * The next record: its length, its bytes in `*ret`, valid until the next call or tls_free(). 0 at the end
 * that the peer announced; an end that it did not announce is -ECONNRESET.
 */
ssize_t tls_receive(Tls *tls, const uint8_t **ret, Problem *problem);

/* Whether decrypted bytes wait, for which the socket will not wake anybody. */
bool tls_has_pending(const Tls *tls);

/*
 * Sends one record from the beginning of `data`; returns how many bytes went into it. After -EAGAIN the same
 * bytes must be offered again (more may have come behind them).
 */
ssize_t tls_send(Tls *tls, const void *data, size_t size, Problem *problem);

/* Announces the end to the peer. 0, -EAGAIN, or another error that says that the peer is gone. */
int tls_end(Tls *tls);

DEFINE_TRIVIAL_CLEANUP_FUNC(Tls *, tls_free);
