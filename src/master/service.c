/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The owner object of the daemon: wires listening sockets, settings, jobs, bus and systemd to the master.
 *
 * Whatever changes ends up in service_changed(), which arms one timer: a second after the last time at the earliest,
 * bus properties, TXT records and STATUS= are brought up to date together. While workers compute it comes again by
 * itself, for the figures of STATUS=.
 */

#include "master/service.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/text.h"
#include "master/acceptor.h"
#include "master/jobs.h"
#include "master/service-bus.h"
#include "master/service-status.h"
#include "prime/number.h"
#include "settings/settings.h"
#include "wire/identity.h"

#define UPDATE_USEC USEC_PER_SEC            /* between two updates */
#define PROGRESS_USEC (5 * USEC_PER_SEC)    /* between two updates of figures alone */
#define OPENING_USEC (10 * USEC_PER_MINUTE) /* that one store may take to be recovered, until systemd gives up */
#define STOPPING_USEC (2 * USEC_PER_MINUTE) /* the same for the last commit of all jobs */

struct Service {
        sd_event *event;
        ServiceSettings settings;
        MasterConfig *config;
        char name[WIRE_NAME_MAX + 1];
        char *registry_path, *firewall_path;
        Identity *identity;
        Master *master;
        Jobs *jobs;
        Acceptor *acceptor;
        ServiceBus *bus;
        sd_event_source *signals[3];
        sd_event_source *update_timer;
        usec_t updated_usec;
        bool stopping;
        Problem problem;                  /* of the last reload */
        char status[SERVICE_STATUS_SIZE]; /* the last that systemd was told */
};

/* what changed */

static void service_arm_update(Service *service, usec_t at) {
        int enabled = SD_EVENT_OFF;
        uint64_t armed = 0;

        if (service->stopping || !service->update_timer)
                return;
        (void) sd_event_source_get_enabled(service->update_timer, &enabled);
        (void) sd_event_source_get_time(service->update_timer, &armed);
        if (enabled != SD_EVENT_OFF && armed <= at)
                return;
        (void) sd_event_source_set_time(service->update_timer, at);
        (void) sd_event_source_set_enabled(service->update_timer, SD_EVENT_ONESHOT);
}

static void service_changed(void *userdata) {
        Service *service = userdata;

        service_arm_update(service, service->updated_usec + UPDATE_USEC);
}

/* With `news` ("READY=1\n") always, else when the text is another one. */
static void service_tell_systemd(Service *service, const char *news) {
        char text[SERVICE_STATUS_SIZE];
        const ServiceFacts facts = {
                .master = service->master,
                .jobs = service->jobs,
                .problem = service->problem.text,
                .hint = service_bus_hint(service->bus),
        };

        (void) service_status_text(&facts, text);
        if (!news && strcmp(text, service->status) == 0)
                return;
        memcpy(service->status, text, sizeof text);
        (void) sd_notifyf(false, "%sSTATUS=%s", news ? news : "", text);
}

static int service_on_update(sd_event_source *source, uint64_t usec, void *userdata) {
        Service *service = userdata;

        service->updated_usec = clock_now_usec();
        service_bus_update(service->bus);
        service_tell_systemd(service, NULL);
        if (master_n_workers(service->master) > 0)
                service_arm_update(service, service->updated_usec + PROGRESS_USEC);
        return 0;
}

/* workers */

static MasterCap service_on_cap(const char *name, const char *id, void *userdata) {
        Service *service = userdata;
        const SettingsHost *host = master_config_find_host(service->config, name, id);

        return host ? (MasterCap) { .threads_max = host->cores, .cpu_percent = host->cpu_quota } : (MasterCap) {};
}

static void service_on_connection(int fd, void *userdata) {
        Service *service = userdata;
        int r = master_add_worker(service->master, fd);

        if (r < 0)
                log_debug("A connection was not taken: error %d", r);
}

/* settings */

static MasterRules service_rules(const MasterConfig *config) {
        return (MasterRules) {
                .keep = config->keep_digest ? STORE_KEEP_DIGEST : STORE_KEEP_FULL,
                .segment_bytes = config->segment_bytes,
                .segment_span = config->segment_span,
                .room = {
                        .max_use = { config->max_use.bytes, config->max_use.percent },
                        .keep_free = { config->keep_free.bytes, config->keep_free.percent },
                },
                .drop_oldest = config->drop_oldest,
        };
}

/* The standing job of a config. `standing` leads to the numbers. */
typedef struct StandingNumbers {
        mpz_t from, to;
        StandingJob standing;
} StandingNumbers;

static void standing_numbers_done(StandingNumbers *numbers) {
        mpz_clears(numbers->from, numbers->to, NULL);
}

/* 1, 0: the config has none, or negative errno with a sentence. To be done in any case. */
static int standing_numbers_init(StandingNumbers *numbers, const MasterConfig *config, const char *path,
                                 Problem *problem) {
        Problem why = PROBLEM_NONE;
        Grid grid;
        int r;

        mpz_inits(numbers->from, numbers->to, NULL);
        numbers->standing = (StandingJob) {
                .from = numbers->from,
                .to = config->job_to ? numbers->to : NULL,
                .priority = config->job_priority,
                .certainty = config->job_certainty,
        };
        if (!config->has_job)
                return 0;
        r = number_parse(numbers->from, config->job_from, &why);
        if (r >= 0 && config->job_to)
                r = number_parse(numbers->to, config->job_to, &why);
        if (r >= 0)
                r = certainty_check(numbers->standing.certainty, numbers->standing.to, &why);
        if (r >= 0)
                r = grid_init(&grid, numbers->from, numbers->standing.to, &why);
        if (r < 0)
                return problem_set(problem, r, "%s: job: %s", path, why.text);
        grid_done(&grid);
        return 1;
}

static void service_set_name(Service *service) {
        char host[sizeof service->name] = "";

        if (gethostname(host, sizeof host - 1) < 0 || host[0] == '\0')
                (void) snprintf(host, sizeof host, "localhost");
        (void) snprintf(service->name, sizeof service->name, "%s", service->config->name ?: host);
}

/* The config is valid; what it cannot have at once is told by `problem`. */
static int service_apply(Service *service, MasterConfig *config, const StandingJob *standing, Problem *problem) {
        const MasterRules rules = service_rules(config);
        bool advertise = service->config->advertise;
        char name[sizeof service->name];
        int r;

        memcpy(name, service->name, sizeof name);
        if (strcmp(config->store, service->config->store) != 0)
                log_notice("The new \"store\" counts from the next start of primed-master");
        master_config_free(service->config);
        service->config = config;
        service_set_name(service);
        master_apply_caps(service->master);
        master_set_rules(service->master, &rules);
        r = master_set_name(service->master, service->name);
        if (r >= 0)
                r = jobs_set_standing(service->jobs, standing, problem);
        if (config->advertise != advertise || strcmp(service->name, name) != 0) /* else nobody need notice */
                service_bus_reload(service->bus, config->advertise);
        return r < 0 ? problem_set(problem, r, "The new settings were not applied: %m.") : 0;
}

static void service_reload(Service *service) {
        _cleanup_(master_config_freep) MasterConfig *config = NULL;
        const char *path = service->settings.config_path;
        StandingNumbers numbers;
        int r;

        daemon_tell_reloading();
        (void) sd_notifyf(false, "STATUS=Reading %s", path);
        service->problem = PROBLEM_NONE;
        r = master_config_load(path, &config, &service->problem);
        if (r >= 0) {
                r = standing_numbers_init(&numbers, config, path, &service->problem);
                if (r >= 0)
                        r = service_apply(service, TAKE_PTR(config), r > 0 ? &numbers.standing : NULL,
                                          &service->problem);
                standing_numbers_done(&numbers);
        }
        if (r < 0)
                log_error("%s", service->problem.text);
        else
                log_info("%s was read", path);
        service_tell_systemd(service, "READY=1\n");
        service_changed(service);
}

/* signals */

static void service_stop(Service *service) {
        size_t n_workers = master_n_workers(service->master);

        if (service->stopping)
                return;
        service->stopping = true;
        (void) sd_notifyf(false, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=Taking leave of %zu worker%s",
                          STOPPING_USEC, n_workers, text_plural(n_workers));
        service->acceptor = acceptor_free(service->acceptor);
        master_stop(service->master);
}

static int service_on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        if (info->ssi_signo == SIGHUP)
                service_reload(userdata);
        else
                service_stop(userdata);
        return 0;
}

/* beginning */

static void service_on_opening(const char *name, size_t index, size_t n, void *userdata) {
        (void) sd_notifyf(false, "EXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=Opening the store of job %s (%zu of %zu)",
                          OPENING_USEC, name, index + 1, n);
}

static int service_open_listeners(Service *service, Problem *problem) {
        static const AcceptorSettings none = {};
        AcceptorSettings settings = none;
        int fds[ACCEPTOR_SOCKETS_MAX + 1];
        int n;

        n = sd_listen_fds(true);
        if (n < 0)
                return problem_set(problem, n, "The listening sockets cannot be taken over: %m.");
        settings.on_connection = service_on_connection;
        settings.userdata = service;
        n = MIN(n, (int) ELEMENTSOF(fds));
        for (int i = 0; i < n; i++)
                fds[i] = SD_LISTEN_FDS_START + i;
        return acceptor_new(service->event, fds, (size_t) n, &settings, &service->acceptor, problem);
}

static int service_open_identity(Service *service, Problem *problem) {
        _cleanup_free_ char *path = NULL;

        if (service->settings.key_path)
                return identity_open(service->settings.key_path, &service->identity, problem);
        if (asprintf(&path, "%s/host.key", service->settings.state_path) < 0) {
                path = NULL;
                return problem_set(problem, ENOMEM, "Out of memory.");
        }
        return identity_open_host(path, &service->identity, problem);
}

static int service_new_master(Service *service, Problem *problem) {
        const MasterSettings settings = {
                .name = service->name,
                .identity = service->identity,
                .workers_max = service->config->workers_max,
                .spool_max_bytes = service->config->spool_max_bytes,
                .rules = service_rules(service->config),
                .on_cap = service_on_cap,
                .on_changed = service_changed,
                .userdata = service,
        };

        return master_new(service->event, &settings, &service->master, problem);
}

static int service_new_jobs(Service *service, Problem *problem) {
        const JobsSettings settings = {
                .master = service->master,
                .registry_path = service->registry_path,
                .store_root = service->config->store,
                .on_opening = service_on_opening,
                .userdata = service,
        };
        StandingNumbers numbers;
        int r;

        r = standing_numbers_init(&numbers, service->config, service->settings.config_path, problem);
        if (r >= 0)
                r = jobs_new(&settings, r > 0 ? &numbers.standing : NULL, &service->jobs, problem);
        standing_numbers_done(&numbers);
        return r;
}

static int service_watch(Service *service) {
        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
        const ServiceBusSettings bus = {
                .master = service->master,
                .jobs = service->jobs,
                .name = service->name,
                .problem = service->problem.text,
                .firewall_path = service->firewall_path,
                .port = acceptor_port(service->acceptor),
                .is_loopback = acceptor_is_loopback(service->acceptor),
                .advertise = service->config->advertise,
                .on_changed = service_changed,
                .userdata = service,
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(numbers) && r >= 0; i++)
                r = sd_event_add_signal(service->event, service->signals + i, numbers[i], service_on_signal, service);
        if (r >= 0)
                r = sd_event_add_time(service->event, &service->update_timer, CLOCK_BOOTTIME, 0, USEC_PER_MSEC,
                                      service_on_update, service);
        if (r >= 0)
                r = service_bus_new(service->event, &bus, &service->bus);
        if (r >= 0)
                r = sd_event_set_watchdog(service->event, true);
        return r;
}

int service_new(sd_event *event, const ServiceSettings *settings, Service **ret, Problem *problem) {
        _cleanup_(service_freep) Service *service = calloc(1, sizeof *service);
        char id[2 * SHA256_SIZE + 1];
        int r;

        if (!service || asprintf(&service->registry_path, "%s/jobs.json", settings->state_path) < 0 ||
            asprintf(&service->firewall_path, "%s/firewall-passed", settings->state_path) < 0)
                return problem_set(problem, ENOMEM, "Out of memory.");
        service->event = sd_event_ref(event);
        service->settings = *settings;
        r = service_open_listeners(service, problem);
        if (r >= 0)
                r = master_config_load(settings->config_path, &service->config, problem);
        if (r < 0)
                return r;
        service_set_name(service);
        r = service_open_identity(service, problem);
        if (r >= 0)
                r = service_new_master(service, problem);
        if (r >= 0)
                r = service_new_jobs(service, problem);
        if (r >= 0)
                r = service_watch(service);
        if (r < 0)
                return problem_set(problem, r, "Failed to start: %m.");
        log_info("Master %s (%.16s) serves port %u", service->name,
                 text_hex(master_id(service->master), SHA256_SIZE, id), acceptor_port(service->acceptor));
        service_tell_systemd(service, "READY=1\n");
        *ret = TAKE_PTR(service);
        return 0;
}

int service_run(Service *service) {
        int r = sd_event_loop(service->event);

        if (r < 0)
                return log_error_errno(r, "The event loop failed: %m");
        if (r > 0)
                log_error("%s", master_problem(service->master));
        return r;
}

Service *service_free(Service *service) {
        if (!service)
                return NULL;
        service->bus = service_bus_free(service->bus);
        service->acceptor = acceptor_free(service->acceptor);
        service->master = master_free(service->master);
        service->jobs = jobs_free(service->jobs);
        for (size_t i = 0; i < ELEMENTSOF(service->signals); i++)
                sd_event_source_disable_unref(service->signals[i]);
        sd_event_source_disable_unref(service->update_timer);
        identity_free(service->identity);
        master_config_free(service->config);
        sd_event_unref(service->event);
        free(service->registry_path);
        free(service->firewall_path);
        free(service);
        return NULL;
}
