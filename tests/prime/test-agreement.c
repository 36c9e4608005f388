/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Random windows: what a run finds is, bit for bit, what libprimesieve finds below 2^64 and PARI/GP beyond it.
 *
 * A site is a stretch whose bitmap an oracle has made; in it, windows are drawn, and each is computed by a run of its
 * own with a random number of threads, random memory, a random hint where it may end, and cut into calls at random.
 * Sites are anywhere, and where errors like to be: at 0, at both sides of 2^32 and 2^64, and with squares of primes,
 * products of two primes, and the ends of windows near the borders of segments.
 *
 * usage: test-agreement FOLDER [WINDOWS]        2000 by default; FOLDER as for the other tests here
 */

#include <errno.h>
#include <primesieve.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/random.h"
#include "prime/gp.h"
#include "prime/naive.h"
#include "prime/team.h"
#include "prime/tunings.h"
#include "prime/variant.h"
#include "seed.h"

#define N_TEAMS 4
#define GUARD_BYTES 16
#define CALLS_MAX 40U

/* What the borders of segments are multiples of, in bytes: 2^10 to 2^21. */
#define BORDER_BITS_MIN 10
#define BORDER_BITS_MAX 21

typedef struct Site {
        mpz_t start; /* a multiple of 30 */
        size_t n_bytes;
        uint8_t *bitmap;
} Site;

typedef struct Tally {
        unsigned n_windows;
        uint64_t n_numbers, n_primes;
} Tally;

static unsigned n_windows_wanted = 2000;
static Random dice;
static uint64_t seed;
static TestTeam teams[N_TEAMS]; /* of 1, 2, … threads */
static Gp gp;
static bool have_gp;
static Tally tally;
static unsigned n_windows_total;

/* 1 to 2^n_bits, each size in bits as often. */
static uint64_t roll_size(unsigned n_bits) {
        return 1 + random_below(&dice, UINT64_C(1) << random_below(&dice, n_bits + 1));
}

static bool one_in(unsigned n) {
        return random_below(&dice, n) == 0;
}

/* A number of exactly n_bits bits. */
static void roll_number(mpz_t ret, unsigned n_bits) {
        mpz_set_ui(ret, 0);
        for (unsigned done = 0; done < n_bits; done += 64) {
                unsigned n = n_bits - done < 64 ? n_bits - done : 64;

                mpz_mul_2exp(ret, ret, n);
                number_add_u64(ret, ret, n == 64 ? random_u64(&dice) : random_below(&dice, UINT64_C(1) << n));
        }
        mpz_setbit(ret, n_bits - 1);
}

/* Number of bytes of the site below 2^64. */
static size_t bytes_below_2_64(const Site *site) {
        uint64_t start;

        if (mpz_sizeinbase(site->start, 2) > 64)
                return 0;
        start = number_get_u64(site->start);
        return (size_t) MIN((uint64_t) site->n_bytes, (UINT64_MAX - start) / 30);
}

static void fill_by_primesieve(Site *site, size_t n_bytes) {
        uint64_t start = number_get_u64(site->start);
        size_t n_primes;
        uint64_t *primes;

        errno = 0;
        primes = primesieve_generate_primes(start, start + 30 * (uint64_t) n_bytes - 1, &n_primes, UINT64_PRIMES);
        CHECK(primes && errno == 0);
        for (size_t i = 0; i < n_primes; i++) {
                uint64_t offset = primes[i] - start;

                if (bitmap_residue_bit[offset % 30] < 8)
                        site->bitmap[offset / 30] |= (uint8_t) (1U << bitmap_residue_bit[offset % 30]);
        }
        primesieve_free(primes);
}

/* libprimesieve prepares for 0.3 ns times the square root: PARI has done a narrow site at the top before that. */
static bool is_for_primesieve(const Site *site, size_t n_bytes) {
        return n_bytes > 0 && (n_bytes > 3000 || mpz_sizeinbase(site->start, 2) < 54);
}

static void site_init(Site *site, const mpz_t start, uint64_t n_bytes) {
        size_t done = 0;
        mpz_t rest;

        *site = (Site) { .n_bytes = (size_t) n_bytes };
        mpz_init_set(site->start, start);
        mpz_sub_ui(site->start, site->start, mpz_fdiv_ui(site->start, 30));
        site->bitmap = calloc(site->n_bytes, 1);
        CHECK(site->bitmap);

        if (is_for_primesieve(site, bytes_below_2_64(site))) {
                done = bytes_below_2_64(site);
                fill_by_primesieve(site, done);
        }
        if (done == site->n_bytes)
                return;
        mpz_init(rest);
        number_add_u64(rest, site->start, 30 * (uint64_t) done);
        if (have_gp)
                gp_bitmap(&gp, rest, 30 * (uint64_t) (site->n_bytes - done), site->bitmap + done);
        else
                naive_bitmap(rest, 30 * (uint64_t) (site->n_bytes - done), site->bitmap + done);
        mpz_clear(rest);
}

static void site_done(Site *site) {
        mpz_clear(site->start);
        free(site->bitmap);
}

/* How a window is to be computed. */
typedef struct Plan {
        mpz_t start, stop_hint;
        size_t n_bytes;
        unsigned n_threads; /* 0: no team */
        size_t memory_max;
        unsigned n_calls; /* about */
        bool with_cancel;
        Certainty certainty;
        unsigned left_out; /* variants of kernels: variant.h */
        bool with_tuning;
        SieveTuning tuning;
} Plan;

/* What is wrong, and everything that it takes to have it again. */
static void fail(const Plan *plan, size_t byte, unsigned got, unsigned expected, const char *what) {
        _cleanup_free_ char *start = number_format(plan->start), *hint = number_format(plan->stop_hint);

        (void) printf("# %s: window %u: [%s, + 30 * %zu), hint %s, %u threads, memory %zu, %u calls, certainty %d, "
                      "cancel %d, variants left out %u, sizes %u %u %u %u %u %u %u %zu\n",
                      what, n_windows_total, start, plan->n_bytes, hint, plan->n_threads, plan->memory_max,
                      plan->n_calls, (int) plan->certainty, plan->with_cancel, plan->left_out,
                      plan->with_tuning ? plan->tuning.block_bytes : 0, plan->tuning.segment_bytes,
                      plan->tuning.span_bytes, plan->tuning.small_end, plan->tuning.medium_end, plan->tuning.large_end,
                      plan->tuning.region_bytes, plan->tuning.hits_bytes);
        (void) printf("# byte %zu is %02x, not %02x; PRIMED_TEST_SEED=%" PRIu64 "\n", byte, got, expected, seed);
        CHECK(got == expected);
}

static void check_bitmap(const Plan *plan, const uint8_t *got, const uint8_t *expected) {
        if (memcmp(got, expected, plan->n_bytes) == 0)
                return;
        for (size_t i = 0; i < plan->n_bytes; i++)
                if (got[i] != expected[i])
                        fail(plan, i, got[i], expected[i], "another bitmap");
}

static bool reaches_beyond_2_64(const Plan *plan) {
        _cleanup_mpz_ mpz_t end;

        mpz_init(end);
        number_add_u64(end, plan->start, 30 * (uint64_t) plan->n_bytes);
        return mpz_sizeinbase(end, 2) > 64;
}

/* One call into a buffer of its own, whose surroundings must stay as they are. */
static void compute_part(const Plan *plan, SieveRun *run, size_t n_bytes, uint8_t *ret, atomic_bool *cancel) {
        uint8_t *guarded = malloc(n_bytes + 2 * GUARD_BYTES);
        Certainty certainty = _CERTAINTY_MAX;
        int r;

        CHECK(guarded);
        memset(guarded, 0xa5, n_bytes + 2 * GUARD_BYTES);
        atomic_store(cancel, plan->with_cancel && one_in(2));
        r = sieve_run_next(run, 30 * (uint64_t) n_bytes, guarded + GUARD_BYTES, &certainty);
        if (r == -ECANCELED && atomic_load(cancel)) {
                atomic_store(cancel, false);
                r = sieve_run_next(run, 30 * (uint64_t) n_bytes, guarded + GUARD_BYTES, &certainty);
        }
        CHECK_EQUAL(r, 0); /* in spite of the flag, too: what is short may be done before anyone looks */
        CHECK(certainty == CERTAINTY_PROVED ||
              (certainty == CERTAINTY_BPSW && plan->certainty != CERTAINTY_PROVED && reaches_beyond_2_64(plan)));
        for (size_t i = 0; i < GUARD_BYTES; i++) {
                if (guarded[i] != 0xa5)
                        fail(plan, i, guarded[i], 0xa5, "written before the bitmap");
                if (guarded[GUARD_BYTES + n_bytes + i] != 0xa5)
                        fail(plan, i, guarded[GUARD_BYTES + n_bytes + i], 0xa5, "written behind the bitmap");
        }
        memcpy(ret, guarded + GUARD_BYTES, n_bytes);
        free(guarded);
}

static void compute(const Plan *plan, uint8_t *ret) {
        atomic_bool cancel = false;
        SieveEnvironment environment = {
                .cancel = plan->with_cancel ? &cancel : NULL,
                .certainty = plan->certainty,
                .team = plan->n_threads > 0 ? &teams[plan->n_threads - 1].team : NULL,
                .memory_max = plan->memory_max,
                .tuning = plan->with_tuning ? &plan->tuning : NULL,
        };
        size_t done = 0;
        SieveRun *run;

        variant_leave_out(plan->left_out);
        CHECK_EQUAL(sieve_run_new(plan->start, plan->stop_hint, &environment, &run), 0);
        for (unsigned i = 1; done < plan->n_bytes; i++) {
                size_t n = plan->n_bytes - done;

                if (i < plan->n_calls)
                        n = (size_t) MIN((uint64_t) n, one_in(3) ? roll_size(3)
                                                                 : 1 + random_below(&dice, n));
                compute_part(plan, run, n, ret + done, &cancel);
                done += n;
        }
        sieve_run_free(run);
}

/*
 * `is_cheap`: a complete sieve is prepared in no time there, so that runs may be told that they are long. Elsewhere
 * few are, for each is prepared anew.
 */
static void roll_plan(Plan *plan, const Site *site, size_t first, size_t n_bytes, bool is_cheap) {
        uint64_t length = 30 * (uint64_t) n_bytes, hint = length;
        size_t n_bits = mpz_sizeinbase(site->start, 2);

        *plan = (Plan) { .n_bytes = n_bytes, .n_threads = (unsigned) random_below(&dice, N_TEAMS + 1) };
        mpz_init(plan->start);
        mpz_init(plan->stop_hint);
        number_add_u64(plan->start, site->start, 30 * (uint64_t) first);
        switch (random_below(&dice, 8)) {
        case 0:
                hint = 1 + random_below(&dice, length); /* too short */
                break;
        case 1:
        case 2:
        case 3:
                hint = length + roll_size(is_cheap ? 30 : 25);
                break;
        default:
                break;
        }
        number_add_u64(plan->stop_hint, plan->start, hint);
        if (!one_in(3))
                plan->memory_max = (size_t) roll_size(28);
        plan->n_calls = one_in(2) ? 1 : (unsigned) roll_size(5);
        plan->n_calls = MIN(plan->n_calls, CALLS_MAX);
        plan->with_cancel = one_in(10);
        plan->left_out = (unsigned) random_below(&dice, 4);
        plan->with_tuning = one_in(2);
        plan->tuning = tunings_draw(&dice);
        /* Beyond 2^60 a proof may need a second or two, and beyond 2^81 there are only the slow ones. */
        if (n_bits <= 81 && one_in(n_bits <= 60 ? 4 : n_bits <= 66 ? 40 : 10))
                plan->certainty = CERTAINTY_PROVED;
        else if (one_in(4))
                plan->certainty = CERTAINTY_BPSW;
}

static void plan_done(Plan *plan) {
        mpz_clears(plan->start, plan->stop_hint, NULL);
}

static void check_window(const Site *site, size_t first, size_t n_bytes) {
        uint8_t *bitmap = malloc(n_bytes);
        Plan plan;

        CHECK(bitmap);
        roll_plan(&plan, site, first, n_bytes, mpz_sizeinbase(site->start, 2) < 52);
        compute(&plan, bitmap);
        check_bitmap(&plan, bitmap, site->bitmap + first);
        tally.n_windows++;
        n_windows_total++;
        tally.n_numbers += 30 * (uint64_t) n_bytes;
        tally.n_primes += bitmap_count(bitmap, n_bytes);
        plan_done(&plan);
        free(bitmap);
}

/* The whole site, and n - 1 windows in it: anywhere, or at one of its ends. */
static void check_site(const Site *site, unsigned n) {
        unsigned n_bits = 0;

        while (site->n_bytes >> (n_bits + 1) > 0)
                n_bits++;
        check_window(site, 0, site->n_bytes);
        for (unsigned i = 1; i < n; i++) {
                size_t n_bytes = (size_t) MIN(roll_size(n_bits), (uint64_t) site->n_bytes), first = 0;

                if (!one_in(5))
                        first = (size_t) random_below(&dice, site->n_bytes - n_bytes + 1);
                if (one_in(5))
                        first = site->n_bytes - n_bytes;
                check_window(site, first, n_bytes);
        }
}

/* A site anywhere in sight: so many windows at `start`. */
static void check_at(const mpz_t start, uint64_t n_bytes, unsigned n) {
        Site site;

        site_init(&site, start, n_bytes);
        check_site(&site, n);
        site_done(&site);
}

static void tally_begin(void) {
        tally = (Tally) {};
}

/* So many windows are this kind's share. */
static bool tally_has(unsigned percent) {
        return tally.n_windows * 100 >= percent * n_windows_wanted;
}

static void tally_print(void) {
        printf("# %u windows, %" PRIu64 " numbers, %" PRIu64 " primes\n", tally.n_windows, tally.n_numbers,
               tally.n_primes);
}

/* How many bytes a site may have, in bits, for an oracle to be quick. */
static unsigned site_bits(const mpz_t start) {
        size_t n_bits = mpz_sizeinbase(start, 2);

        return n_bits < 52 ? 21 : n_bits <= 64 ? 16 : n_bits <= 130 ? 12 : n_bits <= 300 ? 9 : 6;
}

/* Where oracle and kernel need long to prepare, the windows of a site are many. */
static unsigned windows_of_site(const mpz_t start, unsigned n_few) {
        size_t n_bits = mpz_sizeinbase(start, 2);

        return n_bits > 54 && n_bits <= 64 ? 5 * n_few : n_few;
}

static void test_anywhere_below_2_64(void) {
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        tally_begin();
        while (!tally_has(30)) {
                roll_number(start, 5 + (unsigned) random_below(&dice, 60));
                check_at(start, roll_size(site_bits(start)), windows_of_site(start, 3));
        }
        tally_print();
}

/* Windows that begin or end at a multiple of what a segment may have, counted from 0, or a few bytes beside it. */
static void test_at_borders_of_segments(void) {
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        tally_begin();
        while (!tally_has(15)) {
                uint64_t bytes = UINT64_C(1) << (BORDER_BITS_MIN +
                                                 random_below(&dice, BORDER_BITS_MAX - BORDER_BITS_MIN + 1));
                uint64_t n = random_below(&dice, 3), beside = random_below(&dice, 7), length;

                roll_number(start, 30 + (unsigned) random_below(&dice, 24));
                mpz_fdiv_q_ui(start, start, (unsigned long) (30 * bytes));
                mpz_mul_ui(start, start, (unsigned long) (30 * bytes));
                number_add_u64(start, start, 30 * random_below(&dice, 7));
                length = n * bytes + beside + (n == 0);
                check_at(start, MIN(length, UINT64_C(3) << 20), 2);
        }
        tally_print();
}

/*
 * A composite that only its least prime factor of `n_bits` bits can cross off: a square, or the product with a prime
 * near by or of another size. It lies at a border of segments that are counted from the window's start, or beside.
 */
static void roll_semiprime_site(unsigned n_bits, mpz_t ret_start, uint64_t *ret_bytes) {
        uint64_t before, bytes = UINT64_C(1) << (BORDER_BITS_MIN + random_below(&dice, 8));
        mpz_t p, q;

        mpz_init(p);
        mpz_init(q);
        roll_number(p, n_bits);
        mpz_nextprime(p, p);
        switch (random_below(&dice, 4)) {
        case 0:
        case 1:
                mpz_set(q, p);
                break;
        case 2:
                mpz_nextprime(q, p);
                break;
        default:
                mpz_mul_ui(q, p, 1 + (unsigned long) random_below(&dice, 20));
                mpz_nextprime(q, q);
                break;
        }
        mpz_mul(q, p, q);
        mpz_sub_ui(q, q, mpz_fdiv_ui(q, 30));
        /* So many bytes are before it in the window. */
        before = one_in(3) ? random_below(&dice, 3) : bytes - 1 + random_below(&dice, 3);
        *ret_bytes = before + 1 + (one_in(2) ? 0 : roll_size(10));
        number_set_u64(p, 30 * before);
        mpz_sub(ret_start, q, p);
        if (mpz_sgn(ret_start) < 0)
                mpz_set_ui(ret_start, 0);
        mpz_clears(p, q, NULL);
}

static void test_semiprimes_below_2_64(void) {
        _cleanup_mpz_ mpz_t start;
        uint64_t n_bytes;

        mpz_init(start);
        tally_begin();
        while (!tally_has(20)) {
                roll_semiprime_site(3 + (unsigned) random_below(&dice, 29), start, &n_bytes);
                if (mpz_sizeinbase(start, 2) <= 64)
                        check_at(start, n_bytes, windows_of_site(start, 2));
        }
        tally_print();
}

static void test_semiprimes_above_2_64(void) {
        _cleanup_mpz_ mpz_t start;
        uint64_t n_bytes;

        mpz_init(start);
        tally_begin();
        while (!tally_has(5)) {
                roll_semiprime_site(33 + (unsigned) random_below(&dice, 32), start, &n_bytes);
                check_at(start, MIN(n_bytes, UINT64_C(4096)), 3);
        }
        tally_print();
}

static void test_at_zero(void) {
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        tally_begin();
        check_at(start, 1, 1);
        while (!tally_has(5))
                check_at(start, roll_size(21), 3);
        tally_print();
}

/* Windows that hold 2^n_bits, begin there, or end there. */
static void check_around(unsigned n_bits, unsigned bytes_bits, unsigned percent, unsigned n_windows) {
        mpz_t start, before;

        mpz_init(start);
        mpz_init(before);
        tally_begin();
        while (!tally_has(percent)) {
                uint64_t n_bytes = roll_size(bytes_bits);

                mpz_set_ui(start, 0);
                mpz_setbit(start, n_bits);
                number_set_u64(before, one_in(8) ? 0 : 30 * random_below(&dice, n_bytes + 1));
                mpz_sub(start, start, before);
                check_at(start, n_bytes, n_windows);
        }
        tally_print();
        mpz_clears(start, before, NULL);
}

static void test_around_2_32(void) {
        check_around(32, 21, 5, 3);
}

static void test_around_2_64(void) {
        check_around(64, 13, 10, 10);
}

static void test_anywhere_above_2_64(void) {
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        tally_begin();
        while (!tally_has(10)) {
                unsigned n_bits = 65 + (unsigned) roll_size(one_in(3) ? 9 : 6);

                roll_number(start, n_bits);
                check_at(start, roll_size(site_bits(start)), 4);
        }
        tally_print();
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2 || argc == 3);
        if (argc == 3)
                n_windows_wanted = (unsigned) strtoul(argv[2], NULL, 10);
        have_gp = gp_open(&gp);
        if (!have_gp)
                printf("# gp is not installed: GMP's tests take its place\n");
        for (unsigned i = 0; i < N_TEAMS; i++)
                test_team_init(&teams[i], i + 1);
        seed = test_seed();
        random_init(&dice, seed);

        RUN(test_at_zero);
        RUN(test_around_2_32);
        RUN(test_anywhere_below_2_64);
        RUN(test_at_borders_of_segments);
        RUN(test_semiprimes_below_2_64);
        RUN(test_around_2_64);
        RUN(test_anywhere_above_2_64);
        RUN(test_semiprimes_above_2_64);
        printf("# %u windows in all\n", n_windows_total);
        CHECK(n_windows_total >= n_windows_wanted);

        for (unsigned i = 0; i < N_TEAMS; i++)
                test_team_done(&teams[i]);
        if (have_gp)
                gp_close(&gp);
        return tests_end();
}
