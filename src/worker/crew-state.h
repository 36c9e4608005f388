/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What crew.c (the event loop's side) and crew-lane.c (the threads) share. One mutex guards all that is not a
 * thread's own; it is held for a few instructions per block (milliseconds to seconds of work), so nobody ever waits
 * for it.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "worker/crew.h"

struct CrewClient {
        atomic_uint n_ref;

        /* guarded by the crew's mutex */
        size_t pending_bytes;
        unsigned slot;      /* the number of its row in every lane; SCHEDULE_NONE: not attached */
        unsigned n_threads; /* lanes at or above compute nothing for it */
};

struct CrewJob {
        atomic_uint n_ref;
        atomic_uint priority;
        CrewClient *client;
        uint64_t id;
        Grid grid;
};

typedef struct CrewLease {
        CrewJob *job;
        uint64_t next, end, run_end; /* [next, end) is not begun */
} CrewLease;

/* What one client has on one lane. */
typedef struct CrewRow {
        CrewLease leases[CREW_LEASES_MAX];
        unsigned n_leases;
} CrewRow;

typedef struct CrewLane {
        Crew *crew;
        unsigned number;
        pthread_t thread;
        bool started;

        /* guarded by the crew's mutex */
        pthread_cond_t wake; /* something changed that the lane should look at while it waits */
        CrewRow rows[CREW_CLIENTS_MAX];
        Schedule schedule;
        bool busy; /* a block is in work: `current` of `current_job` */
        CrewJob *current_job;
        uint64_t current;
        unsigned current_weight;
        bool withdrawn; /* the block in work was taken back */

        atomic_bool cancel;

        /* the thread's own, `run_job` and `run_next` written under the mutex */
        SieveRun *run;
        CrewJob *run_job;
        uint64_t run_next;
        bool run_began; /* with the block in work */
        Packer *packer;
        uint8_t *bitmap, *packed;
        mpz_t start, stop;
} CrewLane;

struct Crew {
        pthread_mutex_t mutex;
        CrewLane *lanes;
        unsigned n_lanes, n_threads;
        CrewClient *clients[CREW_CLIENTS_MAX];
        unsigned n_slots;   /* all clients are below */
        unsigned n_clients; /* that are attached */
        CrewResult *results, *last_result;
        size_t pending_bytes_max;
        int event_fd;
        int error;
        bool stopping;
};

/* The thread of a lane. */
void *crew_lane_main(void *lane);

/* What each client has to offer to the lane. Called with the mutex held. */
void crew_lane_offers(const CrewLane *lane, ScheduleOffer ret[static CREW_CLIENTS_MAX]);

/* Drops the leases of the row of which nothing is left. Called with the mutex held. */
void crew_row_drop_finished(CrewRow *row);

/* Wakes the event loop. Called with the mutex held. */
void crew_signal(Crew *crew);

/* Whether the client may have another block in work. Called with the mutex held. */
bool crew_has_room(const Crew *crew, const CrewClient *client);
