/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The scout's sessions: from the try over the handover to the end. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/journal.h"
#include "base/log.h"
#include "connect/dial.h"
#include "scout/channel.h"
#include "scout/scout-state.h"

/* -- Sessions ------------------------------------------------------------------------------------------------- */

static void tell_joined(const Candidate *candidate) {
        const JournalField fields[] = {
                { "PRIMED_MASTER", candidate_title(candidate) },
                { "PRIMED_MASTER_ID", candidate->id },
        };

        journal_event(LOG_INFO, MESSAGE_ID_MASTER_JOINED, fields, ELEMENTSOF(fields), "Joined '%s' at %s.",
                      candidate_title(candidate), candidate->address);
}

static void tell_left(const Candidate *candidate, const char *reason) {
        const JournalField fields[] = {
                { "PRIMED_MASTER", candidate_title(candidate) },
                { "PRIMED_MASTER_ID", candidate->id },
        };

        if (candidate->phase != CANDIDATE_JOINED)
                return;
        journal_event(LOG_INFO, MESSAGE_ID_MASTER_LEFT, fields, ELEMENTSOF(fields), "Left '%s': %s",
                      candidate_title(candidate), reason[0] != '\0' ? reason : "the session ended");
}

static void gate_fail(Scout *scout, const char *reason) {
        bool known = strcmp(worker_gate_error(&scout->gate), reason) == 0;

        worker_gate_fail(&scout->gate, reason, clock_now_usec(), &scout->random);
        if (worker_gate_error(&scout->gate)[0] != '\0' && !known)
                log_warning("The worker cannot be used: %s", reason);
}

static void gate_heal(Scout *scout) {
        if (worker_gate_heal(&scout->gate))
                log_info("The worker takes connections again.");
}

void scout_hang_up(Candidate *candidate, const char *reason) {
        tell_left(candidate, reason);
        candidate->dial = dial_free(candidate->dial);
        candidate->channel = channel_free(candidate->channel);
}

void scout_remove(Scout *scout, Candidate *candidate, const char *reason) {
        scout_hang_up(candidate, reason);
        candidate_set_remove(&scout->set, candidate);
}

void scout_release(Scout *scout, Candidate *candidate, const char *failure) {
        bool fault;

        if (!failure)
                failure = WORKER_GATE_SILENCE;
        tell_left(candidate, candidate->ending ? candidate->report.reason : failure);
        candidate->channel = channel_free(candidate->channel);
        if (candidate->ending && candidate->report.event == HANDOVER_REFUSED)
                log_warning("'%s' refuses this worker: %s", candidate_title(candidate), candidate->report.reason);
        fault = candidate_released(candidate, failure, clock_now_usec(), &scout->random);
        if (fault)
                gate_fail(scout, candidate->reason);
}

static void on_channel_closed(Channel *channel, void *userdata) {
        Candidate *candidate = userdata;
        Scout *scout = candidate->scout;

        log_debug("The worker let '%s' go.", candidate_title(candidate));
        scout_release(scout, candidate, NULL);
        scout_update(scout);
}

/* Gives the session of `candidate` to `owner`, whose master it is. True when it lives on. */
static bool scout_move_session(Scout *scout, Candidate *owner, Candidate *candidate) {
        usec_t now = clock_now_usec();
        char reason[ADDRESS_TEXT_SIZE + 64];
        bool moved = false;

        if (owner->phase == CANDIDATE_JOINED) {
                log_debug("%s is '%s', which has a session already.", candidate->address, candidate_title(owner));
                scout_hang_up(candidate, "");
        } else {
                scout_hang_up(owner, "");
                if (owner->phase != CANDIDATE_IDLE)
                        candidate_drop(owner, RETRY_LOST, "", now, &scout->random);
                owner->channel = TAKE_PTR(candidate->channel);
                channel_set_userdata(owner->channel, owner);
                moved = true;
        }
        (void) snprintf(reason, sizeof reason, "%s is another master", candidate->address);
        if (moved)
                candidate_move_session(owner, candidate, now);
        candidate_drop(candidate, RETRY_LOST, reason, now, &scout->random);
        if (candidate_is_forgotten(candidate, now) || (!candidate->seen && candidate->n_fixed == 0))
                scout_remove(scout, candidate, "");
        return moved;
}

/* Now it is known who the master of this session is. The one whose session it is; NULL: it is closed. */
static Candidate *scout_identify(Scout *scout, Candidate *candidate, const char *id) {
        Candidate *owner = NULL;
        int r;

        r = candidate_set_identify(&scout->set, candidate, id, clock_now_usec(), &owner);
        if (r < 0) {
                log_warning_errno(r, "Cannot keep the session with '%s': %m", candidate_title(candidate));
                scout_hang_up(candidate, "");
                candidate_drop(candidate, RETRY_LOST, "too many masters", clock_now_usec(), &scout->random);
                return NULL;
        }
        owner->scout = scout;
        if (owner == candidate)
                return owner;
        return scout_move_session(scout, owner, candidate) ? owner : NULL;
}

static void on_channel_report(Channel *channel, const HandoverReport *report, void *userdata) {
        Candidate *candidate = userdata;
        Scout *scout = candidate->scout;

        log_debug("The worker on '%s': event %u, %u of %u threads, %s%s", candidate_title(candidate), report->event,
                  report->threads_applied, report->threads_allowed, report->reason, report->note);
        gate_heal(scout);
        if (candidate->phase == CANDIDATE_HANDED_OVER && report->master_id[0] != '\0') {
                candidate = scout_identify(scout, candidate, report->master_id);
                if (!candidate) {
                        scout_update(scout);
                        return;
                }
        }
        candidate_report(candidate, report, clock_now_usec());
        if (report->event == HANDOVER_JOINED)
                tell_joined(candidate);
        scout_update(scout);
}

static const ChannelCallbacks channel_callbacks = {
        .on_report = on_channel_report,
        .on_closed = on_channel_closed,
};

/* -- Dials ---------------------------------------------------------------------------------------------------- */

/* The worker's side failed: the master may be rung as soon as the gate opens. */
static void scout_blame_worker(Scout *scout, Candidate *candidate, const char *reason) {
        usec_t now = clock_now_usec();

        gate_fail(scout, reason);
        candidate_drop(candidate, RETRY_WORKER, reason, now, &scout->random);
        candidate->next_try_usec = now;
}

static void scout_hand_over(Scout *scout, Candidate *candidate, const DialResult *result) {
        char text[ADDRESS_TEXT_SIZE], reason[512];
        int r;

        (void) address_text(&result->peer, text);
        r = dial_prepare_socket(result->fd);
        if (r < 0)
                log_debug("%s: cannot set the options of the connection: %s", text, strerror(-r));
        r = channel_new(scout->event, scout->worker_socket, result->fd, text, &channel_callbacks, candidate,
                        &candidate->channel);
        if (r < 0) {
                worker_gate_explain(scout->worker_socket, r, reason, sizeof reason);
                scout_blame_worker(scout, candidate, reason);
                return;
        }
        r = candidate_handed_over(candidate, &result->peer, result->host, result->port, clock_now_usec());
        if (r < 0) {
                scout_hang_up(candidate, "");
                candidate_unreachable(candidate, "out of memory", clock_now_usec(), &scout->random);
                return;
        }
        log_debug("Handed the connection to '%s' at %s to the worker.", candidate_title(candidate), text);
}

static void on_dialed(Dial *dial, const DialResult *result, void *userdata) {
        Candidate *candidate = userdata;
        Scout *scout = candidate->scout;
        _cleanup_close_ int fd = result->fd;

        if (fd >= 0) {
                scout_hand_over(scout, candidate, result);
        } else {
                candidate_unreachable(candidate, result->reason, clock_now_usec(), &scout->random);
                /* Once, until it was reached: it may be switched off for months. */
                log_full(candidate->n_failures[RETRY_UNREACHABLE] == 1 ? LOG_INFO : LOG_DEBUG,
                         "Cannot reach '%s': %s. It is tried again.", candidate_title(candidate), result->reason);
        }
        candidate->dial = dial_free(candidate->dial);
        scout_update(scout);
}

static bool is_unwanted(const Address *address, void *userdata) {
        return candidate_shuns(userdata, address, clock_now_usec());
}

void scout_dial(Scout *scout, Candidate *candidate) {
        DialName names[SETTINGS_MASTERS_MAX];
        const DialRequest request = {
                .addresses = candidate->addresses,
                .n_addresses = candidate->n_addresses,
                .names = names,
                .n_names = MIN(candidate->n_fixed, (size_t) SETTINGS_MASTERS_MAX),
                .is_unwanted = is_unwanted,
                .on_done = on_dialed,
                .userdata = candidate,
        };
        char reason[512];
        int r;

        if (worker_gate_check_socket(scout->worker_socket, reason, sizeof reason) < 0) {
                scout_blame_worker(scout, candidate, reason);
                return;
        }
        for (size_t i = 0; i < request.n_names; i++)
                names[i] = (DialName) { .host = candidate->fixed[i].host, .port = candidate->fixed[i].port };
        candidate_dialing(candidate, clock_now_usec());
        r = dial_new(scout->event, &request, &candidate->dial);
        if (r < 0)
                candidate_unreachable(candidate, strerror(-r), clock_now_usec(), &scout->random);
}
