/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Key pairs and the file that keeps one.
 *
 * The file appears whole or not at all: it is written beside its place under a random name, synced, moved to
 * its place without replacing anything, and the folder is synced. If another process was faster its key is
 * taken. A key that somebody else could have read, or one that cannot be read any more, is a matter for a
 * person: to make a new one silently would change the id by which all masters know this host.
 */

#include "wire/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

/* A PKCS #8 key of either kind has some 120 to 250 bytes of PEM. */
#define KEY_FILE_MAX 4096
#define OTHERS ((mode_t) 077)  /* who must not read it */
#define CREDENTIAL "primed.key" /* LoadCredential= of our units */

struct Identity {
        gnutls_certificate_credentials_t credentials;
        uint8_t id[SHA256_SIZE];
};

typedef gnutls_x509_privkey_t PrivateKey;

static inline void private_key_deinitp(PrivateKey *key) {
        if (*key)
                gnutls_x509_privkey_deinit(*key);
}
#define _cleanup_private_key_ _cleanup_(private_key_deinitp)

Identity *identity_free(Identity *identity) {
        if (identity) {
                if (identity->credentials)
                        gnutls_certificate_free_credentials(identity->credentials);
                free(identity);
        }
        return NULL;
}

const uint8_t *identity_id(const Identity *identity) {
        return identity->id;
}

void *identity_credentials(const Identity *identity) {
        return identity->credentials;
}

static int problem_set_gnutls(Problem *problem, int error, const char *what) {
        return problem_set(problem, error == GNUTLS_E_MEMORY_ERROR ? ENOMEM : EIO, "Failed to %s: %s", what,
                           gnutls_strerror(error));
}

/* Ed25519 unless the system's policy (FIPS mode) forbids it. */
static int private_key_generate(PrivateKey *ret, Problem *problem) {
        _cleanup_private_key_ PrivateKey key = NULL;
        int r;

        r = gnutls_x509_privkey_init(&key);
        if (r >= 0)
                r = gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 0, 0);
        if (r < 0 && r != GNUTLS_E_MEMORY_ERROR) {
                private_key_deinitp(&key);
                key = NULL;
                r = gnutls_x509_privkey_init(&key);
                if (r >= 0)
                        r = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                                         0);
        }
        if (r < 0)
                return problem_set_gnutls(problem, r, "make a key");
        *ret = TAKE_PTR(key);
        return 0;
}

/* The public key as SubjectPublicKeyInfo, hashed. */
static int public_key_id(gnutls_pubkey_t public, uint8_t ret[static SHA256_SIZE]) {
        gnutls_datum_t spki = {};
        int r;

        r = gnutls_pubkey_export2(public, GNUTLS_X509_FMT_DER, &spki);
        if (r < 0)
                return r;
        checksum_sha256(spki.data, spki.size, ret);
        gnutls_free(spki.data);
        return 0;
}

/* Gives the credentials their only key, for both sides of a handshake. GnuTLS error or 0. */
static int identity_set_key(Identity *identity, PrivateKey x509) {
        gnutls_privkey_t private = NULL;
        gnutls_pubkey_t public = NULL;
        gnutls_pcert_st certificate = {};
        int r;

        r = gnutls_certificate_allocate_credentials(&identity->credentials);
        if (r >= 0)
                r = gnutls_privkey_init(&private);
        if (r >= 0)
                r = gnutls_privkey_import_x509(private, x509, GNUTLS_PRIVKEY_IMPORT_COPY);
        if (r >= 0)
                r = gnutls_pubkey_init(&public);
        if (r >= 0)
                r = gnutls_pubkey_import_privkey(public, private, 0, 0);
        if (r >= 0)
                r = public_key_id(public, identity->id);
        if (r >= 0)
                r = gnutls_pcert_import_rawpk(&certificate, public, 0);
        if (r >= 0) {
                public = NULL; /* the pcert owns it */
                r = gnutls_certificate_set_key(identity->credentials, NULL, 0, &certificate, 1, private);
                if (r >= 0)
                        private = NULL; /* and the credentials own both */
                else
                        gnutls_pcert_deinit(&certificate);
        }
        if (public)
                gnutls_pubkey_deinit(public);
        if (private)
                gnutls_privkey_deinit(private);
        return r;
}

static int identity_new(PrivateKey key, Identity **ret, Problem *problem) {
        _cleanup_(identity_freep) Identity *identity = NULL;
        int r;

        identity = calloc(1, sizeof *identity);
        if (!identity)
                return problem_set(problem, ENOMEM, "Failed to take a key into use: %m");
        r = identity_set_key(identity, key);
        if (r < 0)
                return problem_set_gnutls(problem, r, "take a key into use");
        *ret = TAKE_PTR(identity);
        return 0;
}

int identity_new_ephemeral(Identity **ret, Problem *problem) {
        _cleanup_private_key_ PrivateKey key = NULL;
        int r;

        r = private_key_generate(&key, problem);
        if (r < 0)
                return r;
        return identity_new(key, ret, problem);
}

/* -ENOENT, without a sentence, if there is no file; -EPERM if one of the bits `forbidden` is in its mode. */
static int key_file_read(const char *path, mode_t forbidden, PrivateKey *ret, Problem *problem) {
        _cleanup_private_key_ PrivateKey key = NULL;
        _cleanup_close_ int fd = -1;
        uint8_t text[KEY_FILE_MAX + 1];
        gnutls_datum_t datum = { .data = text };
        struct stat st;
        ssize_t n;
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0) {
                r = -errno;
                return r == -ENOENT ? r : problem_set(problem, r, "Failed to open the key %s: %m", path);
        }
        if (fstat(fd, &st) < 0)
                return problem_set(problem, errno, "Failed to look at the key %s: %m", path);
        if (!S_ISREG(st.st_mode))
                return problem_set(problem, EBADMSG, "%s should hold this host's key but is not a file",
                                   path);
        if (st.st_mode & forbidden)
                return problem_set(problem, EPERM,
                                   "The key %s is open to other users (mode %04o), who could pose as this "
                                   "host: run 'chmod 600 %s', or remove it if they had time to read it and "
                                   "a new one is made",
                                   path, (unsigned) st.st_mode & 07777, path);

        n = fd_read_full(fd, text, sizeof text);
        if (n < 0)
                return problem_set(problem, (int) n, "Failed to read the key %s: %m", path);
        datum.size = (unsigned) n;
        r = gnutls_x509_privkey_init(&key);
        if (r >= 0)
                r = n > KEY_FILE_MAX ? GNUTLS_E_BASE64_DECODING_ERROR :
                                       gnutls_x509_privkey_import2(key, &datum, GNUTLS_X509_FMT_PEM, NULL,
                                                                   GNUTLS_PKCS_PLAIN);
        explicit_bzero(text, sizeof text);
        if (r < 0)
                return problem_set(problem, EBADMSG,
                                   "%s holds no readable key (%s): put its backup there, or remove it, and "
                                   "a new key is made, by which this host gets a new id",
                                   path, gnutls_strerror(r));
        *ret = TAKE_PTR(key);
        return 0;
}

static int folder_sync(const char *path) {
        _cleanup_free_ char *parent = file_parent(path);
        _cleanup_close_ int fd = -1;

        if (!parent)
                return -ENOMEM;
        fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

/*
 * Moves without replacing. Filesystems that cannot (-EINVAL) get the plain rename: the last of two makers
 * wins.
 */
static int file_move_new(const char *from, const char *to) {
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) >= 0)
                return 0;
        if (errno != EINVAL && errno != ENOSYS)
                return -errno;
        return rename(from, to) < 0 ? -errno : 0;
}

static int file_write_new(const char *temporary, const char *path, const void *data, size_t size) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, data, size);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r >= 0)
                r = file_move_new(temporary, path);
        if (r < 0)
                (void) unlink(temporary);
        return r;
}

/* -EEXIST, without a sentence, if another process was faster. */
static int key_file_write(const char *path, PrivateKey key, Problem *problem) {
        _cleanup_free_ char *temporary = NULL;
        gnutls_datum_t pem = {};
        uint8_t random[8];
        char hex[2 * sizeof random + 1];
        int r;

        r = gnutls_rnd(GNUTLS_RND_NONCE, random, sizeof random);
        if (r < 0)
                return problem_set_gnutls(problem, r, "name a new key");
        if (asprintf(&temporary, "%s.%s.new", path, text_hex(random, sizeof random, hex)) < 0) {
                temporary = NULL;
                return problem_set(problem, ENOMEM, "Failed to write the key %s: %m", path);
        }
        r = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);
        if (r < 0)
                return problem_set_gnutls(problem, r, "write a key");

        r = file_write_new(temporary, path, pem.data, pem.size);
        gnutls_memset(pem.data, 0, pem.size);
        gnutls_free(pem.data);
        if (r >= 0)
                r = folder_sync(path);
        if (r < 0 && r != -EEXIST)
                return problem_set(problem, r, "Failed to write the key %s: %m", path);
        return r;
}

int identity_open_host(const char *path, Identity **ret, Problem *problem) {
        const char *folder = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_private_key_ PrivateKey key = NULL;
        _cleanup_free_ char *credential = NULL;
        int r;

        if (!folder || folder[0] != '/')
                return identity_open(path, ret, problem);
        if (asprintf(&credential, "%s/" CREDENTIAL, folder) < 0) {
                credential = NULL;
                return problem_set(problem, ENOMEM, "Failed to open the key: %m");
        }
        /* systemd lets the service's user in by an access list, whose mask stands where the group's bits are. */
        r = key_file_read(credential, OTHERS & ~S_IRGRP, &key, problem);
        if (r == -ENOENT)
                return identity_open(path, ret, problem);
        return r < 0 ? r : identity_new(key, ret, problem);
}

int identity_open(const char *path, Identity **ret, Problem *problem) {
        _cleanup_private_key_ PrivateKey key = NULL;
        int r;

        r = key_file_read(path, OTHERS, &key, problem);
        if (r == -ENOENT) {
                r = private_key_generate(&key, problem);
                if (r < 0)
                        return r;
                r = key_file_write(path, key, problem);
                if (r == -EEXIST) {
                        private_key_deinitp(&key);
                        key = NULL;
                        r = key_file_read(path, OTHERS, &key, problem);
                        if (r == -ENOENT)
                                return problem_set(problem, r, "The key %s came and went: %m", path);
                }
        }
        if (r < 0)
                return r;
        return identity_new(key, ret, problem);
}
