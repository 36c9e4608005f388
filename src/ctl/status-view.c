/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A block of fields in front, as systemctl has it, and the tables below. */

#include "ctl/status-view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/listing.h"
#include "ctl/answer.h"

#define TITLE_WIDTH 11

/* "● lab1 - primed master 0.1.0" */
static void print_head(const json_t *status, const char *role, TerminalColor color) {
        const char *dot = color == COLOR_RED ? "×" : "●";

        if (!terminal_is_utf8())
                dot = "*";
        printf("%s%s%s %s%s%s - primed %s %s\n", terminal_color(color), dot, terminal_color(COLOR_NONE),
               terminal_color(COLOR_BOLD), answer_string(status, "name"), terminal_color(COLOR_NONE), role,
               answer_string(status, "version"));
}

static void print_title(const char *title) {
        printf("%*s: ", TITLE_WIDTH, title);
}

static void print_field(const char *title, const char *text, TerminalColor color) {
        print_title(title);
        printf("%s%s%s\n", color != COLOR_NONE ? terminal_color(color) : "", text,
               color != COLOR_NONE ? terminal_color(COLOR_NONE) : "");
}

/* Only what there is to say. */
static void print_if_said(const char *title, const char *text, TerminalColor color) {
        if (text[0])
                print_field(title, text, color);
}

/* the master */

static void print_master_state(const json_t *status, usec_t now_usec) {
        usec_t uptime = answer_usec(status, "uptime_usec");
        const char *state = answer_string(status, "state");
        TerminalColor color = listing_state_color(state);
        char since[128];

        print_title("State");
        printf("%s%s%s", color ? terminal_color(color) : "", state, color ? terminal_color(COLOR_NONE) : "");
        if (strcmp(state, "idle") == 0)
                printf(" (no job wants any work)");
        if (uptime > 0 && uptime < now_usec)
                printf(", up since %s", listing_since(now_usec - uptime, now_usec, since, sizeof since));
        putchar('\n');
}

static void print_master_network(const json_t *status) {
        const char *advertised = answer_string(status, "advertised");

        print_title("Network");
        printf("port %u", (unsigned) answer_u64(status, "port"));
        if (advertised[0])
                printf(", advertised as \"%s\"\n", advertised);
        else
                printf(", not advertised\n");
        print_if_said("mDNS", answer_string(status, "advertise_problem"), COLOR_YELLOW);
}

static void print_master_workers(const json_t *status) {
        uint64_t n = answer_u64(status, "workers"), threads = answer_u64(status, "threads");
        char a[TEXT_SIZE], b[TEXT_SIZE];

        print_title("Workers");
        if (n == 0)
                printf("none yet: 'systemctl enable --now primed-worker' on each host, or 'primectl join %s'\n",
                       answer_string(status, "name"));
        else
                printf("%s with %s thread%s in use\n", text_grouped(n, a), text_grouped(threads, b),
                       text_plural(threads));
}

static void print_job_problems(const json_t *jobs) {
        const json_t *job;
        size_t i;

        json_array_foreach(jobs, i, job) {
                uint64_t n = answer_u64(job, "disagreements");
                char count[TEXT_SIZE];

                if (answer_string(job, "problem")[0]) {
                        print_title("Problem");
                        printf("%s%s: %s%s\n", terminal_color(COLOR_RED), answer_string(job, "name"),
                               answer_string(job, "problem"), terminal_color(COLOR_NONE));
                }
                if (n > 0) {
                        print_title("Problem");
                        printf("%s%s: %s block%s answered twice and differently: a machine computes wrongly%s\n",
                               terminal_color(COLOR_RED), answer_string(job, "name"), text_grouped(n, count),
                               n == 1 ? " was" : "s were", terminal_color(COLOR_NONE));
                }
        }
}

int status_view_master(const json_t *status, const json_t *jobs, const json_t *workers, const TableStyle *style,
                       usec_t realtime_usec) {
        const char *problem = answer_string(status, "problem");
        bool working = answer_is(status, "state", "working");
        int r = 0;

        print_head(status, "master", problem[0] ? COLOR_RED : working ? COLOR_GREEN : COLOR_NONE);
        print_master_state(status, realtime_usec);
        print_master_network(status);
        print_master_workers(status);
        print_if_said("Hint", answer_string(status, "hint"), COLOR_YELLOW);
        print_if_said("Problem", problem, COLOR_RED);
        print_job_problems(jobs);
        if (json_array_size(jobs) == 0)
                print_field("Jobs", "none: 'primectl start --to=10^11' starts one", COLOR_NONE);
        print_if_said("Audit", answer_string(status, "audit"), COLOR_NONE);
        if (json_array_size(jobs) > 0) {
                putchar('\n');
                r = listing_jobs(jobs, style);
        }
        if (r >= 0 && json_array_size(workers) > 0) {
                putchar('\n');
                r = listing_workers(workers, style);
        }
        return r;
}

/* the worker */

static bool is_stuck(const json_t *status) {
        return answer_is(status, "state", "stuck");
}

static const char *explain_worker_state(const json_t *status) {
        static const struct {
                const char *state, *text;
        } texts[] = {
                { "idle", "no master has work; primed-worker starts when one does" },
                { "alone", "no master was found yet; primed-worker starts when one has work" },
                { "paused", "connected, but computes nothing" },
        };

        /* The note names the cure, if it is not in the file. */
        if (is_stuck(status))
                return answer_string(status, "config_error")[0] ? "no worker starts before the configuration is mended"
                       : answer_string(status, "note")[0]       ? answer_string(status, "note")
                                                          : "'journalctl -u primed-worker' says why";
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                if (answer_is(status, "state", texts[i].state))
                        return texts[i].text;
        return "";
}

static void print_asked(const json_t *status) {
        static const struct {
                const char *key, *name;
        } texts[] = {
                { "asked_allowed_cpus", "allowed_cpus" },
                { "asked_cpu_weight", "cpu_weight" },
                { "asked_memory", "memory" },
        };
        unsigned cores = (unsigned) answer_u64(status, "asked_cores");
        unsigned quota = (unsigned) answer_u64(status, "asked_cpu_quota");
        const char *blank = "";

        print_title("Asked");
        if (cores > 0) {
                printf("cores = %u", cores);
                blank = ", ";
        }
        if (quota > 0) {
                printf("%scpu_quota = %u%%", blank, quota);
                blank = ", ";
        }
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                if (answer_string(status, texts[i].key)[0]) {
                        printf("%s%s = %s", blank, texts[i].name, answer_string(status, texts[i].key));
                        blank = ", ";
                }
        puts(blank[0] ? "" : "no limits in worker.conf");
}

static void print_threads(const char *title, uint64_t n, const char *note) {
        print_title(title);
        printf("%u thread%s%s%s%s\n", (unsigned) n, text_plural(n), note[0] ? " (" : "", note, note[0] ? ")" : "");
}

static void print_masters_count(const json_t *masters) {
        size_t n_connected = 0, i;
        const json_t *master;

        json_array_foreach(masters, i, master)
                n_connected += answer_is(master, "state", "connected");
        print_title("Masters");
        if (json_array_size(masters) == 0)
                printf("none\n");
        else
                printf("%zu seen, %zu connected\n", json_array_size(masters), n_connected);
}

int status_view_worker(const json_t *status, const json_t *masters, const TableStyle *style, usec_t realtime_usec) {
        const char *config_error = answer_string(status, "config_error"), *state = answer_string(status, "state");
        const char *avahi = answer_string(status, "avahi");
        TerminalColor color = listing_state_color(state);

        print_head(status, "worker", config_error[0] ? COLOR_RED : color);
        print_title("State");
        printf("%s%s%s%s%s%s\n", color ? terminal_color(color) : "", state, color ? terminal_color(COLOR_NONE) : "",
               explain_worker_state(status)[0] ? " (" : "", explain_worker_state(status),
               explain_worker_state(status)[0] ? ")" : "");
        print_masters_count(masters);
        if (strcmp(avahi, "stopped") == 0 || strcmp(avahi, "absent") == 0) {
                print_title("Avahi");
                printf("%s%s: only masters of worker.conf are found%s\n", terminal_color(COLOR_YELLOW), avahi,
                       terminal_color(COLOR_NONE));
        } else
                print_if_said("Avahi", strcmp(avahi, "off") == 0 ? "off by worker.conf" : avahi, COLOR_NONE);
        print_asked(status);
        print_threads("Allowed", answer_u64(status, "allowed_threads"), "");
        print_threads("Applied", answer_u64(status, "applied_threads"),
                      is_stuck(status) && !config_error[0] ? "" : answer_string(status, "note"));
        print_if_said("Config", config_error, COLOR_RED);
        if (strcmp(state, "alone") == 0 && strcmp(avahi, "running") == 0 && json_array_size(masters) == 0)
                print_field("Hint", "if there is a master, both firewalls must let mDNS in (UDP port 5353); firewalld: "
                            "firewall-cmd --permanent --add-service=mdns && firewall-cmd --reload", COLOR_YELLOW);
        if (json_array_size(masters) == 0)
                return 0;
        putchar('\n');
        return listing_masters(masters, style, realtime_usec);
}
