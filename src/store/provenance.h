/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The journal of who computed what: a 64-byte header and entries of 160 bytes. It stands beside the segments, so
 * that the segments of one job are the same whoever did the work. Nothing depends on it; losing its end loses
 * history, not primes.
 *
 * An entry is written for each stretch of each commit, and later becomes one with its neighbours: of the same id, name
 * and check, in the same hour of the clock, with stretches that touch or overlap. The time of an entry is when its last
 * block became durable; the others did in the same hour. Entries stand in the order of the first that went into each.
 *
 *      0  u64 first block, u64 end       16  32 bytes id of the worker     48  u64 Unix time in microseconds
 *     56  64 bytes name of the worker   120  32 bytes how it was checked  152  u64 XXH3 of the 152 bytes before
 */

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/problem.h"
#include "store/folder.h"

#define PROVENANCE_ENTRY_SIZE 160
#define PROVENANCE_NAME_SIZE 64 /* texts are cut to fit, and end with a NUL only when they are shorter */
#define PROVENANCE_CHECK_SIZE 32

typedef struct ProvenanceEntry {
        uint64_t first, end;
        uint8_t worker_id[SHA256_SIZE];
        usec_t realtime_usec;
        char worker_name[PROVENANCE_NAME_SIZE + 1];
        char check[PROVENANCE_CHECK_SIZE + 1];
} ProvenanceEntry;

void provenance_encode(const ProvenanceEntry *entry, uint8_t ret[static PROVENANCE_ENTRY_SIZE]);

/* 0, or -EBADMSG for anything that was not written by provenance_encode() for a stretch that is not empty. */
int provenance_decode(const uint8_t data[static PROVENANCE_ENTRY_SIZE], ProvenanceEntry *ret);

/* The journal, open for writing. The file is made with the first entry. The folder must outlive it. */
typedef struct Provenance {
        Folder *folder;
        FolderFile file;
        uint64_t compact_size; /* smaller files are left as they are */
        uint64_t settled_size; /* of the file when it was last looked at for what can be merged */
} Provenance;

/*
 * Looks for the file, takes out what a crash spoiled near its end: a torn entry, or some that were never written while
 * later ones were. A file of more than `compact_size` bytes may be compacted. 0, -EBADMSG or -EEXIST
 * as file_header_check(), or a failure of the folder. provenance_close() is allowed after each of them.
 */
int provenance_open(Provenance *provenance, Folder *folder, uint64_t compact_size, Problem *problem);
void provenance_close(Provenance *provenance); /* without syncing */

/* Both: 0 or a failure of the folder, soft or hard. */
int provenance_append(Provenance *provenance, const ProvenanceEntry *entry, Problem *problem);
int provenance_sync(Provenance *provenance, Problem *problem);

/*
 * Merges entries as said above, where the file has grown to twice its size since it was last done, or was not looked at
 * since it was opened. The file is replaced as a whole, so that a crash leaves the old or the new one; damaged entries
 * are not taken over. Without space or memory for that, and where little would be gained, the old one stays. 0, or a
 * hard failure of the folder.
 */
int provenance_compact(Provenance *provenance, Problem *problem);
