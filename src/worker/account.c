/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shelf of a master and its place in the crew, kept in step. */

#include "worker/account.h"

#include <stdlib.h>
#include <string.h>

Account *account_new(const uint8_t master_id[static SHA256_SIZE]) {
        Account *account = calloc(1, sizeof *account);

        if (!account)
                return NULL;
        memcpy(account->master_id, master_id, SHA256_SIZE);
        account->client = crew_client_new();
        if (!account->client)
                return account_free(account);
        return account;
}

Account *account_free(Account *account) {
        if (!account)
                return NULL;
        shelf_done(&account->shelf);
        crew_client_unref(account->client);
        free(account);
        return NULL;
}

void account_acknowledge(Account *account, Crew *crew, uint64_t job, uint64_t first, uint64_t end) {
        crew_release(crew, account->client, shelf_acknowledge(&account->shelf, job, first, end));
}

void account_adopt(Account *account, Crew *crew, CrewJob *job) {
        crew_release(crew, account->client, shelf_adopt(&account->shelf, job));
}

bool account_is_settled(const Account *account, Crew *crew) {
        return account->shelf.n_blocks == 0 && crew_pending_bytes(crew, account->client) == 0;
}
