/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The crew computes what it was given, once, whatever is taken back, revoked or resized in between. */

#include "worker/crew.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/random.h"
#include "prime/number.h"
#include "test.h"

#define N_BLOCKS 24 /* of the job below */

/* [0, 24·30·2^20): about 755 million. */
static CrewJob *new_job(CrewClient *client) {
        _cleanup_mpz_ mpz_t from, to;
        CrewJob *job;
        Grid grid;

        mpz_init_set_ui(from, 0);
        mpz_init(to);
        number_set_u64(to, N_BLOCKS * GRID_BLOCK_LENGTH_MAX);
        CHECK(grid_init(&grid, from, to, NULL) >= 0);
        CHECK_EQUAL(grid.n_blocks, N_BLOCKS);
        job = crew_job_new(client, 7, &grid, 0);
        CHECK(job);
        return job;
}

/* A crew with one client, which is attached. */
static Crew *new_crew(unsigned n_threads, size_t pending_bytes_max, CrewClient *client) {
        const CrewSettings settings = { .n_threads = n_threads, .pending_bytes_max = pending_bytes_max };
        Crew *crew;

        CHECK(client && crew_new(&settings, &crew) >= 0);
        CHECK(crew_attach(crew, client) >= 0);
        return crew;
}

/* The last result of a window comes a moment before its leases are done with. */
static bool wants_soon(Crew *crew, const CrewClient *client) {
        for (unsigned i = 0; i < 10000 && !crew_wants(crew, client); i++)
                (void) usleep(1000);
        return crew_wants(crew, client);
}

static CrewResult *wait_result(Crew *crew, int timeout_msec) {
        struct pollfd poll_fd = { .fd = crew_fd(crew), .events = POLLIN };

        for (;;) {
                CrewResult *result = crew_pop_result(crew);

                if (result)
                        return result;
                if (poll(&poll_fd, 1, timeout_msec) == 0)
                        return NULL;
        }
}

/* Every block of [0, n) comes exactly once; returns the sum of the counts. */
static uint64_t collect(Crew *crew, uint64_t n, unsigned *seen) {
        uint64_t n_primes = 0;

        for (uint64_t i = 0; i < n; i++) {
                _cleanup_(crew_result_freep) CrewResult *result = wait_result(crew, 60000);

                CHECK(result);
                CHECK(result->sequence < N_BLOCKS);
                CHECK_EQUAL(seen[result->sequence]++, 0);
                CHECK_EQUAL(result->certainty, CERTAINTY_PROVED);
                n_primes += result->count;
                crew_release(crew, crew_job_client(result->job), result->packed_size);
        }
        return n_primes;
}

static void check_all_primes(unsigned n_threads) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        unsigned seen[N_BLOCKS] = {};

        crew = new_crew(n_threads, 64U << 20, client);
        CHECK_EQUAL(crew_threads_max(crew), n_threads);
        CHECK(crew_assign(crew, job, 0, 5, 12) >= 0);
        CHECK(crew_assign(crew, job, 5, 12, 12) >= 0);
        CHECK(crew_assign(crew, job, 12, 24, 24) >= 0);
        CHECK(!crew_wants(crew, client));
        /* pi(24·30·2^20), by primesieve */
        CHECK_EQUAL(collect(crew, N_BLOCKS, seen), 38946355);
        CHECK(wants_soon(crew, client));
        CHECK(crew_window_blocks(crew, client) >= 1);
        CHECK_EQUAL(crew_error(crew), 0);
}

static void test_any_number_of_threads_finds_all_primes(void) {
        for (unsigned n_threads = 1; n_threads <= 5; n_threads++)
                check_all_primes(n_threads);
}

/* Whatever the order in which the threads finish them. */
static void test_results_come_in_order(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;

        crew = new_crew(4, 64U << 20, client);
        CHECK(crew_assign(crew, job, 0, N_BLOCKS, N_BLOCKS) >= 0);
        for (unsigned i = 0; i < N_BLOCKS; i++) {
                _cleanup_(crew_result_freep) CrewResult *result = wait_result(crew, 60000);

                CHECK(result);
                CHECK_EQUAL(result->sequence, i);
        }
}

static void test_results_unpack_to_their_digest(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        _cleanup_(crew_result_freep) CrewResult *result = NULL;
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        _cleanup_mpz_ mpz_t start;
        Packer *packer = packer_new();
        uint8_t digest[SHA256_SIZE];

        mpz_init(start);
        number_set_u64(start, 5 * GRID_BLOCK_LENGTH_MAX);
        crew = new_crew(1, 64U << 20, client);
        CHECK(crew_assign(crew, job, 5, 6, 6) >= 0);
        result = wait_result(crew, 60000);
        CHECK(result && bitmap && packer);
        CHECK(pack_unpack(packer, result->codec, start, result->packed, result->packed_size, bitmap,
                          GRID_BLOCK_BYTES_MAX) >= 0);
        checksum_sha256(bitmap, GRID_BLOCK_BYTES_MAX, digest);
        CHECK(memcmp(digest, result->digest, sizeof digest) == 0);
        packer_free(packer);
}

static void test_withdrawn_work_is_exactly_what_is_missing(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        CrewRemainder remainders[CREW_REMAINDERS_MAX];
        unsigned seen[N_BLOCKS] = {}, n_late = 0;
        size_t n;

        crew = new_crew(1, 64U << 20, client);
        CHECK(crew_assign(crew, job, 0, 10, 10) >= 0);
        CHECK(crew_assign(crew, job, 10, 20, 20) >= 0);
        (void) collect(crew, 3, seen);
        n = crew_withdraw(crew, client, remainders);
        CHECK(n >= 1);
        CHECK(crew_wants(crew, client));
        for (size_t i = 0; i < n; i++) {
                for (uint64_t b = remainders[i].first; b < remainders[i].end; b++)
                        CHECK_EQUAL(seen[b]++, 0);
                crew_job_unref(remainders[i].job);
        }
        /* what was finished before the withdrawal still comes, and nothing of what was withdrawn */
        for (CrewResult *late; (late = wait_result(crew, 500)); crew_result_free(late))
                n_late += seen[late->sequence]++;
        CHECK_EQUAL(n_late, 0);
        for (uint64_t b = 0; b < 20; b++)
                CHECK(seen[b] >= 1);

        /* and the lane works on */
        CHECK(crew_assign(crew, job, 20, 22, 22) >= 0);
        (void) collect(crew, 2, seen);
}

static void test_revoked_blocks_are_skipped(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        unsigned n = 0;

        crew = new_crew(1, 64U << 20, client);
        CHECK(crew_assign(crew, job, 0, 20, 20) >= 0);
        crew_revoke(crew, client, 7, 4, 20);
        crew_revoke(crew, client, 8, 0, 20); /* another job's */
        for (CrewResult *result; (result = wait_result(crew, n < 4 ? 60000 : 500)); crew_result_free(result)) {
                CHECK(result->sequence < 4);
                n++;
        }
        CHECK_EQUAL(n, 4);
        CHECK(wants_soon(crew, client));
}

/* Blocks amid a window, before it is begun or while it is in work: all others come, once. */
static void test_holes_in_a_window(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client), *last = new_job(client);
        Random random;

        random_init(&random, 104729);
        for (unsigned round = 0; round < 20; round++) {
                _cleanup_(crew_freep) Crew *crew = new_crew(3, 64U << 20, client);
                unsigned seen[N_BLOCKS] = {}, n_gone = 0;
                CrewRemainder remainders[CREW_REMAINDERS_MAX];
                bool revoked[N_BLOCKS] = {}, ended = false;

                CHECK(crew_assign(crew, job, 0, N_BLOCKS, N_BLOCKS) >= 0);
                (void) usleep((useconds_t) random_below(&random, 60000));
                for (unsigned i = 0; i < 3; i++) {
                        uint64_t b = random_below(&random, N_BLOCKS);

                        crew_revoke(crew, client, 7, b, b + 1);
                        revoked[b] = true;
                }
                CHECK(crew_assign(crew, last, 0, 1, 1) >= 0);
                while (!ended) {
                        _cleanup_(crew_result_freep) CrewResult *result = wait_result(crew, 60000);

                        CHECK(result);
                        ended = result->job == last;
                        CHECK(ended || seen[result->sequence]++ == 0);
                        crew_release(crew, client, result->packed_size);
                }
                for (unsigned b = 0; b < N_BLOCKS; b++) {
                        CHECK(seen[b] || revoked[b]);
                        n_gone += !seen[b];
                }
                CHECK(n_gone <= 3);
                CHECK(wants_soon(crew, client));
                CHECK_EQUAL(crew_withdraw(crew, client, remainders), 0);
                crew_detach(crew, client);
        }
}

static void test_pauses_at_the_bound(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        CrewResult *first;

        /* Each lease is a window of its own: they do not continue one another. */
        crew = new_crew(2, 1, client);
        for (unsigned i = 0; i < 3; i++)
                CHECK(crew_assign(crew, job, 2 * i, 2 * i + 1, 2 * i + 1) >= 0);
        for (unsigned i = 0; i < 2; i++) {
                first = wait_result(crew, 60000);
                CHECK(first);
                CHECK_EQUAL(first->sequence, 2 * i);
                CHECK(wait_result(crew, 300) == NULL);
                crew_release(crew, client, first->packed_size);
                crew_result_free(first);
        }
        first = wait_result(crew, 60000);
        CHECK(first);
        crew_result_free(first);
}

static void test_threads_change_while_running(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        unsigned seen[N_BLOCKS] = {};

        crew = new_crew(3, 64U << 20, client);
        for (unsigned i = 0; i < 3; i++)
                CHECK(crew_assign(crew, job, 8 * i, 8 * i + 8, N_BLOCKS) >= 0);
        (void) collect(crew, 2, seen);
        crew_set_threads(crew, 1);
        CHECK_EQUAL(crew_threads(crew), 1);
        (void) collect(crew, 6, seen);
        crew_set_threads(crew, 3);
        (void) collect(crew, 4, seen);
        crew_set_memory(crew, 16U << 20, 64U << 20);
        crew_set_threads(crew, 2);
        (void) collect(crew, N_BLOCKS - 12, seen);

        /* without any it rests, and works as soon as it may */
        crew_set_threads(crew, 0);
        CHECK(!crew_wants(crew, client));
        CHECK(crew_assign(crew, job, 23, 24, 24) >= 0);
        CHECK(wait_result(crew, 200) == NULL);
        crew_set_threads(crew, 3);
        memset(seen, 0, sizeof seen);
        (void) collect(crew, 1, seen);
        CHECK_EQUAL(seen[23], 1);
}

/* 2^64-10^12: the start of the sieve takes a second or more and cannot be interrupted. */
static void test_stop_does_not_wait_for_ever(void) {
        _cleanup_mpz_ mpz_t from, to;
        CrewClient *client = crew_client_new();
        CrewJob *job;
        Crew *crew;
        usec_t begin;
        Grid grid;

        mpz_inits(from, to, NULL);
        CHECK(number_parse(from, "2^64-10^12", NULL) >= 0 && number_parse(to, "2^64", NULL) >= 0);
        CHECK(grid_init(&grid, from, to, NULL) >= 0);
        job = crew_job_new(client, 7, &grid, 0);
        crew = new_crew(1, 64U << 20, client);
        CHECK(job);
        CHECK(crew_assign(crew, job, 0, 100, 30000) >= 0);
        (void) usleep(100000);
        begin = clock_now_usec();
        (void) crew_stop(crew, 200 * USEC_PER_MSEC);
        CHECK(clock_now_usec() - begin < TEST_PATIENCE(2));
        crew_free(crew);
        crew_job_unref(job);
        crew_client_unref(client);
}

static void test_stop_of_an_idle_crew_is_clean(void) {
        Crew *crew;

        CHECK(crew_new(&(CrewSettings) { .n_threads = 4, .pending_bytes_max = 64U << 20 }, &crew) >= 0);
        CHECK(crew_stop(crew, 10 * USEC_PER_SEC));
        CHECK(crew_stop(crew, 0));
        crew_free(crew);
}

static void test_too_many_leases_are_refused(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;

        crew = new_crew(1, 64U << 20, client);
        for (unsigned i = 0; i < CREW_LEASES_MAX; i++)
                CHECK(crew_assign(crew, job, 4 * i, 4 * i + 4, 24) >= 0);
        CHECK_EQUAL(crew_assign(crew, job, 16, 20, 24), -ENOBUFS);
}

/* Leases in hand are done first; none is wanted until it has measured, and what comes then is right. */
static void test_measures_when_it_has_worked(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        unsigned seen[N_BLOCKS] = {};
        SieveProfile profile;
        bool measured = false;

        crew = new_crew(2, 64U << 20, client);
        crew_set_memory(crew, 8U << 20, 64U << 20); /* so it does not take long */
        CHECK(crew_wants(crew, client));
        crew_measure(crew, 1);
        CHECK(crew_wants(crew, client));
        CHECK(crew_assign(crew, job, 0, 2, 2) >= 0);
        CHECK(crew_assign(crew, job, 2, 4, 4) >= 0);
        (void) collect(crew, 4, seen);
        for (unsigned i = 0; i < 30000 && !measured; i++) {
                measured = crew_pop_profile(crew, &profile);
                if (!measured)
                        (void) usleep(10000);
        }
        CHECK(measured && !crew_pop_profile(crew, &profile));
        CHECK(wants_soon(crew, client));
        CHECK(crew_assign(crew, job, 4, N_BLOCKS, N_BLOCKS) >= 0);
        (void) collect(crew, N_BLOCKS - 4, seen);
        CHECK_EQUAL(crew_error(crew), 0);

        /* one that is given is taken instead */
        crew_detach(crew, client);
        crew = crew_free(crew);
        crew = new_crew(2, 64U << 20, client);
        crew_set_profile(crew, &profile);
        memset(seen, 0, sizeof seen);
        CHECK(crew_assign(crew, job, 0, N_BLOCKS, N_BLOCKS) >= 0);
        CHECK_EQUAL(collect(crew, N_BLOCKS, seen), 38946355);
        CHECK(!crew_pop_profile(crew, &profile));
}

/* Several clients */

/* Two clients with a job each, and what came for them. */
typedef struct Pair {
        Crew *crew;
        CrewClient *clients[2];
        CrewJob *jobs[2];
        uint64_t next[2];
        uint64_t n_results[2];
        usec_t used_usec[2];
} Pair;

static void pair_init(Pair *pair, unsigned n_threads, size_t pending_bytes_max) {
        const CrewSettings settings = { .n_threads = n_threads, .pending_bytes_max = pending_bytes_max };

        *pair = (Pair) {};
        CHECK(crew_new(&settings, &pair->crew) >= 0);
        for (unsigned i = 0; i < 2; i++) {
                pair->clients[i] = crew_client_new();
                pair->jobs[i] = new_job(pair->clients[i]);
                CHECK(crew_attach(pair->crew, pair->clients[i]) >= 0);
        }
}

static void pair_done(Pair *pair) {
        crew_free(pair->crew);
        for (unsigned i = 0; i < 2; i++) {
                crew_job_unref(pair->jobs[i]);
                crew_client_unref(pair->clients[i]);
        }
}

/* Leases of one block each, which do not continue one another, as long as the crew wants some. */
static void pair_feed(Pair *pair, unsigned which) {
        while (crew_wants(pair->crew, pair->clients[which])) {
                uint64_t block = pair->next[which] % N_BLOCKS;

                CHECK(crew_assign(pair->crew, pair->jobs[which], block, block + 1, block + 1) >= 0);
                pair->next[which] += 2;
        }
}

/* Counts what is there, or comes within `timeout_msec`. */
static void pair_take(Pair *pair, int timeout_msec) {
        _cleanup_(crew_result_freep) CrewResult *result = wait_result(pair->crew, timeout_msec);
        unsigned which;

        if (!result)
                return;
        which = crew_job_client(result->job) == pair->clients[1];
        CHECK(which == 1 || crew_job_client(result->job) == pair->clients[0]);
        pair->n_results[which]++;
        pair->used_usec[which] += result->compute_usec;
        crew_release(pair->crew, pair->clients[which], result->packed_size);
}

static void test_clients_share_by_priority(void) {
        double share;
        Pair pair;

        pair_init(&pair, 1, 64U << 20);
        crew_job_set_priority(pair.jobs[0], 100);
        crew_job_set_priority(pair.jobs[1], 300);
        while (pair.n_results[0] + pair.n_results[1] < 160) {
                pair_feed(&pair, 0);
                pair_feed(&pair, 1);
                pair_take(&pair, 60000);
        }
        share = (double) pair.used_usec[1] / (double) (pair.used_usec[0] + pair.used_usec[1]);
        printf("# share %.3f\n", share);
        CHECK(share > 0.6 && share < 0.9);

        /* with nothing from one, all is the other's */
        pair.n_results[0] = 0;
        while (pair.n_results[0] < 20) {
                pair_feed(&pair, 0);
                pair_take(&pair, 60000);
        }
        pair_done(&pair);
}

static void test_two_clients_compute_the_same_interval(void) {
        unsigned seen[2][N_BLOCKS] = {};
        Pair pair;

        pair_init(&pair, 2, 64U << 20);
        for (unsigned i = 0; i < 2; i++)
                for (unsigned k = 0; k < 2; k++)
                        CHECK(crew_assign(pair.crew, pair.jobs[i], 4 * k, 4 * k + 4, 8) >= 0);
        for (unsigned n = 0; n < 16; n++) {
                _cleanup_(crew_result_freep) CrewResult *result = wait_result(pair.crew, 60000);

                CHECK(result);
                CHECK_EQUAL(seen[crew_job_client(result->job) == pair.clients[1]][result->sequence]++, 0);
        }
        for (unsigned b = 0; b < 8; b++)
                CHECK(seen[0][b] == 1 && seen[1][b] == 1);
        pair_done(&pair);
}

/* The first one's disk is slow: it acknowledges nothing. */
static void test_a_stalled_client_stalls_nobody_else(void) {
        size_t stalled_bytes;
        unsigned n = 0;
        Pair pair;

        pair_init(&pair, 1, 2U << 20);
        for (unsigned i = 0; i < 2; i++)
                CHECK(crew_assign(pair.crew, pair.jobs[i], 0, N_BLOCKS, N_BLOCKS) >= 0);
        while (n < N_BLOCKS) {
                _cleanup_(crew_result_freep) CrewResult *result = wait_result(pair.crew, 60000);

                CHECK(result);
                if (crew_job_client(result->job) == pair.clients[0])
                        continue;
                crew_release(pair.crew, pair.clients[1], result->packed_size);
                n++;
        }
        /* by now the first one has its half of the room, and a window may go beyond */
        for (CrewResult *result; (result = wait_result(pair.crew, 300));)
                crew_result_free(result);
        stalled_bytes = crew_pending_bytes(pair.crew, pair.clients[0]);
        CHECK(stalled_bytes >= 1U << 20);
        CHECK(stalled_bytes < (1U << 20) + crew_window_blocks(pair.crew, pair.clients[0]) * GRID_BLOCK_BYTES_MAX / 2);
        CHECK_EQUAL(crew_pending_bytes(pair.crew, pair.clients[1]), 0);
        crew_release(pair.crew, pair.clients[0], stalled_bytes);
        while (pair.n_results[0] == 0)
                pair_take(&pair, 60000);
        pair_done(&pair);
}

static void test_threads_of_one_client(void) {
        CrewRemainder remainders[CREW_REMAINDERS_MAX];
        Pair pair;

        pair_init(&pair, 2, 64U << 20);
        crew_limit(pair.crew, pair.clients[0], 0, 0);
        CHECK(!crew_wants(pair.crew, pair.clients[0]));
        CHECK(crew_wants(pair.crew, pair.clients[1]));
        CHECK(crew_assign(pair.crew, pair.jobs[0], 0, 2, 2) >= 0);
        pair_take(&pair, 200);
        CHECK_EQUAL(pair.n_results[0], 0);
        CHECK(crew_assign(pair.crew, pair.jobs[1], 0, 2, 2) >= 0);
        while (pair.n_results[1] < 2)
                pair_take(&pair, 60000);
        CHECK_EQUAL(pair.n_results[0], 0);
        crew_limit(pair.crew, pair.clients[0], 1, 0);
        while (pair.n_results[0] < 2)
                pair_take(&pair, 60000);

        crew_limit(pair.crew, pair.clients[0], 0, 0);
        CHECK(crew_assign(pair.crew, pair.jobs[0], 0, 2, 2) >= 0);
        CHECK_EQUAL(crew_withdraw(pair.crew, pair.clients[0], remainders), 1);
        CHECK(remainders[0].first == 0 && remainders[0].end == 2);
        crew_job_unref(remainders[0].job);
        pair_done(&pair);
}

/* The sum of what all threads use is what is charged. */
static void test_duty_cycle_of_a_team(void) {
        usec_t begin, span;
        Pair pair;

        pair_init(&pair, 3, 64U << 20);
        crew_limit(pair.crew, pair.clients[0], 3, 40);
        begin = clock_now_usec();
        while (clock_now_usec() - begin < 3 * USEC_PER_SEC) {
                pair_feed(&pair, 0);
                pair_take(&pair, 200);
        }
        span = clock_now_usec() - begin;
        printf("# %.3f of one processor\n", (double) pair.used_usec[0] / (double) span);
        CHECK(pair.used_usec[0] <= span * 48 / 100);
        CHECK(pair.used_usec[0] >= span * 15 / 100 / TEST_SLOWNESS);
        pair_done(&pair);
}

static void test_duty_cycle_of_one_client(void) {
        usec_t begin, span;
        Pair pair;

        pair_init(&pair, 1, 64U << 20);
        crew_limit(pair.crew, pair.clients[0], 1, 25);
        begin = clock_now_usec();
        while (clock_now_usec() - begin < 3 * USEC_PER_SEC) {
                pair_feed(&pair, 0);
                pair_take(&pair, 200);
        }
        span = clock_now_usec() - begin;
        printf("# %.3f of the time\n", (double) pair.used_usec[0] / (double) span);
        CHECK(pair.used_usec[0] <= span * 30 / 100);
        CHECK(pair.used_usec[0] >= span * 10 / 100 / TEST_SLOWNESS);
        /* the other one is not capped */
        while (pair.n_results[1] < 10) {
                pair_feed(&pair, 1);
                pair_take(&pair, 60000);
        }
        pair_done(&pair);
}

/* A lease that would wait for its turn for long is not even asked for: it would expire at its master. */
static void test_a_light_client_waits_without_leases(void) {
        Pair pair;

        pair_init(&pair, 1, 64U << 20);
        crew_job_set_priority(pair.jobs[0], 1);
        crew_job_set_priority(pair.jobs[1], 1000);
        CHECK(crew_assign(pair.crew, pair.jobs[1], 0, N_BLOCKS, N_BLOCKS) >= 0);
        while (pair.n_results[1] < 1)
                pair_take(&pair, 60000);
        CHECK(crew_assign(pair.crew, pair.jobs[0], 0, N_BLOCKS, N_BLOCKS) >= 0);
        while (pair.n_results[1] < N_BLOCKS || pair.n_results[0] < N_BLOCKS)
                pair_take(&pair, 60000);

        CHECK(crew_wants(pair.crew, pair.clients[0])); /* nobody else is there */
        CHECK(crew_assign(pair.crew, pair.jobs[1], 0, N_BLOCKS, N_BLOCKS) >= 0);
        CHECK(!crew_wants(pair.crew, pair.clients[0]));
        CHECK(crew_wants(pair.crew, pair.clients[1]));
        while (pair.n_results[1] < 2 * N_BLOCKS)
                pair_take(&pair, 60000);
        CHECK(crew_wants(pair.crew, pair.clients[0]));
        pair_done(&pair);
}

static void test_as_many_clients_as_there_are_rows(void) {
        CrewClient *clients[CREW_CLIENTS_MAX + 1];
        _cleanup_(crew_freep) Crew *crew = NULL;

        CHECK(crew_new(&(CrewSettings) { .n_threads = 1, .pending_bytes_max = 64U << 20 }, &crew) >= 0);
        for (unsigned i = 0; i <= CREW_CLIENTS_MAX; i++) {
                clients[i] = crew_client_new();
                CHECK_EQUAL(crew_attach(crew, clients[i]), i < CREW_CLIENTS_MAX ? 0 : -EUSERS);
        }
        crew_detach(crew, clients[5]);
        CHECK_EQUAL(crew_attach(crew, clients[CREW_CLIENTS_MAX]), 0);
        for (unsigned i = 0; i <= CREW_CLIENTS_MAX; i++)
                crew_client_unref(clients[i]);
}

/* Everything at once, for the sanitizers; no byte is lost from the account. */
static void test_clients_come_and_go(void) {
        CrewRemainder remainders[CREW_REMAINDERS_MAX];
        usec_t begin = clock_now_usec();
        bool attached[2] = { true, true };
        Random random;
        Pair pair;

        random_init(&random, 7919);
        pair_init(&pair, 4, 4U << 20);
        while (clock_now_usec() - begin < 3 * USEC_PER_SEC ||
               ((pair.n_results[0] == 0 || pair.n_results[1] == 0) && clock_now_usec() - begin < TEST_PATIENCE(10))) {
                unsigned which = (unsigned) random_below(&random, 2);
                size_t n = 0;

                pair_take(&pair, 5);
                if (!attached[which]) {
                        CHECK(crew_attach(pair.crew, pair.clients[which]) >= 0);
                        attached[which] = true;
                        continue;
                }
                switch (random_below(&random, 12)) {
                case 0:
                        n = crew_withdraw(pair.crew, pair.clients[which], remainders);
                        break;
                case 1:
                        crew_detach(pair.crew, pair.clients[which]);
                        attached[which] = false;
                        break;
                case 2:
                        crew_limit(pair.crew, pair.clients[which], (unsigned) random_below(&random, 5),
                                   (unsigned) random_below(&random, 400));
                        break;
                case 3:
                        crew_set_threads(pair.crew, (unsigned) random_below(&random, 5));
                        break;
                case 4:
                        crew_revoke(pair.crew, pair.clients[which], 7, 0, random_below(&random, N_BLOCKS));
                        break;
                case 5:
                        crew_job_set_priority(pair.jobs[which], (unsigned) random_below(&random, 1000));
                        break;
                case 6:
                        crew_set_memory(pair.crew, (size_t) random_below(&random, 300) << 20, 4U << 20);
                        break;
                default:
                        pair_feed(&pair, which);
                }
                for (size_t i = 0; i < n; i++)
                        crew_job_unref(remainders[i].job);
        }
        printf("# %" PRIu64 " and %" PRIu64 " blocks\n", pair.n_results[0], pair.n_results[1]);
        CHECK(pair.n_results[0] > 0 && pair.n_results[1] > 0);
        for (unsigned i = 0; i < 2; i++)
                if (attached[i])
                        crew_detach(pair.crew, pair.clients[i]);
        CHECK(crew_stop(pair.crew, 20 * USEC_PER_SEC));
        for (uint64_t n = UINT64_MAX; n != pair.n_results[0] + pair.n_results[1];) {
                n = pair.n_results[0] + pair.n_results[1];
                pair_take(&pair, 0);
        }
        for (unsigned i = 0; i < 2; i++)
                CHECK_EQUAL(crew_pending_bytes(pair.crew, pair.clients[i]), 0);
        pair_done(&pair);
}

int main(void) {
        RUN(test_any_number_of_threads_finds_all_primes);
        RUN(test_results_come_in_order);
        RUN(test_results_unpack_to_their_digest);
        RUN(test_withdrawn_work_is_exactly_what_is_missing);
        RUN(test_revoked_blocks_are_skipped);
        RUN(test_holes_in_a_window);
        RUN(test_pauses_at_the_bound);
        RUN(test_threads_change_while_running);
        RUN(test_stop_does_not_wait_for_ever);
        RUN(test_stop_of_an_idle_crew_is_clean);
        RUN(test_too_many_leases_are_refused);
        if (TEST_WITH_THREAD_SANITIZER)
                SKIP(test_measures_when_it_has_worked, "takes minutes with ThreadSanitizer");
        else
                RUN(test_measures_when_it_has_worked);
        RUN(test_clients_share_by_priority);
        RUN(test_two_clients_compute_the_same_interval);
        RUN(test_a_stalled_client_stalls_nobody_else);
        RUN(test_threads_of_one_client);
        RUN(test_duty_cycle_of_one_client);
        RUN(test_duty_cycle_of_a_team);
        RUN(test_a_light_client_waits_without_leases);
        RUN(test_as_many_clients_as_there_are_rows);
        RUN(test_clients_come_and_go);
        return tests_end();
}
