/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The job file: one way to write a job, everything else is refused. */

#include "store/job-file.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "store/fixture.h"
#include "test.h"

static void check_round_trip(const Grid *grid, uint64_t segment_blocks) {
        _cleanup_free_ char *text = NULL;
        uint64_t found;
        size_t size;
        Grid again;

        CHECK(job_file_encode(grid, segment_blocks, &text, &size) == 0);
        CHECK(size < JOB_FILE_SIZE_MAX);
        CHECK(job_file_decode(text, size, &again, &found, NULL) == 0);
        CHECK(grid_equal(grid, &again));
        CHECK_EQUAL(found, segment_blocks);
        grid_done(&again);
}

static void test_jobs_survive_the_file(void) {
        static const char *const from[] = { "0", "1", "10^9", "2^64-1", "2^64", FIXTURE_FROM, "2^1000000" };

        for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
                Grid grid;

                fixture_grid(&grid, from[i], 3);
                check_round_trip(&grid, 256);
                grid_done(&grid);
                fixture_grid(&grid, from[i], 0);
                check_round_trip(&grid, 1);
                grid_done(&grid);
        }
}

static void test_text_is_for_people(void) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        Grid grid;

        fixture_grid(&grid, "1000", 0);
        CHECK(job_file_encode(&grid, 256, &text, &size) == 0);
        CHECK(text[0] == '#');
        CHECK(strstr(text, "\nfrom=1000\n") && strstr(text, "\nto=open\n") && strstr(text, "\nformat=1\n"));
        grid_done(&grid);
}

static void test_each_change_is_refused(void) {
        _cleanup_free_ char *text = NULL, *cut = NULL;
        Problem problem = PROBLEM_NONE;
        uint64_t found;
        size_t size;
        Grid grid, again;

        fixture_grid(&grid, "2^64", 5);
        CHECK(job_file_encode(&grid, 256, &text, &size) == 0);
        for (size_t i = 0; i < size; i++) {
                int r;

                text[i] ^= 1;
                r = job_file_decode(text, size, &again, &found, &problem);
                text[i] ^= 1;
                CHECK(r == -EBADMSG || r == -EPROTONOSUPPORT);
                CHECK(problem.text[0] != '\0');
        }
        for (size_t n = 0; n < size; n++) {
                free(cut);
                cut = strndup(text, n);
                CHECK(cut && job_file_decode(cut, n, &again, &found, NULL) == -EBADMSG);
        }
        grid_done(&grid);
}

/* The interim format of the first builds, and whatever may come. */
static void test_other_formats_are_told_apart(void) {
        static const char text[] = "# something new\nformat=2\ncells=7\n";
        static const char old[] = "# something old\nformat=0\nfrom=0\n";
        Problem problem = PROBLEM_NONE;
        uint64_t found;
        Grid grid;

        CHECK(job_file_decode(text, strlen(text), &grid, &found, &problem) == -EPROTONOSUPPORT);
        CHECK(strstr(problem.text, "format 2,") && strstr(problem.text, "reads format 1") &&
              strstr(problem.text, "read it with the version that made it"));
        problem = PROBLEM_NONE;
        CHECK(job_file_decode(old, strlen(old), &grid, &found, &problem) == -EPROTONOSUPPORT);
        CHECK(strstr(problem.text, "format 0,") && strstr(problem.text, "computed again"));
}

static void test_folder_without_job(void) {
        const char *folder = fixture_folder();
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        uint8_t digest[SHA256_SIZE];
        uint64_t found;
        Grid grid;

        CHECK(fd >= 0);
        CHECK(job_file_read(fd, folder, &grid, &found, digest, NULL) == -ENOENT);
        fixture_write(folder, "job", "format=1\n", 9);
        CHECK(job_file_read(fd, folder, &grid, &found, digest, NULL) == -EBADMSG);
}

int main(void) {
        RUN(test_jobs_survive_the_file);
        RUN(test_text_is_for_people);
        RUN(test_each_change_is_refused);
        RUN(test_other_formats_are_told_apart);
        RUN(test_folder_without_job);
        return tests_end();
}
