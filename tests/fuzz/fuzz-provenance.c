/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The provenance journal, entry by entry, as it is read. First byte: odd, then each entry's checksum is made right, so
 * that the fuzzer gets past it. What is accepted must be written the same way again.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "fuzz/fuzz.h"
#include "store/provenance.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        for (size_t at = 1; size - at >= PROVENANCE_ENTRY_SIZE; at += PROVENANCE_ENTRY_SIZE) {
                uint8_t bytes[PROVENANCE_ENTRY_SIZE], again[PROVENANCE_ENTRY_SIZE];
                ProvenanceEntry entry;

                memcpy(bytes, data + at, sizeof bytes);
                if (data[0] & 1)
                        put_le64(bytes + PROVENANCE_ENTRY_SIZE - 8, checksum_xxh3(bytes, PROVENANCE_ENTRY_SIZE - 8));
                if (provenance_decode(bytes, &entry) < 0)
                        continue;
                provenance_encode(&entry, again);
                if (entry.first >= entry.end || memcmp(bytes, again, sizeof bytes) != 0)
                        abort();
        }
        return 0;
}
