/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much of a file system is left to others. */

#include "master/room.h"

#include <errno.h>

#include "base/macro.h"
#include "base/text.h"

#define RESERVE_DIVISOR 20                      /* 5 %, */
#define RESERVE_BYTES_MAX (UINT64_C(4) << 30)   /* but of a large disk not more than anybody needs at once */
#define MARGIN_DIVISOR 10                       /* of the reserve */
#define GO_ON_BYTES_MIN (UINT64_C(8) << 20)     /* less is soon used up */

uint64_t room_reserve(uint64_t size) {
        return MIN(size / RESERVE_DIVISOR, RESERVE_BYTES_MAX);
}

uint64_t room_to_go_on(uint64_t size) {
        uint64_t reserve = room_reserve(size);

        return MAX(reserve + reserve / MARGIN_DIVISOR, GO_ON_BYTES_MIN);
}

int room_check(const Disk *disk, const char *path, bool stopped, Problem *problem) {
        char is_free[TEXT_SIZE], kept[TEXT_SIZE];
        uint64_t size, available;

        if (disk->space(disk, path, &size, &available) < 0)
                return 0;
        if (available >= (stopped ? room_to_go_on(size) : room_reserve(size)))
                return 0;
        return problem_set(problem, ENOSPC, "The file system of the store '%s' has %s free, but %s are to stay free "
                           "for others; what was found is safe. Make room there, or move the stores to another file "
                           "system ('store' in master.conf).", path, text_bytes(available, is_free),
                           text_bytes(stopped ? room_to_go_on(size) : room_reserve(size), kept));
}
