/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The worker's end of a handover channel (wire/handover.h): descriptors come in, reports go out. */

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "wire/handover.h"

typedef struct HandoverChannel HandoverChannel;

/* From the event loop; each may free the channel. */
typedef struct HandoverChannelCallbacks {
        void (*on_descriptor)(HandoverChannel *channel, int fd, void *userdata); /* takes it */
        void (*on_closed)(HandoverChannel *channel, void *userdata);             /* by the other side */
} HandoverChannelCallbacks;

/* Takes `fd`, on failure too. */
int handover_channel_new(sd_event *event, int fd, const HandoverChannelCallbacks *callbacks, void *userdata,
                         HandoverChannel **ret);
HandoverChannel *handover_channel_free(HandoverChannel *channel);

/* Never waits: what the other side does not read in time is lost. */
void handover_channel_report(HandoverChannel *channel, const HandoverReport *report);

DEFINE_TRIVIAL_CLEANUP_FUNC(HandoverChannel *, handover_channel_free);
