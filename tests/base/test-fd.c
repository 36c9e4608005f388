/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whole reads and writes, flags, and descriptors on their way through a socket. */

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"

static int make_file(void) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        CHECK(fd >= 0);
        return fd;
}

static void test_close_keeps_errno(void) {
        int fd = make_file();

        errno = ENOSPC;
        CHECK(fd_close(fd) == -1);
        CHECK(errno == ENOSPC);
        CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
        CHECK(fd_close(-1) == -1);
}

static void test_flags_are_set_and_cleared(void) {
        _cleanup_close_ int fd = make_file();

        for (int on = 1; on >= 0; on--) {
                CHECK(fd_set_nonblocking(fd, on) == 0);
                CHECK(!!(fcntl(fd, F_GETFL) & O_NONBLOCK) == on);
                CHECK(fd_set_cloexec(fd, on) == 0);
                CHECK(!!(fcntl(fd, F_GETFD) & FD_CLOEXEC) == on);
        }
        CHECK(fd_set_nonblocking(-1, true) == -EBADF);
        CHECK(fd_set_cloexec(-1, true) == -EBADF);
}

static void test_positioned_write_and_read(void) {
        _cleanup_close_ int fd = make_file();
        char buffer[16] = {};

        CHECK(fd_pwrite_all(fd, "world", 5, 6) == 0);
        CHECK(fd_pwrite_all(fd, "hello ", 6, 0) == 0);
        CHECK(fd_pread_full(fd, buffer, 11, 0) == 11);
        CHECK_STRING(buffer, "hello world");
        CHECK(fd_pread_full(fd, buffer, sizeof buffer, 6) == 5);
        CHECK(memcmp(buffer, "world", 5) == 0);
        CHECK(fd_pread_full(fd, buffer, sizeof buffer, 11) == 0);
        CHECK(lseek(fd, 0, SEEK_CUR) == 0);
}

static void test_errors_are_errno(void) {
        _cleanup_close_ int full = open("/dev/full", O_RDWR | O_CLOEXEC);
        char byte = 0;

        CHECK(full >= 0);
        CHECK(fd_write_all(full, &byte, 1) == -ENOSPC);
        CHECK(fd_write_all(-1, &byte, 1) == -EBADF);
        CHECK(fd_write_all(-1, &byte, 0) == 0);
        CHECK(fd_pwrite_all(-1, &byte, 1, 0) == -EBADF);
        CHECK(fd_read_full(-1, &byte, 1) == -EBADF);
        CHECK(fd_pread_full(-1, &byte, 1, 0) == -EBADF);
}

/* A pipe holds 64 KiB: the writer is cut short many times, the reader gets odd pieces. */
static void test_whole_through_a_pipe(void) {
        enum { size = 1000003 };
        _cleanup_free_ uint8_t *out = malloc(size), *in = malloc(size + 1);
        int ends[2], status;
        pid_t child;

        CHECK(out && in);
        for (size_t i = 0; i < size; i++)
                out[i] = (uint8_t) (i * i >> 5);
        CHECK(pipe(ends) == 0);
        child = fork();
        CHECK(child >= 0);
        if (child == 0) {
                (void) close(ends[0]);
                _exit(fd_write_all(ends[1], out, size) == 0 ? 0 : 1);
        }
        (void) close(ends[1]);
        CHECK(fd_read_full(ends[0], in, size + 1) == size);
        CHECK(memcmp(in, out, size) == 0);
        CHECK(fd_read_full(ends[0], in, 1) == 0);
        (void) close(ends[0]);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
}

static void test_descriptor_travels(void) {
        _cleanup_close_ int file = make_file(), received = -1;
        char buffer[16];
        int pair[2];

        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
        CHECK(fd_write_all(file, "inside", 6) == 0);
        CHECK(fd_send_descriptor(pair[0], "note", 4, file) == 0);
        CHECK(fd_receive_descriptor(pair[1], buffer, sizeof buffer, &received) == 4);
        CHECK(memcmp(buffer, "note", 4) == 0);
        CHECK(received >= 0 && received != file);
        CHECK(fcntl(received, F_GETFD) & FD_CLOEXEC);
        CHECK(fd_pread_full(received, buffer, sizeof buffer, 0) == 6);
        CHECK(memcmp(buffer, "inside", 6) == 0);
        (void) close(pair[0]);
        (void) close(pair[1]);
}

static void test_receive_without_descriptor(void) {
        char buffer[16];
        int pair[2], passed = 99;

        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
        CHECK(fd_receive_descriptor(pair[1], buffer, sizeof buffer, &passed) == -EAGAIN);
        CHECK(passed == 99);
        CHECK(send(pair[0], "bare", 4, 0) == 4);
        CHECK(fd_receive_descriptor(pair[1], buffer, sizeof buffer, &passed) == 4);
        CHECK(passed == -1);
        (void) close(pair[0]);
        CHECK(fd_receive_descriptor(pair[1], buffer, sizeof buffer, &passed) == 0);
        (void) close(pair[1]);
}

static unsigned count_descriptors(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* A peer that hands over more than one descriptor must not make this process leak them. */
static void test_surplus_descriptors_are_not_kept(void) {
        union {
                struct cmsghdr header;
                uint8_t space[CMSG_SPACE(3 * sizeof(int))];
        } control = {};
        struct iovec iov = { .iov_base = (char[]) { 'x' }, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.space,
                .msg_controllen = sizeof control.space,
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        int three[3] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO }, pair[2], passed = -1;
        unsigned n_before;
        char byte;

        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
        n_before = count_descriptors();
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof three);
        memcpy(CMSG_DATA(header), three, sizeof three);
        CHECK(sendmsg(pair[0], &message, 0) == 1);
        CHECK(fd_receive_descriptor(pair[1], &byte, 1, &passed) == 1);
        (void) fd_close(passed);
        CHECK_EQUAL(count_descriptors(), n_before);
        (void) close(pair[0]);
        (void) close(pair[1]);
}

int main(void) {
        RUN(test_close_keeps_errno);
        RUN(test_flags_are_set_and_cleared);
        RUN(test_positioned_write_and_read);
        RUN(test_errors_are_errno);
        RUN(test_whole_through_a_pipe);
        RUN(test_descriptor_travels);
        RUN(test_receive_without_descriptor);
        RUN(test_surplus_descriptors_are_not_kept);
        return tests_end();
}
