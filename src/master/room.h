/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Room for stores: how much of a disk they may use, and how much of it a master that runs for months leaves to others.
 * A job without an end would fill any disk, and with it the journal, the package manager, and whoever else writes
 * there.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "store/disk.h"

/* Bytes, or per cent of the file system; both 0: the default. */
typedef struct RoomShare {
        uint64_t bytes;
        unsigned percent;
} RoomShare;

typedef struct RoomRules {
        RoomShare max_use;   /* of all stores together; default: half of the file system, at most 256 GiB */
        RoomShare keep_free; /* default: 5 %, at most 4 GiB */
} RoomRules;

/* Bytes that are missing. */
typedef struct RoomLack {
        uint64_t free_bytes; /* on the file system */
        uint64_t use_bytes;  /* the stores use so many more than they may */
} RoomLack;

/* Is this error of a write one that mends itself when there is room again? */
bool room_is_lack(int error);

/* Of a file system of `size` bytes. What a percentage comes to is rounded down. */
uint64_t room_max_use(const RoomRules *rules, uint64_t size);
uint64_t room_keep_free(const RoomRules *rules, uint64_t size);

/* What must be free before a job that was stopped goes on: somewhat more, or it would stop again at once. */
uint64_t room_to_go_on(const RoomRules *rules, uint64_t size);

/*
 * -ENOSPC with a sentence: to work or, if `stopped`, to go on, either the file system of the folder `path` has less
 * free than it should have, or the stores, which have `used_bytes`, use more than they may. 0: there is room, or
 * nothing is known of the file system (a write will tell). `ret` is written in both cases; it may be NULL.
 */
int room_check(const Disk *disk, const char *path, const RoomRules *rules, uint64_t used_bytes, bool stopped,
               RoomLack *ret, Problem *problem);
