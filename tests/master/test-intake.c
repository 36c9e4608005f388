/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What becomes of a block that arrives. */

#include "master/intake.h"

#include <errno.h>

#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "test.h"

#define WORKER 17

typedef struct Stage {
        char folder[64];
        MasterJob *job;
        Plan *plan;
        Auditor *auditor;
        uint8_t *packed;
        MessageBlock block; /* the job's only one, as an honest worker sends it */
} Stage;

/* The job [0, 30000). */
static Stage *stage_new(void) {
        const PlanSettings settings = PLAN_SETTINGS_DEFAULT;
        Stage *stage = calloc(1, sizeof *stage);
        uint8_t bitmap[1000];
        _cleanup_mpz_ mpz_t from, to;
        Packer *packer = packer_new();
        Certainty certainty;
        PackCodec codec;
        SieveRun *run;

        CHECK(stage && packer);
        mpz_init_set_ui(from, 0);
        mpz_init_set_ui(to, 30000);
        (void) strcpy(stage->folder, "/tmp/primed-test-intake-XXXXXX");
        CHECK(mkdtemp(stage->folder));
        CHECK(master_job_open(&(MasterJobSettings) { .name = "job", .from = from, .to = to,
                                                     .store_path = stage->folder,
                                                    .store_options = { .segment_blocks = 4 } },
                              &(MasterRules) {}, &disk_system, &stage->job, NULL) >= 0);
        CHECK(plan_new(&settings, &stage->plan) >= 0);
        CHECK(plan_job_add(stage->plan,
                           &(PlanJob) { .id = stage->job->id, .n_items = 1, .priority = 1, .run_items = 1,
                                        .spool_items_max = UINT64_MAX }, NULL) >= 0);
        CHECK((stage->auditor = auditor_new()));

        CHECK(sieve_run_new(from, to, &(SieveEnvironment) {}, &run) >= 0);
        CHECK(sieve_run_next(run, 30000, bitmap, &certainty) >= 0);
        sieve_run_free(run);
        CHECK((stage->packed = malloc(pack_bound(sizeof bitmap))));
        CHECK(pack_bitmap(packer, from, bitmap, sizeof bitmap, stage->packed, pack_bound(sizeof bitmap), &codec,
                          &stage->block.packed.size) >= 0);
        packer_free(packer);
        stage->block.job = stage->job->id;
        stage->block.codec = (uint8_t) codec;
        stage->block.certainty = (uint8_t) certainty;
        stage->block.count = bitmap_count(bitmap, sizeof bitmap) + 3;
        stage->block.packed.data = stage->packed;
        checksum_sha256(bitmap, sizeof bitmap, stage->block.digest);
        return stage;
}

static void stage_free(Stage *stage) {
        char command[128];

        plan_free(stage->plan);
        auditor_free(stage->auditor);
        master_job_free(stage->job);
        free(stage->packed);
        (void) snprintf(command, sizeof command, "rm -rf '%s'", stage->folder);
        CHECK(system(command) == 0);
        free(stage);
}

static IntakeOutcome take(Stage *stage, const MessageBlock *block, int *ret_error, Problem *problem) {
        return intake_block(stage->auditor, stage->plan, stage->job, WORKER, block, USEC_PER_SEC, ret_error, problem);
}

static void test_new_then_known(void) {
        Stage *stage = stage_new();
        Problem problem = PROBLEM_NONE;
        int error = 0;

        CHECK_EQUAL(stage->block.count, 3245); /* pi(30000) */
        CHECK_EQUAL(take(stage, &stage->block, &error, &problem), INTAKE_STORED);
        CHECK(master_job_is_dirty(stage->job));
        CHECK_EQUAL(take(stage, &stage->block, &error, &problem), INTAKE_KNOWN);
        CHECK_EQUAL(plan_job_frontier(stage->plan, stage->job->id), 1);
        CHECK_STRING(problem.text, "");
        stage_free(stage);
}

static void test_refused_blocks_leave_no_trace(void) {
        Stage *stage = stage_new();
        MessageBlock block = stage->block;
        Problem problem = PROBLEM_NONE;
        int error = 0;

        block.count--;
        CHECK_EQUAL(take(stage, &block, &error, &problem), INTAKE_REFUSED);
        CHECK(problem.text[0] != '\0');
        CHECK_EQUAL(plan_job_frontier(stage->plan, stage->job->id), 0);
        CHECK(!master_job_is_dirty(stage->job));

        block = stage->block;
        block.sequence = 1;
        CHECK_EQUAL(take(stage, &block, &error, &problem), INTAKE_REFUSED);
        CHECK_EQUAL(take(stage, &stage->block, &error, &problem), INTAKE_STORED);
        stage_free(stage);
}

static void test_unknown_to_the_plan_is_a_failure(void) {
        Stage *stage = stage_new();
        Problem problem = PROBLEM_NONE;
        int error = 0;

        CHECK(plan_job_remove(stage->plan, stage->job->id) >= 0);
        CHECK_EQUAL(take(stage, &stage->block, &error, &problem), INTAKE_FAILED);
        CHECK_EQUAL(error, -ENOENT);
        CHECK(!master_job_is_dirty(stage->job));
        stage_free(stage);
}

int main(void) {
        RUN(test_new_then_known);
        RUN(test_refused_blocks_leave_no_trace);
        RUN(test_unknown_to_the_plan_is_a_failure);
        return tests_end();
}
