/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The folder: appending, taking back, publishing, soft and hard failures. */

#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "store/fixture.h"
#include "test.h"

/* A disk whose next write or sync fails. */
static int next_error;
static bool sync_fails;
static unsigned n_syncs;

static int failing_pwrite_all(const Disk *disk, int fd, const void *data, size_t size, uint64_t offset) {
        int r = next_error;

        if (sync_fails || r == 0)
                return disk_system.pwrite_all(&disk_system, fd, data, size, offset);
        next_error = 0;
        (void) disk_system.pwrite_all(&disk_system, fd, data, size / 2, offset);
        return r;
}

static int failing_sync(const Disk *disk, int fd) {
        n_syncs++;
        return sync_fails ? next_error : 0;
}

static Folder *open_folder(Disk *disk) {
        Folder *folder;

        *disk = disk_system;
        disk->pwrite_all = failing_pwrite_all;
        disk->sync_data = disk->sync_directory = failing_sync;
        next_error = 0;
        sync_fails = false;
        CHECK(folder_open(disk, fixture_folder(), &folder, NULL) == 0);
        return folder;
}

static void check_file(const Folder *folder, const char *name, const char *expected) {
        size_t size;
        uint8_t *data = fixture_read(folder->path, name, &size);

        CHECK_EQUAL(size, strlen(expected));
        CHECK(memcmp(data, expected, size) == 0);
        free(data);
}

static void test_publish_append_cut(void) {
        FolderFile file;
        Folder *folder;
        Disk disk;

        folder = open_folder(&disk);
        CHECK(folder_publish(folder, "manifest", "one", 3, NULL, NULL) == 0);
        CHECK(folder_publish(folder, "manifest", "two", 3, NULL, NULL) == 0);
        check_file(folder, "manifest", "two");
        CHECK(folder_publish(folder, "spool-00000000", "head", 4, &file, NULL) == 0);
        CHECK(folder_append(folder, &file, "tail", 4, NULL) == 0);
        CHECK_EQUAL(file.end, 8);
        n_syncs = 0;
        CHECK(folder_sync(folder, &file, NULL) == 0);
        CHECK(folder_sync(folder, &file, NULL) == 0); /* nothing to do */
        CHECK_EQUAL(n_syncs, 1);
        CHECK(folder_cut(folder, &file, 6, NULL) == 0);
        check_file(folder, "spool-00000000", "headta");
        folder_file_close(folder, &file);
        CHECK(folder_adopt(folder, "spool-00000000", &file, NULL) == 0);
        CHECK_EQUAL(file.end, 6);
        folder_file_close(folder, &file);
        CHECK(folder_rename(folder, "spool-00000000", "spool-00000001", NULL) == 0);
        CHECK(folder_remove(folder, "spool-00000001", NULL) == 0);
        CHECK(folder_remove(folder, "spool-00000001", NULL) == 0);
        folder_close(folder);
}

static void test_lack_of_space_is_taken_back(void) {
        Problem problem = PROBLEM_NONE;
        FolderFile file;
        Folder *folder;
        Disk disk;
        int r;

        folder = open_folder(&disk);
        CHECK(folder_publish(folder, "spool-00000000", "head", 4, &file, NULL) == 0);
        next_error = -ENOSPC;
        r = folder_append(folder, &file, "long tail", 9, &problem);
        CHECK(r == -ENOSPC && folder_failure_is_soft(folder, r));
        CHECK(strstr(problem.text, "No space left") != NULL);
        check_file(folder, "spool-00000000", "head");
        CHECK(folder_append(folder, &file, "tail", 4, NULL) == 0);
        check_file(folder, "spool-00000000", "headtail");

        next_error = -EDQUOT;
        CHECK(folder_publish(folder, "manifest", "whole", 5, NULL, NULL) == -EDQUOT);
        CHECK_EQUAL(fixture_count(folder->path, "manifest"), 0);
        CHECK(folder_check(folder, NULL) == 0);
        folder_file_close(folder, &file);
        folder_close(folder);
}

static void test_hard_failures_end_it(void) {
        for (unsigned round = 0; round < 2; round++) {
                Problem problem = PROBLEM_NONE;
                FolderFile file;
                Folder *folder;
                Disk disk;

                folder = open_folder(&disk);
                CHECK(folder_publish(folder, "spool-00000000", "head", 4, &file, NULL) == 0);
                if (round == 0) {
                        next_error = -EIO;
                        CHECK(folder_append(folder, &file, "tail", 4, &problem) == -EIO);
                } else { /* lack of space when syncing is not soft: the pages are gone */
                        CHECK(folder_append(folder, &file, "tail", 4, NULL) == 0);
                        next_error = -ENOSPC;
                        sync_fails = true;
                        CHECK(folder_sync(folder, &file, &problem) == -ENOSPC);
                        CHECK(!folder_failure_is_soft(folder, -ENOSPC));
                }
                CHECK(problem.text[0] != '\0');
                n_syncs = 0;
                sync_fails = false;
                CHECK(folder_sync(folder, &file, NULL) < 0);
                CHECK(folder_append(folder, &file, "x", 1, NULL) < 0);
                CHECK(folder_cut(folder, &file, 0, NULL) < 0);
                CHECK(folder_publish(folder, "manifest", "x", 1, NULL, NULL) < 0);
                CHECK(folder_remove(folder, "spool-00000000", NULL) < 0);
                CHECK_EQUAL(n_syncs, 0);
                folder_file_close(folder, &file);
                folder_close(folder);
        }
}

static void test_listing_sorts_and_counts(void) {
        static const char *const names[] = { "000000000012.primes", "000000000002.primes", "000000000013.open",
                                             "spool-00000003", "spool-00000001", "notes", "manifest.new", "manifest",
                                             "lock" };
        const char *path = fixture_folder();
        FolderListing listing;
        int fd;

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                fixture_write(path, names[i], "", 0);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0 && folder_list(fd, &listing) == 0);
        (void) fd_close(fd);
        CHECK(listing.sealed.n_numbers == 2 && listing.sealed.numbers[0] == 2 && listing.sealed.numbers[1] == 12);
        CHECK(listing.open.n_numbers == 1 && listing.open.numbers[0] == 13);
        CHECK(listing.spool.n_numbers == 2 && listing.spool.numbers[0] == 1 && listing.spool.numbers[1] == 3);
        CHECK(!listing.has_job);
        CHECK_EQUAL(listing.n_foreign, 1);
        CHECK_STRING(listing.unfinished[0], "manifest.new");
        CHECK(listing.unfinished[1] == NULL);
        folder_listing_done(&listing);
}

int main(void) {
        RUN(test_publish_append_cut);
        RUN(test_lack_of_space_is_taken_back);
        RUN(test_hard_failures_end_it);
        RUN(test_listing_sorts_and_counts);
        return tests_end();
}
