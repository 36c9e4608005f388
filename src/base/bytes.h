/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Little-endian integers in byte strings, on any host and at any alignment; and the bits of bytes. */

#include <stdint.h>

static inline void put_le16(void *p, uint16_t v) {
        uint8_t *b = p;

        b[0] = (uint8_t) v;
        b[1] = (uint8_t) (v >> 8);
}

static inline void put_le32(void *p, uint32_t v) {
        put_le16(p, (uint16_t) v);
        put_le16((uint8_t *) p + 2, (uint16_t) (v >> 16));
}

static inline void put_le64(void *p, uint64_t v) {
        put_le32(p, (uint32_t) v);
        put_le32((uint8_t *) p + 4, (uint32_t) (v >> 32));
}

static inline uint16_t get_le16(const void *p) {
        const uint8_t *b = p;

        return (uint16_t) (b[0] | b[1] << 8);
}

static inline uint32_t get_le32(const void *p) {
        return get_le16(p) | (uint32_t) get_le16((const uint8_t *) p + 2) << 16;
}

static inline uint64_t get_le64(const void *p) {
        return get_le32(p) | (uint64_t) get_le32((const uint8_t *) p + 4) << 32;
}

/* How many bits are set in each byte of a word, in that byte: the sums of neighbours, twice as wide in each step. */
static inline uint64_t bits_of_bytes(uint64_t word) {
        const uint64_t single = UINT64_C(0x5555555555555555), pair = UINT64_C(0x3333333333333333);

        word -= word >> 1 & single;
        word = (word & pair) + (word >> 2 & pair);
        return (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}
