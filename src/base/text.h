/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Numbers for people. Each function writes a NUL-terminated string into the caller's buffer and returns it, so
 * that it can stand in an argument list. Buffers of TEXT_SIZE are always large enough.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define TEXT_SIZE 32

/* "50 847 534" becomes "50,847,534". */
const char *text_grouped(uint64_t value, char buffer[static TEXT_SIZE]);

/* Three significant digits and a decimal prefix: "1.23 G", "999", "45.6 k". */
const char *text_metric(double value, char buffer[static TEXT_SIZE]);

/* Bytes in powers of 1024: "64.0M", "12B", as systemd writes them. */
const char *text_bytes(uint64_t value, char buffer[static TEXT_SIZE]);

/* "0.8 s", "42 s", "3 min 5 s", "2 h 10 min", "3 d 4 h"; "unknown" for USEC_INFINITY. */
const char *text_duration(usec_t span, char buffer[static TEXT_SIZE]);

/* Lower-case hexadecimal; `ret` holds 2·size + 1 characters. */
const char *text_hex(const void *data, size_t size, char *ret);

/* "s" unless it is one: behind a noun that is counted. */
const char *text_plural(uint64_t count);
