/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much of a file system stores may use, and how much is left to others. */

#include "master/room.h"

#include <errno.h>

#include "base/macro.h"
#include "base/text.h"

#define USE_DIVISOR 2                           /* half of it, */
#define USE_BYTES_MAX (UINT64_C(256) << 30)     /* but nobody who did not say so wants more: primes up to 2·10^13 */
#define USE_MARGIN_DIVISOR 100                  /* of max_use */
#define RESERVE_DIVISOR 20                      /* 5 %, */
#define RESERVE_BYTES_MAX (UINT64_C(4) << 30)   /* but of a large disk not more than anybody needs at once */
#define MARGIN_DIVISOR 10                       /* of the reserve, */
#define MARGIN_SIZE_DIVISOR 100                 /* and not more than this part of the file system */
#define GO_ON_BYTES_MIN (UINT64_C(8) << 20)     /* less is soon used up */

bool room_is_lack(int error) {
        return error == -ENOSPC || error == -EDQUOT;
}

static uint64_t share_bytes(const RoomShare *share, uint64_t size, uint64_t other) {
        if (share->percent > 0)
                return size / 100 * share->percent + size % 100 * share->percent / 100;
        return share->bytes > 0 ? share->bytes : other;
}

uint64_t room_max_use(const RoomRules *rules, uint64_t size) {
        return share_bytes(&rules->max_use, size, MIN(size / USE_DIVISOR, USE_BYTES_MAX));
}

uint64_t room_keep_free(const RoomRules *rules, uint64_t size) {
        return share_bytes(&rules->keep_free, size, MIN(size / RESERVE_DIVISOR, RESERVE_BYTES_MAX));
}

uint64_t room_to_go_on(const RoomRules *rules, uint64_t size) {
        uint64_t reserve = room_keep_free(rules, size);

        return MAX(reserve + MIN(reserve / MARGIN_DIVISOR, size / MARGIN_SIZE_DIVISOR), GO_ON_BYTES_MIN);
}

static int lack_of_free(const char *path, uint64_t available, uint64_t wanted, Problem *problem) {
        char is_free[TEXT_SIZE], kept[TEXT_SIZE];

        return problem_set(problem, ENOSPC, "The file system of the store '%s' has %s free, but %s are to stay free "
                           "for others ('keep_free' in master.conf); what was found is safe. Make room there, or move "
                           "the stores to another file system ('store' in master.conf).", path,
                           text_bytes(available, is_free), text_bytes(wanted, kept));
}

static int lack_of_use(uint64_t used, uint64_t wanted, Problem *problem) {
        char uses[TEXT_SIZE], may[TEXT_SIZE];

        return problem_set(problem, ENOSPC, "The stores use %s, but are to use at most %s ('max_use' in master.conf); "
                           "what was found is safe. Allow them more there, or let them keep less: 'primectl store "
                           "vacuum', 'primectl store thin', or 'when_full = \"drop-oldest\"' in master.conf.",
                           text_bytes(used, uses), text_bytes(wanted, may));
}

int room_check(const Disk *disk, const char *path, const RoomRules *rules, uint64_t used_bytes, bool stopped,
               RoomLack *ret, Problem *problem) {
        uint64_t size, available, free_bytes = 0, use_bytes = UINT64_MAX;
        RoomLack lack = {};
        bool known = disk->space(disk, path, &size, &available) >= 0 && size > 0;

        if (known) {
                free_bytes = stopped ? room_to_go_on(rules, size) : room_keep_free(rules, size);
                use_bytes = room_max_use(rules, size);
        } else if (rules->max_use.bytes > 0)
                use_bytes = rules->max_use.bytes;
        if (stopped && use_bytes < UINT64_MAX)
                use_bytes -= use_bytes / USE_MARGIN_DIVISOR;
        if (known && available < free_bytes)
                lack.free_bytes = free_bytes - available;
        if (used_bytes > use_bytes)
                lack.use_bytes = used_bytes - use_bytes;
        if (ret)
                *ret = lack;
        return lack.free_bytes > 0  ? lack_of_free(path, available, free_bytes, problem)
               : lack.use_bytes > 0 ? lack_of_use(used_bytes, use_bytes, problem)
                                    : 0;
}
