/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One service browser, and one resolver for each entry that it shows: an entry is a service on an interface by a
 * protocol, and the resolver is asked for an address of that protocol. Avahi keeps a resolver's answer fresh, so it
 * stays until the entry is removed: it is how the doorbell (TXT work, ring) reaches us.
 *
 * The LAN decides how many entries there are, so everything has a bound: entries (with room made by those that turned
 * out to be no masters), calls under way at a time (a bus takes no more than 128 of one connection), sizes of names.
 */

#include "discovery/browser.h"

#include <avahi-common/address.h>
#include <avahi-common/defs.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macro.h"
#include "discovery/avahi-daemon.h"
#include "discovery/master-list.h"
#include "discovery/sighting.h"

#define ENTRIES_MAX MASTER_LIST_SEATS_MAX
#define CALLS_MAX 16
#define DOMAIN_MAX 255

/* After a failure of the service browser itself, or when entries found no room. Doubles each time. */
#define RETRY_MIN_USEC (30 * USEC_PER_SEC)
#define RETRY_MAX_USEC (30 * USEC_PER_MINUTE)

typedef enum EntryState {
        ENTRY_WAITING,   /* for its turn */
        ENTRY_PREPARING, /* the resolver was asked for */
        ENTRY_RESOLVING, /* the resolver is there */
} EntryState;

typedef struct Entry {
        Browser *browser;
        EntryState state;
        bool doomed;  /* removed while its resolver was being made: to be freed with it */
        bool missing; /* not shown again by the new service browser */
        bool judged;  /* its resolver has said something */
        bool local;
        int interface;
        int protocol;
        char name[DISCOVERY_NAME_MAX + 1]; /* as it came: it goes back to Avahi like that */
        char domain[DOMAIN_MAX + 1];
        char *path; /* of the resolver */
        sd_bus_slot *call;
        Seat seat;
} Entry;

struct Browser {
        sd_event *event;
        BrowserCallbacks callbacks;
        AvahiDaemon *daemon;
        MasterList *masters;
        DiscoveryState state;
        char problem[256];    /* of the daemon */
        char own_problem[256]; /* of our service browser */
        char *path; /* of the service browser */
        sd_bus_slot *call;
        sd_event_source *retry;
        usec_t retry_usec;
        bool old;        /* an Avahi without Server2 */
        sd_event_source *again; /* entries were shown that found no room: when to look for them again */
        usec_t again_usec;
        Entry *entries[ENTRIES_MAX];
        size_t n_entries;
        size_t n_calls; /* for resolvers */
};

static void browser_resolve_more(Browser *browser);

static void browser_tell_state(Browser *browser) {
        browser->callbacks.on_state(browser->state, *browser->problem ? browser->problem : browser->own_problem,
                                    browser->callbacks.userdata);
}

static void browser_set_problem(Browser *browser, const char *text) {
        if (strcmp(browser->own_problem, text) == 0)
                return;
        (void) snprintf(browser->own_problem, sizeof browser->own_problem, "%s", text);
        browser_tell_state(browser);
}

static Entry *entry_free(Entry *entry) {
        sd_bus_slot_unref(entry->call);
        free(entry->path);
        free(entry);
        return NULL;
}

/* Out of the array, out of the memory, and out of Avahi. */
static void browser_forget(Browser *browser, Entry *entry) {
        size_t i = 0;

        (void) master_list_put(browser->masters, &entry->seat, entry->name, NULL);
        if (entry->state == ENTRY_PREPARING) {
                entry->doomed = true; /* its path is not known yet */
                return;
        }
        if (entry->path)
                avahi_daemon_post(browser->daemon, entry->path, AVAHI_RESOLVER_INTERFACE, "Free");
        while (browser->entries[i] != entry)
                i++;
        browser->entries[i] = browser->entries[--browser->n_entries];
        entry_free(entry);
}

static Entry *browser_find(Browser *browser, int interface, int protocol, const char *name, const char *domain) {
        for (size_t i = 0; i < browser->n_entries; i++) {
                Entry *entry = browser->entries[i];

                if (!entry->doomed && entry->interface == interface && entry->protocol == protocol &&
                    strcmp(entry->name, name) == 0 && strcmp(entry->domain, domain) == 0)
                        return entry;
        }
        return NULL;
}

static Entry *browser_find_path(Browser *browser, const char *path) {
        for (size_t i = 0; i < browser->n_entries; i++)
                if (browser->entries[i]->path && strcmp(browser->entries[i]->path, path) == 0)
                        return browser->entries[i];
        return NULL;
}

/* An entry that was looked at and is no master, or none for now: it gives way to one that nobody has looked at. */
static Entry *browser_find_worthless(Browser *browser) {
        for (size_t i = 0; i < browser->n_entries; i++)
                if (browser->entries[i]->judged && !browser->entries[i]->seat.valid)
                        return browser->entries[i];
        return NULL;
}

static int browser_browse(Browser *browser);

/* Has everything shown again, for the sake of those that found no room. */
static int browser_look_again(Browser *browser) {
        browser->again = sd_event_source_disable_unref(browser->again);
        if (!browser->path || browser->call)
                return 0;
        avahi_daemon_post(browser->daemon, browser->path, AVAHI_BROWSER_INTERFACE, "Free");
        free(browser->path);
        browser->path = NULL;
        for (size_t i = 0; i < browser->n_entries; i++)
                browser->entries[i]->missing = true;
        return browser_browse(browser);
}

static int browser_on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        return browser_look_again(userdata);
}

/* The only timer of a browser that works, and only on a LAN with more services than we can look at. */
static void browser_on_overflow(Browser *browser) {
        if (browser->again)
                return;
        (void) sd_event_add_time_relative(browser->event, &browser->again, CLOCK_MONOTONIC, browser->again_usec,
                                          USEC_PER_SEC, browser_on_again, browser);
        browser->again_usec = MIN(2 * browser->again_usec, RETRY_MAX_USEC);
}

static int entry_on_prepared(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Entry *entry = userdata;
        Browser *browser = entry->browser;
        const char *path;

        entry->call = sd_bus_slot_unref(entry->call);
        entry->state = ENTRY_WAITING;
        browser->n_calls--;
        if (sd_bus_message_is_method_error(m, NULL)) {
                log_debug("discovery: no resolver for \"%s\": %s", entry->name, avahi_reply_text(m));
                browser_on_overflow(browser);
                browser_forget(browser, entry);
        } else if (sd_bus_message_read(m, "o", &path) < 0 || !(entry->path = strdup(path))) {
                browser_forget(browser, entry);
        } else {
                entry->state = ENTRY_RESOLVING;
                if (entry->doomed)
                        browser_forget(browser, entry);
                else if (!browser->old)
                        avahi_daemon_post(browser->daemon, path, AVAHI_RESOLVER_INTERFACE, "Start");
        }
        browser_resolve_more(browser);
        return 0;
}

/* Asks for the resolver of `entry`. */
static int entry_prepare(Entry *entry) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Browser *browser = entry->browser;
        int r;

        r = avahi_daemon_new_call(browser->daemon, AVAHI_SERVER_PATH,
                                  browser->old ? AVAHI_SERVER_INTERFACE : AVAHI_SERVER2_INTERFACE,
                                  browser->old ? "ServiceResolverNew" : "ServiceResolverPrepare", &m);
        if (r < 0)
                return r;
        /* The address of the protocol by which the entry is seen: each has a resolver, so a master shows both. */
        r = sd_bus_message_append(m, "iisssiu", entry->interface, entry->protocol, entry->name, DISCOVERY_SERVICE_TYPE,
                                  entry->domain, entry->protocol, UINT32_C(0));
        if (r < 0)
                return r;
        r = avahi_daemon_send(browser->daemon, m, entry_on_prepared, entry, &entry->call);
        if (r < 0)
                return r;
        entry->state = ENTRY_PREPARING;
        browser->n_calls++;
        return 0;
}

static void browser_resolve_more(Browser *browser) {
        for (size_t i = 0; i < browser->n_entries && browser->n_calls < CALLS_MAX; i++)
                if (browser->entries[i]->state == ENTRY_WAITING && entry_prepare(browser->entries[i]) < 0)
                        return;
}

static void browser_on_item_new(Browser *browser, sd_bus_message *m) {
        const char *name, *type, *domain;
        int32_t interface, protocol;
        uint32_t flags;
        Entry *entry;

        if (sd_bus_message_read(m, "iisssu", &interface, &protocol, &name, &type, &domain, &flags) < 0)
                return;
        if (strlen(name) > DISCOVERY_NAME_MAX || strlen(domain) > DOMAIN_MAX || !*name)
                return;
        entry = browser_find(browser, interface, protocol, name, domain);
        if (entry) {
                entry->missing = false;
                return;
        }
        if (browser->n_entries == ENTRIES_MAX) {
                browser_on_overflow(browser);
                entry = browser_find_worthless(browser);
                if (!entry)
                        return;
                browser_forget(browser, entry);
        }
        entry = calloc(1, sizeof *entry);
        if (!entry)
                return;
        entry->browser = browser;
        entry->local = flags & AVAHI_LOOKUP_RESULT_LOCAL;
        entry->interface = interface;
        entry->protocol = protocol;
        memcpy(entry->name, name, strlen(name) + 1);
        memcpy(entry->domain, domain, strlen(domain) + 1);
        browser->entries[browser->n_entries++] = entry;
        browser_resolve_more(browser);
}

static void browser_on_item_remove(Browser *browser, sd_bus_message *m) {
        const char *name, *type, *domain;
        int32_t interface, protocol;
        Entry *entry;

        if (sd_bus_message_read(m, "iisss", &interface, &protocol, &name, &type, &domain) < 0)
                return;
        entry = browser_find(browser, interface, protocol, name, domain);
        if (!entry)
                return;
        browser_forget(browser, entry);
        if (browser->again && browser->n_entries <= ENTRIES_MAX / 2) {
                browser->again_usec = RETRY_MIN_USEC;
                (void) browser_look_again(browser);
        }
}

/* Everything that Avahi knows was shown: what an earlier service browser had shown, and this one not, is gone. */
static void browser_on_all_for_now(Browser *browser) {
        for (size_t i = browser->n_entries; i-- > 0;)
                if (i < browser->n_entries && browser->entries[i]->missing && !browser->entries[i]->doomed)
                        browser_forget(browser, browser->entries[i]);
}

static int browser_on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Browser *browser = userdata;

        browser->retry = sd_event_source_disable_unref(browser->retry);
        return browser_browse(browser);
}

/* The service browser is broken, or was never made. */
static void browser_on_failure(Browser *browser, const char *reason) {
        char text[256];

        free(browser->path);
        browser->path = NULL;
        (void) snprintf(text, sizeof text, "Avahi cannot look for masters: %s", reason);
        browser_set_problem(browser, text);
        if (browser->retry)
                return;
        (void) sd_event_add_time_relative(browser->event, &browser->retry, CLOCK_MONOTONIC, browser->retry_usec,
                                          USEC_PER_SEC, browser_on_retry, browser);
        browser->retry_usec = MIN(2 * browser->retry_usec, RETRY_MAX_USEC);
}

static int browser_on_browsing(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Browser *browser = userdata;
        const char *path;

        browser->call = sd_bus_slot_unref(browser->call);
        if (!browser->old && avahi_reply_is_unknown(m)) {
                browser->old = true;
                return browser_browse(browser);
        }
        if (sd_bus_message_is_method_error(m, NULL)) {
                browser_on_failure(browser, avahi_reply_text(m));
                return 0;
        }
        if (sd_bus_message_read(m, "o", &path) < 0)
                return 0;
        browser->path = strdup(path);
        if (!browser->path)
                return -ENOMEM;
        browser->retry_usec = RETRY_MIN_USEC;
        browser_set_problem(browser, "");
        if (!browser->old)
                avahi_daemon_post(browser->daemon, path, AVAHI_BROWSER_INTERFACE, "Start");
        return 0;
}

static int browser_browse(Browser *browser) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (browser->path || browser->call)
                return 0;
        r = avahi_daemon_new_call(browser->daemon, AVAHI_SERVER_PATH,
                                  browser->old ? AVAHI_SERVER_INTERFACE : AVAHI_SERVER2_INTERFACE,
                                  browser->old ? "ServiceBrowserNew" : "ServiceBrowserPrepare", &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "iissu", (int32_t) AVAHI_IF_UNSPEC, (int32_t) AVAHI_PROTO_UNSPEC,
                                  DISCOVERY_SERVICE_TYPE, "", UINT32_C(0));
        if (r < 0)
                return r;
        return avahi_daemon_send(browser->daemon, m, browser_on_browsing, browser, &browser->call);
}

static void entry_on_found(Entry *entry, sd_bus_message *m) {
        const char *name, *type, *domain, *host, *address;
        int32_t interface, protocol, address_protocol;
        AvahiStringList *txt = NULL;
        Sighting sighting;
        uint16_t port;
        int r;

        entry->judged = true;
        if (sd_bus_message_read(m, "iissssisq", &interface, &protocol, &name, &type, &domain, &host,
                                &address_protocol, &address, &port) < 0)
                return;
        r = sighting_read_txt(m, &txt);
        if (r >= 0)
                r = sighting_read(&(SightingSource) { .interface = entry->interface, .address = address, .port = port,
                                                      .txt = txt, .local = entry->local },
                                  &sighting);
        avahi_string_list_free(txt);
        if (r < 0)
                log_debug("discovery: \"%s\" is no master", entry->name);
        r = master_list_put(entry->browser->masters, &entry->seat, entry->name, r < 0 ? NULL : &sighting);
        if (r < 0)
                log_debug("discovery: no room for \"%s\"", entry->name);
}

static void browser_on_signal(sd_bus_message *m, void *userdata) {
        Browser *browser = userdata;
        const char *path = sd_bus_message_get_path(m), *error;
        Entry *entry;

        if (browser->path && strcmp(path, browser->path) == 0) {
                if (sd_bus_message_is_signal(m, AVAHI_BROWSER_INTERFACE, "ItemNew"))
                        browser_on_item_new(browser, m);
                else if (sd_bus_message_is_signal(m, AVAHI_BROWSER_INTERFACE, "ItemRemove"))
                        browser_on_item_remove(browser, m);
                else if (sd_bus_message_is_signal(m, AVAHI_BROWSER_INTERFACE, "AllForNow"))
                        browser_on_all_for_now(browser);
                else if (sd_bus_message_is_signal(m, AVAHI_BROWSER_INTERFACE, "Failure") &&
                         sd_bus_message_read(m, "s", &error) >= 0) {
                        avahi_daemon_post(browser->daemon, path, AVAHI_BROWSER_INTERFACE, "Free");
                        browser_on_failure(browser, avahi_error_name_text(error));
                }
                return;
        }
        entry = browser_find_path(browser, path);
        if (!entry)
                return;
        if (sd_bus_message_is_signal(m, AVAHI_RESOLVER_INTERFACE, "Found"))
                entry_on_found(entry, m);
        else if (sd_bus_message_is_signal(m, AVAHI_RESOLVER_INTERFACE, "Failure")) {
                /* Its address is not to be had now. The resolver goes on, and may find it again. */
                entry->judged = true;
                (void) master_list_put(browser->masters, &entry->seat, entry->name, NULL);
        }
}

/* Forgets everything of an Avahi that is no more. */
static void browser_drop_objects(Browser *browser) {
        browser->call = sd_bus_slot_unref(browser->call);
        browser->retry = sd_event_source_disable_unref(browser->retry);
        browser->retry_usec = RETRY_MIN_USEC;
        free(browser->path);
        browser->path = NULL;
        while (browser->n_entries > 0)
                entry_free(browser->entries[--browser->n_entries]);
        browser->n_calls = 0;
        browser->again = sd_event_source_disable_unref(browser->again);
        browser->again_usec = RETRY_MIN_USEC;
        browser->old = false;
        *browser->own_problem = '\0';
}

static void browser_on_lost(void *userdata) {
        Browser *browser = userdata;

        master_list_clear(browser->masters);
        browser_drop_objects(browser);
}

static void browser_on_state(DiscoveryState state, const char *problem, void *userdata) {
        Browser *browser = userdata;

        browser->state = state;
        (void) snprintf(browser->problem, sizeof browser->problem, "%s", problem);
        if (state == DISCOVERY_ABSENT)
                *browser->own_problem = '\0';
        browser_tell_state(browser);
        if (state == DISCOVERY_RUNNING && !browser->retry)
                (void) browser_browse(browser);
}

int browser_new(sd_bus *bus, sd_event *event, const BrowserCallbacks *callbacks, Browser **ret) {
        Browser *browser = calloc(1, sizeof *browser);
        int r;

        if (!browser)
                return -ENOMEM;
        browser->event = sd_event_ref(event);
        browser->callbacks = *callbacks;
        browser->retry_usec = browser->again_usec = RETRY_MIN_USEC;
        browser->masters = master_list_new(&browser->callbacks);
        if (!browser->masters) {
                browser_free(browser);
                return -ENOMEM;
        }
        r = avahi_daemon_new(bus, event,
                             &(AvahiDaemonCallbacks) { .on_state = browser_on_state, .on_lost = browser_on_lost,
                                                       .on_signal = browser_on_signal, .userdata = browser },
                             &browser->daemon);
        if (r < 0) {
                browser_free(browser);
                return r;
        }
        *ret = browser;
        return 0;
}

Browser *browser_free(Browser *browser) {
        if (!browser)
                return NULL;
        /* A daemon that outlives us on this connection need not go on looking. */
        if (browser->daemon) {
                for (size_t i = 0; i < browser->n_entries; i++)
                        if (browser->entries[i]->path)
                                avahi_daemon_post(browser->daemon, browser->entries[i]->path, AVAHI_RESOLVER_INTERFACE,
                                                  "Free");
                if (browser->path)
                        avahi_daemon_post(browser->daemon, browser->path, AVAHI_BROWSER_INTERFACE, "Free");
        }
        browser_drop_objects(browser);
        master_list_free(browser->masters);
        avahi_daemon_free(browser->daemon);
        sd_event_unref(browser->event);
        free(browser);
        return NULL;
}
