/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pre-sieve: each of its kernels against the definition. */

#include "prime/sieve/presieve.h"

#include "base/macro.h"
#include "base/random.h"
#include "prime/naive.h"
#include "seed.h"
#include "test.h"

static bool has_small_factor(const mpz_t n) {
        static const uint8_t primes[] = { 7,  11, 13, 17, 19,  23,  29,  31,  37,  41,  43,  47,
                                          53, 59, 61, 67, 71,  73,  79,  83,  89,  97,  101, 103,
                                          107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163 };

        for (size_t i = 0; i < ELEMENTSOF(primes); i++)
                if (mpz_divisible_ui_p(n, primes[i]))
                        return true;
        return false;
}

static void check_bytes(const uint8_t *bitmap, size_t n_bytes, const mpz_t start_byte, uint64_t skip) {
        _cleanup_mpz_ mpz_t n, start;

        mpz_inits(n, start, NULL);
        number_add_u64(start, start_byte, skip);
        mpz_mul_ui(start, start, 30);
        for (size_t i = 0; i < n_bytes; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        number_add_u64(n, start, 30 * i + bitmap_residues[bit]);
                        CHECK_EQUAL(bitmap[i] >> bit & 1, !has_small_factor(n));
                }
}

static void check_kernel(const PresieveKernel *kernel, Random *random) {
        for (unsigned i = 0; i < 12; i++) {
                _cleanup_mpz_ mpz_t start_byte;
                Dividend dividend;
                uint8_t bitmap[3000];
                Presieve presieve;
                uint64_t skip = i % 2 ? random_below(random, 1 << 30) : 0;

                mpz_init(start_byte);
                if (i > 0) {
                        number_set_u64(start_byte, random_u64(random) >> random_below(random, 60));
                        mpz_mul_2exp(start_byte, start_byte, (mp_bitcnt_t) (i > 6 ? random_below(random, 100) : 0));
                }
                CHECK_EQUAL(dividend_init(&dividend, start_byte), 0);
                presieve_init(&presieve, presieve_tables(), kernel, &dividend, skip);
                for (size_t done = 0; done < sizeof bitmap;) {
                        size_t n = 1 + (size_t) random_below(random, sizeof bitmap - done);

                        presieve_fill(&presieve, bitmap + done, n);
                        done += n;
                }
                check_bytes(bitmap, sizeof bitmap, start_byte, skip);
                dividend_done(&dividend);
        }
}

static void test_every_kernel(void) {
        Random random;

        random_init(&random, test_seed());
        CHECK(presieve_tables() != NULL);
        for (size_t i = 0; presieve_kernel(i); i++) {
                printf("# %s\n", presieve_kernel_name(presieve_kernel(i)));
                check_kernel(presieve_kernel(i), &random);
        }
}

int main(void) {
        RUN(test_every_kernel);
        return tests_end();
}
