/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a verification is made of, for the files verify*.c alone. */

#include "prime/pack.h"
#include "store/block-sieve.h"
#include "store/folder.h"
#include "store/footer.h"
#include "store/manifest.h"
#include "store/verify.h"

#define VERIFY_CURE_SEGMENT                                                                                          \
        "Put back a copy of the file, or let 'primectl verify --repair --store=DIR' put it aside and start the job "  \
        "again: its blocks are then computed again, no other file is touched."
#define VERIFY_CURE_OPEN "Start the job again: the blocks around it stay, this one is computed again."

typedef struct Verifier {
        const char *path;
        VerifyOptions options;
        int fd;
        Grid grid;
        bool has_grid;
        uint64_t segment_blocks;
        uint8_t job_digest[SHA256_SIZE];
        Manifest manifest; /* as the store has it */
        Manifest found;    /* as it must be: of the sealed segments from block 0 on */
        FolderListing listing;
        Packer *packer;
        BlockSieve *sieve; /* NULL until it is needed */
        uint8_t *bitmap, *again;

        uint64_t done_bytes, total_bytes;
        VerifyReport report;
        VerifyFault fault;     /* the one that is being reported */
        Problem sentence;
        VerifyFault first;     /* the first one */
        Problem *problem;      /* its sentence; NULL: nobody wants it */
} Verifier;

/* A file under examination. */
typedef struct Exam {
        int fd;
        uint64_t size;
        char name[LAYOUT_NAME_SIZE];
} Exam;

/* faults; a function that finds one sets fault and sentence and returns -EBADMSG */
void verify_set_fault(Verifier *verifier, VerifyKind kind, const char *file, uint64_t offset);
void verify_set_blocks(Verifier *verifier, uint64_t first, uint64_t end); /* that are concerned */
int verify_fault_block(Verifier *verifier, VerifyKind kind, const char *file, uint64_t offset, uint64_t sequence,
                       const char *what, const char *cure);
int verify_cannot_read(Verifier *verifier, const char *name, int error);
int verify_out_of_memory(Verifier *verifier);
/* The first number of block `sequence`, or the end of the job; in short form. */
void verify_describe_border(const Verifier *verifier, uint64_t sequence, char *ret, size_t size);

/* Tells of a fault that a function returned. 0: go on; or what came of it: -EBADMSG where the first one ends it. */
int verify_report_fault(Verifier *verifier, int error);

/* files */
int exam_open(Verifier *verifier, Exam *ret); /* of ret->name. 0; -ENOENT without a sentence; other errors with one */
int exam_header(Verifier *verifier, const Exam *exam, FileKind kind, uint64_t number);
RecordWalk exam_walk(const Verifier *verifier, const Exam *exam, FileKind kind, uint64_t number);

/* Unpacks the walk's record and holds the bitmap against it. `end`: the block behind the last of its segment. */
int verify_contents(Verifier *verifier, const RecordWalk *walk, const char *file, uint64_t end, const char *cure);

/*
 * The segment that begins with `first_block`: -ENOENT when there is no such file, sealed or open as `sealed` says; 0,
 * and the caller gives `ret` to footer_done(); -EBADMSG or another error.
 */
int verify_segment(Verifier *verifier, uint64_t first_block, bool sealed, Footer *ret);

int verify_spool(Verifier *verifier);
int verify_provenance(Verifier *verifier);
