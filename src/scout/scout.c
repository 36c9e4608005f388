/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The scout's owner object: wires config, Avahi, bus, candidates, dials and channels. Each event changes a candidate
 * (candidate.h) or the set (candidate-set.h); then scout_update() does whatever is due and arms the one timer.
 */

#include "scout/scout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "scout/limits-error.h"
#include "scout/scout-state.h"

#define DIALS_MAX 8                                  /* at a time; each may have a resolver's process */
#define ANSWER_USEC USEC_PER_MINUTE                  /* the worker has to say something after a handover */
#define PARTING_USEC (30 * USEC_PER_SEC)             /* and to let a session go that has ended */
#define RELOAD_PAUSE_USEC (200 * USEC_PER_MSEC)      /* for editors that write in several steps */

/* -- What is due ---------------------------------------------------------------------------------------------- */

/* When the worker has had enough time for its next word; USEC_INFINITY: it need not say any. */
static usec_t candidate_deadline(const Candidate *candidate) {
        if (candidate->phase != CANDIDATE_HANDED_OVER && candidate->phase != CANDIDATE_JOINED)
                return USEC_INFINITY;
        if (candidate->ending)
                return candidate->ended_usec + PARTING_USEC;
        return candidate->phase == CANDIDATE_HANDED_OVER ? candidate->tried_usec + ANSWER_USEC : USEC_INFINITY;
}

usec_t scout_next_try(const Scout *scout, const Candidate *candidate) {
        if (candidate->phase != CANDIDATE_IDLE || candidate->next_try_usec == USEC_INFINITY)
                return USEC_INFINITY;
        return MAX(candidate->next_try_usec, scout->gate.until_usec);
}

/* Removes, hangs up, dials. */
static void scout_do_due(Scout *scout) {
        usec_t now = clock_now_usec();
        unsigned n_dials = 0;

        for (size_t i = 0; i < scout->set.n_candidates; i++)
                n_dials += scout->set.candidates[i]->phase == CANDIDATE_DIALING;
        for (size_t i = scout->set.n_candidates; i-- > 0;) {
                Candidate *candidate = scout->set.candidates[i];

                candidate->scout = scout;
                if (candidate_is_forgotten(candidate, now))
                        scout_remove(scout, candidate, "");
                else if (now >= candidate_deadline(candidate))
                        scout_release(scout, candidate, "the worker does not answer");
        }
        for (size_t i = 0; i < scout->set.n_candidates && n_dials < DIALS_MAX; i++)
                if (now >= scout_next_try(scout, scout->set.candidates[i])) {
                        scout_dial(scout, scout->set.candidates[i]);
                        n_dials += scout->set.candidates[i]->phase == CANDIDATE_DIALING;
                }
}

/* A slow ring may come with other things that the host wakes up for. */
static void scout_arm(Scout *scout) {
        usec_t now = clock_now_usec(), next = USEC_INFINITY, accuracy;
        unsigned n_dials = 0;

        for (size_t i = 0; i < scout->set.n_candidates; i++)
                n_dials += scout->set.candidates[i]->phase == CANDIDATE_DIALING;
        for (size_t i = 0; i < scout->set.n_candidates; i++) {
                const Candidate *candidate = scout->set.candidates[i];

                next = MIN(next, candidate_deadline(candidate));
                if (n_dials < DIALS_MAX)
                        next = MIN(next, scout_next_try(scout, candidate));
        }
        if (next == USEC_INFINITY) {
                (void) sd_event_source_set_enabled(scout->timer_source, SD_EVENT_OFF);
                return;
        }
        accuracy = next > now ? (next - now) / 10 : 0;
        (void) sd_event_source_set_time_accuracy(scout->timer_source,
                                                 CLAMP(accuracy, 10 * USEC_PER_MSEC, USEC_PER_MINUTE));
        (void) sd_event_source_set_time(scout->timer_source, next);
        (void) sd_event_source_set_enabled(scout->timer_source, SD_EVENT_ONESHOT);
}

static const char *scout_avahi(const Scout *scout) {
        if (scout->config && !scout->config->discover)
                return "off";
        if (scout->browser && scout->avahi_state == DISCOVERY_RUNNING)
                return "running";
        return access("/usr/sbin/avahi-daemon", F_OK) >= 0 ? "stopped" : "absent";
}

void scout_describe(Scout *scout, ScoutStatus *ret_status, ScoutFacts *ret_facts) {
        *ret_facts = (ScoutFacts) {
                .config_error = scout->config_error[0] != '\0' ? scout->config_error : scout->limits_error,
                .config_missing = !scout->config,
                .worker_error = worker_gate_error(&scout->gate),
                .avahi = scout_avahi(scout),
        };
        scout_status_make(&scout->set, ret_facts, ret_status);
}

static void scout_show(Scout *scout) {
        char text[SCOUT_STATUS_SIZE];
        ScoutStatus status;
        ScoutFacts facts;

        scout_describe(scout, &status, &facts);
        scout_status_text(&status, &facts, text, sizeof text);
        if (scout->scout_bus)
                scout_bus_set_state(scout->scout_bus, status.state);
        if (strcmp(text, scout->status_text) == 0 && scout->ready)
                return;
        (void) snprintf(scout->status_text, sizeof scout->status_text, "%s", text);
        log_debug("Status: %s", text);
        (void) sd_notifyf(0, "%sSTATUS=%s", scout->ready ? "" : "READY=1\n", text);
        scout->ready = true;
}

void scout_update(Scout *scout) {
        scout_do_due(scout);
        scout_arm(scout);
        scout_show(scout);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        scout_update(userdata);
        return 0;
}

/* -- mDNS ----------------------------------------------------------------------------------------------------- */

static void on_master_seen(const DiscoveredMaster *master, void *userdata) {
        Scout *scout = userdata;
        Candidate *candidate = NULL;
        int r;

        r = candidate_set_see(&scout->set, master, clock_now_usec(), &candidate);
        if (r < 0) {
                log_debug("No room for '%s': %s", master->name, strerror(-r));
                return;
        }
        log_debug("mDNS shows '%s' with %zu addresses, work=%d.", master->name, master->n_addresses, master->work);
        scout_update(scout);
}

static void on_master_gone(const char *id, void *userdata) {
        Scout *scout = userdata;
        Candidate *candidate = candidate_set_find(&scout->set, id);

        if (!candidate)
                return;
        log_debug("mDNS shows '%s' no more.", candidate_title(candidate));
        candidate_unseen(candidate, clock_now_usec(), &scout->random);
        scout_update(scout);
}

static void on_avahi_state(DiscoveryState state, const char *problem, void *userdata) {
        Scout *scout = userdata;

        scout->avahi_state = state;
        if (problem[0] != '\0')
                log_warning("%s", problem);
        scout_update(scout);
}

/* Looks for masters by mDNS, if that is wanted and there is a bus; or ends that. */
static void scout_check_browser(Scout *scout) {
        const BrowserCallbacks callbacks = {
                .on_master = on_master_seen,
                .on_gone = on_master_gone,
                .on_state = on_avahi_state,
                .userdata = scout,
        };
        bool wanted = scout->bus && scout->config && scout->config->discover;
        int r;

        if (wanted == (scout->browser != NULL))
                return;
        scout->avahi_state = DISCOVERY_ABSENT;
        if (!wanted) {
                scout->browser = browser_free(scout->browser);
                for (size_t i = 0; i < scout->set.n_candidates; i++)
                        candidate_unseen(scout->set.candidates[i], clock_now_usec(), &scout->random);
                return;
        }
        r = browser_new(scout->bus, scout->event, &callbacks, &scout->browser);
        if (r < 0)
                log_warning_errno(r, "Cannot look for masters by mDNS: %m");
}

void scout_on_bus(Scout *scout, sd_bus *bus) {
        scout->bus = bus;
        scout_check_browser(scout);
        scout_update(scout);
}

/* -- Config --------------------------------------------------------------------------------------------------- */

/* Masters that no way leads to any more, now that the config has changed. */
static void scout_drop_unwanted(Scout *scout) {
        bool discover = scout->config->discover;

        for (size_t i = scout->set.n_candidates; i-- > 0;) {
                Candidate *candidate = scout->set.candidates[i];

                if (candidate->n_fixed > 0)
                        continue;
                if (!discover || (!candidate->seen && !candidate->was_seen && candidate->via_host) ||
                    (!candidate->was_seen && candidate->phase == CANDIDATE_DIALING))
                        scout_remove(scout, candidate, "worker.conf does not name it any more");
        }
}

static void scout_take_config(Scout *scout, WorkerConfig *config) {
        int r;

        worker_config_free(scout->config);
        scout->config = config;
        r = candidate_set_fix(&scout->set, config->masters, config->n_masters, clock_now_usec());
        if (r < 0)
                log_warning_errno(r, "Cannot take all masters of worker.conf: %m");
        scout_check_browser(scout);
        scout_drop_unwanted(scout);
}

static void scout_read_limits(Scout *scout) {
        char error[sizeof scout->limits_error];
        int r;

        r = limits_error_read(scout->limits_path, error, sizeof error);
        if (r < 0)
                log_debug("%s: %s", scout->limits_path, strerror(-r));
        /* A worker that did not start because of it will start now. */
        if (error[0] == '\0' && scout->limits_error[0] != '\0')
                worker_gate_hope(&scout->gate);
        (void) snprintf(scout->limits_error, sizeof scout->limits_error, "%s", error);
}

void scout_reload(Scout *scout) {
        Problem problem = PROBLEM_NONE;
        WorkerConfig *config = NULL;

        (void) folder_watch_refresh(scout->config_watch);
        (void) folder_watch_refresh(scout->dropin_watch);
        (void) folder_watch_refresh(scout->runtime_watch);
        scout_read_limits(scout);
        if (worker_config_load(scout->config_path, &config, &problem) >= 0) {
                if (scout->config_error[0] != '\0') {
                        log_info("%s is right again.", scout->config_path);
                        worker_gate_hope(&scout->gate);
                }
                scout->config_error[0] = '\0';
                scout_take_config(scout, config);
        } else if (strcmp(problem.text, scout->config_error) != 0) {
                log_error("%s", problem.text);
                (void) snprintf(scout->config_error, sizeof scout->config_error, "%s", problem.text);
        }
        scout_update(scout);
}

static int on_reload_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        log_debug("Reading the config again.");
        scout_reload(userdata);
        return 0;
}

static void scout_reload_soon(Scout *scout) {
        (void) sd_event_source_set_time_relative(scout->reload_source, RELOAD_PAUSE_USEC);
        (void) sd_event_source_set_enabled(scout->reload_source, SD_EVENT_ONESHOT);
}

static void on_config_folder(const char *name, void *userdata) {
        Scout *scout = userdata;
        const char *file = strrchr(scout->config_path, '/'), *folder = strrchr(scout->dropin_folder, '/');

        if (name[0] == '\0' || strcmp(name, file ? file + 1 : scout->config_path) == 0 ||
            strcmp(name, folder ? folder + 1 : scout->dropin_folder) == 0)
                scout_reload_soon(scout);
}

static void on_dropin_folder(const char *name, void *userdata) {
        const char *dot = strrchr(name, '.');

        if (name[0] == '\0' || (dot && strcmp(dot, ".conf") == 0))
                scout_reload_soon(userdata);
}

static void on_runtime_folder(const char *name, void *userdata) {
        Scout *scout = userdata;
        const char *limits = strrchr(scout->limits_path, '/') + 1, *file = strrchr(scout->worker_socket, '/');

        if (strcmp(name, limits) == 0) {
                scout_read_limits(scout);
                scout_update(scout);
        } else if (strcmp(name, file ? file + 1 : scout->worker_socket) == 0) {
                char reason[512];

                if (worker_gate_check_socket(scout->worker_socket, reason, sizeof reason) >= 0)
                        worker_gate_hope(&scout->gate);
                scout_update(scout);
        }
}

/* -- Life ----------------------------------------------------------------------------------------------------- */

const char *scout_host_name(const Scout *scout) {
        return scout->config && scout->config->name ? scout->config->name : scout->host_name;
}

const WorkerConfig *scout_config(const Scout *scout) {
        return scout->config;
}

const CandidateSet *scout_candidates(const Scout *scout) {
        return &scout->set;
}

static int scout_set_paths(Scout *scout, const ScoutSettings *settings) {
        scout->config_path = strdup(settings->config_path);
        scout->worker_socket = strdup(settings->worker_socket);
        scout->config_folder = file_parent(settings->config_path);
        scout->runtime_folder = file_parent(settings->worker_socket);
        if (!scout->config_path || !scout->worker_socket || !scout->config_folder || !scout->runtime_folder)
                return -ENOMEM;
        if (asprintf(&scout->dropin_folder, "%s.d", scout->config_path) < 0) {
                scout->dropin_folder = NULL;
                return -ENOMEM;
        }
        if (asprintf(&scout->limits_path, "%s/limits", scout->runtime_folder) < 0) {
                scout->limits_path = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int scout_watch(Scout *scout) {
        int r;

        r = folder_watch_new(scout->event, scout->config_folder, on_config_folder, scout, &scout->config_watch);
        if (r >= 0)
                r = folder_watch_new(scout->event, scout->dropin_folder, on_dropin_folder, scout, &scout->dropin_watch);
        if (r >= 0)
                r = folder_watch_new(scout->event, scout->runtime_folder, on_runtime_folder, scout,
                                     &scout->runtime_watch);
        if (r >= 0)
                r = sd_event_add_time(scout->event, &scout->timer_source, CLOCK_BOOTTIME, 0, 0, on_timer, scout);
        if (r >= 0)
                r = sd_event_source_set_enabled(scout->timer_source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(scout->event, &scout->reload_source, CLOCK_BOOTTIME, 0, 50 * USEC_PER_MSEC,
                                      on_reload_timer, scout);
        if (r >= 0)
                r = sd_event_source_set_enabled(scout->reload_source, SD_EVENT_OFF);
        return MIN(r, 0);
}

int scout_new(sd_event *event, const ScoutSettings *settings, Scout **ret, Problem *problem) {
        _cleanup_(scout_freep) Scout *scout = calloc(1, sizeof *scout);
        uint64_t seed;
        int r;

        if (!scout)
                return problem_set(problem, ENOMEM, "Out of memory");
        scout->event = sd_event_ref(event);
        /* Scouts of one LAN, started by one power switch, must not ring together. */
        if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
                seed = clock_realtime_usec() ^ (uint64_t) getpid() << 40;
        random_init(&scout->random, seed);
        scout->set.random = &scout->random;
        if (gethostname(scout->host_name, sizeof scout->host_name - 1) < 0)
                (void) snprintf(scout->host_name, sizeof scout->host_name, "localhost");

        r = scout_set_paths(scout, settings);
        if (r >= 0)
                r = scout_watch(scout);
        if (r >= 0)
                r = scout_bus_new(event, scout, &scout->scout_bus);
        if (r < 0)
                return problem_set(problem, r, "Cannot start: %m");
        scout_reload(scout);
        *ret = TAKE_PTR(scout);
        return 0;
}

Scout *scout_free(Scout *scout) {
        if (!scout)
                return NULL;
        for (size_t i = 0; i < scout->set.n_candidates; i++)
                scout_hang_up(scout->set.candidates[i], "the scout is stopped");
        candidate_set_done(&scout->set);
        browser_free(scout->browser);
        scout_bus_free(scout->scout_bus);
        folder_watch_free(scout->config_watch);
        folder_watch_free(scout->dropin_watch);
        folder_watch_free(scout->runtime_watch);
        sd_event_source_disable_unref(scout->timer_source);
        sd_event_source_disable_unref(scout->reload_source);
        worker_config_free(scout->config);
        sd_event_unref(scout->event);
        free(scout->config_path);
        free(scout->config_folder);
        free(scout->dropin_folder);
        free(scout->worker_socket);
        free(scout->runtime_folder);
        free(scout->limits_path);
        free(scout);
        return NULL;
}
