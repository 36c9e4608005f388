/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The disk whose power is cut.
 *
 * Every file that is opened gets an Inode: its bytes as of the last sync, and the writes and truncations since. A cut
 * keeps, drops or tears each of these on its own; what a dropped write leaves below a kept one reads as zeros. The
 * names are kept as a list of changes (created, renamed, removed) since the last sync of the folder; a cut keeps a
 * beginning of that list, as a file system with a journal does.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/macro.h"
#include "faults/faulty-disk.h"
#include "store/fixture.h"
#include "test.h"

#define SECTOR 512
#define NAMES_MAX 512

typedef struct Change {
        bool truncates;
        uint64_t offset; /* or the new size */
        uint8_t *data;
        size_t size;
} Change;

typedef struct Inode {
        uint8_t *data; /* as of the last sync */
        size_t size;
        Change *changes;
        size_t n_changes;
        struct Inode *next; /* of all, for freeing */
} Inode;

typedef struct Name {
        char name[64];
        Inode *inode;
} Name;

/* `from` empty: created; `to` empty: removed. */
typedef struct NameChange {
        char from[64], to[64];
        Inode *inode;
} NameChange;

struct PowerDisk {
        Disk disk;
        Inode *inodes;
        Name now[NAMES_MAX], durable[NAMES_MAX]; /* unused: empty name */
        NameChange *changes;
        size_t n_changes;
        Inode *open[1024];
        uint64_t n_calls_left;
};

/* names */

static Name *names_find(Name *names, const char *name) {
        for (size_t i = 0; i < NAMES_MAX; i++)
                if (strcmp(names[i].name, name) == 0)
                        return names + i;
        return NULL;
}

static void names_set(Name *names, const char *name, Inode *inode) {
        Name *found = names_find(names, name) ?: names_find(names, "");

        CHECK(found && strlen(name) < sizeof found->name);
        strcpy(found->name, inode ? name : "");
        found->inode = inode;
}

static void names_apply(Name *names, const NameChange *change) {
        if (change->from[0])
                names_set(names, change->from, NULL);
        if (change->to[0])
                names_set(names, change->to, change->inode);
}

static void power_change_names(PowerDisk *power, const char *from, const char *to, Inode *inode) {
        NameChange change = { .inode = inode };

        strcpy(change.from, from);
        strcpy(change.to, to);
        names_apply(power->now, &change);
        power->changes = reallocarray(power->changes, power->n_changes + 1, sizeof *power->changes);
        CHECK(power->changes != NULL);
        power->changes[power->n_changes++] = change;
}

/* inodes */

static Inode *inode_new(PowerDisk *power) {
        Inode *inode = calloc(1, sizeof *inode);

        CHECK(inode != NULL);
        inode->next = power->inodes;
        power->inodes = inode;
        return inode;
}

static void inode_forget_changes(Inode *inode) {
        for (size_t i = 0; i < inode->n_changes; i++)
                free(inode->changes[i].data);
        free(inode->changes);
        inode->changes = NULL;
        inode->n_changes = 0;
}

static void inode_add_change(Inode *inode, Change change) {
        inode->changes = reallocarray(inode->changes, inode->n_changes + 1, sizeof *inode->changes);
        CHECK(inode->changes != NULL);
        inode->changes[inode->n_changes++] = change;
}

static void bytes_resize(uint8_t **data, size_t *size, size_t new_size) {
        *data = realloc(*data, MAX(new_size, 1U));
        CHECK(*data != NULL);
        if (new_size > *size)
                memset(*data + *size, 0, new_size - *size);
        *size = new_size;
}

static void bytes_apply(uint8_t **data, size_t *size, const Change *change, size_t skip, size_t n) {
        if (change->truncates) {
                bytes_resize(data, size, (size_t) change->offset);
                return;
        }
        if (change->offset + skip + n > *size)
                bytes_resize(data, size, (size_t) change->offset + skip + n);
        memcpy(*data + change->offset + skip, change->data + skip, n);
}

static void inode_sync(Inode *inode) {
        for (size_t i = 0; i < inode->n_changes; i++)
                bytes_apply(&inode->data, &inode->size, inode->changes + i, 0, inode->changes[i].size);
        inode_forget_changes(inode);
}

/* the disk */

static bool power_is_off(PowerDisk *power) {
        if (power->n_calls_left == 0)
                return true;
        power->n_calls_left--;
        return false;
}

static int power_open(const Disk *disk, int dir_fd, const char *path, int flags, mode_t mode) {
        PowerDisk *power = disk->userdata;
        bool in_folder = dir_fd != AT_FDCWD;
        Name *name = in_folder ? names_find(power->now, path) : NULL;
        int fd;

        if (power_is_off(power))
                return -EIO;
        fd = disk_system.open(&disk_system, dir_fd, path, flags, mode);
        if (fd < 0)
                return fd;
        CHECK(fd < 1024);
        power->open[fd] = NULL;
        if (!in_folder)
                return fd;
        if (!name) {
                CHECK(flags & O_CREAT);
                power->open[fd] = inode_new(power);
                power_change_names(power, "", path, power->open[fd]);
        } else {
                power->open[fd] = name->inode;
                if (flags & O_TRUNC)
                        inode_add_change(name->inode, (Change) { .truncates = true });
        }
        return fd;
}

static int power_pwrite_all(const Disk *disk, int fd, const void *data, size_t size, uint64_t offset) {
        PowerDisk *power = disk->userdata;
        Change change = { .offset = offset, .size = size };
        int r;

        if (power_is_off(power))
                return -EIO;
        r = disk_system.pwrite_all(&disk_system, fd, data, size, offset);
        CHECK(r == 0 && power->open[fd]);
        change.data = malloc(MAX(size, 1U));
        CHECK(change.data != NULL);
        memcpy(change.data, data, size);
        inode_add_change(power->open[fd], change);
        return 0;
}

static int power_truncate(const Disk *disk, int fd, uint64_t size) {
        PowerDisk *power = disk->userdata;

        if (power_is_off(power))
                return -EIO;
        CHECK(disk_system.truncate(&disk_system, fd, size) == 0);
        inode_add_change(power->open[fd], (Change) { .truncates = true, .offset = size });
        return 0;
}

static int power_sync_data(const Disk *disk, int fd) {
        PowerDisk *power = disk->userdata;

        if (power_is_off(power))
                return -EIO;
        inode_sync(power->open[fd]);
        return 0;
}

static int power_sync_directory(const Disk *disk, int fd) {
        PowerDisk *power = disk->userdata;

        if (power_is_off(power))
                return -EIO;
        for (size_t i = 0; i < power->n_changes; i++)
                names_apply(power->durable, power->changes + i);
        power->n_changes = 0;
        return 0;
}

static int power_rename(const Disk *disk, int dir_fd, const char *from, const char *to) {
        PowerDisk *power = disk->userdata;
        int r;

        if (power_is_off(power))
                return -EIO;
        r = disk_system.rename(&disk_system, dir_fd, from, to);
        if (r == 0)
                power_change_names(power, from, to, names_find(power->now, from)->inode);
        return r;
}

static int power_unlink(const Disk *disk, int dir_fd, const char *path) {
        PowerDisk *power = disk->userdata;
        int r;

        if (power_is_off(power))
                return -EIO;
        r = disk_system.unlink(&disk_system, dir_fd, path);
        if (r == 0)
                power_change_names(power, path, "", NULL);
        return r;
}

static int power_make_directory(const Disk *disk, int dir_fd, const char *path, mode_t mode) {
        return -EROFS; /* the folder is there */
}

PowerDisk *power_disk_new(const char *path) {
        PowerDisk *power = calloc(1, sizeof *power);
        char **names;
        size_t n;

        CHECK(power != NULL);
        power->n_calls_left = UINT64_MAX;
        power->disk = (Disk) {
                .userdata = power,
                .open = power_open,
                .close = disk_system.close,
                .pwrite_all = power_pwrite_all,
                .pread_full = disk_system.pread_full,
                .truncate = power_truncate,
                .sync_data = power_sync_data,
                .sync_directory = power_sync_directory,
                .rename = power_rename,
                .unlink = power_unlink,
                .make_directory = power_make_directory,
                .space = disk_system.space,
        };
        names = fixture_names(path, &n);
        for (size_t i = 0; i < n; i++) {
                Inode *inode = inode_new(power);

                inode->data = fixture_read(path, names[i], &inode->size);
                names_set(power->now, names[i], inode);
                names_set(power->durable, names[i], inode);
                free(names[i]);
        }
        free(names);
        return power;
}

PowerDisk *power_disk_free(PowerDisk *power) {
        while (power->inodes) {
                Inode *inode = power->inodes;

                power->inodes = inode->next;
                inode_forget_changes(inode);
                free(inode->data);
                free(inode);
        }
        free(power->changes);
        free(power);
        return NULL;
}

const Disk *power_disk_get(PowerDisk *power) {
        return &power->disk;
}

void power_disk_cut_after(PowerDisk *power, uint64_t n_calls) {
        power->n_calls_left = n_calls;
}

/* Keeps, drops or tears each change that was not synced. */
static void inode_write_remains(const Inode *inode, const char *path, const char *name, Random *random) {
        uint8_t *data = malloc(MAX(inode->size, 1U));
        size_t size = inode->size;

        CHECK(data != NULL);
        if (size > 0)
                memcpy(data, inode->data, size);
        for (size_t i = 0; i < inode->n_changes; i++) {
                const Change *change = inode->changes + i;

                switch (random_below(random, 4)) {
                case 0: /* dropped */
                        break;
                case 1: /* torn: each sector on its own */
                        for (size_t at = 0; !change->truncates && at < change->size; at += SECTOR)
                                if (random_below(random, 2) == 0)
                                        bytes_apply(&data, &size, change, at, MIN(change->size - at, (size_t) SECTOR));
                        break;
                default:
                        bytes_apply(&data, &size, change, 0, change->size);
                }
        }
        fixture_write(path, name, data, size);
        free(data);
}

void power_disk_write_remains(PowerDisk *power, const char *path, Random *random) {
        size_t n_kept = (size_t) random_below(random, power->n_changes + 1);

        for (size_t i = 0; i < n_kept; i++)
                names_apply(power->durable, power->changes + i);
        for (size_t i = 0; i < NAMES_MAX; i++)
                if (power->durable[i].name[0])
                        inode_write_remains(power->durable[i].inode, path, power->durable[i].name, random);
}
