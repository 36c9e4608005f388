/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Facts of blocks and their sum. */

#include "store/facts.h"

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"

void block_shape(const Grid *grid, uint64_t sequence, BlockShape *ret) {
        _cleanup_mpz_ mpz_t start;
        GridBlock block;

        mpz_init(start);
        grid_block(grid, sequence, start, &block);
        *ret = (BlockShape) {
                .cell_offset = mpz_fdiv_ui(start, (unsigned long) grid->block_length),
                .low = block.low,
                .high = block.high,
                .n_bytes = (size_t) (block.length / 30),
                .starts_at_zero = mpz_sgn(start) == 0,
        };
}

uint64_t place_distance(const Place *from, const Place *to, uint64_t block_length) {
        return (to->sequence - from->sequence) * block_length + to->offset - from->offset;
}

void facts_join(Facts *facts, const Facts *next, uint64_t block_length) {
        if (next->count == 0)
                return;
        if (facts->count == 0) {
                *facts = *next;
                return;
        }

        uint64_t border = place_distance(&facts->last, &next->first, block_length);

        if (border > facts->gap) {
                facts->gap = border;
                facts->gap_at = facts->last;
        }
        if (next->gap > facts->gap) {
                facts->gap = next->gap;
                facts->gap_at = next->gap_at;
        }
        facts->twins += next->twins + (border == 2);
        facts->count += next->count;
        facts->n_small += next->n_small;
        facts->last = next->last;
        for (size_t i = 0; i < ELEMENTSOF(facts->classes); i++)
                facts->classes[i] += next->classes[i];
}

bool facts_of_block(const Grid *grid, uint64_t sequence, const uint8_t *bitmap, Facts *ret) {
        BlockShape shape;

        block_shape(grid, sequence, &shape);
        return facts_of_part(grid, sequence, shape.low, shape.high, bitmap, ret);
}

bool facts_of_part(const Grid *grid, uint64_t sequence, uint64_t low, uint64_t high, const uint8_t *bitmap,
                   Facts *ret) {
        static const uint8_t small[] = { 2, 3, 5 };
        Facts facts = {}, rest = {};
        BlockShape shape;
        BitmapFacts bits;

        block_shape(grid, sequence, &shape);
        bitmap_facts(bitmap, shape.n_bytes, &bits);
        if (bits.count > 0 && (bits.first < low || bits.last >= high))
                return false;

        for (size_t i = 0; shape.starts_at_zero && i < sizeof small; i++) {
                Place place = { sequence, small[i] };
                Facts one = { .count = 1, .n_small = 1, .first = place, .last = place };

                if (low <= small[i] && small[i] < high)
                        facts_join(&facts, &one, grid->block_length);
        }
        if (bits.count > 0) {
                rest = (Facts) {
                        .count = bits.count,
                        .first = { sequence, shape.cell_offset + bits.first },
                        .last = { sequence, shape.cell_offset + bits.last },
                        .twins = bits.twins,
                };
                if (bits.count > 1) {
                        rest.gap = bits.gap;
                        rest.gap_at = (Place) { sequence, shape.cell_offset + bits.gap_at };
                }
                for (size_t i = 0; i < ELEMENTSOF(rest.classes); i++)
                        rest.classes[i] = bits.classes[i];
                facts_join(&facts, &rest, grid->block_length);
        }
        *ret = facts;
        return true;
}

void place_number(const Grid *grid, const Place *place, mpz_t ret) {
        _cleanup_mpz_ mpz_t sequence;

        mpz_init(sequence);
        number_set_u64(sequence, place->sequence);
        mpz_add(ret, grid->first_cell, sequence);
        mpz_mul_ui(ret, ret, (unsigned long) grid->block_length);
        number_add_u64(ret, ret, place->offset);
}
