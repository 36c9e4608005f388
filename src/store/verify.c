/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Verification: read everything, believe nothing.
 *
 * The facts of each segment are found again from its bitmaps and the footer is written again from them in memory;
 * the file must end with exactly these bytes. So nothing in a footer can be wrong in a way that is not seen, and
 * there is no second description of what a footer means.
 *
 * Segments are looked for by number, not in a list made beforehand: the open segment may be sealed, and a new one
 * begun, while we read.
 */

#include "store/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "prime/grid.h"
#include "prime/number.h"
#include "prime/pack.h"
#include "store/folder.h"
#include "store/footer.h"
#include "store/job-file.h"
#include "store/manifest.h"
#include "store/provenance.h"
#include "store/record.h"

#define CURE_SEGMENT                                                                                           \
        "Put back a copy of the file, or move it away and start the job again: its blocks are then computed again, " \
        "no other file is touched."
#define CURE_OPEN "Start the job again: it cuts the file there and computes what is missing again."

/* How long a writer may take from sealing a segment to listing it. */
#define MANIFEST_PATIENCE_USEC 1000000
#define MANIFEST_PATIENCE 10

typedef struct Verifier {
        const char *path;
        int fd;
        Grid grid;
        bool has_grid;
        uint64_t segment_blocks;
        uint8_t job_digest[SHA256_SIZE];
        Manifest manifest; /* as the store has it */
        Manifest found;    /* as it must be: of the sealed segments from 0 on */
        FolderListing listing;
        Packer *packer;
        uint8_t *bitmap;

        VerifyProgress progress;
        void *userdata;
        uint64_t done_bytes, total_bytes;
        VerifyReport report;
        VerifyFault fault;
        Problem *problem;
} Verifier;

/* A file under examination. */
typedef struct Exam {
        int fd;
        uint64_t size;
        char name[LAYOUT_NAME_SIZE];
} Exam;

const char *verify_kind_name(VerifyKind kind) {
        static const char *const names[] = {
                [VERIFY_INTACT] = "intact",       [VERIFY_JOB] = "job",
                [VERIFY_MANIFEST] = "manifest",   [VERIFY_MISSING] = "missing",
                [VERIFY_HEADER] = "header",       [VERIFY_RECORD] = "record",
                [VERIFY_CONTENTS] = "contents",   [VERIFY_FOOTER] = "footer",
                [VERIFY_RANK] = "rank",           [VERIFY_PROVENANCE] = "provenance",
        };

        return (size_t) kind < ELEMENTSOF(names) ? names[kind] : NULL;
}

/* faults */

/* The first number of block `sequence`, or the end of the job; in short form. */
static void describe_border(const Verifier *verifier, uint64_t sequence, char *ret, size_t size) {
        _cleanup_free_ char *text = NULL;
        _cleanup_mpz_ mpz_t number;
        Place place = { sequence, 0 };

        mpz_init(number);
        place_number(&verifier->grid, &place, number);
        if (mpz_cmp(number, verifier->grid.from) < 0)
                mpz_set(number, verifier->grid.from);
        if (!verifier->grid.open && mpz_cmp(number, verifier->grid.to) > 0)
                mpz_set(number, verifier->grid.to);
        text = number_format_short(number);
        (void) snprintf(ret, size, "%s", text ?: "?");
}

static void fault_set(Verifier *verifier, VerifyKind kind, const char *file, uint64_t offset) {
        verifier->fault = (VerifyFault) { .kind = kind, .offset = offset };
        (void) snprintf(verifier->fault.file, sizeof verifier->fault.file, "%s", file);
}

static void fault_set_blocks(Verifier *verifier, uint64_t first, uint64_t end) {
        verifier->fault.has_block = true;
        verifier->fault.block = first;
        describe_border(verifier, first, verifier->fault.low, sizeof verifier->fault.low);
        describe_border(verifier, end, verifier->fault.high, sizeof verifier->fault.high);
}

/* A fault in one block. Returns -EBADMSG. */
static int fault_block(Verifier *verifier, VerifyKind kind, const char *file, uint64_t offset, uint64_t sequence,
                       const char *what, const char *cure) {
        fault_set(verifier, kind, file, offset);
        fault_set_blocks(verifier, sequence, sequence + 1);
        return problem_set(verifier->problem, EBADMSG, "Block %" PRIu64 " (numbers from %s to %s), in the file '%s' at "
                           "byte %" PRIu64 ", is wrong: %s. %s", sequence, verifier->fault.low, verifier->fault.high,
                           file, offset, what, cure);
}

static int cannot_read(Verifier *verifier, const char *name, int error) {
        return problem_set(verifier->problem, error, "Cannot read '%s' in the store '%s': %m.", name, verifier->path);
}

/* files */

/* 0, or negative errno without a sentence for -ENOENT. */
static int exam_open(Verifier *verifier, Exam *ret) {
        int r = file_open_regular(verifier->fd, ret->name, O_RDONLY | O_NOFOLLOW, 0, &ret->size);

        if (r == -ENOENT)
                return r;
        if (r < 0)
                return cannot_read(verifier, ret->name, r);
        ret->fd = r;
        verifier->report.n_bytes += ret->size;
        return 0;
}

static int exam_header(Verifier *verifier, const Exam *exam, FileKind kind, uint64_t number) {
        uint8_t header[FILE_HEADER_SIZE];
        ssize_t n;
        int r;

        n = fd_pread_full(exam->fd, header, sizeof header, 0);
        if (n < 0)
                return cannot_read(verifier, exam->name, (int) n);
        r = file_header_check(header, (size_t) n, kind, number, verifier->job_digest, exam->name, verifier->problem);
        if (r == -EBADMSG || r == -EEXIST) {
                fault_set(verifier, VERIFY_HEADER, exam->name, 0);
                return -EBADMSG;
        }
        return r;
}

static RecordWalk exam_walk(const Verifier *verifier, const Exam *exam, FileKind kind, uint64_t number) {
        return (RecordWalk) {
                .disk = &disk_system,
                .fd = exam->fd,
                .grid = &verifier->grid,
                .origin = record_origin(kind, number, verifier->job_digest),
                .offset = FILE_HEADER_SIZE,
                .size = exam->size,
        };
}

/* Unpacks the walk's record and holds the bitmap against it. */
static int verify_contents(Verifier *verifier, const RecordWalk *walk, const char *file, const char *cure) {
        const Record *record = &walk->record;
        _cleanup_mpz_ mpz_t start;
        const char *what;
        GridBlock block;
        int r;

        mpz_init(start);
        grid_block(&verifier->grid, record->sequence, start, &block);
        r = pack_unpack(verifier->packer, record->codec, start, walk->packed, record->packed_size, verifier->bitmap,
                        (size_t) block.length / 30);
        if (r == -ENOMEM)
                return problem_set(verifier->problem, ENOMEM, "Out of memory.");
        if (r < 0)
                return fault_block(verifier, VERIFY_CONTENTS, file, walk->record_offset, record->sequence,
                                   r == -EOPNOTSUPP ? "this version of primed cannot unpack it" : "it does not unpack",
                                   cure);
        if (record_check_bitmap(record, &verifier->grid, verifier->bitmap, &what) < 0)
                return fault_block(verifier, VERIFY_CONTENTS, file, walk->record_offset, record->sequence, what, cure);
        if (record->certainty == CERTAINTY_PROVED)
                verifier->report.n_proved++;
        else
                verifier->report.n_bpsw++;
        verifier->done_bytes += RECORD_HEADER_SIZE + record->packed_size;
        if (verifier->progress)
                verifier->progress(verifier->done_bytes, MAX(verifier->done_bytes, verifier->total_bytes),
                                   verifier->userdata);
        return 0;
}

/* segments */

/*
 * The records of a segment from its first block on, into `footer`. Of a sealed one all must be there; an open one may
 * end anywhere. `ret_end`: where the last one ends.
 */
static int verify_records(Verifier *verifier, const Exam *exam, bool sealed, Footer *footer, uint64_t *ret_end) {
        uint64_t n_target = MIN(verifier->segment_blocks, verifier->grid.n_blocks - footer->first_block);
        const char *cure = sealed ? CURE_SEGMENT : CURE_OPEN;
        RecordWalk walk = exam_walk(verifier, exam, FILE_SEGMENT, footer->number);
        int r = 0;

        *ret_end = FILE_HEADER_SIZE;
        footer->entries = calloc((size_t) n_target, sizeof *footer->entries);
        if (!footer->entries)
                return problem_set(verifier->problem, ENOMEM, "Out of memory.");
        while (footer->n_blocks < n_target) {
                uint64_t sequence = footer->first_block + footer->n_blocks;

                r = record_walk_next(&walk, true);
                if (r == 0 && !sealed)
                        break;
                if (r == -ENODATA && !sealed) {
                        r = 0;
                        break;
                }
                if (r == 0 || r == -ENODATA)
                        r = fault_block(verifier, VERIFY_RECORD, exam->name, walk.offset, sequence,
                                        "the file is cut off", cure);
                else if (r == -EBADMSG)
                        r = fault_block(verifier, VERIFY_RECORD, exam->name, walk.offset, sequence,
                                        "its checksum does not fit", cure);
                else if (r < 0)
                        r = cannot_read(verifier, exam->name, r);
                else if (walk.record.sequence != sequence)
                        r = fault_block(verifier, VERIFY_RECORD, exam->name, walk.record_offset, sequence,
                                        "another block is in its place", cure);
                else
                        r = verify_contents(verifier, &walk, exam->name, cure);
                if (r < 0)
                        break;
                footer_add(footer, &walk.record, walk.record_offset, verifier->grid.block_length);
                *ret_end = walk.offset;
        }
        record_walk_done(&walk);
        return r;
}

/* Must the file end like this? */
static int verify_footer(Verifier *verifier, const Exam *exam, Footer *footer, uint64_t end) {
        _cleanup_free_ uint8_t *expected = NULL, *found = NULL;
        size_t size = footer_size(footer->n_blocks);
        const char *what = NULL;
        uint64_t at = end;
        ssize_t n;

        expected = malloc(size);
        found = malloc(size);
        if (!expected || !found)
                return problem_set(verifier->problem, ENOMEM, "Out of memory.");
        footer_digest(footer, footer->digest);
        footer_encode(footer, expected);
        n = fd_pread_full(exam->fd, found, size, end);
        if (n < 0)
                return cannot_read(verifier, exam->name, (int) n);
        for (size_t i = 0; i < (size_t) n && expected[i] == found[i]; i++)
                at++;
        if (exam->size > end + size) {
                what = "is followed by something that does not belong there";
                at = MIN(at, end + size);
        } else if ((size_t) n < size && at == end + (uint64_t) n)
                what = "is cut off";
        else if (at < end + size)
                what = "does not agree with its blocks";
        if (!what)
                return 0;

        fault_set(verifier, VERIFY_FOOTER, exam->name, at);
        fault_set_blocks(verifier, footer->first_block, footer->first_block + footer->n_blocks);
        return problem_set(verifier->problem, EBADMSG, "The footer of the segment '%s' (numbers from %s to %s) %s, at "
                           "byte %" PRIu64 "; the blocks before it are intact. " CURE_SEGMENT,
                           exam->name, verifier->fault.low, verifier->fault.high, what, at);
}

static int verify_rank(Verifier *verifier, const Exam *exam, const Footer *footer) {
        const ManifestEntry *entry;

        if (footer->number >= verifier->manifest.n_entries)
                return 0;
        entry = verifier->manifest.entries + footer->number;
        if (entry->first_block == footer->first_block && entry->n_blocks == footer->n_blocks &&
            entry->n_primes == footer->facts.count && memcmp(entry->digest, footer->digest, SHA256_SIZE) == 0)
                return 0;
        fault_set(verifier, VERIFY_RANK, exam->name, 0);
        fault_set_blocks(verifier, footer->first_block, footer->first_block + footer->n_blocks);
        return problem_set(verifier->problem, EBADMSG, "The segment '%s' (numbers from %s to %s) is sound in itself "
                           "but not the one that the manifest names. If it was put back on purpose, delete the file "
                           "'manifest' and start the job again; else move the segment away and start the job again.",
                           exam->name, verifier->fault.low, verifier->fault.high);
}

/* -ENOENT: there is no such file. */
static int verify_segment(Verifier *verifier, uint64_t number, bool sealed, Footer *ret) {
        Footer footer = { .number = number, .first_block = number * verifier->segment_blocks };
        Exam exam;
        uint64_t end;
        int r;

        if (sealed)
                layout_sealed_name(number, exam.name);
        else
                layout_open_name(number, exam.name);
        r = exam_open(verifier, &exam);
        if (r < 0)
                return r;
        r = exam_header(verifier, &exam, FILE_SEGMENT, number);
        if (r >= 0)
                r = verify_records(verifier, &exam, sealed, &footer, &end);
        if (r >= 0 && sealed)
                r = verify_footer(verifier, &exam, &footer, end);
        if (r >= 0 && sealed)
                r = verify_rank(verifier, &exam, &footer);
        if (r >= 0 && !sealed)
                verifier->report.torn_bytes += exam.size - end;
        (void) fd_close(exam.fd);
        if (r >= 0)
                *ret = footer;
        else
                footer_done(&footer);
        return r;
}

static int verify_missing(Verifier *verifier, uint64_t number) {
        const ManifestEntry *entry = verifier->manifest.entries + number;
        char name[LAYOUT_NAME_SIZE];

        layout_sealed_name(number, name);
        fault_set(verifier, VERIFY_MISSING, name, 0);
        fault_set_blocks(verifier, entry->first_block, entry->first_block + entry->n_blocks);
        return problem_set(verifier->problem, EBADMSG, "The segment '%s' (numbers from %s to %s) is missing. Put back "
                           "a copy of it, or start the job again: its blocks are then computed again.", name,
                           verifier->fault.low, verifier->fault.high);
}

/* One segment, whatever it is called by now. 1: there, and sealed; 0: there is no sealed one. */
static int verify_next_segment(Verifier *verifier, uint64_t number) {
        static const bool tries[] = { true, false, true }; /* may be sealed between the first and the second */
        VerifyReport *report = &verifier->report;
        Footer footer;
        int r = -ENOENT;

        if (number * verifier->segment_blocks >= verifier->grid.n_blocks)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(tries); i++) {
                r = verify_segment(verifier, number, tries[i], &footer);
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                if (tries[i]) {
                        report->n_segments++;
                        r = manifest_append(&verifier->found, &footer);
                } else
                        report->open_blocks = footer.n_blocks;
                report->n_blocks += footer.n_blocks;
                report->n_primes += footer.facts.count;
                footer_done(&footer);
                return r < 0 ? problem_set(verifier->problem, ENOMEM, "Out of memory.") : tries[i];
        }
        return number < verifier->manifest.n_entries ? verify_missing(verifier, number) : 0;
}

static int verify_segments(Verifier *verifier) {
        uint64_t number = 0;
        Footer footer;
        int r;

        for (;; number++) {
                r = verify_next_segment(verifier, number);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
        }
        /* Beyond a hole, as far as it was known at the start. */
        for (size_t i = 0; i < verifier->listing.sealed.n_numbers; i++) {
                if (verifier->listing.sealed.numbers[i] <= number)
                        continue;
                if (verifier->listing.sealed.numbers[i] > verifier->grid.n_blocks / verifier->segment_blocks) {
                        char name[LAYOUT_NAME_SIZE];

                        layout_sealed_name(verifier->listing.sealed.numbers[i], name);
                        fault_set(verifier, VERIFY_HEADER, name, 0);
                        return problem_set(verifier->problem, EBADMSG, "The segment '%s' lies behind the end of the "
                                           "job: move it away.", name);
                }
                r = verify_segment(verifier, verifier->listing.sealed.numbers[i], true, &footer);
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                footer_done(&footer);
                verifier->report.n_segments++;
                verifier->report.n_islands++;
        }
        return 0;
}

static void verify_cover(Verifier *verifier) {
        VerifyReport *report = &verifier->report;

        report->job_blocks = verifier->grid.open ? 0 : verifier->grid.n_blocks;
        report->complete = !verifier->grid.open && report->n_blocks == verifier->grid.n_blocks;
        describe_border(verifier, report->n_blocks, report->coverage, sizeof report->coverage);
}

/* the manifest */

static int verify_read_manifest(Verifier *verifier) {
        int r;

        manifest_done(&verifier->manifest);
        r = manifest_read(verifier->fd, verifier->path, verifier->job_digest, &verifier->manifest, verifier->problem);
        if (r != -EBADMSG && r != -EEXIST)
                return r;
        fault_set(verifier, VERIFY_MANIFEST, LAYOUT_MANIFEST, 0);
        return -EBADMSG;
}

static int verify_short_manifest(Verifier *verifier) {
        fault_set(verifier, VERIFY_MANIFEST, LAYOUT_MANIFEST, 0);
        if (faccessat(verifier->fd, LAYOUT_MANIFEST, F_OK, 0) < 0)
                return problem_set(verifier->problem, EBADMSG, "The store '%s' is complete, but its file 'manifest' is "
                                   "missing. Start the job again: that takes a moment, and writes it again from the "
                                   "segments.", verifier->path);
        return problem_set(verifier->problem, EBADMSG, "The store '%s' is complete, but its file 'manifest' lists only "
                           "%zu of %zu sealed segments. Start the job again: that takes a moment, and lists the "
                           "others.", verifier->path, verifier->manifest.n_entries, verifier->found.n_entries);
}

/*
 * Sealed segments that the manifest did not list when we began. A writer lists them right after sealing, so look again
 * before saying so, and where it would be a fault, more than once.
 */
static int verify_unlisted(Verifier *verifier) {
        const Manifest *manifest = &verifier->manifest, *found = &verifier->found;
        size_t n_before = manifest->n_entries;
        int r;

        for (unsigned attempt = 0; manifest->n_entries < found->n_entries; attempt++) {
                if (attempt > MANIFEST_PATIENCE)
                        return verify_short_manifest(verifier);
                if (attempt > 0)
                        (void) usleep(MANIFEST_PATIENCE_USEC / MANIFEST_PATIENCE);
                r = verify_read_manifest(verifier);
                if (r < 0)
                        return r;
                if (!verifier->report.complete)
                        break;
        }
        for (size_t i = n_before; i < MIN(manifest->n_entries, found->n_entries); i++)
                if (memcmp(manifest->entries[i].chain, found->entries[i].chain, SHA256_SIZE) != 0) {
                        fault_set(verifier, VERIFY_RANK, LAYOUT_MANIFEST, 0);
                        return problem_set(verifier->problem, EBADMSG, "The manifest of the store '%s' names another "
                                           "segment %zu than the one that is there.", verifier->path, i);
                }
        verifier->report.n_unlisted = found->n_entries - MIN(manifest->n_entries, found->n_entries);
        return 0;
}

/* the rest */

static int verify_spool_records(Verifier *verifier, const Exam *exam, uint64_t number) {
        RecordWalk walk = exam_walk(verifier, exam, FILE_SPOOL, number);
        int r;

        while ((r = record_walk_next(&walk, true)) > 0) {
                r = verify_contents(verifier, &walk, exam->name, CURE_OPEN);
                if (r < 0)
                        break;
                verifier->report.spool_blocks++;
        }
        if (r == -ENODATA) {
                verifier->report.torn_bytes += exam->size - walk.offset;
                r = 0;
        } else if (r == -EBADMSG && verifier->fault.kind == VERIFY_INTACT) {
                fault_set(verifier, VERIFY_RECORD, exam->name, walk.offset);
                r = problem_set(verifier->problem, EBADMSG, "The record at byte %" PRIu64 " of the file '%s' does not "
                                "fit its checksum. " CURE_OPEN, walk.offset, exam->name);
        } else if (r < 0 && r != -EBADMSG)
                r = cannot_read(verifier, exam->name, r);
        record_walk_done(&walk);
        return r;
}

static int verify_spool(Verifier *verifier) {
        for (size_t i = 0; i < verifier->listing.spool.n_numbers; i++) {
                uint64_t number = verifier->listing.spool.numbers[i];
                Exam exam;
                int r;

                layout_spool_name(number, exam.name);
                r = exam_open(verifier, &exam);
                if (r == -ENOENT) /* was emptied */
                        continue;
                if (r < 0)
                        return r;
                r = exam_header(verifier, &exam, FILE_SPOOL, number);
                if (r >= 0)
                        r = verify_spool_records(verifier, &exam, number);
                (void) fd_close(exam.fd);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int verify_provenance_entries(Verifier *verifier, const Exam *exam) {
        uint8_t data[PROVENANCE_ENTRY_SIZE];
        ProvenanceEntry entry;
        uint64_t at;
        ssize_t n;

        for (at = FILE_HEADER_SIZE; at + PROVENANCE_ENTRY_SIZE <= exam->size; at += PROVENANCE_ENTRY_SIZE) {
                n = fd_pread_full(exam->fd, data, sizeof data, at);
                if (n < 0)
                        return cannot_read(verifier, exam->name, (int) n);
                if ((size_t) n == sizeof data && provenance_decode(data, &entry) < 0) {
                        fault_set(verifier, VERIFY_PROVENANCE, exam->name, at);
                        return problem_set(verifier->problem, EBADMSG, "The entry at byte %" PRIu64 " of the file '%s' "
                                           "is damaged. No prime depends on it: who computed some blocks is not known "
                                           "any more. Put back a copy of the file, or move it away.", at, exam->name);
                }
        }
        verifier->report.torn_bytes += exam->size - MIN(at, exam->size);
        return 0;
}

static int verify_provenance(Verifier *verifier) {
        Exam exam = { .name = LAYOUT_PROVENANCE };
        int r;

        r = exam_open(verifier, &exam);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = exam_header(verifier, &exam, FILE_PROVENANCE, 0);
        if (r >= 0)
                r = verify_provenance_entries(verifier, &exam);
        (void) fd_close(exam.fd);
        return r;
}

static void verify_measure(Verifier *verifier) {
        const FolderNumbers *lists[] = { &verifier->listing.sealed, &verifier->listing.open, &verifier->listing.spool };
        static void (*const names[])(uint64_t, char *) = { layout_sealed_name, layout_open_name, layout_spool_name };
        char name[LAYOUT_NAME_SIZE];
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (size_t j = 0; j < lists[i]->n_numbers; j++) {
                        names[i](lists[i]->numbers[j], name);
                        if (fstatat(verifier->fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                                verifier->total_bytes += (uint64_t) st.st_size;
                }
}

static int verify_start(Verifier *verifier) {
        int r;

        verifier->fd = open(verifier->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (verifier->fd < 0 && errno == ENOENT)
                return problem_set(verifier->problem, ENOENT, "There is no store '%s'.", verifier->path);
        if (verifier->fd < 0)
                return problem_set(verifier->problem, errno, "Cannot open the store '%s': %m.", verifier->path);
        r = job_file_read(verifier->fd, verifier->path, &verifier->grid, &verifier->segment_blocks,
                          verifier->job_digest, verifier->problem);
        if (r == -EBADMSG)
                fault_set(verifier, VERIFY_JOB, LAYOUT_JOB, 0);
        if (r < 0)
                return r;
        verifier->has_grid = true;
        verifier->packer = packer_new();
        verifier->bitmap = malloc((size_t) (verifier->grid.block_length / 30));
        if (!verifier->packer || !verifier->bitmap)
                return problem_set(verifier->problem, ENOMEM, "Out of memory.");

        r = verify_read_manifest(verifier);
        if (r < 0)
                return r;
        r = folder_list(verifier->fd, &verifier->listing);
        if (r < 0)
                return problem_set(verifier->problem, r, "Cannot read the folder '%s': %m.", verifier->path);
        verify_measure(verifier);
        return 0;
}

int verify_store(const char *path, VerifyProgress progress, void *userdata, VerifyReport *ret_report,
                 VerifyFault *ret_fault, Problem *problem) {
        Verifier verifier = {
                .path = path,
                .fd = -1,
                .manifest = MANIFEST_EMPTY,
                .found = MANIFEST_EMPTY,
                .progress = progress,
                .userdata = userdata,
                .problem = problem,
        };
        int r;

        r = verify_start(&verifier);
        if (r >= 0)
                r = verify_segments(&verifier);
        if (r >= 0) {
                verify_cover(&verifier);
                r = verify_unlisted(&verifier);
        }
        if (r >= 0)
                r = verify_spool(&verifier);
        if (r >= 0)
                r = verify_provenance(&verifier);

        *ret_report = verifier.report;
        *ret_fault = verifier.fault;
        manifest_done(&verifier.manifest);
        manifest_done(&verifier.found);
        folder_listing_done(&verifier.listing);
        packer_free(verifier.packer);
        free(verifier.bitmap);
        if (verifier.has_grid)
                grid_done(&verifier.grid);
        (void) fd_close(verifier.fd);
        return r;
}
