/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What primed-limits says of its last run: PLACE_LIMITS_STATE, a small JSON object whose key "error" is a sentence. */

#include <stddef.h>

#define LIMITS_STATE_SIZE_MAX 65536

/*
 * Writes the sentence, "" when the limits are in force or nobody ever set any. 0, or negative errno when the file
 * cannot be read or is not of the form; then "" as well.
 */
int limits_error_read(const char *path, char *ret_error, size_t size);
