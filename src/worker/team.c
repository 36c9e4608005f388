/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One mutex, one piece of work at a time. It is open from when it is begun until its last part was taken; a thread
 * joins it while it is open, and the caller returns when all that joined have left. A thread that is woken too late to
 * find a part sleeps on. Parts are taken under no lock: a counter is all that the threads share while they work.
 */

#include "worker/team.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/macro.h"

typedef struct TeamMember {
        Team *team;
        unsigned number; /* from 1 on: 0 is the caller */
        pthread_t thread;
        pthread_cond_t wake;
} TeamMember;

struct Team {
        pthread_mutex_t mutex;
        pthread_cond_t left; /* the last member has left the work */
        TeamMember *members;
        unsigned n_threads, n_started; /* the members are n_started */
        atomic_uint limit;

        /* the work: written under the mutex while nobody is in it */
        SievePart *part;
        void *userdata;
        size_t n_parts;
        unsigned n_work_threads; /* members at or above do not take part */
        bool open;
        unsigned n_in; /* members that are in it */
        bool ending;

        atomic_size_t next; /* part */
        atomic_int error;   /* the first one */
};

/* Takes parts as long as there are any. */
static void team_work(Team *team, unsigned number) {
        while (atomic_load_explicit(&team->error, memory_order_relaxed) == 0 &&
               number < MAX(atomic_load_explicit(&team->limit, memory_order_relaxed), 1U)) {
                size_t i = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
                int r, none = 0;

                if (i >= team->n_parts)
                        return;
                r = team->part(team->userdata, i, number);
                if (r < 0)
                        (void) atomic_compare_exchange_strong(&team->error, &none, r);
        }
}

static void *team_member_main(void *userdata) {
        TeamMember *member = userdata;
        Team *team = member->team;

        (void) pthread_mutex_lock(&team->mutex);
        while (!team->ending) {
                if (!team->open || member->number >= team->n_work_threads ||
                    member->number >= atomic_load(&team->limit)) {
                        (void) pthread_cond_wait(&member->wake, &team->mutex);
                        continue;
                }
                team->n_in++;
                (void) pthread_mutex_unlock(&team->mutex);
                team_work(team, member->number);
                (void) pthread_mutex_lock(&team->mutex);
                /* Who was stopped by the limit must not close it for the others. */
                if (atomic_load(&team->next) >= team->n_parts || atomic_load(&team->error) != 0)
                        team->open = false;
                if (--team->n_in == 0)
                        (void) pthread_cond_signal(&team->left);
        }
        (void) pthread_mutex_unlock(&team->mutex);
        return NULL;
}

static int team_start(Team *team) {
        int r = 0;

        while (r == 0 && team->n_started + 1 < team->n_threads) {
                TeamMember *member = team->members + team->n_started;

                *member = (TeamMember) { .team = team, .number = team->n_started + 1 };
                (void) pthread_cond_init(&member->wake, NULL);
                r = pthread_create(&member->thread, NULL, team_member_main, member);
                if (r == 0)
                        team->n_started++;
                else
                        (void) pthread_cond_destroy(&member->wake);
        }
        return -r;
}

int team_new(unsigned n_threads, Team **ret) {
        _cleanup_(team_freep) Team *team = NULL;
        int r;

        assert(n_threads >= 1);

        team = calloc(1, sizeof *team);
        if (!team)
                return -ENOMEM;
        team->n_threads = n_threads;
        (void) pthread_mutex_init(&team->mutex, NULL);
        (void) pthread_cond_init(&team->left, NULL);
        atomic_init(&team->limit, n_threads);
        atomic_init(&team->next, 0);
        atomic_init(&team->error, 0);
        team->members = calloc(n_threads, sizeof *team->members);
        if (!team->members)
                return -ENOMEM;
        r = team_start(team);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(team);
        return 0;
}

Team *team_free(Team *team) {
        if (!team)
                return NULL;

        (void) pthread_mutex_lock(&team->mutex);
        team->ending = true;
        for (unsigned i = 0; i < team->n_started; i++)
                (void) pthread_cond_signal(&team->members[i].wake);
        (void) pthread_mutex_unlock(&team->mutex);
        for (unsigned i = 0; i < team->n_started; i++) {
                (void) pthread_join(team->members[i].thread, NULL);
                (void) pthread_cond_destroy(&team->members[i].wake);
        }
        free(team->members);
        (void) pthread_cond_destroy(&team->left);
        (void) pthread_mutex_destroy(&team->mutex);
        free(team);
        return NULL;
}

unsigned team_threads(const Team *team) {
        return team->n_threads;
}

/* Wakes members below `n_threads`. Called with the mutex held. */
static void team_wake(Team *team, unsigned n_threads) {
        for (unsigned i = 0; i < team->n_started && team->members[i].number < n_threads; i++)
                (void) pthread_cond_signal(&team->members[i].wake);
}

void team_set_limit(Team *team, unsigned n_threads) {
        (void) pthread_mutex_lock(&team->mutex);
        atomic_store(&team->limit, CLAMP(n_threads, 1U, team->n_threads));
        if (team->open)
                team_wake(team, MIN(n_threads, team->n_work_threads));
        (void) pthread_mutex_unlock(&team->mutex);
}

int team_run(Team *team, unsigned n_threads, size_t n_parts, SievePart *part, void *userdata) {
        size_t n_useful = MIN(n_threads, team->n_threads);

        if (n_parts == 0)
                return 0;
        n_useful = MIN(n_useful, n_parts);
        (void) pthread_mutex_lock(&team->mutex);
        assert(!team->open && team->n_in == 0);
        team->part = part;
        team->userdata = userdata;
        team->n_parts = n_parts;
        team->n_work_threads = (unsigned) n_useful;
        atomic_store(&team->next, 0);
        atomic_store(&team->error, 0);
        team->open = true;
        team_wake(team, MIN((unsigned) n_useful, atomic_load(&team->limit)));
        (void) pthread_mutex_unlock(&team->mutex);

        team_work(team, 0);

        (void) pthread_mutex_lock(&team->mutex);
        team->open = false;
        while (team->n_in > 0)
                (void) pthread_cond_wait(&team->left, &team->mutex);
        (void) pthread_mutex_unlock(&team->mutex);
        return atomic_load(&team->error);
}

static usec_t clock_cpu_usec(clockid_t clock) {
        struct timespec used;

        if (clock_gettime(clock, &used) < 0)
                return 0;
        return (usec_t) used.tv_sec * USEC_PER_SEC + (usec_t) used.tv_nsec / 1000;
}

usec_t team_cpu_usec(const Team *team) {
        usec_t sum = clock_thread_cpu_usec();
        clockid_t clock;

        for (unsigned i = 0; i < team->n_started; i++)
                if (pthread_getcpuclockid(team->members[i].thread, &clock) == 0)
                        sum += clock_cpu_usec(clock);
        return sum;
}
