/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What stores keep, and for how long.
 *
 * Segments lose their bitmaps one for each turn of the event loop, however many there are: each is a file that is
 * written, synced and renamed, and workers must not wait for all of them. Two things ask for it. Somebody who wants one
 * store to be smaller; and, where the rules say so, lack of room: then segments go until every running job has what one
 * that was stopped would need to go on, so that it is not one segment for each look; and those of a job that ended
 * meanwhile, until the stores are as small as they shall be.
 *
 * Bitmaps of other jobs' stores make room for a job as well, if they lie on its file system, or if it is not that which
 * is full. Those of the job that was added first go first: its segments are the oldest. Where no sealed segment has
 * any, an open one that is long enough to help is sealed before its time.
 */

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"
#include "master/master-state.h"

/*
 * How often the room is looked at on a file system that a job writes to: at least then, and after so much was
 * written.
 */
#define ROOM_LOOK_USEC USEC_PER_SEC
#define ROOM_LOOK_BYTES (UINT64_C(4) << 20)
#define TELL_USEC (5 * USEC_PER_SEC)
#define OPEN_BYTES_MIN (UINT64_C(1) << 20) /* many short segments would be no help either */

static StoreTotals job_totals(const MasterJob *job) {
        StoreTotals totals = job->last_totals;

        if (job->store)
                store_totals(job->store, &totals);
        return totals;
}

uint64_t master_used_bytes(const Master *master) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < master->n_jobs; i++) {
                StoreTotals totals = job_totals(master->jobs[i]);

                bytes += totals.segment_bytes + totals.spool_bytes;
        }
        return bytes;
}

void master_measure_closed(Master *master) {
        for (size_t i = 0; i < master->n_jobs; i++) {
                MasterJob *job = master->jobs[i];
                uint64_t before = job->last_totals.segment_bytes;

                if (job->store || store_measure(job->store_path, &job->last_totals) < 0)
                        continue;
                if (job->last_totals.segment_bytes != before)
                        job->n_dropped = 0;
        }
}

int master_look_for_room(const Master *master, const MasterJob *job, bool stopped, RoomLack *ret, Problem *problem) {
        char is_free[TEXT_SIZE], wanted[TEXT_SIZE];
        uint64_t size, available;
        RoomLack lack;
        int r;

        r = room_check(job->disk, job->store_path, &master->rules.room, master_used_bytes(master), stopped, &lack,
                       master->once ? NULL : problem);
        if (ret)
                *ret = lack;
        if (r >= 0 || !master->once)
                return r;
        /* There is no master.conf to change. */
        if (job->disk->space(job->disk, job->store_path, &size, &available) < 0)
                return problem_set(problem, r, "The file system of the store '%s' is full; what was found is safe. "
                                   "Make room there.", job->store_path);
        return problem_set(problem, r, "The file system of the store '%s' has %s free, and %s must stay free for the "
                           "store to keep itself in order; what was found is safe. Make room there.", job->store_path,
                           text_bytes(available, is_free), text_bytes(available + lack.free_bytes, wanted));
}

/* what can be dropped */

static bool job_may_have_bitmaps(const MasterJob *job) {
        return job_totals(job).n_segments > job->n_dropped;
}

/* Would it help to seal the open segment, and drop its bitmaps? */
static bool job_may_be_sealed(const MasterJob *job, const RoomLack *lack) {
        uint64_t wanted = MAX(lack->free_bytes, lack->use_bytes);

        return job_totals(job).open_bytes >= MAX(wanted, OPEN_BYTES_MIN);
}

static bool job_is_beside(const MasterJob *job, const MasterJob *other) {
        struct stat a, b;

        return job == other ||
               (stat(job->store_path, &a) >= 0 && stat(other->store_path, &b) >= 0 && a.st_dev == b.st_dev);
}

/*
 * The job whose bitmaps are the next to go, for `job` to have room; those of its open segment, if `ret_unsealed` says
 * so, for there are no others. NULL: none has any, or the rules keep them.
 */
static MasterJob *master_next_to_drop(const Master *master, const MasterJob *job, const RoomLack *lack,
                                      bool *ret_unsealed) {
        MasterJob *unsealed = NULL;

        *ret_unsealed = false;
        if (!master->rules.drop_oldest)
                return NULL;
        for (size_t i = 0; i < master->n_jobs; i++) {
                MasterJob *other = master->jobs[i];

                if ((!other->store && other != job) || (lack->free_bytes > 0 && !job_is_beside(job, other)))
                        continue;
                if (job_may_have_bitmaps(other))
                        return other;
                if (!unsealed && job_may_be_sealed(other, lack))
                        unsealed = other;
        }
        *ret_unsealed = unsealed;
        return unsealed;
}

bool master_can_make_room(const Master *master, const MasterJob *job, const RoomLack *lack) {
        bool unsealed;

        return master_next_to_drop(master, job, lack, &unsealed);
}

void master_make_room(Master *master) {
        if (!master->dropping)
                log_notice("There is too little room for the stores: the oldest segments lose their primes, and keep "
                           "counts and digests");
        master->dropping = true;
        (void) sd_event_source_set_enabled(master->retain_source, SD_EVENT_ON);
}

/* room */

/*
 * A job that is finished needs no room, but its store keeps to a `max_use` that is the same for all: the last blocks
 * may have come faster than segments could go.
 */
static bool job_is_to_shrink(const Master *master, const MasterJob *job) {
        const RoomShare *max_use = &master->rules.room.max_use;

        return master_job_state(job) == MASTER_JOB_FINISHED && job->store && master->rules.drop_oldest &&
               max_use->bytes > 0 && master_used_bytes(master) > max_use->bytes;
}

/* As master_look_for_room(), for a job that runs or is to shrink; else 0. */
static int master_find_lack(const Master *master, const MasterJob *job, bool stopped, RoomLack *ret, Problem *problem) {
        bool shrinks = job_is_to_shrink(master, job);
        int r;

        *ret = (RoomLack) {};
        if (!shrinks && master_job_state(job) != MASTER_JOB_RUNNING)
                return 0;
        r = master_look_for_room(master, job, stopped, ret, problem);
        if (shrinks)
                ret->free_bytes = 0;
        return !shrinks || ret->use_bytes > 0 ? r : 0;
}

void master_check_room(Master *master, MasterJob *job, usec_t now) {
        Problem problem = PROBLEM_NONE;
        uint64_t used_bytes;
        RoomLack lack;
        int r;

        if (master->stopping || (master_job_state(job) != MASTER_JOB_RUNNING && !job_is_to_shrink(master, job)))
                return;
        used_bytes = master_used_bytes(master);
        if (now < job->looked_usec + ROOM_LOOK_USEC && used_bytes < job->looked_bytes + ROOM_LOOK_BYTES)
                return;
        job->looked_usec = now;
        job->looked_bytes = used_bytes;
        r = master_find_lack(master, job, false, &lack, &problem);
        if (r < 0 && master_can_make_room(master, job, &lack))
                master_make_room(master);
        else if (r < 0 && !job->finished)
                master_fail_job(master, job, r, &problem);
}

/* Seals what is open: it is dropped next. 0 or a failure of the job's store. */
static int master_seal_open(Master *master, MasterJob *job, Problem *problem) {
        int r = master_commit_job(master, job, problem);

        return r < 0 ? r : store_rotate(job->store, NULL, problem);
}

/* Looks at one segment of the job's store. 0 or a failure of it. */
static int master_drop_segment(Master *master, MasterJob *job, Problem *problem) {
        StoreTotals totals;
        StoreVacuum done;
        int r;

        r = store_vacuum(job->store, 0, 1, &done, problem);
        master->dropped.n_segments += done.n_segments;
        master->dropped.n_bytes += done.n_bytes;
        store_totals(job->store, &totals);
        if (r == 0)
                job->n_dropped = totals.n_segments;
        return MIN(r, 0);
}

static void master_end_dropping(Master *master) {
        char freed[TEXT_SIZE];

        master->dropping = false;
        if (master->dropped.n_segments > 0)
                log_notice("The primes of %" PRIu64 " segment%s were dropped, which made %s of room",
                           master->dropped.n_segments, text_plural(master->dropped.n_segments),
                           text_bytes(master->dropped.n_bytes, freed));
        master->dropped = (StoreVacuum) {};
        master_changed(master);
}

/* One segment, for the first job that lacks room. */
static void master_drop_one(Master *master) {
        for (size_t i = 0; i < master->n_jobs; i++) {
                MasterJob *job = master->jobs[i], *next;
                Problem problem = PROBLEM_NONE;
                bool unsealed;
                RoomLack lack;

                if (master_find_lack(master, job, true, &lack, NULL) >= 0)
                        continue;
                next = master_next_to_drop(master, job, &lack, &unsealed);
                if (next) {
                        int r = unsealed ? master_seal_open(master, next, &problem) :
                                           master_drop_segment(master, next, &problem);

                        if (r < 0 && job->finished && room_is_lack(r))
                                continue; /* it does not need what cannot be had */
                        /* Without room for even a few digests, who lacks it waits; it is tried again. */
                        if (r < 0)
                                master_fail_job(master, room_is_lack(r) ? job : next, r, &problem);
                        return;
                }
                if (!job->finished && master_look_for_room(master, job, false, NULL, &problem) < 0)
                        master_fail_job(master, job, -ENOSPC, &problem);
        }
        master_end_dropping(master);
}

/* by request */

void master_end_vacuum(MasterJob *job, int error, const char *sentence) {
        MasterVacuumEnd on_end = job->vacuum.on_end;
        char freed[TEXT_SIZE];

        if (!on_end)
                return;
        job->vacuum.on_end = NULL;
        if (job->vacuum.done.n_segments > 0)
                log_info("Job '%s': the primes of %" PRIu64 " segment%s were dropped, which freed %s; counts and "
                         "digests stay", job->name, job->vacuum.done.n_segments,
                         text_plural(job->vacuum.done.n_segments),
                         text_bytes(job->vacuum.done.n_bytes, freed));
        on_end(error, sentence, &job->vacuum.done, job->vacuum.userdata);
}

static void master_vacuum_step(Master *master, MasterJob *job) {
        usec_t now = clock_now_usec();
        Problem problem = PROBLEM_NONE;
        char freed[TEXT_SIZE];
        StoreVacuum done;
        int r;

        r = store_vacuum(job->store, job->vacuum.target_bytes, 1, &done, &problem);
        job->vacuum.done.n_segments += done.n_segments;
        job->vacuum.done.n_bytes += done.n_bytes;
        if (r > 0) {
                if (now >= job->vacuum.told_usec + TELL_USEC) {
                        job->vacuum.told_usec = now;
                        log_info("Job '%s': the primes of %" PRIu64 " segment%s were dropped so far, %s", job->name,
                                 job->vacuum.done.n_segments, text_plural(job->vacuum.done.n_segments),
                                 text_bytes(job->vacuum.done.n_bytes, freed));
                }
                return;
        }
        master_end_vacuum(job, r, problem.text);
        if (r < 0 && !room_is_lack(r))
                master_fail_job(master, job, r, &problem);
        master_changed(master);
}

int master_on_retain(sd_event_source *source, void *userdata) {
        Master *master = userdata;
        MasterJob *asked = NULL;

        for (size_t i = 0; i < master->n_jobs && !asked; i++)
                if (master->jobs[i]->vacuum.on_end)
                        asked = master->jobs[i];
        if (asked)
                master_vacuum_step(master, asked);
        else if (master->dropping)
                master_drop_one(master);
        else
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        master_serve(master); /* a job may have failed */
        return 0;
}

/* Of a job whose store is open. */
static MasterJob *master_want_store(const Master *master, const char *name, Problem *problem) {
        MasterJob *job;
        size_t index;

        if (master_find_job(master, name, &index) < 0) {
                (void) problem_set(problem, ENOENT, "There is no job '%s'.", name);
                return NULL;
        }
        job = master->jobs[index];
        if (!job->store) {
                (void) problem_set(problem, EIO, "The store of the job '%s' is closed: %.900s", name,
                                   job->problem.text);
                return NULL;
        }
        return job;
}

int master_vacuum_job(Master *master, const char *name, uint64_t target_bytes, MasterVacuumEnd on_end, void *userdata,
                      Problem *problem) {
        MasterJob *job = master_want_store(master, name, problem);

        if (!job)
                return master_find_job(master, name, NULL) < 0 ? -ENOENT : -EIO;
        if (job->vacuum.on_end)
                return problem_set(problem, EBUSY, "The store of the job '%s' is being made smaller already.", name);
        job->vacuum = (MasterVacuum) {
                .target_bytes = target_bytes,
                .told_usec = clock_now_usec(),
                .on_end = on_end,
                .userdata = userdata,
        };
        (void) sd_event_source_set_enabled(master->retain_source, SD_EVENT_ON);
        return 0;
}

int master_rotate_job(Master *master, const char *name, Problem *problem) {
        MasterJob *job = master_want_store(master, name, problem);
        StoreTotals before, after;
        Problem own = PROBLEM_NONE;
        int r;

        if (!job)
                return master_find_job(master, name, NULL) < 0 ? -ENOENT : -EIO;
        r = master_commit_job(master, job, &own);
        store_totals(job->store, &before);
        if (r >= 0)
                r = store_rotate(job->store, NULL, &own); /* everything is durable already */
        store_totals(job->store, &after);
        if (r < 0 && !room_is_lack(r))
                master_fail_job(master, job, r, &own);
        if (r < 0)
                return problem_set(problem, r, "%s", own.text);
        master_check_finished(master, job);
        master_changed(master);
        master_serve(master);
        return after.n_segments > before.n_segments;
}

/* rules */

void master_set_rules(Master *master, const MasterRules *rules) {
        usec_t now = clock_now_usec();

        master->rules = *rules;
        for (size_t i = 0; i < master->n_jobs; i++) {
                MasterJob *job = master->jobs[i];

                job->store_options.keep = rules->keep;
                if (job->store)
                        store_set_keep(job->store, rules->keep);
                if (job->retry_usec != USEC_INFINITY)
                        job->retry_usec = now;
                job->looked_usec = 0;
                master_check_room(master, job, now);
        }
        master_serve(master);
}
