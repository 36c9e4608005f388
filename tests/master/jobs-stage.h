/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A master without workers, whose jobs are in a folder of the test's own. */

#include "master/jobs.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "prime/number.h"
#include "test.h"

typedef struct JobsStage {
        char folder[64];
        char registry[96];
        sd_event *event;
        Master *master;
        Jobs *jobs;
        Problem problem; /* of the last call */
} JobsStage;

static inline int stage_remove_one(const char *name, const struct stat *st, int type, struct FTW *place) {
        return remove(name);
}

/* 0, or what jobs_new() gave; then there are no jobs. */
static inline int stage_open(JobsStage *stage, const StandingJob *standing) {
        const JobsSettings settings = {
                .registry_path = stage->registry,
                .store_root = stage->folder,
        };
        JobsSettings with_master = settings;

        stage->problem = PROBLEM_NONE;
        CHECK_EQUAL(master_new(stage->event, &(MasterSettings) { .name = "stage" }, &stage->master, NULL), 0);
        with_master.master = stage->master;
        return jobs_new(&with_master, standing, &stage->jobs, &stage->problem);
}

static inline void stage_close(JobsStage *stage) {
        stage->master = master_free(stage->master);
        stage->jobs = jobs_free(stage->jobs);
}

static inline void stage_begin(JobsStage *stage) {
        *stage = (JobsStage) { .folder = "/tmp/primed-test-jobs.XXXXXX" };
        CHECK(mkdtemp(stage->folder));
        (void) snprintf(stage->registry, sizeof stage->registry, "%s/jobs.json", stage->folder);
        CHECK(sd_event_new(&stage->event) >= 0);
        CHECK_EQUAL(stage_open(stage, NULL), 0);
}

static inline void stage_end(JobsStage *stage) {
        stage_close(stage);
        sd_event_unref(stage->event);
        (void) nftw(stage->folder, stage_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* `to` NULL: open. */
static inline int stage_add(JobsStage *stage, const char *from, const char *to, unsigned priority) {
        _cleanup_mpz_ mpz_t a, b;
        const char *name;

        mpz_inits(a, b, NULL);
        CHECK_EQUAL(number_parse(a, from, NULL), 0);
        CHECK(!to || number_parse(b, to, NULL) == 0);
        stage->problem = PROBLEM_NONE;
        return jobs_add(stage->jobs, a, to ? b : NULL, priority, 0, &name, &stage->problem);
}

/* The entry of this name, or false. */
static inline bool stage_find(const JobsStage *stage, const char *name, JobsEntry *ret) {
        for (size_t i = 0; i < jobs_n(stage->jobs); i++) {
                jobs_entry(stage->jobs, i, ret);
                if (strcmp(ret->job->name, name) == 0)
                        return true;
        }
        return false;
}
