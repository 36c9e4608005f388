/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every call that writes or syncs fails with EIO, once or from then on, and Linux lies about it as it does: what a
 * failed sync was to write is never written, yet stays visible, and the next sync of the same file succeeds. The
 * writer must stop by itself, without a second sync of that descriptor. Then it is started again on the machine that
 * still shows what is not on the disk, and completes the job. At many points of all this, and at the end, the power
 * fails: whatever was acknowledged by either of the two must be there.
 */

#include <errno.h>

#include "faults/memory-fs.h"
#include "faults/power-model.h"
#include "faults/workload.h"
#include "store/verify.h"
#include "test.h"

#define STORE MEMORY_ROOT "/above/store"

enum { POINTS_SKIPPED = 5 };

static Workload workload;
static const char *reference;
static uint64_t n_states, n_journals;

/* The writer until it fails or is done. Marks in the log are what is acknowledged. Returns the failure or 0. */
static int write_until_failure(Random *random, MemoryLog *log) {
        uint64_t order[WORKLOAD_BLOCKS], acknowledged = 0, before;
        Problem problem = PROBLEM_NONE;
        Store *store = NULL;
        int r;

        workload_draw_order(random, order);
        r = workload_open(&workload, &disk_system, STORE, &store, &problem);
        CHECK((r < 0) == (problem.text[0] != '\0'));
        for (size_t i = 0; r >= 0 && i < WORKLOAD_BLOCKS; i++) {
                r = workload_put(&workload, store, order[i], &problem);
                if (r >= 0 && i % 3 == 0)
                        r = workload_put_provenance(store, i, &problem);
                if (r < 0 || (i % 7 != 6 && i + 1 < WORKLOAD_BLOCKS))
                        continue;
                before = acknowledged;
                r = workload_commit(store, &acknowledged, &problem);
                CHECK(r >= 0 || acknowledged == before);
                memory_log_mark(log, 0, acknowledged);
        }
        if (store && r < 0) {
                before = acknowledged;
                CHECK(workload_commit(store, &acknowledged, NULL) < 0 && acknowledged == before);
                CHECK(workload_put(&workload, store, order[WORKLOAD_BLOCKS - 1], NULL) < 0);
        }
        CHECK(r >= 0 || problem.text[0] != '\0');
        store_close(store);
        return r;
}

/* The one after it, on the same machine. */
static void complete(MemoryLog *log) {
        Problem problem = PROBLEM_NONE;
        Store *store = NULL;
        uint64_t present;

        if (workload_open(&workload, &disk_system, STORE, &store, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK(store != NULL);
        present = workload_present(store);
        memory_log_mark(log, 0, present);
        for (uint64_t i = 0; i < WORKLOAD_BLOCKS; i++) {
                int r = workload_put(&workload, store, i, &problem);

                CHECK(r == 0 || r == -EALREADY);
                CHECK(i % 5 != 0 || workload_commit(store, &present, &problem) == 0);
                memory_log_mark(log, 0, present);
        }
        CHECK(workload_commit(store, &present, &problem) == 0 && present == WORKLOAD_ALL);
        memory_log_mark(log, 0, present);
        store_close(store);
        CHECK_STRING(workload_find_difference(reference, STORE) ?: "", "");
}

static void look(MemoryImage *image, uint64_t acknowledged, bool at_end) {
        Problem problem = PROBLEM_NONE;
        VerifyReport report;
        VerifyFault fault;
        Store *store = NULL;

        memory_fs_attach(image, NULL);
        if (workload_open(&workload, &disk_system, STORE, &store, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK(store != NULL);
        CHECK_STRING(workload_find_fault(&workload, store, acknowledged, WORKLOAD_ALL) ?: "", "");
        if (at_end && verify_store(STORE, NULL, &report, &fault, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK_STRING(problem.text, "");
        store_close(store);
        memory_fs_attach(NULL, NULL);
        n_states++;
}

/* The power fails at some points, and at the end. */
static void cut_power(const MemoryLog *log, uint64_t first_point, Random *random) {
        MemoryImage empty = {}, image = {};
        uint64_t acknowledged = 0;
        PowerModel *model;

        memory_image_clear(&empty);
        model = power_model_new(&empty, log);
        for (size_t i = 0; i <= log->n_changes; i++) {
                bool at_end = i == log->n_changes;

                if (i > 0 && log->changes[i - 1].kind == MEMORY_MARK)
                        acknowledged |= log->changes[i - 1].value;
                if (at_end || i % POINTS_SKIPPED == first_point % POINTS_SKIPPED) {
                        power_model_draw(model, random, &image);
                        look(&image, acknowledged, at_end);
                }
                if (!at_end)
                        power_model_advance(model);
        }
        power_model_free(model);
        memory_image_done(&empty);
        memory_image_done(&image);
}

/* False: the run met no failure. */
static bool fail_calls(uint64_t first, uint64_t end, uint64_t seed) {
        MemoryImage image = {};
        MemoryLog log = {};
        bool failed;
        Random random;
        int r;

        random_init(&random, seed);
        memory_image_clear(&image);
        memory_fs_attach(&image, &log);
        memory_fs_fail(first, end);
        r = write_until_failure(&random, &log);
        failed = memory_fs_n_failed() > 0;
        CHECK(r == 0 || r == -EIO);
        CHECK_EQUAL(memory_fs_n_syncs_after_failure(), 0);
        memory_fs_mend();
        complete(&log);
        memory_fs_attach(NULL, NULL);
        n_journals = memory_log_count_renames(&log, LAYOUT_PROVENANCE);
        if (failed)
                cut_power(&log, first, &random);
        memory_image_done(&image);
        memory_log_done(&log);
        return failed;
}

static void fail_each_call(bool for_ever) {
        uint64_t seed = fixture_seed(), n = 1;

        n_states = 0;
        while (fail_calls(n, for_ever ? UINT64_MAX : n + 1, seed))
                n++;
        printf("# %" PRIu64 " calls failed, %" PRIu64 " power cuts\n", n - 1, n_states);
        CHECK(n > 150);
        CHECK(n_journals > 2); /* when nothing failed: made, and compacted more than once */
}

static void test_each_call_fails_once(void) {
        fail_each_call(false);
}

static void test_each_call_fails_from_then_on(void) {
        fail_each_call(true);
}

static void test_each_call_fails_once_with_digests(void) {
        fail_each_call(false);
}

static void test_each_call_fails_from_then_on_with_digests(void) {
        fail_each_call(true);
}

static void begin(StoreKeep keep) {
        workload_init(&workload, FIXTURE_FROM, keep);
        reference = workload_make_reference(&workload);
}

int main(void) {
        begin(STORE_KEEP_FULL);
        RUN(test_each_call_fails_once);
        RUN(test_each_call_fails_from_then_on);
        workload_done(&workload);
        begin(STORE_KEEP_DIGEST);
        RUN(test_each_call_fails_once_with_digests);
        RUN(test_each_call_fails_from_then_on_with_digests);
        workload_done(&workload);
        return tests_end();
}
