/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Integers as JSON strings. */

#include "ctl/json-number.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "prime/number.h"

json_t *json_u64(uint64_t value) {
        char text[24];

        (void) snprintf(text, sizeof text, "%" PRIu64, value);
        return json_string(text);
}

json_t *json_number(const mpz_t number) {
        _cleanup_free_ char *text = number_format(number);

        return text ? json_string(text) : NULL;
}

json_t *json_classes(const uint64_t classes[static 8]) {
        json_t *object = json_object();
        char name[4];

        for (size_t i = 0; object && i < 8; i++) {
                (void) snprintf(name, sizeof name, "%u", bitmap_residues[i]);
                if (json_object_set_new(object, name, json_u64(classes[i])) < 0) {
                        json_decref(object);
                        return NULL;
                }
        }
        return object;
}
