/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Registry and master agree, whatever fails. tests/host/test-service.py has the usual cases. */

#include "master/jobs.h"

#include <errno.h>
#include <unistd.h>

#include "jobs-stage.h"

static JobsStage stage;

/* The registry cannot be written. */
static void break_registry(bool broken) {
        char new[128];

        (void) snprintf(new, sizeof new, "%s.new", stage.registry);
        CHECK((broken ? mkdir(new, 0755) : rmdir(new)) == 0);
}

static void test_changes_that_cannot_be_kept_are_not_made(void) {
        JobsEntry entry;

        stage_begin(&stage);
        CHECK_EQUAL(stage_add(&stage, "0", "10^12", 0), 0);
        break_registry(true);
        CHECK_EQUAL(stage_add(&stage, "5", "10^12", 0), -EISDIR);
        CHECK_EQUAL(jobs_n(stage.jobs), 1);
        CHECK_EQUAL(master_n_jobs(stage.master), 1);
        CHECK_EQUAL(jobs_pause(stage.jobs, "0-1000000000000", true, NULL), -EISDIR);
        CHECK_EQUAL(jobs_cancel(stage.jobs, "0-1000000000000", NULL, NULL), -EISDIR);
        CHECK(stage_find(&stage, "0-1000000000000", &entry));
        CHECK_EQUAL(entry.status.state, MASTER_JOB_RUNNING);
        break_registry(false);
        CHECK_EQUAL(stage_add(&stage, "5", "10^12", 0), 0); /* with the store that it made before */
        stage_end(&stage);
}

/* A machine that stops between the store and the registry leaves a store that is adopted. */
static void test_a_store_without_an_entry_is_paused(void) {
        JobsEntry entry;

        stage_begin(&stage);
        break_registry(true);
        CHECK_EQUAL(stage_add(&stage, "5", "10^12", 0), -EISDIR);
        break_registry(false);
        stage_close(&stage);
        CHECK_EQUAL(stage_open(&stage, NULL), 0);
        CHECK(stage_find(&stage, "5-1000000000000", &entry));
        CHECK_EQUAL(entry.status.state, MASTER_JOB_PAUSED);
        CHECK_EQUAL(jobs_pause(stage.jobs, entry.job->name, false, NULL), 0);
        CHECK(stage_find(&stage, "5-1000000000000", &entry));
        CHECK_EQUAL(entry.status.state, MASTER_JOB_RUNNING);
        stage_end(&stage);
}

static void test_a_foreign_folder_is_in_the_way(void) {
        char path[128];

        stage_begin(&stage);
        (void) snprintf(path, sizeof path, "%s/0-1000", stage.folder);
        CHECK(mkdir(path, 0755) == 0);
        (void) snprintf(path, sizeof path, "%s/0-1000/letter", stage.folder);
        CHECK(mkdir(path, 0755) == 0);
        CHECK_EQUAL(stage_add(&stage, "0", "1000", 0), -ENOTEMPTY); /* not -EEXIST: that is for jobs */
        CHECK(strstr(stage.problem.text, "0-1000"));
        CHECK_EQUAL(jobs_n(stage.jobs), 0);
        CHECK_EQUAL(stage_add(&stage, "0", "0", 0), -EINVAL);
        stage_end(&stage);
}

static void test_priorities(void) {
        JobsEntry entry;

        stage_begin(&stage);
        CHECK_EQUAL(stage_add(&stage, "0", "10^12", 0), 0);
        CHECK_EQUAL(stage_add(&stage, "1", NULL, 7), 0);
        CHECK_EQUAL(stage_add(&stage, "1", NULL, 8), -EEXIST);
        CHECK(stage_find(&stage, "0-1000000000000", &entry));
        CHECK_EQUAL(entry.job->priority, MASTER_PRIORITY_DEFAULT);
        CHECK(stage_find(&stage, "1-open", &entry));
        CHECK_EQUAL(entry.status.priority, 7);
        CHECK_EQUAL(jobs_cancel(stage.jobs, "1-open", NULL, NULL), 0);
        CHECK_EQUAL(stage_add(&stage, "1", NULL, 8), 0);
        CHECK(stage_find(&stage, "1-open", &entry));
        CHECK_EQUAL(entry.status.priority, 8);
        stage_end(&stage);
}

static void test_certainty_is_kept(void) {
        _cleanup_mpz_ mpz_t from, to;
        StandingJob standing = { .from = from, .to = to, .priority = 3, .certainty = CERTAINTY_PROVED };
        uint64_t id;
        JobsEntry entry;

        mpz_inits(from, to, NULL);
        CHECK(number_parse(from, "2^64", NULL) >= 0 && number_parse(to, "10^24", NULL) >= 0);
        stage_begin(&stage);
        CHECK_EQUAL(jobs_set_standing(stage.jobs, &standing, &stage.problem), 0);
        jobs_entry(stage.jobs, 0, &entry);
        CHECK_EQUAL(entry.job->certainty, CERTAINTY_PROVED);
        CHECK_EQUAL(entry.status.certainty, CERTAINTY_PROVED);
        id = entry.status.id;
        stage_close(&stage);
        CHECK_EQUAL(stage_open(&stage, &standing), 0);
        jobs_entry(stage.jobs, 0, &entry);
        CHECK_EQUAL(entry.status.certainty, CERTAINTY_PROVED);
        CHECK_EQUAL(entry.status.id, id);

        /* asked for no more: what has not begun is another job for the workers */
        standing.certainty = 0;
        CHECK_EQUAL(jobs_set_standing(stage.jobs, &standing, &stage.problem), 0);
        jobs_entry(stage.jobs, 0, &entry);
        CHECK_EQUAL(entry.job->certainty, 0);
        CHECK_EQUAL(entry.status.certainty, CERTAINTY_BPSW);
        CHECK(entry.status.id != id);

        /* where no proof reaches */
        standing.certainty = CERTAINTY_PROVED;
        CHECK_EQUAL(jobs_set_standing(stage.jobs, NULL, &stage.problem), 0);
        CHECK(number_parse(from, "4*10^33", NULL) >= 0 && number_parse(to, "4*10^33+10^9", NULL) >= 0);
        stage.problem = PROBLEM_NONE;
        CHECK_EQUAL(jobs_set_standing(stage.jobs, &standing, &stage.problem), -ERANGE);
        CHECK(strstr(stage.problem.text, "bpsw"));
        stage_end(&stage);
}

static void test_a_bad_standing_job_changes_nothing(void) {
        _cleanup_mpz_ mpz_t from, to;
        StandingJob standing = { .from = from, .to = to, .priority = 3 };

        mpz_init_set_ui(from, 100);
        mpz_init_set_ui(to, 10);
        stage_begin(&stage);
        CHECK_EQUAL(stage_add(&stage, "0", "10^12", 0), 0);
        CHECK_EQUAL(jobs_set_standing(stage.jobs, &standing, &stage.problem), -EINVAL);
        CHECK_EQUAL(jobs_n(stage.jobs), 1);
        stage_close(&stage);
        CHECK_EQUAL(stage_open(&stage, &standing), -EINVAL);
        stage.master = master_free(stage.master);
        mpz_set_ui(to, 1000);
        CHECK_EQUAL(stage_open(&stage, &standing), 0);
        CHECK_EQUAL(jobs_n(stage.jobs), 2);
        stage_end(&stage);
}

static void test_more_jobs_than_the_master_takes(void) {
        char to[32];

        stage_begin(&stage);
        for (unsigned i = 0; i < MASTER_JOBS_MAX; i++) {
                (void) snprintf(to, sizeof to, "%u", 1000 + i);
                CHECK_EQUAL(stage_add(&stage, "0", to, 0), 0);
        }
        CHECK_EQUAL(stage_add(&stage, "0", "10^12", 0), -E2BIG);
        CHECK_EQUAL(jobs_n(stage.jobs), MASTER_JOBS_MAX);
        CHECK_EQUAL(jobs_cancel(stage.jobs, "0-1000", NULL, NULL), 0);
        CHECK_EQUAL(stage_add(&stage, "0", "10^12", 0), 0);
        stage_close(&stage);
        CHECK_EQUAL(stage_open(&stage, NULL), 0);
        CHECK_EQUAL(master_n_jobs(stage.master), MASTER_JOBS_MAX);
        stage_end(&stage);
}

int main(void) {
        RUN(test_changes_that_cannot_be_kept_are_not_made);
        RUN(test_a_store_without_an_entry_is_paused);
        RUN(test_a_foreign_folder_is_in_the_way);
        RUN(test_priorities);
        RUN(test_certainty_is_kept);
        RUN(test_a_bad_standing_job_changes_nothing);
        RUN(test_more_jobs_than_the_master_takes);
        return tests_end();
}
