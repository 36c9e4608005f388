/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What scout.c and scout-session.c share. For nobody else. */

#include <systemd/sd-event.h>

#include "discovery/browser.h"
#include "scout/folder-watch.h"
#include "scout/scout-bus.h"
#include "scout/scout.h"
#include "scout/worker-gate.h"

#define HOST_NAME_SIZE 256

struct Scout {
        sd_event *event;
        sd_event_source *timer_source, *reload_source;
        char *config_path, *config_folder, *dropin_folder, *worker_socket, *runtime_folder, *limits_path;
        char host_name[HOST_NAME_SIZE];
        Random random;

        WorkerConfig *config; /* the last good one; NULL: none yet */
        char config_error[sizeof ((Problem *) NULL)->text];
        char limits_error[sizeof ((Problem *) NULL)->text];
        FolderWatch *config_watch, *dropin_watch, *runtime_watch;

        ScoutBus *scout_bus;
        sd_bus *bus; /* its; NULL: not there */
        Browser *browser;
        DiscoveryState avahi_state;

        CandidateSet set;
        WorkerGate gate;
        bool ready;
        char status_text[SCOUT_STATUS_SIZE]; /* as systemd has it */
};

/* After each event: does what is due, arms the timer, shows what has changed. */
void scout_update(Scout *scout);

/* Begins a try of an idle candidate. */
void scout_dial(Scout *scout, Candidate *candidate);

/* The session ends: `failure` says why, if the worker has not; NULL: it closed the channel without a word. */
void scout_release(Scout *scout, Candidate *candidate, const char *failure);

/* Lets go of what the candidate holds, and tells why. It stays as it is otherwise. */
void scout_hang_up(Candidate *candidate, const char *reason);

/* Hangs up and forgets it. */
void scout_remove(Scout *scout, Candidate *candidate, const char *reason);
