/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A SieveTeam of real threads, for tests and benchmarks: the caller and n_threads - 1 others, which sleep between two
 * calls of for_each(). One call at a time; a part must not call for_each() of its own team.
 *
 *         TestTeam team;
 *
 *         test_team_init(&team, 4);
 *         environment.team = &team.team;
 *         ...
 *         test_team_done(&team);
 *
 * A call from inside is found and ends the test.
 */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "prime/sieve/run.h"
#include "test.h"

#define TEAM_THREADS_MAX 64

typedef struct TestTeam TestTeam;

typedef struct TestTeamMember {
        TestTeam *team;
        unsigned thread;
        pthread_t id;
} TestTeamMember;

struct TestTeam {
        SieveTeam team;
        TestTeamMember members[TEAM_THREADS_MAX]; /* the first is the caller and has no `id` */
        pthread_mutex_t mutex;
        pthread_cond_t begun, ended;

        /* Under the mutex. */
        unsigned generation; /* counts the calls of for_each() */
        unsigned n_working;
        bool is_done;

        /* The call that is under way; constant while n_working > 0. */
        SievePart *part;
        void *userdata;
        size_t n_parts;
        atomic_size_t next_part;
        atomic_int error;
};

/* Takes parts until there are none, or one has failed. */
static inline void test_team_work(TestTeam *team, unsigned thread) {
        size_t i;

        while (atomic_load(&team->error) == 0 && (i = atomic_fetch_add(&team->next_part, 1)) < team->n_parts) {
                int r = team->part(team->userdata, i, thread), none = 0;

                if (r < 0)
                        (void) atomic_compare_exchange_strong(&team->error, &none, r);
        }
}

static inline void *test_team_member_run(void *argument) {
        TestTeamMember *member = argument;
        TestTeam *team = member->team;
        unsigned generation = 0;

        (void) pthread_mutex_lock(&team->mutex);
        for (;;) {
                while (team->generation == generation && !team->is_done)
                        (void) pthread_cond_wait(&team->begun, &team->mutex);
                if (team->is_done)
                        break;
                generation = team->generation;
                (void) pthread_mutex_unlock(&team->mutex);
                test_team_work(team, member->thread);
                (void) pthread_mutex_lock(&team->mutex);
                if (--team->n_working == 0)
                        (void) pthread_cond_signal(&team->ended);
        }
        (void) pthread_mutex_unlock(&team->mutex);
        return NULL;
}

static inline int test_team_for_each(void *userdata, size_t n_parts, SievePart *part, void *part_userdata) {
        TestTeam *team = userdata;

        (void) pthread_mutex_lock(&team->mutex);
        CHECK(team->n_working == 0);
        team->part = part;
        team->userdata = part_userdata;
        team->n_parts = n_parts;
        atomic_store(&team->next_part, 0);
        atomic_store(&team->error, 0);
        team->n_working = team->team.n_threads - 1;
        team->generation++;
        (void) pthread_cond_broadcast(&team->begun);
        (void) pthread_mutex_unlock(&team->mutex);

        test_team_work(team, 0);

        (void) pthread_mutex_lock(&team->mutex);
        while (team->n_working > 0)
                (void) pthread_cond_wait(&team->ended, &team->mutex);
        (void) pthread_mutex_unlock(&team->mutex);
        return atomic_load(&team->error);
}

/* `team` must not be moved. */
static inline void test_team_init(TestTeam *team, unsigned n_threads) {
        CHECK(n_threads >= 1 && n_threads <= TEAM_THREADS_MAX);
        memset(team, 0, sizeof *team);
        team->team = (SieveTeam) { .n_threads = n_threads, .for_each = test_team_for_each, .team = team };
        CHECK(pthread_mutex_init(&team->mutex, NULL) == 0);
        CHECK(pthread_cond_init(&team->begun, NULL) == 0);
        CHECK(pthread_cond_init(&team->ended, NULL) == 0);
        for (unsigned i = 1; i < n_threads; i++) {
                TestTeamMember *member = &team->members[i];

                *member = (TestTeamMember) { .team = team, .thread = i };
                CHECK(pthread_create(&member->id, NULL, test_team_member_run, member) == 0);
        }
}

static inline void test_team_done(TestTeam *team) {
        (void) pthread_mutex_lock(&team->mutex);
        team->is_done = true;
        (void) pthread_cond_broadcast(&team->begun);
        (void) pthread_mutex_unlock(&team->mutex);
        for (unsigned i = 1; i < team->team.n_threads; i++)
                CHECK(pthread_join(team->members[i].id, NULL) == 0);
        (void) pthread_cond_destroy(&team->begun);
        (void) pthread_cond_destroy(&team->ended);
        (void) pthread_mutex_destroy(&team->mutex);
}
