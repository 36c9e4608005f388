/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A master and its workers as child processes, joined by socketpairs: no daemon, no network, no root. A worker
 * that dies is started again; a master that dies ends everything.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/problem.h"
#include "wire/report.h"

typedef struct LocalCluster LocalCluster;

typedef struct LocalClusterSettings {
        const char *store_path;
        const char *from, *to; /* decimal; `to` is NULL for an open job */
        unsigned segment_blocks; /* 0: the default */
        const char *segment_size; /* "128M"; NULL: the default */
        const char *certainty;   /* "proved", "bpsw"; NULL: the default */
        const char *keep;        /* "full", "digest"; NULL: the default */
        unsigned n_workers, n_threads; /* threads of each worker */
        uint64_t memory_bytes;         /* for each worker; 0: what it takes by itself */
        bool debug;
} LocalClusterSettings;

typedef enum LocalOutcome {
        LOCAL_FINISHED,
        LOCAL_STOPPED, /* by local_cluster_stop() */
        LOCAL_FAILED,  /* the sentence says why */
} LocalOutcome;

typedef struct LocalClusterCallbacks {
        void (*on_report)(const Report *report, void *userdata);
        /* All children are gone. `problem` is empty unless LOCAL_FAILED. */
        void (*on_ended)(LocalOutcome outcome, const char *problem, void *userdata);
        void (*on_worker_died)(const char *how, void *userdata);        /* and is started again */
        void (*on_connection_lost)(const char *reason, void *userdata); /* a worker's to the master; it gets another */
} LocalClusterCallbacks;

/* SIGCHLD must be blocked. 0 or negative errno with a sentence. */
int local_cluster_new(sd_event *event, const LocalClusterSettings *settings, const LocalClusterCallbacks *callbacks,
                      void *userdata, LocalCluster **ret, Problem *problem);

/* Kills what is still there. */
LocalCluster *local_cluster_free(LocalCluster *cluster);

/* Politely: workers hand back and send what they finished, then the master stores it. A second call kills all. */
void local_cluster_stop(LocalCluster *cluster);
