/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The master as a child of `primectl local`: one job, workers and reports over a control socket, no daemon. */

#include "prime/certainty.h"
#include "store/store.h"

typedef struct LocalRunSettings {
        int control_fd;  /* see local-control.h */
        int interval_fd; /* a file with the ends A and B of the job, a line each; without B the job is open */
        const char *store_path;
        Certainty certainty;    /* 0: that of the store */
        uint64_t segment_bytes; /* of a new store, where the options do not say blocks; 0: the default */
        StoreOptions store_options;
} LocalRunSettings;

/* Until the job is finished, or whoever started us stops it. 0, or an error that was told. */
int local_run(const LocalRunSettings *settings);
