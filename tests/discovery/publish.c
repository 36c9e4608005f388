/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Publishes a master, for tests/discovery/test-mdns.py: publish NAME ID PORT. Reads "work" or "idle" lines with the job
 * behind them ("work to 10^11"), ends at the end of the input. Prints, with CLOCK_MONOTONIC seconds:
 *
 *         SECONDS published NAME
 *         SECONDS unpublished PROBLEM
 *         SECONDS set                    each line of the input, when it was done
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "bus/bus.h"
#include "discovery/publisher.h"

static double now_seconds(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void on_changed(Publisher *publisher, void *userdata) {
        if (*publisher_published_name(publisher))
                printf("%.3f published %s\n", now_seconds(), publisher_published_name(publisher));
        else
                printf("%.3f unpublished %s\n", now_seconds(), publisher_problem(publisher));
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Publisher *publisher = userdata;
        char line[256], *job;
        ssize_t n = read(fd, line, sizeof line - 1);

        if (n <= 0)
                return sd_event_exit(sd_event_source_get_event(source), 0);
        line[n] = '\0';
        for (char *rest = line, *next; (next = strsep(&rest, "\n")) && *next;) {
                job = strchr(next, ' ');
                if (publisher_set_work(publisher, strncmp(next, "work", 4) == 0, job ? job + 1 : "") < 0)
                        return sd_event_exit(sd_event_source_get_event(source), 1);
                printf("%.3f set\n", now_seconds());
        }
        return 0;
}

int main(int argc, char *argv[]) {
        Publisher *publisher = NULL;
        PublisherSettings settings;
        Problem problem = PROBLEM_NONE;
        sd_event *event = NULL;
        sd_bus *bus = NULL;
        int r;

        if (argc != 4)
                return 2;
        setvbuf(stdout, NULL, _IOLBF, 0);
        settings = (PublisherSettings) {
                .name = argv[1], .id = argv[2], .port = (uint16_t) atoi(argv[3]), .on_changed = on_changed,
        };
        if (sd_event_default(&event) < 0)
                return 1;
        if (bus_open_system(event, &bus, &problem) < 0) {
                fprintf(stderr, "%s\n", problem.text);
                return 1;
        }
        r = publisher_new(bus, event, &settings, &publisher);
        if (r < 0 || sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, publisher) < 0) {
                fprintf(stderr, "cannot publish: %s\n", strerror(-r));
                return 1;
        }
        r = sd_event_loop(event);
        publisher_free(publisher);
        sd_bus_close_unref(bus);
        sd_event_unref(event);
        return r < 0;
}
