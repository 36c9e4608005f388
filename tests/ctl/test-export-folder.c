/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Exports that go on, that grow, and that meet files of somebody else. */

#include "ctl/export-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/text.h"
#include "test.h"

static char folder_path[64];

static void folder_make(void) {
        (void) snprintf(folder_path, sizeof folder_path, "/tmp/primed-test-export-XXXXXX");
        CHECK(mkdtemp(folder_path) != NULL);
}

static void folder_remove(void) {
        char command[128];

        (void) snprintf(command, sizeof command, "rm -r '%s'", folder_path);
        CHECK(system(command) == 0);
}

static const char *path_of(const char *name) {
        static char path[128];

        (void) snprintf(path, sizeof path, "%s/%s", folder_path, name);
        return path;
}

static void put(const char *name, const char *text) {
        FILE *file = fopen(path_of(name), "w");

        CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* The file has this text; NULL: there is none. */
static void check_file(const char *name, const char *text) {
        _cleanup_free_ char *found = NULL;
        int r;

        r = file_read_whole(AT_FDCWD, path_of(name), 10000, &found, NULL);
        if (!text) {
                CHECK_EQUAL(r, -ENOENT);
                return;
        }
        CHECK_EQUAL(r, 0);
        CHECK_STRING(found, text);
}

/* SHA256SUMS names these files with the digests of these texts. */
static void check_sums(const char *const *texts, size_t n) {
        char expected[1000], hex[2 * SHA256_SIZE + 1];
        uint8_t digest[SHA256_SIZE];
        size_t used = 0;

        for (size_t i = 0; i < n; i++) {
                checksum_sha256(texts[i], strlen(texts[i]), digest);
                used += (size_t) snprintf(expected + used, sizeof expected - used, "%s  primes-%06zu.txt\n",
                                          text_hex(digest, sizeof digest, hex), i);
        }
        check_file("SHA256SUMS", expected);
}

/* Writes these files in pieces of three bytes, up to an error. */
static int export_texts(const char *const *texts, size_t n, ExportTotals *ret, Problem *problem) {
        _cleanup_(export_folder_closep) ExportFolder *folder = NULL;
        int r;

        r = export_folder_open(folder_path, "txt", &folder, problem);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                r = export_folder_begin_file(folder, problem);
                for (const char *p = texts[i]; r >= 0 && *p; p += strnlen(p, 3))
                        r = export_folder_write(folder, p, strnlen(p, 3), problem);
                if (r >= 0)
                        r = export_folder_end_file(folder, problem);
        }
        return r < 0 ? r : export_folder_finish(folder, ret, problem);
}

static const char *const texts[] = { "2\n3\n5\n", "7\n11\n13\n", "17\n19\n" };

static void test_files_and_sums(void) {
        ExportTotals totals;

        folder_make();
        CHECK(rmdir(folder_path) == 0); /* is made */
        CHECK(export_texts(texts, 3, &totals, NULL) == 0);
        CHECK_EQUAL(totals.n_files, 3);
        CHECK_EQUAL(totals.n_kept, 0);
        CHECK_EQUAL(totals.n_bytes, 20);
        check_file("primes-000000.txt", texts[0]);
        check_file("primes-000002.txt", texts[2]);
        check_sums(texts, 3);

        CHECK(export_texts(texts, 3, &totals, NULL) == 0);
        CHECK_EQUAL(totals.n_kept, 3);
        check_sums(texts, 3);
        folder_remove();
}

/* What is not whole has no name, and what was begun by one that was killed is cleared away. */
static void test_interrupted(void) {
        ExportFolder *folder = NULL;
        ExportTotals totals;

        folder_make();
        put("primes-000001.txt.new", "7\n1");
        put("SHA256SUMS.new", "00");
        CHECK(export_folder_open(folder_path, "txt", &folder, NULL) == 0);
        check_file("primes-000001.txt.new", NULL);
        CHECK(export_folder_begin_file(folder, NULL) == 0);
        CHECK(export_folder_write(folder, texts[0], 6, NULL) == 0);
        check_file("primes-000000.txt", NULL);
        CHECK(export_folder_end_file(folder, NULL) == 0);
        check_file("primes-000000.txt", texts[0]);
        CHECK(export_folder_begin_file(folder, NULL) == 0);
        CHECK(export_folder_write(folder, texts[1], 4, NULL) == 0);
        CHECK_STRING(export_folder_current(folder), "primes-000001.txt");
        check_file("primes-000001.txt.new", "7\n11");
        folder = export_folder_close(folder);
        check_file("primes-000001.txt.new", NULL);
        check_file("SHA256SUMS", NULL);

        CHECK(export_texts(texts, 3, &totals, NULL) == 0);
        CHECK_EQUAL(totals.n_kept, 1);
        check_sums(texts, 3);
        folder_remove();
}

static void test_one_that_was_lost_is_written_again(void) {
        ExportTotals totals;

        folder_make();
        CHECK(export_texts(texts, 3, &totals, NULL) == 0);
        CHECK(unlink(path_of("primes-000001.txt")) == 0);
        CHECK(export_texts(texts, 3, &totals, NULL) == 0);
        CHECK_EQUAL(totals.n_kept, 2);
        check_file("primes-000001.txt", texts[1]);
        check_sums(texts, 3);
        folder_remove();
}

/* The last file grows, whatever its length was, and others come. */
static void test_grown(void) {
        const char *const longer[] = { "2\n3\n5\n", "7\n11\n13\n", "17\n19\n23\n", "29\n" };
        ExportTotals totals;

        for (size_t cut = 0; cut <= 6; cut++) {
                char last[8] = "17\n19\n";
                const char *const shorter[] = { texts[0], texts[1], last };

                last[cut] = '\0';
                folder_make();
                CHECK(export_texts(shorter, 3, &totals, NULL) == 0);
                CHECK(export_texts(longer, 4, &totals, NULL) == 0);
                CHECK_EQUAL(totals.n_files, 4);
                CHECK_EQUAL(totals.n_kept, 2);
                check_file("primes-000002.txt", longer[2]);
                check_sums(longer, 4);
                folder_remove();
        }
}

/* Refused with the name of the file, and nothing is changed. */
static void check_refused(const char *const *wanted, size_t n, const char *name) {
        Problem problem = PROBLEM_NONE;
        ExportTotals totals;

        CHECK_EQUAL(export_texts(wanted, n, &totals, &problem), -EEXIST);
        CHECK(strstr(problem.text, name) != NULL);
}

static void test_other_exports_are_left_alone(void) {
        const char *const more_per_file[] = { "2\n3\n5\n7\n11\n13\n", "17\n19\n" };
        const char *const fewer[] = { "2\n3\n", "5\n7\n" };
        const char *const other[] = { "2\n3\n5\n", "7\n11\n17\n", "19\n23\n" };
        ExportTotals totals;

        folder_make();
        CHECK(export_texts(texts, 3, &totals, NULL) == 0);
        check_refused(more_per_file, 2, "primes-000000.txt");
        check_refused(fewer, 2, "primes-000000.txt");
        check_refused(other, 3, "primes-000001.txt");
        check_refused(texts, 2, "primes-000002.txt");
        check_refused(texts, 0, "primes-000002.txt");
        for (size_t i = 0; i < 3; i++) {
                char name[32];

                (void) snprintf(name, sizeof name, "primes-%06zu.txt", i);
                check_file(name, texts[i]);
        }
        check_sums(texts, 3);

        put("primes-000001.txt", "7\n11\n"); /* is damaged: not the last */
        check_refused(texts, 3, "primes-000001.txt");
        check_file("primes-000001.txt", "7\n11\n");
        folder_remove();
}

static void test_foreign_files(void) {
        static const char *const names[] = {
                "notes", "primes-000000.csv", "primes-00000.txt", "primes-0000000.txt", "primes-000000.txt.old",
                "primes-.txt", ".hidden", "primes-000000.txtx",
        };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                folder_make();
                put(names[i], "mine");
                check_refused(texts, 3, names[i]);
                check_file(names[i], "mine");
                check_file("primes-000000.txt", NULL);
                folder_remove();
        }
}

static void test_one_at_a_time(void) {
        _cleanup_(export_folder_closep) ExportFolder *folder = NULL;
        Problem problem = PROBLEM_NONE;
        ExportTotals totals;

        folder_make();
        CHECK(export_folder_open(folder_path, "txt", &folder, NULL) == 0);
        CHECK_EQUAL(export_texts(texts, 3, &totals, &problem), -EBUSY);
        CHECK(strstr(problem.text, folder_path) != NULL);
        folder = export_folder_close(folder);
        CHECK(export_texts(texts, 3, &totals, NULL) == 0);
        folder_remove();
}

/* Nothing that only has the name of a file makes it hang or follow. */
static void test_things_that_are_no_files(void) {
        Problem problem = PROBLEM_NONE;
        ExportTotals totals;

        folder_make();
        CHECK(mkfifo(path_of("primes-000000.txt"), 0600) == 0);
        CHECK(export_texts(texts, 3, &totals, &problem) < 0);
        CHECK(strstr(problem.text, "primes-000000.txt") != NULL);
        folder_remove();

        folder_make();
        CHECK(symlink("/dev/null", path_of("primes-000000.txt")) == 0);
        CHECK(export_texts(texts, 3, &totals, NULL) < 0);
        folder_remove();

        (void) snprintf(folder_path, sizeof folder_path, "/dev/null");
        problem = PROBLEM_NONE;
        CHECK_EQUAL(export_texts(texts, 3, &totals, &problem), -ENOTDIR);
        CHECK(strstr(problem.text, "/dev/null") != NULL);
}

static void test_nothing_to_export(void) {
        ExportTotals totals;

        folder_make();
        CHECK(export_texts(texts, 0, &totals, NULL) == 0);
        CHECK_EQUAL(totals.n_files, 0);
        check_file("SHA256SUMS", NULL);
        folder_remove();
}

int main(void) {
        RUN(test_files_and_sums);
        RUN(test_interrupted);
        RUN(test_one_that_was_lost_is_written_again);
        RUN(test_grown);
        RUN(test_other_exports_are_left_alone);
        RUN(test_foreign_files);
        RUN(test_one_at_a_time);
        RUN(test_things_that_are_no_files);
        RUN(test_nothing_to_export);
        return tests_end();
}
