/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Measuring by what the sieve itself does: windows are sieved and timed, and what a part of the work costs is the
 * difference of two windows of which only one has that part. Nothing in here knows how a window is sieved, so it stays
 * right when that changes. All threads work in every measurement, as they will later: what counts is the cache that is
 * left for each of them, and the memory that they share.
 *
 * On a slow machine windows are smaller and have fewer primes, lest its work should wait for minutes: first a small
 * window says how slow it is. A slow machine has small caches as a rule, so that there is still more than they hold.
 *
 * Sizes are sought one after the other, from the smallest cache outwards, each among a few candidates. The candidates
 * take turns, and the best time of each counts: a disturbance only ever makes a time longer. One that is not clearly
 * better than what is usual is left alone, lest two runs on one machine end in different sizes by chance.
 *
 * Costs follow the model of cost.c. With T(W, B) for a window of W numbers that is sieved by the primes up to B, with
 * B1 the end of the small primes and B2 of the medium ones there:
 *
 *         number      T(W, B1) / W
 *         mark        (T(W, B2) - T(W, B1)) / marks
 *         hit, prime  from T(W, B) - T(W, B2) for two values of W: what grows with W, and what does not
 *         word        what T(W, B) grows by at a place of many words
 *         base        a chunk of the base primes that is never kept, made again and again
 *         test        what a hybrid window takes longer than the same sieve alone, for each survivor, where a prime
 *                     counts as two and a half of them (see cost_of_tests())
 *
 * Times are those of all threads together, so that costs are those of one core.
 */

#include "prime/sieve/tune.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/large-memory.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/base-primes.h"
#include "prime/sieve/hybrid.h"
#include "prime/sieve/turns.h"
#include "prime/sieve/window.h"

#define TURNS 3                         /* of which the best counts */
#define WIDER 3                         /* windows for costs have so much more than those for sizes */
#define NARROW 16                       /* a narrow window has so much less */
#define SLOW 2.0                        /* times the default costs: windows get smaller, in proportion, … */
#define SHRINK_MAX 16.0                 /* … but not more than so; and for each thread a megabyte and more is left */
#define SHRINK_BITMAP_MAX 4.0
#define MEMORY_PARTS 4                  /* the bitmap, and lists of hits of twice its size, and a rest */
#define WINDOW_BYTES_MIN ((size_t) 64 << 10)
#define BETTER 0.97                     /* times the usual time: clearly better */
#define HOPELESS 1.08                   /* times the best time: no turn of luck makes that the best */
#define FEW 0.05                        /* a difference is at least so much of the default: no cost is zero */

#define LIMIT_BLOCK UINT64_C(262144)    /* up to here, the first-level cache decides */
#define LIMIT_BIG UINT64_C(40000000)    /* 2.4 million primes; on a slow machine less, as its windows are */
#define LIMIT_BIG_MIN (UINT64_C(4) * TURN_PRIME_END) /* behind all that is not collected */
#define LIMIT_COST UINT64_C(200000000)  /* 11 million, or less; most have less than a hit in a narrow window */
#define PLACE_BITS 62                   /* where windows are sieved: the square root is behind LIMIT_BIG */
#define WORDS_BITS 1024                 /* where a start has many words */
#define WORDS ((WORDS_BITS - 65 + 31) / 32.0)

#define MERTENS 0.5615                  /* e^-gamma */
#define TEST_DEPTH UINT64_C(1000000)    /* to which windows are sieved before tests */
#define TEST_NSEC 2e7                   /* so long shall the tests of a window last, for each thread, */
#define TEST_NSEC_MIN 1e6               /* … or at least, where windows are small */

typedef struct Tune {
        const TuneMachine *machine;
        unsigned n_threads;
        SieveEnvironment environment;
        uint8_t *bitmap;
        size_t bitmap_bytes;
        uint64_t usual, wide, narrow; /* lengths of windows */
        uint64_t limit_big, limit_cost;
        double test_nsec;      /* so long shall tests last, of all threads */
} Tune;

/* How much is measured: all that there is room for, or a part of it. */
static void tune_set_lengths(Tune *tune, double shrink) {
        size_t n_bytes = MAX((size_t) ((double) tune->bitmap_bytes / MIN(shrink, SHRINK_BITMAP_MAX)),
                             MIN(tune->bitmap_bytes, WINDOW_BYTES_MIN));

        tune->usual = 30 * (uint64_t) (n_bytes / WIDER);
        tune->wide = WIDER * tune->usual;
        tune->narrow = tune->wide / NARROW / 30 * 30;
        tune->limit_big = MAX((uint64_t) ((double) LIMIT_BIG / shrink), LIMIT_BIG_MIN);
        tune->limit_cost = (uint64_t) ((double) LIMIT_COST / shrink);
}

static int tune_init(Tune *tune, const TuneMachine *machine) {
        unsigned n = machine->team ? MAX(machine->team->n_threads, 1U) : 1;
        size_t memory = machine->memory_max > 0 ? machine->memory_max : SIEVE_MEMORY_DEFAULT;
        size_t fixed = n * WINDOW_THREAD_BYTES + LIMIT_COST / 30;
        size_t room = (memory > fixed ? memory - fixed : 0) / MEMORY_PARTS;
        size_t wanted = WIDER * n * (machine->window_bytes > 0 ? machine->window_bytes : TUNE_WINDOW_BYTES);

        *tune = (Tune) {
                .machine = machine,
                .n_threads = n,
                .environment = { .cancel = machine->cancel, .team = machine->team, .certainty = CERTAINTY_BPSW },
                .bitmap_bytes = MIN(wanted, MAX(room, WINDOW_BYTES_MIN)) / WIDER * WIDER,
        };
        tune->environment.memory_max = MAX(memory, fixed + MEMORY_PARTS * tune->bitmap_bytes);
        tune_set_lengths(tune, 1);
        tune->test_nsec = fmax(TEST_NSEC * (double) (tune->usual / 30) / (double) TUNE_WINDOW_BYTES, TEST_NSEC_MIN);
        tune->bitmap = large_memory(tune->bitmap_bytes);
        return tune->bitmap ? 0 : -ENOMEM;
}

static void tune_done(Tune *tune) {
        free(tune->bitmap);
}

static double tune_cpu(const Tune *tune) {
        return (double) tune->machine->cpu_nsec(tune->machine->userdata);
}

/* What is measured: a window, sieved up to `limit`; with tests of what is left if `hybrid` is set. */
typedef struct Probe {
        const mpz_t *start;
        uint64_t length, limit;
        Window *window;
        const SieveTuning *tuning; /* for the window, if it has to be changed */
        Hybrid *hybrid;
} Probe;

/* Makes `*best` the nanoseconds of one core that the probe takes, if that is less. */
static int tune_time(Tune *tune, const Probe *probe, double *best) {
        double began, nsec;
        int r;

        if (probe->tuning)
                window_retune(probe->window, probe->tuning);
        began = tune_cpu(tune);
        if (probe->hybrid)
                r = hybrid_sieve(probe->hybrid, *probe->start, probe->length, probe->limit, CERTAINTY_BPSW,
                                 tune->bitmap);
        else
                r = window_sieve(probe->window, *probe->start, probe->length, probe->limit, tune->bitmap);
        if (r < 0)
                return r;
        nsec = tune_cpu(tune) - began;
        if (nsec <= 0)
                return -EIO;
        *best = fmin(*best, nsec);
        return 0;
}

/* The best times of some probes, which take turns. Those that are more than `hopeless` times the best take no more. */
static int tune_compare(Tune *tune, const Probe *probes, size_t n, double hopeless, double *ret) {
        double best = INFINITY;

        for (size_t i = 0; i < n; i++)
                ret[i] = INFINITY;
        for (unsigned turn = 0; turn < TURNS; turn++)
                for (size_t i = 0; i < n; i++) {
                        int r = 0;

                        if (turn == 0 || ret[i] <= hopeless * best)
                                r = tune_time(tune, probes + i, ret + i);
                        if (r < 0)
                                return r;
                        best = fmin(best, ret[i]);
                }
        return 0;
}

/* A multiple of 30 that is not above 2^n_bits. */
static void place_init(mpz_t ret, unsigned n_bits) {
        mpz_init(ret);
        mpz_setbit(ret, n_bits);
        mpz_sub_ui(ret, ret, mpz_fdiv_ui(ret, 30));
}

/* How slow the machine is decides how much is measured. */
static int tune_look(Tune *tune) {
        _cleanup_(window_freep) Window *window = window_new(&tune->environment, sieve_tuning_default());
        CostPlace place = { .start = ldexp(1, PLACE_BITS), .n_bits = PLACE_BITS, .n_threads = 1 };
        double nsec, usual;
        mpz_t start;
        int r;

        if (!window)
                return -ENOMEM;
        tune_set_lengths(tune, SHRINK_MAX);
        place_init(start, PLACE_BITS);
        r = tune_compare(tune,
                         &(Probe) { .start = &start, .length = tune->usual, .limit = tune->limit_big,
                                    .window = window },
                         1, INFINITY, &nsec);
        mpz_clear(start);
        if (r < 0)
                return r;
        place.base_numbers = (double) tune->limit_big; /* the first turn made them */
        usual = cost_of_sieve(&sieve_costs_default, &place, (double) tune->usual, (double) tune->limit_big);
        tune_set_lengths(tune, CLAMP(nsec / usual / SLOW, 1.0, SHRINK_MAX));
        return 0;
}

/* Sizes */

#define CANDIDATES_MAX 8

/* Puts the best of `n` candidates, of which the first is the usual one, into `*tuning`. */
static int tune_choose(Tune *tune, const SieveTuning *candidates, size_t n, uint64_t limit, SieveTuning *tuning) {
        _cleanup_(window_freep) Window *window = window_new(&tune->environment, candidates);
        Probe probes[CANDIDATES_MAX] = {};
        double nsec[CANDIDATES_MAX];
        size_t best = 0;
        mpz_t start;
        int r;

        if (!window)
                return -ENOMEM;
        place_init(start, PLACE_BITS);
        for (size_t i = 0; i < n; i++)
                probes[i] = (Probe) { .start = &start, .length = tune->usual, .limit = limit, .window = window,
                                      .tuning = candidates + i };
        r = tune_compare(tune, probes, n, HOPELESS, nsec);
        mpz_clear(start);
        if (r < 0)
                return r;
        for (size_t i = 1; i < n; i++)
                if (nsec[i] < nsec[best] && nsec[i] < BETTER * nsec[0])
                        best = i;
        *tuning = candidates[best];
        return 0;
}

/* The first-level cache: how much of the bitmap stays in it, and which primes are crossed off there. */
static int tune_block(Tune *tune, SieveTuning *tuning) {
        static const uint32_t kilobytes[] = { 16, 24, 32, 48, 64 };
        SieveTuning candidates[CANDIDATES_MAX] = { *tuning };
        size_t n = 1;

        for (size_t i = 0; i < ELEMENTSOF(kilobytes); i++) {
                SieveTuning candidate = *tuning;

                candidate.block_bytes = candidate.small_end = kilobytes[i] << 10;
                if (candidate.block_bytes != tuning->block_bytes)
                        candidates[n++] = candidate;
        }
        return tune_choose(tune, candidates, n, LIMIT_BLOCK, tuning);
}

/* The second-level cache. */
static int tune_segment(Tune *tune, SieveTuning *tuning) {
        static const uint32_t kilobytes[] = { 64, 128, 256, 512, 1024 };
        SieveTuning candidates[CANDIDATES_MAX] = { *tuning };
        size_t n = 1;

        for (size_t i = 0; i < ELEMENTSOF(kilobytes); i++) {
                SieveTuning candidate = *tuning;

                candidate.segment_bytes = kilobytes[i] << 10;
                /* as sieve_tuning_for() */
                candidate.span_bytes = MAX(tuning->span_bytes, candidate.segment_bytes);
                candidate.medium_end = candidate.span_bytes > candidate.segment_bytes ? kilobytes[i] << 10
                                                                                      : kilobytes[i] << 12;
                candidate.medium_end = MIN(candidate.medium_end, TURN_PRIME_END);
                candidate.large_end = MAX(candidate.large_end, candidate.medium_end);
                if (candidate.segment_bytes != tuning->segment_bytes && candidate.segment_bytes > tuning->block_bytes)
                        candidates[n++] = candidate;
        }
        return tune_choose(tune, candidates, n, tune->limit_big, tuning);
}

/* The third-level cache, if there is one. */
static int tune_span(Tune *tune, SieveTuning *tuning) {
        static const uint32_t kilobytes[] = { 1024, 2048, 4096 };
        SieveTuning candidates[CANDIDATES_MAX] = { *tuning, *tuning };
        size_t n = 2;

        candidates[1].span_bytes = tuning->segment_bytes;
        candidates[1].medium_end = candidates[1].large_end = MIN(tuning->segment_bytes * 4, TURN_PRIME_END);
        for (size_t i = 0; i < ELEMENTSOF(kilobytes); i++) {
                SieveTuning candidate = *tuning;

                candidate.span_bytes = kilobytes[i] << 10;
                candidate.medium_end = MIN(tuning->segment_bytes, TURN_PRIME_END);
                candidate.large_end = MIN(MAX(candidate.span_bytes, candidate.medium_end), TURN_PRIME_END);
                if (candidate.span_bytes != tuning->span_bytes && candidate.span_bytes > tuning->segment_bytes)
                        candidates[n++] = candidate;
        }
        return tune_choose(tune, candidates, n, tune->limit_big, tuning);
}

/* Where lists of hits take over, and how much of the bitmap each list is for. */
static int tune_lists(Tune *tune, SieveTuning *tuning) {
        static const uint32_t regions[] = { 32 << 10, 64 << 10, 128 << 10, 256 << 10 };
        SieveTuning candidates[CANDIDATES_MAX] = { *tuning };
        size_t n = 1;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(regions); i++)
                if (regions[i] != tuning->region_bytes) {
                        candidates[n] = *tuning;
                        candidates[n++].region_bytes = regions[i];
                }
        r = tune_choose(tune, candidates, n, tune->limit_big, tuning);
        if (r < 0)
                return r;

        n = 1;
        candidates[0] = *tuning;
        for (unsigned shift = 0; shift < 6; shift++) {
                SieveTuning candidate = *tuning;

                candidate.large_end = UINT32_C(65536) << shift;
                if (candidate.large_end != tuning->large_end && candidate.large_end <= TURN_PRIME_END)
                        candidates[n++] = candidate;
        }
        return tune_choose(tune, candidates, n, tune->limit_big, tuning);
}

static int tune_all_sizes(Tune *tune, SieveTuning *ret) {
        SieveTuning tuning = *sieve_tuning_default();
        int r;

        r = tune_block(tune, &tuning);
        if (r >= 0)
                r = tune_segment(tune, &tuning);
        if (r >= 0)
                r = tune_span(tune, &tuning);
        if (r >= 0)
                r = tune_lists(tune, &tuning);
        if (r >= 0)
                *ret = tuning;
        return r;
}

/* Costs */

/* A cost that was measured as a difference; `usual` is what it is elsewhere. */
static double at_least(double nsec, double usual) {
        return fmax(nsec, FEW * usual);
}

/* Multiples prime to 30 of the primes in [from, to), for each number. */
static double multiples(double from, double to) {
        return 8.0 / 30 * (log(log(to)) - log(log(from)));
}

static double n_primes(double limit) {
        return limit / (log(limit) - 1);
}

static int tune_sieve_costs(Tune *tune, Window *window, SieveCosts *costs) {
        const uint64_t many = tune->limit_cost;
        const double primes = n_primes((double) many) - n_primes((double) COST_BIG_FROM);
        const SieveCosts *usual = &sieve_costs_default;
        double nsec[6], wide = (double) tune->wide, narrow = (double) tune->narrow, hits, per_number;
        mpz_t start, far;
        int r;

        place_init(start, PLACE_BITS);
        place_init(far, WORDS_BITS);
        r = tune_compare(tune,
                         (Probe[]) {
                                 { .start = &start, .length = tune->wide, .limit = COST_MEDIUM_FROM, .window = window },
                                 { .start = &start, .length = tune->wide, .limit = COST_BIG_FROM, .window = window },
                                 { .start = &start, .length = tune->wide, .limit = many, .window = window },
                                 { .start = &start, .length = tune->narrow, .limit = COST_BIG_FROM, .window = window },
                                 { .start = &start, .length = tune->narrow, .limit = many, .window = window },
                                 { .start = &far, .length = tune->narrow, .limit = many, .window = window },
                         },
                         ELEMENTSOF(nsec), INFINITY, nsec);
        mpz_clears(start, far, NULL);
        if (r < 0)
                return r;

        costs->number_nsec = at_least(nsec[0] / wide, usual->number_nsec);
        costs->mark_nsec = at_least((nsec[1] - nsec[0]) / wide / multiples(COST_MEDIUM_FROM, COST_BIG_FROM),
                                    usual->mark_nsec);
        hits = multiples(COST_BIG_FROM, (double) many);
        per_number = ((nsec[2] - nsec[1]) - (nsec[4] - nsec[3])) / (wide - narrow);
        costs->hit_nsec = at_least(per_number / hits, usual->hit_nsec);
        costs->prime_nsec = at_least((nsec[4] - nsec[3] - narrow * hits * costs->hit_nsec) / primes, usual->prime_nsec);
        costs->prime_word_nsec = at_least((nsec[5] - nsec[4]) / primes / WORDS, usual->prime_word_nsec);
        return 0;
}

/* Chunks that are never kept. */
static int tune_base_part(void *userdata, size_t part, unsigned thread) {
        const Tune *tune = userdata;
        _cleanup_(base_primes_unrefp) BasePrimes *base = base_primes_ref();
        _cleanup_(stretch_freep) Stretch *stretch = stretch_new();
        _cleanup_free_ uint8_t *scratch = malloc(BASE_CHUNK_BYTES);
        const uint8_t *chunk;

        (void) thread;
        if (!base || !stretch || !scratch)
                return -ENOMEM;
        for (unsigned i = 0; i < 4; i++) {
                int r = base_primes_chunk(base, BASE_CHUNKS_MAX + 4 * part + i, false, stretch,
                                          tune->environment.cancel, scratch, &chunk);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int tune_base_cost(Tune *tune, SieveCosts *costs) {
        const SieveTeam *team = tune->environment.team;
        double best = INFINITY;

        for (unsigned turn = 0; turn < TURNS; turn++) {
                double began = tune_cpu(tune);
                int r = team ? team->for_each(team->team, tune->n_threads, tune_base_part, tune)
                             : tune_base_part(tune, 0, 0);

                if (r < 0)
                        return r;
                best = fmin(best, tune_cpu(tune) - began);
        }
        costs->base_nsec = at_least(best / (4.0 * tune->n_threads * (double) BASE_CHUNK_LENGTH),
                                    sieve_costs_default.base_nsec);
        return 0;
}

/*
 * The cost of a test in a window of `length` numbers before `end`.
 */
static int tune_test_window(Tune *tune, Window *window, Hybrid *hybrid, const mpz_t end, uint64_t length,
                            double *ret_nsec) {
        const size_t n_bytes = (size_t) (length / 30);
        uint64_t n_survivors, n_found;
        double nsec[2];
        mpz_t start;
        int r;

        mpz_init(start);
        number_set_u64(start, length);
        mpz_sub(start, end, start);
        r = window_sieve(window, start, length, TEST_DEPTH, tune->bitmap);
        n_survivors = bitmap_count(tune->bitmap, n_bytes);
        if (r >= 0)
                r = hybrid_sieve(hybrid, start, length, TEST_DEPTH, CERTAINTY_BPSW, tune->bitmap);
        n_found = bitmap_count(tune->bitmap, n_bytes);
        if (r >= 0)
                r = tune_compare(tune,
                                 (Probe[]) {
                                         { .start = &start, .length = length, .limit = TEST_DEPTH, .window = window },
                                         { .start = &start, .length = length, .limit = TEST_DEPTH, .hybrid = hybrid },
                                 },
                                 ELEMENTSOF(nsec), INFINITY, nsec);
        mpz_clear(start);
        if (r >= 0)
                *ret_nsec = (nsec[1] - nsec[0]) / fmax((double) n_survivors + 1.5 * (double) n_found, 1.0);
        return r;
}

/* A test to base 2 of numbers just below 2^n_bits. `usual`: what it costs elsewhere. */
static int tune_test_cost(Tune *tune, Window *window, Hybrid *hybrid, unsigned n_bits, double usual, double *ret) {
        const double survivors = MERTENS / log((double) TEST_DEPTH);
        double nsec = usual;
        mpz_t end;
        int r = 0;

        place_init(end, n_bits);
        /* The first window is short, and only says how long the second one may be. */
        for (unsigned turn = 0; turn < 2 && r >= 0; turn++) {
                double wanted = (turn == 0 ? tune->test_nsec / 20 : tune->test_nsec) / (survivors * nsec);

                r = tune_test_window(tune, window, hybrid, end,
                                     (uint64_t) CLAMP(wanted, 3000.0, (double) tune->usual) / 30 * 30, &nsec);
                nsec = at_least(nsec, usual);
        }
        mpz_clear(end);
        if (r >= 0)
                *ret = nsec;
        return r;
}

/*
 * power_nsec from the times of tests of several sizes: none of the three is negative, and the squares of the relative
 * errors are least. One of them after the other is set to its best, which always comes nearer.
 */
static void fit_power(const unsigned *bits, const double *nsec, size_t n, double ret[3]) {
        double columns[3][8], rest[8];

        for (size_t i = 0; i < n; i++) {
                double limbs = ceil(bits[i] / 64.0), per_bit = bits[i] / nsec[i];

                columns[0][i] = per_bit;
                columns[1][i] = per_bit * limbs;
                columns[2][i] = per_bit * limbs * limbs;
                rest[i] = 1;
        }
        ret[0] = ret[1] = ret[2] = 0;
        for (unsigned turn = 0; turn < 30000; turn++) {
                const double *column = columns[turn % 3];
                double product = 0, square = 0, step;

                for (size_t i = 0; i < n; i++) {
                        product += column[i] * rest[i];
                        square += column[i] * column[i];
                }
                step = fmax(product / square, -ret[turn % 3]);
                ret[turn % 3] += step;
                for (size_t i = 0; i < n; i++)
                        rest[i] -= step * column[i];
        }
}

static int tune_test_costs(Tune *tune, Window *window, const SieveTuning *tuning, SieveCosts *costs) {
        static const unsigned small[] = { 64, 80, 96, 112, 128 }, large[] = { 192, 256, 384, 512, 1024 };
        _cleanup_(hybrid_freep) Hybrid *hybrid = hybrid_new(&tune->environment, tuning);
        double nsec[ELEMENTSOF(large)];

        if (!hybrid)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(small); i++) {
                int r = tune_test_cost(tune, window, hybrid, small[i], sieve_costs_default.test_nsec[i],
                                       &costs->test_nsec[i]);

                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(large); i++) {
                const double *usual = sieve_costs_default.power_nsec;
                double limbs = large[i] / 64.0;
                int r = tune_test_cost(tune, window, hybrid, large[i],
                                       large[i] * (usual[0] + usual[1] * limbs + usual[2] * limbs * limbs), &nsec[i]);

                if (r < 0)
                        return r;
        }
        fit_power(large, nsec, ELEMENTSOF(large), costs->power_nsec);
        return 0;
}

static int tune_all_costs(Tune *tune, const SieveTuning *tuning, SieveCosts *ret) {
        _cleanup_(window_freep) Window *window = window_new(&tune->environment, tuning);
        SieveCosts costs = sieve_costs_default;
        int r;

        if (!window)
                return -ENOMEM;
        r = tune_sieve_costs(tune, window, &costs);
        if (r >= 0)
                r = tune_base_cost(tune, &costs);
        if (r >= 0)
                r = tune_test_costs(tune, window, tuning, &costs);
        if (r >= 0)
                *ret = costs;
        return r;
}

/* As much as the machine can bear. To be followed by tune_done(), whatever it returns. */
static int tune_begin(Tune *tune, const TuneMachine *machine) {
        int r = tune_init(tune, machine);

        return r < 0 ? r : tune_look(tune);
}

int tune_sizes(const TuneMachine *machine, SieveTuning *ret) {
        Tune tune;
        int r;

        r = tune_begin(&tune, machine);
        if (r >= 0)
                r = tune_all_sizes(&tune, ret);
        tune_done(&tune);
        return r;
}

int tune_costs(const TuneMachine *machine, const SieveTuning *tuning, SieveCosts *ret) {
        Tune tune;
        int r;

        r = tune_begin(&tune, machine);
        if (r >= 0)
                r = tune_all_costs(&tune, tuning, ret);
        tune_done(&tune);
        return r;
}

int tune_measure(const TuneMachine *machine, SieveProfile *ret) {
        SieveProfile profile;
        Tune tune;
        int r;

        r = tune_begin(&tune, machine);
        if (r >= 0)
                r = tune_all_sizes(&tune, &profile.tuning);
        if (r >= 0)
                r = tune_all_costs(&tune, &profile.tuning, &profile.costs);
        if (r >= 0)
                *ret = profile;
        tune_done(&tune);
        return r;
}
