/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is known of a machine: the sizes that make the sieve fast on it, and what things cost there. Measured once
 * (tune.h), and kept by the caller as a small text, which is for this processor and this version of the program only.
 */

#include "base/problem.h"
#include "prime/sieve/cost.h"
#include "prime/sieve/tuning.h"

typedef struct SieveProfile {
        SieveTuning tuning;
        SieveCosts costs;
} SieveProfile;

/* What is assumed of a machine that was never measured. */
SieveProfile sieve_profile_default(void);

#define PROFILE_TEXT_MAX 4096

/*
 * The text, which the caller frees; NULL when out of memory. `processor` and `version` are any words, of which the
 * first PROFILE_WORD_MAX bytes count, up to the end of the line.
 */
char *sieve_profile_format(const SieveProfile *profile, const char *processor, const char *version);
#define PROFILE_WORD_MAX 200

/*
 * Reads such a text. 0; -ESTALE: it is whole, but of another processor or version; or -EINVAL: it is broken, or of
 * another format. With a sentence that says what is wrong with "it".
 */
int sieve_profile_parse(const char *text, const char *processor, const char *version, SieveProfile *ret,
                        Problem *problem);
