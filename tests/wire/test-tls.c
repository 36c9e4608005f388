/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * TLS sessions, against our own kind and against GnuTLS sessions that were set up otherwise. A proper peer
 * is a thread (rogue.h); a foreign one is a thread that runs a blocking GnuTLS handshake.
 */

#include <errno.h>
#include <gnutls/gnutls.h>

#include "base/macro.h"
#include "wire/rogue.h"

#define OURS "SECURE128:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK"

/* Ours, driven by poll(). */
typedef struct Session {
        int fd, peer;
        Identity *identity;
        Tls *tls;
} Session;

static void session_init(Session *session, bool is_server) {
        int fds[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        *session = (Session) { .fd = fds[0], .peer = fds[1] };
        CHECK(fd_set_nonblocking(session->fd, true) == 0);
        CHECK(identity_new_ephemeral(&session->identity, NULL) == 0);
        CHECK(tls_new(session->fd, is_server, session->identity, &session->tls) == 0);
}

static void session_done(Session *session) {
        session->tls = tls_free(session->tls);
        session->identity = identity_free(session->identity);
        session->fd = fd_close(session->fd);
        session->peer = fd_close(session->peer);
}

static void session_poll(Session *session, short events) {
        struct pollfd p = { .fd = session->fd, .events = events };

        CHECK(poll(&p, 1, 20000) == 1);
}

static int session_shake(Session *session, Problem *problem) {
        int r;

        while ((r = tls_handshake(session->tls, problem)) == -EAGAIN)
                session_poll(session, tls_handshake_wants_write(session->tls) ? POLLOUT : POLLIN);
        return r;
}

static ssize_t session_receive(Session *session, const uint8_t **ret, Problem *problem) {
        ssize_t n;

        while ((n = tls_receive(session->tls, ret, problem)) == -EAGAIN)
                session_poll(session, POLLIN);
        return n;
}

/* Our own kind */

static void hello_act(Rogue *rogue) {
        rogue_send(rogue, "hello", 5);
        CHECK(tls_end(rogue->tls) == 0);
}

static void test_records_and_the_announced_end(void) {
        const uint8_t *data;
        Session session;
        Rogue rogue;

        session_init(&session, true);
        rogue_start(&rogue, TAKE_FD(session.peer), hello_act, NULL);
        CHECK_EQUAL(session_shake(&session, NULL), 0);
        CHECK(memcmp(tls_peer_id(session.tls), identity_id(rogue.identity), SHA256_SIZE) == 0);
        CHECK_EQUAL(session_receive(&session, &data, NULL), 5);
        CHECK(memcmp(data, "hello", 5) == 0);
        CHECK_EQUAL(session_receive(&session, &data, NULL), 0);
        rogue_join(&rogue);
        session_done(&session);
}

static void go_act(Rogue *rogue) {
        rogue_send(rogue, "hello", 5);
}

static void test_end_that_was_not_announced(void) {
        Problem problem = PROBLEM_NONE;
        const uint8_t *data;
        Session session;
        Rogue rogue;

        session_init(&session, true);
        rogue_start(&rogue, TAKE_FD(session.peer), go_act, NULL);
        CHECK_EQUAL(session_shake(&session, NULL), 0);
        CHECK_EQUAL(session_receive(&session, &data, NULL), 5);
        CHECK_EQUAL(session_receive(&session, &data, &problem), -ECONNRESET);
        CHECK_STRING(problem.text, "The peer closed the connection without a word");
        rogue_join(&rogue);
        session_done(&session);
}

/* Reads all, and checks that it is 0, 1, 2 … modulo 251. */
static void count_act(Rogue *rogue) {
        size_t at = 0;

        for (;;) {
                const uint8_t *data;
                ssize_t n = tls_receive(rogue->tls, &data, NULL);

                if (n == -EAGAIN) {
                        rogue_poll(rogue, POLLIN);
                        continue;
                }
                CHECK(n >= 0);
                if (n == 0)
                        break;
                for (ssize_t i = 0; i < n; i++)
                        CHECK_EQUAL(data[i], at++ % 251);
        }
        CHECK_EQUAL(at, *(const size_t *) rogue->context);
}

/* A record that the socket did not take whole is not sent twice, whatever lies behind it by then. */
static void test_retry_after_a_full_socket(void) {
        static uint8_t bytes[4 << 20];
        static const size_t size = sizeof bytes;
        size_t at = 0, n_full = 0;
        Session session;
        Rogue rogue;

        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t) (i % 251);
        session_init(&session, true);
        rogue_start(&rogue, TAKE_FD(session.peer), count_act, &size);
        CHECK_EQUAL(session_shake(&session, NULL), 0);
        while (at < size) {
                size_t offered = MIN(size - at, n_full % 2 ? (size_t) 5000 : size);
                ssize_t n = tls_send(session.tls, bytes + at, offered, NULL);

                if (n == -EAGAIN) {
                        n_full++;
                        session_poll(&session, POLLOUT);
                        continue;
                }
                CHECK(n > 0);
                at += (size_t) n;
        }
        CHECK(n_full > 0);
        while (tls_end(session.tls) == -EAGAIN)
                session_poll(&session, POLLOUT);
        rogue_join(&rogue);
        session_done(&session);
}

/* Foreign peers */

typedef struct Foreign {
        int fd;
        bool is_server;
        const char *priority, *application; /* application: NULL for none */
        bool has_key;
        Identity *identity;
        pthread_t thread;
        int result; /* of its handshake, or of the first read after it */
} Foreign;

static void *foreign_run(void *argument) {
        Foreign *foreign = argument;
        gnutls_certificate_credentials_t empty;
        gnutls_session_t session;
        char byte;

        CHECK(gnutls_certificate_allocate_credentials(&empty) == 0);
        CHECK(gnutls_init(&session, (foreign->is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
                                                    GNUTLS_ENABLE_RAWPK | GNUTLS_NO_SIGNAL) == 0);
        CHECK(gnutls_priority_set_direct(session, foreign->priority, NULL) == 0);
        CHECK(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
                                     foreign->has_key ? identity_credentials(foreign->identity)
                                                      : (void *) empty) == 0);
        if (foreign->application) {
                gnutls_datum_t application = {
                        (unsigned char *) foreign->application, (unsigned) strlen(foreign->application),
                };

                CHECK(gnutls_alpn_set_protocols(session, &application, 1, 0) == 0);
        }
        gnutls_transport_set_int(session, foreign->fd);
        do
                foreign->result = gnutls_handshake(session);
        while (foreign->result < 0 && !gnutls_error_is_fatal(foreign->result));
        if (foreign->result >= 0) /* a client of TLS 1.3 is done before the server has judged it */
                do
                        foreign->result = (int) gnutls_record_recv(session, &byte, 1);
                while (foreign->result < 0 && !gnutls_error_is_fatal(foreign->result));
        gnutls_deinit(session);
        gnutls_certificate_free_credentials(empty);
        foreign->fd = fd_close(foreign->fd);
        return NULL;
}

/* Shakes hands with the foreigner; returns our result. */
static int shake_with(Foreign *foreign, Problem *problem) {
        Session session;
        int r;

        session_init(&session, !foreign->is_server);
        CHECK(identity_new_ephemeral(&foreign->identity, NULL) == 0);
        foreign->fd = TAKE_FD(session.peer);
        CHECK(pthread_create(&foreign->thread, NULL, foreign_run, foreign) == 0);
        r = session_shake(&session, problem);
        if (r >= 0)
                CHECK(memcmp(tls_peer_id(session.tls), identity_id(foreign->identity), SHA256_SIZE) == 0);
        session_done(&session); /* closes: the foreigner's read ends */
        CHECK(pthread_join(foreign->thread, NULL) == 0);
        foreign->identity = identity_free(foreign->identity);
        return r;
}

/* The control: what differs from it by one thing is refused for that thing. */
static void test_proper_foreigner_is_taken(void) {
        for (unsigned is_server = 0; is_server < 2; is_server++) {
                Foreign foreign = {
                        .is_server = is_server, .priority = OURS, .application = "primed", .has_key = true,
                };

                CHECK_EQUAL(shake_with(&foreign, NULL), 0);
        }
}

static void test_other_foreigners_are_refused(void) {
        static const struct {
                const char *priority, *application;
                bool is_server, has_key;
        } cases[] = {
                { "NORMAL:-VERS-ALL:+VERS-TLS1.2", "primed", false, true }, /* TLS 1.2, X.509 */
                { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK", "primed",
                  false, true },
                { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK", "primed",
                  true, true },
                { "NORMAL:-VERS-ALL:+VERS-TLS1.3", "primed", false, true }, /* X.509 only */
                { "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-CLI-X509:+CTYPE-SRV-RAWPK", "primed",
                  false, true },
                { "NORMAL:-VERS-ALL:+VERS-TLS1.3", "primed", true, true },
                { OURS, "primed", false, false }, /* no key */
                { OURS, NULL, false, true },        /* another protocol, or none named */
                { OURS, "http/1.1", false, true },
                { OURS, NULL, true, true },
                { OURS, "http/1.1", true, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Foreign foreign = {
                        .is_server = cases[i].is_server, .priority = cases[i].priority,
                        .application = cases[i].application, .has_key = cases[i].has_key,
                };
                Problem problem = PROBLEM_NONE;
                int r;

                r = shake_with(&foreign, &problem);
                printf("# %zu: %d %s\n", i, r, problem.text);
                CHECK(r == -EPROTO || r == -ECONNRESET);
                CHECK(problem.text[0]);
                CHECK(foreign.result < 0);
        }
}

int main(void) {
        RUN(test_records_and_the_announced_end);
        RUN(test_end_that_was_not_announced);
        RUN(test_retry_after_a_full_socket);
        RUN(test_proper_foreigner_is_taken);
        RUN(test_other_foreigners_are_refused);
        return tests_end();
}
