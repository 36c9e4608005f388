/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The firewall hint. It is a guess: where a firewall cannot be asked, an active one counts as closed. So once a worker
 * came through, the firewalls that counted as closed are noted in a file, and never spoken of again while the port is
 * the same. Boots do not matter: the commands of the hint are permanent.
 */

#include "master/firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/place.h"

#define CACHE_USEC (10 * USEC_PER_SEC)
#define AGAIN_USEC (30 * USEC_PER_SEC) /* as long as there is a hint: it should go soon after its cause */
#define CALL_USEC (5 * USEC_PER_SEC)
#define FILE_SIZE_MAX ((size_t) 1 << 20)
#define HINT_SIZE 640
#define COMMAND_SIZE 384
#define PASSED_SIZE_MAX ((size_t) 4096)

typedef enum FirewallKind {
        FIREWALLD,
        UFW,
        NFTABLES,
        _FIREWALL_MAX,
} FirewallKind;

static const char *const firewall_names[] = {
        [FIREWALLD] = "firewalld",
        [UFW] = "ufw",
        [NFTABLES] = "nftables",
};

static const char *const unit_names[] = {
        [FIREWALLD] = "firewalld.service",
        [UFW] = "ufw.service",
        [NFTABLES] = "nftables.service",
};

typedef struct FirewallQuery {
        Firewall *firewall;
        sd_bus_slot *slot; /* the call under way */
        bool blocks;       /* as far as this check knows */
        bool unreadable;   /* it does not know all rules */
        bool passed;       /* a worker came through all the same */
} FirewallQuery;

struct Firewall {
        sd_bus *bus;
        sd_event_source *timer;
        FirewallSettings settings;
        char *root, *passed_path;
        FirewallQuery queries[_FIREWALL_MAX];
        FirewallQuery zone; /* the questions to firewalld itself */
        char zone_name[64];
        unsigned n_pending;
        usec_t checked_usec; /* when the last check began; 0: none did */
        char hint[HINT_SIZE];
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Firewall *, firewall_free);

/* the answer */

/* Debian's and Fedora's rule files. */
static const char *const nftables_paths[] = { "/etc/nftables.conf", "/etc/sysconfig/nftables.conf" };

static const char *nftables_path(const Firewall *firewall) {
        for (size_t i = 0; i < ELEMENTSOF(nftables_paths); i++) {
                _cleanup_free_ char *full = NULL;

                if (asprintf(&full, "%s%s", firewall->root, nftables_paths[i]) >= 0 && access(full, F_OK) >= 0)
                        return nftables_paths[i];
        }
        return nftables_paths[0];
}

static void firewall_commands(const Firewall *firewall, FirewallKind kind, char ret[static COMMAND_SIZE]) {
        uint16_t port = firewall->settings.port;

        if (kind == FIREWALLD && port == PORT_DEFAULT)
                (void) snprintf(ret, COMMAND_SIZE,
                                "firewall-cmd --permanent --add-service=primed && firewall-cmd --reload");
        else if (kind == FIREWALLD)
                (void) snprintf(ret, COMMAND_SIZE, "firewall-cmd --permanent --add-port=%u/tcp --add-service=mdns && "
                                "firewall-cmd --reload", port);
        else if (kind == UFW && port == PORT_DEFAULT)
                (void) snprintf(ret, COMMAND_SIZE, "ufw allow primed");
        else if (kind == UFW) /* which lets mDNS in by itself */
                (void) snprintf(ret, COMMAND_SIZE, "ufw allow %u/tcp", port);
        else {
                /* Into the file only what was right: a mistake there would leave the next boot without any rules. */
                (void) snprintf(ret, COMMAND_SIZE,
                                "rule='insert rule inet filter input tcp dport %u accept; "
                                "insert rule inet filter input udp dport 5353 accept'; "
                                "nft \"$rule\" && echo \"$rule\" >>%s", port, nftables_path(firewall));
        }
}

static void firewall_conclude(Firewall *firewall) {
        char hint[HINT_SIZE] = "", command[COMMAND_SIZE];

        if (--firewall->n_pending > 0)
                return;
        for (FirewallKind kind = 0; kind < _FIREWALL_MAX && hint[0] == '\0'; kind++) {
                const FirewallQuery *query = firewall->queries + kind;

                if (!query->blocks || query->passed)
                        continue;
                firewall_commands(firewall, kind, command);
                (void) snprintf(hint, sizeof hint, "A firewall is active on this host (%s%s). If workers on other "
                                "hosts cannot join, run as root: %s", firewall_names[kind],
                                query->unreadable ? ", whose rules primed-master may not read" : "", command);
        }
        (void) sd_event_source_set_time(firewall->timer, clock_now_usec() + AGAIN_USEC);
        (void) sd_event_source_set_enabled(firewall->timer, hint[0] != '\0' ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (strcmp(hint, firewall->hint) == 0)
                return;
        (void) snprintf(firewall->hint, sizeof firewall->hint, "%s", hint);
        firewall->settings.on_changed(firewall->hint, firewall->settings.userdata);
}

/* An asynchronous call that never starts a daemon. */
static int query_call(FirewallQuery *query, const char *service, const char *path, const char *interface,
                      const char *method, sd_bus_message_handler_t on_reply, const char *types, const char *a,
                      const char *b, const char *c) {
        sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(query->firewall->bus, &m, service, path, interface, method);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0 && types)
                r = sd_bus_message_append(m, types, a, b, c);
        query->slot = sd_bus_slot_unref(query->slot);
        if (r >= 0)
                r = sd_bus_call_async(query->firewall->bus, &query->slot, m, on_reply, query, CALL_USEC);
        sd_bus_message_unref(m);
        return r;
}

/* files: the text, "" without the file, NULL when it may not be read */

static char *firewall_read(const Firewall *firewall, const char *path) {
        _cleanup_free_ char *full = NULL;
        char *text;
        int r;

        if (asprintf(&full, "%s%s", firewall->root, path) < 0)
                return NULL;
        r = file_read_whole(AT_FDCWD, full, FILE_SIZE_MAX, &text, NULL);
        return r >= 0 ? text : r == -ENOENT || r == -ENOTDIR ? strdup("") : NULL;
}

static void blank_comments(char *text) {
        for (char *line = text; line && *line; line = strchr(line, '\n')) {
                line += *line == '\n';
                line += strspn(line, " \t");
                if (line[0] == '#')
                        memset(line, ' ', strcspn(line, "\n"));
        }
}

/* The word, with no letter or digit on either side. */
static bool text_has_word(const char *text, const char *word) {
        size_t n = strlen(word);

        for (const char *p = text; (p = strstr(p, word)); p++) {
                bool begins = p == text || !strchr("abcdefghijklmnopqrstuvwxyz0123456789", p[-1]);

                if (begins && (p[n] == '\0' || !strchr("abcdefghijklmnopqrstuvwxyz0123456789", p[n])))
                        return true;
        }
        return false;
}

static bool text_has_port(const Firewall *firewall, const char *text) {
        char port[8];

        (void) snprintf(port, sizeof port, "%u", firewall->settings.port);
        return text_has_word(text, port);
}

static bool ufw_blocks(const Firewall *firewall, bool *ret_unreadable) {
        _cleanup_free_ char *conf = firewall_read(firewall, "/etc/ufw/ufw.conf");
        _cleanup_free_ char *rules = firewall_read(firewall, "/etc/ufw/user.rules");

        if (conf) {
                blank_comments(conf);
                if (!strcasestr(conf, "enabled=yes"))
                        return false;
        }
        *ret_unreadable = !rules; /* usual: only root may */
        return !rules || !text_has_port(firewall, rules);
}

/* As the files are shipped they let everything in. */
static bool nftables_blocks(const Firewall *firewall, bool *ret_unreadable) {
        bool blocks = false;

        for (size_t i = 0; i < ELEMENTSOF(nftables_paths); i++) {
                _cleanup_free_ char *rules = firewall_read(firewall, nftables_paths[i]);

                if (!rules) {
                        *ret_unreadable = blocks = true;
                        continue;
                }
                blank_comments(rules);
                if (text_has_port(firewall, rules))
                        return false;
                blocks |= text_has_word(rules, "drop") || text_has_word(rules, "reject") ||
                          text_has_word(rules, "include");
        }
        return blocks;
}

/* "7919 ufw nftables": the port, and what let a worker through to it */

static void passed_load(Firewall *firewall) {
        _cleanup_free_ char *text = NULL;
        unsigned port;

        if (!firewall->passed_path ||
            file_read_whole(AT_FDCWD, firewall->passed_path, PASSED_SIZE_MAX, &text, NULL) < 0)
                return;
        if (sscanf(text, "%u", &port) != 1 || port != firewall->settings.port)
                return;
        for (FirewallKind kind = 0; kind < _FIREWALL_MAX; kind++)
                firewall->queries[kind].passed = text_has_word(text, firewall_names[kind]);
}

static int passed_save(const Firewall *firewall) {
        char text[128];
        size_t n;

        if (!firewall->passed_path)
                return 0;
        n = (size_t) snprintf(text, sizeof text, "%" PRIu16, firewall->settings.port);
        for (FirewallKind kind = 0; kind < _FIREWALL_MAX; kind++)
                if (firewall->queries[kind].passed)
                        n += (size_t) snprintf(text + n, sizeof text - n, " %s", firewall_names[kind]);
        text[n++] = '\n';
        return file_replace(firewall->passed_path, text, n, 0644);
}

bool firewall_passed(Firewall *firewall) {
        bool news = false;
        int r;

        if (firewall->n_pending > 0)
                return false;
        for (FirewallKind kind = 0; kind < _FIREWALL_MAX; kind++) {
                FirewallQuery *query = firewall->queries + kind;

                news |= query->blocks && !query->passed;
                query->passed |= query->blocks;
        }
        if (!news)
                return true;
        r = passed_save(firewall);
        if (r < 0)
                log_debug("Failed to write %s: error %d", firewall->passed_path, r);
        (void) sd_event_source_set_enabled(firewall->timer, SD_EVENT_OFF);
        firewall->hint[0] = '\0';
        firewall->settings.on_changed(firewall->hint, firewall->settings.userdata);
        return true;
}

/* firewalld */

static int firewalld_call(FirewallQuery *query, const char *interface, const char *method,
                          sd_bus_message_handler_t on_reply, const char *types, const char *a, const char *b,
                          const char *c) {
        return query_call(query, "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1", interface, method,
                          on_reply, types, a, b, c);
}

static void firewalld_conclude(Firewall *firewall, bool blocks) {
        firewall->queries[FIREWALLD].blocks = blocks;
        firewall_conclude(firewall);
}

static bool reply_is_true(sd_bus_message *m) {
        int answer = false;

        return !sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "b", &answer) >= 0 && answer;
}

static int firewalld_on_port(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        FirewallQuery *query = userdata;

        firewalld_conclude(query->firewall, !reply_is_true(m));
        return 0;
}

static int firewalld_on_service(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        FirewallQuery *query = userdata;
        Firewall *firewall = query->firewall;
        char port[8];

        (void) snprintf(port, sizeof port, "%u", firewall->settings.port);
        if (firewall->settings.port == PORT_DEFAULT && reply_is_true(m))
                firewalld_conclude(firewall, false);
        else if (firewalld_call(query, "org.fedoraproject.FirewallD1.zone", "queryPort", firewalld_on_port, "sss",
                                firewall->zone_name, port, "tcp") < 0)
                firewalld_conclude(firewall, true);
        return 0;
}

static int firewalld_on_zone(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        FirewallQuery *query = userdata;
        Firewall *firewall = query->firewall;
        const char *zone = "";

        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "s", &zone) < 0) {
                firewalld_conclude(firewall, true);
                return 0;
        }
        (void) snprintf(firewall->zone_name, sizeof firewall->zone_name, "%s", zone);
        if (strcmp(zone, "trusted") == 0)
                firewalld_conclude(firewall, false);
        else if (firewalld_call(query, "org.fedoraproject.FirewallD1.zone", "queryService", firewalld_on_service, "ss",
                                firewall->zone_name, "primed", NULL) < 0)
                firewalld_conclude(firewall, true);
        return 0;
}

/* systemd */

static int firewall_on_state(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        FirewallQuery *query = userdata;
        Firewall *firewall = query->firewall;
        FirewallKind kind = (FirewallKind) (query - firewall->queries);
        const char *state = "";
        bool active;

        active = !sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "v", "s", &state) >= 0 &&
                 (strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0);
        query->blocks = query->unreadable = false;
        if (active && kind == UFW)
                query->blocks = ufw_blocks(firewall, &query->unreadable);
        else if (active && kind == NFTABLES)
                query->blocks = nftables_blocks(firewall, &query->unreadable);
        else if (active) {
                if (firewalld_call(&firewall->zone, "org.fedoraproject.FirewallD1", "getDefaultZone", firewalld_on_zone,
                                   NULL, NULL, NULL, NULL) >= 0)
                        return 0; /* concludes later */
                query->blocks = true;
        }
        firewall_conclude(firewall);
        return 0;
}

static void firewall_check(Firewall *firewall) {
        if (firewall->n_pending > 0)
                return;
        firewall->checked_usec = clock_now_usec();
        firewall->n_pending = _FIREWALL_MAX + 1; /* ours, so that no answer concludes before all questions are out */
        for (FirewallKind kind = 0; kind < _FIREWALL_MAX; kind++) {
                FirewallQuery *query = firewall->queries + kind;
                _cleanup_free_ char *path = NULL;

                if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit_names[kind], &path) < 0 ||
                    query_call(query, "org.freedesktop.systemd1", path, "org.freedesktop.DBus.Properties", "Get",
                               firewall_on_state, "ss", "org.freedesktop.systemd1.Unit", "ActiveState", NULL) < 0) {
                        query->blocks = false;
                        firewall->n_pending--;
                }
        }
        firewall_conclude(firewall);
}

static int firewall_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        firewall_check(userdata);
        return 0;
}

int firewall_new(sd_bus *bus, sd_event *event, const FirewallSettings *settings, Firewall **ret) {
        _cleanup_(firewall_freep) Firewall *firewall = NULL;
        int r;

        firewall = calloc(1, sizeof *firewall);
        if (!firewall)
                return -ENOMEM;
        firewall->settings = *settings;
        firewall->root = strdup(settings->root ? settings->root : "");
        firewall->passed_path = settings->passed_path ? strdup(settings->passed_path) : NULL;
        firewall->bus = sd_bus_ref(bus);
        firewall->zone.firewall = firewall;
        for (FirewallKind kind = 0; kind < _FIREWALL_MAX; kind++)
                firewall->queries[kind].firewall = firewall;
        if (!firewall->root || (settings->passed_path && !firewall->passed_path))
                return -ENOMEM;
        passed_load(firewall);
        r = sd_event_add_time(event, &firewall->timer, CLOCK_BOOTTIME, 0, USEC_PER_SEC, firewall_on_timer, firewall);
        if (r < 0)
                return r;
        (void) sd_event_source_set_enabled(firewall->timer, SD_EVENT_OFF);
        firewall_check(firewall);
        *ret = TAKE_PTR(firewall);
        return 0;
}

Firewall *firewall_free(Firewall *firewall) {
        if (!firewall)
                return NULL;
        for (FirewallKind kind = 0; kind < _FIREWALL_MAX; kind++)
                sd_bus_slot_unref(firewall->queries[kind].slot);
        sd_bus_slot_unref(firewall->zone.slot);
        sd_event_source_disable_unref(firewall->timer);
        sd_bus_unref(firewall->bus);
        free(firewall->root);
        free(firewall->passed_path);
        free(firewall);
        return NULL;
}

const char *firewall_hint(Firewall *firewall) {
        if (clock_now_usec() - firewall->checked_usec >= CACHE_USEC)
                firewall_check(firewall);
        return firewall->hint;
}
