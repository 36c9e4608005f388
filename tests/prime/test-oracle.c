/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The primes of the intervals in oracle.tsv, as text, are those that other programs wrote. */

#include "base/checksum.h"
#include "base/text.h"
#include "prime/bitmap.h"
#include "prime/facts.h"
#include "prime/job-walk.h"

static const char *folder;

/* The digest of a text that is made up line by line. */
typedef struct Digest {
        Sha256 *sha256;
        uint64_t n_lines;
} Digest;

static void digest_number(Digest *digest, const mpz_t number) {
        char line[512];
        size_t n_digits;

        CHECK(mpz_sizeinbase(number, 10) + 2 < sizeof line);
        (void) mpz_get_str(line, 10, number);
        n_digits = strlen(line);
        line[n_digits] = '\n';
        sha256_update(digest->sha256, line, n_digits + 1);
        digest->n_lines++;
}

static void digest_small_primes(Digest *digest, const Grid *grid) {
        _cleanup_mpz_ mpz_t prime;
        uint64_t sequence;

        mpz_init(prime);
        for (unsigned p = 2; p <= 5; p += p == 2 ? 1 : 2) {
                mpz_set_ui(prime, p);
                if (grid_find(grid, prime, &sequence))
                        digest_number(digest, prime);
        }
}

static void digest_bitmap(Digest *digest, const mpz_t start, const uint8_t *bitmap, size_t n_bytes) {
        _cleanup_mpz_ mpz_t prime;
        BitmapWalk walk;
        uint64_t offset;

        mpz_init(prime);
        bitmap_walk_init(&walk, bitmap, n_bytes);
        while (bitmap_walk_next(&walk, &offset)) {
                number_add_u64(prime, start, offset);
                digest_number(digest, prime);
        }
}

static void digest_job(Digest *digest, const mpz_t from, const mpz_t to) {
        JobWalk walk;

        job_walk_init(&walk, from, to);
        digest_small_primes(digest, &walk.grid);
        while (job_walk_next(&walk))
                digest_bitmap(digest, walk.start, walk.bitmap, walk.n_bytes);
        job_walk_done(&walk);
}

static void test_intervals(void) {
        unsigned n_rows = 0;
        Facts facts;

        facts_open(&facts, folder, "oracle.tsv");
        for (; facts_next(&facts, NULL); n_rows++) {
                Digest digest = { .sha256 = sha256_new() };
                _cleanup_mpz_ mpz_t from, to;
                uint8_t hash[SHA256_SIZE];
                char hex[2 * SHA256_SIZE + 1];

                mpz_inits(from, to, NULL);
                CHECK(digest.sha256 != NULL);
                facts_number(&facts, 0, from);
                facts_number(&facts, 1, to);
                printf("# from %.40s\n", facts.columns[0]);
                digest_job(&digest, from, to);
                sha256_finish(digest.sha256, hash);
                digest.sha256 = sha256_free(digest.sha256);
                CHECK_EQUAL(digest.n_lines, facts_u64(&facts, 2));
                CHECK_STRING(text_hex(hash, sizeof hash, hex), facts.columns[3]);
        }
        CHECK(n_rows >= 14);
        facts_done(&facts);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        RUN(test_intervals);
        return tests_end();
}
