/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finished blocks stay until they are acknowledged, whatever happens to the connection. */

#include "worker/shelf.h"

#include "prime/number.h"
#include "test.h"

static CrewJob *new_job_to(uint64_t id, unsigned long end) {
        _cleanup_mpz_ mpz_t from, to;
        CrewJob *job;
        Grid grid;

        mpz_init_set_ui(from, 0);
        mpz_init_set_ui(to, end);
        CHECK(grid_init(&grid, from, to, NULL) >= 0);
        job = crew_job_new(NULL, id, &grid, 0);
        CHECK(job);
        return job;
}

static CrewJob *new_job(uint64_t id) {
        return new_job_to(id, 2000000000);
}

static CrewResult *new_block(CrewJob *job, uint64_t sequence, size_t size) {
        CrewResult *block = calloc(1, sizeof *block);

        CHECK(block);
        block->job = crew_job_ref(job);
        block->sequence = sequence;
        block->packed_size = size;
        return block;
}

static void test_keeps_order(void) {
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(1);
        Shelf shelf = SHELF_EMPTY;
        uint64_t expected = 0;

        for (uint64_t i = 0; i < 5; i++)
                shelf_add(&shelf, new_block(job, i, 10));
        CHECK_EQUAL(shelf.n_blocks, 5);
        for (const CrewResult *block = shelf.first; block; block = block->next)
                CHECK_EQUAL(block->sequence, expected++);
        CHECK_EQUAL(expected, 5);
        shelf_done(&shelf);
        CHECK_EQUAL(shelf.n_blocks, 0);
}

static void test_acknowledge_frees_exactly_those(void) {
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(1), *other = new_job(2);
        Shelf shelf = SHELF_EMPTY;

        for (uint64_t i = 0; i < 6; i++) {
                shelf_add(&shelf, new_block(job, i, 10 + i));
                shelf_add(&shelf, new_block(other, i, 1000));
        }
        CHECK_EQUAL(shelf_acknowledge(&shelf, 1, 2, 4), 12 + 13);
        CHECK_EQUAL(shelf_acknowledge(&shelf, 1, 2, 4), 0);
        CHECK_EQUAL(shelf_acknowledge(&shelf, 3, 0, 100), 0);
        CHECK_EQUAL(shelf.n_blocks, 10);
        CHECK_EQUAL(shelf.n_bytes, 10 + 11 + 14 + 15 + 6000);
        CHECK_EQUAL(shelf_acknowledge(&shelf, 2, 0, 100), 6000);
        CHECK_EQUAL(shelf.n_blocks, 4);
        CHECK_EQUAL(shelf.last->sequence, 5);

        /* the last one goes, and something can still be added behind */
        CHECK_EQUAL(shelf_acknowledge(&shelf, 1, 5, 6), 15);
        shelf_add(&shelf, new_block(job, 9, 1));
        CHECK_EQUAL(shelf.last->sequence, 9);
        CHECK_EQUAL(shelf_acknowledge(&shelf, 1, 0, 100), 10 + 11 + 14 + 1);
        CHECK(shelf.first == NULL && shelf.last == NULL);
}

static void test_rewind_sends_all_again(void) {
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(1);
        Shelf shelf = SHELF_EMPTY;

        shelf_add(&shelf, new_block(job, 0, 1));
        CHECK(!shelf.first->sent);
        shelf.first->sent = true;
        shelf_rewind(&shelf);
        CHECK(!shelf.first->sent);
        shelf_done(&shelf);
}

static void test_adopt_replaces_the_job(void) {
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(1), *again = new_job(1), *other = new_job(2);
        Shelf shelf = SHELF_EMPTY;

        shelf_add(&shelf, new_block(job, 0, 1));
        shelf_add(&shelf, new_block(other, 0, 1));
        CHECK_EQUAL(shelf_adopt(&shelf, again), 0);
        CHECK(shelf.first->job == again);
        CHECK(shelf.last->job == other);
        shelf_done(&shelf);
}

/* A master that gave its job's id to another interval cannot want the old blocks. */
static void test_adopt_drops_blocks_of_another_grid(void) {
        _cleanup_(crew_job_unrefp) CrewJob *job = new_job(1), *again = new_job_to(1, 3000000000), *other = new_job(2);
        Shelf shelf = SHELF_EMPTY;

        shelf_add(&shelf, new_block(job, 0, 1));
        shelf_add(&shelf, new_block(other, 0, 10));
        shelf_add(&shelf, new_block(job, 1, 2));
        CHECK_EQUAL(shelf_adopt(&shelf, again), 3);
        CHECK_EQUAL(shelf.n_blocks, 1);
        CHECK(shelf.first == shelf.last && shelf.first->job == other);
        CHECK_EQUAL(shelf_adopt(&shelf, again), 0);
        shelf_done(&shelf);
}

int main(void) {
        RUN(test_keeps_order);
        RUN(test_acknowledge_frees_exactly_those);
        RUN(test_rewind_sends_all_again);
        RUN(test_adopt_replaces_the_job);
        RUN(test_adopt_drops_blocks_of_another_grid);
        return tests_end();
}
