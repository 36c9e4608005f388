/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Power cuts by the million. A story is some lives of one store: in a life the missing blocks are put out of order with
 * commits in between, and every system call is recorded (memory-fs.h); up to eight processes die on the way, anywhere
 * between two calls. At every point of the record the machine may stop; of the states that the disk may then have
 * (power-model.h) all are looked at where they are few, else some are drawn. A state is looked at by opening the store
 * on it, which recovers it: nothing acknowledged is lost, nothing is there that was never put, nothing counts twice.
 * One in some is completed, and must have the bytes of a store that nothing happened to; of one in some the recovery
 * itself is cut at every point. One state is where the next life begins.
 *
 *     test-power-states [--states=N] [--seed=S] [--step=N] [--per-point=N] [--finish-every=N]
 *
 * Stories have consecutive seeds from S on (`--step` leaves some to other processes); with the seed of a story that is
 * told as begun a run goes on where another one ended.
 */

#include <errno.h>
#include <getopt.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "faults/memory-fs.h"
#include "faults/power-model.h"
#include "faults/workload.h"
#include "store/verify.h"
#include "test.h"

#define STORE MEMORY_ROOT "/above/store"

enum { MARK_PUT, MARK_ACKNOWLEDGED };
enum { N_LIVES = 4, DEPTH_MAX = 2, DEATHS_MAX = 8, TELL_EVERY_SECONDS = 60 };

/* Blocks of two sizes: two records to a sector, and several sectors to a record; and a store of digests. */
enum { KIND_SMALL, KIND_LARGE, KIND_DIGESTS, N_KINDS };
static const char *const sizes[] = { FIXTURE_FROM, "10^150+100", FIXTURE_FROM };
static Workload workloads[N_KINDS];
static const char *references[N_KINDS];

static uint64_t n_states_wanted = 20000, first_seed, seed_step = 1, per_point = 64, finish_every = 1000;
static uint64_t n_states, n_points, n_points_whole, n_finished, n_recoveries_cut, n_states_in_recovery, n_stories;
static uint64_t n_processes_died, n_compactions;

/* Where we are, and what is to be said when something is wrong. */
static struct {
        uint64_t seed;
        unsigned life, depth;
        size_t point;
        const Workload *workload;
        const char *reference;
        Random random;
} story;

static usec_t began;

/*
 * Making the compressor of a store costs as much as recovering it, and has nothing to do with that: one is kept. The
 * linker sends the store's calls here.
 */
Packer *__real_packer_new(void);
Packer *__wrap_packer_new(void);
Packer *__real_packer_free(Packer *packer);
Packer *__wrap_packer_free(Packer *packer);

static Packer *kept;

Packer *__wrap_packer_new(void) {
        return kept ? TAKE_PTR(kept) : __real_packer_new();
}

Packer *__wrap_packer_free(Packer *packer) {
        if (kept || !packer)
                return __real_packer_free(packer);
        kept = packer;
        return NULL;
}

/* Hashes of the states of one record, each with what was acknowledged: those that were looked at. */
typedef struct Seen {
        uint64_t *hashes;
        size_t n_hashes, n_slots;
} Seen;

static bool seen_add(Seen *seen, uint64_t hash) {
        size_t slot;

        hash |= 1; /* 0 is an empty slot */
        if (seen->n_hashes * 2 >= seen->n_slots) {
                Seen grown = { .n_slots = MAX(seen->n_slots * 2, (size_t) 4096) };

                grown.hashes = calloc(grown.n_slots, sizeof *grown.hashes);
                CHECK(grown.hashes != NULL);
                for (size_t i = 0; i < seen->n_slots; i++)
                        if (seen->hashes[i])
                                (void) seen_add(&grown, seen->hashes[i]);
                free(seen->hashes);
                *seen = grown;
        }
        for (slot = (hash >> 1) % seen->n_slots; seen->hashes[slot]; slot = (slot + 1) % seen->n_slots)
                if (seen->hashes[slot] == hash)
                        return false;
        seen->hashes[slot] = hash;
        seen->n_hashes++;
        return true;
}

static void wrong(const char *what, const char *why) {
        printf("# story %" PRIu64 ", life %u, depth %u, point %zu, state %" PRIu64 ": %s%s%s\n", story.seed, story.life,
               story.depth, story.point, n_states, what, *why ? ": " : "", why);
        CHECK(!"a state of the disk that is survived");
}

/* Opens the store on what MEMORY_ROOT holds. */
static Store *open_store(void) {
        Problem problem = PROBLEM_NONE;
        Store *store = NULL;

        if (workload_open(story.workload, &disk_system, STORE, &store, &problem) < 0)
                wrong("cannot be opened", problem.text);
        return store;
}

static void finish(Store *store) {
        Problem problem = PROBLEM_NONE;
        const char *difference;
        VerifyReport report;
        VerifyFault fault;

        if (verify_store(STORE, NULL, &report, &fault, &problem) < 0)
                wrong("is not intact", problem.text);
        if (workload_finish(story.workload, store, &problem) < 0)
                wrong("cannot be finished", problem.text);
        store_close(store);
        difference = workload_find_difference(story.reference, STORE);
        if (difference)
                wrong(difference, "");
        n_finished++;
}

/* Adds what is acknowledged now to the record, and to `acknowledged`. */
static void acknowledge(MemoryLog *log, uint64_t *acknowledged, uint64_t more) {
        *acknowledged |= more;
        memory_log_mark(log, MARK_ACKNOWLEDGED, *acknowledged);
}

/* Blocks with and without bitmaps, and bitmaps that are taken away: at the end all of them are gone. */
static int thin(Store *store, Random *random) {
        StoreVacuum vacuum;

        if (random_below(random, 2) == 0)
                return store_vacuum(store, 0, 1, &vacuum, NULL);
        store_set_keep(store, random_below(random, 2) == 0 ? STORE_KEEP_FULL : STORE_KEEP_DIGEST);
        return 0;
}

/* A process that puts what is missing until all is done or it dies. True: done. */
static bool work(MemoryLog *log, uint64_t *put, uint64_t *acknowledged) {
        Random *random = &story.random;
        uint64_t order[WORKLOAD_BLOCKS], patience = 1 + random_below(random, 20), present;
        Problem problem = PROBLEM_NONE;
        Store *store = NULL;
        int r;

        workload_draw_order(random, order);
        r = workload_open(story.workload, &disk_system, STORE, &store, &problem);
        if (r < 0 && r != -EIO)
                wrong("cannot be opened", problem.text);
        if (r < 0)
                return false;
        present = workload_present(store);
        acknowledge(log, acknowledged, present);
        for (size_t i = 0; r >= 0 && i < WORKLOAD_BLOCKS; i++) {
                *put |= UINT64_C(1) << order[i];
                memory_log_mark(log, MARK_PUT, *put);
                r = workload_put(story.workload, store, order[i], NULL);
                CHECK((r == -EALREADY) == (present >> order[i] & 1));
                if (r >= 0 && random_below(random, 2) == 0)
                        r = workload_put_provenance(store, order[i], NULL);
                if (r == -EALREADY)
                        r = 0;
                if (r >= 0 && story.workload->keep == STORE_KEEP_DIGEST && random_below(random, 6) == 0)
                        r = thin(store, random);
                if (r >= 0 && (i + 1 == WORKLOAD_BLOCKS || random_below(random, patience) == 0)) {
                        uint64_t more = 0;

                        r = workload_commit(store, &more, NULL);
                        acknowledge(log, acknowledged, more);
                }
        }
        CHECK(r >= 0 || r == -EIO);
        CHECK(r < 0 || *acknowledged == WORKLOAD_ALL);
        memory_fs_mend();
        if (r >= 0)
                finish(store);
        else
                store_close(store);
        return r >= 0;
}

/* One life, recorded in `log`; at its end the job is complete. Some processes die on the way, the machine goes on. */
static void live(MemoryImage *image, MemoryLog *log, uint64_t acknowledged, uint64_t put) {
        uint64_t n_deaths = random_below(&story.random, DEATHS_MAX + 1);

        memory_log_clear(log);
        memory_fs_attach(image, log);
        for (bool done = false; !done; n_deaths -= n_deaths > 0) {
                if (n_deaths > 0)
                        memory_fs_die(random_below(&story.random, 120));
                done = work(log, &put, &acknowledged);
                n_processes_died += !done;
                memory_fs_mend();
        }
        memory_fs_attach(NULL, NULL);
        /* The first may have made the journal. */
        n_compactions += MAX(memory_log_count_renames(log, LAYOUT_PROVENANCE), (size_t) 1) - 1;
}

static void explore(const MemoryImage *base, const MemoryLog *log, uint64_t acknowledged, uint64_t put,
                    MemoryImage *ret_next, uint64_t *ret_acknowledged, uint64_t *ret_put);

/* Recovers the store from one state, which is changed by that. */
static void look(MemoryImage *image, uint64_t acknowledged, uint64_t put) {
        bool cuts_recovery = story.depth < DEPTH_MAX && n_states % 256 == 0;
        MemoryImage before = {};
        MemoryLog log = {};
        const char *fault;
        uint64_t present;
        size_t point = story.point;
        Store *store;

        if (cuts_recovery)
                memory_image_copy(&before, image);
        memory_fs_attach(image, cuts_recovery ? &log : NULL);
        store = open_store();
        present = workload_present(store);
        if (cuts_recovery)
                memory_log_mark(&log, MARK_ACKNOWLEDGED, present);
        fault = workload_find_fault(story.workload, store, acknowledged, put);
        if (fault)
                wrong(fault, "");
        if (finish_every > 0 && n_states % finish_every == 0 && !cuts_recovery)
                finish(store);
        else
                store_close(store);
        memory_fs_attach(NULL, NULL);
        n_states++;
        n_states_in_recovery += story.depth > 0;

        if (!cuts_recovery)
                return;
        n_recoveries_cut++;
        story.depth++;
        explore(&before, &log, acknowledged, put, NULL, NULL, NULL);
        story.depth--;
        story.point = point;
        memory_image_done(&before);
        memory_log_done(&log);
}

/* The states that a cut at this point may leave. */
static void explore_point(const PowerModel *model, Seen *seen, uint64_t acknowledged, uint64_t put) {
        uint64_t n_possible = power_model_n_states(model);
        uint64_t n = story.depth > 0 ? MAX(per_point / 8, 4U) : per_point;
        bool whole = n_possible <= n;
        MemoryImage image = {};

        n_points++;
        n_points_whole += whole;
        for (uint64_t i = 0; i < MIN(n_possible, n); i++) {
                if (whole)
                        power_model_build(model, i, &image);
                else
                        power_model_draw(model, &story.random, &image);
                if (seen_add(seen, power_image_hash(&image) ^ acknowledged * UINT64_C(0x9e3779b97f4a7c15)))
                        look(&image, acknowledged, put);
        }
        memory_image_done(&image);
}

/* Every point of a record; with `ret_next` also a state to begin from again. */
static void explore(const MemoryImage *base, const MemoryLog *log, uint64_t acknowledged, uint64_t put,
                    MemoryImage *ret_next, uint64_t *ret_acknowledged, uint64_t *ret_put) {
        size_t chosen = (size_t) random_below(&story.random, log->n_changes + 1);
        PowerModel *model = power_model_new(base, log);
        Seen seen = {};

        for (size_t i = 0; i <= log->n_changes; i++) {
                const MemoryChange *change = i < log->n_changes ? log->changes + i : NULL;

                if (i == chosen && ret_next) {
                        power_model_draw(model, &story.random, ret_next);
                        *ret_acknowledged = acknowledged;
                        *ret_put = put;
                }
                if (change && change->kind == MEMORY_MARK) {
                        if (change->mark == MARK_PUT)
                                put = change->value;
                        else
                                acknowledged = change->value;
                } else if (n_states < n_states_wanted) {
                        story.point = i;
                        explore_point(model, &seen, acknowledged, put);
                }
                if (change)
                        power_model_advance(model);
        }
        free(seen.hashes);
        power_model_free(model);
}

static void tell(void) {
        double seconds = (double) (clock_now_usec() - began) / 1e6;

        printf("# %" PRIu64 " states in %.1f s (%.0f a second), %" PRIu64 " points (%" PRIu64 " with every state), "
               "%" PRIu64 " stores completed, %" PRIu64 " recoveries cut (%" PRIu64 " states); %" PRIu64
               " stories, %" PRIu64 " processes died, %" PRIu64 " compactions, last seed %" PRIu64 "\n",
               n_states, seconds, (double) n_states / seconds, n_points, n_points_whole, n_finished, n_recoveries_cut,
               n_states_in_recovery, n_stories, n_processes_died, n_compactions, story.seed);
        fflush(stdout);
}

static void tell_story(uint64_t seed) {
        size_t kind = seed % 4 < 2 ? KIND_SMALL : seed % 4 == 2 ? KIND_DIGESTS : KIND_LARGE;
        uint64_t acknowledged = 0, put = 0;
        MemoryImage base = {}, image = {}, next = {};
        MemoryLog log = {};

        story.seed = seed;
        story.workload = workloads + kind;
        story.reference = references[kind];
        random_init(&story.random, seed);
        memory_image_clear(&base);
        for (story.life = 0; story.life < N_LIVES && n_states < n_states_wanted; story.life++) {
                uint64_t next_acknowledged, next_put;

                memory_image_copy(&image, &base);
                live(&image, &log, acknowledged, put);
                explore(&base, &log, acknowledged, put, &next, &next_acknowledged, &next_put);
                memory_image_copy(&base, &next);
                acknowledged = next_acknowledged;
                put = next_put;
        }
        n_stories++;
        memory_image_done(&base);
        memory_image_done(&image);
        memory_image_done(&next);
        memory_log_done(&log);
}

static void test_every_state_is_survived(void) {
        usec_t told = began = clock_now_usec();

        for (uint64_t seed = first_seed; n_states < n_states_wanted; seed += seed_step) {
                tell_story(seed);
                if (clock_now_usec() - told > TELL_EVERY_SECONDS * USEC_PER_SEC) {
                        told = clock_now_usec();
                        tell();
                }
        }
        tell();
        CHECK(n_finished > 0 && n_recoveries_cut > 0 && n_points_whole > 0 && n_points_whole < n_points);
        CHECK(n_compactions > 0);
}

static void read_options(int argc, char *argv[]) {
        static const struct option options[] = {
                { "states", required_argument, NULL, 'n' },       { "seed", required_argument, NULL, 's' },
                { "step", required_argument, NULL, 't' },         { "per-point", required_argument, NULL, 'p' },
                { "finish-every", required_argument, NULL, 'f' }, {},
        };
        bool has_seed = false;
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                uint64_t value = optarg ? strtoull(optarg, NULL, 0) : 0;

                switch (option) {
                case 'n':
                        n_states_wanted = value;
                        break;
                case 's':
                        first_seed = value;
                        has_seed = true;
                        break;
                case 't':
                        seed_step = value;
                        break;
                case 'p':
                        per_point = value;
                        break;
                case 'f':
                        finish_every = value;
                        break;
                default:
                        exit(2);
                }
        }
        if (!has_seed)
                first_seed = fixture_seed();
}

int main(int argc, char *argv[]) {
        read_options(argc, argv);
        for (size_t i = 0; i < N_KINDS; i++) {
                workload_init(workloads + i, sizes[i], i == KIND_DIGESTS ? STORE_KEEP_DIGEST : STORE_KEEP_FULL);
                references[i] = workload_make_reference(workloads + i);
        }
        RUN(test_every_state_is_survived);
        for (size_t i = 0; i < N_KINDS; i++)
                workload_done(workloads + i);
        __real_packer_free(kept);
        return tests_end();
}
