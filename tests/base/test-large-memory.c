/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory of any size can be written from end to end, or is refused. */

#include "base/large-memory.h"

#include <stdint.h>
#include <unistd.h>

#include "test.h"

static void test_sizes(void) {
        static const size_t sizes[] = { 1, 4096, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, (64 << 20) + 12345 };

        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                uint8_t *memory = large_memory(sizes[i]);

                CHECK(memory != NULL);
                memset(memory, 0xa5, sizes[i]);
                CHECK(memory[0] == 0xa5 && memory[sizes[i] - 1] == 0xa5);
                free(memory);
        }
}

static size_t resident_bytes(void) {
        FILE *file = fopen("/proc/self/statm", "re");
        unsigned long total, resident = 0;

        CHECK(file && fscanf(file, "%lu %lu", &total, &resident) == 2);
        (void) fclose(file);
        return resident * (size_t) sysconf(_SC_PAGESIZE);
}

static void test_trim(void) {
        const size_t size = 64 << 20, used = (10 << 20) + 1;
        uint8_t *memory = large_memory(size);
        size_t before;

        CHECK(memory != NULL);
        memset(memory, 0xa5, size);
        before = resident_bytes();
        large_memory_trim(memory, size, size);
        CHECK(memory[size - 1] == 0xa5);
        large_memory_trim(memory, size, used);
        CHECK(resident_bytes() + (48 << 20) < before);
        for (size_t i = 0; i < used; i++)
                CHECK(memory[i] == 0xa5);
        memset(memory, 0x5a, size); /* it is there as before */
        CHECK(memory[size - 1] == 0x5a);
        free(memory);
        large_memory_trim(NULL, 0, 0);
        memory = large_memory(1000);
        memset(memory, 1, 1000);
        large_memory_trim(memory, 1000, 1);
        CHECK(memory[999] == 1);
        free(memory);
}

static void test_too_much(void) {
        for (size_t less = 0; less < 3; less++)
                CHECK(large_memory(SIZE_MAX - less) == NULL);
        CHECK(large_memory(SIZE_MAX / 2 + 1) == NULL);
}

int main(void) {
        RUN(test_sizes);
        RUN(test_trim);
        RUN(test_too_much);
        return tests_end();
}
