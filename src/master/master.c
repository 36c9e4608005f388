/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The master's life. Its parts are told in master-state.h.
 *
 * The way of a block: session → intake (audit, plan, store) → commit → acknowledgement.
 */

#include "master/master.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "master/master-state.h"

#define SPOOL_BYTES_MAX (UINT64_C(1) << 30) /* of bitmaps, before packing */
#define WORKERS_MAX 4096

DEFINE_TRIVIAL_CLEANUP_FUNC(Master *, master_free);

void master_fail(Master *master) {
        if (master->failed)
                return;
        master->failed = true;
        (void) sd_event_exit(master->event, EXIT_FAILURE);
}

static int master_on_changed(sd_event_source *source, void *userdata) {
        Master *master = userdata;

        master->on_changed(master->userdata);
        return 0;
}

void master_changed(Master *master) {
        if (master->changed_source)
                (void) sd_event_source_set_enabled(master->changed_source, SD_EVENT_ONESHOT);
}

static int add_timer(Master *master, sd_event_time_handler_t handler, sd_event_source **ret) {
        int r;

        r = sd_event_add_time(master->event, ret, CLOCK_BOOTTIME, 0, USEC_PER_MSEC, handler, master);
        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int master_add_sources(Master *master) {
        int r;

        r = add_timer(master, master_on_commit_timer, &master->commit_timer);
        if (r >= 0)
                r = add_timer(master, master_on_deadline, &master->deadline_timer);
        if (r >= 0)
                r = add_timer(master, master_on_chores, &master->chores_timer);
        if (r >= 0)
                r = sd_event_add_defer(master->event, &master->retain_source, master_on_retain, master);
        if (r >= 0)
                r = sd_event_source_set_enabled(master->retain_source, SD_EVENT_OFF);
        if (r < 0 || !master->on_changed)
                return r;
        r = sd_event_add_defer(master->event, &master->changed_source, master_on_changed, master);
        return r < 0 ? r : sd_event_source_set_enabled(master->changed_source, SD_EVENT_OFF);
}

int master_new(sd_event *event, const MasterSettings *settings, Master **ret, Problem *problem) {
        _cleanup_(master_freep) Master *master = NULL;
        const PlanSettings plan_settings = PLAN_SETTINGS_DEFAULT;
        usec_t now = clock_now_usec();
        int r;

        master = malloc(sizeof *master);
        if (!master)
                return problem_set(problem, ENOMEM, "Out of memory");
        *master = (Master) {
                .event = sd_event_ref(event),
                .name = strdup(settings->name),
                .identity = settings->identity,
                .disk = settings->disk ?: &disk_system,
                .once = settings->once,
                .workers_max = settings->workers_max ?: WORKERS_MAX,
                .spool_max_bytes = settings->spool_max_bytes ?: SPOOL_BYTES_MAX,
                .rules = settings->rules,
                .on_cap = settings->on_cap,
                .on_changed = settings->on_changed,
                .userdata = settings->userdata,
                .commit_pause_usec = COMMIT_PAUSE_USEC,
                .started_usec = now,
                .idle_usec = now,
                .session_owner = master_session_owner,
        };
        if (!master->name)
                return problem_set(problem, ENOMEM, "Out of memory");
        master->session_owner.name = master->name;

        if (!master->identity) {
                r = identity_new_ephemeral(&master->own_identity, problem);
                if (r < 0)
                        return r;
                master->identity = master->own_identity;
        }
        master->auditor = auditor_new();
        if (!master->auditor)
                return problem_set(problem, ENOMEM, "Out of memory");
        r = plan_new(&plan_settings, &master->plan);
        if (r >= 0)
                r = master_add_sources(master);
        if (r < 0)
                return problem_set(problem, r, "Failed to set up the master: %m");

        *ret = TAKE_PTR(master);
        return 0;
}

Master *master_free(Master *master) {
        if (!master)
                return NULL;
        while (master->n_workers > 0)
                master_drop_worker(master, master->workers[master->n_workers - 1]);
        free(master->workers);
        sd_event_source_disable_unref(master->commit_timer);
        sd_event_source_disable_unref(master->deadline_timer);
        sd_event_source_disable_unref(master->chores_timer);
        sd_event_source_disable_unref(master->retain_source);
        sd_event_source_disable_unref(master->changed_source);
        for (size_t i = 0; i < master->n_jobs; i++) {
                master_end_vacuum(master->jobs[i], -ECANCELED, "The master stops.");
                master_job_free(master->jobs[i]);
        }
        free(master->jobs);
        plan_free(master->plan);
        auditor_free(master->auditor);
        identity_free(master->own_identity);
        sd_event_unref(master->event);
        free(master->name);
        free(master);
        return NULL;
}

void master_stop(Master *master) {
        if (master->stopping || master->failed)
                return;
        master->stopping = true;
        if (!master_commit(master)) {
                for (size_t i = 0; i < master->n_jobs; i++)
                        if (master->problem.text[0] == '\0')
                                master->problem = master->jobs[i]->problem;
                master_fail(master);
                return;
        }
        for (size_t i = 0; i < master->n_workers; i++)
                master_session_close(master->workers[i]->session, BYE_DONE, "the master stops");
        if (master->n_workers == 0)
                (void) sd_event_exit(master->event, EXIT_SUCCESS);
}

int master_set_name(Master *master, const char *name) {
        char *copy = strdup(name);

        if (!copy)
                return -ENOMEM;
        free(master->name);
        master->session_owner.name = master->name = copy;
        return 0;
}

const char *master_name(const Master *master) {
        return master->name;
}

const uint8_t *master_id(const Master *master) {
        return identity_id(master->identity);
}

bool master_wants_workers(const Master *master) {
        return !master->stopping && plan_has_work(master->plan);
}

usec_t master_started_usec(const Master *master) {
        return master->started_usec;
}

const char *master_problem(const Master *master) {
        return master->problem.text;
}
