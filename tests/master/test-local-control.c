/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The control socket: reports come out, workers go in, and its end is the master's. */

#include "master/local-control.h"

#include <sys/socket.h>

#include "base/cleanup.h"
#include "prime/number.h"
#include "test.h"
#include "wire/report.h"

typedef struct Stage {
        sd_event *event;
        Master *master;
        LocalControl *control;
        int fd; /* our end */
        char folder[64];
} Stage;

static Stage *stage_new(void) {
        Stage *stage = calloc(1, sizeof *stage);
        _cleanup_mpz_ mpz_t from, to;
        int pair[2];

        CHECK(stage && sd_event_new(&stage->event) >= 0);
        mpz_init_set_ui(from, 0);
        mpz_init_set_ui(to, 1000000);
        (void) strcpy(stage->folder, "/tmp/primed-test-control-XXXXXX");
        CHECK(mkdtemp(stage->folder));
        CHECK(master_new(stage->event, &(MasterSettings) { .name = "test", .once = true }, &stage->master, NULL) >= 0);
        CHECK(master_add_job(stage->master,
                             &(MasterJobSettings) { .name = "job", .from = from, .to = to,
                                                    .store_path = stage->folder,
                                                    .store_options = { .segment_blocks = 1 } },
                             NULL) >= 0);
        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(local_control_new(stage->event, pair[0], stage->master, &stage->control) >= 0);
        stage->fd = pair[1];
        return stage;
}

static void stage_free(Stage *stage) {
        char command[128];

        local_control_free(stage->control);
        master_free(stage->master);
        sd_event_unref(stage->event);
        (void) fd_close(stage->fd);
        (void) snprintf(command, sizeof command, "rm -rf '%s'", stage->folder);
        CHECK(system(command) == 0);
        free(stage);
}

static void stage_run(Stage *stage, usec_t span) {
        usec_t end = clock_now_usec() + span;

        while (clock_now_usec() < end && sd_event_get_state(stage->event) != SD_EVENT_FINISHED)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
}

/* The next report; false if none waits. */
static bool receive(Stage *stage, Report *ret) {
        static char text[REPORT_SIZE_MAX];
        ssize_t n = recv(stage->fd, text, sizeof text, MSG_DONTWAIT);

        if (n <= 0)
                return false;
        CHECK(report_decode(text, (size_t) n, ret) >= 0);
        return true;
}

static void test_reports_come_by_themselves(void) {
        usec_t begin = clock_now_usec();
        Stage *stage = stage_new();
        unsigned n = 0;
        Report report;

        while (n < 2) {
                CHECK(clock_now_usec() - begin < TEST_PATIENCE(20));
                stage_run(stage, 20 * USEC_PER_MSEC);
                if (!receive(stage, &report))
                        continue;
                CHECK_STRING(report.state, "running");
                CHECK_STRING(report.from, "0");
                CHECK_STRING(report.to, "1000000");
                CHECK_EQUAL(report.blocks_total, 1);
                CHECK(report.numbers_total == 1e6 && report.workers == 0);
                report_done(&report);
                n++;
        }
        stage_free(stage);
}

static void test_a_reader_that_sleeps_does_not_stop_the_master(void) {
        Stage *stage = stage_new();
        usec_t begin = clock_now_usec();

        for (unsigned i = 0; i < 50; i++) {
                stage_run(stage, 20 * USEC_PER_MSEC);
                CHECK(clock_now_usec() - begin < TEST_PATIENCE(30));
        }
        stage_free(stage);
}

static void test_descriptors_become_workers(void) {
        Stage *stage = stage_new();
        int pair[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(fd_send_descriptor(stage->fd, "worker", 6, pair[0]) >= 0);
        CHECK(send(stage->fd, "nothing", 7, 0) == 7); /* without a descriptor: no matter */
        (void) fd_close(pair[0]);
        stage_run(stage, 100 * USEC_PER_MSEC);
        CHECK_EQUAL(master_n_workers(stage->master), 0); /* it has not said HELLO */
        CHECK(sd_event_get_state(stage->event) != SD_EVENT_FINISHED);

        /* the master holds the other end: it hears that we are gone, and goes on */
        (void) fd_close(pair[1]);
        stage_run(stage, 100 * USEC_PER_MSEC);
        CHECK(sd_event_get_state(stage->event) != SD_EVENT_FINISHED);
        stage_free(stage);
}

static void test_the_end_of_the_socket_is_the_end(void) {
        Stage *stage = stage_new();

        stage->fd = fd_close(stage->fd);
        stage_run(stage, TEST_PATIENCE(5));
        CHECK_EQUAL(sd_event_get_state(stage->event), SD_EVENT_FINISHED);
        stage_free(stage);
}

static void test_a_failed_start_is_told(void) {
        Report report;
        Stage stage;
        int pair[2];

        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) >= 0);
        stage.fd = pair[1];
        local_control_report_failure(pair[0], "The folder is full of letters.");
        CHECK(receive(&stage, &report));
        CHECK_STRING(report.state, "failed");
        CHECK_STRING(report.problem, "The folder is full of letters.");
        report_done(&report);
        (void) fd_close(pair[0]);
        (void) fd_close(pair[1]);
}

int main(void) {
        RUN(test_reports_come_by_themselves);
        RUN(test_a_reader_that_sleeps_does_not_stop_the_master);
        RUN(test_descriptors_become_workers);
        RUN(test_the_end_of_the_socket_is_the_end);
        RUN(test_a_failed_start_is_told);
        return tests_end();
}
