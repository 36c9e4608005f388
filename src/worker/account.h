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

#define ACCOUNT_KEEP_USEC USEC_PER_HOUR
#define ACCOUNT_BYTES_MAX (64U << 20) /* of packed blocks of masters that are gone, together */

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

/* Lists of accounts, chained by `next`. NULL: there is none. */
Account *account_find(Account *list, const uint8_t master_id[static SHA256_SIZE]);
Account *account_find_client(Account *list, const CrewClient *client);

/*
 * Frees the accounts without a session that are settled, or have been without one for ACCOUNT_KEEP_USEC (`now` may be
 * USEC_INFINITY), and the oldest ones while the bytes of their blocks are more than ACCOUNT_BYTES_MAX; but not the
 * youngest for its size, which the crew has bounded. Blocks that are lost so are told in the log.
 */
void account_expire(Account **list, Crew *crew, usec_t now);

DEFINE_TRIVIAL_CLEANUP_FUNC(Account *, account_free);
