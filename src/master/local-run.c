/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One job in the foreground. */

#include "master/local-run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "master/local-control.h"
#include "master/master.h"
#include "prime/number.h"
#include "wire/message.h"

/*
 * So little is left free before the job waits for more: a person watches it, and may want the disk filled. Enough for
 * the store to put itself in order.
 */
#define KEEP_FREE_BYTES (UINT64_C(4) << 20)

/* How long a master that was told to stop waits for workers that may have been told so, too, and how often it looks. */
#define STOP_USEC (5 * USEC_PER_SEC)
#define STOP_LOOK_USEC (20 * USEC_PER_MSEC)

/* Of both ends in decimal, with room to spare. */
#define INTERVAL_SIZE_MAX (NUMBER_BITS_MAX)

/* Two lines, or one for an open job. They may be longer than what fits into the arguments of a program. */
static int read_interval(int fd, mpz_t ret_from, mpz_t ret_to, bool *ret_open, Problem *problem) {
        _cleanup_free_ char *text = malloc(INTERVAL_SIZE_MAX + 1);
        char *to;
        ssize_t n;
        int r;

        if (!text)
                return problem_set(problem, ENOMEM, "Out of memory.");
        n = fd_read_full(fd, text, INTERVAL_SIZE_MAX);
        if (n < 0)
                return problem_set(problem, (int) n, "The interval of the job cannot be read: %m.");
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        to = text + MIN(strlen(text) + 1, (size_t) n);
        to[strcspn(to, "\n")] = '\0';

        *ret_open = to[0] == '\0';
        r = number_parse(ret_from, text, problem);
        if (r >= 0 && !*ret_open)
                r = number_parse(ret_to, to, problem);
        return r;
}

/* A master that was asked to stop by a signal. */
typedef struct LocalStop {
        Master *master;
        usec_t until_usec; /* so long it waits for its workers; 0: was not asked */
        sd_event_source *timer;
} LocalStop;

static int on_stop_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        LocalStop *stop = userdata;

        if (master_n_workers(stop->master) == 0 || clock_now_usec() >= stop->until_usec) {
                master_stop(stop->master);
                return 0;
        }
        (void) sd_event_source_set_time(source, clock_now_usec() + STOP_LOOK_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/*
 * The signal may have come to the whole process group (timeout(1), the end of a login): the workers are leaving then,
 * and deliver what they have finished, so whoever takes it must not go before them. A second one ends it at once.
 */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        LocalStop *stop = userdata;
        bool again = stop->until_usec > 0;

        stop->until_usec = clock_now_usec() + STOP_USEC;
        if (again || sd_event_add_time(sd_event_source_get_event(source), &stop->timer, CLOCK_BOOTTIME, 0,
                                       USEC_PER_MSEC, on_stop_timer, stop) < 0)
                master_stop(stop->master);
        return 0;
}

static void local_stop_done(LocalStop *stop) {
        sd_event_source_disable_unref(stop->timer);
}

DEFINE_TRIVIAL_CLEANUP_FUNC(Master *, master_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(LocalControl *, local_control_free);

int local_run(const LocalRunSettings *run) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(master_freep) Master *master = NULL;
        _cleanup_(local_control_freep) LocalControl *control = NULL;
        _cleanup_(local_stop_done) LocalStop stop = {};
        _cleanup_mpz_ mpz_t from, to;
        char name[WIRE_NAME_MAX + 1] = "";
        const MasterSettings settings = {
                .name = name,
                .once = true,
                .rules = {
                        .segment_bytes = run->segment_bytes,
                        .room = { .max_use = { .percent = 100 }, .keep_free = { .bytes = KEEP_FREE_BYTES } },
                },
        };
        Problem problem = PROBLEM_NONE;
        bool open;
        int r;

        mpz_inits(from, to, NULL);
        if (gethostname(name, sizeof name - 1) < 0)
                (void) snprintf(name, sizeof name, "localhost");

        r = read_interval(run->interval_fd, from, to, &open, &problem);
        if (r >= 0) {
                r = sd_event_default(&event);
                if (r < 0)
                        return log_error_errno(r, "Failed to make the event loop: %m");
                r = master_new(event, &settings, &master, &problem);
        }
        if (r >= 0)
                r = master_add_job(master, &(MasterJobSettings) {
                        .name = "local",
                        .from = from,
                        .to = open ? NULL : to,
                        .store_path = run->store_path,
                        .store_options = run->store_options,
                        .certainty = run->certainty,
                }, &problem);
        if (r < 0) {
                /* Whoever started us tells it to the person. */
                local_control_report_failure(run->control_fd, problem.text);
                return r;
        }
        stop.master = master;
        r = local_control_new(event, run->control_fd, master, &control);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, &stop);
        if (r < 0)
                return log_error_errno(r, "Failed to watch the control socket: %m");

        r = sd_event_loop(event);
        local_control_report_last(control);
        return r;
}
