/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which jobs a verb means. */

#include <jansson.h>

/*
 * Picks from `jobs` (an array of records) those that the words name: by name, by id, or by a pattern as the shell has
 * it ("0-*"). Without words the only one whose state is one of `states` (names with a blank between, "" any); the
 * standing job only if there is no other. Each is picked once, in the order of the words.
 *
 * 0, and the caller owns `*ret`, an array; or -ENOENT, -ENOTUNIQ, -ENOMEM after saying what is wrong and which jobs
 * there are. `verb` is for the sentence: "pause".
 */
int job_select(const json_t *jobs, char *words[], int n_words, const char *states, const char *verb, json_t **ret);
