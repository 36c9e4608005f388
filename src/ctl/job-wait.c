/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asks the master once a second, and draws what it says as primectl local does. */

#include "ctl/job-wait.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "bus/bus.h"
#include "ctl/client.h"
#include "ctl/progress.h"
#include "ctl/answer.h"

#define ABSENCE_USEC USEC_PER_MINUTE /* of the master: then it is not being restarted, but gone */

typedef struct JobWait {
        sd_bus *bus;
        const char *name;
        bool quiet;
        Progress progress;
        double numbers_at_start; /* when the watching began */
        usec_t began_usec, absent_usec; /* 0: it is there */
        bool begun;
} JobWait;

/* 1: found, the caller owns `*ret`; 0: there is no such job; -EHOSTDOWN and other errors. */
static int ask(const JobWait *wait, json_t **ret, sd_bus_error *error) {
        json_t *jobs, *job;
        size_t i;
        int r;

        r = client_query(wait->bus, CLIENT_MASTER, "ListJobs", &jobs, error);
        if (r < 0)
                return r;
        r = 0;
        json_array_foreach(jobs, i, job)
                if (answer_is(job, "name", wait->name)) {
                        *ret = json_incref(job);
                        r = 1;
                        break;
                }
        json_decref(jobs);
        return r;
}

static void show(JobWait *wait, const json_t *job) {
        usec_t now = clock_now_usec();
        Report report = {
                .to = (char *) answer_string(job, "to"),
                .numbers_total = answer_double(job, "numbers_total"),
                .numbers_done = answer_double(job, "numbers_done"),
                .primes = answer_u64(job, "primes"),
                .blocks_total = answer_u64(job, "blocks_total"),
        };

        if (!wait->begun) {
                wait->begun = true;
                wait->began_usec = now;
                wait->numbers_at_start = report.numbers_done;
        }
        report.numbers_at_start = wait->numbers_at_start;
        report.elapsed_usec = now - wait->began_usec;
        if (report.blocks_total > 0)
                report.block_length = (uint64_t) (report.numbers_total / (double) report.blocks_total);
        if (!wait->quiet)
                progress_show(&wait->progress, &report, now);
}

/* The exit status, or -1: it goes on. */
static int judge(JobWait *wait, const json_t *job) {
        char primes[TEXT_SIZE];

        if (answer_is(job, "state", "failed")) {
                progress_clear(&wait->progress);
                log_error("The job %s failed: %s", wait->name, answer_string(job, "problem"));
                return EXIT_FAILURE;
        }
        if (answer_is(job, "state", "finished")) {
                progress_clear(&wait->progress);
                if (!wait->quiet)
                        printf("Finished %s: %s primes in %s; unaudited.\n", wait->name,
                               text_grouped(answer_u64(job, "primes"), primes), answer_string(job, "store"));
                return EXIT_SUCCESS;
        }
        show(wait, job);
        return -1;
}

/* The same when there is no answer. */
static int judge_absence(JobWait *wait, int error, const char *text) {
        usec_t now = clock_now_usec();

        if (error != -EHOSTDOWN) {
                progress_clear(&wait->progress);
                log_error("Failed to ask the master: %s.", text);
                return EXIT_FAILURE;
        }
        if (wait->absent_usec == 0) {
                wait->absent_usec = now;
                progress_clear(&wait->progress);
                if (!wait->quiet)
                        log_info("The master has stopped; waiting for its return …");
        }
        if (now - wait->absent_usec < ABSENCE_USEC)
                return -1;
        log_error("The master has stopped; the job %s goes on when it is started again.", wait->name);
        return EXIT_NOT_RUNNING;
}

static int step(JobWait *wait) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        json_t *job = NULL;
        int r;

        r = ask(wait, &job, &error);
        if (r < 0)
                r = judge_absence(wait, r, bus_error_text(&error, r));
        else if (r == 0) {
                progress_clear(&wait->progress);
                log_error("The job %s was cancelled.", wait->name);
                r = EXIT_FAILURE;
        } else {
                wait->absent_usec = 0;
                (void) answer_make_plain(job);
                r = judge(wait, job);
        }
        json_decref(job);
        sd_bus_error_free(&error);
        return r;
}

int job_wait(sd_bus *bus, const char *name, bool quiet) {
        static const struct timespec pause = { .tv_sec = 1 };
        JobWait wait = { .bus = bus, .name = name, .quiet = quiet };
        sigset_t mask, before;
        int r;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &mask, &before);
        progress_init(&wait.progress, stderr, isatty(STDERR_FILENO), clock_now_usec());
        while ((r = step(&wait)) < 0) {
                int signal_number = sigtimedwait(&mask, NULL, &pause);

                if (signal_number > 0) {
                        progress_clear(&wait.progress);
                        if (!quiet)
                                fprintf(stderr, "The job goes on: 'primectl status' shows it.\n");
                        r = 128 + signal_number;
                        break;
                }
        }
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}
