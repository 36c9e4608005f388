/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bytes that need not be UTF-8 (paths, names that somebody sent) as JSON strings, which must be. */

#include <jansson.h>

/*
 * A new string of `bytes` up to the NUL, each byte that belongs to no UTF-8 character replaced by U+FFFD. Text that is
 * UTF-8 stays as it is. The caller owns the reference. NULL only when out of memory.
 */
json_t *json_text(const char *bytes);
