/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The set, and who is the same as whom. */

#include "scout/candidate-set.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void candidate_set_done(CandidateSet *set) {
        for (size_t i = 0; i < set->n_candidates; i++)
                candidate_free(set->candidates[i]);
        set->n_candidates = 0;
}

Candidate *candidate_set_find(const CandidateSet *set, const char *id) {
        for (size_t i = 0; i < set->n_candidates; i++)
                if (strcmp(set->candidates[i]->id, id) == 0)
                        return set->candidates[i];
        return NULL;
}

static int candidate_set_add(CandidateSet *set, const char *id, Candidate **ret) {
        Candidate *candidate;

        if (set->n_candidates == CANDIDATES_MAX)
                return -ENOSPC;
        candidate = candidate_new(id);
        if (!candidate)
                return -ENOMEM;
        set->candidates[set->n_candidates++] = candidate;
        *ret = candidate;
        return 0;
}

void candidate_set_remove(CandidateSet *set, Candidate *candidate) {
        for (size_t i = 0; i < set->n_candidates; i++)
                if (set->candidates[i] == candidate) {
                        candidate_free(candidate);
                        memmove(set->candidates + i, set->candidates + i + 1,
                                (set->n_candidates - i - 1) * sizeof *set->candidates);
                        set->n_candidates--;
                        return;
                }
        assert(false);
}

int candidate_set_see(CandidateSet *set, const DiscoveredMaster *master, usec_t now, Candidate **ret) {
        Candidate *candidate = candidate_set_find(set, master->id);
        int r = candidate ? 0 : candidate_set_add(set, master->id, &candidate);

        if (r < 0)
                return r;
        candidate_seen(candidate, master, now, set->random);
        *ret = candidate;
        return 0;
}

static bool settings_have(const SettingsAddress *fixed, size_t n_fixed, const SettingsAddress *one) {
        for (size_t i = 0; i < n_fixed; i++)
                if (fixed[i].port == one->port && strcasecmp(fixed[i].host, one->host) == 0)
                        return true;
        return false;
}

static Candidate *candidate_set_find_fixed(const CandidateSet *set, const char *host, uint16_t port) {
        for (size_t i = 0; i < set->n_candidates; i++)
                if (candidate_find_fixed(set->candidates[i], host, port) >= 0)
                        return set->candidates[i];
        return NULL;
}

int candidate_set_fix(CandidateSet *set, const SettingsAddress *fixed, size_t n_fixed, usec_t now) {
        for (size_t i = 0; i < set->n_candidates; i++) {
                Candidate *candidate = set->candidates[i];

                for (size_t k = candidate->n_fixed; k-- > 0;)
                        if (!settings_have(fixed, n_fixed, candidate->fixed + k))
                                candidate_remove_fixed(candidate, k);
        }
        for (size_t i = 0; i < n_fixed; i++) {
                Candidate *candidate = NULL;
                int r;

                if (candidate_set_find_fixed(set, fixed[i].host, fixed[i].port))
                        continue;
                r = candidate_set_add(set, "", &candidate);
                if (r >= 0)
                        r = candidate_add_fixed(candidate, fixed[i].host, fixed[i].port, now, set->random);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Without a try: it is known to be the same master, which has its own time. */
static int candidate_move_fixed(Candidate *to, Candidate *from, size_t i) {
        SettingsAddress *fixed = reallocarray(to->fixed, to->n_fixed + 1, sizeof *fixed);

        if (!fixed)
                return -ENOMEM;
        to->fixed = fixed;
        fixed[to->n_fixed++] = from->fixed[i];
        from->fixed[i] = from->fixed[--from->n_fixed];
        return 0;
}

/* All ways of `candidate` lead to `owner`. */
static int candidate_set_absorb(Candidate *owner, Candidate *candidate) {
        while (candidate->n_fixed > 0) {
                int r = candidate_move_fixed(owner, candidate, 0);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* `candidate` is another master than `owner`: only the way that was taken leads to `owner`. */
static int candidate_set_split(Candidate *owner, Candidate *candidate, usec_t now) {
        ssize_t via = candidate->via_host ? candidate_find_fixed(candidate, candidate->via_host, candidate->via_port)
                                          : -1;

        candidate_shun(candidate, &candidate->peer, now);
        return via >= 0 ? candidate_move_fixed(owner, candidate, (size_t) via) : 0;
}

int candidate_set_identify(CandidateSet *set, Candidate *candidate, const char *id, usec_t now, Candidate **ret) {
        bool unknown = candidate->id[0] == '\0', renamed;
        Candidate *owner = candidate_set_find(set, id);
        int r = 0;

        /* One address of the config that leads somewhere else now is simply another master. */
        renamed = !unknown && !owner && !candidate->seen && candidate->n_fixed == 1 && candidate->via_host;
        if (owner == candidate || (!owner && (unknown || renamed))) {
                owner = candidate;
                (void) snprintf(owner->id, sizeof owner->id, "%s", id);
        } else {
                if (!owner)
                        r = candidate_set_add(set, id, &owner);
                if (r >= 0)
                        r = unknown ? candidate_set_absorb(owner, candidate)
                                    : candidate_set_split(owner, candidate, now);
        }
        if (r < 0)
                return r;
        owner->proved = true;
        *ret = owner;
        return 0;
}
