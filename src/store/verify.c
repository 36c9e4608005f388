/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Verification: read everything, believe nothing.
 *
 * Segments are looked for by where they must begin, not in a list made beforehand: the open segment may be sealed, and
 * a new one begun, while we read. Only where one is missing, or cannot be read to its end, does the list say where the
 * next one is.
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

#include "base/file.h"
#include "base/macro.h"
#include "prime/number.h"
#include "store/job-file.h"
#include "store/verify-state.h"

/* How long a writer may take from sealing a segment to listing it. */
#define MANIFEST_PATIENCE_USEC 1000000
#define MANIFEST_PATIENCE 10

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

void verify_describe_border(const Verifier *verifier, uint64_t sequence, char *ret, size_t size) {
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

void verify_set_fault(Verifier *verifier, VerifyKind kind, const char *file, uint64_t offset) {
        verifier->fault = (VerifyFault) { .kind = kind, .offset = offset };
        (void) snprintf(verifier->fault.file, sizeof verifier->fault.file, "%s", file);
}

void verify_set_blocks(Verifier *verifier, uint64_t first, uint64_t end) {
        verifier->fault.has_block = true;
        verifier->fault.block = first;
        verify_describe_border(verifier, first, verifier->fault.low, sizeof verifier->fault.low);
        verify_describe_border(verifier, end, verifier->fault.high, sizeof verifier->fault.high);
}

int verify_fault_block(Verifier *verifier, VerifyKind kind, const char *file, uint64_t offset, uint64_t sequence,
                       const char *what, const char *cure) {
        verify_set_fault(verifier, kind, file, offset);
        verify_set_blocks(verifier, sequence, sequence + 1);
        return problem_set(&verifier->sentence, EBADMSG, "Block %" PRIu64 " (numbers from %s to %s), in the file '%s' "
                           "at byte %" PRIu64 ", is wrong: %s. %s", sequence, verifier->fault.low, verifier->fault.high,
                           file, offset, what, cure);
}

int verify_cannot_read(Verifier *verifier, const char *name, int error) {
        return problem_set(&verifier->sentence, error, "Cannot read '%s' in the store '%s': %m.", name, verifier->path);
}

int verify_out_of_memory(Verifier *verifier) {
        return problem_set(&verifier->sentence, ENOMEM, "Out of memory.");
}

int verify_report_fault(Verifier *verifier, int error) {
        VerifyFault fault = verifier->fault;
        Problem sentence = verifier->sentence;

        if (error != -EBADMSG)
                return error;
        verifier->fault = (VerifyFault) {};
        verifier->sentence = PROBLEM_NONE;
        if (verifier->report.n_faults++ == 0) {
                verifier->first = fault;
                (void) problem_set(verifier->problem, EBADMSG, "%s", sentence.text);
        }
        if (!verifier->options.on_fault)
                return -EBADMSG;
        verifier->options.on_fault(&fault, sentence.text, verifier->options.userdata);
        return 0;
}

/* files */

int exam_open(Verifier *verifier, Exam *ret) {
        int r = file_open_regular(verifier->fd, ret->name, O_RDONLY | O_NOFOLLOW, 0, &ret->size);

        if (r == -ENOENT)
                return r;
        if (folder_check_kind(verifier->path, ret->name, r, &verifier->sentence) < 0) {
                verify_set_fault(verifier, VERIFY_HEADER, ret->name, 0);
                return -EBADMSG;
        }
        if (r < 0)
                return verify_cannot_read(verifier, ret->name, r);
        ret->fd = r;
        verifier->report.n_bytes += ret->size;
        return 0;
}

int exam_header(Verifier *verifier, const Exam *exam, FileKind kind, uint64_t number) {
        uint8_t header[FILE_HEADER_SIZE];
        ssize_t n;
        int r;

        n = fd_pread_full(exam->fd, header, sizeof header, 0);
        if (n < 0)
                return verify_cannot_read(verifier, exam->name, (int) n);
        r = file_header_check(header, (size_t) n, kind, number, verifier->job_digest, exam->name, &verifier->sentence);
        if (r == -EBADMSG || r == -EEXIST) {
                verify_set_fault(verifier, VERIFY_HEADER, exam->name, 0);
                return -EBADMSG;
        }
        return r;
}

RecordWalk exam_walk(const Verifier *verifier, const Exam *exam, FileKind kind, uint64_t number) {
        return (RecordWalk) {
                .disk = &disk_system,
                .fd = exam->fd,
                .grid = &verifier->grid,
                .origin = record_origin(kind, number, verifier->job_digest),
                .offset = FILE_HEADER_SIZE,
                .size = exam->size,
        };
}

/* the segments in order */

static int verify_missing(Verifier *verifier, const ManifestEntry *entry) {
        char name[LAYOUT_NAME_SIZE];

        layout_sealed_name(entry->first_block, name);
        verify_set_fault(verifier, VERIFY_MISSING, name, 0);
        verify_set_blocks(verifier, entry->first_block, entry->first_block + entry->n_blocks);
        return problem_set(&verifier->sentence, EBADMSG, "The segment '%s' (numbers from %s to %s) is missing. Put "
                           "back a copy of it, or start the job again: its blocks are then computed again.", name,
                           verifier->fault.low, verifier->fault.high);
}

/* One segment, whatever it is called by now. 1: there, and sealed; 0: an open one, or none. */
static int verify_next_segment(Verifier *verifier, uint64_t first_block, bool gapless, Footer *ret) {
        static const bool tries[] = { true, false, true }; /* may be sealed between the first and the second */
        const ManifestEntry *entry = manifest_find(&verifier->manifest, first_block);
        VerifyReport *report = &verifier->report;
        int r = -ENOENT;

        for (size_t i = 0; r == -ENOENT && i < ELEMENTSOF(tries); i++) {
                r = verify_segment(verifier, first_block, tries[i], ret);
                if (r < 0)
                        continue;
                if (!tries[i])
                        report->open_blocks = ret->n_blocks;
                else {
                        report->n_segments++;
                        report->n_islands += !gapless;
                        if (ret->keep == STORE_KEEP_DIGEST)
                                report->digest_blocks += ret->n_blocks;
                }
                if (gapless) {
                        report->n_blocks += ret->n_blocks;
                        report->n_primes += ret->facts.count;
                }
                if (gapless && tries[i] && manifest_append(&verifier->found, ret) < 0) {
                        footer_done(ret);
                        return verify_out_of_memory(verifier);
                }
                return tries[i];
        }
        if (r == -ENOENT && entry && entry->first_block == first_block)
                return verify_missing(verifier, entry);
        return r == -ENOENT ? 0 : r;
}

/* The first block of the next sealed file behind `first_block`. UINT64_MAX: there is none. */
static uint64_t verify_next_listed(const Verifier *verifier, uint64_t first_block) {
        for (size_t i = 0; i < verifier->listing.sealed.n_numbers; i++)
                if (verifier->listing.sealed.numbers[i] > first_block)
                        return verifier->listing.sealed.numbers[i];
        return UINT64_MAX;
}

/* Two segments cannot have the same block. */
static int verify_overlap(Verifier *verifier, uint64_t first_block, uint64_t end) {
        uint64_t next = verify_next_listed(verifier, first_block);
        char name[LAYOUT_NAME_SIZE];

        if (next >= end)
                return 0;
        layout_sealed_name(next, name);
        verify_set_fault(verifier, VERIFY_HEADER, name, 0);
        verify_set_blocks(verifier, next, end);
        return problem_set(&verifier->sentence, EBADMSG, "The segment '%s' has blocks that another one before it has, "
                           "too: move away the one that does not belong to this store.", name);
}

static int verify_segments(Verifier *verifier) {
        uint64_t first_block = 0;
        bool gapless = true;

        while (first_block < verifier->grid.n_blocks) {
                Footer footer = {};
                int r = verify_next_segment(verifier, first_block, gapless, &footer);

                if (r > 0) {
                        uint64_t end = first_block + footer.n_blocks;

                        footer_done(&footer);
                        r = verify_overlap(verifier, first_block, end);
                        if (r >= 0) {
                                first_block = end;
                                continue;
                        }
                }
                footer_done(&footer);
                r = verify_report_fault(verifier, r);
                if (r < 0)
                        return r;
                gapless = false;
                first_block = verify_next_listed(verifier, first_block);
        }
        return 0;
}

/* Files that no walk over the job's blocks would come to. */
static int verify_strays(Verifier *verifier) {
        for (size_t i = 0; i < verifier->listing.sealed.n_numbers; i++) {
                char name[LAYOUT_NAME_SIZE];
                int r;

                if (verifier->listing.sealed.numbers[i] < verifier->grid.n_blocks)
                        continue;
                layout_sealed_name(verifier->listing.sealed.numbers[i], name);
                verify_set_fault(verifier, VERIFY_HEADER, name, 0);
                r = verify_report_fault(verifier, problem_set(&verifier->sentence, EBADMSG, "The segment '%s' lies "
                                                              "behind the end of the job: move it away.", name));
                if (r < 0)
                        return r;
        }
        return 0;
}

static void verify_cover(Verifier *verifier) {
        VerifyReport *report = &verifier->report;

        report->job_blocks = verifier->grid.open ? 0 : verifier->grid.n_blocks;
        report->complete = !verifier->grid.open && report->n_blocks == verifier->grid.n_blocks;
        verify_describe_border(verifier, report->n_blocks, report->coverage, sizeof report->coverage);
}

/* the manifest */

static int verify_read_manifest(Verifier *verifier) {
        int r;

        manifest_done(&verifier->manifest);
        r = manifest_read(verifier->fd, verifier->path, verifier->job_digest, &verifier->manifest, &verifier->sentence);
        if (r != -EBADMSG && r != -EEXIST)
                return r;
        verify_set_fault(verifier, VERIFY_MANIFEST, LAYOUT_MANIFEST, 0);
        return -EBADMSG;
}

static int verify_short_manifest(Verifier *verifier) {
        verify_set_fault(verifier, VERIFY_MANIFEST, LAYOUT_MANIFEST, 0);
        if (faccessat(verifier->fd, LAYOUT_MANIFEST, F_OK, 0) < 0)
                return problem_set(&verifier->sentence, EBADMSG, "The store '%s' is complete, but its file 'manifest' "
                                   "is missing. Start the job again: that takes a moment, and writes it again from the "
                                   "segments.", verifier->path);
        return problem_set(&verifier->sentence, EBADMSG, "The store '%s' is complete, but its file 'manifest' lists "
                           "only %zu of %zu sealed segments. Start the job again: that takes a moment, and lists the "
                           "others.", verifier->path, verifier->manifest.n_entries, verifier->found.n_entries);
}

static bool entry_equal(const ManifestEntry *a, const ManifestEntry *b) {
        return a->first_block == b->first_block && a->n_blocks == b->n_blocks && a->n_primes == b->n_primes &&
               a->rank == b->rank && memcmp(a->digest, b->digest, SHA256_SIZE) == 0 &&
               memcmp(a->chain, b->chain, SHA256_SIZE) == 0;
}

/*
 * Sealed segments that the manifest did not list when we began. A writer lists them right after sealing, so look again
 * before saying so, and where it would be a fault, more than once.
 */
static int verify_unlisted(Verifier *verifier) {
        const Manifest *manifest = &verifier->manifest, *found = &verifier->found;
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
        for (size_t i = 0; i < MIN(manifest->n_entries, found->n_entries); i++)
                if (!entry_equal(manifest->entries + i, found->entries + i)) {
                        verify_set_fault(verifier, VERIFY_RANK, LAYOUT_MANIFEST, 0);
                        return problem_set(&verifier->sentence, EBADMSG, "The manifest of the store '%s' says another "
                                           "rank or chain for segment %zu than its segments do. Delete the file "
                                           "'manifest' and start the job again: it is made anew from the segments, "
                                           "nothing is lost.", verifier->path, i);
                }
        verifier->report.n_unlisted = found->n_entries - MIN(manifest->n_entries, found->n_entries);
        return 0;
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
                return problem_set(&verifier->sentence, ENOENT, "There is no store '%s'.", verifier->path);
        if (verifier->fd < 0)
                return problem_set(&verifier->sentence, errno, "Cannot open the store '%s': %m.", verifier->path);
        r = job_file_read(verifier->fd, verifier->path, &verifier->grid, &verifier->segment_blocks,
                          verifier->job_digest, &verifier->sentence);
        if (r == -EBADMSG)
                verify_set_fault(verifier, VERIFY_JOB, LAYOUT_JOB, 0);
        if (r < 0)
                return r;
        verifier->has_grid = true;
        verifier->packer = packer_new();
        verifier->bitmap = malloc((size_t) (verifier->grid.block_length / 30));
        verifier->again = malloc((size_t) (verifier->grid.block_length / 30));
        if (!verifier->packer || !verifier->bitmap || !verifier->again)
                return verify_out_of_memory(verifier);

        r = verify_report_fault(verifier, verify_read_manifest(verifier));
        if (r < 0)
                return r;
        r = folder_list(verifier->fd, &verifier->listing);
        if (r < 0)
                return problem_set(&verifier->sentence, r, "Cannot read the folder '%s': %m.", verifier->path);
        verify_measure(verifier);
        return 0;
}

/* The parts, one behind the other. What is said of the whole would be wrong when a part of it could not be read. */
static int verify_all(Verifier *verifier) {
        int r;

        r = verify_start(verifier);
        if (r >= 0)
                r = verify_segments(verifier);
        if (r >= 0)
                r = verify_strays(verifier);
        if (r >= 0) {
                verify_cover(verifier);
                if (verifier->report.n_faults == 0)
                        r = verify_report_fault(verifier, verify_unlisted(verifier));
        }
        if (r >= 0)
                r = verify_spool(verifier);
        if (r >= 0)
                r = verify_report_fault(verifier, verify_provenance(verifier));
        return r;
}

int verify_store(const char *path, const VerifyOptions *options, VerifyReport *ret_report, VerifyFault *ret_fault,
                 Problem *problem) {
        Verifier verifier = {
                .path = path,
                .options = options ? *options : (VerifyOptions) {},
                .fd = -1,
                .manifest = MANIFEST_EMPTY,
                .found = MANIFEST_EMPTY,
                .problem = problem,
        };
        int r;

        r = verify_all(&verifier);
        /* A fault in the file `job` comes from where nothing else can be said. */
        if (r == -EBADMSG && verifier.report.n_faults == 0)
                (void) verify_report_fault(&verifier, r);
        else if (r < 0 && r != -EBADMSG)
                (void) problem_set(problem, r, "%s", verifier.sentence.text);
        else if (verifier.report.n_faults > 0)
                r = -EBADMSG;

        *ret_report = verifier.report;
        *ret_fault = verifier.first;
        manifest_done(&verifier.manifest);
        manifest_done(&verifier.found);
        folder_listing_done(&verifier.listing);
        packer_free(verifier.packer);
        block_sieve_free(verifier.sieve);
        free(verifier.bitmap);
        free(verifier.again);
        if (verifier.has_grid)
                grid_done(&verifier.grid);
        (void) fd_close(verifier.fd);
        return r;
}
