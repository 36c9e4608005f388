/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standard output for much data: without stdio, which would copy it once more. */

#include <stddef.h>

/*
 * Writes everything, also to a terminal or pipe that somebody made non-blocking. 0 or negative errno; -EPIPE: the
 * reader is gone. A PrimeSink.
 */
int output_write(const char *data, size_t size, void *userdata);
