/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory of any size can be written from end to end, or is refused. */

#include "base/large-memory.h"

#include <stdint.h>

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

static void test_too_much(void) {
        for (size_t less = 0; less < 3; less++)
                CHECK(large_memory(SIZE_MAX - less) == NULL);
        CHECK(large_memory(SIZE_MAX / 2 + 1) == NULL);
}

int main(void) {
        RUN(test_sizes);
        RUN(test_too_much);
        return tests_end();
}
