/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The state of primed-limits: written, read, damaged. */

#include "limits/limits-state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static char folder[] = "/tmp/primed-test-limits-XXXXXX", path[64];

static void write_file(const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        CHECK(write(fd, text, strlen(text)) == (ssize_t) strlen(text));
        CHECK(close(fd) == 0);
}

static void test_missing_is_empty(void) {
        LimitsState state = { .loaded = true };

        CHECK(limits_state_load(path, &state, NULL) == 0);
        CHECK(!state.loaded && state.error[0] == '\0');
        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                CHECK(!state.set[kind]);
}

static void test_round_trip(void) {
        LimitsState state = { .loaded = true, .error = "worker.conf:3: \"x\"", .note = "a note" }, again;
        struct stat s;

        state.set[LIMIT_CPU_QUOTA] = true;
        (void) strcpy(state.text[LIMIT_CPU_QUOTA], "150%");
        CHECK(limits_state_save(path, &state, NULL) == 0);
        CHECK(stat(path, &s) == 0 && (s.st_mode & 0777) == 0644);
        CHECK(limits_state_load(path, &again, NULL) == 0);
        CHECK(again.loaded && again.set[LIMIT_CPU_QUOTA] && !again.set[LIMIT_ALLOWED_CPUS]);
        CHECK_STRING(again.text[LIMIT_CPU_QUOTA], "150%");
        CHECK_STRING(again.error, state.error);
        CHECK_STRING(again.note, state.note);
}

/* What the scout reads: the names of the contract. */
static void test_form(void) {
        LimitsState state = {};
        json_t *object;

        state.set[LIMIT_MEMORY_HIGH] = true;
        (void) strcpy(state.text[LIMIT_MEMORY_HIGH], "1G");
        CHECK(limits_state_save(path, &state, NULL) == 0);
        object = json_load_file(path, 0, NULL);
        CHECK(json_is_false(json_object_get(object, "loaded")));
        CHECK_STRING(json_string_value(json_array_get(json_object_get(object, "set"), 0)), "MemoryHigh");
        CHECK_STRING(json_string_value(json_object_get(json_object_get(object, "text"), "MemoryHigh")), "1G");
        CHECK_STRING(json_string_value(json_object_get(object, "error")), "");
        json_decref(object);
}

static void test_any_bytes(void) {
        LimitsState state = { .error = "worker.conf:1: \xff\xfe\x01 \xe2\x80" };

        CHECK(limits_state_save(path, &state, NULL) == 0);
        CHECK(limits_state_load(path, &state, NULL) == 0);
        CHECK(strncmp(state.error, "worker.conf:1: ???", 18) == 0);
}

static void test_damaged_is_empty(void) {
        static const char *const texts[] = {
                "", "{", "[]", "null", "{\"set\": 3, \"text\": []}", "{\"set\": [1, null, \"nothing\"], \"error\": {}}",
                "{\"loaded\": 1, \"loaded\": 2}",
        };

        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
                LimitsState state = { .loaded = true };

                write_file(texts[i]);
                CHECK(limits_state_load(path, &state, NULL) == 0);
                CHECK(!state.loaded && state.error[0] == '\0');
                for (int kind = 0; kind < LIMIT_KINDS; kind++)
                        CHECK(!state.set[kind]);
        }
}

static void test_unwritable(void) {
        LimitsState state = {};
        Problem problem = PROBLEM_NONE;

        CHECK(limits_state_save("/tmp/no-such-folder/limits", &state, &problem) == -ENOENT);
        CHECK(strstr(problem.text, "/tmp/no-such-folder/limits"));
}

int main(void) {
        CHECK(mkdtemp(folder));
        (void) snprintf(path, sizeof path, "%s/limits", folder);
        RUN(test_missing_is_empty);
        RUN(test_round_trip);
        RUN(test_form);
        RUN(test_any_bytes);
        RUN(test_damaged_is_empty);
        RUN(test_unwritable);
        CHECK(unlink(path) == 0 && rmdir(folder) == 0);
        return tests_end();
}
