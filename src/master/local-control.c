/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Workers in, reports out. A report that the reader has no room for is dropped: the next one tells more. */

#include "master/local-control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "prime/number.h"
#include "wire/report.h"

#define REPORT_USEC (100 * USEC_PER_MSEC)

struct LocalControl {
        Master *master;
        char *from, *to; /* of the job; formatted once */
        sd_event_source *io_source, *timer_source;
        int fd;
};

DEFINE_TRIVIAL_CLEANUP_FUNC(LocalControl *, local_control_free);

static void local_control_report(LocalControl *control, int flags) {
        _cleanup_free_ char *text = NULL;
        const char *problem = master_problem(control->master);
        bool waiting = false;
        MasterJobStatus status;
        Report report;
        size_t size;

        master_job_status(control->master, 0, &status);
        report = (Report) {
                .from = control->from,
                .to = control->to,
                .block_length = status.grid->block_length,
                .blocks_total = status.grid->n_blocks,
                .blocks_in_order = status.totals.n_blocks,
                .blocks_spooled = status.totals.spool_blocks,
                .blocks_at_start = status.n_blocks_at_start,
                .numbers_total = grid_numbers(status.grid, 0, status.grid->n_blocks),
                .numbers_done = grid_numbers(status.grid, 0, status.n_blocks_present),
                .numbers_at_start = grid_numbers(status.grid, 0, status.n_blocks_at_start),
                .primes = status.totals.n_primes + status.totals.spool_primes,
                .segment_bytes = status.totals.segment_bytes,
                .spool_bytes = status.totals.spool_bytes,
                .segments = status.totals.n_segments,
                .disagreements = status.n_disagreements,
                .workers = (uint32_t) master_n_workers(control->master),
                .threads = master_n_threads(control->master),
                .elapsed_usec = clock_now_usec() - master_started_usec(control->master),
        };
        if (problem[0] != '\0')
                status.state = MASTER_JOB_FAILED; /* the job may be well, but there is no master for it */
        else if (status.state == MASTER_JOB_FAILED) {
                waiting = true; /* a failure that does not mend itself ends this master */
                problem = status.problem;
        }
        (void) snprintf(report.state, sizeof report.state, "%s",
                        waiting ? REPORT_WAITING : master_job_state_name(status.state));
        (void) snprintf(report.problem, sizeof report.problem, "%s", problem);

        if (report_encode(&report, &text, &size) >= 0)
                (void) send(control->fd, text, size, MSG_NOSIGNAL | flags);
}

void local_control_report_failure(int fd, const char *problem) {
        _cleanup_free_ char *text = NULL;
        Report report = {};
        size_t size;

        (void) snprintf(report.state, sizeof report.state, "%s", master_job_state_name(MASTER_JOB_FAILED));
        (void) snprintf(report.problem, sizeof report.problem, "%s", problem);
        if (report_encode(&report, &text, &size) >= 0)
                (void) send(fd, text, size, MSG_NOSIGNAL);
}

void local_control_report_last(LocalControl *control) {
        local_control_report(control, 0);
}

static int local_control_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        LocalControl *control = userdata;

        local_control_report(control, MSG_DONTWAIT);
        (void) sd_event_source_set_time(source, clock_now_usec() + REPORT_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int local_control_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        LocalControl *control = userdata;
        char datagram[16];
        int passed = -1, r;
        ssize_t n;

        n = fd_receive_descriptor(fd, datagram, sizeof datagram, &passed);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0) {
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
                master_stop(control->master);
                return 0;
        }
        if (passed >= 0) {
                r = master_add_worker(control->master, passed);
                if (r < 0)
                        log_debug("A worker was not taken: error %d", r);
        }
        return 0;
}

int local_control_new(sd_event *event, int fd, Master *master, LocalControl **ret) {
        _cleanup_(local_control_freep) LocalControl *control = NULL;
        MasterJobStatus status;
        int r;

        control = malloc(sizeof *control);
        if (!control) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        *control = (LocalControl) { .master = master, .fd = fd };
        master_job_status(master, 0, &status);
        control->from = number_format(status.grid->from);
        control->to = status.grid->open ? NULL : number_format(status.grid->to);
        if (!control->from || (!status.grid->open && !control->to))
                return -ENOMEM;
        r = sd_event_add_io(event, &control->io_source, fd, EPOLLIN, local_control_on_io, control);
        if (r >= 0)
                r = sd_event_add_time(event, &control->timer_source, CLOCK_BOOTTIME, 0, USEC_PER_MSEC,
                                      local_control_on_timer, control);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(control);
        return 0;
}

LocalControl *local_control_free(LocalControl *control) {
        if (!control)
                return NULL;
        sd_event_source_disable_unref(control->io_source);
        sd_event_source_disable_unref(control->timer_source);
        (void) fd_close(control->fd);
        free(control->from);
        free(control->to);
        free(control);
        return NULL;
}
