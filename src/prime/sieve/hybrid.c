/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Crossing off by base primes up to a depth, and Baillie-PSW for the survivors.
 *
 * The sieve is that of complete windows (window.c), it only ends earlier. How early: of the numbers in a window of
 * length W, e^-gamma / ln B have no prime factor up to B (Mertens' third theorem), so the primes next to B spare
 * W · 0.56 / (B ln B) tests each. A base prime near B costs a fixed time, however few hits it has, so the best depth
 * grows with the length of the window and with the cost of a test, and is near W for tests of 128 bits; cost.c has the
 * formula. (R. Crandall and C. Pomerance, Prime Numbers, section 3.2, tell of sieving before testing.)
 *
 * What survives is tested one number after the other (survivors.c), in pieces of the window that are given out to the
 * team. Their number is small and random, so pieces are many and short.
 */

#include "prime/sieve/hybrid.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/survivors.h"
#include "prime/sieve/window.h"

#define PIECE_BYTES_MAX ((size_t) 1 << 12)
#define PIECES_PER_THREAD 16 /* at least, where the window has as many bytes */

typedef struct HybridThread {
        mpz_t start;
        Survivors *survivors;
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
        uint64_t depth;
        Certainty wanted;
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
        for (; hybrid->n_threads < n_threads; hybrid->n_threads++) {
                HybridThread *thread = hybrid->threads + hybrid->n_threads;

                thread->survivors = survivors_new();
                if (!thread->survivors)
                        return hybrid_free(hybrid);
                mpz_init(thread->start);
        }
        return hybrid;
}

Hybrid *hybrid_free(Hybrid *hybrid) {
        if (!hybrid)
                return NULL;
        for (unsigned i = 0; i < hybrid->n_threads; i++) {
                mpz_clear(hybrid->threads[i].start);
                survivors_free(hybrid->threads[i].survivors);
        }
        free(hybrid->threads);
        window_free(hybrid->window);
        mpz_clear(hybrid->start);
        free(hybrid);
        return NULL;
}

static int hybrid_test_piece(void *userdata, size_t part, unsigned number) {
        Hybrid *hybrid = userdata;
        HybridThread *thread = hybrid->threads + number;
        size_t from = part * hybrid->piece_bytes;

        number_add_u64(thread->start, hybrid->start, (uint64_t) from * 30);
        survivors_set_depth(thread->survivors, hybrid->depth);
        return survivors_test(thread->survivors, thread->start, hybrid->bitmap + from,
                              MIN(hybrid->piece_bytes, hybrid->n_bytes - from), hybrid->wanted,
                              hybrid->environment.cancel);
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

int hybrid_sieve(Hybrid *hybrid, const mpz_t start, uint64_t length, uint64_t depth, Certainty wanted,
                 uint8_t *bitmap) {
        int r = window_sieve(hybrid->window, start, length, depth, bitmap);

        if (r < 0)
                return r;
        mpz_set(hybrid->start, start);
        hybrid->bitmap = bitmap;
        hybrid->n_bytes = (size_t) (length / 30);
        hybrid->depth = depth;
        hybrid->wanted = wanted;
        return hybrid_test(hybrid);
}
