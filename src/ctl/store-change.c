/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Changes to a store, here or by the master.
 *
 * store_open() makes what is not there, so the file `job` is read first.
 */

#include "ctl/store-change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "bus/bus.h"
#include "ctl/answer.h"
#include "ctl/client.h"
#include "ctl/owner-rights.h"
#include "store/job-file.h"
#include "store/store.h"

#define SEGMENTS_AT_ONCE 64

DEFINE_TRIVIAL_CLEANUP_FUNC(Store *, store_close);

/* here */

static int change_open(Store *store, const StoreChange *change, StoreChanged *ret, Problem *problem) {
        StoreTotals before, after;
        StoreVacuum done;
        int r = 0;

        store_totals(store, &before);
        if (change->rotate)
                r = store_rotate(store, NULL, problem);
        store_totals(store, &after);
        ret->n_ended = after.n_segments - before.n_segments;
        for (bool more = change->vacuum; r >= 0 && more;) {
                r = store_vacuum(store, change->target_bytes, SEGMENTS_AT_ONCE, &done, problem);
                ret->n_thinned += done.n_segments;
                ret->n_bytes += done.n_bytes;
                more = r > 0;
        }
        store_totals(store, &after);
        ret->n_beyond = store_present(store)->n_members - after.n_blocks - after.spool_blocks;
        return r < 0 ? r : 0;
}

/* The grid of the store that is there. */
static int look_at(const char *path, Grid *ret_grid, Problem *problem) {
        uint8_t digest[SHA256_SIZE];
        uint64_t segment_blocks;
        int fd, r;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return problem_set(problem, errno, "Cannot open the store '%s': %m. Say with --store or --job where it "
                                   "is.", path);
        r = job_file_read(fd, path, ret_grid, &segment_blocks, digest, problem);
        (void) fd_close(fd);
        return r;
}

static int change_here(const char *path, const StoreChange *change, StoreChanged *ret, Problem *problem) {
        _cleanup_(store_closep) Store *store = NULL;
        const StoreOptions options = {};
        Grid grid;
        bool taken;
        int r, k;

        r = look_at(path, &grid, problem);
        if (r < 0)
                return r;
        r = owner_rights_take(path, &taken, problem);
        if (r >= 0)
                r = store_open(&disk_system, path, &grid, &options, &store, problem);
        if (r >= 0)
                r = change_open(store, change, ret, problem);
        store = store_close(store);
        grid_done(&grid);
        k = owner_rights_end(taken, problem);
        return k < 0 ? k : r;
}

/* by the master */

/* The name of the job whose store this is. NULL: the master has none, or there is no master. The caller frees. */
static char *master_job_of(sd_bus *bus, const char *path) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        json_t *jobs = NULL, *job;
        char *name = NULL;
        struct stat st, other;
        size_t i;

        if (stat(path, &st) >= 0 && client_query(bus, CLIENT_MASTER, "ListJobs", &jobs, &error) >= 0)
                json_array_foreach(jobs, i, job)
                        if (!name && stat(answer_string(job, "store"), &other) >= 0 && st.st_dev == other.st_dev &&
                            st.st_ino == other.st_ino)
                                name = strdup(answer_string(job, "name"));
        json_decref(jobs);
        sd_bus_error_free(&error);
        return name;
}

static int ask_rotate(sd_bus *bus, const char *name, const char *action, StoreChanged *ret) {
        sd_bus_message *call = NULL, *reply = NULL;
        int r;

        r = client_prepare(bus, "RotateStore", &call);
        if (r == EXIT_SUCCESS)
                r = sd_bus_message_append(call, "s", name) < 0 ? EXIT_FAILURE : client_call(bus, call, action, &reply);
        if (r == EXIT_SUCCESS && sd_bus_message_read(reply, "t", &ret->n_ended) < 0)
                r = EXIT_FAILURE;
        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return r;
}

static int ask_vacuum(sd_bus *bus, const char *name, const StoreChange *change, StoreChanged *ret) {
        sd_bus_message *call = NULL, *reply = NULL;
        int r;

        r = client_prepare(bus, "VacuumStore", &call);
        if (r == EXIT_SUCCESS)
                r = sd_bus_message_append(call, "st", name, change->target_bytes) < 0 ?
                            EXIT_FAILURE :
                            client_call_long(bus, call, change->action, &reply);
        if (r == EXIT_SUCCESS && sd_bus_message_read(reply, "tt", &ret->n_thinned, &ret->n_bytes) < 0)
                r = EXIT_FAILURE;
        sd_bus_message_unref(reply);
        sd_bus_message_unref(call);
        return r;
}

/* -ENOENT: the store is none of the master's; else the exit status. */
static int change_by_master(const char *path, const StoreChange *change, StoreChanged *ret) {
        _cleanup_free_ char *name = NULL;
        sd_bus *bus = NULL;
        int r = EXIT_SUCCESS;

        if (bus_open_system(NULL, &bus, NULL) < 0)
                return -ENOENT;
        name = master_job_of(bus, path);
        if (!name)
                r = -ENOENT;
        if (r == EXIT_SUCCESS && change->rotate)
                r = ask_rotate(bus, name, change->action, ret);
        if (r == EXIT_SUCCESS && change->vacuum)
                r = ask_vacuum(bus, name, change, ret);
        sd_bus_flush_close_unref(bus);
        return r;
}

char *store_change_job_of(const char *path) {
        sd_bus *bus = NULL;
        char *name;

        if (bus_open_system(NULL, &bus, NULL) < 0)
                return NULL;
        name = master_job_of(bus, path);
        sd_bus_flush_close_unref(bus);
        return name;
}

int store_change_run(const char *path, const StoreChange *change, StoreChanged *ret) {
        Problem problem = PROBLEM_NONE;
        int r;

        *ret = (StoreChanged) {};
        r = change_here(path, change, ret, &problem);
        if (r == -EBUSY || r == -EACCES || r == -EPERM) {
                int k = change_by_master(path, change, ret);

                if (k != -ENOENT)
                        return k;
        }
        if (r >= 0)
                return EXIT_SUCCESS;
        log_error("%s", problem.text);
        return EXIT_FAILURE;
}
