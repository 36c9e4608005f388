/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One session as the scout sees it: the unix connection to the worker over which the master's descriptor went
 * (wire/handover.h). It ends when the worker has let the session go.
 */

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "wire/handover.h"

typedef struct Channel Channel;

/* Both may free the channel. After on_closed() nothing comes any more. */
typedef struct ChannelCallbacks {
        void (*on_report)(Channel *channel, const HandoverReport *report, void *userdata);
        void (*on_closed)(Channel *channel, void *userdata);
} ChannelCallbacks;

/*
 * Connects to the worker's socket at `path`, which starts the worker if it has to, and hands `fd` over, which stays
 * the caller's. `text` tells the worker what it is. Never blocks. 0; -ENOENT, -ECONNREFUSED: no such socket, nobody
 * listens; -EAGAIN: too many wait already; other negative errno.
 */
int channel_new(sd_event *event, const char *path, int fd, const char *text, const ChannelCallbacks *callbacks,
                void *userdata, Channel **ret);
Channel *channel_free(Channel *channel); /* the worker then ends the session */

/* Who is called from now on. */
void channel_set_userdata(Channel *channel, void *userdata);

DEFINE_TRIVIAL_CLEANUP_FUNC(Channel *, channel_free);
