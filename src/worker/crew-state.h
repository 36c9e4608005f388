/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What crew.c (the event loop's side), crew-lane.c (which window is next) and crew-window.c (the work) share. One mutex
 * guards all that is not a thread's own; it is held for a few instructions per block (milliseconds to seconds of
 * work), so nobody ever waits for it.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "worker/crew.h"
#include "worker/team.h"

struct CrewClient {
        atomic_uint n_ref;

        /* guarded by the crew's mutex */
        size_t pending_bytes;
        uint64_t window_blocks; /* of the window that was begun last, if there had been enough of them; 0: none yet */
        usec_t block_usec;      /* CPU time of a block of the last window */
        unsigned slot;          /* the number of its row; SCHEDULE_NONE: not attached */
        unsigned n_threads;     /* that work for it at most; 0: nothing is begun for it */
};

struct CrewJob {
        atomic_uint n_ref;
        atomic_uint priority;
        CrewClient *client;
        uint64_t id;
        Certainty certainty; /* asked for */
        Grid grid;
};

typedef struct CrewLease {
        CrewJob *job;
        uint64_t next, end, run_end; /* [next, end) is not begun */
} CrewLease;

/* What one client has in the lane. */
typedef struct CrewRow {
        CrewLease leases[CREW_LEASES_MAX]; /* those that are used up stand in front until their window is done */
        unsigned n_leases;
} CrewRow;

#define CREW_WINDOW_BLOCKS_MAX UINT64_C(4096) /* in one window */

typedef struct CrewPiece {
        uint64_t first, end;
} CrewPiece;

/* A block of the window that is done: its result, or NULL when nobody wants it. */
typedef struct CrewSlot {
        CrewResult *result;
        bool done;
} CrewSlot;

/* Blocks that are computed at once. */
typedef struct CrewWindow {
        CrewJob *job; /* NULL: there is no window; `job`, `first`, `end` change under the mutex */
        uint64_t first, end;

        /* guarded by the crew's mutex: the blocks that are wanted and not published yet; 0: nothing of it (any more) */
        CrewPiece pieces[CREW_PIECES_MAX];
        unsigned n_pieces;

        /* of the lane's thread */
        uint64_t run_end;
        uint64_t length; /* in numbers */
        unsigned weight;
        unsigned n_threads;
        size_t memory_max;
        bool run_began; /* with this window */
        bool run_stands; /* behind this window */
        usec_t sieve_usec; /* CPU time of the whole team */

        /* guarded by the mutex again */
        CrewSlot *slots; /* one for each block; NULL: nothing is done yet */
        uint64_t n_published; /* the first blocks: those that are not wanted were dropped */
} CrewWindow;

/* What each thread of the team has for itself. */
typedef struct CrewDesk {
        Packer *packer;
        uint8_t *packed;
        mpz_t start, end;
} CrewDesk;

/* The one stream of leases. */
typedef struct CrewLane {
        Crew *crew;
        pthread_t thread;
        bool started;

        /* guarded by the crew's mutex */
        pthread_cond_t wake; /* something changed that the lane should look at while it waits */
        CrewRow rows[CREW_CLIENTS_MAX];
        Schedule schedule;
        CrewWindow window;

        atomic_bool cancel; /* the window, or the measuring */
        usec_t used_usec;         /* CPU time of the windows so far */
        usec_t measure_usec;      /* measure when that is so much; USEC_INFINITY: never */
        bool measures;            /* now */
        bool measured;            /* and nobody has taken it */

        SieveProfile profile; /* by the thread, under the mutex, while there is no run; `has_profile`: known */
        bool has_profile;

        /* the thread's own, `run_job` and `run_next` written under the mutex */
        SieveRun *run;
        SieveTeam sieve_team; /* of the run */
        size_t run_memory_max;
        double slowness;           /* as the last window has shown; 0: there was none */
        CrewJob *run_job;
        uint64_t run_next;
        usec_t run_first_usec;     /* CPU time of the run's first window … */
        uint64_t run_first_length; /* … and its length; 0: the run is older */
        uint8_t *bitmap;
        size_t bitmap_size; /* allocated */
        mpz_t start, stop;
} CrewLane;

struct Crew {
        pthread_mutex_t mutex;
        CrewLane lane;
        Team *team;
        CrewDesk *desks; /* one for each thread */
        unsigned n_threads_max, n_threads;
        size_t memory_max;
        CrewClient *clients[CREW_CLIENTS_MAX];
        unsigned n_slots;   /* all clients are below */
        unsigned n_clients; /* that are attached */
        CrewResult *results, *last_result;
        size_t pending_bytes_max;
        int event_fd;
        int error;
        bool stopping;
};

/* The thread of the lane. */
void *crew_lane_main(void *lane);

/* What each client has to offer. Called with the mutex held. */
void crew_lane_offers(const CrewLane *lane, ScheduleOffer ret[static CREW_CLIENTS_MAX]);

/* Drops the leases of the row of which nothing is left. Called with the mutex held. */
void crew_row_drop_finished(CrewRow *row);

/* The team is as large as the crew and the window's client allow now. Called with the mutex held. */
void crew_lane_apply_threads(CrewLane *lane);

/* Gives the sieve state back. Called with the mutex held, which it drops for that time. */
void crew_lane_forget_run(CrewLane *lane);

/* How many blocks a window that begins where `lane->window` does should have; at least 1. */
uint64_t crew_window_blocks_wanted(CrewLane *lane);

/* Computes, packs and publishes the window. 0 or negative errno. */
int crew_window_compute(CrewLane *lane);

/* Measures the machine into the lane's profile. 0 or negative errno. Without a run. */
int crew_window_measure(CrewLane *lane, unsigned n_threads, size_t memory_max, SieveProfile *ret);

/* Whether the lane should measure, rather than take more leases. Called with the mutex held. */
bool crew_lane_measures_soon(const CrewLane *lane);

/* Frees the results that were not published. */
void crew_window_drop_slots(CrewWindow *window);

/* Whether the block is wanted and not published. Called with the mutex held. */
bool crew_window_wants(const CrewWindow *window, uint64_t block);

/*
 * Takes [first, end) out of what is wanted of the window. False: it would have more than CREW_PIECES_MAX pieces, and
 * nothing was changed. Called with the mutex held.
 */
bool crew_window_cut(CrewWindow *window, uint64_t first, uint64_t end);

/* Wakes the event loop. Called with the mutex held. */
void crew_signal(Crew *crew);

/* Whether another window may be begun for the client. Called with the mutex held. */
bool crew_has_room(const Crew *crew, const CrewClient *client);
