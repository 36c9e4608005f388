/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Power supplies of all kinds of machines, in a folder of our own. */

#include "worker/power.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"

static char folder[] = "/tmp/test-power-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static void machine_new(void) {
        (void) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
        CHECK(mkdtemp(folder));
}

static void set(const char *device, const char *attribute, const char *value) {
        char path[PATH_MAX];
        _cleanup_fclose_ FILE *file = NULL;

        (void) snprintf(path, sizeof path, "%s/%s", folder, device);
        CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
        (void) snprintf(path, sizeof path, "%s/%s/%s", folder, device, attribute);
        file = fopen(path, "we");
        CHECK(file && fprintf(file, "%s\n", value) > 0);
}

static void test_no_supplies_are_mains(void) {
        machine_new();
        CHECK(!power_is_battery(folder));
        CHECK(!power_is_battery("/there-is-no-such-folder"));
}

static void test_laptop(void) {
        machine_new();
        set("AC", "type", "Mains");
        set("AC", "online", "1");
        set("BAT0", "type", "Battery");
        set("BAT0", "status", "Charging");
        CHECK(!power_is_battery(folder));
        set("AC", "online", "0");
        set("BAT0", "status", "Discharging");
        CHECK(power_is_battery(folder));
        /* some drain theirs on purpose while they are plugged in */
        set("AC", "online", "1");
        CHECK(!power_is_battery(folder));
        set("AC", "online", "0");
        set("BAT0", "status", "Full");
        CHECK(!power_is_battery(folder));
        /* the second of two */
        set("BAT1", "type", "Battery");
        set("BAT1", "status", "Discharging");
        CHECK(power_is_battery(folder));
        set("usb-c", "type", "USB");
        set("usb-c", "online", "1");
        CHECK(!power_is_battery(folder));
}

static void test_a_mouse_is_no_machine(void) {
        machine_new();
        set("mouse", "type", "Battery");
        set("mouse", "scope", "Device");
        set("mouse", "status", "Discharging");
        CHECK(!power_is_battery(folder));
}

int main(void) {
        RUN(test_no_supplies_are_mains);
        RUN(test_laptop);
        RUN(test_a_mouse_is_no_machine);
        (void) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return tests_end();
}
