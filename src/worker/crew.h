/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The crew: threads that compute, pack and digest blocks for clients. A client is a master. There is one lane, one
 * stream of leases, and all threads work together at its window, some blocks that continue one another: what prepares a
 * window is paid once for all of them, and a block that lasts for seconds is shared too. The lane has a row of leases
 * for each client and divides its time between those that have work for it, by the priorities of their jobs
 * (worker/schedule.h).
 * Everything here is called from the event loop's thread; the crew's own threads stay inside crew-lane.c, crew-window.c
 * and team.c.
 *
 * The lane keeps its sieve state as long as its windows continue one another. Finished blocks wait in the crew until
 * they are popped; the bytes of a client's blocks count against its share of `pending_bytes_max` until they are
 * released. When they reach it, no window is begun for this client: what waits is less than that and one window.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "prime/certainty.h"
#include "prime/grid.h"
#include "prime/pack.h"
#include "prime/sieve/profile.h"
#include "prime/sieve/run.h"
#include "worker/schedule.h"

typedef struct Crew Crew;

/* One for whom the crew computes. Counted references, which any thread may take and drop. */
typedef struct CrewClient CrewClient;

CrewClient *crew_client_new(void); /* NULL when out of memory */
CrewClient *crew_client_ref(CrewClient *client);
CrewClient *crew_client_unref(CrewClient *client);

/* A job of a client as the worker knows it. Counted references, too. Two clients' jobs are different works. */
typedef struct CrewJob CrewJob;

#define CREW_PRIORITY_DEFAULT 100

/*
 * Takes the numbers of `grid` (the caller must not call grid_done() after success). `certainty`: at least so sure; 0:
 * what the place of each block gives. NULL when out of memory.
 */
CrewJob *crew_job_new(CrewClient *client, uint64_t id, Grid *grid, Certainty certainty);
CrewJob *crew_job_ref(CrewJob *job);
CrewJob *crew_job_unref(CrewJob *job);
CrewClient *crew_job_client(const CrewJob *job);
uint64_t crew_job_id(const CrewJob *job);
const Grid *crew_job_grid(const CrewJob *job);
bool crew_job_is_unused(const CrewJob *job); /* nobody but the caller has a reference */

/* 1 … SCHEDULE_WEIGHT_MAX; CREW_PRIORITY_DEFAULT at first. */
void crew_job_set_priority(CrewJob *job, unsigned priority);

/* One finished block. */
typedef struct CrewResult CrewResult;
struct CrewResult {
        CrewResult *next; /* for whoever owns the result */
        bool sent;        /* likewise */
        CrewJob *job;
        uint64_t sequence;
        PackCodec codec;
        Certainty certainty;
        uint64_t count; /* primes, with 2, 3 and 5 where they belong to the block */
        uint8_t digest[SHA256_SIZE];
        usec_t compute_usec; /* CPU time of all threads together */
        uint8_t *packed;
        size_t packed_size;
};

CrewResult *crew_result_free(CrewResult *result);

/* A stretch of blocks that will not be computed. The caller drops the reference to the job. */
typedef struct CrewRemainder {
        CrewJob *job;
        uint64_t first, end;
} CrewRemainder;

#define CREW_CLIENTS_MAX SCHEDULE_ROWS_MAX /* attached at a time */
#define CREW_LEASES_MAX 4                  /* per client */
#define CREW_LEASES_IN_HAND 2              /* that the lane likes to have of a client */
#define CREW_PIECES_MAX 8                  /* of a window that is in work, when blocks amid it were revoked */
#define CREW_REMAINDERS_MAX (CREW_LEASES_MAX + CREW_PIECES_MAX)

typedef struct CrewSettings {
        unsigned n_threads;       /* at least 1; all are active at first */
        size_t memory_max;        /* bytes for the sieve and the bitmap of its window; 0: SIEVE_MEMORY_DEFAULT */
        size_t pending_bytes_max; /* of packed blocks that are not released */
} CrewSettings;

/* 0 or negative errno. */
int crew_new(const CrewSettings *settings, Crew **ret);

/* Cancels and joins the threads; what they were at is lost. */
Crew *crew_free(Crew *crew);

/*
 * Cancels all threads for good and waits until they have ended, at most `span` long. False: one of them is in the
 * middle of something that cannot be interrupted (the start of a sieve, a test of a huge number).
 */
bool crew_stop(Crew *crew, usec_t span);

/* Readable when a result, or an error, can be popped. */
int crew_fd(const Crew *crew);

/* The next finished block, those of a client in the order of its leases; NULL if none waits. The caller owns it. */
CrewResult *crew_pop_result(Crew *crew);

/* The error that stopped the lane (out of memory, a failing library): negative errno, 0 if there is none. */
int crew_error(Crew *crew);

/* The client may have leases now, of all threads and without a cap. -EUSERS: there are CREW_CLIENTS_MAX. */
int crew_attach(Crew *crew, CrewClient *client);

/* Drops what is left of its leases, and cancels its window (withdraw them first). Its finished blocks still come. */
void crew_detach(Crew *crew, CrewClient *client);

/*
 * At most `n_threads` work for the client, 0: none (withdraw its work first), and together they use at most
 * `cpu_percent` of one processor; 0: without such a cap.
 */
void crew_limit(Crew *crew, CrewClient *client, unsigned n_threads, unsigned cpu_percent);

/* These bytes of the client's packed blocks are acknowledged or dropped. */
void crew_release(Crew *crew, CrewClient *client, size_t n_bytes);

/* Packed blocks of the client that are not released. */
size_t crew_pending_bytes(Crew *crew, const CrewClient *client);

/*
 * Gives the crew blocks [first, end) of an attached client's job; `run_end` is where they will probably go on to.
 * -ENOBUFS: it has CREW_LEASES_MAX leases of this client already.
 */
int crew_assign(Crew *crew, CrewJob *job, uint64_t first, uint64_t end, uint64_t run_end);

/*
 * Whether the crew would like another lease of the client: it has fewer than CREW_LEASES_IN_HAND, and the client's
 * turn is near. (A lease that waits long would expire at its master.)
 */
bool crew_wants(Crew *crew, const CrewClient *client);

/*
 * How many blocks of the client the crew would compute at once if it had them: leases of fewer blocks make short
 * windows, which cost more per block. 0: not known before the first one.
 */
uint64_t crew_window_blocks(Crew *crew, const CrewClient *client);

/*
 * Blocks [first, end) of the job are not wanted any more: they are skipped. In the window that is in work they are left
 * out when it comes to packing; when nothing else is left of it, it is cancelled.
 */
void crew_revoke(Crew *crew, const CrewClient *client, uint64_t job, uint64_t first, uint64_t end);

/*
 * Takes all unfinished work of the client back, cancelling its window. Returns how many stretches were written to
 * `ret`. None of them comes as a result any more.
 */
size_t crew_withdraw(Crew *crew, const CrewClient *client, CrewRemainder ret[static CREW_REMAINDERS_MAX]);

/* So many threads work, the others sleep. 0: no window is begun any more, and the memory is given back. */
void crew_set_threads(Crew *crew, unsigned n_threads);
unsigned crew_threads(const Crew *crew);
unsigned crew_threads_max(const Crew *crew); /* there are so many */

/*
 * What is known of this machine: from now on windows are computed by it. To be called before the first lease; without
 * it the crew assumes the usual.
 */
void crew_set_profile(Crew *crew, const SieveProfile *profile);

/*
 * Measures the machine, with all active threads, when the crew has computed for `after_usec` of CPU time, and then
 * computes by that. It wants no lease while that is due, and begins when it has none left. Takes about five seconds
 * on a fast core; a change of threads puts it off.
 */
void crew_measure(Crew *crew, usec_t after_usec);

/* True once, when it has measured; then crew_fd() is readable. */
bool crew_pop_profile(Crew *crew, SieveProfile *ret);

/* As in CrewSettings, from the next window on. */
void crew_set_memory(Crew *crew, size_t memory_max, size_t pending_bytes_max);

DEFINE_TRIVIAL_CLEANUP_FUNC(CrewClient *, crew_client_unref);
DEFINE_TRIVIAL_CLEANUP_FUNC(CrewJob *, crew_job_unref);
DEFINE_TRIVIAL_CLEANUP_FUNC(CrewResult *, crew_result_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(Crew *, crew_free);
