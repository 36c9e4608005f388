/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Complete windows below 2^64 against libprimesieve: random ones, with any tuning and any number of threads. */

#include <math.h>
#include <primesieve.h>

#include "base/macro.h"
#include "base/random.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/window.h"
#include "prime/team.h"
#include "prime/tunings.h"
#include "seed.h"
#include "test.h"

#define WINDOWS 2000
#define BYTES_MAX 100000
#define LAST (UINT64_MAX - 15) /* the largest multiple of 30 that is not above 2^64 */

static uint8_t got[BYTES_MAX], expected[BYTES_MAX];

/* The bitmap of primesieve_generate_primes(). */
static void peer_bitmap(uint64_t start, size_t n_bytes, uint8_t *bitmap) {
        size_t n_primes;
        uint64_t *primes = primesieve_generate_primes(start, start + 30 * n_bytes - 1, &n_primes, UINT64_PRIMES);

        memset(bitmap, 0, n_bytes);
        for (size_t i = 0; i < n_primes; i++)
                if (primes[i] > 5)
                        bitmap[(primes[i] - start) / 30] |= (uint8_t) (1U << bitmap_residue_bit[primes[i] % 30]);
        primesieve_free(primes);
}

static void check(Window *window, uint64_t start, size_t n_bytes) {
        _cleanup_mpz_ mpz_t first;

        mpz_init(first);
        number_set_u64(first, start);
        CHECK_EQUAL(window_sieve(window, first, 30 * (uint64_t) n_bytes, UINT64_MAX, got), 0);
        peer_bitmap(start, n_bytes, expected);
        if (memcmp(got, expected, n_bytes) != 0)
                printf("# [%" PRIu64 ", +30 * %zu) differs\n", start, n_bytes);
        CHECK(memcmp(got, expected, n_bytes) == 0);
}

/* Near a border: 0, 2^k, 10^k, the square of a prime, the product of two, or anywhere. */
static uint64_t draw_start(Random *random, size_t n_bytes) {
        uint64_t at, before = random_below(random, 30 * n_bytes + 60), p, q;

        switch (random_below(random, 5)) {
        case 0:
                at = UINT64_C(1) << (20 + random_below(random, 31));
                break;
        case 1:
                at = (uint64_t) pow(10, (double) (5 + random_below(random, 11)));
                break;
        case 2:
                p = 1000 + (random_u64(random) >> (38 + random_below(random, 12)));
                while (primesieve_count_primes(p, p) == 0)
                        p++;
                at = p * p;
                break;
        case 3:
                p = 1000 + (random_u64(random) >> (40 + random_below(random, 12)));
                q = 1000 + (random_u64(random) >> (40 + random_below(random, 12)));
                while (primesieve_count_primes(p, p) == 0)
                        p++;
                while (primesieve_count_primes(q, q) == 0)
                        q++;
                at = p * q;
                break;
        default:
                at = random_u64(random) >> (12 + random_below(random, 50));
                break;
        }
        return (at > before ? at - before : 0) / 30 * 30;
}

static void test_random_windows(void) {
        TestTeam teams[3];
        Random random;

        random_init(&random, test_seed());
        for (unsigned i = 0; i < 3; i++)
                test_team_init(teams + i, i + 1);
        for (unsigned i = 0; i < WINDOWS / 20; i++) {
                SieveTuning tuning = tunings_draw(&random);
                SieveEnvironment environment = {
                        .team = i % 4 ? &teams[i % 4 - 1].team : NULL,
                        .memory_max = random_below(&random, 2) ? 1 : 0,
                };
                _cleanup_(window_freep) Window *window = window_new(&environment, &tuning);

                CHECK(window != NULL);
                for (unsigned k = 0; k < 20; k++) {
                        size_t n_bytes = 1 + (size_t) random_below(&random, k % 4 ? 3000 : BYTES_MAX);

                        check(window, draw_start(&random, n_bytes), n_bytes);
                }
        }
        for (unsigned i = 0; i < 3; i++)
                test_team_done(teams + i);
}

/* Where all base primes up to 2^32 are needed. */
static void test_just_below_2_64(void) {
        _cleanup_(test_team_done) TestTeam team;
        SieveEnvironment environment = {}, with_team = { .team = &team.team };
        _cleanup_(window_freep) Window *window = NULL, *other = NULL;

        test_team_init(&team, 2);
        window = window_new(&environment, sieve_tuning_default());
        other = window_new(&with_team, sieve_tuning_default());
        CHECK(window && other);
        check(window, LAST - UINT64_C(30) * BYTES_MAX, BYTES_MAX);
        check(other, LAST - UINT64_C(30) * BYTES_MAX, BYTES_MAX);
        check(window, LAST - 30, 1);
        check(window, UINT64_C(18446744030759878680) - 30 * 500, 1000); /* about the square of 2^32 - 5 */
}

int main(void) {
        RUN(test_random_windows);
        RUN(test_just_below_2_64);
        return tests_end();
}
