/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits of the config in systemd's terms. */

#include "limits/limit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static Limit limits[LIMIT_KINDS];

static void test_nothing_asked(void) {
        limits_from_config(&(WorkerConfig) { .cores = 2 }, limits);
        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                CHECK(!limits[kind].asked);
}

static void test_quota(void) {
        limits_from_config(&(WorkerConfig) { .cpu_quota = 150 }, limits);
        CHECK(limits[LIMIT_CPU_QUOTA].asked && !limits[LIMIT_CPU_WEIGHT].asked);
        CHECK_STRING(limits[LIMIT_CPU_QUOTA].property, "CPUQuotaPerSecUSec");
        CHECK_EQUAL(limits[LIMIT_CPU_QUOTA].type, 't');
        CHECK_EQUAL(limits[LIMIT_CPU_QUOTA].number, 1500000);
        CHECK_STRING(limits[LIMIT_CPU_QUOTA].text, "150%");
}

static void test_processors(void) {
        uint8_t cpus[] = { 0x0f, 0x01 };
        char text[] = "0-3,8";

        limits_from_config(
                &(WorkerConfig) { .allowed_cpus = cpus, .allowed_cpus_size = sizeof cpus, .allowed_cpus_text = text },
                limits);
        CHECK(limits[LIMIT_ALLOWED_CPUS].asked);
        CHECK_EQUAL(limits[LIMIT_ALLOWED_CPUS].type, 'y');
        CHECK_EQUAL(limits[LIMIT_ALLOWED_CPUS].n_cpus, 2);
        CHECK(memcmp(limits[LIMIT_ALLOWED_CPUS].cpus, cpus, sizeof cpus) == 0);
        CHECK_STRING(limits[LIMIT_ALLOWED_CPUS].text, "0-3,8");
}

static void test_weight(void) {
        limits_from_config(&(WorkerConfig) { .cpu_weight_set = true, .cpu_weight = 0 }, limits);
        CHECK(limits[LIMIT_CPU_WEIGHT].asked);
        CHECK_EQUAL(limits[LIMIT_CPU_WEIGHT].number, 0);
        CHECK_STRING(limits[LIMIT_CPU_WEIGHT].text, "idle");

        limits_from_config(&(WorkerConfig) { .cpu_weight_set = true, .cpu_weight = 200 }, limits);
        CHECK_EQUAL(limits[LIMIT_CPU_WEIGHT].number, 200);
        CHECK_STRING(limits[LIMIT_CPU_WEIGHT].text, "200");
}

static void test_memory(void) {
        static const struct {
                uint64_t bytes;
                const char *text;
        } cases[] = { { 512U << 20, "512M" }, { 1, "1" }, { 1536, "1536" }, { (uint64_t) 3 << 40, "3T" } };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                limits_from_config(&(WorkerConfig) { .memory_bytes = cases[i].bytes }, limits);
                CHECK_STRING(limits[LIMIT_MEMORY_HIGH].property, "MemoryHigh");
                CHECK_EQUAL(limits[LIMIT_MEMORY_HIGH].number, cases[i].bytes);
                CHECK_STRING(limits[LIMIT_MEMORY_HIGH].text, cases[i].text);
        }

        limits_from_config(&(WorkerConfig) { .memory_percent = 50 }, limits);
        CHECK_STRING(limits[LIMIT_MEMORY_HIGH].property, "MemoryHighScale");
        CHECK_EQUAL(limits[LIMIT_MEMORY_HIGH].type, 'u');
        CHECK_EQUAL(limits[LIMIT_MEMORY_HIGH].number, 2147483648U); /* what systemctl sends for 50% */
        CHECK_STRING(limits[LIMIT_MEMORY_HIGH].text, "50%");

        limits_from_config(&(WorkerConfig) { .memory_percent = 100 }, limits);
        CHECK_EQUAL(limits[LIMIT_MEMORY_HIGH].number, UINT32_MAX);
}

static void test_names(void) {
        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                CHECK_EQUAL(limit_kind_from_name(limit_kind_name(kind)), kind);
        CHECK(limit_kind_from_name("CPUQuotaPerSecUSec") < 0);
        CHECK(limit_kind_from_name("") < 0);
}

static void test_effect(void) {
        char folder[] = "/tmp/primed-test-cgroup-XXXXXX", path[64];
        int fd;

        CHECK(mkdtemp(folder));
        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                CHECK(!limit_has_effect(kind, folder));

        /* Version 1: a hierarchy for each controller. */
        (void) snprintf(path, sizeof path, "%s/cpu", folder);
        CHECK(mkdir(path, 0700) == 0);
        CHECK(limit_has_effect(LIMIT_CPU_QUOTA, folder) && limit_has_effect(LIMIT_CPU_WEIGHT, folder));
        CHECK(!limit_has_effect(LIMIT_ALLOWED_CPUS, folder) && !limit_has_effect(LIMIT_MEMORY_HIGH, folder));
        CHECK(rmdir(path) == 0);

        /* Version 2: what the root offers. */
        (void) snprintf(path, sizeof path, "%s/cgroup.controllers", folder);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK(write(fd, "cpuset io memory\n", 17) == 17);
        CHECK(close(fd) == 0);
        CHECK(limit_has_effect(LIMIT_ALLOWED_CPUS, folder) && limit_has_effect(LIMIT_MEMORY_HIGH, folder));
        CHECK(!limit_has_effect(LIMIT_CPU_QUOTA, folder));

        CHECK(unlink(path) == 0 && rmdir(folder) == 0);
        CHECK(!limit_has_effect(LIMIT_CPU_QUOTA, folder));
}

int main(void) {
        RUN(test_nothing_asked);
        RUN(test_quota);
        RUN(test_processors);
        RUN(test_weight);
        RUN(test_memory);
        RUN(test_names);
        RUN(test_effect);
        return tests_end();
}
