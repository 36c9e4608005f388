/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine of one master. */

#include "scout/candidate.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REAL_SESSION_USEC (10 * USEC_PER_SEC) /* shorter ones were only a question and its answer */

Candidate *candidate_new(const char *id) {
        Candidate *candidate = malloc(sizeof *candidate);

        if (!candidate)
                return NULL;
        *candidate = (Candidate) { .kind = RETRY_RING, .next_try_usec = USEC_INFINITY };
        (void) snprintf(candidate->id, sizeof candidate->id, "%s", id);
        return candidate;
}

Candidate *candidate_free(Candidate *candidate) {
        if (!candidate)
                return NULL;
        for (size_t i = 0; i < candidate->n_fixed; i++)
                free(candidate->fixed[i].host);
        free(candidate->fixed);
        free(candidate->via_host);
        free(candidate);
        return NULL;
}

/* Whoever is idle is tried again after the pause for `kind`; the count of failures is the kind's own. */
static void candidate_schedule(Candidate *candidate, RetryKind kind, usec_t now, Random *random) {
        candidate->kind = kind;
        candidate->next_try_usec = now + retry_pause(kind, candidate->n_failures[kind], random);
        if (candidate->n_failures[kind] < 64)
                candidate->n_failures[kind]++;
}

static void candidate_rest(Candidate *candidate, RetryKind kind, const char *reason, usec_t now, Random *random) {
        candidate->phase = CANDIDATE_IDLE;
        candidate->since_usec = now;
        candidate->report = (HandoverReport) {};
        (void) snprintf(candidate->reason, sizeof candidate->reason, "%s", reason);
        candidate_schedule(candidate, kind, now, random);
}

/* At once, give or take the spread, but a flapping record is no reason to flood anybody. */
static void candidate_ring(Candidate *candidate, usec_t now, Random *random) {
        candidate_schedule(candidate, RETRY_DOORBELL, now, random);
        if (candidate->tried_usec > 0)
                candidate->next_try_usec = MAX(candidate->next_try_usec, candidate->tried_usec + CANDIDATE_GAP_USEC);
}

/* True when one of them is new. */
static bool candidate_take_addresses(Candidate *candidate, const DiscoveredMaster *master) {
        size_t n = MIN(master->n_addresses, (size_t) CANDIDATE_ADDRESSES_MAX);
        Address addresses[CANDIDATE_ADDRESSES_MAX] = {};
        bool news = false;

        for (size_t i = 0; i < n; i++) {
                bool known = false;

                if (master->addresses[i].any.sa_family == AF_INET6)
                        addresses[i].in6 = master->addresses[i].in6;
                else
                        addresses[i].in = master->addresses[i].in;
                for (size_t k = 0; k < candidate->n_addresses && !known; k++)
                        known = address_equal(candidate->addresses + k, addresses + i);
                news |= !known;
        }
        memcpy(candidate->addresses, addresses, sizeof addresses);
        candidate->n_addresses = n;
        return news;
}

void candidate_seen(Candidate *candidate, const DiscoveredMaster *master, usec_t now, Random *random) {
        bool rang = master->work && !(candidate->seen && candidate->work && candidate->ring == master->ring);
        bool first = !candidate->was_seen;
        bool moved = candidate_take_addresses(candidate, master);

        if (candidate->name[0] == '\0' || !candidate->ever_joined)
                (void) snprintf(candidate->name, sizeof candidate->name, "%s", master->name);
        if (candidate->phase == CANDIDATE_IDLE && !candidate->seen)
                candidate->since_usec = now;
        candidate->seen = candidate->was_seen = true;
        candidate->work = master->work;
        candidate->ring = master->ring;
        if (rang)
                candidate->n_failures[RETRY_DONE] = 0;
        /* Who turned us away would do it again; our own worker's troubles are not mended by a doorbell. */
        if (candidate->phase != CANDIDATE_IDLE || candidate->kind == RETRY_REFUSED)
                return;
        if (rang || (master->work && moved))
                candidate_ring(candidate, now, random);
        else if (!master->work && (candidate->kind == RETRY_DONE || (first && candidate->n_fixed == 0)))
                candidate_schedule(candidate, RETRY_RING_SEEN, now, random);
}

void candidate_unseen(Candidate *candidate, usec_t now, Random *random) {
        if (!candidate->seen)
                return;
        candidate->seen = candidate->work = false;
        candidate->gone_usec = now;
        if (candidate->phase != CANDIDATE_IDLE)
                return;
        if (candidate->n_fixed == 0)
                candidate->since_usec = now;
        if (candidate->kind == RETRY_RING_SEEN)
                candidate_schedule(candidate, RETRY_RING, now, random);
}

ssize_t candidate_find_fixed(const Candidate *candidate, const char *host, uint16_t port) {
        for (size_t i = 0; i < candidate->n_fixed; i++)
                if (candidate->fixed[i].port == port && strcasecmp(candidate->fixed[i].host, host) == 0)
                        return (ssize_t) i;
        return -1;
}

int candidate_add_fixed(Candidate *candidate, const char *host, uint16_t port, usec_t now, Random *random) {
        _cleanup_free_ char *copy = strdup(host);
        SettingsAddress *fixed;

        fixed = reallocarray(candidate->fixed, candidate->n_fixed + 1, sizeof *fixed);
        if (fixed)
                candidate->fixed = fixed;
        if (!fixed || !copy)
                return -ENOMEM;
        fixed[candidate->n_fixed++] = (SettingsAddress) { .host = TAKE_PTR(copy), .port = port };
        if (candidate->phase == CANDIDATE_IDLE && candidate->kind != RETRY_REFUSED)
                candidate_ring(candidate, now, random);
        return 0;
}

void candidate_remove_fixed(Candidate *candidate, size_t i) {
        assert(i < candidate->n_fixed);
        free(candidate->fixed[i].host);
        candidate->fixed[i] = candidate->fixed[--candidate->n_fixed];
}

void candidate_dialing(Candidate *candidate, usec_t now) {
        assert(candidate->phase == CANDIDATE_IDLE);
        candidate->phase = CANDIDATE_DIALING;
        candidate->since_usec = candidate->tried_usec = now;
        candidate->next_try_usec = USEC_INFINITY;
        candidate->address[0] = '\0';
        candidate->report = (HandoverReport) {};
        candidate->ending = false;
}

void candidate_unreachable(Candidate *candidate, const char *reason, usec_t now, Random *random) {
        candidate_rest(candidate, RETRY_UNREACHABLE, reason, now, random);
}

int candidate_handed_over(Candidate *candidate, const Address *peer, const char *via_host, uint16_t via_port,
                          usec_t now) {
        _cleanup_free_ char *copy = via_host ? strdup(via_host) : NULL;

        if (via_host && !copy)
                return -ENOMEM;
        free(candidate->via_host);
        candidate->via_host = TAKE_PTR(copy);
        candidate->via_port = via_port;
        candidate->peer = *peer;
        (void) address_text(peer, candidate->address);
        candidate->phase = CANDIDATE_HANDED_OVER;
        candidate->tried_usec = now;
        return 0;
}

void candidate_report(Candidate *candidate, const HandoverReport *report, usec_t now) {
        candidate->report = *report;
        switch (report->event) {
        case HANDOVER_JOINED:
                candidate->phase = CANDIDATE_JOINED;
                candidate->since_usec = candidate->joined_usec = now;
                candidate->ever_joined = true;
                candidate->n_failures[RETRY_UNREACHABLE] = 0;
                candidate->reason[0] = '\0';
                if (report->master_name[0] != '\0')
                        (void) snprintf(candidate->name, sizeof candidate->name, "%s", report->master_name);
                break;
        case HANDOVER_DONE:
        case HANDOVER_LOST:
        case HANDOVER_REFUSED:
                candidate->ending = true;
                candidate->ended_usec = now;
                break;
        case HANDOVER_STATE:
        default:
                break;
        }
}

/* After a polite end. */
static RetryKind candidate_kind_after_done(const Candidate *candidate, usec_t lasted) {
        if (candidate->seen && candidate->work)
                return RETRY_DONE;
        /* Perhaps it is only restarting: one quick question, whose answer will be quick too. */
        if (lasted >= REAL_SESSION_USEC)
                return RETRY_DONE;
        return candidate->seen ? RETRY_RING_SEEN : RETRY_RING;
}

bool candidate_released(Candidate *candidate, const char *failure, usec_t now, Random *random) {
        bool joined = candidate->phase == CANDIDATE_JOINED;
        usec_t lasted = joined ? now - candidate->joined_usec : 0;
        HandoverReport report = candidate->report;

        if (lasted >= CANDIDATE_SETTLED_USEC)
                memset(candidate->n_failures, 0, sizeof candidate->n_failures);
        if (!candidate->ending && !joined) {
                candidate_rest(candidate, RETRY_WORKER, failure, now, random);
                candidate->next_try_usec = now;
                return true;
        }
        if (!candidate->ending)
                candidate_rest(candidate, RETRY_LOST, failure, now, random);
        else if (report.event == HANDOVER_DONE)
                candidate_rest(candidate, candidate_kind_after_done(candidate, lasted), report.reason, now, random);
        else if (report.event == HANDOVER_REFUSED)
                candidate_rest(candidate, RETRY_REFUSED, report.reason, now, random);
        else
                candidate_rest(candidate, RETRY_LOST, report.reason, now, random);
        return false;
}

void candidate_drop(Candidate *candidate, RetryKind kind, const char *reason, usec_t now, Random *random) {
        candidate_rest(candidate, kind, reason, now, random);
}

void candidate_move_session(Candidate *to, Candidate *from, usec_t now) {
        assert(to->phase == CANDIDATE_IDLE);
        to->phase = from->phase;
        to->peer = from->peer;
        to->report = from->report;
        to->ending = from->ending;
        to->ended_usec = from->ended_usec;
        to->joined_usec = from->joined_usec;
        to->tried_usec = from->tried_usec;
        to->since_usec = now;
        to->next_try_usec = USEC_INFINITY;
        to->via_port = from->via_port;
        memcpy(to->address, from->address, sizeof to->address);
        free(to->via_host);
        to->via_host = TAKE_PTR(from->via_host);
        from->phase = CANDIDATE_IDLE;
        from->since_usec = now;
        from->next_try_usec = USEC_INFINITY;
        from->address[0] = '\0';
        from->report = (HandoverReport) {};
        from->ending = false;
}

void candidate_shun(Candidate *candidate, const Address *address, usec_t now) {
        ShunnedAddress *oldest = candidate->shunned;

        for (size_t i = 0; i < CANDIDATE_SHUNNED_MAX; i++) {
                ShunnedAddress *one = candidate->shunned + i;

                if (one->until_usec > 0 && address_equal(&one->address, address)) {
                        oldest = one;
                        break;
                }
                if (one->until_usec < oldest->until_usec)
                        oldest = one;
        }
        *oldest = (ShunnedAddress) { .address = *address, .until_usec = now + CANDIDATE_SHUNNED_USEC };
}

bool candidate_shuns(const Candidate *candidate, const Address *address, usec_t now) {
        for (size_t i = 0; i < CANDIDATE_SHUNNED_MAX; i++)
                if (candidate->shunned[i].until_usec > now && address_equal(&candidate->shunned[i].address, address))
                        return true;
        return false;
}

bool candidate_is_forgotten(const Candidate *candidate, usec_t now) {
        if (candidate->phase != CANDIDATE_IDLE || candidate->seen || candidate->n_fixed > 0)
                return false;
        return !candidate->was_seen || !candidate->ever_joined || now >= candidate->gone_usec + CANDIDATE_MEMORY_USEC;
}

const char *candidate_state(const Candidate *candidate) {
        switch (candidate->phase) {
        case CANDIDATE_DIALING:
        case CANDIDATE_HANDED_OVER:
                return "connecting";
        case CANDIDATE_JOINED:
                return "connected";
        case CANDIDATE_IDLE:
        default:
                break;
        }
        if (!candidate->seen && candidate->n_fixed == 0)
                return "gone";
        switch (candidate->kind) {
        case RETRY_REFUSED:
                return "refused";
        case RETRY_DONE:
                return candidate->work ? "backing off" : "waiting";
        case RETRY_DOORBELL:
                return "connecting"; /* in a moment */
        case RETRY_RING:
        case RETRY_RING_SEEN:
                return "waiting";
        case RETRY_LOST:
        case RETRY_UNREACHABLE:
        case RETRY_WORKER:
        default:
                return "backing off";
        }
}

const char *candidate_title(const Candidate *candidate) {
        if (candidate->name[0] != '\0')
                return candidate->name;
        return candidate->n_fixed > 0 ? candidate->fixed[0].host : candidate->id;
}
