/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each part is done once, by a thread that is alone with its number, or an error says why not. */

#include "worker/team.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/random.h"
#include "test.h"

#define PARTS_MAX 1000
#define THREADS_MAX 8

typedef struct Work {
        Team *team;
        unsigned n_threads; /* threads must be below */
        atomic_uint n_done[PARTS_MAX], n_at_once[THREADS_MAX];
        unsigned n_of_thread[THREADS_MAX]; /* plain: the team must order them */
        atomic_uint n_here, n_here_most;
        useconds_t pause_usec;
        size_t failing; /* this part; SIZE_MAX: none */
        unsigned limit_after; /* a part sets this limit; 0: none does */
        const atomic_bool *cancel;
} Work;

static int work_part(void *userdata, size_t part, unsigned thread) {
        Work *work = userdata;
        unsigned n_here = atomic_fetch_add(&work->n_here, 1) + 1, most = atomic_load(&work->n_here_most);

        CHECK(thread < work->n_threads);
        CHECK_EQUAL(atomic_fetch_add(&work->n_at_once[thread], 1), 0);
        while (n_here > most && !atomic_compare_exchange_weak(&work->n_here_most, &most, n_here))
                ;
        work->n_of_thread[thread]++;
        atomic_fetch_add(&work->n_done[part], 1);
        if (work->pause_usec > 0)
                (void) usleep(work->pause_usec);
        if (work->limit_after > 0 && part == 0)
                team_set_limit(work->team, work->limit_after);
        atomic_fetch_sub(&work->n_at_once[thread], 1);
        atomic_fetch_sub(&work->n_here, 1);
        if (work->cancel && atomic_load(work->cancel))
                return -ECANCELED;
        return part == work->failing ? -EIO : 0;
}

static void work_init(Work *work, Team *team, unsigned n_threads) {
        *work = (Work) { .team = team, .n_threads = n_threads, .failing = SIZE_MAX };
}

static unsigned work_sum(const Work *work) {
        unsigned sum = 0;

        for (unsigned i = 0; i < THREADS_MAX; i++)
                sum += work->n_of_thread[i];
        return sum;
}

static void check_all_done(Work *work, size_t n_parts) {
        for (size_t i = 0; i < PARTS_MAX; i++)
                CHECK_EQUAL(atomic_load(&work->n_done[i]), i < n_parts);
        CHECK_EQUAL(work_sum(work), n_parts);
}

static Team *new_team(unsigned n_threads) {
        Team *team;

        CHECK(team_new(n_threads, &team) >= 0);
        CHECK_EQUAL(team_threads(team), n_threads);
        return team;
}

static void test_each_part_is_done_once(void) {
        static const size_t n_parts[] = { 0, 1, 2, 3, 4, 5, 17, PARTS_MAX };

        for (unsigned n_threads = 1; n_threads <= THREADS_MAX; n_threads++) {
                _cleanup_(team_freep) Team *team = new_team(n_threads);

                for (size_t i = 0; i < ELEMENTSOF(n_parts); i++) {
                        Work work;

                        work_init(&work, team, n_threads);
                        CHECK_EQUAL(team_run(team, n_threads, n_parts[i], work_part, &work), 0);
                        check_all_done(&work, n_parts[i]);
                }
        }
}

static void test_all_threads_take_part(void) {
        _cleanup_(team_freep) Team *team = new_team(4);
        Work work;

        work_init(&work, team, 4);
        work.pause_usec = 20000;
        CHECK_EQUAL(team_run(team, 4, 40, work_part, &work), 0);
        check_all_done(&work, 40);
        CHECK_EQUAL(atomic_load(&work.n_here_most), 4);
        for (unsigned i = 0; i < 4; i++)
                CHECK(work.n_of_thread[i] > 0);
}

static void test_fewer_parts_than_threads(void) {
        _cleanup_(team_freep) Team *team = new_team(THREADS_MAX);
        Work work;

        work_init(&work, team, 2);
        work.pause_usec = 5000;
        CHECK_EQUAL(team_run(team, THREADS_MAX, 2, work_part, &work), 0);
        check_all_done(&work, 2);
}

static void test_fewer_threads_than_there_are(void) {
        _cleanup_(team_freep) Team *team = new_team(THREADS_MAX);
        Work work;

        work_init(&work, team, 3);
        work.pause_usec = 2000;
        CHECK_EQUAL(team_run(team, 3, 50, work_part, &work), 0);
        check_all_done(&work, 50);
        CHECK(atomic_load(&work.n_here_most) <= 3);
}

static void test_an_error_ends_the_work(void) {
        _cleanup_(team_freep) Team *team = new_team(4);

        for (unsigned n_threads = 1; n_threads <= 4; n_threads++) {
                Work work;

                work_init(&work, team, n_threads);
                work.failing = 7;
                work.pause_usec = 100;
                CHECK_EQUAL(team_run(team, n_threads, PARTS_MAX, work_part, &work), -EIO);
                CHECK(work_sum(&work) >= 8 && work_sum(&work) < PARTS_MAX);
                /* the next work does not know of it */
                work_init(&work, team, n_threads);
                CHECK_EQUAL(team_run(team, n_threads, 30, work_part, &work), 0);
                check_all_done(&work, 30);
        }
}

static void *set_flag_soon(void *userdata) {
        (void) usleep(50000);
        atomic_store((atomic_bool *) userdata, true);
        return NULL;
}

static void test_cancelled_parts_end_the_work(void) {
        _cleanup_(team_freep) Team *team = new_team(3);
        atomic_bool cancel = false;
        pthread_t thread;
        Work work;

        work_init(&work, team, 3);
        work.pause_usec = 10000;
        work.cancel = &cancel;
        CHECK_EQUAL(pthread_create(&thread, NULL, set_flag_soon, &cancel), 0);
        CHECK_EQUAL(team_run(team, 3, PARTS_MAX, work_part, &work), -ECANCELED);
        CHECK_EQUAL(pthread_join(thread, NULL), 0);
        CHECK(work_sum(&work) < PARTS_MAX);
}

static void test_the_limit_holds_at_once(void) {
        _cleanup_(team_freep) Team *team = new_team(4);
        Work work;

        team_set_limit(team, 2);
        work_init(&work, team, 2);
        work.pause_usec = 2000;
        CHECK_EQUAL(team_run(team, 4, 40, work_part, &work), 0);
        check_all_done(&work, 40);

        /* lowered in the middle: nothing is left out; 0 counts as 1 */
        for (unsigned limit = 0; limit <= 4; limit++) {
                team_set_limit(team, 4);
                work_init(&work, team, 4);
                work.pause_usec = 2000;
                work.limit_after = MAX(limit, 1U);
                CHECK_EQUAL(team_run(team, 4, 60, work_part, &work), 0);
                check_all_done(&work, 60);
        }

        /* raised in the middle: the others come */
        team_set_limit(team, 1);
        work_init(&work, team, 4);
        work.pause_usec = 10000;
        work.limit_after = 4;
        CHECK_EQUAL(team_run(team, 4, 60, work_part, &work), 0);
        check_all_done(&work, 60);
        CHECK_EQUAL(atomic_load(&work.n_here_most), 4);
}

static int spin_part(void *userdata, size_t part, unsigned thread) {
        usec_t end = clock_thread_cpu_usec() + 20 * USEC_PER_MSEC;

        while (clock_thread_cpu_usec() < end)
                ;
        return 0;
}

static void test_the_time_of_all_is_counted(void) {
        _cleanup_(team_freep) Team *team = new_team(4);
        usec_t begin = team_cpu_usec(team), used;

        CHECK_EQUAL(team_run(team, 4, 8, spin_part, NULL), 0);
        used = team_cpu_usec(team) - begin;
        CHECK(used >= 8 * 20 * USEC_PER_MSEC && used < 3 * 8 * 20 * USEC_PER_MSEC);

        /* who waits uses none */
        begin = team_cpu_usec(team);
        (void) usleep(300000);
        CHECK(team_cpu_usec(team) - begin < 50 * USEC_PER_MSEC);
}

typedef struct Disturber {
        Team *team;
        atomic_bool end;
} Disturber;

static void *disturb(void *userdata) {
        Disturber *disturber = userdata;
        Random random;

        random_init(&random, 31337);
        while (!atomic_load(&disturber->end)) {
                team_set_limit(disturber->team, (unsigned) random_below(&random, THREADS_MAX + 2));
                (void) usleep((useconds_t) random_below(&random, 300));
        }
        return NULL;
}

/* Many short works, as a kernel has them, while the limit changes: for the sanitizers. */
static void test_thousands_of_short_works(void) {
        _cleanup_(team_freep) Team *team = new_team(THREADS_MAX);
        Disturber disturber = { .team = team };
        pthread_t thread;
        Random random;

        random_init(&random, 65537);
        CHECK_EQUAL(pthread_create(&thread, NULL, disturb, &disturber), 0);
        for (unsigned i = 0; i < 3000; i++) {
                unsigned n_threads = 1 + (unsigned) random_below(&random, THREADS_MAX);
                size_t n_parts = (size_t) random_below(&random, 40);
                Work work;

                work_init(&work, team, n_threads);
                if (random_below(&random, 4) == 0)
                        work.failing = (size_t) random_below(&random, 40);
                CHECK_EQUAL(team_run(team, n_threads, n_parts, work_part, &work), work.failing < n_parts ? -EIO : 0);
                if (work.failing >= n_parts)
                        check_all_done(&work, n_parts);
        }
        atomic_store(&disturber.end, true);
        CHECK_EQUAL(pthread_join(thread, NULL), 0);
}

int main(void) {
        RUN(test_each_part_is_done_once);
        RUN(test_all_threads_take_part);
        RUN(test_fewer_parts_than_threads);
        RUN(test_fewer_threads_than_there_are);
        RUN(test_an_error_ends_the_work);
        RUN(test_cancelled_parts_end_the_work);
        RUN(test_the_limit_holds_at_once);
        RUN(test_the_time_of_all_is_counted);
        RUN(test_thousands_of_short_works);
        return tests_end();
}
