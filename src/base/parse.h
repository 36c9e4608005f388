/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Strict parsing of words that a person wrote. The whole word must match; no sign, no blank, no silent default.
 * Return 0, -EINVAL (not of the form) or -ERANGE (too large). `*ret` is written on success only.
 */

#include <stdint.h>

#include "base/clock.h"

/* Decimal digits. */
int parse_u64(const char *word, uint64_t *ret);

/* Decimal digits, result in [low, high]. */
int parse_unsigned(const char *word, unsigned low, unsigned high, unsigned *ret);

/* Bytes: digits with an optional K, M, G or T (powers of 1024), as systemd writes sizes. */
int parse_size(const char *word, uint64_t *ret);

/* A span of time: "90", "90s", "5min", "500ms", "2h"; a bare number is seconds. */
int parse_duration(const char *word, usec_t *ret);
