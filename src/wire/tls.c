/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * TLS by GnuTLS.
 *
 * The peer's certificate is its bare public key. Possession is proved by the handshake itself
 * (CertificateVerify); there is no authority, no date and no name to check, so the verification callback
 * only makes sure that it is a raw key of a plausible size and computes the id. Who is welcome is decided by
 * the link's owner, who gets that id.
 *
 * No session tickets: a resumed session would not prove the key again.
 *
 * We read the socket ourselves, because GnuTLS gathers a handshake message of up to 16 MiB before it
 * compares its size with any limit: a peer that has proved nothing could take as much memory from us. So we
 * count what comes in until there is something to show for it: the end of the handshake, or a record.
 */

#include "wire/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/macro.h"

#define TLS_PRIORITY                                                                                        \
        "SECURE128:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK"
#define TLS_APPLICATION "primed"

/* A SubjectPublicKeyInfo has 44 bytes for Ed25519 and 91 for P-256. */
#define PUBLIC_KEY_MAX 256

/* A whole handshake of one side takes about a kilobyte, a record at most 16,645 bytes. */
#define FRUITLESS_BYTES_MAX 32768U

/* Records in a row that carry nothing (warnings, key updates): more is an attempt to keep us busy. */
#define EMPTY_RECORDS_MAX 16

struct Tls {
        gnutls_session_t session;
        gnutls_packet_t packet; /* the record that tls_receive() returned */
        uint8_t peer_id[SHA256_SIZE];
        int fd;
        size_t n_fruitless; /* bytes since the last record, or the beginning */
        bool has_peer_id;
        bool is_sending; /* a record is encrypted and partly sent */
};

static ssize_t tls_on_pull(gnutls_transport_ptr_t userdata, void *data, size_t size) {
        Tls *tls = userdata;
        ssize_t n;

        if (tls->n_fruitless >= FRUITLESS_BYTES_MAX) {
                gnutls_transport_set_errno(tls->session, ECONNABORTED);
                return -1;
        }
        n = recv(tls->fd, data, size, MSG_DONTWAIT);
        if (n < 0)
                gnutls_transport_set_errno(tls->session, errno);
        else
                tls->n_fruitless += (size_t) n;
        return n;
}

static int tls_on_verify(gnutls_session_t session) {
        Tls *tls = gnutls_session_get_ptr(session);
        const gnutls_datum_t *keys;
        unsigned n_keys = 0;

        keys = gnutls_certificate_get_peers(session, &n_keys);
        if (!keys || n_keys != 1 || keys[0].size > PUBLIC_KEY_MAX ||
            gnutls_certificate_type_get2(session, GNUTLS_CTYPE_PEERS) != GNUTLS_CRT_RAWPK)
                return GNUTLS_E_CERTIFICATE_ERROR;
        checksum_sha256(keys[0].data, keys[0].size, tls->peer_id);
        tls->has_peer_id = true;
        return 0;
}

/* GnuTLS error or 0. */
static int tls_set_up(Tls *tls, int fd, bool is_server, const Identity *identity) {
        const gnutls_datum_t application = {
                .data = (unsigned char *) TLS_APPLICATION,
                .size = sizeof TLS_APPLICATION - 1,
        };
        int r;

        r = gnutls_init(&tls->session, (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_ENABLE_RAWPK |
                                               GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
        if (r < 0)
                return r;
        gnutls_session_set_ptr(tls->session, tls);
        r = gnutls_priority_set_direct(tls->session, TLS_PRIORITY, NULL);
        if (r >= 0)
                r = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE,
                                           identity_credentials(identity));
        if (r >= 0)
                r = gnutls_alpn_set_protocols(tls->session, &application, 1, GNUTLS_ALPN_MANDATORY);
        if (r < 0)
                return r;
        if (is_server)
                gnutls_certificate_server_set_request(tls->session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_function(tls->session, tls_on_verify);
        gnutls_handshake_set_timeout(tls->session, GNUTLS_INDEFINITE_TIMEOUT); /* the link has its own */
        gnutls_transport_set_ptr2(tls->session, tls, (gnutls_transport_ptr_t) (intptr_t) fd);
        gnutls_transport_set_pull_function(tls->session, tls_on_pull);
        return 0;
}

int tls_new(int fd, bool is_server, const Identity *identity, Tls **ret) {
        _cleanup_(tls_freep) Tls *tls = NULL;
        int r;

        tls = calloc(1, sizeof *tls);
        if (!tls)
                return -ENOMEM;
        tls->fd = fd;
        r = tls_set_up(tls, fd, is_server, identity);
        if (r < 0)
                return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO;
        *ret = TAKE_PTR(tls);
        return 0;
}

static void tls_release_packet(Tls *tls) {
        if (tls->packet)
                gnutls_packet_deinit(tls->packet);
        tls->packet = NULL;
}

Tls *tls_free(Tls *tls) {
        if (tls) {
                tls_release_packet(tls);
                if (tls->session)
                        gnutls_deinit(tls->session);
                free(tls);
        }
        return NULL;
}

const uint8_t *tls_peer_id(const Tls *tls) {
        return tls->peer_id;
}

bool tls_handshake_wants_write(const Tls *tls) {
        return gnutls_record_get_direction(tls->session) == 1;
}

bool tls_has_pending(const Tls *tls) {
        return gnutls_record_check_pending(tls->session) > 0;
}

/* The sentence for a failure that may happen at any time. */
static int problem_set_tls(Problem *problem, const Tls *tls, int error) {
        const char *alert;

        if (tls->n_fruitless >= FRUITLESS_BYTES_MAX)
                return problem_set(problem, EPROTO, "The peer sent more than %u bytes of TLS that say nothing",
                                   FRUITLESS_BYTES_MAX);
        switch (error) {
        case GNUTLS_E_MEMORY_ERROR:
                return problem_set(problem, ENOMEM, "The connection was given up: %m");
        case GNUTLS_E_PREMATURE_TERMINATION:
        case GNUTLS_E_PUSH_ERROR:
        case GNUTLS_E_PULL_ERROR:
                return problem_set(problem, ECONNRESET, "The peer closed the connection without a word");
        case GNUTLS_E_FATAL_ALERT_RECEIVED:
                alert = gnutls_alert_get_name(gnutls_alert_get(tls->session));
                return problem_set(problem, EPROTO, "The peer broke off the TLS connection: %s",
                                   alert ? alert : "for a reason that is not known");
        default:
                return problem_set(problem, EPROTO, "The TLS connection broke: %s", gnutls_strerror(error));
        }
}

static int problem_set_handshake(Problem *problem, const Tls *tls, int error) {
        if (tls->n_fruitless >= FRUITLESS_BYTES_MAX)
                return problem_set(problem, EPROTO,
                                   "The peer sent more than %u bytes without finishing the TLS handshake",
                                   FRUITLESS_BYTES_MAX);
        switch (error) {
        case GNUTLS_E_UNEXPECTED_PACKET:
        case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
        case GNUTLS_E_RECORD_OVERFLOW:
        case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
                return problem_set(problem, EPROTO,
                                   "The peer does not speak TLS 1.3: is there another program at that "
                                   "address? (%s)",
                                   gnutls_strerror(error));
        case GNUTLS_E_NO_CERTIFICATE_FOUND:
        case GNUTLS_E_CERTIFICATE_REQUIRED:
        case GNUTLS_E_CERTIFICATE_ERROR:
        case GNUTLS_E_UNSUPPORTED_CERTIFICATE_TYPE:
        case GNUTLS_E_NO_CIPHER_SUITES:
                return problem_set(problem, EPROTO,
                                   "The peer offers no TLS 1.3 with a raw public key, as primed does (%s)",
                                   gnutls_strerror(error));
        case GNUTLS_E_NO_APPLICATION_PROTOCOL:
                return problem_set(problem, EPROTO, "The peer speaks TLS, but not " TLS_APPLICATION);
        case GNUTLS_E_PREMATURE_TERMINATION:
        case GNUTLS_E_PUSH_ERROR:
        case GNUTLS_E_PULL_ERROR:
                return problem_set(problem, ECONNRESET,
                                   "The peer closed the connection during the TLS handshake");
        default:
                return problem_set_tls(problem, tls, error);
        }
}

int tls_handshake(Tls *tls, Problem *problem) {
        gnutls_datum_t application = {};
        int r;

        for (unsigned n = 0;; n++) {
                r = gnutls_handshake(tls->session);
                if (r == GNUTLS_E_AGAIN)
                        return -EAGAIN;
                if (r >= 0 || gnutls_error_is_fatal(r) || n >= EMPTY_RECORDS_MAX)
                        break;
        }
        /* A peer that offers no application protocol at all passes GnuTLS's own check. */
        if (r >= 0 && gnutls_alpn_get_selected_protocol(tls->session, &application) < 0)
                r = GNUTLS_E_NO_APPLICATION_PROTOCOL;
        if (r >= 0 && !tls->has_peer_id)
                r = GNUTLS_E_NO_CERTIFICATE_FOUND;
        if (r >= 0) {
                tls->n_fruitless = 0;
                return 0;
        }
        (void) gnutls_alert_send_appropriate(tls->session, r);
        return problem_set_handshake(problem, tls, r);
}

ssize_t tls_receive(Tls *tls, const uint8_t **ret, Problem *problem) {
        gnutls_datum_t data;
        ssize_t n;

        tls_release_packet(tls);
        for (unsigned i = 0;; i++) {
                n = gnutls_record_recv_packet(tls->session, &tls->packet);
                if (n == GNUTLS_E_AGAIN)
                        return -EAGAIN;
                if ((n != GNUTLS_E_INTERRUPTED && n != GNUTLS_E_WARNING_ALERT_RECEIVED) ||
                    i >= EMPTY_RECORDS_MAX)
                        break;
        }
        if (n < 0)
                return problem_set_tls(problem, tls, (int) n);
        if (n == 0 && !tls->packet)
                return 0;
        gnutls_packet_get(tls->packet, &data, NULL);
        if (data.size == 0) /* allowed by TLS; says nothing */
                return -EAGAIN;
        tls->n_fruitless = 0;
        *ret = data.data;
        return (ssize_t) data.size;
}

ssize_t tls_send(Tls *tls, const void *data, size_t size, Problem *problem) {
        ssize_t n;

        do /* GnuTLS keeps the record that it could not send: the second attempt must not encrypt again */
                n = tls->is_sending ? gnutls_record_send(tls->session, NULL, 0) :
                                      gnutls_record_send(tls->session, data, size);
        while (n == GNUTLS_E_INTERRUPTED);
        tls->is_sending = n == GNUTLS_E_AGAIN;
        if (n == GNUTLS_E_AGAIN)
                return -EAGAIN;
        return n < 0 ? problem_set_tls(problem, tls, (int) n) : n;
}

int tls_end(Tls *tls) {
        int r;

        do
                r = gnutls_bye(tls->session, GNUTLS_SHUT_WR);
        while (r == GNUTLS_E_INTERRUPTED);
        if (r == GNUTLS_E_AGAIN)
                return -EAGAIN;
        return r < 0 ? -ECONNRESET : 0;
}
