/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A first look at the text of a config file, before libconfig parses it: what libconfig (1.5) would take in silence
 * or refuse without saying why.
 *
 * Silence: integers beyond 32 bits lose their upper half, leading zeros are octal in some versions only, a comment
 * without an end swallows the rest, "\x00" cuts a string, @include opens any file (and waits for ever on a FIFO).
 * Without saying why: values that lack their quotes (150%, 512M, 10^12, yes), strings and brackets without an end,
 * a comma too many. And what would make it slow or exhaust the stack: deep nesting, very many values.
 */

#include <stddef.h>

#include "base/problem.h"

#define SCAN_DEPTH_MAX 8      /* brackets within brackets */
#define SCAN_TOKENS_MAX 32768 /* libconfig searches all neighbours for each name: more would take seconds */

/*
 * Looks through `text`, `size` bytes and a NUL; `path` is for the sentences. `ret_lines` gets the line of each
 * plain value (string, number, boolean) in the order of the text; the caller frees. 0; -EINVAL with a sentence.
 */
int scan_text(const char *path, const char *text, size_t size, unsigned **ret_lines, size_t *ret_n_lines,
              Problem *problem);
