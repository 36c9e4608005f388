/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options, opening and answers of the verbs that ask a store. */

#include "ctl/question.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "ctl/json-number.h"
#include "ctl/verb.h"
#include "prime/number.h"

bool question_parse(Question *question, const StoreVerb *verb, int least_words, int argc, char *argv[],
                    int *ret_status) {
        if (!store_verb_parse(verb, argc, argv, &question->arguments, ret_status))
                return false;
        *ret_status = EXIT_USAGE;
        if (question->has_json && client_parse_json(question->json_word, &question->json) < 0)
                return false;
        question->n_lines = UINT64_MAX;
        if (question->lines_word && parse_u64(question->lines_word, &question->n_lines) < 0) {
                log_error("--lines=%s: give a number of lines.", question->lines_word);
                return false;
        }
        if (question->arguments.n_words < least_words) {
                log_error("Give a number. Try 'primectl %s --help'.", verb->name);
                return false;
        }
        (void) signal(SIGPIPE, SIG_IGN); /* `| head` is no failure */
        return true;
}

int question_number(const char *word, mpz_t ret) {
        Problem problem = PROBLEM_NONE;

        if (number_parse(ret, word, &problem) >= 0)
                return 0;
        log_error("%s", problem.text);
        return EXIT_USAGE;
}

static int question_make_query(Question *question) {
        question->query = reader_query_new(question->reader);
        if (question->query)
                return 0;
        log_error("Out of memory.");
        return EXIT_FAILURE;
}

int question_open(Question *question) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = store_verb_path(&question->arguments, &path);
        if (r == 0)
                r = question->damaged_too ? store_verb_open_damaged(path, &question->reader)
                                          : store_verb_open(path, &question->reader);
        return r == 0 ? question_make_query(question) : r;
}

int question_open_interval(Question *question) {
        int r = store_interval_open(&question->arguments, &question->reader, &question->interval);

        question->has_interval = r == 0;
        return r == 0 ? question_make_query(question) : r;
}

void question_done(Question *question) {
        question->query = reader_query_free(question->query);
        question->reader = reader_close(question->reader);
        if (question->has_interval)
                store_interval_done(&question->interval);
        question->has_interval = false;
}

int question_failed(const Problem *problem) {
        log_error("%s", problem->text);
        return EXIT_FAILURE;
}

static size_t json_flags(const Question *question) {
        return question->json == JSON_PRETTY_FORM ? JSON_INDENT(8) : JSON_COMPACT;
}

/* stdio has noted a failure; errno may be of later. */
static int output_check(void) {
        return ferror(stdout) ? -(errno ?: EIO) : 0;
}

int question_print_json(const Question *question, json_t *object) {
        int r;

        if (!object)
                return -ENOMEM;
        r = json_dumpf(object, stdout, json_flags(question));
        json_decref(object);
        return r < 0 || putchar('\n') < 0 ? -(errno ?: EIO) : 0;
}

int question_list_begin(Question *question, const char *name) {
        const char *space = question->json == JSON_PRETTY_FORM ? " " : "";

        question->listed = false;
        if (question->json == JSON_OFF)
                return 0;
        putchar('{');
        if (question->has_interval) {
                _cleanup_free_ char *from = number_format(question->interval.low);
                _cleanup_free_ char *to = number_format(question->interval.high);

                if (!from || !to)
                        return -ENOMEM;
                printf("\"from\":%s\"%s\",%s\"to\":%s\"%s\",%s", space, from, space, space, to, space);
        }
        printf("\"%s\":%s[", name, space);
        return output_check();
}

int question_list_add(Question *question, json_t *element) {
        if (question->json == JSON_OFF) {
                json_decref(element);
                return output_check();
        }
        if (!element)
                return -ENOMEM;
        if (question->listed)
                putchar(',');
        if (question->json == JSON_PRETTY_FORM)
                printf("\n        ");
        (void) json_dumpf(element, stdout, JSON_ENCODE_ANY | (question->json == JSON_PRETTY_FORM ? 0 : JSON_COMPACT));
        json_decref(element);
        question->listed = true;
        return output_check();
}

int question_list_end(Question *question) {
        if (question->json == JSON_PRETTY_FORM && question->listed)
                putchar('\n');
        if (question->json != JSON_OFF)
                printf("]}\n");
        return output_check();
}

int question_end(Question *question, int r) {
        if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
                r = -(errno ?: EIO);
        if (r == -EPIPE)
                return EXIT_SUCCESS;
        if (r < 0) {
                log_error_errno(r, "Failed to write the answer: %m.");
                return EXIT_FAILURE;
        }
        return question->has_interval ? store_interval_end(&question->interval, question->reader) : EXIT_SUCCESS;
}
