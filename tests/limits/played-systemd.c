/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Plays org.freedesktop.systemd1 as far as primed-limits asks it:
 *
 *     played-systemd CONTROL_FOLDER [REFUSED-PROPERTY]
 *
 * SetUnitProperties() writes the drop-in that systemd would write, by the property's name. Each call is a line on
 * standard output: "set SLICE RUNTIME PROPERTY VALUE", "reload". "ready" comes first.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

static const char *control_folder, *refused;

static int write_dropin(const char *slice, const char *property) {
        const char *name = strcmp(property, "CPUQuotaPerSecUSec") == 0 ? "CPUQuota" : property;
        char path[4096];
        FILE *file;

        (void) snprintf(path, sizeof path, "%s/%s.d", control_folder, slice);
        (void) mkdir(path, 0755);
        (void) snprintf(path, sizeof path, "%s/%s.d/50-%s.conf", control_folder, slice, name);
        file = fopen(path, "we");
        return file ? fclose(file) : -1;
}

static int print_value(sd_bus_message *m, const char *slice, int runtime, const char *property) {
        const char *contents;
        const void *bytes;
        uint64_t number64;
        uint32_t number32;
        size_t size;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &contents);
        if (r < 0)
                return r;
        printf("set %s %d %s ", slice, runtime, property);
        if (strcmp(contents, "t") == 0 && (r = sd_bus_message_read(m, "v", "t", &number64)) >= 0)
                printf("%" PRIu64 "\n", number64);
        else if (strcmp(contents, "u") == 0 && (r = sd_bus_message_read(m, "v", "u", &number32)) >= 0)
                printf("%" PRIu32 "\n", number32);
        else if (strcmp(contents, "ay") == 0) {
                r = sd_bus_message_enter_container(m, 'v', "ay");
                if (r >= 0)
                        r = sd_bus_message_read_array(m, 'y', &bytes, &size);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                for (size_t i = 0; r >= 0 && i < size; i++)
                        printf("%02x", ((const unsigned char *) bytes)[i]);
                printf("\n");
        } else
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INVALID_ARGS, "%s has the type %s", property,
                                                  contents);
        fflush(stdout);
        return r;
}

static int on_set(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *slice, *property;
        int runtime, r;

        r = sd_bus_message_read(m, "sb", &slice, &runtime);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(sv)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &property);
                if (r >= 0 && refused && strcmp(property, refused) == 0)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "This is refused");
                if (r >= 0)
                        r = print_value(m, slice, runtime, property);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0)
                        r = write_dropin(slice, property);
        }
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static int on_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (refused && strcmp(refused, "Reload") == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_FAILED, "No reload today");
        printf("reload\n");
        fflush(stdout);
        return sd_bus_reply_method_return(m, "");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("SetUnitProperties", "sba(sv)", "", on_set, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", "", "", on_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int main(int argc, char *argv[]) {
        sd_event *event = NULL;
        sd_bus *bus = NULL;
        int r;

        if (argc < 2)
                return 2;
        control_folder = argv[1];
        refused = argc > 2 ? argv[2] : NULL;
        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus, event, 0);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                             vtable, NULL);
        if (r >= 0)
                r = sd_bus_request_name(bus, "org.freedesktop.systemd1", 0);
        if (r >= 0) {
                printf("ready\n");
                fflush(stdout);
                r = sd_event_loop(event);
        }
        sd_bus_flush_close_unref(bus);
        sd_event_unref(event);
        if (r < 0)
                fprintf(stderr, "played-systemd: %s\n", strerror(-r));
        return r < 0;
}
