/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What will happen, by time; at the same time, in the order in which it was put in. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

typedef enum EventType {
        /* worker → master */
        EVENT_JOIN,
        EVENT_REQUEST,
        EVENT_RESULT,
        EVENT_HAND_BACK,
        EVENT_LANES,
        EVENT_GOODBYE,
        /* master → worker */
        EVENT_LEASE,
        EVENT_ENOUGH,
        EVENT_REVOKE,
        /* at the worker */
        EVENT_CONNECT,
        EVENT_ITEM_DONE,
        EVENT_WAKE,
        /* at the master */
        EVENT_DETECT,
        /* from outside */
        EVENT_DIE,
        EVENT_LEAVE,
        EVENT_STALL,
        EVENT_SET_SPEED,
        EVENT_SET_LANES,
        EVENT_GIVE_UP,
        EVENT_LOSE,
        EVENT_PAUSE,
        EVENT_REMOVE_JOB,
        EVENT_START_JOB,
        EVENT_SET_PRIORITY,
} EventType;

typedef struct Event {
        usec_t time;
        uint64_t sequence;
        EventType type;
        unsigned worker, lane; /* `worker` is an index, not an id */
        unsigned epoch;        /* of the session or of the lane's work: an event of an older one is void */
        uint64_t job, first, end;
        double value;
} Event;

typedef struct EventQueue {
        Event *events; /* a binary heap */
        size_t n_events, n_allocated;
        uint64_t sequence;
} EventQueue;

void event_queue_done(EventQueue *queue);
void event_queue_push(EventQueue *queue, Event event); /* sets the sequence */
bool event_queue_peek(const EventQueue *queue, usec_t *ret_time);
bool event_queue_pop(EventQueue *queue, Event *ret);
