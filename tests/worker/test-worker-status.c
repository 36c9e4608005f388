/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a person reads in `systemctl status`. */

#include "worker/worker-status.h"

#include "test.h"

static char text[1024];

static const char *status_text(const WorkerStatus *status) {
        worker_status_text(status, text, sizeof text);
        return text;
}

static void add(WorkerStatus *status, const char *name, unsigned threads, const char *note) {
        HandoverReport report = { .threads_applied = threads };

        (void) snprintf(report.master_name, sizeof report.master_name, "%s", name);
        (void) snprintf(report.note, sizeof report.note, "%s", note);
        worker_status_add(status, &report);
}

static void test_computing(void) {
        const Allowance allowance = { .threads_allowed = 4, .threads_now = 4 };
        WorkerStatus status = { .n_threads = 4, .allowance = &allowance, .n_channels = 1 };

        CHECK_STRING(status_text(&status), "Joining a master");
        add(&status, "host1", 4, "");
        CHECK_STRING(status_text(&status), "Computing for 'host1' with 4 of 4 threads");
        add(&status, "host2", 2, "the master's cap of 2 threads");
        CHECK_STRING(status_text(&status), "Computing for 'host1' and 'host2' with 4 of 4 threads");
        add(&status, "host3", 4, "");
        CHECK_STRING(status_text(&status), "Computing for 'host1', 'host2' and 'host3' with 4 of 4 threads");
        add(&status, "host4", 4, "");
        CHECK_STRING(status_text(&status), "Computing for 4 masters with 4 of 4 threads");
}

static void test_with_a_reason(void) {
        Allowance allowance = { .threads_allowed = 2, .threads_now = 2 };
        WorkerStatus status = { .n_threads = 4, .allowance = &allowance, .n_channels = 1 };

        add(&status, "host1", 2, "CPU quota of 150%");
        CHECK_STRING(status_text(&status), "Computing for 'host1' with 2 of 4 threads (CPU quota of 150%)");
        allowance.threads_now = 0;
        (void) snprintf(allowance.note, sizeof allowance.note, "on battery");
        CHECK_STRING(status_text(&status), "Paused: on battery");
}

static void test_without_a_master(void) {
        const Allowance allowance = { .threads_allowed = 4, .threads_now = 4 };
        WorkerStatus status = { .n_threads = 4, .allowance = &allowance };

        CHECK_STRING(status_text(&status), "Without a master; ends in a moment");
        status.n_orphans = 1;
        CHECK_STRING(status_text(&status), "Without a master; 1 finished block waits for theirs");
        status.n_orphans = 12;
        CHECK_STRING(status_text(&status), "Without a master; 12 finished blocks wait for theirs");
        status.stopping = true;
        CHECK_STRING(status_text(&status), "Stopping: unfinished work is handed back");
}

static void test_long_names_fit(void) {
        const Allowance allowance = { .threads_allowed = 4, .threads_now = 4 };
        WorkerStatus status = { .n_threads = 4, .allowance = &allowance, .n_channels = 3 };
        char name[WIRE_NAME_MAX + 1] = "";

        memset(name, 'x', WIRE_NAME_MAX);
        for (unsigned i = 0; i < 3; i++)
                add(&status, name, 1, "");
        CHECK(strstr(status_text(&status), "with 1 of 4 threads"));
}

int main(void) {
        RUN(test_computing);
        RUN(test_with_a_reason);
        RUN(test_without_a_master);
        RUN(test_long_names_fit);
        return tests_end();
}
