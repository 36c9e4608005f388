/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names, ids and patterns of jobs. */

#include "ctl/job-select.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "ctl/answer.h"

/* "a, b, c" of all jobs in the array. NULL when out of memory. */
static char *list_names(const json_t *jobs) {
        char *text = NULL;
        size_t size = 0, i;
        const json_t *job;
        FILE *stream;

        stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        json_array_foreach(jobs, i, job)
                fprintf(stream, "%s%s", i > 0 ? ", " : "", answer_string(job, "name"));
        if (fclose(stream) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static bool job_is_one_of(const json_t *job, const char *states) {
        const char *state = answer_string(job, "state");
        size_t n = strlen(state);

        if (states[0] == '\0')
                return true;
        for (const char *p = states; *p; p += strcspn(p, " "), p += strspn(p, " "))
                if (strcspn(p, " ") == n && strncmp(p, state, n) == 0)
                        return true;
        return false;
}

static bool list_has(const json_t *list, const json_t *job) {
        const json_t *item;
        size_t i;

        json_array_foreach(list, i, item)
                if (item == job)
                        return true;
        return false;
}

/* 1: some job has that name; 0: none. */
static int select_word(const json_t *jobs, const char *word, json_t *selected) {
        json_t *job;
        size_t i;
        int found = 0;

        json_array_foreach(jobs, i, job) {
                if (fnmatch(word, answer_string(job, "name"), 0) != 0 && !answer_is(job, "id", word))
                        continue;
                found = 1;
                if (!list_has(selected, job) && json_array_append(selected, job) < 0)
                        return -ENOMEM;
        }
        return found;
}

/* The standing job is everybody's: the one that somebody started is meant. Nothing changes if there are several. */
static int leave_out_standing(json_t *selected) {
        json_t *job, *others = json_array();
        size_t i;
        int r = 0;

        if (!others)
                return -ENOMEM;
        json_array_foreach(selected, i, job)
                if (!json_is_true(json_object_get(job, "standing")) && json_array_append(others, job) < 0)
                        r = -ENOMEM;
        if (r >= 0 && json_array_size(others) == 1 &&
            (json_array_clear(selected) < 0 || json_array_extend(selected, others) < 0))
                r = -ENOMEM;
        json_decref(others);
        return r;
}

static int select_only(const json_t *jobs, const char *states, const char *verb, json_t *selected) {
        _cleanup_free_ char *names = NULL;
        json_t *job;
        size_t i;

        json_array_foreach(jobs, i, job)
                if (job_is_one_of(job, states) && json_array_append(selected, job) < 0)
                        return -ENOMEM;
        if (leave_out_standing(selected) < 0)
                return -ENOMEM;
        if (json_array_size(selected) == 1)
                return 0;
        if (json_array_size(selected) == 0) {
                log_error(json_array_size(jobs) > 0 ? "There is no unfinished job to %s: name the one that is meant." :
                                                      "There is no job to %s.", verb);
                return -ENOENT;
        }
        names = list_names(selected);
        if (!names)
                return -ENOMEM;
        log_error("There are %zu jobs to %s: %s. Name one.", json_array_size(selected), verb, names);
        return -ENOTUNIQ;
}

static int select_words(const json_t *jobs, char *words[], int n_words, json_t *selected) {
        for (int i = 0; i < n_words; i++) {
                _cleanup_free_ char *names = NULL;
                int r;

                r = select_word(jobs, words[i], selected);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                names = list_names(jobs);
                if (!names)
                        return -ENOMEM;
                if (names[0])
                        log_error("There is no job '%s'. There is: %s.", words[i], names);
                else
                        log_error("There is no job '%s'; there are none at all.", words[i]);
                return -ENOENT;
        }
        return 0;
}

int job_select(const json_t *jobs, char *words[], int n_words, const char *states, const char *verb, json_t **ret) {
        json_t *selected = json_array();
        int r;

        if (!selected)
                r = -ENOMEM;
        else if (n_words == 0)
                r = select_only(jobs, states, verb, selected);
        else
                r = select_words(jobs, words, n_words, selected);
        if (r == -ENOMEM)
                log_error("Out of memory.");
        if (r < 0) {
                json_decref(selected);
                return r;
        }
        *ret = selected;
        return 0;
}
