/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Threads for a SieveTeam, begun anew for each piece of work. */

#include <pthread.h>
#include <stdatomic.h>

#include "prime/sieve/run.h"
#include "test.h"

#define TEAM_THREADS_MAX 8

typedef struct TestTeam {
        SieveTeam team;
        _Atomic(size_t) next;
        atomic_int error;
        size_t n_parts;
        SievePart *part;
        void *userdata;
} TestTeam;

typedef struct TestTeamThread {
        TestTeam *team;
        unsigned number;
        pthread_t thread;
} TestTeamThread;

static inline void *test_team_work(void *data) {
        TestTeamThread *thread = data;
        TestTeam *team = thread->team;

        for (;;) {
                size_t i = atomic_fetch_add(&team->next, 1);
                int r;

                if (i >= team->n_parts || atomic_load(&team->error) < 0)
                        return NULL;
                r = team->part(team->userdata, i, thread->number);
                if (r < 0)
                        atomic_store(&team->error, r);
        }
}

static inline int test_team_for_each(void *data, size_t n_parts, SievePart *part, void *userdata) {
        TestTeamThread threads[TEAM_THREADS_MAX];
        TestTeam *team = data;
        unsigned n = team->team.n_threads;

        atomic_store(&team->next, 0);
        atomic_store(&team->error, 0);
        team->n_parts = n_parts;
        team->part = part;
        team->userdata = userdata;
        for (unsigned i = 0; i < n; i++) {
                threads[i] = (TestTeamThread) { .team = team, .number = i };
                if (i > 0)
                        CHECK_EQUAL(pthread_create(&threads[i].thread, NULL, test_team_work, threads + i), 0);
        }
        (void) test_team_work(threads);
        for (unsigned i = 1; i < n; i++)
                CHECK_EQUAL(pthread_join(threads[i].thread, NULL), 0);
        return atomic_load(&team->error);
}

/* `team` must not move afterwards. */
static inline void test_team_init(TestTeam *team, unsigned n_threads) {
        CHECK(n_threads >= 1 && n_threads <= TEAM_THREADS_MAX);
        *team = (TestTeam) { .team = { .n_threads = n_threads, .for_each = test_team_for_each, .team = team } };
}
