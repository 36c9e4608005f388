/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A real master with real stores, and workers that the test plays over real links. */

#include "master/master.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "test.h"
#include "wire/link.h"

#define N_BLOCKS 6 /* of [0, 6·30·2^20) */
#define N_PRIMES 10489480 /* in it, by primesieve */
#define N_SECOND 3 /* of the second job, which begins where that one ends */

#define JOBS_MAX 4  /* that a played worker knows */
#define LANES_MAX 4 /* that it has */

/* What a worker knows of a job. */
typedef struct PlayedJob {
        uint64_t id;
        unsigned priority, n_announced;
        IntervalSet leased, acknowledged;
} PlayedJob;

typedef struct PlayedWorker {
        struct Stage *stage;
        Link *link;
        bool ready, welcome, closed;
        int closed_error;
        char closed_reason[WIRE_REASON_MAX + 64];
        uint64_t job; /* that was announced last */
        PlayedJob jobs[JOBS_MAX];
        unsigned n_jobs;
        MessageSettings settings;
        unsigned n_settings;
        IntervalSet leased, acknowledged;
        IntervalSet lane_leased[LANES_MAX];
        bool lane_waits[LANES_MAX];
        unsigned n_leases, n_waits, n_revokes;
} PlayedWorker;

typedef struct Stage {
        sd_event *event;
        Identity *identity;
        Master *master;
        char folder[64];
        PlayedWorker workers[4];
        unsigned n_workers;
        Grid grid;
        /* what an honest worker computes: the blocks of the first job, then those of the second */
        uint8_t *packed[N_BLOCKS + N_SECOND];
        MessageBlock blocks[N_BLOCKS + N_SECOND];
} Stage;

static inline void on_ready(Link *link, void *userdata) {
        PlayedWorker *worker = userdata;

        worker->ready = true;
}

/* NULL: it was not announced. */
static inline PlayedJob *worker_job(PlayedWorker *worker, uint64_t id) {
        for (unsigned i = 0; i < worker->n_jobs; i++)
                if (worker->jobs[i].id == id)
                        return worker->jobs + i;
        return NULL;
}

static inline void worker_on_job(PlayedWorker *worker, const MessageJob *message) {
        PlayedJob *job = worker_job(worker, message->job);

        CHECK_EQUAL(message->block_length, GRID_BLOCK_LENGTH_MAX);
        if (!job) {
                CHECK(worker->n_jobs < JOBS_MAX);
                job = worker->jobs + worker->n_jobs++;
                job->id = message->job;
        }
        job->n_announced++;
        job->priority = message->priority;
        worker->job = message->job;
}

static inline void on_message(Link *link, const Message *message, void *userdata) {
        PlayedWorker *worker = userdata;
        PlayedJob *job;

        switch (message->type) {
        case MESSAGE_WELCOME:
                worker->welcome = true;
                break;
        case MESSAGE_JOB:
                worker_on_job(worker, &message->job);
                break;
        case MESSAGE_LEASE:
                worker->n_leases++;
                CHECK(interval_set_add(&worker->leased, message->lease.first, message->lease.end) >= 0);
                CHECK(interval_set_add(worker->lane_leased + message->lease.lane, message->lease.first,
                                       message->lease.end) >= 0);
                worker->lane_waits[message->lease.lane] = false;
                job = worker_job(worker, message->lease.job);
                CHECK(job && interval_set_add(&job->leased, message->lease.first, message->lease.end) >= 0);
                break;
        case MESSAGE_WAIT:
                worker->n_waits++;
                break;
        case MESSAGE_ACKNOWLEDGE:
                job = worker_job(worker, message->acknowledge.job);
                for (size_t i = 0; i < message->acknowledge.n_intervals; i++) {
                        const WireInterval *interval = message->acknowledge.intervals + i;

                        CHECK(interval_set_add(&worker->acknowledged, interval->first, interval->end) >= 0);
                        CHECK(!job || interval_set_add(&job->acknowledged, interval->first, interval->end) >= 0);
                }
                break;
        case MESSAGE_REVOKE:
                /* As the crew does: whoever of its lanes has it. */
                worker->n_revokes++;
                for (size_t i = 0; i < message->revoke.n_intervals; i++)
                        for (unsigned lane = 0; lane < LANES_MAX; lane++)
                                CHECK(interval_set_remove(worker->lane_leased + lane,
                                                          message->revoke.intervals[i].first,
                                                          message->revoke.intervals[i].end) >= 0);
                break;
        case MESSAGE_SETTINGS:
                worker->settings = message->settings;
                worker->n_settings++;
                break;
        default:
                CHECK(!"a message that a master may not send");
        }
}

static inline void on_closed(Link *link, int error, const char *reason, void *userdata) {
        PlayedWorker *worker = userdata;

        worker->closed = true;
        worker->closed_error = error;
        (void) snprintf(worker->closed_reason, sizeof worker->closed_reason, "%s", reason);
}

#define RUN_UNTIL(stage, condition)                                                                          \
        do {                                                                                                 \
                usec_t _end = clock_now_usec() + TEST_PATIENCE(60);                                          \
                while (!(condition)) {                                                                       \
                        CHECK(clock_now_usec() < _end);                                                      \
                        CHECK(sd_event_run((stage)->event, 10 * USEC_PER_MSEC) >= 0);                        \
                }                                                                                            \
        } while (0)

/* Computes what an honest worker would send. */
static inline void stage_compute(Stage *stage) {
        _cleanup_mpz_ mpz_t start, end;
        const SieveEnvironment environment = {};
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        Packer *packer = packer_new();
        SieveRun *run;

        mpz_inits(start, end, NULL);
        number_set_u64(end, (N_BLOCKS + N_SECOND) * GRID_BLOCK_LENGTH_MAX);
        CHECK(bitmap && packer && sieve_run_new(stage->grid.from, end, &environment, &run) >= 0);
        for (unsigned b = 0; b < N_BLOCKS + N_SECOND; b++) {
                MessageBlock *block = stage->blocks + b;
                Certainty certainty;
                PackCodec codec;

                stage->packed[b] = malloc(pack_bound(GRID_BLOCK_BYTES_MAX));
                CHECK(stage->packed[b]);
                CHECK(sieve_run_next(run, GRID_BLOCK_LENGTH_MAX, bitmap, &certainty) >= 0);
                number_set_u64(start, b * GRID_BLOCK_LENGTH_MAX);
                CHECK(pack_bitmap(packer, start, bitmap, GRID_BLOCK_BYTES_MAX, stage->packed[b],
                                  pack_bound(GRID_BLOCK_BYTES_MAX), &codec, &block->packed.size) >= 0);
                block->sequence = b < N_BLOCKS ? b : b - N_BLOCKS;
                block->codec = (uint8_t) codec;
                block->certainty = (uint8_t) certainty;
                block->count = bitmap_count(bitmap, GRID_BLOCK_BYTES_MAX) + (b == 0 ? 3 : 0);
                block->packed.data = stage->packed[b];
                checksum_sha256(bitmap, GRID_BLOCK_BYTES_MAX, block->digest);
        }
        sieve_run_free(run);
        packer_free(packer);
}

static inline void stage_start_master(Stage *stage) {
        const MasterSettings settings = { .name = "test", .once = true };
        const MasterJobSettings job = {
                .name = "job",
                .from = stage->grid.from,
                .to = stage->grid.to,
                .store_path = stage->folder,
                .store_options = { .segment_blocks = 2 },
        };
        Problem problem = PROBLEM_NONE;

        if (master_new(stage->event, &settings, &stage->master, &problem) < 0 ||
            master_add_job(stage->master, &job, &problem) < 0) {
                printf("# %s\n", problem.text);
                CHECK(!"the master starts");
        }
}

/* Without a master. */
static inline Stage *stage_new_bare(void) {
        Stage *stage = calloc(1, sizeof *stage);
        _cleanup_mpz_ mpz_t from, to;

        CHECK(stage && sd_event_new(&stage->event) >= 0);
        CHECK(identity_new_ephemeral(&stage->identity, NULL) >= 0);
        mpz_init_set_ui(from, 0);
        mpz_init(to);
        number_set_u64(to, N_BLOCKS * GRID_BLOCK_LENGTH_MAX);
        CHECK(grid_init(&stage->grid, from, to, NULL) >= 0);
        stage_compute(stage);

        (void) strcpy(stage->folder, "/tmp/primed-test-master-XXXXXX");
        CHECK(mkdtemp(stage->folder));
        return stage;
}

static inline Stage *stage_new(void) {
        Stage *stage = stage_new_bare();

        stage_start_master(stage);
        return stage;
}

static inline void stage_free(Stage *stage) {
        char command[128];

        for (unsigned i = 0; i < stage->n_workers; i++) {
                link_free(stage->workers[i].link);
                interval_set_done(&stage->workers[i].leased);
                interval_set_done(&stage->workers[i].acknowledged);
                for (unsigned lane = 0; lane < LANES_MAX; lane++)
                        interval_set_done(stage->workers[i].lane_leased + lane);
                for (unsigned j = 0; j < stage->workers[i].n_jobs; j++) {
                        interval_set_done(&stage->workers[i].jobs[j].leased);
                        interval_set_done(&stage->workers[i].jobs[j].acknowledged);
                }
        }
        for (unsigned b = 0; b < N_BLOCKS + N_SECOND; b++)
                free(stage->packed[b]);
        master_free(stage->master);
        grid_done(&stage->grid);
        identity_free(stage->identity);
        sd_event_unref(stage->event);
        (void) snprintf(command, sizeof command, "rm -rf '%s'", stage->folder);
        CHECK(system(command) == 0);
        free(stage);
}

/* A worker whose link is ready. */
static inline PlayedWorker *stage_connect(Stage *stage) {
        static const LinkCallbacks callbacks = {
                .on_ready = on_ready,
                .on_message = on_message,
                .on_closed = on_closed,
        };
        PlayedWorker *worker = stage->workers + stage->n_workers++;
        int pair[2];

        CHECK(stage->n_workers <= ELEMENTSOF(stage->workers));
        worker->stage = stage;
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(link_new(stage->event, pair[0], LINK_CLIENT, stage->identity, NULL, &callbacks, worker,
                       &worker->link) >= 0);
        CHECK(master_add_worker(stage->master, pair[1]) >= 0);
        RUN_UNTIL(stage, worker->ready);
        return worker;
}

static inline void worker_hello(PlayedWorker *worker, uint16_t n_lanes) {
        CHECK(link_send(worker->link, &(Message) {
                .type = MESSAGE_HELLO,
                .hello = { .version_max = WIRE_VERSION_MAX, .name = "played", .program = "test", .n_lanes = n_lanes },
        }) >= 0);
}

/* A worker joins, with `n_lanes` lanes, and is welcome. */
static inline PlayedWorker *stage_join(Stage *stage, uint16_t n_lanes) {
        PlayedWorker *worker = stage_connect(stage);

        worker_hello(worker, n_lanes);
        RUN_UNTIL(stage, worker->welcome && worker->n_settings > 0 && worker->n_jobs >= master_n_jobs(stage->master));
        return worker;
}

/* The block `sequence` of the stage's second job, as a worker sends it. */
static inline MessageBlock stage_second_block(const Stage *stage, uint64_t job, uint64_t sequence) {
        MessageBlock block = stage->blocks[N_BLOCKS + sequence];

        block.job = job;
        return block;
}

static inline uint64_t stage_second_primes(const Stage *stage) {
        uint64_t n = 0;

        for (unsigned b = N_BLOCKS; b < N_BLOCKS + N_SECOND; b++)
                n += stage->blocks[b].count;
        return n;
}

static inline void worker_request(PlayedWorker *worker, uint16_t lane) {
        CHECK(link_send(worker->link, &(Message) { .type = MESSAGE_REQUEST, .request.lane = lane }) >= 0);
}

/* Sends a block as it is computed, or with something changed. */
static inline void worker_send(PlayedWorker *worker, const MessageBlock *block) {
        Message message = { .type = MESSAGE_BLOCK, .block = *block };

        if (message.block.job == 0)
                message.block.job = worker->job;
        CHECK(link_send(worker->link, &message) >= 0);
}

static inline MasterJobStatus stage_status(const Stage *stage) {
        MasterJobStatus status;

        master_job_status(stage->master, 0, &status);
        return status;
}

static inline MasterJobStatus job_status(const Stage *stage, const char *name) {
        MasterJobStatus status;
        size_t index;

        CHECK(master_find_job(stage->master, name, &index) >= 0);
        master_job_status(stage->master, index, &status);
        return status;
}

/* Works like an honest worker until all is done. */
static inline void worker_finish(PlayedWorker *worker) {
        Stage *stage = worker->stage;
        uint64_t sent = 0;

        while (!worker->closed) {
                Interval lease;

                if (sd_event_get_state(stage->event) == SD_EVENT_FINISHED)
                        break;
                if (interval_set_next(&worker->leased, 0, &lease)) {
                        for (uint64_t b = lease.first; b < lease.end; b++, sent++)
                                worker_send(worker, stage->blocks + b);
                        CHECK(interval_set_remove(&worker->leased, lease.first, lease.end) >= 0);
                        worker_request(worker, 0);
                }
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
                CHECK(sent < 100);
        }
}

