/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Folders, jobs and blocks for the tests of the store. */

#include "store/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/layout.h"
#include "test.h"

static char **folders;
static size_t n_folders;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk) {
        return remove(path);
}

static void remove_folders(void) {
        for (size_t i = 0; i < n_folders; i++) {
                (void) nftw(folders[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
                free(folders[i]);
        }
        free(folders);
        folders = NULL;
        n_folders = 0;
}

const char *fixture_folder(void) {
        static bool registered;
        const char *parent = getenv("TMPDIR");
        char *path;

        CHECK(asprintf(&path, "%s/primed-test-XXXXXX", parent && *parent ? parent : "/tmp") > 0);
        CHECK(mkdtemp(path) != NULL);
        if (!registered)
                CHECK(atexit(remove_folders) == 0);
        registered = true;
        folders = reallocarray(folders, n_folders + 1, sizeof *folders);
        CHECK(folders != NULL);
        folders[n_folders++] = path;
        return path;
}

void fixture_discard(const char *folder) {
        for (size_t i = 0; i < n_folders; i++)
                if (folders[i] == folder) {
                        (void) nftw(folders[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
                        free(folders[i]);
                        folders[i] = folders[--n_folders];
                        return;
                }
        CHECK(!"a folder of this fixture");
}

void fixture_grid(Grid *grid, const char *from, uint64_t n_blocks) {
        _cleanup_mpz_ mpz_t low, high, cell;

        mpz_init(low);
        mpz_init(high);
        mpz_init(cell);
        CHECK(number_parse(low, from, NULL) == 0);
        if (n_blocks == 0) {
                CHECK(grid_init(grid, low, NULL, NULL) == 0);
                return;
        }
        /* Ends in the middle of the last cell. */
        mpz_set_ui(cell, (unsigned long) grid_block_length(mpz_sizeinbase(low, 2)));
        mpz_fdiv_q(high, low, cell);
        mpz_add_ui(high, high, (unsigned long) n_blocks);
        mpz_mul(high, high, cell);
        mpz_sub_ui(high, high, mpz_get_ui(cell) / 2);
        CHECK(grid_init(grid, low, high, NULL) == 0);
        CHECK(grid->n_blocks == n_blocks);
}

static unsigned sparse = 3;

void fixture_set_sparse(unsigned n) {
        sparse = n;
}

void fixture_block(const Grid *grid, uint64_t sequence, FixtureBlock *ret) {
        _cleanup_mpz_ mpz_t start;
        Packer *packer = packer_new();
        GridBlock cell;
        Random random;
        size_t size;

        mpz_init(start);
        grid_block(grid, sequence, start, &cell);
        *ret = (FixtureBlock) { .n_bytes = (size_t) cell.length / 30 };
        size = pack_bound(ret->n_bytes);
        ret->bitmap = malloc(ret->n_bytes);
        ret->packed = malloc(size);
        CHECK(packer && ret->bitmap && ret->packed);

        random_init(&random, mpz_fdiv_ui(start, 4294967291U));
        for (size_t i = 0; i < ret->n_bytes; i++) {
                ret->bitmap[i] = 0xff;
                for (unsigned k = 0; k < sparse; k++)
                        ret->bitmap[i] &= (uint8_t) random_u64(&random);
        }
        bitmap_clip(ret->bitmap, ret->n_bytes, cell.low, cell.high);

        ret->block = (StoreBlock) {
                .sequence = sequence,
                .certainty = CERTAINTY_BPSW,
                .count = bitmap_count(ret->bitmap, ret->n_bytes) + bitmap_small_primes(&cell, mpz_sgn(start) == 0),
                .packed = ret->packed,
        };
        checksum_sha256(ret->bitmap, ret->n_bytes, ret->block.digest);
        CHECK(pack_bitmap(packer, start, ret->bitmap, ret->n_bytes, ret->packed, size, &ret->block.codec,
                          &ret->block.packed_size) == 0);
        packer_free(packer);
}

void fixture_block_done(FixtureBlock *block) {
        free(block->bitmap);
        free(block->packed);
        *block = (FixtureBlock) {};
}

void fixture_record(const Grid *grid, const FixtureBlock *block, Record *ret) {
        *ret = (Record) {
                .sequence = block->block.sequence,
                .codec = block->block.codec,
                .certainty = block->block.certainty,
                .packed_size = (uint32_t) block->block.packed_size,
                .packed_checksum = checksum_xxh3(block->packed, block->block.packed_size),
        };
        memcpy(ret->digest, block->block.digest, SHA256_SIZE);
        CHECK(facts_of_block(grid, ret->sequence, block->bitmap, &ret->facts));
}

Folder *fixture_open_folder(const char *path) {
        Folder *folder;

        CHECK(folder_open(&disk_system, path, &folder, NULL) == 0);
        memset(folder->job_digest, 5, sizeof folder->job_digest);
        return folder;
}

int fixture_try_open(const Disk *disk, const char *path, const Grid *grid, uint64_t segment_blocks, Store **ret,
                     Problem *problem) {
        return store_open(disk, path, grid, &(StoreOptions) { .segment_blocks = segment_blocks }, ret, problem);
}

Store *fixture_open(const char *path, const Grid *grid, uint64_t segment_blocks) {
        Problem problem = PROBLEM_NONE;
        Store *store = NULL;

        if (fixture_try_open(&disk_system, path, grid, segment_blocks, &store, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK(store != NULL);
        CHECK_STRING(problem.text, "");
        return store;
}

int fixture_put(Store *store, const Grid *grid, uint64_t sequence) {
        Problem problem = PROBLEM_NONE;
        FixtureBlock block;
        int r;

        fixture_block(grid, sequence, &block);
        r = store_put(store, &block.block, &problem);
        fixture_block_done(&block);
        return r;
}

void fixture_store(const char *path, const Grid *grid, uint64_t segment_blocks, uint64_t n_blocks) {
        Store *store = fixture_open(path, grid, segment_blocks);

        for (uint64_t i = 0; i < n_blocks; i++)
                CHECK(fixture_put(store, grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
}

void fixture_shuffle(uint64_t *values, size_t n, Random *random) {
        for (size_t i = n; i > 1; i--) {
                size_t j = (size_t) random_below(random, i);
                uint64_t swapped = values[i - 1];

                values[i - 1] = values[j];
                values[j] = swapped;
        }
}

uint64_t fixture_seed(void) {
        const char *word = getenv("PRIMED_TEST_SEED");
        uint64_t seed = word ? strtoull(word, NULL, 0) : clock_realtime_usec();

        printf("# PRIMED_TEST_SEED=%" PRIu64 "\n", seed);
        return seed;
}

static int folder_fd(const char *folder) {
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        CHECK(fd >= 0);
        return fd;
}

uint8_t *fixture_read(const char *folder, const char *name, size_t *ret_size) {
        _cleanup_close_ int fd = folder_fd(folder);
        char *data;
        int r = file_read_whole(fd, name, 1U << 30, &data, ret_size);

        if (r < 0)
                printf("# %s/%s: %s\n", folder, name, strerror(-r));
        CHECK(r == 0);
        return (uint8_t *) data;
}

void fixture_write(const char *folder, const char *name, const void *data, size_t size) {
        _cleanup_close_ int dir_fd = folder_fd(folder), fd = -1;

        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        CHECK(fd >= 0);
        CHECK(fd_write_all(fd, data, size) == 0);
}

void fixture_remove(const char *folder, const char *name) {
        _cleanup_close_ int fd = folder_fd(folder);

        CHECK(unlinkat(fd, name, 0) == 0);
}

bool fixture_exists(const char *folder, const char *name) {
        _cleanup_close_ int fd = folder_fd(folder);

        return faccessat(fd, name, F_OK, 0) == 0;
}

char **fixture_names(const char *folder, size_t *ret_n) {
        DIR *dir = opendir(folder);
        char **names = NULL;
        size_t n = 0;

        CHECK(dir != NULL);
        for (struct dirent *entry; (entry = readdir(dir));) {
                if (entry->d_name[0] == '.')
                        continue;
                names = reallocarray(names, n + 1, sizeof *names);
                CHECK(names != NULL);
                names[n] = strdup(entry->d_name);
                CHECK(names[n++] != NULL);
        }
        (void) closedir(dir);
        *ret_n = n;
        return names;
}

size_t fixture_count(const char *folder, const char *part) {
        DIR *dir = opendir(folder);
        size_t n = 0;

        CHECK(dir != NULL);
        for (struct dirent *entry; (entry = readdir(dir));)
                n += strstr(entry->d_name, part) != NULL;
        (void) closedir(dir);
        return n;
}

void fixture_copy(const char *from, const char *to) {
        char **names;
        size_t n;

        names = fixture_names(from, &n);
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ uint8_t *data = NULL;
                size_t size;

                data = fixture_read(from, names[i], &size);
                fixture_write(to, names[i], data, size);
                free(names[i]);
        }
        free(names);
}

static size_t count_sealed(const char *folder) {
        return fixture_count(folder, ".primes") - fixture_count(folder, ".primes.corrupt");
}

bool fixture_same(const char *a, const char *b) {
        DIR *dir = opendir(a);
        bool same = true;

        CHECK(dir != NULL);
        for (struct dirent *entry; (entry = readdir(dir));) {
                const char *name = entry->d_name;
                _cleanup_free_ uint8_t *x = NULL, *y = NULL;
                size_t n_x, n_y;

                if (strcmp(name, LAYOUT_JOB) != 0 && strcmp(name, LAYOUT_MANIFEST) != 0 &&
                    layout_parse_name(name, NULL) != NAME_SEALED)
                        continue;
                if (!fixture_exists(b, name)) {
                        printf("# %s is missing\n", name);
                        same = false;
                        continue;
                }
                x = fixture_read(a, name, &n_x);
                y = fixture_read(b, name, &n_y);
                if (n_x != n_y || memcmp(x, y, n_x) != 0) {
                        printf("# %s differs\n", name);
                        same = false;
                }
        }
        (void) closedir(dir);
        return same && count_sealed(a) == count_sealed(b);
}
