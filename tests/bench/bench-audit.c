/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the master spends on a block: its shape (unpacking, digest, masks), samples of its primes, and what the store
 * does. Prints microseconds of CPU time for a block of each size of number, and the samples' part of the whole.
 */

#include "audit/claimed.h"
#include "audit/sample.h"
#include "base/clock.h"
#include "store/store.h"

static double per_call(usec_t begin, unsigned n) {
        return (double) (clock_thread_cpu_usec() - begin) / n;
}

/* The store's part: one block put and committed, in a store of its own, again and again. */
static double bench_store(const Sample *sample, const Auditor *auditor, unsigned n) {
        char folder[] = "/tmp/primed-bench-audit-XXXXXX", command[64];
        StoreBlock block = {
                .sequence = sample->claim.sequence,
                .codec = sample->claim.codec,
                .certainty = sample->claim.certainty,
                .count = sample->claim.count,
                .packed = sample->claim.packed,
                .packed_size = sample->claim.packed_size,
                .bitmap = auditor_bitmap(auditor),
        };
        double usec = 0;

        CHECK(mkdtemp(folder));
        memcpy(block.digest, sample->claim.digest, sizeof block.digest);
        for (unsigned i = 0; i < n; i++) {
                char path[64];
                Store *store;
                usec_t begin;

                (void) snprintf(path, sizeof path, "%s/%u", folder, i);
                CHECK(store_open(&disk_system, path, &sample->grid, &(StoreOptions) {}, &store, NULL) >= 0);
                begin = clock_thread_cpu_usec();
                CHECK(store_put(store, &block, NULL) >= 0);
                usec += per_call(begin, 1);
                store_close(store);
        }
        (void) snprintf(command, sizeof command, "rm -rf '%s'", folder);
        CHECK(system(command) == 0);
        return usec / n;
}

int main(void) {
        static const struct {
                const char *from;
                unsigned n;
        } cases[] = {
                { "10^9", 200 }, { "10^12", 200 }, { "10^15", 200 }, { "10^18", 200 }, { "2^64", 20 }, { "2^100", 20 },
                { "2^128", 20 }, { "2^256", 20 }, { "2^512", 20 }, { "2^1024", 5 }, { "2^2047", 5 }, { "2^2049", 5 },
        };
        Auditor *auditor = auditor_new();

        CHECK(auditor);
        printf("%-8s %12s %12s %12s %12s %10s\n", "numbers", "block", "shape", "samples", "store", "samples");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_mpz_ mpz_t from;
                double shape, samples, store;
                Sample *sample;
                usec_t begin;

                mpz_init(from);
                CHECK(number_parse(from, cases[i].from, NULL) >= 0);
                /* the whole of block 1 */
                sample = sample_new(cases[i].from, 2 * grid_block_length(mpz_sizeinbase(from, 2)), 1);
                begin = clock_thread_cpu_usec();
                for (unsigned k = 0; k < cases[i].n; k++)
                        CHECK(auditor_check_shape(auditor, &sample->grid, &sample->claim, NULL) >= 0);
                shape = per_call(begin, cases[i].n);
                begin = clock_thread_cpu_usec();
                for (unsigned k = 0; k < cases[i].n; k++)
                        CHECK(auditor_check_samples(auditor, &sample->grid, 1, NULL) >= 0);
                samples = per_call(begin, cases[i].n);
                store = bench_store(sample, auditor, MIN(cases[i].n, 20u));
                printf("%-8s %12" PRIu64 " %9.0f us %9.1f us %9.0f us %8.2f %%\n", cases[i].from,
                       sample->grid.block_length, shape, samples, store,
                       100 * samples / (shape + samples + store));
                fflush(stdout);
                sample_free(sample);
        }
        auditor_free(auditor);
        return 0;
}
