/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is said of caches, of several machines and of none. */

#include "base/cache.h"

#include <sys/stat.h>

#include "base/cleanup.h"
#include "test.h"

typedef struct Index {
        const char *level, *type, *size, *list;
} Index;

static void write_name(const char *folder, unsigned i, const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;
        FILE *file;

        CHECK(asprintf(&path, "%s/index%u", folder, i) > 0);
        (void) mkdir(path, 0700);
        free(path);
        CHECK(asprintf(&path, "%s/index%u/%s", folder, i, name) > 0);
        file = fopen(path, "we");
        CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void check(const Index *indices, size_t n, uint32_t level1, uint32_t level2, uint32_t level3) {
        char folder[] = "/tmp/primed-test-cache-XXXXXX", command[100];
        CacheBytes caches;

        CHECK(mkdtemp(folder) != NULL);
        for (unsigned i = 0; i < n; i++) {
                write_name(folder, i, "level", indices[i].level);
                write_name(folder, i, "type", indices[i].type);
                write_name(folder, i, "size", indices[i].size);
                write_name(folder, i, "shared_cpu_list", indices[i].list);
        }
        caches = cache_bytes_from(folder);
        CHECK_EQUAL(caches.level1, level1);
        CHECK_EQUAL(caches.level2, level2);
        CHECK_EQUAL(caches.level3, level3);
        (void) snprintf(command, sizeof command, "rm -r %s", folder);
        CHECK(system(command) == 0);
}

static void test_machines(void) {
        /* four cores of two threads */
        check((Index[]) { { "1\n", "Data\n", "32K\n", "0,4\n" },
                          { "1\n", "Instruction\n", "32K\n", "0,4\n" },
                          { "2\n", "Unified\n", "512K\n", "0,4\n" },
                          { "3\n", "Unified\n", "16384K\n", "0-7\n" } },
              4, 32 << 10, 512 << 10, 2 << 20);
        /* a board with four cores and one second level */
        check((Index[]) { { "1\n", "Data\n", "32K\n", "0\n" },
                          { "1\n", "Instruction\n", "48K\n", "0\n" },
                          { "2\n", "Unified\n", "1024K\n", "0-3\n" } },
              3, 32 << 10, 256 << 10, 0);
        check((Index[]) { { "1", "Data", "64K", "0" },
                          { "2", "Unified", "1M", "0" },
                          { "3", "Unified", "4M", "0-1,6" } },
              3, 64 << 10, 1 << 20, (4 << 20) / 3);
}

static void test_nonsense(void) {
        check(NULL, 0, 0, 0, 0);
        check((Index[]) { { "x", "Data", "32K", "0" }, { "1", "Data", "", "" }, { "2", "Unified", "K", "3-1" } },
              3, 0, 0, 0);
        check((Index[]) { { "2", "Unified", "99999999999999999999K", "0" } }, 1, 0, 0, 0);
        check((Index[]) { { "2", "Unified", "4294967295M", "0" } }, 1, 0, UINT32_MAX, 0);
}

static void test_this_machine(void) {
        CacheBytes caches = cache_bytes();

        printf("# %u, %u, %u bytes\n", caches.level1, caches.level2, caches.level3);
        CHECK(caches.level1 == 0 || (caches.level1 >= 1024 && caches.level1 <= 1 << 26));
}

int main(void) {
        RUN(test_machines);
        RUN(test_nonsense);
        RUN(test_this_machine);
        return tests_end();
}
