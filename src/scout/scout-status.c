/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counting the masters, and saying it. */

#include "scout/scout-status.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"

static void status_add_session(ScoutStatus *status, const Candidate *candidate) {
        const HandoverReport *report = &candidate->report;

        /* Sessions share the host's threads, one after the other: the largest number is the host's. */
        status->allowed_threads = MAX(status->allowed_threads, report->threads_allowed);
        status->applied_threads = MAX(status->applied_threads, report->threads_applied);
        if (status->note[0] == '\0')
                status->note = report->note;
        if (status->n_connected < ELEMENTSOF(status->titles))
                status->titles[status->n_connected] = candidate_title(candidate);
        status->n_connected++;
}

static void status_count(ScoutStatus *status, const Candidate *candidate) {
        const char *state = candidate_state(candidate);

        if (strcmp(state, "gone") == 0)
                return;
        status->n_masters++;
        if (strcmp(state, "connected") == 0)
                status_add_session(status, candidate);
        else if (strcmp(state, "connecting") == 0)
                status->n_connecting++;
        else if (strcmp(state, "waiting") == 0)
                status->n_waiting++;
        else if (strcmp(state, "refused") == 0)
                status->n_refused++;
        else
                status->n_failing++;
}

void scout_status_make(const CandidateSet *set, const ScoutFacts *facts, ScoutStatus *ret) {
        ScoutStatus status = { .note = "", .reason = "" };

        for (size_t i = 0; i < set->n_candidates; i++)
                status_count(&status, set->candidates[i]);
        for (size_t i = 0; i < set->n_candidates && !status.titles[0]; i++)
                if (strcmp(candidate_state(set->candidates[i]), "gone") != 0) {
                        status.titles[0] = candidate_title(set->candidates[i]);
                        status.reason = set->candidates[i]->reason;
                }

        if (status.n_connected > 0 && status.applied_threads == 0 && (status.allowed_threads > 0 || *status.note))
                status.state = "paused";
        else if (status.n_connected > 0)
                status.state = "working";
        else if (facts->config_missing || facts->worker_error[0] != '\0')
                status.state = "stuck";
        else
                status.state = status.n_masters > status.n_failing ? "idle" : "alone";
        if (status.n_connected == 0 && facts->worker_error[0] != '\0')
                status.note = facts->worker_error;
        *ret = status;
}

static void text_of_sessions(const ScoutStatus *status, char *ret, size_t size) {
        bool paused = strcmp(status->state, "paused") == 0;
        char names[300], threads[64] = "";

        if (status->n_connected == 1)
                (void) snprintf(names, sizeof names, "'%s'", status->titles[0]);
        else if (status->n_connected == 2)
                (void) snprintf(names, sizeof names, "'%s' and '%s'", status->titles[0], status->titles[1]);
        else
                (void) snprintf(names, sizeof names, "%u masters", status->n_connected);
        if (!paused && status->allowed_threads > 0)
                (void) snprintf(threads, sizeof threads, " with %u of %u thread%s", status->applied_threads,
                                status->allowed_threads, text_plural(status->allowed_threads));
        (void) snprintf(ret, size, "%s %s%s%s%s", paused ? "Pausing for" : "Serving", names, threads,
                        status->note[0] != '\0' ? ": " : "", status->note);
}

static void text_of_one(const ScoutStatus *status, char *ret, size_t size) {
        const char *colon = status->reason[0] != '\0' ? ": " : "";

        if (status->n_connecting > 0)
                (void) snprintf(ret, size, "Connecting to '%s'", status->titles[0]);
        else if (status->n_refused > 0)
                (void) snprintf(ret, size, "'%s' refuses this worker%s%s", status->titles[0], colon, status->reason);
        else if (status->n_failing > 0)
                (void) snprintf(ret, size, "Cannot join '%s'%s%s", status->titles[0], colon, status->reason);
        else
                (void) snprintf(ret, size, "'%s' wants no workers now", status->titles[0]);
}

static void text_of_many(const ScoutStatus *status, char *ret, size_t size) {
        if (status->n_connecting > 0)
                (void) snprintf(ret, size, "Connecting to %u of %u masters", status->n_connecting, status->n_masters);
        else if (status->n_waiting == status->n_masters)
                (void) snprintf(ret, size, "%u masters, none wants workers now", status->n_masters);
        else if (status->n_refused == status->n_masters)
                (void) snprintf(ret, size, "%u masters, all refuse this worker", status->n_masters);
        else if (status->n_failing == status->n_masters)
                (void) snprintf(ret, size, "%u masters, none can be joined", status->n_masters);
        else
                (void) snprintf(ret, size, "%u masters: %u want%s no workers now, %u cannot be joined, %u refuse%s",
                                status->n_masters, status->n_waiting, status->n_waiting == 1 ? "s" : "",
                                status->n_failing, status->n_refused, status->n_refused == 1 ? "s" : "");
}

static const char *text_of_none(const ScoutFacts *facts) {
        if (strcmp(facts->avahi, "off") == 0)
                return "No masters: worker.conf names none, and its 'discover' is off";
        if (strcmp(facts->avahi, "absent") == 0)
                return "Looking for masters (Avahi is not installed: apt install avahi-daemon, or name them in "
                       "worker.conf)";
        if (strcmp(facts->avahi, "stopped") == 0)
                return "Looking for masters (Avahi is not running: systemctl start avahi-daemon, or name them in "
                       "worker.conf)";
        return "Looking for masters";
}

void scout_status_text(const ScoutStatus *status, const ScoutFacts *facts, char *ret, size_t size) {
        size_t n;

        if (facts->config_missing) {
                (void) snprintf(ret, size, "Stuck: %s", facts->config_error);
                return;
        }
        if (status->n_connected > 0)
                text_of_sessions(status, ret, size);
        else if (facts->worker_error[0] != '\0')
                (void) snprintf(ret, size, "Stuck: %s", facts->worker_error);
        else if (status->n_masters == 0)
                (void) snprintf(ret, size, "%s", text_of_none(facts));
        else if (status->n_masters == 1)
                text_of_one(status, ret, size);
        else
                text_of_many(status, ret, size);
        n = strlen(ret);
        if (facts->config_error[0] != '\0' && n + 1 < size)
                (void) snprintf(ret + n, size - n, "; the config is broken, the last good one is in force: %s",
                                facts->config_error);
}
