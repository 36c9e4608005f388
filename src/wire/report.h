/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How far a job is: what a master tells the program that started it, as one JSON object in one datagram over the
 * control socket between the two. Integers that can pass 2^53 travel as strings.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

#define REPORT_SIZE_MAX 65536 /* bytes of one datagram */
#define REPORT_NUMBER_MAX 16384 /* digits of an interval's end; longer ones are left out (empty) */

#define REPORT_WAITING "waiting" /* for room on the disk: it goes on by itself */

typedef struct Report {
        char state[16];              /* "running", "finished", "failed", or REPORT_WAITING */
        char problem[1024];          /* a sentence when failed or waiting */
        char *from, *to;             /* decimal; `to` is empty for an open job */
        uint64_t block_length;
        uint64_t blocks_total;
        uint64_t blocks_in_order;    /* up to the frontier */
        uint64_t blocks_spooled;     /* beyond it */
        uint64_t blocks_at_start;    /* that were there when the master started */
        double numbers_total, numbers_done, numbers_at_start;
        uint64_t primes;             /* in order and spooled */
        uint64_t segment_bytes, spool_bytes;
        uint64_t segments;
        uint64_t disagreements;
        uint32_t workers, threads;
        uint64_t elapsed_usec;       /* since the master started */
} Report;

void report_done(Report *report);

/* The caller frees `*ret`. 0 or -ENOMEM. */
int report_encode(const Report *report, char **ret, size_t *ret_size);

/* `ret` is given to report_done() after success only. -EBADMSG, -ENOMEM. */
int report_decode(const char *text, size_t size, Report *ret);
