/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* xoshiro256** seeded by SplitMix64 (prng.di.unimi.it). */

#include "base/random.h"

static uint64_t rotate_left(uint64_t x, int k) {
        return x << k | x >> (64 - k);
}

void random_init(Random *random, uint64_t seed) {
        for (int i = 0; i < 4; i++) {
                uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

                z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
                z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
                random->state[i] = z ^ z >> 31;
        }
}

uint64_t random_u64(Random *random) {
        uint64_t *s = random->state, result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = rotate_left(s[3], 45);
        return result;
}

uint64_t random_below(Random *random, uint64_t bound) {
        uint64_t threshold, x;

        if (bound == 0)
                return 0;
        threshold = -bound % bound;
        do
                x = random_u64(random);
        while (x < threshold);
        return x % bound;
}

double random_unit(Random *random) {
        return (double) (random_u64(random) >> 11) * 0x1p-53;
}
