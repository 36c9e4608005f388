/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading a store that somebody may be writing.
 *
 * The manifest is read before the folder is listed, so each segment that the manifest names must be in the list. What
 * is sealed after that is of no interest, with one exception: the open segment may get its other name between the
 * listing and our open(). Then we begin again; a writer cannot do that to us often, for sealing takes it a while.
 *
 * The open segment is known by its record headers; only the last record's packed bytes are checked at once, for only
 * the last can be in the course of being written. All others are checked when they are read.
 */

#include "store/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interval-set.h"
#include "base/macro.h"
#include "prime/pack.h"
#include "store/folder.h"
#include "store/job-file.h"
#include "store/manifest.h"
#include "store/provenance.h"

#define SNAPSHOT_ATTEMPTS 16

/* A segment file with its footer. */
typedef struct ReaderSegment {
        int fd;
        Footer footer;
        char name[LAYOUT_NAME_SIZE];
} ReaderSegment;

#define READER_SEGMENT_NONE ((ReaderSegment) { .fd = -1 })

struct Reader {
        char *path;
        int fd;
        Grid grid;
        bool has_grid;
        uint64_t segment_blocks;
        uint8_t job_digest[SHA256_SIZE];

        Manifest manifest;
        FolderListing listing;
        ReaderSegment open;   /* without a descriptor: there is none */
        ReaderSegment sealed; /* the one that was used last */

        Packer *packer;
        uint8_t *packed; /* header and packed bytes of one record */
        size_t n_packed;
};

static int reader_out_of_memory(Problem *problem) {
        return problem_set(problem, ENOMEM, "Out of memory.");
}

static int reader_cannot_read(const Reader *reader, const char *name, int error, Problem *problem) {
        return problem_set(problem, error, "Cannot read '%s' in the store '%s': %m.", name, reader->path);
}

static void segment_done(ReaderSegment *segment) {
        segment->fd = fd_close(segment->fd);
        footer_done(&segment->footer);
}

/* Opens a file of the store; adds its size. */
static int reader_open_file(const Reader *reader, const char *name, uint64_t *ret_size) {
        return file_open_regular(reader->fd, name, O_RDONLY | O_NOFOLLOW, 0, ret_size);
}

/* opening */

static int reader_load_sealed(Reader *reader, uint64_t number, ReaderSegment *ret, Problem *problem) {
        ReaderSegment segment = READER_SEGMENT_NONE;
        uint64_t size;
        int r;

        layout_sealed_name(number, segment.name);
        segment.fd = reader_open_file(reader, segment.name, &size);
        if (segment.fd < 0)
                return reader_cannot_read(reader, segment.name, segment.fd, problem);
        r = footer_read(&disk_system, segment.fd, size, &reader->grid, reader->segment_blocks, number,
                        reader->job_digest, segment.name, &segment.footer, problem);
        if (r < 0) {
                segment_done(&segment);
                return r;
        }
        *ret = segment;
        return 0;
}

/* The records of the open segment, up to the first that is not all there. */
static int reader_scan_open(Reader *reader, ReaderSegment *segment, uint64_t size, Problem *problem) {
        uint64_t n_target = MIN(reader->segment_blocks, reader->grid.n_blocks - segment->footer.first_block);
        RecordWalk walk = {
                .disk = &disk_system,
                .fd = segment->fd,
                .grid = &reader->grid,
                .origin = record_origin(FILE_SEGMENT, segment->footer.number, reader->job_digest),
                .offset = FILE_HEADER_SIZE,
                .size = size,
        };
        Record last;
        uint64_t last_offset = 0;
        bool pending = false; /* `last` was seen but not yet added */
        int r;

        segment->footer.entries = calloc((size_t) n_target, sizeof *segment->footer.entries);
        if (!segment->footer.entries)
                return reader_out_of_memory(problem);
        for (uint64_t i = 0; i < n_target; i++) {
                r = record_walk_next(&walk, false);
                if (r <= 0 || walk.record.sequence != segment->footer.first_block + i)
                        break;
                if (pending)
                        footer_add(&segment->footer, &last, last_offset, reader->grid.block_length);
                last = walk.record;
                last_offset = walk.record_offset;
                pending = true;
        }
        if (pending) {
                walk.offset = last_offset;
                r = record_walk_next(&walk, true);
                if (r > 0)
                        footer_add(&segment->footer, &last, last_offset, reader->grid.block_length);
        }
        record_walk_done(&walk);
        return 0;
}

/* -EAGAIN: it was sealed while we looked. */
static int reader_load_open(Reader *reader, uint64_t number, Problem *problem) {
        ReaderSegment segment = { .footer = { .number = number, .first_block = number * reader->segment_blocks } };
        uint8_t header[FILE_HEADER_SIZE];
        uint64_t size;
        ssize_t n;
        int r;

        layout_open_name(number, segment.name);
        segment.fd = reader_open_file(reader, segment.name, &size);
        if (segment.fd < 0)
                return segment.fd == -ENOENT ? -EAGAIN
                                             : reader_cannot_read(reader, segment.name, segment.fd, problem);
        n = fd_pread_full(segment.fd, header, sizeof header, 0);
        if (n < 0)
                r = reader_cannot_read(reader, segment.name, (int) n, problem);
        else
                r = file_header_check(header, (size_t) n, FILE_SEGMENT, number, reader->job_digest, segment.name,
                                      problem);
        if (r >= 0)
                r = reader_scan_open(reader, &segment, size, problem);
        if (r < 0) {
                segment_done(&segment);
                return r;
        }
        reader->open = segment;
        return 0;
}

static bool numbers_contain(const FolderNumbers *numbers, uint64_t number) {
        for (size_t i = 0; i < numbers->n_numbers; i++)
                if (numbers->numbers[i] == number)
                        return true;
        return false;
}

static void reader_drop_snapshot(Reader *reader) {
        manifest_done(&reader->manifest);
        folder_listing_done(&reader->listing);
        segment_done(&reader->open);
}

/* One look at the store. -EAGAIN: it changed meanwhile. */
static int reader_take_snapshot(Reader *reader, Problem *problem) {
        size_t n_run = 0;
        int r;

        reader_drop_snapshot(reader);
        r = manifest_read(reader->fd, reader->path, reader->job_digest, &reader->manifest, problem);
        if (r < 0)
                return r;
        r = folder_list(reader->fd, &reader->listing);
        if (r < 0)
                return problem_set(problem, r, "Cannot read the folder '%s': %m.", reader->path);

        while (n_run < reader->listing.sealed.n_numbers && reader->listing.sealed.numbers[n_run] == n_run)
                n_run++;
        reader->manifest.n_entries = MIN(reader->manifest.n_entries, n_run);
        while (reader->manifest.n_entries < n_run) {
                ReaderSegment segment;

                r = reader_load_sealed(reader, reader->manifest.n_entries, &segment, problem);
                if (r < 0)
                        return r;
                r = manifest_append(&reader->manifest, &segment.footer);
                segment_done(&segment);
                if (r < 0)
                        return reader_out_of_memory(problem);
        }
        if (!numbers_contain(&reader->listing.open, n_run) || reader_frontier(reader) >= reader->grid.n_blocks)
                return 0;
        return reader_load_open(reader, n_run, problem);
}

int reader_open(const char *path, Reader **ret, Problem *problem) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        int r;

        reader = malloc(sizeof *reader);
        if (!reader)
                return reader_out_of_memory(problem);
        *reader = (Reader) {
                .path = strdup(path),
                .fd = -1,
                .open = READER_SEGMENT_NONE,
                .sealed = READER_SEGMENT_NONE,
                .packer = packer_new(),
        };
        if (!reader->path || !reader->packer)
                return reader_out_of_memory(problem);
        reader->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (reader->fd < 0 && errno == ENOENT)
                return problem_set(problem, ENOENT, "There is no store '%s'.", path);
        if (reader->fd < 0)
                return problem_set(problem, errno, "Cannot open the store '%s': %m.", path);
        r = job_file_read(reader->fd, path, &reader->grid, &reader->segment_blocks, reader->job_digest, problem);
        if (r < 0)
                return r;
        reader->has_grid = true;

        r = -EAGAIN;
        for (unsigned attempt = 0; r == -EAGAIN && attempt < SNAPSHOT_ATTEMPTS; attempt++)
                r = reader_take_snapshot(reader, problem);
        if (r < 0)
                return problem_set(problem, r, "The store '%s' changes faster than it can be read: try again.", path);
        *ret = TAKE_PTR(reader);
        return 0;
}

Reader *reader_close(Reader *reader) {
        if (!reader)
                return NULL;
        reader_drop_snapshot(reader);
        segment_done(&reader->sealed);
        if (reader->has_grid)
                grid_done(&reader->grid);
        (void) fd_close(reader->fd);
        packer_free(reader->packer);
        free(reader->packed);
        free(reader->path);
        free(reader);
        return NULL;
}

/* facts */

const Grid *reader_grid(const Reader *reader) {
        return &reader->grid;
}

uint64_t reader_segment_blocks(const Reader *reader) {
        return reader->segment_blocks;
}

uint64_t reader_frontier(const Reader *reader) {
        uint64_t sealed = reader->manifest.n_entries * reader->segment_blocks;

        return MIN(sealed, reader->grid.n_blocks) + reader->open.footer.n_blocks;
}

void reader_coverage(const Reader *reader, mpz_t ret) {
        uint64_t frontier = reader_frontier(reader);
        Place place = { frontier, 0 };

        if (frontier == 0)
                mpz_set(ret, reader->grid.from);
        else if (frontier == reader->grid.n_blocks && !reader->grid.open)
                mpz_set(ret, reader->grid.to);
        else
                place_number(&reader->grid, &place, ret);
}

static int reader_add_spool(Reader *reader, uint64_t number, ReaderTotals *totals, Problem *problem) {
        char name[LAYOUT_NAME_SIZE];
        RecordWalk walk;
        uint64_t size;
        int fd;

        layout_spool_name(number, name);
        fd = reader_open_file(reader, name, &size);
        if (fd == -ENOENT) /* has been emptied */
                return 0;
        if (fd < 0)
                return reader_cannot_read(reader, name, fd, problem);
        walk = (RecordWalk) {
                .disk = &disk_system,
                .fd = fd,
                .grid = &reader->grid,
                .origin = record_origin(FILE_SPOOL, number, reader->job_digest),
                .offset = FILE_HEADER_SIZE,
                .size = size,
        };
        while (record_walk_next(&walk, false) > 0)
                if (walk.record.sequence >= reader_frontier(reader)) {
                        totals->spool_blocks++;
                        totals->spool_primes += walk.record.facts.count;
                }
        record_walk_done(&walk);
        (void) fd_close(fd);
        totals->spool_files++;
        totals->spool_bytes += size;
        return 0;
}

int reader_totals(Reader *reader, ReaderTotals *ret, Problem *problem) {
        size_t n_sealed = reader->manifest.n_entries;
        ReaderTotals totals = {
                .n_blocks = reader_frontier(reader),
                .n_primes = manifest_primes(&reader->manifest) + reader->open.footer.facts.count,
                .n_segments = n_sealed,
                .open_blocks = reader->open.footer.n_blocks,
                .n_islands = reader->listing.sealed.n_numbers - n_sealed,
        };
        char name[LAYOUT_NAME_SIZE];
        struct stat st;
        int r;

        if (n_sealed > 0)
                memcpy(totals.chain, reader->manifest.entries[n_sealed - 1].chain, SHA256_SIZE);
        for (size_t i = 0; i < reader->listing.sealed.n_numbers; i++) {
                layout_sealed_name(reader->listing.sealed.numbers[i], name);
                if (fstatat(reader->fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                        totals.segment_bytes += (uint64_t) st.st_size;
        }
        if (reader->open.fd >= 0)
                totals.segment_bytes += footer_records_end(&reader->open.footer);
        for (size_t i = 0; i < reader->listing.spool.n_numbers; i++) {
                r = reader_add_spool(reader, reader->listing.spool.numbers[i], &totals, problem);
                if (r < 0)
                        return r;
        }
        *ret = totals;
        return 0;
}

/* The segment becomes the current one. */
static int reader_segment(Reader *reader, uint64_t number, ReaderSegment **ret, Problem *problem) {
        ReaderSegment segment;
        int r;

        if (reader->open.fd >= 0 && reader->open.footer.number == number) {
                *ret = &reader->open;
                return 0;
        }
        if (number >= reader->manifest.n_entries)
                return problem_set(problem, ENOENT, "The store '%s' has no segment %" PRIu64 ".", reader->path, number);
        if (reader->sealed.fd < 0 || reader->sealed.footer.number != number) {
                r = reader_load_sealed(reader, number, &segment, problem);
                if (r < 0)
                        return r;
                if (memcmp(segment.footer.digest, reader->manifest.entries[number].digest, SHA256_SIZE) != 0) {
                        segment_done(&segment);
                        return problem_set(problem, EBADMSG, "The segment '%s' in the store '%s' is not the one that "
                                           "the manifest names. If it was put back on purpose, delete the file "
                                           "'manifest' and start the job again; else move the segment away.",
                                           segment.name, reader->path);
                }
                segment_done(&reader->sealed);
                reader->sealed = segment;
        }
        *ret = &reader->sealed;
        return 0;
}

int reader_facts(Reader *reader, Facts *ret, uint64_t *ret_proved, uint64_t *ret_bpsw, Problem *problem) {
        uint64_t n = reader->manifest.n_entries + (reader->open.fd >= 0 ? 1 : 0);
        uint64_t proved = 0, bpsw = 0;
        ReaderSegment *segment;
        Facts facts = {};
        int r;

        for (uint64_t number = 0; number < n; number++) {
                r = reader_segment(reader, number, &segment, problem);
                if (r < 0)
                        return r;
                facts_join(&facts, &segment->footer.facts, reader->grid.block_length);
                proved += segment->footer.n_proved;
                bpsw += segment->footer.n_bpsw;
        }
        *ret = facts;
        *ret_proved = proved;
        *ret_bpsw = bpsw;
        return 0;
}

/* blocks */

static int reader_damaged(const Reader *reader, const ReaderSegment *segment, uint64_t sequence, const char *what,
                          Problem *problem) {
        return problem_set(problem, EBADMSG, "Block %" PRIu64 " in the file '%s' of the store '%s' is damaged (%s). "
                           "Put back a copy of the file, or move it away and start the job again: its blocks are "
                           "then computed again.", sequence, segment->name, reader->path, what);
}

int reader_read_block(Reader *reader, uint64_t sequence, uint8_t *bitmap, Problem *problem) {
        uint8_t digest[SHA256_SIZE];
        const FooterEntry *entry;
        ReaderSegment *segment;
        _cleanup_mpz_ mpz_t start;
        RecordOrigin origin;
        size_t size, n_bytes;
        GridBlock block;
        Record record;
        ssize_t n;
        int r;

        mpz_init(start);
        if (sequence >= reader_frontier(reader))
                return problem_set(problem, ENOENT, "The store '%s' does not reach to block %" PRIu64 " yet.",
                                   reader->path, sequence);
        r = reader_segment(reader, sequence / reader->segment_blocks, &segment, problem);
        if (r < 0)
                return r;
        entry = segment->footer.entries + (sequence - segment->footer.first_block);
        grid_block(&reader->grid, sequence, start, &block);
        n_bytes = (size_t) block.length / 30;
        if (entry->packed_size > pack_bound(n_bytes))
                return reader_damaged(reader, segment, sequence, "size", problem);

        size = RECORD_HEADER_SIZE + entry->packed_size;
        if (size > reader->n_packed) {
                uint8_t *grown = realloc(reader->packed, size);

                if (!grown)
                        return reader_out_of_memory(problem);
                reader->packed = grown;
                reader->n_packed = size;
        }
        n = fd_pread_full(segment->fd, reader->packed, size, entry->offset);
        if (n < 0)
                return reader_cannot_read(reader, segment->name, (int) n, problem);

        origin = record_origin(FILE_SEGMENT, segment->footer.number, reader->job_digest);
        if ((size_t) n < size || record_decode_header(reader->packed, &origin, &reader->grid, &record) < 0 ||
            record.sequence != sequence || record.packed_size != entry->packed_size ||
            record.facts.count != entry->count || memcmp(record.digest, entry->digest, SHA256_SIZE) != 0)
                return reader_damaged(reader, segment, sequence, "header", problem);
        if (!record_check_packed(&record, reader->packed + RECORD_HEADER_SIZE))
                return reader_damaged(reader, segment, sequence, "checksum", problem);
        r = pack_unpack(reader->packer, record.codec, start, reader->packed + RECORD_HEADER_SIZE, record.packed_size,
                        bitmap, n_bytes);
        if (r == -EOPNOTSUPP)
                return problem_set(problem, r, "Block %" PRIu64 " in the file '%s' is packed in a way that this "
                                   "version of primed does not know: use the version that made it.", sequence,
                                   segment->name);
        if (r < 0)
                return reader_damaged(reader, segment, sequence, "does not unpack", problem);
        checksum_sha256(bitmap, n_bytes, digest);
        if (memcmp(digest, entry->digest, SHA256_SIZE) != 0)
                return reader_damaged(reader, segment, sequence, "digest", problem);
        return 0;
}

/* provenance */

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
        if (found->worker.first_usec == 0)
                found->worker.first_usec = entry->realtime_usec;
        found->worker.last_usec = entry->realtime_usec;
        memcpy(found->worker.name, entry->worker_name, sizeof found->worker.name);
        memcpy(found->worker.check, entry->check, sizeof found->worker.check);
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
