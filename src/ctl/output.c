/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Standard output for much data. */

#include "ctl/output.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

int output_write(const char *data, size_t size, void *userdata) {
        while (size > 0) {
                ssize_t n = write(STDOUT_FILENO, data, size);

                if (n < 0 && errno == EAGAIN) {
                        struct pollfd pollfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

                        (void) poll(&pollfd, 1, -1);
                        continue;
                }
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}
