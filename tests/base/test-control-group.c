/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Control groups as kernels of all kinds show them, in a folder of our own. */

#include "base/control-group.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"

static char root[] = "/tmp/test-control-group-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

/* A new, empty machine. */
static void machine_new(void) {
        (void) nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        memcpy(root + strlen(root) - 6, "XXXXXX", 6);
        CHECK(mkdtemp(root));
}

static void machine_write(const char *path, const char *text) {
        char full[PATH_MAX];
        _cleanup_close_ int fd = -1;

        (void) snprintf(full, sizeof full, "%s%s", root, path);
        for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                CHECK(mkdir(full, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
        fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
}

#define UNIT "/primed.slice/primed-worker.slice/primed-worker.service"

static void test_version_2(void) {
        unsigned quota = 0;

        machine_new();
        machine_write("/proc/self/cgroup", "0::" UNIT "\n");
        machine_write("/sys/fs/cgroup" UNIT "/cpu.max", "max 100000\n");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 0);
        machine_write("/sys/fs/cgroup/primed.slice/primed-worker.slice/cpu.max", "150000 100000\n");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 1);
        CHECK_EQUAL(quota, 1500);

        /* the least of all that are above */
        machine_write("/sys/fs/cgroup/primed.slice/cpu.max", "5000 10000\n");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 1);
        CHECK_EQUAL(quota, 500);
        machine_write("/sys/fs/cgroup/primed.slice/cpu.max", "200000 100000\n");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 1);
        CHECK_EQUAL(quota, 1500);
        machine_write("/sys/fs/cgroup" UNIT "/cpu.max", "1 3\n"); /* rounded up */
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 1);
        CHECK_EQUAL(quota, 334);
}

static void test_version_1(void) {
        unsigned quota = 0;

        machine_new();
        machine_write("/proc/self/cgroup",
                      "12:cpuset:/\n4:cpu,cpuacct:/primed.slice/primed-worker.slice\n1:name=systemd:" UNIT "\n");
        machine_write("/sys/fs/cgroup/cpu,cpuacct/primed.slice/primed-worker.slice/cpu.cfs_quota_us", "-1\n");
        machine_write("/sys/fs/cgroup/cpu,cpuacct/primed.slice/primed-worker.slice/cpu.cfs_period_us", "100000\n");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 0);
        machine_write("/sys/fs/cgroup/cpu,cpuacct/primed.slice/cpu.cfs_quota_us", "250000\n");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 0); /* a quota without its period */
        machine_write("/sys/fs/cgroup/cpu,cpuacct/primed.slice/cpu.cfs_period_us", "100000\n");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 1);
        CHECK_EQUAL(quota, 2500);

        /* cpuset is not cpu, and a controller alone has a folder of its own name */
        machine_new();
        machine_write("/proc/self/cgroup", "3:cpuset:/a\n1:cpu:/b\n0::/\n");
        machine_write("/sys/fs/cgroup/cpu/b/cpu.cfs_quota_us", "20000");
        machine_write("/sys/fs/cgroup/cpu/b/cpu.cfs_period_us", "100000");
        machine_write("/sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "1");
        machine_write("/sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 1);
        CHECK_EQUAL(quota, 200);
}

/* In a container without a view of its own. */
static void test_a_foreign_path_means_the_top(void) {
        unsigned quota = 0;

        machine_new();
        machine_write("/proc/self/cgroup", "0::/../../system.slice\n");
        machine_write("/sys/fs/cgroup/cpu.max", "300000 100000\n");
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 1);
        CHECK_EQUAL(quota, 3000);
}

static void test_nonsense_is_no_quota(void) {
        static const char *const texts[] = { "", "max", "-5 100000", "0 100000", "100000", "100000 0", "x y",
                                             "9223372036854775807 1" };
        unsigned quota = 0;

        machine_new();
        CHECK_EQUAL(control_group_cpu_quota(root, &quota), 0);
        machine_write("/proc/self/cgroup", "0::/a\nrubbish\n:\n::\n");
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                machine_write("/sys/fs/cgroup/a/cpu.max", texts[i]);
                CHECK_EQUAL(control_group_cpu_quota(root, &quota), 0);
        }
}

static void test_memory_of_version_2(void) {
        uint64_t bytes = 0;

        machine_new();
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 0);
        machine_write("/proc/self/cgroup", "0::" UNIT "\n");
        machine_write("/sys/fs/cgroup" UNIT "/memory.max", "max\n");
        machine_write("/sys/fs/cgroup" UNIT "/memory.high", "max\n");
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 0);
        machine_write("/sys/fs/cgroup/primed.slice/primed-worker.slice/memory.high", "536870912\n");
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 1);
        CHECK_EQUAL(bytes, 512U << 20);
        machine_write("/sys/fs/cgroup/primed.slice/memory.max", "268435456\n");
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 1);
        CHECK_EQUAL(bytes, 256U << 20);
        machine_write("/sys/fs/cgroup" UNIT "/memory.max", "0\n");
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 1);
        CHECK_EQUAL(bytes, 0);
        machine_write("/sys/fs/cgroup" UNIT "/memory.max", "rubbish\n");
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 1);
        CHECK_EQUAL(bytes, 256U << 20);
}

static void test_memory_of_version_1(void) {
        uint64_t bytes = 0;

        machine_new();
        machine_write("/proc/self/cgroup", "9:memory:/primed.slice/primed-worker.slice\n4:cpu,cpuacct:/\n0::/\n");
        machine_write("/sys/fs/cgroup/memory/primed.slice/primed-worker.slice/memory.limit_in_bytes",
                      "9223372036854771712\n");
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 0);
        machine_write("/sys/fs/cgroup/memory/primed.slice/memory.limit_in_bytes", "1073741824\n");
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 1);
        CHECK_EQUAL(bytes, 1U << 30);
        machine_write("/sys/fs/cgroup/memory/primed.slice/primed-worker.slice/memory.soft_limit_in_bytes",
                      "104857600\n");
        CHECK_EQUAL(control_group_memory_limit(root, &bytes), 1);
        CHECK_EQUAL(bytes, 100U << 20);
}

static void test_pressure(void) {
        unsigned value = 0;

        machine_new();
        CHECK_EQUAL(control_group_cpu_pressure(root, "system.slice", &value), -ENOENT);
        machine_write("/sys/fs/cgroup/unified/system.slice/cpu.pressure",
                      "some avg10=12.34 avg60=5.00 avg300=0.99 total=123\nfull avg10=0.00 avg60=0.00\n");
        CHECK_EQUAL(control_group_cpu_pressure(root, "system.slice", &value), 0);
        CHECK_EQUAL(value, 1234);
        CHECK_EQUAL(control_group_cpu_pressure(root, "user.slice", &value), -ENOENT);
        machine_write("/sys/fs/cgroup/user.slice/cpu.pressure", "some avg10=100.00 avg60=100.00\n");
        CHECK_EQUAL(control_group_cpu_pressure(root, "user.slice", &value), 0);
        CHECK_EQUAL(value, 10000);
        machine_write("/sys/fs/cgroup/user.slice/cpu.pressure", "some\n");
        CHECK_EQUAL(control_group_cpu_pressure(root, "user.slice", &value), -EBADMSG);
}

/* Whatever this machine is, asking is safe. */
static void test_this_machine(void) {
        unsigned quota = 0;
        int r = control_group_cpu_quota("", &quota);

        CHECK(r == 0 || (r == 1 && quota > 0));
}

int main(void) {
        RUN(test_version_2);
        RUN(test_version_1);
        RUN(test_a_foreign_path_means_the_top);
        RUN(test_nonsense_is_no_quota);
        RUN(test_memory_of_version_2);
        RUN(test_memory_of_version_1);
        RUN(test_pressure);
        RUN(test_this_machine);
        (void) nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return tests_end();
}
