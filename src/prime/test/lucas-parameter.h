/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Baillie's parameter of the extra strong Lucas test (lucas.h) for numbers of two words. */

#include "prime/test/number128.h"

/*
 * The first P = 3, 4, 5, … with Jacobi symbol (P² - 4 | n) = -1, for an odd n >= 3. Returns 0 when the search itself
 * proves n composite.
 */
unsigned lucas_parameter128(Number128 n);
