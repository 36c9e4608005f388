/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A binary heap. Running out of memory ends the test. */

#include "cluster/event-queue.h"

#include <stdlib.h>

#include "cluster/must.h"

static bool event_is_before(const Event *a, const Event *b) {
        return a->time != b->time ? a->time < b->time : a->sequence < b->sequence;
}

void event_queue_done(EventQueue *queue) {
        free(queue->events);
        *queue = (EventQueue) {};
}

void event_queue_push(EventQueue *queue, Event event) {
        size_t at = queue->n_events;

        if (queue->n_events == queue->n_allocated) {
                queue->n_allocated = queue->n_allocated * 2 + 64;
                queue->events = reallocarray(queue->events, queue->n_allocated, sizeof *queue->events);
                MUST(queue->events);
        }
        event.sequence = queue->sequence++;
        queue->n_events++;
        while (at > 0 && event_is_before(&event, queue->events + (at - 1) / 2)) {
                queue->events[at] = queue->events[(at - 1) / 2];
                at = (at - 1) / 2;
        }
        queue->events[at] = event;
}

bool event_queue_peek(const EventQueue *queue, usec_t *ret_time) {
        if (queue->n_events == 0)
                return false;
        *ret_time = queue->events[0].time;
        return true;
}

bool event_queue_pop(EventQueue *queue, Event *ret) {
        Event last;
        size_t at = 0;

        if (queue->n_events == 0)
                return false;

        *ret = queue->events[0];
        last = queue->events[--queue->n_events];
        for (;;) {
                size_t child = 2 * at + 1;

                if (child >= queue->n_events)
                        break;
                if (child + 1 < queue->n_events &&
                    event_is_before(queue->events + child + 1, queue->events + child))
                        child++;
                if (event_is_before(&last, queue->events + child))
                        break;
                queue->events[at] = queue->events[child];
                at = child;
        }
        queue->events[at] = last;
        return true;
}
