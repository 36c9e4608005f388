/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Any bytes unpack into exactly the bitmap that was asked for, or not at all. The first byte of the input is the
 * codec, the next two are the bitmap's size, the rest is the packed block.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "prime/pack.h"

#define REQUIRE(condition)                                                                                   \
        do {                                                                                                 \
                if (!(condition))                                                                            \
                        abort();                                                                             \
        } while (0)

/* What unpacks packs again into something that unpacks into the same. */
static void check_round_trip(Packer *packer, const uint8_t *bitmap, size_t n_bytes) {
        size_t bound = pack_bound(n_bytes), packed_size;
        _cleanup_free_ uint8_t *packed = malloc(bound + 1), *again = malloc(n_bytes + 1);
        PackCodec codec;

        REQUIRE(packed && again);
        REQUIRE(pack_bitmap(packer, bitmap, n_bytes, packed, bound, &codec, &packed_size) == 0);
        REQUIRE(packed_size <= bound);
        REQUIRE(pack_unpack(packer, codec, packed, packed_size, again, n_bytes) == 0);
        REQUIRE(memcmp(bitmap, again, n_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(packer_freep) Packer *packer = NULL;
        _cleanup_free_ uint8_t *packed = NULL, *bitmap = NULL;
        size_t n_bytes;
        int r;

        if (size < 3)
                return 0;
        n_bytes = get_le16(data + 1);
        packer = packer_new();
        packed = malloc(size - 3 + 1);
        bitmap = malloc(n_bytes + 1);
        REQUIRE(packer && packed && bitmap);
        memcpy(packed, data + 3, size - 3);
        bitmap[n_bytes] = 0xa5;

        r = pack_unpack(packer, (PackCodec) data[0], packed, size - 3, bitmap, n_bytes);
        REQUIRE(bitmap[n_bytes] == 0xa5);
        if (r == 0)
                check_round_trip(packer, bitmap, n_bytes);
        else
                REQUIRE(r == -EBADMSG || r == -EOPNOTSUPP);
        return 0;
}
