/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* D-Bus dictionaries as JSON objects. */

#include "ctl/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "bus/bus.h"
#include "ctl/json-text.h"

static bool is_time(const char *key) {
        size_t n = strlen(key);

        return n > strlen("_usec") && strcmp(key + n - strlen("_usec"), "_usec") == 0;
}

static json_t *json_of(const char *key, char type, BusValue value) {
        char digits[24];

        switch (type) {
        case 's':
                return json_text(value.s);
        case 'u':
                return json_integer(value.u);
        case 't':
                if (is_time(key))
                        return value.t > INT64_MAX ? json_null() : json_integer((json_int_t) value.t);
                (void) snprintf(digits, sizeof digits, "%" PRIu64, value.t);
                return json_string(digits);
        case 'd':
                return json_real(value.d) ?: json_null(); /* neither infinity nor NaN is JSON */
        default:
                return json_boolean(value.b);
        }
}

static int on_entry(const char *key, char type, BusValue value, void *userdata) {
        return json_object_set_new(userdata, key, json_of(key, type, value)) < 0 ? -ENOMEM : 0;
}

int answer_read(sd_bus_message *m, json_t **ret) {
        json_t *record = json_object();
        int r;

        if (!record)
                return -ENOMEM;
        r = bus_read_dictionary(m, on_entry, record);
        if (r < 0) {
                json_decref(record);
                return r;
        }
        *ret = record;
        return 0;
}

int answer_read_list(sd_bus_message *m, json_t **ret) {
        json_t *list = json_array(), *record;
        int r;

        if (!list)
                return -ENOMEM;
        r = sd_bus_message_enter_container(m, 'a', "a{sv}");
        while (r >= 0 && (r = sd_bus_message_at_end(m, 0)) == 0) {
                r = answer_read(m, &record);
                if (r >= 0 && json_array_append_new(list, record) < 0)
                        r = -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0) {
                json_decref(list);
                return r;
        }
        *ret = list;
        return 0;
}

static int make_plain(json_t *record) {
        const char *key;
        json_t *value;

        json_object_foreach(record, key, value) {
                const char *text = json_string_value(value);
                _cleanup_free_ char *plain = NULL;
                size_t size = text ? strlen(text) + 1 : 0;

                if (!text || utf8_is_plain(text, size - 1))
                        continue;
                plain = malloc(size);
                if (!plain)
                        return -ENOMEM;
                utf8_copy_plain(plain, size, text);
                if (json_string_set(value, plain) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int answer_make_plain(json_t *record) {
        json_t *item;
        size_t i;
        int r;

        if (!json_is_array(record))
                return make_plain(record);
        json_array_foreach(record, i, item) {
                r = make_plain(item);
                if (r < 0)
                        return r;
        }
        return 0;
}

const char *answer_string(const json_t *record, const char *key) {
        return json_string_value(json_object_get(record, key)) ?: "";
}

uint64_t answer_u64(const json_t *record, const char *key) {
        const json_t *value = json_object_get(record, key);
        uint64_t number = 0;

        if (json_is_integer(value))
                return (uint64_t) json_integer_value(value);
        if (json_is_string(value))
                (void) parse_u64(json_string_value(value), &number);
        return number;
}

double answer_double(const json_t *record, const char *key) {
        return json_number_value(json_object_get(record, key));
}

bool answer_bool(const json_t *record, const char *key) {
        return json_is_true(json_object_get(record, key));
}

usec_t answer_usec(const json_t *record, const char *key) {
        const json_t *value = json_object_get(record, key);

        return json_is_null(value) ? USEC_INFINITY : (usec_t) json_integer_value(value);
}

bool answer_is(const json_t *record, const char *key, const char *value) {
        return strcmp(answer_string(record, key), value) == 0;
}
