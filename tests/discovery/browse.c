/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Prints what a browser tells, a line each, for tests/discovery/test-mdns.py:
 *
 *         SECONDS state running|starting|absent PROBLEM
 *         SECONDS master ID work=0|1 ring=N local=0|1 addresses=A,B,… name=… job=…
 *         SECONDS gone ID
 *         SECONDS gap MILLISECONDS       on SIGUSR1: the longest that the heartbeat had to wait
 *
 * SECONDS is CLOCK_MONOTONIC. With the argument --heartbeat a timer of 20 ms runs in the same loop.
 */

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/clock.h"
#include "base/macro.h"
#include "bus/bus.h"
#include "discovery/browser.h"

#define HEARTBEAT_USEC (20 * USEC_PER_MSEC)

static usec_t heartbeat_due, longest_gap;

static double now_seconds(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void print_address(const DiscoveredAddress *address) {
        char text[INET6_ADDRSTRLEN];

        if (address->any.sa_family == AF_INET)
                printf("%s:%u", inet_ntop(AF_INET, &address->in.sin_addr, text, sizeof text),
                       ntohs(address->in.sin_port));
        else
                printf("[%s%%%u]:%u", inet_ntop(AF_INET6, &address->in6.sin6_addr, text, sizeof text),
                       address->in6.sin6_scope_id, ntohs(address->in6.sin6_port));
}

static void on_master(const DiscoveredMaster *master, void *userdata) {
        printf("%.3f master %s work=%d ring=%u local=%d addresses=", now_seconds(), master->id, master->work,
               master->ring, master->local);
        for (size_t i = 0; i < master->n_addresses; i++) {
                if (i > 0)
                        putchar(',');
                print_address(&master->addresses[i]);
        }
        printf(" name=%s job=%s\n", master->name, master->job);
}

static void on_gone(const char *id, void *userdata) {
        printf("%.3f gone %s\n", now_seconds(), id);
}

static void on_state(DiscoveryState state, const char *problem, void *userdata) {
        static const char *const words[] = {
                [DISCOVERY_ABSENT] = "absent",
                [DISCOVERY_STARTING] = "starting",
                [DISCOVERY_RUNNING] = "running",
        };

        printf("%.3f state %s %s\n", now_seconds(), words[state], problem);
}

static int on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata) {
        usec_t now = clock_now_usec();

        if (now > heartbeat_due)
                longest_gap = MAX(longest_gap, now - heartbeat_due);
        heartbeat_due = now + HEARTBEAT_USEC;
        (void) sd_event_source_set_time(source, heartbeat_due);
        return sd_event_source_set_enabled(source, SD_EVENT_ON);
}

static int on_report(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        printf("%.3f gap %.1f\n", now_seconds(), (double) longest_gap / USEC_PER_MSEC);
        longest_gap = 0;
        return 0;
}

int main(int argc, char *argv[]) {
        BrowserCallbacks callbacks = { .on_master = on_master, .on_gone = on_gone, .on_state = on_state };
        Browser *browser = NULL;
        sd_event *event = NULL;
        sd_bus *bus = NULL;
        sigset_t mask;
        Problem problem = PROBLEM_NONE;
        int r;

        setvbuf(stdout, NULL, _IOLBF, 0);
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGUSR1);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        if (sd_event_default(&event) < 0 || sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL) < 0 ||
            sd_event_add_signal(event, NULL, SIGUSR1, on_report, NULL) < 0)
                return 1;
        if (bus_open_system(event, &bus, &problem) < 0) {
                fprintf(stderr, "%s\n", problem.text);
                return 1;
        }
        if (argc > 1 && strcmp(argv[1], "--heartbeat") == 0) {
                heartbeat_due = clock_now_usec() + HEARTBEAT_USEC;
                if (sd_event_add_time(event, NULL, CLOCK_BOOTTIME, heartbeat_due, 1, on_heartbeat, NULL) < 0)
                        return 1;
        }
        r = browser_new(bus, event, &callbacks, &browser);
        if (r >= 0)
                r = sd_event_loop(event);
        browser_free(browser);
        sd_bus_close_unref(bus);
        sd_event_unref(event);
        return r < 0;
}
