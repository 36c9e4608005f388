/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One master, as far as this host knows of it: where it may be, who it is, and the machine that says when it is tried.
 * Nothing here connects or waits: events come in with the time, and out comes next_try_usec.
 *
 *     idle ── candidate_dialing ──▶ dialing ── candidate_handed_over ──▶ handed over ── JOINED ──▶ joined
 *      ▲              candidate_unreachable │          candidate_released │    candidate_released │
 *      └────────────────────────────────────┴─────────────────────────────┴───────────────────────┘
 *
 * Who it is: what mDNS says is a hint, what its key says (HANDOVER_JOINED) is proved. `id` is the proved one if there
 * is one; as long as mDNS shows the master, `id` is that of its record, for candidate-set.h splits what does not agree.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/random.h"
#include "connect/address.h"
#include "discovery/browser.h"
#include "scout/retry.h"
#include "settings/settings.h"
#include "wire/handover.h"

#define CANDIDATE_GAP_USEC USEC_PER_SEC        /* between two tries, however often the doorbell rings */
#define CANDIDATE_SETTLED_USEC USEC_PER_MINUTE /* a session as long as this was a good one: failures are forgotten */
#define CANDIDATE_MEMORY_USEC USEC_PER_HOUR    /* a master that mDNS shows no more is still asked as long as this */
#define CANDIDATE_SHUNNED_MAX 8
#define CANDIDATE_SHUNNED_USEC (10 * USEC_PER_MINUTE)
#define CANDIDATE_ADDRESSES_MAX DISCOVERY_ADDRESSES_MAX

typedef enum CandidatePhase {
        CANDIDATE_IDLE,
        CANDIDATE_DIALING,
        CANDIDATE_HANDED_OVER,
        CANDIDATE_JOINED,
} CandidatePhase;

/* An address that mDNS or a name gave and that led to another master. */
typedef struct ShunnedAddress {
        Address address;
        usec_t until_usec;
} ShunnedAddress;

typedef struct Candidate {
        char id[DISCOVERY_ID_SIZE + 1]; /* "": not known yet */
        bool proved;
        char name[WIRE_NAME_MAX + 1]; /* for people; "": not known yet */

        /* By mDNS. */
        bool seen, was_seen, work;
        uint32_t ring;     /* of the TXT record */
        usec_t gone_usec; /* since when it is not seen any more */
        Address addresses[CANDIDATE_ADDRESSES_MAX];
        size_t n_addresses;
        ShunnedAddress shunned[CANDIDATE_SHUNNED_MAX];

        /* By worker.conf: `masters`. */
        SettingsAddress *fixed;
        size_t n_fixed;

        CandidatePhase phase;
        RetryKind kind;       /* idle: what it waits for */
        char reason[WIRE_REASON_MAX + 1]; /* idle: why it is not connected; "" nothing to say */
        usec_t since_usec;    /* of what candidate_state() tells */
        usec_t next_try_usec; /* idle only; USEC_INFINITY: never by itself */
        usec_t tried_usec, joined_usec;
        unsigned n_failures[_RETRY_KIND_MAX];
        bool ever_joined;

        /* Of the try or the session. */
        char address[ADDRESS_TEXT_SIZE]; /* "" not known yet */
        Address peer;
        char *via_host; /* the element of `fixed` that led there; NULL: by mDNS */
        uint16_t via_port;
        HandoverReport report; /* the last one */
        bool ending;           /* the worker has said how the session ended */
        usec_t ended_usec;     /* … and when */

        /* The owner's. */
        struct Dial *dial;
        struct Channel *channel;
        struct Scout *scout;
} Candidate;

Candidate *candidate_new(const char *id); /* NULL when out of memory */
Candidate *candidate_free(Candidate *candidate); /* not the owner's objects */

/* Its mDNS record is there, or was changed. */
void candidate_seen(Candidate *candidate, const DiscoveredMaster *master, usec_t now, Random *random);

/* Its mDNS record is gone: a session goes on. */
void candidate_unseen(Candidate *candidate, usec_t now, Random *random);

/* Adds or removes one of the config's addresses. 0 or -ENOMEM. A new one is tried at once. */
int candidate_add_fixed(Candidate *candidate, const char *host, uint16_t port, usec_t now, Random *random);
void candidate_remove_fixed(Candidate *candidate, size_t i);
ssize_t candidate_find_fixed(const Candidate *candidate, const char *host, uint16_t port); /* -1: none */

void candidate_dialing(Candidate *candidate, usec_t now);
void candidate_unreachable(Candidate *candidate, const char *reason, usec_t now, Random *random);

/* The connection to `peer` was given to the worker. `via_host` as in Candidate; 0 or -ENOMEM. */
int candidate_handed_over(Candidate *candidate, const Address *peer, const char *via_host, uint16_t via_port,
                          usec_t now);

/* What the worker says of the session. */
void candidate_report(Candidate *candidate, const HandoverReport *report, usec_t now);

/*
 * The worker let the session go; `failure` says what happened if it did not say itself how the session ended. True
 * when that was our worker's fault, so that no master should be tried for a while; this one may be tried as soon as any
 * other.
 */
bool candidate_released(Candidate *candidate, const char *failure, usec_t now, Random *random);

/* The session, or the try, ends by our own decision; to be tried again in a while if it is not removed. */
void candidate_drop(Candidate *candidate, RetryKind kind, const char *reason, usec_t now, Random *random);

/* The phase and all that belongs to the session moves from one to the other, which must be idle. */
void candidate_move_session(Candidate *to, Candidate *from, usec_t now);

/* Not the addresses of this master. */
void candidate_shun(Candidate *candidate, const Address *address, usec_t now);
bool candidate_shuns(const Candidate *candidate, const Address *address, usec_t now);

/* Nobody speaks of it any more and it has no session. */
bool candidate_is_forgotten(const Candidate *candidate, usec_t now);

/* The words of bus/names.h: "connected", "connecting", … */
const char *candidate_state(const Candidate *candidate);

/* For people: its name, else its first address in the config, else its id. */
const char *candidate_title(const Candidate *candidate);

DEFINE_TRIVIAL_CLEANUP_FUNC(Candidate *, candidate_free);
