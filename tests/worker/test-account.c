/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a worker has with one master: the crew's count of its blocks goes down with what it acknowledges. */

#include "worker/account.h"

#include <poll.h>

#include "prime/number.h"
#include "test.h"

static const CrewSettings crew_settings = { .n_threads = 1, .pending_bytes_max = 64U << 20 };

static CrewJob *new_job(const Account *account, uint64_t n_blocks) {
        _cleanup_mpz_ mpz_t from, to;
        CrewJob *job;
        Grid grid;

        mpz_init_set_ui(from, 0);
        mpz_init(to);
        number_set_u64(to, n_blocks * GRID_BLOCK_LENGTH_MAX);
        CHECK(grid_init(&grid, from, to, NULL) >= 0);
        job = crew_job_new(account->client, 7, &grid, 0);
        CHECK(job);
        return job;
}

/* The crew computes blocks [0, n), which go to the shelf. */
static void compute(Account *account, Crew *crew, CrewJob *job, uint64_t n) {
        CHECK(crew_assign(crew, job, 0, n, n) >= 0);
        while (account->shelf.n_blocks < n) {
                struct pollfd poll_fd = { .fd = crew_fd(crew), .events = POLLIN };
                CrewResult *block = crew_pop_result(crew);

                if (block)
                        shelf_add(&account->shelf, block);
                else
                        CHECK(poll(&poll_fd, 1, 60000) > 0);
        }
}

static void test_settled_when_all_is_acknowledged(void) {
        static const uint8_t id[SHA256_SIZE] = { 1, 2, 3 };
        _cleanup_(account_freep) Account *account = account_new(id);
        _cleanup_(crew_job_unrefp) CrewJob *job = NULL;
        _cleanup_(crew_freep) Crew *crew = NULL;

        CHECK(account && memcmp(account->master_id, id, sizeof id) == 0);
        CHECK(crew_new(&crew_settings, &crew) >= 0);
        CHECK(account_is_settled(account, crew));
        job = new_job(account, 10);
        CHECK(crew_attach(crew, account->client) >= 0);
        compute(account, crew, job, 4);
        CHECK(!account_is_settled(account, crew));
        account_acknowledge(account, crew, 7, 0, 3);
        account_acknowledge(account, crew, 8, 0, 100);
        CHECK(!account_is_settled(account, crew));
        account_acknowledge(account, crew, 7, 3, 4);
        CHECK(account_is_settled(account, crew));
        CHECK_EQUAL(crew_pending_bytes(crew, account->client), 0);
        crew_detach(crew, account->client);
}

/* Also when the session has gone, and when the job has become another one. */
static void test_blocks_of_another_grid_are_released(void) {
        static const uint8_t id[SHA256_SIZE] = { 1 };
        _cleanup_(account_freep) Account *account = account_new(id);
        _cleanup_(crew_job_unrefp) CrewJob *job = NULL, *same = NULL, *other = NULL;
        _cleanup_(crew_freep) Crew *crew = NULL;

        CHECK(account && crew_new(&crew_settings, &crew) >= 0);
        job = new_job(account, 10);
        same = new_job(account, 10);
        other = new_job(account, 11);
        CHECK(crew_attach(crew, account->client) >= 0);
        compute(account, crew, job, 2);
        crew_detach(crew, account->client);
        account_adopt(account, crew, same);
        CHECK(!account_is_settled(account, crew));
        CHECK(account->shelf.first->job == same);
        account_adopt(account, crew, other);
        CHECK(account_is_settled(account, crew));
}

/* Three masters that went at different times, with blocks of so many bytes. */
static Account *make_list(Account *ret[3], size_t n_bytes) {
        Account *list = NULL;

        for (uint8_t i = 0; i < 3; i++) {
                const uint8_t id[SHA256_SIZE] = { i };
                CrewResult *block = calloc(1, sizeof *block);

                ret[i] = account_new(id);
                CHECK(ret[i] && block);
                block->job = new_job(ret[i], 10);
                block->packed_size = n_bytes;
                shelf_add(&ret[i]->shelf, block);
                ret[i]->detached_usec = (i + 1) * USEC_PER_SEC;
                ret[i]->next = list;
                list = ret[i];
        }
        return list;
}

static void test_accounts_expire(void) {
        _cleanup_(crew_freep) Crew *crew = NULL;
        Account *all[3], *list;

        CHECK(crew_new(&crew_settings, &crew) >= 0);
        list = make_list(all, 10);
        account_expire(&list, crew, ACCOUNT_KEEP_USEC + USEC_PER_SEC - 1);
        for (unsigned i = 0; i < 3; i++) {
                CHECK(account_find(list, all[i]->master_id) == all[i]);
                CHECK(account_find_client(list, all[i]->client) == all[i]);
        }
        /* the second one comes back just in time */
        all[1]->attached = true;
        account_expire(&list, crew, ACCOUNT_KEEP_USEC + 2 * USEC_PER_SEC);
        CHECK(list == all[2] && list->next == all[1] && !all[1]->next);
        account_expire(&list, crew, USEC_INFINITY);
        CHECK(list == all[1] && !list->next);
        /* and is settled when it leaves */
        account_acknowledge(all[1], crew, 7, 0, 1);
        all[1]->attached = false;
        account_expire(&list, crew, 0);
        CHECK(!list);
}

static void test_the_oldest_go_when_they_are_too_many(void) {
        _cleanup_(crew_freep) Crew *crew = NULL;
        Account *all[3], *list;

        CHECK(crew_new(&crew_settings, &crew) >= 0);
        list = make_list(all, ACCOUNT_BYTES_MAX / 3 + 1);
        account_expire(&list, crew, 0);
        CHECK(list == all[2] && list->next == all[1] && !all[1]->next);
        account_expire(&list, crew, USEC_INFINITY);
        CHECK(!list);
}

/* The crew stops behind its bound, not before it: a single master that stood still has a bit more than that. */
static void test_the_youngest_is_kept_for_its_size(void) {
        _cleanup_(crew_freep) Crew *crew = NULL;
        Account *all[3], *list;

        CHECK(crew_new(&crew_settings, &crew) >= 0);
        list = make_list(all, ACCOUNT_BYTES_MAX + 1);
        account_expire(&list, crew, 0);
        CHECK(list == all[2] && !list->next);
        account_expire(&list, crew, 0);
        CHECK(list == all[2]);
        account_expire(&list, crew, USEC_INFINITY);
        CHECK(!list);
}

int main(void) {
        RUN(test_settled_when_all_is_acknowledged);
        RUN(test_blocks_of_another_grid_are_released);
        RUN(test_accounts_expire);
        RUN(test_the_oldest_go_when_they_are_too_many);
        RUN(test_the_youngest_is_kept_for_its_size);
        return tests_end();
}
