/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Integers that can pass 2^53 as JSON: decimal strings, for readers that have nothing but doubles. */

#include <gmp.h>
#include <jansson.h>
#include <stdint.h>

/* New strings; the caller owns the reference. NULL only when out of memory. */
json_t *json_u64(uint64_t value);
json_t *json_number(const mpz_t number);

/* An object with a member for each residue mod 30 that has a bit: "1", "7", … "29". */
json_t *json_classes(const uint64_t classes[static 8]);
