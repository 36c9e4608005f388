/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * All masters that this host knows of, and the rule that each is there once, whatever ways lead to it: names in the
 * config, mDNS, several interfaces. Connects nothing; see candidate.h.
 */

#include <stddef.h>

#include "scout/candidate.h"

#define CANDIDATES_MAX (DISCOVERY_MASTERS_MAX + SETTINGS_MASTERS_MAX)

typedef struct CandidateSet {
        Candidate *candidates[CANDIDATES_MAX];
        size_t n_candidates;
        Random *random; /* the owner's */
} CandidateSet;

void candidate_set_done(CandidateSet *set);

Candidate *candidate_set_find(const CandidateSet *set, const char *id); /* NULL: none; `id` not "" */

/* The master of an mDNS record. `*ret` is the one that it belongs to. 0, -ENOMEM, -ENOSPC. */
int candidate_set_see(CandidateSet *set, const DiscoveredMaster *master, usec_t now, Candidate **ret);

/*
 * Makes the config's addresses be those in `fixed`: new ones become new candidates, or stay with the master that they
 * led to; those that are gone are taken away. 0, -ENOMEM, -ENOSPC.
 */
int candidate_set_fix(CandidateSet *set, const SettingsAddress *fixed, size_t n_fixed, usec_t now);

/*
 * The session of `candidate` turned out to be with the master `id`. Tells whose session it is: `candidate` itself, or
 * another one, new or known, to which the caller has to move it unless that one has a session already. The config's
 * address that led there moves along; an address of mDNS that led astray is shunned. 0, -ENOMEM, -ENOSPC.
 */
int candidate_set_identify(CandidateSet *set, Candidate *candidate, const char *id, usec_t now, Candidate **ret);

void candidate_set_remove(CandidateSet *set, Candidate *candidate); /* frees it */
