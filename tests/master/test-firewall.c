/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The firewall hint, with a systemd and a firewalld that the test plays on a bus of its own. */

#include "master/firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/place.h"
#include "bus/bus.h"
#include "private-bus.h"
#include "test.h"

#define FIREWALLD_PATH "/org/fedoraproject/FirewallD1"

static PrivateBus private_bus;
static sd_event *event;
static char root[] = "/tmp/primed-test-firewall.XXXXXX";
static char kept[64];
static const char *passed_path; /* what the code under test gets; NULL: nothing is kept */
static bool worker_comes;       /* at the end of each check */

/* The host: what the played daemons answer. */
typedef struct Host {
        const char *active; /* the unit that is; NULL: none */
        const char *zone;
        bool denied, open_service, open_port;
        unsigned n_calls; /* of systemd */
} Host;

static Host host;

/* What the code under test told. */
typedef struct Told {
        unsigned n;
        char hint[640];
} Told;

static int get_active_state(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        _cleanup_free_ char *unit = NULL;

        host.n_calls++;
        CHECK(sd_bus_path_decode(path, "/org/freedesktop/systemd1/unit", &unit) > 0);
        return sd_bus_message_append(reply, "s", host.active && strcmp(unit, host.active) == 0 ? "active" : "inactive");
}

static int on_get_zone(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        return host.denied ? sd_bus_error_set(ret_error, SD_BUS_ERROR_ACCESS_DENIED, "no") :
                             sd_bus_reply_method_return(m, "s", host.zone);
}

static int on_query_service(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *zone, *service;

        CHECK(sd_bus_message_read(m, "ss", &zone, &service) > 0);
        CHECK_STRING(zone, host.zone);
        CHECK_STRING(service, "primed");
        return sd_bus_reply_method_return(m, "b", host.open_service);
}

static int on_query_port(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *zone, *port, *protocol;

        CHECK(sd_bus_message_read(m, "sss", &zone, &port, &protocol) > 0);
        CHECK_STRING(zone, host.zone);
        CHECK_STRING(protocol, "tcp");
        return sd_bus_reply_method_return(m, "b", host.open_port);
}

static const sd_bus_vtable unit_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("ActiveState", "s", get_active_state, 0, 0),
        SD_BUS_VTABLE_END,
};
static const sd_bus_vtable firewalld_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("getDefaultZone", "", "s", on_get_zone, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
static const sd_bus_vtable zone_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("queryService", "ss", "b", on_query_service, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("queryPort", "sss", "b", on_query_port, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int find_unit(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                     sd_bus_error *ret_error) {
        *ret_found = userdata;
        return 1;
}

static void on_name(int error, const char *reason, void *userdata) {
        CHECK_EQUAL(error, 0);
        ++*(unsigned *) userdata;
}

static sd_bus *play_daemons(void) {
        unsigned n_names = 0;
        sd_bus *bus = NULL;

        CHECK_EQUAL(bus_open_system(event, &bus, NULL), 0);
        CHECK(sd_bus_add_fallback_vtable(bus, NULL, "/org/freedesktop/systemd1/unit", "org.freedesktop.systemd1.Unit",
                                         unit_vtable, find_unit, &host) >= 0);
        CHECK(sd_bus_add_object_vtable(bus, NULL, FIREWALLD_PATH, "org.fedoraproject.FirewallD1", firewalld_vtable,
                                       NULL) >= 0);
        CHECK(sd_bus_add_object_vtable(bus, NULL, FIREWALLD_PATH, "org.fedoraproject.FirewallD1.zone", zone_vtable,
                                       NULL) >= 0);
        CHECK_EQUAL(bus_request_name(bus, "org.freedesktop.systemd1", on_name, &n_names), 0);
        CHECK_EQUAL(bus_request_name(bus, "org.fedoraproject.FirewallD1", on_name, &n_names), 0);
        while (n_names < 2)
                CHECK(sd_event_run(event, USEC_PER_SEC) >= 0);
        return bus;
}

static void on_changed(const char *hint, void *userdata) {
        Told *told = userdata;

        told->n++;
        (void) snprintf(told->hint, sizeof told->hint, "%s", hint);
}

static void write_file(const char *path, const char *text, mode_t mode) {
        char full[512];
        int fd;

        (void) snprintf(full, sizeof full, "%s%s", root, path);
        for (char *p = full + sizeof root; (p = strchr(p, '/')); p++) {
                *p = '\0';
                (void) mkdir(full, 0755);
                *p = '/';
        }
        fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
        CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
        (void) fd_close(fd);
}

static void remove_file(const char *path) {
        char full[512];

        (void) snprintf(full, sizeof full, "%s%s", root, path);
        (void) unlink(full);
}

/* Runs one whole check; the hint is in `told`. */
static void check_once(uint16_t port, Told *told) {
        const FirewallSettings settings = { .port = port, .root = root, .passed_path = passed_path,
                                            .on_changed = on_changed, .userdata = told };
        usec_t end = clock_now_usec() + TEST_PATIENCE(0.3);
        Firewall *firewall = NULL;
        sd_bus *bus = NULL;
        unsigned n;

        *told = (Told) {};
        host.n_calls = 0;
        CHECK_EQUAL(bus_open_system(event, &bus, NULL), 0);
        CHECK_EQUAL(firewall_new(bus, event, &settings, &firewall), 0);
        CHECK_STRING(firewall_hint(firewall), ""); /* nothing waits */
        while (clock_now_usec() < end && told->n == 0)
                CHECK(sd_event_run(event, 20 * USEC_PER_MSEC) >= 0);
        CHECK_STRING(firewall_hint(firewall), told->hint);
        CHECK(told->n <= 1);
        if (worker_comes) {
                CHECK(firewall_passed(firewall));
                CHECK_STRING(firewall_hint(firewall), "");
                CHECK(told->n != 1 || told->hint[0] == '\0');
                n = told->n;
                CHECK(firewall_passed(firewall));
                CHECK_EQUAL(told->n, n);
        }
        CHECK(firewall_free(firewall) == NULL);
        sd_bus_close_unref(bus);
}

static void check_hint(uint16_t port, const char *wanted) {
        Told told;

        check_once(port, &told);
        if (!wanted)
                CHECK_STRING(told.hint, "");
        else if (!strstr(told.hint, wanted)) {
                printf("# '%s' lacks '%s'\n", told.hint, wanted);
                CHECK(strstr(told.hint, wanted));
        }
}

static void test_no_daemon_answers(void) {
        check_hint(PORT_DEFAULT, NULL);
}

static void test_no_firewall(void) {
        sd_bus *bus = play_daemons();

        host = (Host) {};
        check_hint(PORT_DEFAULT, NULL);
        CHECK_EQUAL(host.n_calls, 3);
        sd_bus_close_unref(bus);
}

static void test_firewalld(void) {
        sd_bus *bus = play_daemons();

        host = (Host) { .active = "firewalld.service", .zone = "public" };
        check_hint(PORT_DEFAULT, ": firewall-cmd --permanent --add-service=primed && firewall-cmd --reload");
        check_hint(1234, ": firewall-cmd --permanent --add-port=1234/tcp --add-service=mdns && "
                         "firewall-cmd --reload");
        host.open_service = true;
        check_hint(PORT_DEFAULT, NULL);
        check_hint(1234, "1234/tcp"); /* the service is another port */
        host = (Host) { .active = "firewalld.service", .zone = "home", .open_port = true };
        check_hint(1234, NULL);
        host = (Host) { .active = "firewalld.service", .zone = "trusted" };
        check_hint(PORT_DEFAULT, NULL);
        host = (Host) { .active = "firewalld.service", .zone = "public", .denied = true, .open_service = true };
        check_hint(PORT_DEFAULT, "--add-service=primed"); /* it cannot be asked: assume the worst */
        sd_bus_close_unref(bus);
}

static void test_ufw(void) {
        sd_bus *bus = play_daemons();

        host = (Host) { .active = "ufw.service" };
        write_file("/etc/ufw/ufw.conf", "# comment\nENABLED=no\n#ENABLED=yes\n", 0644);
        write_file("/etc/ufw/user.rules", "*filter\n-A ufw-user-input -p tcp --dport 17919 -j ACCEPT\n", 0640);
        check_hint(PORT_DEFAULT, NULL);
        write_file("/etc/ufw/ufw.conf", "ENABLED=yes\n", 0644);
        check_hint(PORT_DEFAULT, ": ufw allow primed");
        check_hint(1234, ": ufw allow 1234/tcp");
        write_file("/etc/ufw/user.rules", "*filter\n-A ufw-user-input -p tcp --dport 7919 -j ACCEPT\n", 0640);
        check_hint(PORT_DEFAULT, NULL);
        remove_file("/etc/ufw/user.rules");
        check_hint(PORT_DEFAULT, ": ufw allow primed");
        host.active = NULL; /* the file alone does nothing */
        check_hint(PORT_DEFAULT, NULL);
        sd_bus_close_unref(bus);
}

/* As Debian has it: the conf can be read, the rules are for root, before and after `ufw allow primed`. */
static void test_rules_that_cannot_be_read(void) {
        const char *told = "may not read). If workers on other hosts cannot join, run as root: ufw allow primed";
        sd_bus *bus = play_daemons();
        uid_t uid = geteuid();
        char folder[64];

        host = (Host) { .active = "ufw.service" };
        write_file("/etc/ufw/ufw.conf", "ENABLED=yes\n", 0644);
        write_file("/etc/ufw/user.rules", "-A ufw-user-input -p tcp --dport 7919 -j ACCEPT\n", uid == 0 ? 0600 : 0);
        (void) snprintf(kept, sizeof kept, "%s/state/passed", root);
        write_file("/state/none", "", 0644);
        passed_path = kept;
        if (uid == 0) {
                (void) snprintf(folder, sizeof folder, "%s/state", root);
                CHECK(chmod(root, 0755) == 0 && chmod(folder, 0777) == 0);
                CHECK(seteuid(65534) == 0);
        }
        check_hint(PORT_DEFAULT, told);
        check_hint(PORT_DEFAULT, told); /* that somebody has seen it is no reason to be silent */
        worker_comes = true;
        check_hint(PORT_DEFAULT, NULL);
        worker_comes = false;
        check_hint(PORT_DEFAULT, NULL); /* another start of the master */
        check_hint(1234, ": ufw allow 1234/tcp");
        if (uid == 0)
                CHECK(seteuid(uid) == 0);
        remove_file("/etc/ufw/user.rules"); /* from here on closed, for whoever may look */
        host.active = "nftables.service"; /* nobody came through this one */
        write_file("/etc/nftables.conf", "chain input { policy drop; }", 0755);
        check_hint(PORT_DEFAULT, "(nftables). If workers");
        worker_comes = true;
        check_hint(PORT_DEFAULT, NULL);
        worker_comes = false;
        check_hint(PORT_DEFAULT, NULL);
        host.active = "ufw.service";
        check_hint(PORT_DEFAULT, NULL); /* both are remembered */
        passed_path = NULL;
        check_hint(PORT_DEFAULT, ": ufw allow primed");
        remove_file("/etc/nftables.conf");
        sd_bus_close_unref(bus);
}

/* What a person would type, with the root of the test before /etc, and an nft that takes everything. */
static void run_command_of_hint(void) {
        char script[2048];
        const char *command;
        Told told;
        char *file;

        check_once(PORT_DEFAULT, &told);
        command = strstr(told.hint, "root: ");
        CHECK(command);
        file = strstr(told.hint, "/etc/");
        CHECK(file);
        (void) snprintf(script, sizeof script, "nft() { [ \"${1#insert rule inet filter input tcp}\" != \"$1\" ]; }\n"
                        "%.*s%s%s", (int) (file - command - 6), command + 6, root, file);
        CHECK_EQUAL(system(script), 0);
}

static void test_nftables(void) {
        sd_bus *bus = play_daemons();

        host = (Host) { .active = "nftables.service" };
        /* as Debian ships it */
        write_file("/etc/nftables.conf", "#!/usr/sbin/nft -f\n# policy drop;\nflush ruleset\ntable inet filter {\n"
                   "\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n}\n", 0755);
        check_hint(PORT_DEFAULT, NULL);
        write_file("/etc/nftables.conf", "table inet filter { chain input { policy drop; } }", 0755);
        check_hint(PORT_DEFAULT, ": rule='insert rule inet filter input tcp dport 7919 accept; insert rule inet filter "
                   "input udp dport 5353 accept'; nft \"$rule\" && echo \"$rule\" >>/etc/nftables.conf");
        run_command_of_hint();
        check_hint(PORT_DEFAULT, NULL);
        write_file("/etc/nftables.conf", "chain input { policy drop; tcp dport { 22, 7919 } accept }", 0755);
        check_hint(PORT_DEFAULT, NULL);
        check_hint(791, "dport 791 accept");
        remove_file("/etc/nftables.conf");
        write_file("/etc/sysconfig/nftables.conf", "include \"/etc/nftables/main.nft\"\n", 0644);
        check_hint(PORT_DEFAULT, ">>/etc/sysconfig/nftables.conf");
        remove_file("/etc/sysconfig/nftables.conf");
        sd_bus_close_unref(bus);
}

/* Asked again within ten seconds, it answers from memory; a check that is under way may be left. */
static void test_answers_are_kept(void) {
        const FirewallSettings settings = { .port = PORT_DEFAULT, .root = root, .on_changed = on_changed,
                                            .userdata = &(Told) {} };
        Firewall *firewall = NULL;
        sd_bus *bus = play_daemons(), *client = NULL;

        host = (Host) {};
        CHECK_EQUAL(bus_open_system(event, &client, NULL), 0);
        CHECK_EQUAL(firewall_new(client, event, &settings, &firewall), 0);
        while (host.n_calls < 3)
                CHECK(sd_event_run(event, USEC_PER_SEC) >= 0);
        for (int i = 0; i < 30; i++) {
                CHECK_STRING(firewall_hint(firewall), "");
                CHECK(sd_event_run(event, USEC_PER_MSEC) >= 0);
        }
        CHECK_EQUAL(host.n_calls, 3);
        firewall_free(firewall);
        CHECK_EQUAL(firewall_new(client, event, &settings, &firewall), 0);
        CHECK(firewall_free(firewall) == NULL);
        CHECK(firewall_free(NULL) == NULL);
        for (int i = 0; i < 30; i++)
                CHECK(sd_event_run(event, USEC_PER_MSEC) >= 0);
        sd_bus_close_unref(client);
        sd_bus_close_unref(bus);
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *place) {
        return remove(name);
}

int main(void) {
        CHECK(mkdtemp(root));
        if (!private_bus_start(&private_bus)) {
                SKIP(test_firewall, "needs dbus-daemon");
                return tests_end();
        }
        CHECK(sd_event_new(&event) >= 0);
        RUN(test_no_daemon_answers);
        RUN(test_no_firewall);
        RUN(test_firewalld);
        RUN(test_ufw);
        RUN(test_rules_that_cannot_be_read);
        RUN(test_nftables);
        RUN(test_answers_are_kept);
        sd_event_unref(event);
        private_bus_stop(&private_bus);
        (void) nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        return tests_end();
}
