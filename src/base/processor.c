/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The processors in a thread's affinity.
 *
 * The kernel refuses a set that is smaller than its own, whose size it does not tell; a plain cpu_set_t ends at 1,024
 * processors. So larger sets are tried until one is large enough.
 */

#include "base/processor.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"

#define PROCESSORS_MAX (1u << 20) /* no kernel is built for so many */

/* With a set of `n_processors`; -EINVAL: the set is too small. */
static int count_allowed(unsigned n_processors) {
        size_t size = CPU_ALLOC_SIZE(n_processors);
        cpu_set_t *set = CPU_ALLOC(n_processors);
        int r;

        if (!set)
                return -ENOMEM;
        r = sched_getaffinity(0, size, set) < 0 ? -errno : CPU_COUNT_S(size, set);
        CPU_FREE(set);
        return r;
}

unsigned processors_usable(void) {
        int r = -EINVAL;

        for (unsigned n = CPU_SETSIZE; r == -EINVAL && n <= PROCESSORS_MAX; n *= 2)
                r = count_allowed(n);
        return r > 0 ? (unsigned) r : 1;
}

unsigned processors_online(void) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        unsigned usable = processors_usable();

        return n > (long) usable ? (unsigned) n : usable;
}

uint64_t memory_physical(void) {
        struct sysinfo info;

        if (sysinfo(&info) < 0)
                return 0;
        return MIN((uint64_t) info.totalram * info.mem_unit, (uint64_t) SIZE_MAX);
}

/* Whether the line is one of those that say what a processor is: on x86 the first row, on Arm the second, then more. */
static bool line_is_model(const char *line, size_t name_size) {
        static const char *const names[] = {
                "vendor_id",       "cpu family",       "model",       "model name", "stepping",
                "CPU implementer", "CPU architecture", "CPU variant", "CPU part",   "CPU revision",
                "cpu",             "cpu model",        "isa",         "uarch",      "machine",
        };

        while (name_size > 0 && (line[name_size - 1] == ' ' || line[name_size - 1] == '\t'))
                name_size--;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strlen(names[i]) == name_size && strncmp(line, names[i], name_size) == 0)
                        return true;
        return false;
}

bool processor_model_from(const char *text, char ret[static PROCESSOR_MODEL_SIZE]) {
        bool seen = false;
        size_t n = 0;

        while (*text != '\0') {
                size_t size = strcspn(text, "\n"), name_size = strcspn(text, ":\n");

                if (size == 0 && seen)
                        break; /* the next processor */
                seen = seen || size > 0;
                if (name_size < size && line_is_model(text, name_size)) {
                        const char *value = text + name_size + 1, *end = text + size;

                        for (; value < end && *value == ' '; value++)
                                ;
                        if (n > 0 && value < end && n + 1 < PROCESSOR_MODEL_SIZE)
                                ret[n++] = ' ';
                        for (; value < end && n + 1 < PROCESSOR_MODEL_SIZE; value++)
                                ret[n++] = iscntrl((unsigned char) *value) ? ' ' : *value;
                }
                text += size + (text[size] == '\n');
        }
        ret[n] = '\0';
        return n > 0;
}

void processor_model(char ret[static PROCESSOR_MODEL_SIZE]) {
        _cleanup_free_ char *text = NULL;
        struct utsname name;

        if (file_read_virtual("/proc/cpuinfo", 8192, &text) >= 0 && processor_model_from(text, ret))
                return;
        (void) snprintf(ret, PROCESSOR_MODEL_SIZE, "%s", uname(&name) >= 0 ? name.machine : "unknown");
}
