/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Power cuts. Blocks arrive in random order, with random commits; after a random number of disk calls the power fails
 * and a random part of what was not synced is on the disk. The store is opened again on what is left, again on a disk
 * that may be cut (also during recovery), until the job is done. Every block that a commit reported as durable must
 * be present after each cut, and the finished store must be the same, byte for byte, as one that nothing happened to.
 *
 *     test-power-cut [ROUNDS]
 */

#include <errno.h>

#include "base/macro.h"
#include "faults/faulty-disk.h"
#include "store/fixture.h"
#include "store/store.h"
#include "store/verify.h"
#include "test.h"

enum { N_BLOCKS = 40, SEGMENT_BLOCKS = 5 };

static unsigned n_rounds = 150;
static uint64_t n_cuts, n_cuts_with_spool, n_cuts_in_recovery;

/* One life: from opening to the cut or the end. True when the job is done. */
static bool live(const char *folder, PowerDisk *power, const Grid *grid, IntervalSet *durable, Random *random) {
        Problem problem = PROBLEM_NONE;
        uint64_t order[N_BLOCKS];
        bool done = false;
        Interval interval;
        Store *store;
        int r;

        r = fixture_try_open(power_disk_get(power), folder, grid, SEGMENT_BLOCKS, &store, &problem);
        if (r < 0) {
                if (r != -EIO)
                        printf("# %s\n", problem.text);
                CHECK(r == -EIO);
                n_cuts_in_recovery++;
                return false;
        }
        for (uint64_t from = 0; interval_set_next(durable, from, &interval); from = interval.end)
                CHECK(interval_set_count(store_present(store), interval.first, interval.end) ==
                      interval.end - interval.first);

        for (uint64_t i = 0; i < N_BLOCKS; i++)
                order[i] = i;
        fixture_shuffle(order, N_BLOCKS, random);
        r = 0;
        for (size_t i = 0; r >= 0 && i < N_BLOCKS; i++) {
                r = fixture_put(store, grid, order[i]);
                if (r == -EALREADY)
                        r = 0;
                if (r >= 0 && random_below(random, 4) == 0)
                        r = store_commit(store, durable, NULL);
        }
        if (r >= 0)
                r = store_commit(store, durable, NULL);
        if (r >= 0) {
                CHECK_EQUAL(store_frontier(store), N_BLOCKS);
                done = true;
        } else {
                StoreTotals totals;

                CHECK(r == -EIO);
                store_totals(store, &totals);
                n_cuts++;
                n_cuts_with_spool += totals.spool_blocks > 0;
        }
        store_close(store);
        return done;
}

static void test_nothing_durable_is_lost(void) {
        const char *reference = fixture_folder();
        VerifyReport report;
        VerifyFault fault;
        Random random;
        Grid grid;

        random_init(&random, fixture_seed());
        fixture_grid(&grid, FIXTURE_FROM, N_BLOCKS);
        fixture_store(reference, &grid, SEGMENT_BLOCKS, N_BLOCKS);
        for (unsigned round = 0; round < n_rounds; round++) {
                const char *folder = fixture_folder();
                IntervalSet durable = INTERVAL_SET_EMPTY;
                bool done = false;

                for (unsigned life = 0; !done; life++) {
                        PowerDisk *power = power_disk_new(folder);
                        const char *remains;

                        if (life < 12)
                                power_disk_cut_after(power, random_below(&random, 120));
                        done = live(folder, power, &grid, &durable, &random);
                        if (!done) {
                                remains = fixture_folder();
                                power_disk_write_remains(power, remains, &random);
                                fixture_discard(folder);
                                folder = remains;
                        }
                        power_disk_free(power);
                }
                CHECK(fixture_same(reference, folder));
                CHECK(verify_store(folder, NULL, &report, &fault, NULL) == 0);
                interval_set_done(&durable);
                fixture_discard(folder);
        }
        printf("# %" PRIu64 " cuts, %" PRIu64 " with a spool, %" PRIu64 " more during recovery\n", n_cuts,
               n_cuts_with_spool, n_cuts_in_recovery);
        CHECK(n_rounds < 100 || (n_cuts_with_spool > n_cuts / 4 && n_cuts_in_recovery > 20));
        grid_done(&grid);
}

int main(int argc, char *argv[]) {
        if (argc > 1)
                n_rounds = (unsigned) strtoul(argv[1], NULL, 10);
        RUN(test_nothing_durable_is_lost);
        return tests_end();
}
