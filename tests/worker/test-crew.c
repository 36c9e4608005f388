/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The crew computes what it was given, once, whatever is taken back, revoked or resized in between. */

#include "worker/crew.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

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
        job = crew_job_new(client, 7, &grid);
        CHECK(job);
        return job;
}

/* A crew with one client, which is attached. */
static Crew *new_crew(unsigned n_lanes, size_t pending_bytes_max, CrewClient *client) {
        Crew *crew;

        CHECK(client && crew_new(n_lanes, pending_bytes_max, &crew) >= 0);
        CHECK(crew_attach(crew, client) >= 0);
        return crew;
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

static void test_two_lanes_find_all_primes(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        unsigned seen[N_BLOCKS] = {};

        crew = new_crew(2, 64U << 20, client);
        CHECK(crew_assign(crew, 0, job, 0, 4, 12) >= 0);
        CHECK(crew_assign(crew, 0, job, 4, 12, 12) >= 0);
        CHECK(crew_assign(crew, 1, job, 12, 24, 24) >= 0);
        CHECK(!crew_wants(crew, client, 0));
        /* pi(24·30·2^20), by primesieve */
        CHECK_EQUAL(collect(crew, N_BLOCKS, seen), 38946355);
        CHECK(crew_wants(crew, client, 0));
        CHECK(crew_wants(crew, client, 1));
        CHECK_EQUAL(crew_error(crew), 0);
}

static void test_results_unpack_to_their_digest(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        _cleanup_(crew_result_freep) CrewResult *result = NULL;
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        Packer *packer = packer_new();
        uint8_t digest[SHA256_SIZE];

        crew = new_crew(1, 64U << 20, client);
        CHECK(crew_assign(crew, 0, job, 5, 6, 6) >= 0);
        result = wait_result(crew, 60000);
        CHECK(result && bitmap && packer);
        CHECK(pack_unpack(packer, result->codec, result->packed, result->packed_size, bitmap,
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
        CHECK(crew_assign(crew, 0, job, 0, 10, 10) >= 0);
        CHECK(crew_assign(crew, 0, job, 10, 20, 20) >= 0);
        (void) collect(crew, 3, seen);
        n = crew_withdraw(crew, client, 0, remainders);
        CHECK(n >= 1);
        CHECK(crew_wants(crew, client, 0));
        for (size_t i = 0; i < n; i++) {
                for (uint64_t b = remainders[i].first; b < remainders[i].end; b++)
                        CHECK_EQUAL(seen[b]++, 0);
                crew_job_unref(remainders[i].job);
        }
        /* what was finished before the withdrawal still comes; one block at most was finished in spite of it */
        for (CrewResult *late; (late = wait_result(crew, 500)); crew_result_free(late))
                n_late += seen[late->sequence]++;
        CHECK(n_late <= 1);
        for (uint64_t b = 0; b < 20; b++)
                CHECK(seen[b] >= 1);

        /* and the lane works on */
        CHECK(crew_assign(crew, 0, job, 20, 22, 22) >= 0);
        (void) collect(crew, 2, seen);
}

static void test_revoked_blocks_are_skipped(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        unsigned n = 0;

        crew = new_crew(1, 64U << 20, client);
        CHECK(crew_assign(crew, 0, job, 0, 20, 20) >= 0);
        crew_revoke(crew, client, 7, 4, 20);
        crew_revoke(crew, client, 8, 0, 20); /* another job's */
        for (CrewResult *result; (result = wait_result(crew, 500)); crew_result_free(result)) {
                CHECK(result->sequence < 4);
                n++;
        }
        CHECK_EQUAL(n, 4);
        CHECK(crew_wants(crew, client, 0));
}

static void test_pauses_at_the_bound(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        CrewResult *first;

        crew = new_crew(1, 1, client);
        CHECK(crew_assign(crew, 0, job, 0, 3, 3) >= 0);
        first = wait_result(crew, 60000);
        CHECK(first);
        CHECK(wait_result(crew, 300) == NULL);
        crew_release(crew, client, first->packed_size);
        crew_result_free(first);
        first = wait_result(crew, 60000);
        CHECK(first);
        crew_result_free(first);
}

static void test_threads_change_while_running(void) {
        _cleanup_(crew_client_unrefp) CrewClient *client = crew_client_new();
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(client);
        _cleanup_(crew_freep) Crew *crew = NULL;
        CrewRemainder remainders[CREW_REMAINDERS_MAX];
        unsigned seen[N_BLOCKS] = {};
        size_t n;

        crew = new_crew(3, 64U << 20, client);
        for (unsigned lane = 0; lane < 3; lane++)
                CHECK(crew_assign(crew, lane, job, 8 * lane, 8 * lane + 8, 8 * lane + 8) >= 0);
        (void) collect(crew, 2, seen);

        for (unsigned lane = 1; lane < 3; lane++) {
                n = crew_withdraw(crew, client, lane, remainders);
                for (size_t i = 0; i < n; i++)
                        crew_job_unref(remainders[i].job);
        }
        crew_set_threads(crew, 1);
        CHECK_EQUAL(crew_threads(crew), 1);
        for (CrewResult *result; (result = wait_result(crew, 500)); crew_result_free(result))
                seen[result->sequence] = 1;
        for (unsigned b = 0; b < 8; b++)
                CHECK_EQUAL(seen[b], 1);

        /* a lane above the number rests, and works as soon as it may */
        CHECK(crew_assign(crew, 2, job, 23, 24, 24) >= 0);
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
        job = crew_job_new(client, 7, &grid);
        crew = new_crew(1, 64U << 20, client);
        CHECK(job);
        CHECK(crew_assign(crew, 0, job, 0, 100, 30000) >= 0);
        (void) usleep(100000);
        begin = clock_now_usec();
        (void) crew_stop(crew, 200 * USEC_PER_MSEC);
        CHECK(clock_now_usec() - begin < 2 * USEC_PER_SEC);
        crew_free(crew);
        crew_job_unref(job);
        crew_client_unref(client);
}

static void test_stop_of_an_idle_crew_is_clean(void) {
        Crew *crew;

        CHECK(crew_new(4, 64U << 20, &crew) >= 0);
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
                CHECK(crew_assign(crew, 0, job, 4 * i, 4 * i + 4, 24) >= 0);
        CHECK_EQUAL(crew_assign(crew, 0, job, 16, 20, 24), -ENOBUFS);
}

int main(void) {
        RUN(test_two_lanes_find_all_primes);
        RUN(test_results_unpack_to_their_digest);
        RUN(test_withdrawn_work_is_exactly_what_is_missing);
        RUN(test_revoked_blocks_are_skipped);
        RUN(test_pauses_at_the_bound);
        RUN(test_threads_change_while_running);
        RUN(test_stop_does_not_wait_for_ever);
        RUN(test_stop_of_an_idle_crew_is_clean);
        RUN(test_too_many_leases_are_refused);
        return tests_end();
}
