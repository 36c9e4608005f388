/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scout/worker-gate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "seed.h"
#include "test.h"

#define START (1000 * USEC_PER_SEC)

static Random chance;

static void test_failures_close_it_for_longer_and_longer(void) {
        WorkerGate gate = {};
        usec_t now = START;
        unsigned in_ten_seconds = 0;

        CHECK(worker_gate_is_open(&gate, now));
        for (unsigned i = 0; i < 20; i++) {
                worker_gate_fail(&gate, "broken", now, &chance);
                CHECK(!worker_gate_is_open(&gate, now));
                in_ten_seconds += now < START + 10 * USEC_PER_SEC;
                CHECK(gate.until_usec - now <= 90 * USEC_PER_SEC);
                now = gate.until_usec;
                CHECK(worker_gate_is_open(&gate, now));
        }
        CHECK(in_ten_seconds <= 5);
        CHECK(now > START + 10 * USEC_PER_MINUTE);
}

static void test_one_failure_is_bad_luck(void) {
        WorkerGate gate = {};

        worker_gate_fail(&gate, "broken", START, &chance);
        CHECK_STRING(worker_gate_error(&gate), "");
        worker_gate_fail(&gate, "broken", START, &chance);
        CHECK_STRING(worker_gate_error(&gate), "broken");
}

static void test_healing(void) {
        WorkerGate gate = {};

        CHECK(!worker_gate_heal(&gate));
        worker_gate_fail(&gate, "broken", START, &chance);
        CHECK(!worker_gate_heal(&gate));
        worker_gate_fail(&gate, "broken", START, &chance);
        worker_gate_fail(&gate, "broken", START, &chance);
        CHECK(worker_gate_heal(&gate));
        CHECK(worker_gate_is_open(&gate, START) && worker_gate_error(&gate)[0] == '\0');
}

static void test_hope_tries_once(void) {
        WorkerGate gate = {};
        usec_t pause;

        for (unsigned i = 0; i < 6; i++)
                worker_gate_fail(&gate, "broken", START, &chance);
        pause = gate.until_usec - START;
        worker_gate_hope(&gate);
        CHECK(worker_gate_is_open(&gate, START));
        CHECK_STRING(worker_gate_error(&gate), "broken");
        worker_gate_fail(&gate, "broken", START, &chance);
        CHECK(gate.until_usec - START > pause);
}

static void test_socket(void) {
        char folder[] = "/tmp/primed-gate-XXXXXX", path[64], reason[512];
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

        CHECK(fd >= 0 && mkdtemp(folder));
        (void) snprintf(path, sizeof path, "%s/worker.sock", folder);
        CHECK_EQUAL(worker_gate_check_socket(path, reason, sizeof reason), -ENOENT);
        CHECK(strstr(reason, path) && strstr(reason, "primed-worker.socket"));
        CHECK_EQUAL(worker_gate_check_socket(folder, reason, sizeof reason), -ENOTSOCK);
        (void) snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        CHECK(bind(fd, (struct sockaddr *) &address, sizeof address) == 0);
        CHECK_EQUAL(worker_gate_check_socket(path, reason, sizeof reason), 0);
        CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

static void test_each_error_has_its_sentence(void) {
        static const int errors[] = { ENOENT, ECONNREFUSED, EACCES, EAGAIN, EPIPE, EMFILE };
        char reasons[6][512];

        for (size_t i = 0; i < 6; i++) {
                worker_gate_explain("/run/worker.sock", -errors[i], reasons[i], sizeof reasons[i]);
                CHECK(reasons[i][0] != '\0');
                for (size_t k = 0; k < i; k++)
                        CHECK(strcmp(reasons[i], reasons[k]) != 0);
        }
        CHECK_STRING(reasons[4], WORKER_GATE_SILENCE);
}

int main(void) {
        random_init(&chance, test_seed());
        RUN(test_failures_close_it_for_longer_and_longer);
        RUN(test_one_failure_is_bad_luck);
        RUN(test_healing);
        RUN(test_hope_tries_once);
        RUN(test_socket);
        RUN(test_each_error_has_its_sentence);
        return tests_end();
}
