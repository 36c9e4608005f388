/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The model. A state is a choice for each pending change: how many of the pending names are kept, and for each write a
 * set of pieces. Read as digits of a number with mixed radix, the choices can be counted through.
 */

#include "faults/power-model.h"

#include "base/checksum.h"
#include "base/macro.h"
#include "test.h"

#define PIECES_MAX 4

typedef struct Pending {
        const MemoryChange **changes;
        size_t n_changes, n_allocated;
} Pending;

struct PowerModel {
        const MemoryLog *log;
        size_t next;         /* change of the log */
        MemoryImage durable; /* numbers of files as in the log */
        Pending *files;      /* of each file */
        size_t n_files;
        Pending names;
};

/* Of one state. */
typedef struct Choice {
        uint64_t number; /* the digits that are left */
        Random *random;  /* or drawn from here */
        bool rubbish;
} Choice;

static void pending_add(Pending *pending, const MemoryChange *change) {
        if (pending->n_changes == pending->n_allocated) {
                pending->n_allocated = pending->n_allocated * 2 + 8;
                pending->changes = reallocarray(pending->changes, pending->n_allocated, sizeof *pending->changes);
                CHECK(pending->changes != NULL);
        }
        pending->changes[pending->n_changes++] = change;
}

PowerModel *power_model_new(const MemoryImage *base, const MemoryLog *log) {
        PowerModel *model = calloc(1, sizeof *model);

        CHECK(model != NULL);
        model->log = log;
        memory_image_copy(&model->durable, base);
        model->n_files = base->n_files + log->n_changes;
        model->files = calloc(model->n_files, sizeof *model->files);
        CHECK(model->files != NULL);
        return model;
}

PowerModel *power_model_free(PowerModel *model) {
        if (!model)
                return NULL;
        for (size_t i = 0; i < model->n_files; i++)
                free(model->files[i].changes);
        free(model->files);
        free(model->names.changes);
        memory_image_done(&model->durable);
        free(model);
        return NULL;
}

static void apply_name(MemoryImage *image, const MemoryChange *change) {
        if (change->from[0])
                memory_image_drop_name(image, change->file, change->from);
        if (change->to[0])
                memory_image_set_name(image, change->file, change->to, change->target);
}

/* The bytes [skip, skip + size) of a write; of a truncation everything. */
static void apply_change(const PowerModel *model, MemoryFile *file, const MemoryChange *change, size_t skip,
                         size_t size) {
        if (change->kind == MEMORY_TRUNCATE)
                memory_file_resize(file, (size_t) change->offset);
        else
                memory_file_write(file, model->log->bytes + change->data + skip, size, (size_t) change->offset + skip);
}

static void model_sync(PowerModel *model, uint32_t number) {
        MemoryFile *file = model->durable.files + number;
        Pending *pending = model->files + number;
        size_t n_kept = 0;

        if (!file->is_directory) {
                for (size_t i = 0; i < pending->n_changes; i++)
                        apply_change(model, file, pending->changes[i], 0, pending->changes[i]->size);
                pending->n_changes = 0;
                return;
        }
        for (size_t i = 0; i < model->names.n_changes; i++)
                if (model->names.changes[i]->file == number)
                        apply_name(&model->durable, model->names.changes[i]);
                else
                        model->names.changes[n_kept++] = model->names.changes[i];
        model->names.n_changes = n_kept;
}

/* The bytes are gone for good; how long the file is stays known. */
static void model_lose(PowerModel *model, uint32_t number) {
        MemoryFile *file = model->durable.files + number;
        Pending *pending = model->files + number;
        size_t size = file->size;

        for (size_t i = 0; i < pending->n_changes; i++) {
                const MemoryChange *change = pending->changes[i];

                size = change->kind == MEMORY_TRUNCATE ? (size_t) change->offset
                                                       : MAX(size, (size_t) change->offset + change->size);
        }
        pending->n_changes = 0;
        memory_file_resize(file, size);
}

void power_model_advance(PowerModel *model) {
        const MemoryChange *change = model->log->changes + model->next++;

        switch (change->kind) {
        case MEMORY_WRITE:
        case MEMORY_TRUNCATE:
                pending_add(model->files + change->file, change);
                break;
        case MEMORY_SYNC:
                model_sync(model, change->file);
                break;
        case MEMORY_LOST:
                model_lose(model, change->file);
                break;
        case MEMORY_NAME:
                if (change->from[0] == '\0')
                        CHECK_EQUAL(memory_image_add_file(&model->durable, change->makes_directory), change->target);
                pending_add(&model->names, change);
                break;
        case MEMORY_MARK:
                break;
        }
}

/* choices */

static unsigned change_n_pieces(const MemoryChange *change) {
        uint64_t first = change->offset / POWER_SECTOR, end = (change->offset + change->size + POWER_SECTOR - 1) /
                                                              POWER_SECTOR;

        return change->kind == MEMORY_TRUNCATE ? 1 : (unsigned) MIN(end - first, (uint64_t) PIECES_MAX);
}

uint64_t power_model_n_states(const PowerModel *model) {
        unsigned n_bits = 0;

        for (size_t i = 0; i < model->durable.n_files; i++)
                for (size_t j = 0; j < model->files[i].n_changes; j++)
                        n_bits += change_n_pieces(model->files[i].changes[j]);
        if (n_bits > 40)
                return UINT64_MAX;
        return (UINT64_C(1) << n_bits) * (model->names.n_changes + 1);
}

static uint64_t choose(Choice *choice, uint64_t radix) {
        uint64_t digit;

        if (choice->random)
                return random_below(choice->random, radix);
        digit = choice->number % radix;
        choice->number /= radix;
        return digit;
}

static void fill_rubbish(MemoryFile *file, size_t offset, size_t size, Random *random) {
        for (size_t i = offset; i < MIN(offset + size, file->size); i++)
                file->data[i] = (uint8_t) random_u64(random);
}

static void keep_pieces(const PowerModel *model, MemoryFile *file, const MemoryChange *change, size_t durable_size,
                        Choice *choice) {
        unsigned n_pieces = change_n_pieces(change), piece = 0;
        uint64_t kept = choose(choice, UINT64_C(1) << n_pieces), n_sectors;

        /* Drawn states: a half is kept whole, a quarter dropped, a quarter torn, sector by sector. */
        if (choice->random) {
                uint64_t how = random_below(choice->random, 4);

                kept = how == 0 ? 0 : how == 1 ? kept : UINT64_MAX;
        }
        if (change->kind == MEMORY_TRUNCATE) {
                if (kept & 1)
                        apply_change(model, file, change, 0, 0);
                return;
        }
        n_sectors = (change->offset % POWER_SECTOR + change->size + POWER_SECTOR - 1) / POWER_SECTOR;
        for (size_t at = 0, n; at < change->size; at += n, piece++) {
                uint64_t bit = n_sectors <= PIECES_MAX ? piece : piece * (uint64_t) PIECES_MAX / n_sectors;

                n = MIN(change->size - at, (size_t) (POWER_SECTOR - (change->offset + at) % POWER_SECTOR));
                if (choice->random && n_sectors > PIECES_MAX && kept != 0 && kept != UINT64_MAX)
                        kept = random_below(choice->random, 2) << bit;
                if (kept >> bit & 1)
                        apply_change(model, file, change, at, n);
                else if (choice->rubbish && change->offset + at >= durable_size)
                        fill_rubbish(file, (size_t) change->offset + at, n, choice->random);
        }
}

/* Copies what `directory` holds to `target` in `ret`, with the choices for each file. */
static void build_directory(const PowerModel *model, const MemoryImage *names, uint32_t directory, Choice *choice,
                            MemoryImage *ret, uint32_t target) {
        for (size_t i = 0; i < names->n_names; i++) {
                const MemoryName *name = names->names + i;
                const MemoryFile *durable = model->durable.files + name->file;
                const Pending *pending = model->files + name->file;
                uint32_t number;
                MemoryFile *file;

                if (name->directory != directory)
                        continue;
                number = memory_image_add_file(ret, durable->is_directory);
                memory_image_set_name(ret, target, name->name, number);
                if (durable->is_directory) {
                        build_directory(model, names, name->file, choice, ret, number);
                        continue;
                }
                file = ret->files + number;
                memory_file_resize(file, 0);
                if (durable->size > 0)
                        memory_file_write(file, durable->data, durable->size, 0);
                for (size_t j = 0; j < pending->n_changes; j++)
                        keep_pieces(model, file, pending->changes[j], durable->size, choice);
        }
}

static void build(const PowerModel *model, Choice choice, MemoryImage *ret) {
        /* Only the names of this one are used. */
        static MemoryImage names;
        size_t n_kept = (size_t) choose(&choice, model->names.n_changes + 1);
        bool any_order = choice.random && random_below(choice.random, 8) == 0;

        memory_image_clear(&names);
        for (size_t i = 0; i < model->durable.n_names; i++)
                memory_image_set_name(&names, model->durable.names[i].directory, model->durable.names[i].name,
                                      model->durable.names[i].file);
        for (size_t i = 0; i < model->names.n_changes; i++)
                if (any_order ? random_below(choice.random, 2) == 0 : i < n_kept)
                        apply_name(&names, model->names.changes[i]);
        memory_image_clear(ret);
        build_directory(model, &names, 0, &choice, ret, 0);
}

void power_model_build(const PowerModel *model, uint64_t number, MemoryImage *ret) {
        build(model, (Choice) { .number = number }, ret);
}

void power_model_draw(const PowerModel *model, Random *random, MemoryImage *ret) {
        build(model, (Choice) { .random = random, .rubbish = random_below(random, 8) == 0 }, ret);
}

uint64_t power_image_hash(const MemoryImage *image) {
        uint64_t sum = 0;

        for (size_t i = 0; i < image->n_names; i++) {
                const MemoryName *name = image->names + i;
                const MemoryFile *file = image->files + name->file;
                uint64_t parts[2] = { checksum_xxh3(name->name, strlen(name->name)), 0 };

                if (file->size > 0)
                        parts[1] = checksum_xxh3(file->data, file->size);
                sum += checksum_xxh3(parts, sizeof parts) ^ file->size;
        }
        return sum;
}
