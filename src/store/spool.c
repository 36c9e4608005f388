/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The spool. An index in memory (a search tree by sequence number, libc's) says where each block is; the files
 * themselves are only ever appended to. So a crash can do no more than tear the tail of the files that were not
 * synced, and a block that has already moved to a segment simply is not taken into the index again.
 */

#include "store/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

typedef struct SpoolFile {
        FolderFile file;
        uint64_t number;
        uint64_t n_live; /* blocks that the index knows */
} SpoolFile;

typedef struct SpoolEntry {
        Record record; /* the record's sequence is the key; must stay first */
        SpoolFile *file;
        uint64_t offset;
} SpoolEntry;

struct Spool {
        Folder *folder;
        const Grid *grid;
        SpoolFile **files; /* ascending numbers; the last one is written to when it is `current` */
        size_t n_files;
        SpoolFile *current;
        uint64_t next_number;
        void *index;
        uint64_t n_blocks, n_primes;
        uint8_t *scratch;
        size_t n_scratch;
};

static int entry_compare(const void *a, const void *b) {
        const Record *x = a, *y = b;

        return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

Spool *spool_new(Folder *folder, const Grid *grid) {
        Spool *spool = malloc(sizeof *spool);

        if (spool)
                *spool = (Spool) { .folder = folder, .grid = grid };
        return spool;
}

static SpoolFile *spool_file_free(Spool *spool, SpoolFile *file) {
        if (!file)
                return NULL;
        folder_file_close(spool->folder, &file->file);
        free(file);
        return NULL;
}

void spool_start_at(Spool *spool, uint64_t number) {
        spool->next_number = number;
}

Spool *spool_free(Spool *spool) {
        if (!spool)
                return NULL;
        tdestroy(spool->index, free);
        for (size_t i = 0; i < spool->n_files; i++)
                spool_file_free(spool, spool->files[i]);
        free(spool->files);
        free(spool->scratch);
        free(spool);
        return NULL;
}

static SpoolEntry *spool_lookup(const Spool *spool, uint64_t sequence) {
        Record key = { .sequence = sequence };
        void *node = tfind(&key, &spool->index, entry_compare);

        return node ? *(SpoolEntry **) node : NULL;
}

static int spool_index(Spool *spool, const Record *record, SpoolFile *file, uint64_t offset) {
        SpoolEntry *entry = malloc(sizeof *entry);

        if (!entry)
                return -ENOMEM;
        *entry = (SpoolEntry) { .record = *record, .file = file, .offset = offset };
        if (!tsearch(entry, &spool->index, entry_compare)) {
                free(entry);
                return -ENOMEM;
        }
        file->n_live++;
        spool->n_blocks++;
        spool->n_primes += record->facts.count;
        return 0;
}

static int spool_reserve(Spool *spool, size_t size) {
        uint8_t *grown;

        if (size <= spool->n_scratch)
                return 0;
        grown = realloc(spool->scratch, size);
        if (!grown)
                return -ENOMEM;
        spool->scratch = grown;
        spool->n_scratch = size;
        return 0;
}

/* A place in the list for one more file. */
static SpoolFile *spool_new_file(Spool *spool, uint64_t number) {
        SpoolFile **grown, *file;

        grown = reallocarray(spool->files, spool->n_files + 1, sizeof *grown);
        if (!grown)
                return NULL;
        spool->files = grown;
        file = malloc(sizeof *file);
        if (!file)
                return NULL;
        *file = (SpoolFile) { .file = FOLDER_FILE_CLOSED, .number = number };
        grown[spool->n_files++] = file;
        if (number >= spool->next_number)
                spool->next_number = number + 1;
        return file;
}

/* after a restart */

/* A record of a file that is being scanned: it stays where it is, or goes to a new file. */
static int spool_take(Spool *spool, SpoolFile *file, const RecordWalk *walk, bool move, IntervalSet *present) {
        uint64_t sequence = walk->record.sequence;
        int r;

        if (interval_set_contains(present, sequence))
                return 0;
        r = move ? spool_put(spool, &walk->record, walk->packed, NULL)
                 : spool_index(spool, &walk->record, file, walk->record_offset);
        return r < 0 ? r : interval_set_add(present, sequence, sequence + 1);
}

/*
 * What stands behind something damaged is moved to a new file before this one is cut there: the sound records were
 * acknowledged, and a file with damage in it would be told of as such until it is empty.
 */
static int spool_scan(Spool *spool, SpoolFile *file, IntervalSet *present, uint64_t *n_damaged, Problem *problem) {
        RecordWalk walk = {
                .disk = spool->folder->disk,
                .fd = file->file.fd,
                .grid = spool->grid,
                .origin = record_origin(FILE_SPOOL, file->number, spool->folder->job_digest),
                .offset = FILE_HEADER_SIZE,
                .size = file->file.end,
        };
        uint64_t cut_at = 0;
        int r;

        while ((r = record_walk_next(&walk, true)) != 0) {
                if (r > 0)
                        r = spool_take(spool, file, &walk, cut_at > 0, present);
                else if (r == -EBADMSG) {
                        cut_at = cut_at ?: walk.offset;
                        r = record_walk_skip(&walk);
                        if (r == 0)
                                break;
                        *n_damaged += r > 0;
                }
                if (r < 0)
                        break;
        }
        record_walk_done(&walk);
        if (r < 0 && r != -ENODATA)
                return problem_set(problem, r, "Cannot read '%s' in the store '%s': %m.", file->file.name,
                                   spool->folder->path);
        r = cut_at > 0 ? spool_sync(spool, problem) : 0;
        cut_at = cut_at ?: walk.offset;
        if (r >= 0 && cut_at < file->file.end)
                r = folder_cut(spool->folder, &file->file, cut_at, problem);
        return r;
}

int spool_load(Spool *spool, uint64_t number, IntervalSet *present, uint64_t *n_damaged, Problem *problem) {
        uint8_t header[FILE_HEADER_SIZE];
        char name[LAYOUT_NAME_SIZE];
        SpoolFile *file;
        ssize_t n;
        int r;

        file = spool_new_file(spool, number);
        if (!file)
                return problem_set(problem, ENOMEM, "Out of memory.");
        layout_spool_name(number, name);
        r = folder_adopt(spool->folder, name, &file->file, problem);
        if (r < 0)
                return r;
        n = folder_read(spool->folder, &file->file, header, sizeof header, 0);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s' in the store '%s': %m.", name,
                                   spool->folder->path);
        r = file_header_check(header, (size_t) n, FILE_SPOOL, number, spool->folder->job_digest, name, problem);
        if (r < 0)
                return r;
        return spool_scan(spool, file, present, n_damaged, problem);
}

/* writing */

static int spool_start_file(Spool *spool, Problem *problem) {
        uint8_t header[FILE_HEADER_SIZE];
        char name[LAYOUT_NAME_SIZE];
        uint64_t number = spool->next_number;
        SpoolFile *file;
        int r;

        layout_spool_name(number, name);
        file_header_encode(FILE_SPOOL, number, spool->folder->job_digest, header);
        file = spool_new_file(spool, number);
        if (!file)
                return folder_fail(spool->folder, -ENOMEM, problem);
        r = folder_publish(spool->folder, name, header, sizeof header, &file->file, problem);
        if (r < 0) {
                spool->n_files--;
                spool->next_number = number;
                spool_file_free(spool, file);
                return r;
        }
        spool->current = file;
        return 0;
}

int spool_put(Spool *spool, const Record *record, const uint8_t *packed, Problem *problem) {
        size_t size = RECORD_HEADER_SIZE + record->packed_size;
        RecordOrigin origin;
        uint64_t offset;
        int r;

        if (spool->current && spool->current->file.end >= SPOOL_FILE_SIZE)
                spool->current = NULL;
        if (!spool->current) {
                r = spool_start_file(spool, problem);
                if (r < 0)
                        return r;
        }
        if (spool_reserve(spool, size) < 0)
                return folder_fail(spool->folder, -ENOMEM, problem);

        origin = record_origin(FILE_SPOOL, spool->current->number, spool->folder->job_digest);
        record_encode_header(record, &origin, spool->scratch);
        if (record->packed_size > 0)
                memcpy(spool->scratch + RECORD_HEADER_SIZE, packed, record->packed_size);
        offset = spool->current->file.end;
        r = folder_append(spool->folder, &spool->current->file, spool->scratch, size, problem);
        if (r < 0)
                return r;
        r = spool_index(spool, record, spool->current, offset);
        return r < 0 ? folder_fail(spool->folder, r, problem) : 0;
}

int spool_sync(Spool *spool, Problem *problem) {
        for (size_t i = 0; i < spool->n_files; i++) {
                SpoolFile *file = spool->files[i];
                int r;

                if (file->n_live == 0)
                        continue;
                r = folder_sync(spool->folder, &file->file, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The name may come back after a power cut, the blocks in it are then present already and left out. */
int spool_sweep(Spool *spool, Problem *problem) {
        size_t n_kept = 0;
        int r = 0;

        for (size_t i = 0; i < spool->n_files; i++) {
                SpoolFile *file = spool->files[i];

                if (file->n_live > 0 || r < 0) {
                        spool->files[n_kept++] = file;
                        continue;
                }
                r = folder_remove(spool->folder, file->file.name, problem);
                if (r < 0) {
                        spool->files[n_kept++] = file;
                        continue;
                }
                if (file == spool->current)
                        spool->current = NULL;
                spool_file_free(spool, file);
        }
        spool->n_files = n_kept;
        return r;
}

/* the index */

const Record *spool_find(const Spool *spool, uint64_t sequence) {
        const SpoolEntry *entry = spool_lookup(spool, sequence);

        return entry ? &entry->record : NULL;
}

int spool_read(Spool *spool, uint64_t sequence, const uint8_t **ret_packed, Problem *problem) {
        const SpoolEntry *entry = spool_lookup(spool, sequence);
        ssize_t n;

        if (!entry)
                return problem_set(problem, ENOENT, "Block %" PRIu64 " is not in the spool.", sequence);
        if (spool_reserve(spool, entry->record.packed_size) < 0)
                return folder_fail(spool->folder, -ENOMEM, problem);
        n = folder_read(spool->folder, &entry->file->file, spool->scratch, entry->record.packed_size,
                        entry->offset + RECORD_HEADER_SIZE);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s' in the store '%s': %m.", entry->file->file.name,
                                   spool->folder->path);
        if ((size_t) n < entry->record.packed_size || !record_check_packed(&entry->record, spool->scratch))
                return problem_set(problem, EBADMSG, "Block %" PRIu64 " in the file '%s' of the store '%s' was damaged "
                                   "after it was written: start the job again, the block is then computed again.",
                                   sequence, entry->file->file.name, spool->folder->path);
        *ret_packed = spool->scratch;
        return 0;
}

void spool_drop(Spool *spool, uint64_t sequence) {
        SpoolEntry *entry = spool_lookup(spool, sequence);

        if (!entry)
                return;
        (void) tdelete(entry, &spool->index, entry_compare);
        entry->file->n_live--;
        spool->n_blocks--;
        spool->n_primes -= entry->record.facts.count;
        free(entry);
}

uint64_t spool_n_blocks(const Spool *spool) {
        return spool->n_blocks;
}

uint64_t spool_n_primes(const Spool *spool) {
        return spool->n_primes;
}

uint64_t spool_bytes(const Spool *spool) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < spool->n_files; i++)
                bytes += spool->files[i]->file.end;
        return bytes;
}
