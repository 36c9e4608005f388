/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The job file. Decoding takes the values out loosely, then encodes them again: whatever differs from the one way
 * to write this job is damage. So there is no list of ways in which such a file can be wrong.
 */

#include "store/job-file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "store/folder.h"
#include "store/footer.h"
#include "store/layout.h"

#define JOB_FILE_HEAD "# What this folder holds. primed refuses it when a single byte of this file is changed.\n"

int job_file_encode(const Grid *grid, uint64_t segment_blocks, char **ret, size_t *ret_size) {
        _cleanup_free_ char *from = NULL, *to = NULL, *text = NULL, *whole = NULL;
        int n;

        from = number_format(grid->from);
        to = grid->open ? strdup("open") : number_format(grid->to);
        if (!from || !to)
                return -ENOMEM;
        n = asprintf(&text,
                     JOB_FILE_HEAD "format=%u\nfrom=%s\nto=%s\nblock_length=%" PRIu64 "\nsegment_blocks=%" PRIu64 "\n",
                     STORE_FORMAT, from, to, grid->block_length, segment_blocks);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        n = asprintf(&whole, "%schecksum=%016" PRIx64 "\n", text, checksum_xxh3(text, (size_t) n));
        if (n < 0) {
                whole = NULL;
                return -ENOMEM;
        }
        *ret = TAKE_PTR(whole);
        *ret_size = (size_t) n;
        return 0;
}

/* The value of the line `key=value`. 0, -ENOENT or -ENOMEM. */
static int job_file_value(const char *text, const char *key, char **ret) {
        size_t n_key = strlen(key);

        for (const char *line = text; *line;) {
                const char *end = strchrnul(line, '\n');

                if (strncmp(line, key, n_key) == 0 && line[n_key] == '=') {
                        *ret = strndup(line + n_key + 1, (size_t) (end - line) - n_key - 1);
                        return *ret ? 0 : -ENOMEM;
                }
                line = *end ? end + 1 : end;
        }
        return -ENOENT;
}

static int job_file_value_number(const char *text, const char *key, mpz_t ret) {
        _cleanup_free_ char *value = NULL;
        int r;

        r = job_file_value(text, key, &value);
        if (r < 0)
                return r;
        if (value[0] == '\0' || strspn(value, "0123456789") != strlen(value) ||
            strlen(value) > JOB_FILE_SIZE_MAX / 2 || mpz_set_str(ret, value, 10) < 0)
                return -EINVAL;
        return 0;
}

static int job_file_value_u64(const char *text, const char *key, uint64_t *ret) {
        _cleanup_free_ char *value = NULL;
        int r;

        r = job_file_value(text, key, &value);
        return r < 0 ? r : parse_u64(value, ret);
}

static int job_file_damaged(Problem *problem) {
        return problem_set(problem, EBADMSG, "The file 'job' of the store is damaged: put back a copy of it, or "
                           "the one of another store of the same job (the same numbers, the same number of blocks in "
                           "a segment): it is the same. The primes themselves are in the other files, do not delete "
                           "them.");
}

static int job_file_grid(const char *text, Grid *ret) {
        _cleanup_free_ char *to_word = NULL;
        _cleanup_mpz_ mpz_t from, to;
        int r;

        mpz_init(from);
        mpz_init(to);
        r = job_file_value(text, "to", &to_word);
        if (r < 0)
                return r;
        r = job_file_value_number(text, "from", from);
        if (r < 0)
                return r;
        if (strcmp(to_word, "open") == 0)
                return grid_init(ret, from, NULL, NULL);
        r = job_file_value_number(text, "to", to);
        return r < 0 ? r : grid_init(ret, from, to, NULL);
}

int job_file_decode(const char *text, size_t size, Grid *ret_grid, uint64_t *ret_segment_blocks, Problem *problem) {
        uint64_t format, segment_blocks, block_length;
        _cleanup_free_ char *again = NULL;
        size_t again_size;
        Grid grid;
        int r;

        if (strlen(text) != size)
                return job_file_damaged(problem);
        /* First of all: a later format may have other lines. */
        if (job_file_value_u64(text, "format", &format) < 0)
                return job_file_damaged(problem);
        if (format != STORE_FORMAT)
                return problem_set(problem, EPROTONOSUPPORT, "The store has format %" PRIu64 ", this version of primed "
                                   "reads format %u: " LAYOUT_FORMAT_CURE, format, STORE_FORMAT);
        if (job_file_value_u64(text, "segment_blocks", &segment_blocks) < 0 || segment_blocks == 0 ||
            segment_blocks > FOOTER_BLOCKS_MAX || job_file_value_u64(text, "block_length", &block_length) < 0)
                return job_file_damaged(problem);

        r = job_file_grid(text, &grid);
        if (r == -ENOMEM)
                return problem_set(problem, ENOMEM, "Out of memory.");
        if (r < 0)
                return job_file_damaged(problem);
        r = job_file_encode(&grid, segment_blocks, &again, &again_size);
        if (r < 0)
                r = problem_set(problem, ENOMEM, "Out of memory.");
        else if (again_size == size && memcmp(again, text, size) == 0)
                r = 0;
        else if (grid.block_length != block_length)
                r = problem_set(problem, EPROTONOSUPPORT, "The store has blocks of %" PRIu64 " numbers, this version "
                                "of primed makes blocks of %" PRIu64 " there: use the version that made the store.",
                                block_length, grid.block_length);
        else
                r = job_file_damaged(problem);
        if (r < 0) {
                grid_done(&grid);
                return r;
        }
        *ret_grid = grid;
        *ret_segment_blocks = segment_blocks;
        return 0;
}

int job_file_read(int dir_fd, const char *path, Grid *ret_grid, uint64_t *ret_segment_blocks,
                  uint8_t ret_digest[static SHA256_SIZE], Problem *problem) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read_whole(dir_fd, LAYOUT_JOB, JOB_FILE_SIZE_MAX, &text, &size);
        if (r == -ENOENT) {
                r = folder_check_lost_job(dir_fd, path, problem);
                return r < 0 ? r : problem_set(problem, ENOENT, "The folder '%s' is not a store: it has no file "
                                               "'job'.", path);
        }
        if (r == -EFBIG || r == -EINVAL)
                return job_file_damaged(problem);
        if (r < 0)
                return problem_set(problem, r, "Cannot read the file 'job' of the store '%s': %m.", path);
        r = job_file_decode(text, size, ret_grid, ret_segment_blocks, problem);
        if (r >= 0)
                checksum_sha256(text, size, ret_digest);
        return r;
}
