/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What waits for sending. */

#include "wire/outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Small frames are gathered up to one full TLS record; a frame of at least half a record is worth one of its
 * own.
 */
#define CHUNK_SIZE ((size_t) 16 << 10)
#define FRAME_SMALL_MAX (CHUNK_SIZE / 2)

struct OutboxChunk {
        OutboxChunk *next;
        uint8_t *data;
        size_t size, allocated, consumed;
};

static OutboxChunk *chunk_free(OutboxChunk *chunk) {
        if (chunk) {
                free(chunk->data);
                free(chunk);
        }
        return NULL;
}

DEFINE_TRIVIAL_CLEANUP_FUNC(OutboxChunk *, chunk_free);

void outbox_done(Outbox *outbox) {
        while (outbox->head) {
                OutboxChunk *chunk = outbox->head;

                outbox->head = chunk->next;
                (void) chunk_free(chunk);
        }
        *outbox = (Outbox) {};
}

static void outbox_append(Outbox *outbox, OutboxChunk *chunk) {
        if (outbox->tail)
                outbox->tail->next = chunk;
        else
                outbox->head = chunk;
        outbox->tail = chunk;
}

int outbox_put(Outbox *outbox, uint8_t *frame, size_t size) {
        _cleanup_free_ uint8_t *owned = frame;
        OutboxChunk *tail = outbox->tail;

        if (!tail || tail->allocated - tail->size < size) {
                _cleanup_(chunk_freep) OutboxChunk *chunk = calloc(1, sizeof *chunk);

                if (!chunk)
                        return -ENOMEM;
                if (size > FRAME_SMALL_MAX) {
                        chunk->data = TAKE_PTR(owned);
                        chunk->size = chunk->allocated = size;
                        outbox_append(outbox, TAKE_PTR(chunk));
                        outbox->n_bytes += size;
                        return 0;
                }
                chunk->data = malloc(CHUNK_SIZE);
                if (!chunk->data)
                        return -ENOMEM;
                chunk->allocated = CHUNK_SIZE;
                tail = chunk;
                outbox_append(outbox, TAKE_PTR(chunk));
        }
        memcpy(tail->data + tail->size, owned, size);
        tail->size += size;
        outbox->n_bytes += size;
        return 0;
}

const uint8_t *outbox_peek(const Outbox *outbox, size_t *ret_size) {
        const OutboxChunk *chunk = outbox->head;

        *ret_size = chunk ? chunk->size - chunk->consumed : 0;
        return chunk ? chunk->data + chunk->consumed : NULL;
}

void outbox_consume(Outbox *outbox, size_t size) {
        OutboxChunk *chunk = outbox->head;

        assert(chunk && size <= chunk->size - chunk->consumed);
        chunk->consumed += size;
        outbox->n_bytes -= size;
        if (chunk->consumed < chunk->size)
                return;
        outbox->head = chunk->next;
        if (!outbox->head)
                outbox->tail = NULL;
        (void) chunk_free(chunk);
}
