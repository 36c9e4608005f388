/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "3 workers, 8 threads; job 0 to 10^11: 12.3 %, 2.10 G numbers/s". */

#include "master/service-status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "prime/number.h"

typedef struct StatusText {
        char *text;
        size_t used, size;
} StatusText;

static void _printf_(2, 3) status_add(StatusText *status, const char *format, ...) {
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(status->text + status->used, status->size - status->used, format, arguments);
        va_end(arguments);
        if (n > 0)
                status->used = MIN(status->used + (size_t) n, status->size - 1);
}

unsigned service_n_threads(const Master *master) {
        unsigned n = 0;

        for (size_t i = 0; i < master_n_workers(master); i++) {
                MasterWorkerStatus worker;

                master_worker_status(master, i, &worker);
                n += worker.threads_applied;
        }
        return n;
}

/* As people write it: "10^12", "25*10^9", "1234567". */
static void status_add_number(StatusText *status, const mpz_t number) {
        _cleanup_free_ char *text = number_format_short(number);
        size_t n = text ? strlen(text) : 0, zeros = 0;

        while (zeros < n && text[n - zeros - 1] == '0')
                zeros++;
        if (!text || zeros < 6 || n - zeros > 3 || strpbrk(text, "^e."))
                status_add(status, "%s", text ? text : "?");
        else if (n - zeros == 1 && text[0] == '1')
                status_add(status, "10^%zu", zeros);
        else
                status_add(status, "%.*s*10^%zu", (int) (n - zeros), text, zeros);
}

static void status_add_interval(StatusText *status, const Grid *grid) {
        if (grid->open)
                status_add(status, "from ");
        status_add_number(status, grid->from);
        status_add(status, grid->open ? " on" : " to ");
        if (!grid->open)
                status_add_number(status, grid->to);
}

/* How far an open job is, or what part of another is done. Truncated: 100 % is for finished ones. */
static void status_add_progress(StatusText *status, const MasterJobStatus *job) {
        double done = grid_numbers(job->grid, 0, job->n_blocks_present);

        if (job->grid->open) {
                _cleanup_mpz_ mpz_t frontier;
                GridBlock block;

                mpz_init(frontier);
                if (job->totals.n_blocks > 0)
                        grid_block(job->grid, job->totals.n_blocks, frontier, &block);
                else
                        mpz_set(frontier, job->grid->from);
                status_add(status, "done below ");
                status_add_number(status, frontier);
        } else {
                double permille = 1000 * done / grid_numbers(job->grid, 0, job->grid->n_blocks);

                status_add(status, "%.1f %%", (double) (unsigned) permille / 10);
        }
        if (job->rate > 0) {
                char rate[TEXT_SIZE];

                status_add(status, ", %s numbers/s", text_metric(job->rate, rate));
        }
}

/* The running job of the highest priority, the first of several; how many run, and how many are in each other state. */
typedef struct JobSurvey {
        size_t n_running, n_paused, n_finished, n_failed;
        JobsEntry first, failed;
} JobSurvey;

static void survey_jobs(const Jobs *jobs, JobSurvey *ret) {
        *ret = (JobSurvey) {};
        for (size_t i = 0; i < jobs_n(jobs); i++) {
                JobsEntry entry;

                jobs_entry(jobs, i, &entry);
                if (!entry.open || entry.status.state == MASTER_JOB_FAILED) {
                        if (ret->n_failed++ == 0)
                                ret->failed = entry;
                } else if (entry.status.state == MASTER_JOB_RUNNING) {
                        if (ret->n_running++ == 0 || entry.status.priority > ret->first.status.priority)
                                ret->first = entry;
                } else if (entry.status.state == MASTER_JOB_PAUSED)
                        ret->n_paused++;
                else
                        ret->n_finished++;
        }
}

static void status_add_jobs(StatusText *status, const JobSurvey *survey) {
        if (survey->n_running > 0) {
                status_add(status, "job ");
                status_add_interval(status, survey->first.status.grid);
                status_add(status, ": ");
                status_add_progress(status, &survey->first.status);
                if (survey->n_running > 1)
                        status_add(status, "; %zu more job%s", survey->n_running - 1,
                                   text_plural(survey->n_running - 1));
        } else if (survey->n_paused > 0)
                status_add(status, "%zu job%s paused: primectl resume", survey->n_paused,
                           text_plural(survey->n_paused));
        else if (survey->n_failed == 0)
                status_add(status, survey->n_finished > 0 ? "All jobs are finished: primectl start --to 10^12" :
                                                            "No job: primectl start --to 10^12");
        if (survey->n_failed > 0)
                status_add(status, "%sjob %s failed: %s", survey->n_running + survey->n_paused > 0 ? "; " : "",
                           survey->failed.job->name, survey->failed.problem);
}

const char *service_status_text(const ServiceFacts *facts, char ret[static SERVICE_STATUS_SIZE]) {
        StatusText status = { .text = ret, .size = SERVICE_STATUS_SIZE };
        size_t n_workers = master_n_workers(facts->master);
        unsigned n_threads = service_n_threads(facts->master);
        JobSurvey survey;

        ret[0] = '\0';
        survey_jobs(facts->jobs, &survey);
        if (n_workers > 0)
                status_add(&status, "%zu worker%s, %u thread%s; ", n_workers, text_plural(n_workers), n_threads,
                           text_plural(n_threads));
        else if (survey.n_running > 0)
                status_add(&status, "No worker yet; ");
        status_add_jobs(&status, &survey);
        if (facts->problem[0] != '\0')
                status_add(&status, ". The last reload failed: %s", facts->problem);
        if (facts->hint[0] != '\0')
                status_add(&status, ". %s", facts->hint);
        for (char *p = ret; *p != '\0'; p++)
                if (*p == '\n')
                        *p = ' ';
        return ret;
}

const char *service_work_text(const Jobs *jobs, char *ret, size_t size) {
        StatusText status = { .text = ret, .size = size };
        JobSurvey survey;

        ret[0] = '\0';
        survey_jobs(jobs, &survey);
        if (survey.n_running > 0)
                status_add_interval(&status, survey.first.status.grid);
        if (survey.n_running > 1)
                status_add(&status, " and %zu more", survey.n_running - 1);
        return ret;
}
