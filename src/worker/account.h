/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a worker has with one master, known by its key: its place in the crew and the blocks that it has not
 * acknowledged. An account outlives the session: when the master, or the connection, comes back, the blocks are
 * offered again, to it and to no other master.
 */

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "wire/message.h"
#include "worker/crew.h"
#include "worker/shelf.h"

typedef struct Account Account;
struct Account {
        Account *next; /* for whoever owns it */
        uint8_t master_id[SHA256_SIZE];
        char master_name[WIRE_NAME_MAX + 1]; /* as it called itself last; may be empty */
        CrewClient *client;
        Shelf shelf;
        bool attached;       /* a session uses it */
        usec_t detached_usec; /* since when none does, by clock_now_usec() */
};

/* NULL when out of memory. */
Account *account_new(const uint8_t master_id[static SHA256_SIZE]);
Account *account_free(Account *account);

/* Blocks [first, end) are acknowledged. */
void account_acknowledge(Account *account, Crew *crew, uint64_t job, uint64_t first, uint64_t end);

/* The master announces a job, maybe anew. */
void account_adopt(Account *account, Crew *crew, CrewJob *job);

/* Every finished block is acknowledged, those included that the crew has not given away yet. */
bool account_is_settled(const Account *account, Crew *crew);

DEFINE_TRIVIAL_CLEANUP_FUNC(Account *, account_free);
