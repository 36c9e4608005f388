/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The manifest: ranks and chain. */

#include "store/manifest.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "test.h"

static const uint8_t job[SHA256_SIZE] = { 42 };

/* Three segments of 4, 4 and 2 blocks with 10, 20 and 30 primes. */
static Manifest make_manifest(void) {
        Manifest manifest = MANIFEST_EMPTY;

        for (uint64_t i = 0; i < 3; i++) {
                FooterEntry entries[4] = { { .count = 7 }, { .count = 1 }, { .digest = { (uint8_t) i } }, {} };
                Footer footer = {
                        .first_block = 4 * i, .n_blocks = i < 2 ? 4 : 2, .entries = entries,
                        .facts = { .count = 10 * (i + 1) }, .digest = { (uint8_t) (i + 1) },
                };

                CHECK(manifest_append(&manifest, &footer) == 0);
        }
        return manifest;
}

static void test_rank_and_chain(void) {
        Manifest manifest = make_manifest();
        uint8_t link[SHA256_SIZE + 16] = {}, chain[SHA256_SIZE];

        CHECK_EQUAL(manifest.entries[0].rank, 0);
        CHECK_EQUAL(manifest.entries[1].rank, 10);
        CHECK_EQUAL(manifest.entries[2].rank, 30);
        CHECK_EQUAL(manifest_primes(&manifest), 60);
        CHECK_EQUAL(manifest_end(&manifest), 10);
        for (uint64_t block = 0; block < 10; block++) {
                memset(link + SHA256_SIZE, 0, 16);
                link[SHA256_SIZE] = block % 4 == 0 ? 7 : block % 4 == 1 ? 1 : 0;
                link[SHA256_SIZE + 4] = block % 4 == 2 ? (uint8_t) (block / 4) : 0;
                checksum_sha256(link, sizeof link, chain);
                memcpy(link, chain, SHA256_SIZE);
                if (block == 3 || block == 7 || block == 9)
                        CHECK(memcmp(chain, manifest.entries[block / 4].chain, SHA256_SIZE) == 0);
        }
        manifest_chain(&manifest, chain);
        CHECK(memcmp(chain, link, SHA256_SIZE) == 0);
        manifest_done(&manifest);
        CHECK_EQUAL(manifest_primes(&manifest), 0);
}

static void test_blocks_are_found(void) {
        Manifest manifest = make_manifest();

        for (uint64_t block = 0; block < 10; block++)
                CHECK(manifest_find(&manifest, block) == manifest.entries + block / 4);
        CHECK(manifest_find(&manifest, 10) == NULL);
        manifest_done(&manifest);
        CHECK(manifest_find(&manifest, 0) == NULL);
        CHECK_EQUAL(manifest_end(&manifest), 0);
}

static void test_round_trip_and_damage(void) {
        Manifest manifest = make_manifest(), again;
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        CHECK(manifest_encode(&manifest, job, &data, &size) == 0);
        CHECK(manifest_decode(data, size, job, &again, NULL) == 0);
        CHECK_EQUAL(again.n_entries, 3);
        CHECK(memcmp(again.entries, manifest.entries, 3 * sizeof *again.entries) == 0);
        manifest_done(&again);
        for (size_t i = 0; i < size; i++) {
                data[i] ^= 8;
                CHECK(manifest_decode(data, size, job, &again, NULL) == -EBADMSG);
                data[i] ^= 8;
        }
        for (size_t n = 0; n < size; n++)
                CHECK(manifest_decode(data, n, job, &again, NULL) == -EBADMSG);
        manifest_done(&manifest);
}

/* A right checksum over wrong facts: rank and order are looked at, too. */
static void test_inconsistent_entries_are_refused(void) {
        Manifest manifest = make_manifest(), again;
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        CHECK(manifest_encode(&manifest, job, &data, &size) == 0);
        for (size_t at = FILE_HEADER_SIZE + 8; at < size - 8; at++) {
                Problem problem = PROBLEM_NONE;

                data[at] ^= 2;
                put_le64(data + size - 8, checksum_xxh3(data, size - 8));
                if (manifest_decode(data, size, job, &again, &problem) == 0) {
                        size_t in_entry = (at - FILE_HEADER_SIZE - 8) % 96, index = (at - FILE_HEADER_SIZE - 8) / 96;

                        /*
                         * Digests and chains follow from the footers; blocks and primes of the last one from
                         * nothing.
                         */
                        CHECK(at >= FILE_HEADER_SIZE + 8);
                        CHECK(in_entry >= 32 || (index == 2 && in_entry >= 8 && in_entry < 24));
                        manifest_done(&again);
                } else
                        CHECK(strstr(problem.text, "Delete it") != NULL);
                data[at] ^= 2;
        }
        manifest_done(&manifest);
}

int main(void) {
        RUN(test_rank_and_chain);
        RUN(test_blocks_are_found);
        RUN(test_round_trip_and_damage);
        RUN(test_inconsistent_entries_are_refused);
        return tests_end();
}
