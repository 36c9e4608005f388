/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Room on a store's file system that a master that runs for months leaves to others: a job without an end would fill
 * any disk, and with it the journal, the package manager, and whoever else writes there.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "store/disk.h"

/* What stays free of a file system of so many bytes. */
uint64_t room_reserve(uint64_t size);

/* What must be free before a job that was stopped goes on: somewhat more, or it would stop again at once. */
uint64_t room_to_go_on(uint64_t size);

/*
 * -ENOSPC with a sentence: the file system of the folder `path` has less free than it should have, to work or, if
 * `stopped`, to go on. 0: there is room, or nothing is known of it (a write will tell).
 */
int room_check(const Disk *disk, const char *path, bool stopped, Problem *problem);
