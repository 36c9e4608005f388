/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading a store that somebody may be writing.
 *
 * The manifest is read before the folder is listed, so each segment that the manifest names must be in the list. What
 * is sealed after that is of no interest, with one exception: the open segment may get its other name between the
 * listing and our open(). Then we begin again; a writer cannot do that to us often, for sealing takes it a while.
 *
 * A segment that is listed and not there, or there between those that are listed, is damage, for answers without it
 * would be wrong and look right: whoever opens the store for writing takes the lost one out of the manifest, and only
 * then it is a hole. But the two were read at two instants, and files get new names in between (a segment without its
 * bitmaps takes the place of the one with them): we look more than once before we say so.
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
#include "base/macro.h"
#include "base/text.h"
#include "store/job-file.h"
#include "store/reader-state.h"

#define SNAPSHOT_ATTEMPTS 16

/* How often damage must be seen, and the pause in between: longer than anybody needs to rename a file. */
#define DAMAGE_ATTEMPTS 4
#define DAMAGE_PAUSE_USEC 20000

int reader_out_of_memory(Problem *problem) {
        return problem_set(problem, ENOMEM, "Out of memory.");
}

int reader_cannot_read(const Reader *reader, const char *name, int error, Problem *problem) {
        int r = folder_check_kind(reader->path, name, error, problem);

        return r < 0 ? r : problem_set(problem, error, "Cannot read '%s' in the store '%s': %m.", name, reader->path);
}

static int reader_beyond_frontier(const Reader *reader, uint64_t sequence, Problem *problem) {
        return problem_set(problem, ENOENT, "The store '%s' does not reach to block %" PRIu64 " yet.", reader->path,
                           sequence);
}

static void segment_done(ReaderSegment *segment) {
        segment->fd = fd_close(segment->fd);
        footer_done(&segment->footer);
}

int reader_open_file(const Reader *reader, const char *name, uint64_t *ret_size) {
        return file_open_regular(reader->fd, name, O_RDONLY | O_NOFOLLOW, 0, ret_size);
}

/* opening */

static int reader_load_sealed(Reader *reader, uint64_t first_block, ReaderSegment *ret, Problem *problem) {
        FooterPlace place = { &reader->grid, reader->segment_blocks, first_block, reader->job_digest };
        ReaderSegment segment = READER_SEGMENT_NONE;
        int r;

        layout_sealed_name(first_block, segment.name);
        segment.fd = reader_open_file(reader, segment.name, &segment.n_bytes);
        if (segment.fd < 0)
                return reader_cannot_read(reader, segment.name, segment.fd, problem);
        r = footer_read(&disk_system, segment.fd, segment.n_bytes, &place, segment.name, &segment.footer, problem);
        if (r < 0) {
                segment_done(&segment);
                return r;
        }
        *ret = segment;
        return 0;
}

/* The records of the open segment, up to the first that is not all there. */
static int reader_scan_open(Reader *reader, ReaderSegment *segment, uint64_t size, Problem *problem) {
        uint64_t first = segment->footer.first_block;
        uint64_t n_target = layout_segment_end(first, reader->segment_blocks, reader->grid.n_blocks) - first;
        RecordWalk walk = {
                .disk = &disk_system,
                .fd = segment->fd,
                .grid = &reader->grid,
                .origin = record_origin(FILE_SEGMENT, first, reader->job_digest),
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
                if (r <= 0 || walk.record.sequence != first + i)
                        break;
                if (pending)
                        footer_add(&segment->footer, &last, last_offset, reader->grid.block_length);
                last = walk.record;
                last_offset = walk.record_offset;
                pending = true;
        }
        segment->n_bytes = pending ? last_offset : FILE_HEADER_SIZE;
        if (pending) {
                walk.offset = last_offset;
                r = record_walk_next(&walk, true);
                if (r > 0) {
                        footer_add(&segment->footer, &last, last_offset, reader->grid.block_length);
                        segment->n_bytes = walk.offset;
                }
        }
        record_walk_done(&walk);
        return 0;
}

/* -EAGAIN: it was sealed while we looked. */
static int reader_load_open(Reader *reader, uint64_t first_block, Problem *problem) {
        ReaderSegment segment = { .footer = { .first_block = first_block, .keep = STORE_KEEP_FULL } };
        uint8_t header[FILE_HEADER_SIZE];
        uint64_t size;
        ssize_t n;
        int r;

        layout_open_name(first_block, segment.name);
        segment.fd = reader_open_file(reader, segment.name, &size);
        if (segment.fd < 0)
                return segment.fd == -ENOENT ? -EAGAIN
                                             : reader_cannot_read(reader, segment.name, segment.fd, problem);
        n = fd_pread_full(segment.fd, header, sizeof header, 0);
        if (n < 0)
                r = reader_cannot_read(reader, segment.name, (int) n, problem);
        else
                r = file_header_check(header, (size_t) n, FILE_SEGMENT, first_block, reader->job_digest, segment.name,
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

static int reader_lost_segment(const Reader *reader, const ManifestEntry *entry, Problem *problem) {
        char name[LAYOUT_NAME_SIZE];

        layout_sealed_name(entry->first_block, name);
        return problem_set(problem, EBADMSG, "The segment '%s' of the store '%s' is missing. Put back a copy of it, or "
                           "start the job again: its blocks are then computed again. To read what is before it until "
                           "then, 'primectl verify --repair --store \"%s\"' makes the hole known.", name, reader->path,
                           reader->path);
}

static int reader_stray_segment(const Reader *reader, uint64_t first_block, Problem *problem) {
        char name[LAYOUT_NAME_SIZE];

        layout_sealed_name(first_block, name);
        return problem_set(problem, EBADMSG, "The file '%s' is no segment that the manifest of the store '%s' lists, "
                           "but lies between those: move it away, or let 'primectl verify --repair --store "
                           "\"%s\"' put it aside.", name, reader->path, reader->path);
}

/* The listed segments must be there, and no others among them. */
static int reader_check_listed(const Reader *reader, Problem *problem) {
        const Manifest *manifest = &reader->manifest;
        const FolderNumbers *files = &reader->listing.sealed;
        size_t n = 0;

        for (size_t i = 0; i < manifest->n_entries; i++, n++) {
                uint64_t first_block = manifest->entries[i].first_block;

                if (n < files->n_numbers && files->numbers[n] < first_block)
                        return reader_stray_segment(reader, files->numbers[n], problem);
                if (n >= files->n_numbers || files->numbers[n] > first_block)
                        return reader_lost_segment(reader, manifest->entries + i, problem);
        }
        if (n < files->n_numbers && files->numbers[n] < manifest_end(manifest))
                return reader_stray_segment(reader, files->numbers[n], problem);
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

/* The listed segments that are there without a gap, and the sealed ones behind them that are not listed yet. */
static int reader_load_run(Reader *reader, bool damaged, Problem *problem) {
        Manifest *manifest = &reader->manifest;
        const FolderNumbers *files = &reader->listing.sealed;
        int r;

        r = damaged ? 0 : reader_check_listed(reader, problem);
        if (r < 0)
                return r;
        manifest_cut(manifest, files->numbers, files->n_numbers);
        for (size_t n = manifest->n_entries; n < files->n_numbers && files->numbers[n] == manifest_end(manifest); n++) {
                ReaderSegment segment = READER_SEGMENT_NONE;

                r = reader_load_sealed(reader, files->numbers[n], &segment, problem);
                if (r < 0)
                        return r;
                r = manifest_append(manifest, &segment.footer);
                segment_done(&segment);
                if (r < 0)
                        return reader_out_of_memory(problem);
        }
        return 0;
}

/* One look at the store. -EAGAIN: it changed meanwhile. */
static int reader_take_snapshot(Reader *reader, bool damaged, Problem *problem) {
        uint64_t next;
        int r;

        reader_drop_snapshot(reader);
        r = manifest_read(reader->fd, reader->path, reader->job_digest, &reader->manifest, problem);
        if (r < 0)
                return r;
        r = folder_list(reader->fd, &reader->listing);
        if (r < 0)
                return problem_set(problem, r, "Cannot read the folder '%s': %m.", reader->path);
        r = reader_load_run(reader, damaged, problem);
        if (r < 0)
                return r;
        next = manifest_end(&reader->manifest);
        if (!numbers_contain(&reader->listing.open, next) || next >= reader->grid.n_blocks)
                return 0;
        return reader_load_open(reader, next, problem);
}

/* Looks until it has seen the store at one instant, or the same damage more than once. */
static int reader_look(Reader *reader, bool damaged, Problem *problem) {
        unsigned n_damaged = 0;

        for (unsigned attempt = 0; attempt < SNAPSHOT_ATTEMPTS; attempt++) {
                Problem own = PROBLEM_NONE;
                int r;

                r = reader_take_snapshot(reader, damaged, &own);
                if (r >= 0)
                        return 0;
                if ((r == -EBADMSG || r == -ENOENT) && ++n_damaged < DAMAGE_ATTEMPTS)
                        (void) usleep(DAMAGE_PAUSE_USEC);
                else if (r != -EAGAIN)
                        return problem_set(problem, r, "%s", own.text);
        }
        return problem_set(problem, EAGAIN, "The store '%s' changes faster than it can be read: try again.",
                           reader->path);
}

static int reader_open_any(const char *path, bool damaged, Reader **ret, Problem *problem) {
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
        r = reader_look(reader, damaged, problem);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

int reader_open(const char *path, Reader **ret, Problem *problem) {
        return reader_open_any(path, false, ret, problem);
}

int reader_open_damaged(const char *path, Reader **ret, Problem *problem) {
        return reader_open_any(path, true, ret, problem);
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
        block_sieve_free(reader->sieve);
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
        return manifest_end(&reader->manifest) + reader->open.footer.n_blocks;
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

static int reader_add_spool(Reader *reader, uint64_t number, ReaderTotals *totals, IntervalSet *ret_blocks,
                            Problem *problem) {
        char name[LAYOUT_NAME_SIZE];
        RecordWalk walk;
        uint64_t size;
        int fd, r = 0;

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
        while (r >= 0 && record_walk_next(&walk, false) > 0)
                if (walk.record.sequence >= reader_frontier(reader)) {
                        totals->spool_blocks++;
                        totals->spool_primes += walk.record.facts.count;
                        if (ret_blocks)
                                r = interval_set_add(ret_blocks, walk.record.sequence, walk.record.sequence + 1);
                }
        record_walk_done(&walk);
        (void) fd_close(fd);
        totals->spool_files++;
        totals->spool_bytes += size;
        return r < 0 ? reader_out_of_memory(problem) : 0;
}

int reader_totals(Reader *reader, ReaderTotals *ret, Problem *problem) {
        size_t n_sealed = reader->manifest.n_entries;
        ReaderTotals totals = {
                .n_blocks = reader_frontier(reader),
                .n_primes = manifest_primes(&reader->manifest) + reader->open.footer.facts.count,
                .n_segments = n_sealed,
                .open_blocks = reader->open.footer.n_blocks,
                .n_islands = reader->listing.sealed.n_numbers - n_sealed,
                .n_quarantined = reader->listing.n_quarantined,
        };
        char name[LAYOUT_NAME_SIZE];
        struct stat st;
        int r;

        manifest_chain(&reader->manifest, totals.chain);
        footer_extend_chain(&reader->open.footer, totals.chain);
        for (size_t i = 0; i < reader->listing.sealed.n_numbers; i++) {
                layout_sealed_name(reader->listing.sealed.numbers[i], name);
                if (fstatat(reader->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                totals.segment_bytes += (uint64_t) st.st_size;
                totals.island_bytes += i >= n_sealed ? (uint64_t) st.st_size : 0;
        }
        if (reader->open.fd >= 0)
                totals.segment_bytes += reader->open.n_bytes;
        for (size_t i = 0; i < reader->listing.spool.n_numbers; i++) {
                r = reader_add_spool(reader, reader->listing.spool.numbers[i], &totals, NULL, problem);
                if (r < 0)
                        return r;
        }
        *ret = totals;
        return 0;
}

/* segments */

/* The sealed segment of `entry` becomes the current one. */
static int reader_load_entry(Reader *reader, const ManifestEntry *entry, Problem *problem) {
        ReaderSegment segment;
        int r;

        if (reader->sealed.fd >= 0 && reader->sealed.footer.first_block == entry->first_block)
                return 0;
        r = reader_load_sealed(reader, entry->first_block, &segment, problem);
        if (r < 0)
                return r;
        if (memcmp(segment.footer.digest, entry->digest, SHA256_SIZE) != 0 ||
            segment.footer.n_blocks != entry->n_blocks || segment.footer.facts.count != entry->n_primes) {
                segment_done(&segment);
                return problem_set(problem, EBADMSG, "The segment '%s' in the store '%s' is not the one that the "
                                   "manifest names. If it was put back on purpose, delete the file 'manifest' and "
                                   "start the job again; else move the segment away.", segment.name, reader->path);
        }
        segment_done(&reader->sealed);
        reader->sealed = segment;
        return 0;
}

int reader_segment_of(Reader *reader, uint64_t sequence, ReaderSegment **ret, Problem *problem) {
        const ManifestEntry *entry = manifest_find(&reader->manifest, sequence);
        int r;

        if (entry) {
                r = reader_load_entry(reader, entry, problem);
                if (r >= 0)
                        *ret = &reader->sealed;
                return r;
        }
        if (sequence >= reader_frontier(reader))
                return reader_beyond_frontier(reader, sequence, problem);
        *ret = &reader->open;
        return 0;
}

size_t reader_n_segments(const Reader *reader) {
        return reader->manifest.n_entries + (reader->open.footer.n_blocks > 0 ? 1 : 0);
}

size_t reader_find_segment(const Reader *reader, uint64_t sequence) {
        const ManifestEntry *entry = manifest_find(&reader->manifest, sequence);

        if (entry)
                return (size_t) (entry - reader->manifest.entries);
        return sequence < reader_frontier(reader) ? reader->manifest.n_entries : reader_n_segments(reader);
}

int reader_segment_facts(Reader *reader, size_t index, uint64_t *ret_first_block, uint64_t *ret_n_blocks, Facts *ret,
                         Problem *problem) {
        const Footer *footer = &reader->open.footer;
        int r;

        if (index >= reader_n_segments(reader))
                return problem_set(problem, ENOENT, "The store '%s' has no segment %zu.", reader->path, index);
        if (index < reader->manifest.n_entries) {
                r = reader_load_entry(reader, reader->manifest.entries + index, problem);
                if (r < 0)
                        return r;
                footer = &reader->sealed.footer;
        }
        *ret_first_block = footer->first_block;
        *ret_n_blocks = footer->n_blocks;
        *ret = footer->facts;
        return 0;
}

static void parts_join(const Reader *reader, const Footer *footer, ReaderParts *parts) {
        if (footer->n_blocks == 0)
                return;
        facts_join(&parts->facts, &footer->facts, reader->grid.block_length);
        parts->n_proved += footer->n_proved;
        parts->n_bpsw += footer->n_bpsw;
        for (uint64_t i = 0; i < footer->n_blocks; i++)
                parts->n_digest += footer->entries[i].packed_size == 0;
        parts->last_keep = footer_last_keep(footer);
}

int reader_parts(Reader *reader, ReaderParts *ret, Problem *problem) {
        ReaderParts parts = { .last_keep = STORE_KEEP_FULL };
        int r;

        for (size_t i = 0; i < reader->manifest.n_entries; i++) {
                r = reader_load_entry(reader, reader->manifest.entries + i, problem);
                if (r < 0)
                        return r;
                parts_join(reader, &reader->sealed.footer, &parts);
        }
        parts_join(reader, &reader->open.footer, &parts);
        *ret = parts;
        return 0;
}

/* ranks */

int reader_rank(Reader *reader, uint64_t sequence, uint64_t *ret, Problem *problem) {
        const ManifestEntry *entry = manifest_find(&reader->manifest, sequence);
        uint64_t rank = entry ? entry->rank : manifest_primes(&reader->manifest);
        ReaderSegment *segment = &reader->open;
        int r;

        if (sequence > reader_frontier(reader))
                return reader_beyond_frontier(reader, sequence, problem);
        if (entry && entry->first_block == sequence) {
                *ret = rank;
                return 0;
        }
        if (entry) {
                r = reader_segment_of(reader, sequence, &segment, problem);
                if (r < 0)
                        return r;
        }
        for (uint64_t i = 0; i < segment->footer.n_blocks && segment->footer.first_block + i < sequence; i++)
                rank += segment->footer.entries[i].count;
        *ret = rank;
        return 0;
}

/* The last listed segment with a rank of at most `rank`; there is one. */
static const ManifestEntry *manifest_find_rank(const Manifest *manifest, uint64_t rank) {
        size_t low = 0, high = manifest->n_entries;

        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;

                if (manifest->entries[middle].rank <= rank)
                        low = middle;
                else
                        high = middle;
        }
        return manifest->entries + low;
}

int reader_find_rank(Reader *reader, uint64_t rank, uint64_t *ret_sequence, Problem *problem) {
        uint64_t before = manifest_primes(&reader->manifest);
        const Footer *footer = &reader->open.footer;
        int r;

        if (rank < before) {
                const ManifestEntry *entry = manifest_find_rank(&reader->manifest, rank);

                r = reader_load_entry(reader, entry, problem);
                if (r < 0)
                        return r;
                before = entry->rank;
                footer = &reader->sealed.footer;
        }
        for (uint64_t i = 0; i < footer->n_blocks; before += footer->entries[i++].count)
                if (rank - before < footer->entries[i].count) {
                        *ret_sequence = footer->first_block + i;
                        return 0;
                }
        return problem_set(problem, ENOENT, "The store '%s' has %" PRIu64 " prime%s.", reader->path, before,
                           text_plural(before));
}

/* beyond the frontier */

static int reader_add_island(Reader *reader, uint64_t first_block, IntervalSet *ret, Problem *problem) {
        ReaderSegment segment = READER_SEGMENT_NONE;
        int r;

        if (first_block >= reader->grid.n_blocks)
                return 0; /* none of this job's */
        r = reader_load_sealed(reader, first_block, &segment, problem);
        if (r < 0)
                return r;
        r = interval_set_add(ret, first_block, first_block + segment.footer.n_blocks);
        segment_done(&segment);
        return r < 0 ? reader_out_of_memory(problem) : 0;
}

int reader_beyond(Reader *reader, IntervalSet *ret_islands, IntervalSet *ret_spool, Problem *problem) {
        const FolderNumbers *sealed = &reader->listing.sealed, *spool = &reader->listing.spool;
        ReaderTotals totals = {};
        int r;

        for (size_t i = reader->manifest.n_entries; i < sealed->n_numbers; i++) {
                r = reader_add_island(reader, sealed->numbers[i], ret_islands, problem);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < spool->n_numbers; i++) {
                r = reader_add_spool(reader, spool->numbers[i], &totals, ret_spool, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}
