/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A dbus-daemon of our own that plays the system bus (DBUS_SYSTEM_BUS_ADDRESS), for tests of what talks over it.
 * Anybody may own any name on it, except those that begin with org.primed.Forbidden.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct PrivateBus {
        pid_t pid;
        char folder[64];
        char address[256];
} PrivateBus;

/*
 * Whether it runs: not without dbus-daemon. With `as_root` our own user is root for everybody on this bus: it runs in a
 * user namespace that maps him so, and where the kernel allows none it does not run.
 */
static inline bool private_bus_start_as(PrivateBus *bus, bool as_root) {
        static const char config[] =
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
                " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                "<busconfig><type>system</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>\n"
                "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>\n"
                "<deny own_prefix=\"org.primed.Forbidden\"/>\n"
                "<allow send_type=\"method_call\"/><allow send_type=\"signal\"/><allow send_type=\"method_return\"/>\n"
                "<allow send_type=\"error\"/><allow receive_type=\"*\"/></policy></busconfig>\n";
        char path[128];
        ssize_t n;
        int ready[2];
        FILE *file;

        *bus = (PrivateBus) { .pid = -1, .folder = "/tmp/primed-test-bus-XXXXXX" };
        if (!mkdtemp(bus->folder) || chmod(bus->folder, 0755) < 0 || pipe(ready) < 0)
                return false;
        (void) snprintf(path, sizeof path, "%s/conf", bus->folder);
        file = fopen(path, "we");
        if (!file || fprintf(file, config, bus->folder) < 0 || fclose(file) != 0)
                return false;
        bus->pid = fork();
        if (bus->pid == 0) {
                char argument[160];

                (void) snprintf(argument, sizeof argument, "--config-file=%s", path);
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed CHECK ends the test at once */
                (void) dup2(ready[1], 3);
                (void) freopen("/dev/null", "w", stderr);
                if (as_root && getuid() != 0)
                        execlp("unshare", "unshare", "--map-root-user", "dbus-daemon", argument, "--nofork",
                               "--nopidfile", "--print-address=3", NULL);
                else
                        execlp("dbus-daemon", "dbus-daemon", argument, "--nofork", "--nopidfile",
                               "--print-address=3", NULL);
                _exit(127);
        }
        (void) close(ready[1]);
        n = read(ready[0], bus->address, sizeof bus->address - 1);
        (void) close(ready[0]);
        if (n <= 0)
                return false;
        bus->address[n] = '\0';
        bus->address[strcspn(bus->address, ",\n")] = '\0';
        return setenv("DBUS_SYSTEM_BUS_ADDRESS", bus->address, 1) == 0;
}

static inline bool private_bus_start(PrivateBus *bus) {
        return private_bus_start_as(bus, false);
}

static inline void private_bus_stop(PrivateBus *bus) {
        static const char *const names[] = { "conf", "bus" };
        char path[128];

        if (bus->pid > 0) {
                (void) kill(bus->pid, SIGKILL);
                (void) waitpid(bus->pid, NULL, 0);
                bus->pid = -1;
        }
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                (void) snprintf(path, sizeof path, "%s/%s", bus->folder, names[i]);
                (void) unlink(path);
        }
        (void) rmdir(bus->folder);
}
