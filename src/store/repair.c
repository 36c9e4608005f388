/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Repair: verify, put aside, open as after a crash.
 *
 * The lock is held from the first look to the last new name, so that the files that were found damaged are those that
 * are moved. Opening the store afterwards is a start as any other: it cuts torn tails, makes the manifest anew where it
 * does not fit, and finds the holes.
 */

#include "store/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "store/folder.h"
#include "store/job-file.h"
#include "store/store.h"

/* The names of damaged files, each once. */
typedef struct Repair {
        const RepairOptions *options;
        char (*names)[LAYOUT_NAME_SIZE];
        size_t n_names;
        bool out_of_memory;
} Repair;

/* A start passes over a damaged record of these, and keeps the others; putting the whole file aside would lose more. */
static bool is_for_recovery(const VerifyFault *fault) {
        NameKind kind = layout_parse_name(fault->file, NULL);

        return (kind == NAME_OPEN || kind == NAME_SPOOL) && fault->kind != VERIFY_HEADER &&
               fault->kind != VERIFY_CONTENTS;
}

static void repair_on_fault(const VerifyFault *fault, const char *sentence, void *userdata) {
        Repair *repair = userdata;
        char (*grown)[LAYOUT_NAME_SIZE];

        if (repair->options->verify.on_fault)
                repair->options->verify.on_fault(fault, sentence, repair->options->verify.userdata);
        if (fault->kind == VERIFY_MISSING || fault->kind == VERIFY_JOB || is_for_recovery(fault))
                return;
        for (size_t i = 0; i < repair->n_names; i++)
                if (strcmp(repair->names[i], fault->file) == 0)
                        return;
        grown = reallocarray(repair->names, repair->n_names + 1, sizeof *grown);
        if (!grown) {
                repair->out_of_memory = true;
                return;
        }
        repair->names = grown;
        memcpy(grown[repair->n_names++], fault->file, LAYOUT_NAME_SIZE);
}

static void repair_on_progress(uint64_t done_bytes, uint64_t total_bytes, void *userdata) {
        const Repair *repair = userdata;

        repair->options->verify.progress(done_bytes, total_bytes, repair->options->verify.userdata);
}

/* 1: it has another name now; 0: there is no such file; or an error. */
static int repair_quarantine(const Repair *repair, Folder *folder, const char *name, Problem *problem) {
        char to[LAYOUT_NAME_SIZE];
        int r;

        if (faccessat(folder->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0; /* that is what was wrong with it */
        for (unsigned attempt = 1; layout_quarantine_name(name, attempt, to); attempt++) {
                if (faccessat(folder->fd, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                        continue;
                r = folder_rename(folder, name, to, problem);
                if (r >= 0 && repair->options->on_quarantine)
                        repair->options->on_quarantine(name, to, repair->options->userdata);
                return r < 0 ? r : 1;
        }
        return problem_set(problem, EEXIST, "There are too many files '%s" LAYOUT_QUARANTINE_SUFFIX "…' in the store "
                           "'%s': move them away.", name, folder->path);
}

/* With the lock: verify, and put aside what is damaged. */
static int repair_files(const char *path, Repair *repair, RepairReport *report, Problem *problem) {
        const VerifyOptions options = {
                .recompute = repair->options->verify.recompute,
                .progress = repair->options->verify.progress ? repair_on_progress : NULL,
                .on_fault = repair_on_fault,
                .userdata = repair,
        };
        Folder *folder = NULL;
        VerifyReport verified;
        VerifyFault fault;
        int r;

        r = folder_open(&disk_system, path, &folder, problem);
        if (r < 0)
                return r;
        r = verify_store(path, &options, &verified, &fault, problem);
        report->n_faults = verified.n_faults;
        if (r == -EBADMSG && fault.kind != VERIFY_JOB)
                r = 0;
        if (r >= 0 && repair->out_of_memory)
                r = problem_set(problem, ENOMEM, "Out of memory.");
        for (size_t i = 0; r >= 0 && i < repair->n_names; i++) {
                r = repair_quarantine(repair, folder, repair->names[i], problem);
                report->n_quarantined += r > 0;
        }
        folder_close(folder);
        return r;
}

static void repair_count(const Store *store, RepairReport *report) {
        const IntervalSet *present = store_present(store);

        report->n_present = present->n_members;
        report->n_passed_over = store_n_damaged(store);
        if (present->n_intervals > 0)
                report->n_hole_blocks = present->intervals[present->n_intervals - 1].end - present->n_members;
}

int repair_store(const char *path, const RepairOptions *options, RepairReport *ret, Problem *problem) {
        Problem own = PROBLEM_NONE;
        Repair repair = { .options = options };
        RepairReport report = {};
        uint8_t digest[SHA256_SIZE];
        _cleanup_close_ int fd = -1;
        uint64_t segment_blocks;
        Store *store;
        Grid grid;
        int r;

        /* First of all, for folder_open() makes what is not there. */
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return problem_set(problem, errno, "Cannot open the store '%s': %m.", path);
        r = job_file_read(fd, path, &grid, &segment_blocks, digest, problem);
        if (r < 0)
                return r;
        r = repair_files(path, &repair, &report, &own);
        free(repair.names);
        if (r >= 0) {
                own = PROBLEM_NONE;
                r = store_open(&disk_system, path, &grid, &(StoreOptions) {}, &store, &own);
        }
        if (r >= 0) {
                repair_count(store, &report);
                store_close(store);
        }
        grid_done(&grid);
        *ret = report;
        return r < 0 ? problem_set(problem, r, "%s", own.text) : 0;
}
