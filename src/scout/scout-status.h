/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The whole of this worker host in a few words: for `systemctl status` and for org.primed.Worker1. */

#include <stdbool.h>
#include <stddef.h>

#include "scout/candidate-set.h"

#define SCOUT_STATUS_SIZE 1024

typedef struct ScoutStatus {
        const char *state;      /* as in bus/names.h */
        unsigned allowed_threads, applied_threads;
        const char *note;       /* why it computes with fewer, or not at all; "" nothing to say */
        unsigned n_masters;     /* gone ones do not count */
        unsigned n_connected, n_connecting, n_waiting, n_refused, n_failing;
        const char *titles[2];  /* of the first that are connected; else of the first at all; NULL where none is */
        const char *reason;     /* of titles[0]; "" nothing to say */
} ScoutStatus;

/* What is known beside the candidates. No pointer is NULL. */
typedef struct ScoutFacts {
        const char *config_error;  /* "FILE:LINE: …"; "" none */
        bool config_missing;       /* and nothing that was right before: nothing is done until it is mended */
        const char *worker_error;  /* why the worker does not start; "" it does, as far as is known */
        const char *avahi;         /* as in bus/names.h */
} ScoutFacts;

/* The texts point into `set` and `facts`. */
void scout_status_make(const CandidateSet *set, const ScoutFacts *facts, ScoutStatus *ret);

/* One line for people, without a newline. */
void scout_status_text(const ScoutStatus *status, const ScoutFacts *facts, char *ret, size_t size);
