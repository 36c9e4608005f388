/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * A number that changes whenever the config file `path` or one of its drop-ins `path`.d/… is written, replaced, added
 * or removed: from their names, inodes, sizes and times. What cannot be read counts as not there.
 */
uint64_t config_stamp(const char *path);
