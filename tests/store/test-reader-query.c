/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A hundred thousand random questions to random stores, against a plain list of what is in them. */

#include "store/reader-query.h"

#include <errno.h>

#include "base/macro.h"
#include "prime/number.h"
#include "store/fixture.h"
#include "store/oracle.h"
#include "store/reader-interval.h"
#include "test.h"

typedef struct Asker {
        const Oracle *oracle;
        ReaderQuery *query;
        mpz_t number, found, expected;
} Asker;

/* 1 with the prime at `index` of the list, or 0. */
static void check_prime(Asker *asker, int r, bool exists, size_t index) {
        CHECK_EQUAL(r, exists);
        if (exists) {
                oracle_number(asker->oracle, asker->oracle->primes[index], asker->expected);
                CHECK(mpz_cmp(asker->found, asker->expected) == 0);
        }
}

static void ask_about_number(Asker *asker, int64_t offset) {
        const Oracle *oracle = asker->oracle;
        size_t below = oracle_below(oracle, offset);
        bool inside = offset >= 0 && offset < oracle->length, at_end = offset == oracle->length;
        Problem problem = PROBLEM_NONE;
        uint64_t rank;
        int r;

        oracle_number(oracle, offset, asker->number);
        r = reader_query_contains(asker->query, asker->number, &problem);
        if (inside)
                CHECK_EQUAL(r, below < oracle->n_primes && oracle->primes[below] == offset);
        else {
                CHECK_EQUAL(r, -ERANGE);
                CHECK(strstr(problem.text, "covers") != NULL);
        }
        if (!inside && !at_end) {
                CHECK_EQUAL(reader_query_next(asker->query, asker->number, asker->found, NULL), -ERANGE);
                CHECK_EQUAL(reader_query_previous(asker->query, asker->number, asker->found, NULL), -ERANGE);
                CHECK_EQUAL(reader_query_rank(asker->query, asker->number, &rank, NULL), -ERANGE);
                return;
        }
        r = reader_query_next(asker->query, asker->number, asker->found, NULL);
        check_prime(asker, r, below < oracle->n_primes, below);
        r = reader_query_previous(asker->query, asker->number, asker->found, NULL);
        check_prime(asker, r, below > 0, below - 1);
        CHECK(reader_query_rank(asker->query, asker->number, &rank, NULL) == 0);
        CHECK_EQUAL(rank, below);
}

static void ask_about_rank(Asker *asker, uint64_t rank) {
        Problem problem = PROBLEM_NONE;
        int r = reader_query_nth(asker->query, rank, asker->found, &problem);

        if (rank >= asker->oracle->n_primes) {
                CHECK_EQUAL(r, -ERANGE);
                CHECK(strstr(problem.text, "covers") != NULL);
                return;
        }
        CHECK_EQUAL(r, 0);
        check_prime(asker, 1, true, rank);
}

static void ask_about_interval(Asker *asker, int64_t low, int64_t high) {
        bool inside = low >= 0 && high <= asker->oracle->length;
        uint64_t count;
        int r;

        oracle_number(asker->oracle, low, asker->number);
        oracle_number(asker->oracle, high, asker->expected);
        r = reader_count(asker->oracle->reader, asker->number, asker->expected, &count, NULL);
        if (low >= high || inside) {
                CHECK_EQUAL(r, 0);
                CHECK_EQUAL(count, oracle_below(asker->oracle, MAX(low, high)) - oracle_below(asker->oracle, low));
        } else
                CHECK_EQUAL(r, -ERANGE);
}

/* Each question takes three or so. */
static void ask(const Oracle *oracle, unsigned n_questions, Random *random) {
        Asker asker = { .oracle = oracle, .query = reader_query_new(oracle->reader) };

        CHECK(asker.query != NULL);
        mpz_inits(asker.number, asker.found, asker.expected, NULL);
        for (unsigned i = 0; i < n_questions; i++)
                switch (i % 4) {
                case 0:
                case 1:
                        ask_about_number(&asker, oracle_pick(oracle, random));
                        break;
                case 2:
                        ask_about_rank(&asker, random_below(random, oracle->n_primes + 2));
                        break;
                default:
                        ask_about_interval(&asker, oracle_pick(oracle, random), oracle_pick(oracle, random));
                }
        mpz_clears(asker.number, asker.found, asker.expected, NULL);
        reader_query_free(asker.query);
}

static void test_large_integers(void) {
        oracle_try(oracle_draw, 200, ask, 500);
}

static void test_smallest_integers(void) {
        oracle_try(oracle_draw_small, 4, ask, 100);
}

static void test_empty_store_covers_nothing(void) {
        _cleanup_(reader_query_freep) ReaderQuery *query = NULL;
        const char *folder = fixture_folder();
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t found;
        Reader *reader;
        Grid grid;

        mpz_init(found);
        fixture_set_sparse(3);
        fixture_grid(&grid, FIXTURE_FROM, 9);
        fixture_store(folder, &grid, 4, 0);
        CHECK(reader_open(folder, &reader, NULL) == 0);
        query = reader_query_new(reader);
        CHECK(query != NULL);
        CHECK(reader_query_contains(query, grid.from, &problem) == -ERANGE);
        CHECK_STRING(problem.text, "The store covers no number yet.");
        CHECK(reader_query_nth(query, 0, found, NULL) == -ERANGE);
        CHECK(reader_query_next(query, grid.from, found, NULL) == 0);
        CHECK(reader_query_previous(query, grid.from, found, NULL) == 0);
        reader_close(reader);
        grid_done(&grid);
}

int main(void) {
        RUN(test_large_integers);
        RUN(test_smallest_integers);
        RUN(test_empty_store_covers_nothing);
        return tests_end();
}
