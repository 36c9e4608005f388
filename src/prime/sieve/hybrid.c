/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Crossing off by base primes up to a depth, and Baillie-PSW for the survivors.
 *
 * The sieve is that of complete windows (window.c), it only ends earlier; how early is a question of cost (cost.c).
 * What survives is tested one number after the other, in pieces of the window that are given out to the team.
 */

#include "prime/sieve/hybrid.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/window.h"
#include "prime/test/bpsw.h"

#define PIECE_BYTES_MAX ((size_t) 1 << 12)
#define PIECES_PER_THREAD 16 /* at least, where the window has as many bytes */

typedef struct HybridThread {
        mpz_t start, candidate;
        Bpsw bpsw;
} HybridThread;

struct Hybrid {
        SieveEnvironment environment;
        Window *window;
        unsigned n_threads;
        HybridThread *threads;

        /* The window in work. */
        mpz_t start;
        uint8_t *bitmap;
        size_t n_bytes, piece_bytes;
};

Hybrid *hybrid_new(const SieveEnvironment *environment, const SieveTuning *tuning) {
        unsigned n_threads = environment->team ? MAX(environment->team->n_threads, 1U) : 1;
        Hybrid *hybrid = calloc(1, sizeof *hybrid);

        if (!hybrid)
                return NULL;
        hybrid->environment = *environment;
        mpz_init(hybrid->start);
        hybrid->window = window_new(environment, tuning);
        hybrid->threads = calloc(n_threads, sizeof *hybrid->threads);
        if (!hybrid->window || !hybrid->threads)
                return hybrid_free(hybrid);
        hybrid->n_threads = n_threads;
        for (unsigned i = 0; i < n_threads; i++) {
                mpz_inits(hybrid->threads[i].start, hybrid->threads[i].candidate, NULL);
                bpsw_init(&hybrid->threads[i].bpsw);
        }
        return hybrid;
}

Hybrid *hybrid_free(Hybrid *hybrid) {
        if (!hybrid)
                return NULL;
        for (unsigned i = 0; i < hybrid->n_threads; i++) {
                mpz_clears(hybrid->threads[i].start, hybrid->threads[i].candidate, NULL);
                bpsw_done(&hybrid->threads[i].bpsw);
        }
        free(hybrid->threads);
        window_free(hybrid->window);
        mpz_clear(hybrid->start);
        free(hybrid);
        return NULL;
}

static bool hybrid_is_cancelled(const Hybrid *hybrid) {
        return hybrid->environment.cancel &&
               atomic_load_explicit(hybrid->environment.cancel, memory_order_relaxed);
}

/* Clears the bits of survivors that are composite, in the `n_bytes` from thread->start on. */
static int hybrid_test_survivors(Hybrid *hybrid, HybridThread *thread, uint8_t *bitmap, size_t n_bytes) {
        BitmapWalk walk;
        uint64_t offset;

        bitmap_walk_init(&walk, bitmap, n_bytes);
        while (bitmap_walk_next(&walk, &offset)) {
                if (hybrid_is_cancelled(hybrid))
                        return -ECANCELED;
                number_add_u64(thread->candidate, thread->start, offset);
                if (!bpsw_is_prime(&thread->bpsw, thread->candidate))
                        bitmap[offset / 30] &= (uint8_t) ~(1U << bitmap_residue_bit[offset % 30]);
        }
        return 0;
}

static int hybrid_test_piece(void *userdata, size_t part, unsigned number) {
        Hybrid *hybrid = userdata;
        HybridThread *thread = hybrid->threads + number;
        size_t from = part * hybrid->piece_bytes;

        number_add_u64(thread->start, hybrid->start, (uint64_t) from * 30);
        return hybrid_test_survivors(hybrid, thread, hybrid->bitmap + from,
                                     MIN(hybrid->piece_bytes, hybrid->n_bytes - from));
}

static int hybrid_test(Hybrid *hybrid) {
        size_t share = hybrid->n_bytes / hybrid->n_threads / PIECES_PER_THREAD, n_pieces;
        const SieveTeam *team = hybrid->environment.team;

        hybrid->piece_bytes = CLAMP(share, (size_t) 1, PIECE_BYTES_MAX);
        n_pieces = (hybrid->n_bytes + hybrid->piece_bytes - 1) / hybrid->piece_bytes;
        if (team)
                return team->for_each(team->team, n_pieces, hybrid_test_piece, hybrid);
        for (size_t i = 0; i < n_pieces; i++) {
                int r = hybrid_test_piece(hybrid, i, 0);

                if (r < 0)
                        return r;
        }
        return 0;
}

int hybrid_sieve(Hybrid *hybrid, const mpz_t start, uint64_t length, uint64_t depth, uint8_t *bitmap) {
        int r = window_sieve(hybrid->window, start, length, depth, bitmap);

        if (r < 0)
                return r;
        mpz_set(hybrid->start, start);
        hybrid->bitmap = bitmap;
        hybrid->n_bytes = (size_t) (length / 30);
        return hybrid_test(hybrid);
}
