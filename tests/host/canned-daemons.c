/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Stands in for primed-master and primed-scout on a private bus, so that what primectl prints can be compared with
 * what it was told.
 *
 *     canned-daemons FILE
 *
 * FILE is a JSON object {"org.primed.Master1": {"GetStatus": {KEY: "u:7919", …}, "ListJobs": [{…}, …], …}, …}: a
 * value is the letter of its type, a colon, and itself. A method whose value is a list of two strings fails with that
 * error and message; AddJob's value is the name to return. Calls that change something are written to standard output,
 * a line each. "ready" comes first.
 *
 * "org.freedesktop.systemd1": {UNIT: [STATE OF ITS FILE, ACTIVE STATE], …} plays systemd, too.
 */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

static int append_value(sd_bus_message *m, const char *key, const char *text) {
        const char type[] = { text[0], '\0' };
        const char *value = text + 2;
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', type);
        if (r < 0)
                return r;
        switch (type[0]) {
        case 's':
                r = sd_bus_message_append(m, "s", value);
                break;
        case 'u':
                r = sd_bus_message_append(m, "u", (uint32_t) strtoul(value, NULL, 10));
                break;
        case 't':
                r = sd_bus_message_append(m, "t", (uint64_t) strtoull(value, NULL, 10));
                break;
        case 'd':
                r = sd_bus_message_append(m, "d", strtod(value, NULL));
                break;
        case 'b':
                r = sd_bus_message_append(m, "b", strcmp(value, "true") == 0);
                break;
        default:
                return -EINVAL;
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_record(sd_bus_message *m, const json_t *record) {
        const char *key;
        json_t *value;
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        json_object_foreach((json_t *) record, key, value) {
                r = append_value(m, key, json_string_value(value));
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(m);
}

static int append_answer(sd_bus_message *m, const json_t *answer) {
        const json_t *record;
        size_t i;
        int r;

        if (json_is_object(answer))
                return append_record(m, answer);
        r = sd_bus_message_open_container(m, 'a', "a{sv}");
        json_array_foreach(answer, i, record)
                if (r >= 0)
                        r = append_record(m, record);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* What the caller wants, in words. */
static int print_call(sd_bus_message *call) {
        const char *from, *to, *key, *name;
        uint32_t value;
        int r;

        if (!sd_bus_message_is_method_call(call, NULL, "AddJob")) {
                r = sd_bus_message_read(call, "s", &name);
                if (r >= 0)
                        printf("%s %s\n", sd_bus_message_get_member(call), name);
        } else {
                r = sd_bus_message_read(call, "ss", &from, &to);
                if (r >= 0)
                        printf("AddJob %s %s", from, to[0] ? to : "open");
                if (r >= 0)
                        r = sd_bus_message_enter_container(call, 'a', "{sv}");
                while (r >= 0 && (r = sd_bus_message_read(call, "{sv}", &key, "u", &value)) > 0)
                        printf(" %s=%" PRIu32, key, value);
                printf("\n");
        }
        fflush(stdout);
        return r;
}

/* Lists and dictionaries, names of jobs, and pairs of error and message. */
static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *ret_error) {
        const json_t *answers = userdata, *answer;
        sd_bus_message *reply = NULL;
        bool question = strncmp(sd_bus_message_get_member(call), "Get", 3) == 0 ||
                        strncmp(sd_bus_message_get_member(call), "List", 4) == 0;
        int r;

        answer = json_object_get(answers, sd_bus_message_get_member(call));
        if (!question) {
                r = print_call(call);
                if (r < 0)
                        return r;
        }
        if (json_is_string(json_array_get(answer, 0)))
                return sd_bus_error_set(ret_error, json_string_value(json_array_get(answer, 0)),
                                        json_string_value(json_array_get(answer, 1)));
        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0 && question)
                r = append_answer(reply, answer);
        else if (r >= 0 && json_is_string(answer))
                r = sd_bus_message_append(reply, "s", json_string_value(answer));
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

static const sd_bus_vtable master_methods[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("AddJob", "ssa{sv}", "s", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("PauseJob", "s", "", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ResumeJob", "s", "", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CancelJob", "s", "", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetStatus", "", "a{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListJobs", "", "aa{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListWorkers", "", "aa{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable worker_methods[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetStatus", "", "a{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListMasters", "", "aa{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* systemd: GetUnitFileState(unit) and LoadUnit(unit), whose object has one property. */
static int on_unit_call(sd_bus_message *call, void *userdata, sd_bus_error *ret_error) {
        const char *name, *state;
        char *path;
        int r;

        r = sd_bus_message_read(call, "s", &name);
        if (r < 0)
                return r;
        state = json_string_value(json_array_get(json_object_get((json_t *) userdata, name), 0));
        if (!state)
                return sd_bus_error_set(ret_error, "org.freedesktop.systemd1.NoSuchUnit", name);
        if (sd_bus_message_is_method_call(call, NULL, "GetUnitFileState"))
                return sd_bus_reply_method_return(call, "s", state);
        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &path);
        if (r < 0)
                return r;
        r = sd_bus_reply_method_return(call, "o", path);
        free(path);
        return r;
}

static int get_active_state(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        char *name;
        int r;

        r = sd_bus_path_decode(path, "/org/freedesktop/systemd1/unit", &name);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = sd_bus_message_append(reply, "s",
                                  json_string_value(json_array_get(json_object_get((json_t *) userdata, name), 1)));
        free(name);
        return r;
}

static int find_unit(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                     sd_bus_error *ret_error) {
        *ret_found = userdata;
        return 1;
}

static const sd_bus_vtable manager_methods[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetUnitFileState", "s", "s", on_unit_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("LoadUnit", "s", "o", on_unit_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable unit_properties[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("ActiveState", "s", get_active_state, 0, 0),
        SD_BUS_VTABLE_END,
};

static int serve_systemd(sd_bus *bus, json_t *units) {
        int r;

        if (!units)
                return 0;
        r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                     manager_methods, units);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(bus, NULL, "/org/freedesktop/systemd1/unit",
                                               "org.freedesktop.systemd1.Unit", unit_properties, find_unit, units);
        return r < 0 ? r : sd_bus_request_name(bus, "org.freedesktop.systemd1", 0);
}

/* The names are written out here: what primectl calls is compared with the contract. */
static int serve(sd_bus *bus, json_t *answers) {
        json_t *master = json_object_get(answers, "org.primed.Master1");
        json_t *worker = json_object_get(answers, "org.primed.Worker1");
        int r;

        r = serve_systemd(bus, json_object_get(answers, "org.freedesktop.systemd1"));
        if (master && r >= 0) {
                r = sd_bus_add_object_vtable(bus, NULL, "/org/primed/Master1", "org.primed.Master1", master_methods,
                                             master);
                if (r >= 0)
                        r = sd_bus_request_name(bus, "org.primed.Master1", 0);
        }
        if (worker && r >= 0) {
                r = sd_bus_add_object_vtable(bus, NULL, "/org/primed/Worker1", "org.primed.Worker1", worker_methods,
                                             worker);
                if (r >= 0)
                        r = sd_bus_request_name(bus, "org.primed.Worker1", 0);
        }
        if (r < 0)
                return r;
        printf("ready\n");
        fflush(stdout);
        for (;;) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (r < 0)
                        return r;
        }
}

int main(int argc, char *argv[]) {
        json_error_t error;
        sd_bus *bus = NULL;
        json_t *answers;
        int r;

        answers = argc == 2 ? json_load_file(argv[1], 0, &error) : NULL;
        if (!answers) {
                fprintf(stderr, "canned-daemons: give a file of JSON%s%s\n", argc == 2 ? ": " : "",
                        argc == 2 ? error.text : "");
                return EXIT_FAILURE;
        }
        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = serve(bus, answers);
        fprintf(stderr, "canned-daemons: %s\n", strerror(-r));
        sd_bus_unref(bus);
        json_decref(answers);
        return EXIT_FAILURE;
}
