/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The folder of an export: files primes-000000.SUFFIX, primes-000001.SUFFIX …, and SHA256SUMS for sha256sum(1) when all
 * of them are there. A file has its name only when it is whole; before that it is called NAME.new.
 *
 * What a file should hold is given to us again whether it is there or not. One that is there is read and compared, so
 * an export goes on where it was without any other record than its files, and never keeps a wrong one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

typedef struct ExportFolder ExportFolder;

typedef struct ExportTotals {
        uint64_t n_files, n_bytes;
        uint64_t n_kept; /* of the files: those that were there */
} ExportTotals;

/*
 * Makes the folder if it is missing. `suffix` must stay. -EEXIST: there are other things in it; -EBUSY: another export
 * writes to it; other errors of the file system. Always with a sentence.
 */
int export_folder_open(const char *path, const char *suffix, ExportFolder **ret, Problem *problem);
ExportFolder *export_folder_close(ExportFolder *folder); /* a file that is not whole vanishes */
DEFINE_TRIVIAL_CLEANUP_FUNC(ExportFolder *, export_folder_close);

/* One file after the other. Errors have a sentence, and are final. */
int export_folder_begin_file(ExportFolder *folder, Problem *problem);

/* -EEXIST: the file is there, and is another one. */
int export_folder_write(ExportFolder *folder, const char *data, size_t size, Problem *problem);

/* The file is whole, and durable. */
int export_folder_end_file(ExportFolder *folder, Problem *problem);

/* All files are there: writes SHA256SUMS, unless there are none. -EEXIST: there are more files than these. */
int export_folder_finish(ExportFolder *folder, ExportTotals *ret, Problem *problem);

/* The name of the current file, or "". */
const char *export_folder_current(const ExportFolder *folder);
