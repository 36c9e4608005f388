/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The body of a Simulator, shared by its files: simulator.c (the loop), site.c (workers), office.c (the
 * master). */

#include "base/random.h"
#include "cluster/event-queue.h"
#include "cluster/simulator.h"

#define BOOK_ITEMS_MAX (UINT64_C(1) << 20) /* of an open job only so many items are followed */

/* The simulator's own account of a job. */
typedef struct Book {
        PlanJob job;
        uint64_t n_items; /* that are followed */
        bool *accepted;
        uint16_t *n_holders; /* lanes that were given the item and neither delivered nor lost it */
        usec_t *accepted_at;
        uint64_t n_accepted, n_taken, frontier;
        uint64_t n_unasked; /* accepted beyond the spool's rules: late, offered, lost and found again */
        uint64_t n_spool_most;
        double spread;
        double busy_usec;
        usec_t finished_at;
        bool removed;
} Book;

typedef struct Task {
        uint64_t job, first, end;
} Task;

typedef struct SiteLane {
        /* as the worker knows it */
        Task *tasks;
        size_t n_tasks, n_tasks_allocated;
        bool asked;
        bool busy; /* with the first item of the first task */
        usec_t begun, finish;
        usec_t frozen_usec; /* stalled with so much to go */
        bool idle;
        usec_t idle_since;
        usec_t held_usec; /* the last request was held up on its link for so long */
        double cost;
        unsigned epoch;
        uint64_t stream_job, stream_next;

        /* as the master should know it */
        bool waiting;
        IntervalSet *held; /* per job */
        size_t n_held;
} SiteLane;

typedef struct Site {
        WorkerTraits traits;
        SiteLane *lanes;
        unsigned n_lanes, n_lanes_allocated;
        bool alive, stalled;
        unsigned session; /* as the worker counts */
        bool connected;   /* the worker believes so */
        bool joined;      /* the master does */
        unsigned joined_session, joined_lanes;
        usec_t up_usec, down_usec; /* the links deliver in order: nothing before these */
} Site;

typedef struct Segment {
        usec_t from;
        double rate; /* items of cost 1 per second, all lanes that live */
} Segment;

struct Simulator {
        uint64_t seed;
        Random random;
        PlanSettings settings;
        usec_t detection_usec;
        Plan *plan;
        EventQueue queue;
        usec_t now;
        usec_t progress_at;

        Book *books;
        size_t n_books;
        Site *sites;
        size_t n_sites, n_sites_allocated;
        PlanJob *later; /* jobs that start later */
        size_t n_later;

        struct {
                unsigned site, lane;
        } * waiting;
        size_t n_waiting, n_waiting_allocated;
        uint64_t generation;

        Segment *segments;
        size_t n_segments, n_segments_allocated;
        double lost_cost;
        usec_t first_join, last_accept;
        SimulatorReport report;
        char failure[256];
};

/* simulator.c */
void simulator_fail(Simulator *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void simulator_note(Simulator *s, uint64_t a, uint64_t b, uint64_t c, uint64_t d); /* into the digest */
void simulator_note_capacity(Simulator *s);
Book *simulator_book(const Simulator *s, uint64_t job); /* NULL: none, or removed */
double simulator_item_cost(const Simulator *s, uint64_t job, uint64_t item);
int simulator_open_book(Simulator *s, PlanJob job, const IntervalSet *done);

/* site.c: what happens at a worker */
void site_send(Simulator *s, unsigned site, Event event); /* to the master */
void site_handle(Simulator *s, const Event *event);

/* office.c: what happens at the master */
void office_handle(Simulator *s, const Event *event);
void office_settle(Simulator *s); /* after each event: tell revocations, ask again for waiting lanes */
void office_check_end(Simulator *s);
