/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What waits for sending: a list of chunks, so that nothing is ever moved. Small frames share a chunk, and
 * so a TLS record and a system call; a large frame is a chunk of its own and is not copied.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct OutboxChunk OutboxChunk;

typedef struct Outbox {
        OutboxChunk *head, *tail;
        size_t n_bytes; /* that wait */
} Outbox;

/* Frees the contents; the outbox is empty afterwards. */
void outbox_done(Outbox *outbox);

/* Takes `frame` (from malloc), on failure too. 0 or -ENOMEM. */
int outbox_put(Outbox *outbox, uint8_t *frame, size_t size);

/*
 * The first bytes that wait; NULL and 0 if there are none. Later calls of outbox_put() leave them where they
 * are.
 */
const uint8_t *outbox_peek(const Outbox *outbox, size_t *ret_size);

/* Drops the first `size` bytes, at most as many as outbox_peek() showed. */
void outbox_consume(Outbox *outbox, size_t size);
