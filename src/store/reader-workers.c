/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who computed a store, from its provenance journal. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/interval-set.h"
#include "store/layout.h"
#include "store/provenance.h"
#include "store/reader-state.h"

/* Entries of one worker, who may have been credited with a block twice: after a crash it is offered again. */
typedef struct WorkerBlocks {
        ReaderWorker worker;
        IntervalSet blocks;
} WorkerBlocks;

static WorkerBlocks *workers_find(WorkerBlocks **workers, size_t *n_workers, const uint8_t id[static SHA256_SIZE]) {
        WorkerBlocks *grown;

        for (size_t i = 0; i < *n_workers; i++)
                if (memcmp((*workers)[i].worker.id, id, SHA256_SIZE) == 0)
                        return *workers + i;
        grown = reallocarray(*workers, *n_workers + 1, sizeof *grown);
        if (!grown)
                return NULL;
        *workers = grown;
        grown += (*n_workers)++;
        *grown = (WorkerBlocks) { .blocks = INTERVAL_SET_EMPTY };
        memcpy(grown->worker.id, id, SHA256_SIZE);
        return grown;
}

static int workers_add(WorkerBlocks **workers, size_t *n_workers, const ProvenanceEntry *entry) {
        WorkerBlocks *found = workers_find(workers, n_workers, entry->worker_id);

        if (!found)
                return -ENOMEM;
        if (found->blocks.n_intervals == 0 || entry->realtime_usec < found->worker.first_usec)
                found->worker.first_usec = entry->realtime_usec;
        /* Merged entries stand where the first of them stood: the last to become durable may be anywhere. */
        if (entry->realtime_usec >= found->worker.last_usec) {
                found->worker.last_usec = entry->realtime_usec;
                memcpy(found->worker.name, entry->worker_name, sizeof found->worker.name);
                memcpy(found->worker.check, entry->check, sizeof found->worker.check);
        }
        return interval_set_add(&found->blocks, entry->first, entry->end);
}

static int workers_read(Reader *reader, int fd, WorkerBlocks **workers, size_t *n_workers, Problem *problem) {
        uint8_t data[FILE_HEADER_SIZE + PROVENANCE_ENTRY_SIZE];
        ProvenanceEntry entry;
        ssize_t n;
        int r;

        n = fd_read_full(fd, data, FILE_HEADER_SIZE);
        if (n < 0)
                return reader_cannot_read(reader, LAYOUT_PROVENANCE, (int) n, problem);
        r = file_header_check(data, (size_t) n, FILE_PROVENANCE, 0, reader->job_digest, LAYOUT_PROVENANCE, problem);
        if (r < 0)
                return r;
        while ((n = fd_read_full(fd, data, PROVENANCE_ENTRY_SIZE)) == PROVENANCE_ENTRY_SIZE)
                if (provenance_decode(data, &entry) == 0 && workers_add(workers, n_workers, &entry) < 0)
                        return reader_out_of_memory(problem);
        return n < 0 ? reader_cannot_read(reader, LAYOUT_PROVENANCE, (int) n, problem) : 0;
}

int reader_workers(Reader *reader, ReaderWorker **ret, size_t *ret_n, Problem *problem) {
        _cleanup_free_ WorkerBlocks *workers = NULL;
        _cleanup_free_ ReaderWorker *result = NULL;
        _cleanup_close_ int fd = -1;
        size_t n_workers = 0;
        uint64_t size;
        int r = 0;

        fd = reader_open_file(reader, LAYOUT_PROVENANCE, &size);
        if (fd < 0 && fd != -ENOENT)
                return reader_cannot_read(reader, LAYOUT_PROVENANCE, fd, problem);
        if (fd >= 0)
                r = workers_read(reader, fd, &workers, &n_workers, problem);

        result = calloc(n_workers + 1, sizeof *result);
        if (!result && r >= 0)
                r = reader_out_of_memory(problem);
        for (size_t i = 0; i < n_workers; i++) {
                if (r >= 0) {
                        result[i] = workers[i].worker;
                        result[i].n_blocks = workers[i].blocks.n_members;
                }
                interval_set_done(&workers[i].blocks);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result);
        *ret_n = n_workers;
        return 0;
}
