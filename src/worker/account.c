/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shelf of a master and its place in the crew, kept in step. */

#include "worker/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

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

Account *account_find(Account *list, const uint8_t master_id[static SHA256_SIZE]) {
        while (list && memcmp(list->master_id, master_id, SHA256_SIZE) != 0)
                list = list->next;
        return list;
}

Account *account_find_client(Account *list, const CrewClient *client) {
        while (list && list->client != client)
                list = list->next;
        return list;
}

/* Takes it out of the list and frees it. */
static void account_drop(Account **list, Account *account) {
        while (*list != account)
                list = &(*list)->next;
        *list = account->next;
        if (account->shelf.n_blocks > 0)
                log_warning("Dropping %zu finished block%s that the master '%s' has not acknowledged: they will be "
                            "computed again.", account->shelf.n_blocks, text_plural(account->shelf.n_blocks),
                            account->master_name);
        account_free(account);
}

void account_expire(Account **list, Crew *crew, usec_t now) {
        size_t n_bytes = 0, n = 0;

        for (Account *account = *list, *next; account; account = next) {
                next = account->next;
                if (account->attached)
                        continue;
                if (account_is_settled(account, crew) || now >= account->detached_usec + ACCOUNT_KEEP_USEC)
                        account_drop(list, account);
                else {
                        n_bytes += account->shelf.n_bytes;
                        n++;
                }
        }
        for (; n_bytes > ACCOUNT_BYTES_MAX && n > 1; n--) {
                Account *oldest = NULL;

                for (Account *account = *list; account; account = account->next)
                        if (!account->attached && (!oldest || account->detached_usec < oldest->detached_usec))
                                oldest = account;
                n_bytes -= oldest->shelf.n_bytes;
                account_drop(list, oldest);
        }
}
