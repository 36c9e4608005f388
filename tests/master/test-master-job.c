/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job is known by what it is: the same interval gives the same id, anywhere and at any time. */

#include "master/master-job.h"

#include <errno.h>

#include "base/cleanup.h"
#include "prime/number.h"
#include "test.h"

static char folder[] = "/tmp/primed-test-job-XXXXXX";

static MasterJob *open_job(const char *from_word, const char *to_word, const char *name, int expected) {
        _cleanup_mpz_ mpz_t from, to;
        Problem problem = PROBLEM_NONE;
        MasterJob *job = NULL;
        char path[128];
        int r;

        mpz_inits(from, to, NULL);
        CHECK(number_parse(from, from_word, NULL) >= 0);
        CHECK(!to_word || number_parse(to, to_word, NULL) >= 0);
        (void) snprintf(path, sizeof path, "%s/%s", folder, name);
        r = master_job_open(&(MasterJobSettings) { .name = name, .from = from, .to = to_word ? to : NULL,
                                                   .store_path = path, .store_options = { .segment_blocks = 4 } },
                            &(MasterRules) {}, &disk_system, &job, &problem);
        if (r != expected)
                printf("# %s\n", problem.text);
        CHECK_EQUAL(r, expected);
        CHECK((r < 0) == (problem.text[0] != '\0'));
        return job;
}

static void test_id_depends_on_the_interval_alone(void) {
        static const struct {
                const char *from, *to;
        } cases[] = {
                { "0", "10^9" }, { "0", "10^9+1" }, { "1", "10^9" }, { "0", NULL }, { "2^80", "2^80+256" },
                { "2^80+256", "2^80+512" },
        };
        uint64_t ids[ELEMENTSOF(cases)];
        char name[16];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                MasterJob *job, *again;

                (void) snprintf(name, sizeof name, "a%zu", i);
                job = open_job(cases[i].from, cases[i].to, name, 0);
                (void) snprintf(name, sizeof name, "b%zu", i);
                again = open_job(cases[i].from, cases[i].to, name, 0);
                CHECK(job->id == again->id);
                ids[i] = job->id;
                for (size_t k = 0; k < i; k++)
                        CHECK(ids[k] != ids[i]);
                CHECK(!master_job_is_complete(job) && !master_job_is_dirty(job));
                master_job_free(job);
                master_job_free(again);
        }
}

static void test_impossible_jobs_are_refused(void) {
        CHECK(open_job("10", "10", "empty", -EINVAL) == NULL);
        CHECK(open_job("10", "9", "reversed", -EINVAL) == NULL);
        CHECK(open_job("0", "2^1000", "endless", -ERANGE) == NULL);
        CHECK(open_job("0", "10^8", "a0", -EEXIST) == NULL); /* another job's store */
}

static void check_segments(const MasterRules *rules, const char *name, uint64_t segment_blocks) {
        _cleanup_mpz_ mpz_t from;
        MasterJob *job = NULL;
        char path[128];

        mpz_init(from);
        CHECK(number_parse(from, "10^12", NULL) >= 0);
        (void) snprintf(path, sizeof path, "%s/%s", folder, name);
        CHECK(master_job_open(&(MasterJobSettings) { .name = name, .from = from, .store_path = path }, rules,
                              &disk_system, &job, NULL) >= 0);
        CHECK_EQUAL(store_segment_blocks(job->store), segment_blocks);
        CHECK_EQUAL(job->store_options.keep, rules->keep);
        master_job_free(job);
}

static void test_new_stores_follow_the_rules(void) {
        const uint64_t length = GRID_BLOCK_LENGTH_MAX;
        MasterRules size = { .segment_bytes = UINT64_C(8) << 20 };
        uint64_t n_blocks;
        Grid grid;

        {
                _cleanup_mpz_ mpz_t from;

                mpz_init(from);
                CHECK(number_parse(from, "10^12", NULL) >= 0);
                CHECK(grid_init(&grid, from, NULL, NULL) >= 0);
                n_blocks = store_segment_blocks_for(&grid, size.segment_bytes, STORE_KEEP_FULL);
        }
        CHECK(n_blocks > 4 && n_blocks < 100);
        check_segments(&size, "size", n_blocks);
        check_segments(&(MasterRules) { .segment_bytes = size.segment_bytes, .segment_span = 3 * length + 1 },
                       "span", 3);
        check_segments(&(MasterRules) { .segment_bytes = size.segment_bytes, .segment_span = UINT64_MAX }, "wide",
                       n_blocks);
        check_segments(&(MasterRules) { .segment_span = 1 }, "narrow", 1);
        check_segments(&(MasterRules) { .keep = STORE_KEEP_DIGEST }, "digest",
                       store_segment_blocks_for(&grid, STORE_SEGMENT_SIZE_DEFAULT, STORE_KEEP_DIGEST));
        check_segments(&size, "digest", /* what a store has stays */
                       store_segment_blocks_for(&grid, STORE_SEGMENT_SIZE_DEFAULT, STORE_KEEP_DIGEST));
        grid_done(&grid);
}

int main(void) {
        char command[64];

        tests_current = "setup";
        CHECK(mkdtemp(folder));
        RUN(test_id_depends_on_the_interval_alone);
        RUN(test_impossible_jobs_are_refused);
        RUN(test_new_stores_follow_the_rules);
        (void) snprintf(command, sizeof command, "rm -rf '%s'", folder);
        CHECK(system(command) == 0);
        return tests_end();
}
