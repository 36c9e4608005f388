/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A SOCK_SEQPACKET connection: one descriptor out, reports in, and its end. */

#include "scout/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"

struct Channel {
        sd_event_source *source;
        int fd;
        const ChannelCallbacks *callbacks;
        void *userdata;
};

/* One report at a time: the callback may free the channel. */
static int channel_on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Channel *channel = userdata;
        char datagram[HANDOVER_SIZE_MAX];
        HandoverReport report = {};
        ssize_t n;

        n = recv(fd, datagram, sizeof datagram, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                (void) sd_event_source_set_enabled(channel->source, SD_EVENT_OFF);
                channel->callbacks->on_closed(channel, channel->userdata);
                return 0;
        }
        if (handover_decode(datagram, (size_t) n, &report) < 0) {
                log_debug("The worker sent a report that cannot be read, of %zd bytes.", n);
                return 0;
        }
        channel->callbacks->on_report(channel, &report, channel->userdata);
        return 0;
}

static int channel_connect(Channel *channel, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        channel->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (channel->fd < 0)
                return -errno;
        return connect(channel->fd, (const struct sockaddr *) &address, sizeof address) < 0 ? -errno : 0;
}

int channel_new(sd_event *event, const char *path, int fd, const char *text, const ChannelCallbacks *callbacks,
                void *userdata, Channel **ret) {
        _cleanup_(channel_freep) Channel *channel = malloc(sizeof *channel);
        int r;

        if (!channel)
                return -ENOMEM;
        *channel = (Channel) { .fd = -1, .callbacks = callbacks, .userdata = userdata };
        r = channel_connect(channel, path);
        if (r >= 0)
                r = fd_send_descriptor(channel->fd, text, strlen(text) + 1, fd);
        if (r >= 0)
                r = sd_event_add_io(event, &channel->source, channel->fd, EPOLLIN, channel_on_readable, channel);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(channel);
        return 0;
}

void channel_set_userdata(Channel *channel, void *userdata) {
        channel->userdata = userdata;
}

Channel *channel_free(Channel *channel) {
        if (!channel)
                return NULL;
        sd_event_source_disable_unref(channel->source);
        (void) fd_close(channel->fd);
        free(channel);
        return NULL;
}
