/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stores that the service keeps, which everybody may read. */

#include "ctl/system-store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/place.h"
#include "bus/bus.h"
#include "ctl/client.h"
#include "ctl/answer.h"

typedef struct Search {
        const char *job; /* NULL: any */
        char *path;      /* the best until now */
        struct timespec made;
} Search;

static bool is_later(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* A store has a file "job", which is written once. */
static int search_look_at(Search *search, const char *name, const char *path) {
        _cleanup_free_ char *file = NULL;
        struct stat st;

        if (search->job && strcmp(search->job, name) != 0)
                return 0;
        if (asprintf(&file, "%s/job", path) < 0)
                return -ENOMEM;
        if (stat(file, &st) < 0 || (search->path && !is_later(&st.st_mtim, &search->made)))
                return 0;
        free(search->path);
        search->path = strdup(path);
        search->made = st.st_mtim;
        return search->path ? 0 : -ENOMEM;
}

/* 1: a master answers, and knows all there is. */
static int search_bus(Search *search) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = NULL;
        json_t *jobs = NULL, *job;
        size_t i;
        int r;

        if (bus_open_system(NULL, &bus, NULL) < 0)
                return 0;
        r = client_query(bus, CLIENT_MASTER, "ListJobs", &jobs, &error) >= 0;
        json_array_foreach(jobs, i, job)
                if (r >= 0 && search_look_at(search, answer_string(job, "name"), answer_string(job, "store")) < 0)
                        r = -ENOMEM;
        json_decref(jobs);
        sd_bus_error_free(&error);
        sd_bus_flush_close_unref(bus);
        return r;
}

static int search_folder(Search *search, const char *folder) {
        DIR *stream = opendir(folder);
        int r = 0;

        if (!stream)
                return 0;
        for (struct dirent *entry; r >= 0 && (entry = readdir(stream));) {
                _cleanup_free_ char *path = NULL;

                if (entry->d_name[0] == '.')
                        continue;
                r = asprintf(&path, "%s/%s", folder, entry->d_name) < 0 ? -ENOMEM
                                                                        : search_look_at(search, entry->d_name, path);
        }
        (void) closedir(stream);
        return r;
}

int system_store_find(const char *job, char **ret) {
        Search search = { .job = job };
        int r;

        r = search_bus(&search);
        if (r >= 0 && !search.path) /* a job that was cancelled has its store still */
                r = search_folder(&search, PLACE_STATE);
        if (r >= 0 && !search.path)
                r = -ENOENT;
        if (r < 0) {
                free(search.path);
                return r;
        }
        *ret = search.path;
        return 0;
}
