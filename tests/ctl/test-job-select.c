/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ctl/job-select.h"

#include <errno.h>
#include <stdarg.h>

#include "test.h"

static json_t *some_jobs(void) {
        json_t *jobs = json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}, {s:s, s:s, s:s}]",
                                 "name", "0-1000", "id", "0123456789abcdef", "state", "running",
                                 "name", "0-open", "id", "fedcba9876543210", "state", "paused",
                                 "name", "5-7", "id", "0000000000000001", "state", "finished");

        CHECK(jobs);
        return jobs;
}

/* The names that are picked, with a comma between; the error's name otherwise. */
static const char *pick(const char *states, int n_words, ...) {
        static char text[256];
        json_t *jobs = some_jobs(), *selected, *job;
        char *words[4];
        va_list arguments;
        size_t i;
        int r;

        va_start(arguments, n_words);
        for (int k = 0; k < n_words; k++)
                words[k] = va_arg(arguments, char *);
        va_end(arguments);
        r = job_select(jobs, words, n_words, states, "change", &selected);
        if (r < 0) {
                json_decref(jobs);
                return strerrorname_np(-r);
        }
        text[0] = '\0';
        json_array_foreach(selected, i, job) {
                strcat(text, i > 0 ? "," : "");
                strcat(text, json_string_value(json_object_get(job, "name")));
        }
        json_decref(selected);
        json_decref(jobs);
        return text;
}

static void test_names_ids_and_patterns(void) {
        CHECK(strcmp(pick("", 1, "0-open"), "0-open") == 0);
        CHECK(strcmp(pick("", 1, "0000000000000001"), "5-7") == 0);
        CHECK(strcmp(pick("", 1, "0-*"), "0-1000,0-open") == 0);
        CHECK(strcmp(pick("", 2, "5-7", "0-1000"), "5-7,0-1000") == 0);
}

static void test_each_job_is_picked_once(void) {
        CHECK(strcmp(pick("", 3, "0-open", "*", "fedcba9876543210"), "0-open,0-1000,5-7") == 0);
}

static void test_a_word_picks_whatever_state(void) {
        CHECK(strcmp(pick("running", 1, "0-open"), "0-open") == 0);
}

static void test_unknown_names_are_refused(void) {
        CHECK(strcmp(pick("", 1, "0-1001"), "ENOENT") == 0);
        CHECK(strcmp(pick("", 2, "0-1000", "x*"), "ENOENT") == 0);
        CHECK(strcmp(pick("", 1, ""), "ENOENT") == 0);
        CHECK(strcmp(pick("", 1, "0123"), "ENOENT") == 0); /* not the beginning of an id */
}

static void test_without_words_the_only_one(void) {
        CHECK(strcmp(pick("running", 0), "0-1000") == 0);
        CHECK(strcmp(pick("paused failed", 0), "0-open") == 0);
        CHECK(strcmp(pick("failed", 0), "ENOENT") == 0);
        CHECK(strcmp(pick("running paused", 0), "ENOTUNIQ") == 0);
        CHECK(strcmp(pick("run", 0), "ENOENT") == 0);
}

int main(void) {
        RUN(test_names_ids_and_patterns);
        RUN(test_each_job_is_picked_once);
        RUN(test_a_word_picks_whatever_state);
        RUN(test_unknown_names_are_refused);
        RUN(test_without_words_the_only_one);
        return tests_end();
}
