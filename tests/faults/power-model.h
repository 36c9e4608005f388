/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a power cut leaves. The model replays a MemoryLog change by change and knows, after each, what is certainly on
 * the disk (what was synced) and what may be: every write since, whole, not at all, or torn at sectors of 512 bytes,
 * each on its own; every truncation or not; of the names made, moved and removed since the last sync of their
 * directory the first few, as a journal keeps them. Bytes below a write that was kept, never written, read as zeros.
 * Stricter than any file system: two writes to one sector may change places.
 */

#include "base/random.h"
#include "faults/memory-image.h"

#define POWER_SECTOR 512

typedef struct PowerModel PowerModel;

/* What is in `base` is on the disk. `log` belongs to the caller and outlives the model. */
PowerModel *power_model_new(const MemoryImage *base, const MemoryLog *log);
PowerModel *power_model_free(PowerModel *model);

/* Takes in the next change of the log; marks are the caller's. */
void power_model_advance(PowerModel *model);

/*
 * How many states a cut may leave now; writes of more than four sectors are counted as if they had four pieces. At most
 * UINT64_MAX.
 */
uint64_t power_model_n_states(const PowerModel *model);

/* State `number` of those. */
void power_model_build(const PowerModel *model, uint64_t number, MemoryImage *ret);

/*
 * Any state, also some that the numbers leave out: each sector torn on its own, rubbish instead of zeros behind the
 * old end of a file, names kept in another order than they were made.
 */
void power_model_draw(const PowerModel *model, Random *random, MemoryImage *ret);

/* Equal for equal images, whatever the order of names and the numbers of files. */
uint64_t power_image_hash(const MemoryImage *image);
