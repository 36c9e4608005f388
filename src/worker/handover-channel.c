/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One datagram at a time, in and out; nothing here waits. */

#include "worker/handover-channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"

struct HandoverChannel {
        sd_event_source *source;
        int fd;
        bool closed; /* by the other side */
        HandoverChannelCallbacks callbacks;
        void *userdata;
};

/* Takes one datagram. 1: there was one; 0: none waits; negative: the end. */
static int channel_receive(HandoverChannel *channel, int *ret_passed) {
        char datagram[16];
        ssize_t n = fd_receive_descriptor(channel->fd, datagram, sizeof datagram, ret_passed);

        if (n == -EAGAIN)
                return 0;
        return n > 0 ? 1 : -ENOTCONN;
}

static int channel_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        HandoverChannel *channel = userdata;
        _cleanup_close_ int passed = -1;
        int r;

        r = channel_receive(channel, &passed);
        if (r < 0) {
                channel->closed = true;
                (void) sd_event_source_set_enabled(channel->source, SD_EVENT_OFF);
                channel->callbacks.on_closed(channel, channel->userdata);
        } else if (r > 0 && passed < 0)
                log_warning("A handover came without a descriptor.");
        else if (r > 0)
                channel->callbacks.on_descriptor(channel, TAKE_FD(passed), channel->userdata);
        return 0;
}

int handover_channel_new(sd_event *event, int fd, const HandoverChannelCallbacks *callbacks, void *userdata,
                         HandoverChannel **ret) {
        _cleanup_(handover_channel_freep) HandoverChannel *channel = malloc(sizeof *channel);
        int r;

        if (!channel) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        *channel = (HandoverChannel) { .fd = fd, .callbacks = *callbacks, .userdata = userdata };
        r = fd_set_nonblocking(fd, true);
        if (r >= 0)
                r = sd_event_add_io(event, &channel->source, fd, EPOLLIN, channel_on_io, channel);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(channel);
        return 0;
}

HandoverChannel *handover_channel_free(HandoverChannel *channel) {
        int passed = -1;

        if (!channel)
                return NULL;
        sd_event_source_disable_unref(channel->source);
        /* With something unread the other side would get an error in front of our last report. */
        while (!channel->closed && channel_receive(channel, &passed) > 0)
                passed = fd_close(passed);
        (void) fd_close(channel->fd);
        free(channel);
        return NULL;
}

void handover_channel_report(HandoverChannel *channel, const HandoverReport *report) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (!channel->closed && handover_encode(report, &text, &size) >= 0)
                (void) send(channel->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}
