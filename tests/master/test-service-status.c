/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What `systemctl status` and the LAN are told. With workers: tests/host/test-service.py. */

#include "master/service-status.h"

#include <unistd.h>

#include "jobs-stage.h"

static JobsStage stage;

static void check_status(const char *problem, const char *hint, const char *wanted) {
        const ServiceFacts facts = { .master = stage.master, .jobs = stage.jobs, .problem = problem, .hint = hint };
        char text[SERVICE_STATUS_SIZE];

        CHECK_STRING(service_status_text(&facts, text), wanted);
}

static void check_work(const char *wanted) {
        char text[64];

        CHECK_STRING(service_work_text(stage.jobs, text, sizeof text), wanted);
}

static void test_no_job(void) {
        stage_begin(&stage);
        check_status("", "", "No job: primectl start --to 10^12");
        check_work("");
        stage_end(&stage);
}

static void test_numbers_are_written_as_people_do(void) {
        static const char *const cases[][3] = {
                { "0", "10^12", "0 to 10^12" },
                { "25*10^9", "1e25", "25*10^9 to 10^25" },
                { "123456", "999*10^6", "123456 to 999*10^6" },
                { "10", "100000", "10 to 100000" },
                { "2^64", NULL, "from 18446744073709551616 on" },
                { "2^600", NULL, "from 2^600 on" },
                { "5*10^200", NULL, "from 5*10^200 on" },
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                stage_begin(&stage);
                CHECK_EQUAL(stage_add(&stage, cases[i][0], cases[i][1], 0), 0);
                check_work(cases[i][2]);
                stage_end(&stage);
        }
}

static void test_jobs(void) {
        stage_begin(&stage);
        CHECK_EQUAL(stage_add(&stage, "0", "10^12", 5), 0);
        check_status("", "", "No worker yet; job 0 to 10^12: 0.0 %");
        CHECK_EQUAL(stage_add(&stage, "10^6", NULL, 6), 0);
        check_status("", "", "No worker yet; job from 10^6 on: done below 10^6; 1 more job");
        check_work("from 10^6 on and 1 more");
        CHECK_EQUAL(jobs_pause(stage.jobs, "1000000-open", true, NULL), 0);
        check_work("0 to 10^12");
        CHECK_EQUAL(jobs_pause(stage.jobs, "0-1000000000000", true, NULL), 0);
        check_status("", "", "2 jobs paused: primectl resume");
        check_work("");
        stage_end(&stage);
}

static void test_problems_and_hints(void) {
        stage_begin(&stage);
        check_status("master.conf:3: no.", "",
                     "No job: primectl start --to 10^12. The last reload failed: master.conf:3: no.");
        check_status("", "Open it:\nufw allow primed", "No job: primectl start --to 10^12. Open it: ufw allow primed");
        stage_end(&stage);
}

static void test_long_texts_are_cut(void) {
        char long_text[4096], text[SERVICE_STATUS_SIZE], small[12];
        const ServiceFacts facts = { .problem = long_text, .hint = "" };
        ServiceFacts with_jobs = facts;

        memset(long_text, 'x', sizeof long_text - 1);
        long_text[sizeof long_text - 1] = '\0';
        stage_begin(&stage);
        with_jobs.master = stage.master;
        with_jobs.jobs = stage.jobs;
        CHECK_EQUAL(strlen(service_status_text(&with_jobs, text)), SERVICE_STATUS_SIZE - 1);
        CHECK_EQUAL(stage_add(&stage, "123456789", "10^12+7", 0), 0);
        CHECK_STRING(service_work_text(stage.jobs, small, sizeof small), "123456789 t");
        stage_end(&stage);
}

static void test_failed_jobs(void) {
        char store[128], away[160], text[SERVICE_STATUS_SIZE];

        stage_begin(&stage);
        CHECK_EQUAL(stage_add(&stage, "0", "10^12", 5), 0);
        stage_close(&stage);
        (void) snprintf(store, sizeof store, "%s/0-1000000000000", stage.folder);
        (void) snprintf(away, sizeof away, "%s.away", store);
        CHECK(rename(store, away) == 0);
        CHECK_EQUAL(stage_open(&stage, NULL), 0);
        (void) service_status_text(&(ServiceFacts) { stage.master, stage.jobs, "", "" }, text);
        CHECK(strncmp(text, "job 0-1000000000000 failed: The store '", 39) == 0);
        CHECK(strstr(text, "is not there any more"));
        stage_end(&stage);
}

int main(void) {
        RUN(test_no_job);
        RUN(test_numbers_are_written_as_people_do);
        RUN(test_jobs);
        RUN(test_problems_and_hints);
        RUN(test_long_texts_are_cut);
        RUN(test_failed_jobs);
        return tests_end();
}
