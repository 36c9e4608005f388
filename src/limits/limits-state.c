/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The state of primed-limits between two runs. */

#include "limits/limits-state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/utf8.h"

#define STATE_SIZE_MAX (64U << 10)

static json_t *json_release(json_t *value) {
        json_decref(value);
        return NULL;
}

DEFINE_TRIVIAL_CLEANUP_FUNC(json_t *, json_release);

static void copy_text(char *ret, size_t size, const json_t *value) {
        (void) snprintf(ret, size, "%s", json_is_string(value) ? json_string_value(value) : "");
}

static void state_read(const json_t *object, LimitsState *state) {
        const json_t *text = json_object_get(object, "text"), *set = json_object_get(object, "set");

        state->loaded = json_is_true(json_object_get(object, "loaded"));
        copy_text(state->error, sizeof state->error, json_object_get(object, "error"));
        copy_text(state->note, sizeof state->note, json_object_get(object, "note"));
        for (size_t i = 0; i < json_array_size(set); i++) {
                const char *name = json_string_value(json_array_get(set, i));
                int kind = name ? limit_kind_from_name(name) : -EINVAL;

                if (kind < 0)
                        continue;
                state->set[kind] = true;
                copy_text(state->text[kind], sizeof state->text[kind], json_object_get(text, name));
        }
}

int limits_state_load(const char *path, LimitsState *ret, Problem *problem) {
        _cleanup_(json_releasep) json_t *object = NULL;
        _cleanup_free_ char *text = NULL;
        LimitsState state = {};
        size_t size;
        int r;

        r = file_read_whole(AT_FDCWD, path, STATE_SIZE_MAX, &text, &size);
        if (r < 0 && r != -ENOENT && r != -EFBIG)
                return problem_set(problem, r, "Cannot read %s: %m", path);
        if (r >= 0)
                object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        if (json_is_object(object))
                state_read(object, &state);
        *ret = state;
        return 0;
}

int limits_state_save(const char *path, const LimitsState *state, Problem *problem) {
        _cleanup_(json_releasep) json_t *object = NULL;
        _cleanup_free_ char *text = NULL;
        json_t *set = json_array(), *texts = json_object();
        char error[sizeof state->error], word[LIMIT_TEXT_MAX];
        int r;

        /* JSON is UTF-8, and a sentence about a damaged file may quote what is not. */
        utf8_copy_plain(error, sizeof error, state->error);
        for (int kind = 0; kind < LIMIT_KINDS; kind++) {
                if (!state->set[kind])
                        continue;
                (void) json_array_append_new(set, json_string(limit_kind_name(kind)));
                utf8_copy_plain(word, sizeof word, state->text[kind]);
                (void) json_object_set_new(texts, limit_kind_name(kind), json_string(word));
        }
        object = json_pack("{s:b, s:o, s:o, s:s, s:s}", "loaded", state->loaded, "set", set, "text", texts,
                           "error", error, "note", state->note);
        text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
        if (!text)
                return problem_set(problem, ENOMEM, "Cannot write %s: %m", path);
        r = file_replace(path, text, strlen(text), 0644);
        return r < 0 ? problem_set(problem, r, "Cannot write %s: %m", path) : 0;
}
