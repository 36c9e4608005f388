/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an open store is made of, for the files store*.c alone. */

#include <stdbool.h>
#include <stdint.h>

#include "store/folder.h"
#include "store/footer.h"
#include "store/manifest.h"
#include "store/provenance.h"
#include "store/segment.h"
#include "store/spool.h"
#include "store/store.h"

struct Store {
        Folder *folder;
        const Grid *grid;
        uint64_t segment_blocks, journal_size;

        StoreKeep keep;
        StoreKeep last_keep; /* of the last sealed segment that was there when it was opened; 0: none was */

        Manifest manifest;    /* sealed segments from block 0 on */
        bool manifest_behind; /* the file knows fewer of them, or others */
        uint64_t sealed_bytes;
        IntervalSet islands;  /* first blocks of sealed segments beyond a hole */
        size_t n_thin;        /* the first so many listed segments have no bitmaps */
        Segment *segment;     /* NULL: the next one is not begun */
        Spool *spool;
        Provenance provenance;

        IntervalSet present, pending;
        bool wants_space;
        uint64_t n_damaged; /* stretches that were passed over when it was opened */

        Packer *packer;
        uint8_t *bitmap; /* one block, unpacked */

        Footer *cached;  /* of the sealed segment that was asked for last; without entries: none yet */
};

/* A hard failure. Returns -ENOMEM. */
int store_out_of_memory(Store *store, Problem *problem);

/* What the segment at the frontier is to be like: no further than the next border, nor into an island. */
SegmentPlan store_plan_segment(const Store *store);

/* store-recover.c: what is there already, taken in; `exists`: so is the file `job`. The rest a commit puts in order. */
int store_open_job(Store *store, bool exists, Problem *problem);
int store_recover(Store *store, const FolderListing *listing, Problem *problem);

/* store-sealed.c */

/* Reads the footer of the sealed segment that begins with `first_block`; also adds the size of the file. */
int store_read_footer(const Store *store, uint64_t first_block, Footer *ret, uint64_t *ret_size, Problem *problem);

/* A sealed file that was exchanged for another one, intact in itself: -EBADMSG with a sentence; else 0. */
int store_check_entry(const Footer *footer, const ManifestEntry *entry, Problem *problem);

/* store_has_digest() for a block that is in a sealed segment. */
int store_sealed_has_digest(const Store *store, uint64_t sequence, const uint8_t digest[static SHA256_SIZE]);
