/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything of the service that needs the bus. */

#include "master/service-bus.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/journal.h"
#include "base/log.h"
#include "bus/bus.h"
#include "master/advertise.h"
#include "master/firewall.h"

#define RETRY_MIN_USEC USEC_PER_SEC
#define RETRY_MAX_USEC USEC_PER_MINUTE

struct ServiceBus {
        sd_event *event;
        ServiceBusSettings settings;
        sd_bus *bus; /* NULL: no connection */
        MasterBus *control;
        Advertise *advertise;
        Firewall *firewall;
        sd_event_source *timer; /* the next try */
        usec_t retry_usec;
        uint64_t n_remote; /* workers of other machines that the firewall was told of */
        bool told;          /* that there is no bus */
        bool firewall_told; /* the journal */
};

DEFINE_TRIVIAL_CLEANUP_FUNC(ServiceBus *, service_bus_free);

/* what others ask */

const char *service_bus_hint(ServiceBus *bus) {
        if (!bus->firewall || bus->settings.is_loopback || master_n_remote(bus->settings.master) > 0)
                return "";
        return firewall_hint(bus->firewall);
}

static const char *service_bus_advertise_problem(const ServiceBus *bus) {
        if (bus->advertise)
                return advertise_problem(bus->advertise);
        if (bus->settings.is_loopback)
                return "Its socket can be reached from this machine only: see \"listen\" in master.conf.";
        return "Turned off by \"advertise\" in master.conf.";
}

static void service_bus_on_facts(MasterBusFacts *ret, void *userdata) {
        ServiceBus *bus = userdata;

        *ret = (MasterBusFacts) {
                .problem = bus->settings.problem,
                .hint = service_bus_hint(bus),
                .advertised = advertise_name(bus->advertise),
                .advertise_problem = service_bus_advertise_problem(bus),
                .port = bus->settings.port,
        };
}

static void service_bus_on_changed(void *userdata) {
        ServiceBus *bus = userdata;

        bus->settings.on_changed(bus->settings.userdata);
}

static void service_bus_on_firewall(const char *hint, void *userdata) {
        ServiceBus *bus = userdata;

        if (service_bus_hint(bus)[0] != '\0' && !bus->firewall_told) {
                journal_event(LOG_WARNING, MESSAGE_ID_FIREWALL, NULL, 0, "%s", hint);
                bus->firewall_told = true;
        }
        service_bus_on_changed(bus);
}

/* the connection */

static void service_bus_disconnect(ServiceBus *bus) {
        bus->firewall = firewall_free(bus->firewall);
        bus->advertise = advertise_free(bus->advertise);
        bus->control = master_bus_free(bus->control);
        bus->bus = sd_bus_flush_close_unref(bus->bus);
}

static void service_bus_arm(ServiceBus *bus, usec_t pause) {
        (void) sd_event_source_set_time(bus->timer, clock_now_usec() + pause);
        (void) sd_event_source_set_enabled(bus->timer, SD_EVENT_ONESHOT);
}

/* Called by the connection that broke: it is freed outside of its own callback. */
static void service_bus_on_disconnected(void *userdata) {
        ServiceBus *bus = userdata;

        service_bus_arm(bus, RETRY_MIN_USEC);
}

static int service_bus_advertise(ServiceBus *bus) {
        const AdvertiseSettings settings = {
                .name = bus->settings.name,
                .port = bus->settings.port,
                .master = bus->settings.master,
                .jobs = bus->settings.jobs,
                .on_changed = service_bus_on_changed,
                .userdata = bus,
        };

        bus->advertise = advertise_free(bus->advertise);
        if (!bus->settings.advertise || bus->settings.is_loopback)
                return 0;
        return advertise_new(bus->bus, bus->event, &settings, &bus->advertise);
}

static int service_bus_connect(ServiceBus *bus, Problem *problem) {
        const MasterBusSettings control = {
                .master = bus->settings.master,
                .jobs = bus->settings.jobs,
                .name = bus->settings.name,
                .on_facts = service_bus_on_facts,
                .on_changed = service_bus_on_changed,
                .userdata = bus,
        };
        const FirewallSettings firewall = {
                .port = bus->settings.port,
                .passed_path = bus->settings.firewall_path,
                .on_changed = service_bus_on_firewall,
                .userdata = bus,
        };
        int r;

        r = bus_open_system(bus->event, &bus->bus, problem);
        if (r >= 0)
                r = bus_on_disconnected(bus->bus, service_bus_on_disconnected, bus);
        if (r >= 0)
                r = master_bus_new(bus->bus, &control, &bus->control);
        if (r >= 0)
                r = service_bus_advertise(bus);
        if (r >= 0)
                r = firewall_new(bus->bus, bus->event, &firewall, &bus->firewall);
        return r < 0 ? problem_set(problem, r, "Cannot use the system bus: %m.") : 0;
}

static int service_bus_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        ServiceBus *bus = userdata;
        Problem problem = PROBLEM_NONE;
        int r;

        service_bus_disconnect(bus);
        r = service_bus_connect(bus, &problem);
        if (r < 0) {
                service_bus_disconnect(bus);
                if (!bus->told)
                        log_warning("%s Until it is there, primectl cannot reach this master, and workers do not find "
                                    "it by themselves; those that know its address are served.", problem.text);
                service_bus_arm(bus, bus->retry_usec);
                bus->retry_usec = MIN(2 * bus->retry_usec, RETRY_MAX_USEC);
        } else
                bus->retry_usec = RETRY_MIN_USEC;
        bus->told = r < 0;
        service_bus_on_changed(bus);
        return 0;
}

int service_bus_new(sd_event *event, const ServiceBusSettings *settings, ServiceBus **ret) {
        _cleanup_(service_bus_freep) ServiceBus *bus = calloc(1, sizeof *bus);
        int r;

        if (!bus)
                return -ENOMEM;
        bus->settings = *settings;
        bus->event = event;
        bus->retry_usec = RETRY_MIN_USEC;
        r = sd_event_add_time(event, &bus->timer, CLOCK_BOOTTIME, 0, USEC_PER_MSEC, service_bus_on_timer, bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

ServiceBus *service_bus_free(ServiceBus *bus) {
        if (!bus)
                return NULL;
        service_bus_disconnect(bus);
        sd_event_source_disable_unref(bus->timer);
        free(bus);
        return NULL;
}

void service_bus_update(ServiceBus *bus) {
        uint64_t n_remote = master_n_remote(bus->settings.master);

        /* Only who comes now says something of the firewall that is there now. */
        if (bus->firewall && n_remote > bus->n_remote && firewall_passed(bus->firewall))
                bus->n_remote = n_remote;
        if (bus->control)
                master_bus_update(bus->control);
        if (bus->advertise)
                advertise_update(bus->advertise);
}

void service_bus_reload(ServiceBus *bus, bool advertise) {
        bus->settings.advertise = advertise;
        if (bus->bus && service_bus_advertise(bus) < 0)
                log_warning("Failed to tell the LAN of this master: out of memory");
}
