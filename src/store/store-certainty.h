/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How sure what a store holds already is: a job that goes on with it must not be less sure, or mix the two unasked. */

#include "prime/certainty.h"

/*
 * Of the blocks up to the frontier, beyond 2^64 (below, all are proved in any case): CERTAINTY_PROVED when all are
 * proved, CERTAINTY_BPSW when one is not, 0 when there are none, or no store at `path`. 0; errors of reader_open() and
 * reader_parts() with a sentence.
 */
int store_certainty(const char *path, Certainty *ret, Problem *problem);

/*
 * The certainty for a job that asks for `asked` and goes on with the store at `path`, which may not be there: what was
 * asked for, or else proved where the store is. -ERANGE with the cure: not all of the store is so sure. A store that
 * cannot be read is somebody else's fault to tell: then it is what was asked for.
 */
int store_settle_certainty(const char *path, Certainty asked, Certainty *ret, Problem *problem);
