/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a job, and the folder of its store, is called after its interval. */

#include <gmp.h>

/* Longer names would be digests: STORE_NAME_MAX bounds both. */
#define STORE_NAME_MAX 60

/*
 * "0-1000000000" for [0, 10^9), "0-open" when `to` is NULL; 16 hexadecimal digits of a digest where that would be
 * longer than STORE_NAME_MAX. Equal intervals have equal names, on every machine. The caller frees. NULL when out of
 * memory.
 */
char *store_name(const mpz_t from, const mpz_t to);
