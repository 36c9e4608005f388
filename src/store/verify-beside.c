/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What lies beside the segments: the spool, and the provenance journal. */

#include <errno.h>
#include <inttypes.h>

#include "base/macro.h"
#include "store/provenance.h"
#include "store/verify-state.h"

static int verify_spool_records(Verifier *verifier, const Exam *exam, uint64_t number) {
        RecordWalk walk = exam_walk(verifier, exam, FILE_SPOOL, number);
        int r;

        while ((r = record_walk_next(&walk, true)) > 0) {
                r = verify_contents(verifier, &walk, exam->name, walk.record.sequence + 1, VERIFY_CURE_OPEN);
                if (r < 0)
                        break;
                verifier->report.spool_blocks++;
        }
        if (r == -ENODATA) {
                verifier->report.torn_bytes += exam->size - walk.offset;
                r = 0;
        } else if (r == -EBADMSG && verifier->fault.kind == VERIFY_INTACT) {
                verify_set_fault(verifier, VERIFY_RECORD, exam->name, walk.offset);
                r = problem_set(&verifier->sentence, EBADMSG, "The record at byte %" PRIu64 " of the file '%s' does "
                                "not fit its checksum. " VERIFY_CURE_OPEN, walk.offset, exam->name);
        } else if (r < 0 && r != -EBADMSG)
                r = verify_cannot_read(verifier, exam->name, r);
        record_walk_done(&walk);
        return r;
}

int verify_spool(Verifier *verifier) {
        for (size_t i = 0; i < verifier->listing.spool.n_numbers; i++) {
                uint64_t number = verifier->listing.spool.numbers[i];
                Exam exam;
                int r;

                layout_spool_name(number, exam.name);
                r = exam_open(verifier, &exam);
                if (r == -ENOENT) /* was emptied */
                        continue;
                if (r >= 0) {
                        r = exam_header(verifier, &exam, FILE_SPOOL, number);
                        if (r >= 0)
                                r = verify_spool_records(verifier, &exam, number);
                        (void) fd_close(exam.fd);
                }
                r = verify_report_fault(verifier, r);
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
                        return verify_cannot_read(verifier, exam->name, (int) n);
                if ((size_t) n == sizeof data && provenance_decode(data, &entry) < 0) {
                        verify_set_fault(verifier, VERIFY_PROVENANCE, exam->name, at);
                        return problem_set(&verifier->sentence, EBADMSG, "The entry at byte %" PRIu64 " of the file "
                                           "'%s' is damaged. No prime depends on it: who computed some blocks is not "
                                           "known any more. Put back a copy of the file, or move it away.", at,
                                           exam->name);
                }
        }
        verifier->report.torn_bytes += exam->size - MIN(at, exam->size);
        return 0;
}

int verify_provenance(Verifier *verifier) {
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

