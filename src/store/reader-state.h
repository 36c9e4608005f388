/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a reader is made of, for the files reader*.c alone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prime/pack.h"
#include "store/block-sieve.h"
#include "store/folder.h"
#include "store/footer.h"
#include "store/manifest.h"
#include "store/reader.h"

/* A segment file with its footer. */
typedef struct ReaderSegment {
        int fd;
        Footer footer;
        uint64_t n_bytes; /* of the file, or of what is whole of the open one */
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

        Manifest manifest; /* of the sealed segments from block 0 on */
        FolderListing listing;
        ReaderSegment open;   /* without a descriptor: there is none */
        ReaderSegment sealed; /* the one that was used last */

        Packer *packer;
        uint8_t *packed; /* header and packed bytes of one record */
        size_t n_packed;

        BlockSieve *sieve; /* for blocks of which only a digest was kept; NULL: none was needed yet */
};

int reader_out_of_memory(Problem *problem);
int reader_cannot_read(const Reader *reader, const char *name, int error, Problem *problem);

/* Opens a file of the store; adds its size. */
int reader_open_file(const Reader *reader, const char *name, uint64_t *ret_size);

/*
 * The segment that holds block `sequence`, which is below the frontier. `*ret` is the reader's, and good until the next
 * call. 0, or an error with a sentence.
 */
int reader_segment_of(Reader *reader, uint64_t sequence, ReaderSegment **ret, Problem *problem);
