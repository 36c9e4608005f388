/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker host's face. */

#include "scout/scout-bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus.h"
#include "bus/names.h"

#define RETRY_FIRST_USEC (2 * USEC_PER_SEC)
#define RETRY_LIMIT_USEC USEC_PER_MINUTE

struct ScoutBus {
        sd_event *event;
        Scout *scout;
        sd_bus *bus; /* NULL: not there */
        sd_event_source *timer_source;
        usec_t pause_usec;
        bool lost;   /* the connection is gone: to be taken down by the timer */
        bool warned;
        const char *state;
};

static int append_limits(sd_bus_message *m, const WorkerConfig *config) {
        char weight[24] = "", memory[24] = "";
        int r;

        if (config && config->cpu_weight_set && config->cpu_weight == 0)
                (void) snprintf(weight, sizeof weight, "idle");
        else if (config && config->cpu_weight_set)
                (void) snprintf(weight, sizeof weight, "%" PRIu64, config->cpu_weight);
        if (config && config->memory_percent > 0)
                (void) snprintf(memory, sizeof memory, "%u%%", config->memory_percent);
        else if (config && config->memory_bytes > 0)
                (void) snprintf(memory, sizeof memory, "%" PRIu64, config->memory_bytes);

        r = bus_append_u32(m, "asked_cores", config ? config->cores : 0);
        if (r >= 0)
                r = bus_append_u32(m, "asked_cpu_quota", config ? config->cpu_quota : 0);
        if (r >= 0)
                r = bus_append_string(m, "asked_allowed_cpus", config ? config->allowed_cpus_text : NULL);
        if (r >= 0)
                r = bus_append_string(m, "asked_cpu_weight", weight);
        if (r >= 0)
                r = bus_append_string(m, "asked_memory", memory);
        return r;
}

static int append_status(sd_bus_message *m, Scout *scout) {
        ScoutStatus status = {};
        ScoutFacts facts = {};
        int r;

        scout_describe(scout, &status, &facts);
        r = bus_append_string(m, "name", scout_host_name(scout));
        if (r >= 0)
                r = bus_append_string(m, "version", PRIMED_VERSION);
        if (r >= 0)
                r = bus_append_string(m, "state", status.state);
        if (r >= 0)
                r = append_limits(m, scout_config(scout));
        if (r >= 0)
                r = bus_append_u32(m, "allowed_threads", status.allowed_threads);
        if (r >= 0)
                r = bus_append_u32(m, "applied_threads", status.applied_threads);
        if (r >= 0)
                r = bus_append_string(m, "note", status.note);
        if (r >= 0)
                r = bus_append_string(m, "config_error", facts.config_error);
        if (r >= 0)
                r = bus_append_string(m, "avahi", facts.avahi);
        return r;
}

/* Time that counts through suspend, as Unix time; 0 for never. */
static usec_t realtime_of(usec_t when, usec_t now, usec_t realtime_now) {
        if (when == 0 || when == USEC_INFINITY)
                return 0;
        return when >= now ? realtime_now + (when - now) : realtime_now - MIN(now - when, realtime_now);
}

/* Where it was, or would be, tried. */
static const char *candidate_address(const Candidate *candidate, char buffer[static 300]) {
        char text[ADDRESS_TEXT_SIZE];

        if (candidate->address[0] != '\0')
                (void) snprintf(buffer, 300, "%s", candidate->address);
        else if (candidate->n_addresses > 0)
                (void) snprintf(buffer, 300, "%s", address_text(candidate->addresses, text));
        else if (candidate->n_fixed > 0)
                (void) snprintf(buffer, 300, "%s%.255s%s:%u", strchr(candidate->fixed[0].host, ':') ? "[" : "",
                                candidate->fixed[0].host, strchr(candidate->fixed[0].host, ':') ? "]" : "",
                                candidate->fixed[0].port);
        else
                buffer[0] = '\0';
        return buffer;
}

static int append_master(sd_bus_message *m, const Scout *scout, const Candidate *candidate) {
        usec_t now = clock_now_usec(), unix_now = clock_realtime_usec();
        char address[300];
        int r;

        r = bus_append_string(m, "name", candidate_title(candidate));
        if (r >= 0)
                r = bus_append_string(m, "id", candidate->id);
        if (r >= 0)
                r = bus_append_string(m, "source", candidate->n_fixed > 0 ? "static" : "mdns");
        if (r >= 0)
                r = bus_append_string(m, "address", candidate_address(candidate, address));
        if (r >= 0)
                r = bus_append_bool(m, "work", candidate->phase == CANDIDATE_JOINED || candidate->work);
        if (r >= 0)
                r = bus_append_string(m, "state", candidate_state(candidate));
        if (r >= 0)
                r = bus_append_string(m, "reason", candidate->reason);
        if (r >= 0)
                r = bus_append_u64(m, "since_usec", realtime_of(candidate->since_usec, now, unix_now));
        if (r >= 0)
                r = bus_append_u64(m, "next_try_usec", realtime_of(scout_next_try(scout, candidate), now, unix_now));
        if (r >= 0)
                r = bus_append_u32(m, "threads_asked", candidate->report.threads_asked);
        if (r >= 0)
                r = bus_append_u32(m, "threads_allowed", candidate->report.threads_allowed);
        if (r >= 0)
                r = bus_append_u32(m, "threads_applied", candidate->report.threads_applied);
        return r;
}

static int on_get_status(sd_bus_message *call, void *userdata, sd_bus_error *ret_error) {
        ScoutBus *bus = userdata;
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = append_status(reply, bus->scout);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int on_list_masters(sd_bus_message *call, void *userdata, sd_bus_error *ret_error) {
        ScoutBus *bus = userdata;
        const CandidateSet *set = scout_candidates(bus->scout);
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; i < set->n_candidates && r >= 0; i++) {
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
                if (r >= 0)
                        r = append_master(reply, bus->scout, set->candidates[i]);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        return sd_bus_message_append(reply, "s", PRIMED_VERSION);
}

static int get_state(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const ScoutBus *own = userdata;

        return sd_bus_message_append(reply, "s", own->state);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status), on_get_status,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListMasters", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", masters), on_list_masters,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

static void scout_bus_drop(ScoutBus *bus) {
        if (!bus->bus)
                return;
        sd_bus_detach_event(bus->bus);
        bus->bus = sd_bus_close_unref(bus->bus);
}

static void scout_bus_arm(ScoutBus *bus, usec_t pause) {
        (void) sd_event_source_set_time_relative(bus->timer_source, pause);
        (void) sd_event_source_set_enabled(bus->timer_source, SD_EVENT_ONESHOT);
}

/* Inside of the bus' own dispatching: it cannot be freed here. */
static void on_disconnected(void *userdata) {
        ScoutBus *bus = userdata;

        log_info("The system bus is gone; looking for it again.");
        bus->lost = true;
        bus->pause_usec = RETRY_FIRST_USEC;
        scout_bus_arm(bus, 0);
}

static void on_name(int error, const char *reason, void *userdata) {
        if (error < 0)
                log_warning("%s", reason);
        else
                log_debug("Reachable as " BUS_WORKER_NAME);
}

static int scout_bus_connect(ScoutBus *bus, Problem *problem) {
        int r;

        r = bus_open_system(bus->event, &bus->bus, problem);
        if (r < 0)
                return r;
        r = bus_on_disconnected(bus->bus, on_disconnected, bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus->bus, NULL, BUS_WORKER_PATH, BUS_WORKER_INTERFACE, vtable, bus);
        if (r >= 0)
                r = bus_request_name(bus->bus, BUS_WORKER_NAME, on_name, bus);
        if (r < 0) {
                scout_bus_drop(bus);
                return problem_set(problem, r, "Cannot offer " BUS_WORKER_NAME " on the system bus: %m");
        }
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        ScoutBus *bus = userdata;
        Problem problem = PROBLEM_NONE;

        if (bus->lost) {
                bus->lost = false;
                /* First those who use it. */
                scout_on_bus(bus->scout, NULL);
                scout_bus_drop(bus);
                scout_bus_arm(bus, bus->pause_usec);
                return 0;
        }
        if (scout_bus_connect(bus, &problem) < 0) {
                if (!bus->warned)
                        log_warning("%s Masters in worker.conf are served without it.", problem.text);
                bus->warned = true;
                scout_bus_arm(bus, bus->pause_usec);
                bus->pause_usec = MIN(2 * bus->pause_usec, RETRY_LIMIT_USEC);
                return 0;
        }
        bus->warned = false;
        bus->pause_usec = RETRY_FIRST_USEC;
        scout_on_bus(bus->scout, bus->bus);
        return 0;
}

int scout_bus_new(sd_event *event, Scout *scout, ScoutBus **ret) {
        _cleanup_(scout_bus_freep) ScoutBus *bus = malloc(sizeof *bus);
        int r;

        if (!bus)
                return -ENOMEM;
        *bus = (ScoutBus) {
                .event = sd_event_ref(event),
                .scout = scout,
                .pause_usec = RETRY_FIRST_USEC,
                .state = "alone",
        };
        r = sd_event_add_time_relative(event, &bus->timer_source, CLOCK_BOOTTIME, 0, 10 * USEC_PER_MSEC, on_timer, bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

ScoutBus *scout_bus_free(ScoutBus *bus) {
        if (!bus)
                return NULL;
        scout_bus_drop(bus);
        sd_event_source_disable_unref(bus->timer_source);
        sd_event_unref(bus->event);
        free(bus);
        return NULL;
}

void scout_bus_set_state(ScoutBus *bus, const char *state) {
        if (strcmp(bus->state, state) == 0)
                return;
        bus->state = state;
        if (bus->bus)
                (void) sd_bus_emit_properties_changed(bus->bus, BUS_WORKER_PATH, BUS_WORKER_INTERFACE, "State", NULL);
}
