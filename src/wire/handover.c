/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A report as JSON, by a table of its fields. Keys that are not known are skipped and keys that are not there mean
 * empty or 0, so that a scout and a worker of two versions understand each other while a host is being upgraded.
 */

#include "wire/handover.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/utf8.h"

#define HANDOVER_THREADS_MAX UINT16_MAX /* as the protocol has them */

static const char *const event_names[_HANDOVER_EVENT_MAX] = {
        [HANDOVER_JOINED] = "joined", [HANDOVER_STATE] = "state",     [HANDOVER_DONE] = "done",
        [HANDOVER_LOST] = "lost",     [HANDOVER_REFUSED] = "refused",
};

typedef struct HandoverField {
        const char *key;
        size_t offset;
        size_t text_size; /* of the array; 0: an unsigned */
} HandoverField;

#define TEXT(name) { #name, offsetof(HandoverReport, name), sizeof(((HandoverReport *) NULL)->name) }
#define NUMBER(name) { #name, offsetof(HandoverReport, name), 0 }

static const HandoverField handover_fields[] = {
        TEXT(master_id),
        TEXT(master_name),
        TEXT(reason),
        NUMBER(threads_asked),
        NUMBER(threads_allowed),
        NUMBER(threads_applied),
        TEXT(note),
};

static json_t *field_encode(const HandoverReport *report, const HandoverField *field) {
        const void *p = (const char *) report + field->offset;
        char text[WIRE_REASON_MAX + 1];

        if (field->text_size == 0)
                return json_integer(MIN(*(const unsigned *) p, (unsigned) HANDOVER_THREADS_MAX));
        utf8_copy_plain(text, MIN(sizeof text, field->text_size), p);
        return json_string(text);
}

int handover_encode(const HandoverReport *report, char **ret, size_t *ret_size) {
        json_auto_t *object = json_object();
        char *text;

        if (!object || json_object_set_new(object, "event", json_string(event_names[report->event])) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(handover_fields); i++)
                if (json_object_set_new(object, handover_fields[i].key, field_encode(report, handover_fields + i)) < 0)
                        return -ENOMEM;
        text = json_dumps(object, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        *ret = text;
        *ret_size = strlen(text);
        return 0;
}

static int event_decode(const json_t *object, HandoverEvent *ret) {
        const char *name = json_string_value(json_object_get(object, "event"));

        for (unsigned event = 0; name && event < _HANDOVER_EVENT_MAX; event++)
                if (strcmp(name, event_names[event]) == 0) {
                        *ret = (HandoverEvent) event;
                        return 0;
                }
        return -EBADMSG;
}

static int field_decode(const json_t *object, const HandoverField *field, HandoverReport *report) {
        const json_t *value = json_object_get(object, field->key);
        void *p = (char *) report + field->offset;

        if (!value)
                return 0;
        if (field->text_size == 0) {
                if (!json_is_integer(value) || json_integer_value(value) < 0 ||
                    json_integer_value(value) > HANDOVER_THREADS_MAX)
                        return -EBADMSG;
                *(unsigned *) p = (unsigned) json_integer_value(value);
                return 0;
        }
        if (!json_is_string(value) || json_string_length(value) >= field->text_size ||
            !utf8_is_plain(json_string_value(value), json_string_length(value)))
                return -EBADMSG;
        memcpy(p, json_string_value(value), json_string_length(value) + 1);
        return 0;
}

/* Lower-case hex of a whole id, or nothing. */
static bool id_is_valid(const char *id) {
        size_t size = strlen(id);

        return size == 0 || (size == 2 * SHA256_SIZE && strspn(id, "0123456789abcdef") == size);
}

int handover_decode(const char *text, size_t size, HandoverReport *ret) {
        json_auto_t *object = NULL;
        HandoverReport report = {};

        if (size > HANDOVER_SIZE_MAX)
                return -EBADMSG;
        object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(object) || event_decode(object, &report.event) < 0)
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(handover_fields); i++)
                if (field_decode(object, handover_fields + i, &report) < 0)
                        return -EBADMSG;
        if (!id_is_valid(report.master_id))
                return -EBADMSG;
        *ret = report;
        return 0;
}
