/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The file `job`: what the store is of, for people and programs.
 *
 *     # What this folder holds. primed refuses it when a single byte of this file is changed.
 *     format=1
 *     from=0
 *     to=1000000000                (exclusive; "open" when there is no end)
 *     block_length=31457280
 *     segment_blocks=256
 *     checksum=0123456789abcdef    (XXH3 of everything before this line)
 *
 * There is exactly one way to write a job, so the SHA-256 of this text names the job in every other file.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"
#include "prime/grid.h"
#include "prime/number.h"

/* Two numbers of NUMBER_BITS_MAX bits in decimal, and the rest. */
#define JOB_FILE_SIZE_MAX ((size_t) 2 * (NUMBER_BITS_MAX / 3) + 1024)

/* The caller frees. 0 or -ENOMEM. */
int job_file_encode(const Grid *grid, uint64_t segment_blocks, char **ret, size_t *ret_size);

/*
 * `text` ends with a NUL behind its `size` bytes. 0, and the caller gives `ret_grid` to grid_done(); -EBADMSG
 * (damaged), -EPROTONOSUPPORT (a later format, or a grid that this version would not choose), -ENOMEM.
 */
int job_file_decode(const char *text, size_t size, Grid *ret_grid, uint64_t *ret_segment_blocks, Problem *problem);

/*
 * Reads and decodes the file in the folder `dir_fd`, called `path` in sentences. Results as above; also -ENOENT: no
 * such file, and no other one of a store (with others it is -EBADMSG); other errors of the file system. `ret_digest` is
 * the SHA-256 of the text.
 */
int job_file_read(int dir_fd, const char *path, Grid *ret_grid, uint64_t *ret_segment_blocks,
                  uint8_t ret_digest[static SHA256_SIZE], Problem *problem);
