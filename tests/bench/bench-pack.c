/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Packing, in bytes per prime and MB of bitmap per second on one core, with the grid's own blocks.
 *
 * The bound is the entropy of the candidates, if each is a prime with the probability that it has in this window:
 * what no coder of independent bits can beat. "zstd -1" is the same libzstd over the whole bitmap of each block.
 * Speeds are the best of five rounds, as other programs only ever take time away.
 *
 * usage: bench-pack [FOLDER]   with one, the bitmap and the decimal text of the first blocks of each window are
 *                              written into it, for pack-peers.py
 */

#include <math.h>
#include <stdio.h> /* before gmp.h, for mpz_out_str() */
#include <zstd.h>

#include "base/clock.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/pack.h"
#include "prime/pack/candidates.h"
#include "prime/sieve/run.h"
#include "test.h"

#define ROUNDS 5
#define ROUND_BYTES ((size_t) 16 << 20) /* of bitmap, at least, in a round */
#define FILE_PRIMES 1000000             /* in the files, or all if there are fewer */

typedef struct Window {
        mpz_t start;
        size_t n_bytes; /* of a block */
        size_t n_blocks;
        uint8_t *bitmaps, *packed;
        size_t *sizes;
        PackCodec *codecs;
        uint64_t n_primes, n_candidates;
        size_t packed_size, zstd_size;
} Window;

static void window_block_start(const Window *window, size_t block, mpz_t ret) {
        number_add_u64(ret, window->start, block * window->n_bytes * 30);
}

static void window_init(Window *window, const char *start, size_t n_blocks) {
        _cleanup_(sieve_run_freep) SieveRun *run = NULL;
        _cleanup_mpz_ mpz_t stop;
        size_t n_bytes;

        mpz_inits(window->start, stop, NULL);
        CHECK(number_parse(window->start, start, NULL) >= 0);
        mpz_fdiv_q_ui(window->start, window->start, 30);
        mpz_mul_ui(window->start, window->start, 30);
        window->n_blocks = n_blocks;
        window->n_bytes = n_bytes = (size_t) grid_block_length(mpz_sizeinbase(window->start, 2)) / 30;
        window->bitmaps = malloc(n_blocks * n_bytes);
        window->packed = malloc(n_blocks * n_bytes);
        window->sizes = calloc(n_blocks, sizeof *window->sizes);
        window->codecs = calloc(n_blocks, sizeof *window->codecs);
        CHECK(window->bitmaps && window->packed && window->sizes && window->codecs);

        window_block_start(window, n_blocks, stop);
        CHECK(sieve_run_new(window->start, stop, &(SieveEnvironment) {}, &run) >= 0);
        for (size_t b = 0; b < n_blocks; b++) {
                Certainty certainty;

                CHECK(sieve_run_next(run, n_bytes * 30, window->bitmaps + b * n_bytes, &certainty) >= 0);
        }
        window->n_primes = bitmap_count(window->bitmaps, n_blocks * n_bytes);
}

static void window_done(Window *window) {
        mpz_clear(window->start);
        free(window->bitmaps);
        free(window->packed);
        free(window->sizes);
        free(window->codecs);
}

static void window_pack(Window *window, Packer *packer) {
        _cleanup_mpz_ mpz_t start;
        size_t n = window->n_bytes;

        mpz_init(start);
        window->packed_size = 0;
        for (size_t b = 0; b < window->n_blocks; b++) {
                window_block_start(window, b, start);
                CHECK(pack_bitmap(packer, start, window->bitmaps + b * n, n, window->packed + b * n, pack_bound(n),
                                  window->codecs + b, window->sizes + b) >= 0);
                window->packed_size += window->sizes[b];
        }
}

static void window_unpack(const Window *window, Packer *packer, uint8_t *room) {
        _cleanup_mpz_ mpz_t start;
        size_t n = window->n_bytes;

        mpz_init(start);
        for (size_t b = 0; b < window->n_blocks; b++) {
                window_block_start(window, b, start);
                CHECK(pack_unpack(packer, window->codecs[b], start, window->packed + b * n, window->sizes[b], room,
                                  n) >= 0);
        }
        CHECK(memcmp(room, window->bitmaps + (window->n_blocks - 1) * n, n) == 0);
}

/* How many candidates there are, and what zstd alone needs. */
static void window_compare(Window *window) {
        _cleanup_free_ uint8_t *room = malloc(MAX(window->n_bytes + CANDIDATES_SLACK,
                                                  ZSTD_compressBound(window->n_bytes)));
        _cleanup_mpz_ mpz_t start;

        CHECK(room != NULL);
        mpz_init(start);
        for (size_t b = 0; b < window->n_blocks; b++) {
                const uint8_t *bitmap = window->bitmaps + b * window->n_bytes;
                uint64_t n_bits;

                window_block_start(window, b, start);
                CHECK(candidates_extract(candidate_tables(), candidate_kernel(0), start, bitmap, window->n_bytes, room,
                                         &n_bits));
                window->n_candidates += n_bits;
                window->zstd_size += ZSTD_compress(room, ZSTD_compressBound(window->n_bytes), bitmap, window->n_bytes,
                                                   1);
        }
}

/* Bitmap and text of as many blocks as have FILE_PRIMES. */
static void window_write(const Window *window, const char *folder, const char *name) {
        _cleanup_mpz_ mpz_t prime;
        uint64_t offset, n_primes = 0;
        FILE *bitmap_file, *text_file;
        char path[4096];
        BitmapWalk walk;

        mpz_init(prime);
        CHECK(snprintf(path, sizeof path, "%s/%s.bitmap", folder, name) < (int) sizeof path);
        CHECK((bitmap_file = fopen(path, "we")));
        CHECK(snprintf(path, sizeof path, "%s/%s.text", folder, name) < (int) sizeof path);
        CHECK((text_file = fopen(path, "we")));
        for (size_t b = 0; b < window->n_blocks && n_primes < FILE_PRIMES; b++) {
                const uint8_t *bitmap = window->bitmaps + b * window->n_bytes;

                CHECK(fwrite(bitmap, 1, window->n_bytes, bitmap_file) == window->n_bytes);
                bitmap_walk_init(&walk, bitmap, window->n_bytes);
                for (; bitmap_walk_next(&walk, &offset); n_primes++) {
                        window_block_start(window, b, prime);
                        number_add_u64(prime, prime, offset);
                        CHECK(mpz_out_str(text_file, 10, prime) > 0 && fputc('\n', text_file) == '\n');
                }
        }
        CHECK(fclose(bitmap_file) == 0);
        CHECK(fclose(text_file) == 0);
}

static void bench(const char *name, size_t n_blocks, Packer *packer, const char *folder) {
        double pack_best = HUGE_VAL, unpack_best = HUGE_VAL, megabytes, primes, density, bound;
        _cleanup_free_ uint8_t *room = NULL;
        Window window = {};
        size_t n_turns;

        window_init(&window, name, n_blocks);
        CHECK((room = malloc(window.n_bytes)));
        n_turns = ROUND_BYTES / (window.n_bytes * n_blocks) + 1;
        for (unsigned round = 0; round < ROUNDS; round++) {
                usec_t begin = clock_thread_cpu_usec(), middle, end;

                for (size_t i = 0; i < n_turns; i++)
                        window_pack(&window, packer);
                middle = clock_thread_cpu_usec();
                for (size_t i = 0; i < n_turns; i++)
                        window_unpack(&window, packer, room);
                end = clock_thread_cpu_usec();
                pack_best = MIN(pack_best, (double) (middle - begin));
                unpack_best = MIN(unpack_best, (double) (end - middle));
        }
        window_compare(&window);

        megabytes = (double) (n_turns * window.n_bytes * n_blocks); /* per second, when divided by microseconds */
        primes = (double) window.n_primes;
        density = primes / (double) window.n_candidates;
        bound = -(density * log2(density) + (1 - density) * log2(1 - density)) * (double) window.n_candidates / 8;
        printf("%-8s %9zu %-16s %8.4f %8.4f %7.3f %8.4f %9.0f %9.0f\n", name, window.n_bytes,
               pack_codec_name(window.codecs[0]), (double) window.packed_size / primes, bound / primes,
               (double) window.packed_size / bound, (double) window.zstd_size / primes, megabytes / pack_best,
               megabytes / unpack_best);
        fflush(stdout);
        if (folder)
                window_write(&window, folder, name);
        window_done(&window);
}

int main(int argc, char **argv) {
        static const struct {
                const char *start;
                size_t n_blocks;
        } windows[] = {
                { "1e9", 8 }, { "1e12", 8 }, { "1e15", 8 }, { "1e18", 8 },
                { "2^80", 4 }, { "2^128", 4 }, { "2^256", 8 }, { "2^1024", 40 },
        };
        _cleanup_(packer_freep) Packer *packer = packer_new();

        CHECK(packer != NULL);
        printf("%-8s %9s %-16s %8s %8s %7s %8s %9s %9s\n", "from", "bitmap", "codec", "bytes", "bound", "ratio",
               "zstd -1", "pack", "unpack");
        for (size_t i = 0; i < ELEMENTSOF(windows); i++)
                bench(windows[i].start, windows[i].n_blocks, packer, argc > 1 ? argv[1] : NULL);
        return 0;
}
