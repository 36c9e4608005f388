/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The affinity decides, not what the machine has. */

#include "base/processor.h"

#include <inttypes.h>
#include <sched.h>

#include "base/cleanup.h"
#include "test.h"

static cpu_set_t allowed; /* to this program when it began */

/* The first `n` of the allowed processors, and no other. */
static void restrict_to(int n) {
        cpu_set_t set;

        CPU_ZERO(&set);
        for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&set) < n; cpu++)
                if (CPU_ISSET(cpu, &allowed))
                        CPU_SET(cpu, &set);
        CHECK_EQUAL(sched_setaffinity(0, sizeof set, &set), 0);
}

/* The kernel's other account of it: "0-3,8". */
static unsigned count_listed(void) {
        _cleanup_fclose_ FILE *file = fopen("/proc/thread-self/status", "re");
        unsigned first, last, count = 0;
        char line[4096];

        CHECK(file);
        while (fgets(line, sizeof line, file)) {
                const char *next = line;
                int n;

                if (sscanf(next, "Cpus_allowed_list: %n%u", &n, &first) != 1)
                        continue;
                for (next += n; sscanf(next, "%u%n", &first, &n) == 1; next += *next == ',') {
                        next += n;
                        last = first;
                        if (sscanf(next, "-%u%n", &last, &n) == 1)
                                next += n;
                        count += last - first + 1;
                }
        }
        return count;
}

static void test_all_that_are_allowed(void) {
        unsigned listed = count_listed();

        CHECK(listed > 0);
        CHECK_EQUAL(processors_usable(), listed);
}

static void test_fewer_when_restricted(void) {
        for (int n = CPU_COUNT(&allowed); n > 0; n--) {
                restrict_to(n);
                CHECK_EQUAL(processors_usable(), n);
        }
}

/* Between 16 MiB and what MemTotal says, which leaves out what the kernel keeps for itself. */
static void test_memory(void) {
        _cleanup_fclose_ FILE *file = fopen("/proc/meminfo", "re");
        uint64_t kib = 0, bytes = memory_physical();
        char line[256];

        while (file && kib == 0 && fgets(line, sizeof line, file))
                (void) sscanf(line, "MemTotal: %" SCNu64, &kib);
        CHECK(bytes >= 16U << 20);
        if (kib > 0)
                CHECK(bytes / 1024 <= kib + kib / 50);
}

static void check_model(const char *text, const char *expected) {
        char model[PROCESSOR_MODEL_SIZE];

        CHECK(processor_model_from(text, model) == (expected[0] != '\0'));
        CHECK_STRING(model, expected);
}

static void test_model_from_text(void) {
        check_model("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 190\n"
                    "model name\t: Intel(R) N100\nstepping\t: 0\nflags\t\t: fpu vme\n\n"
                    "processor\t: 1\nmodel name\t: another\n",
                    "GenuineIntel 6 190 Intel(R) N100 0");
        check_model("processor\t: 0\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
                    "CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\nprocessor\t: 1\nCPU part\t: 0xd03\n",
                    "0x41 8 0x0 0xd08 3");
        check_model("\n\nmodel name: a\tb", "a b");
        check_model("", "");
        check_model("model name", "");
        check_model("model name\t:\n", "");
        check_model("modelname: x\nxmodel name: y\n: z\n", "");
}

/* Longer than there is room for. */
static void test_model_is_cut(void) {
        char text[1000] = "model name\t: ", model[PROCESSOR_MODEL_SIZE];

        memset(text + strlen(text), 'x', 900);
        CHECK(processor_model_from(text, model));
        CHECK_EQUAL(strlen(model), PROCESSOR_MODEL_SIZE - 1);
        memcpy(text, "cpu : a\ncpu : ", 14);
        CHECK(processor_model_from(text, model));
        CHECK_EQUAL(strlen(model), PROCESSOR_MODEL_SIZE - 1);
}

static void test_model_of_this_machine(void) {
        char model[PROCESSOR_MODEL_SIZE];

        processor_model(model);
        printf("# %s\n", model);
        CHECK(model[0] != '\0' && !strchr(model, '\n'));
}

int main(void) {
        RUN(test_memory);
        RUN(test_all_that_are_allowed);
        if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
                RUN(test_fewer_when_restricted);
        else
                SKIP(test_fewer_when_restricted, "more processors than a cpu_set_t holds");
        RUN(test_model_from_text);
        RUN(test_model_is_cut);
        RUN(test_model_of_this_machine);
        return tests_end();
}
