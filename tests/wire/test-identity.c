/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys and the file that keeps one, in a folder of its own below the working directory. */

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "test.h"
#include "wire/identity.h"

/*
 * A key made by `openssl genpkey -algorithm ed25519`, and the SHA-256 of `openssl pkey -pubout -outform
 * DER`.
 */
static const char known_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MC4CAQAwBQYDK2VwBCIEIJVSXG+GdZyeSa1vuMF5/ApQJVxiO0L80b2FtvBeQ9z1\n"
                                "-----END PRIVATE KEY-----\n";
static const uint8_t known_id[SHA256_SIZE] = {
        0x16, 0x9a, 0xfc, 0x08, 0x16, 0x2b, 0xc2, 0xd1, 0x7d, 0xe8, 0x14, 0x28, 0x27, 0xa4, 0xf7, 0xa7,
        0xdb, 0x77, 0x7e, 0xc0, 0x2a, 0xb8, 0x4b, 0x55, 0xac, 0xe5, 0x5b, 0xa8, 0x2f, 0xbd, 0x01, 0x35,
};

static char folder[] = "test-identity.XXXXXX";

static const char *path_of(const char *name) {
        static char path[256];

        (void) snprintf(path, sizeof path, "%s/%s", folder, name);
        return path;
}

static void write_file(const char *path, const void *data, size_t size, mode_t mode) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        CHECK(fd >= 0);
        CHECK(fchmod(fd, mode) == 0);
        CHECK(fd_write_all(fd, data, size) == 0);
        CHECK(close(fd) == 0);
}

/* The file must be refused with these words, and be as it was afterwards. */
static void check_refused(const char *path, int error, const char *says) {
        _cleanup_free_ char *before = NULL, *after = NULL;
        size_t before_size, after_size;
        Problem problem = PROBLEM_NONE;
        Identity *identity = NULL;

        CHECK(file_read_whole(AT_FDCWD, path, 1 << 20, &before, &before_size) == 0);
        CHECK_EQUAL(identity_open(path, &identity, &problem), error);
        if (!strstr(problem.text, says))
                printf("# '%s'\n", problem.text);
        CHECK(strstr(problem.text, says) && strstr(problem.text, path));
        CHECK(identity == NULL);
        CHECK(file_read_whole(AT_FDCWD, path, 1 << 20, &after, &after_size) == 0);
        CHECK(after_size == before_size && memcmp(before, after, before_size) == 0);
        CHECK(unlink(path) == 0);
}

static void test_ephemeral_keys_differ(void) {
        _cleanup_(identity_freep) Identity *a = NULL, *b = NULL;

        CHECK(identity_new_ephemeral(&a, NULL) == 0);
        CHECK(identity_new_ephemeral(&b, NULL) == 0);
        CHECK(memcmp(identity_id(a), identity_id(b), SHA256_SIZE) != 0);
        CHECK(identity_credentials(a) != NULL);
        CHECK(identity_free(NULL) == NULL);
}

static void test_file_is_made_once_and_private(void) {
        _cleanup_(identity_freep) Identity *first = NULL, *again = NULL;
        const char *path = path_of("made.pem");
        struct stat st;
        mode_t mask = umask(0);

        CHECK(identity_open(path, &first, NULL) == 0);
        (void) umask(mask);
        CHECK(stat(path, &st) == 0);
        CHECK_EQUAL(st.st_mode & 07777, 0600);
        CHECK(identity_open(path, &again, NULL) == 0);
        CHECK(memcmp(identity_id(first), identity_id(again), SHA256_SIZE) == 0);
        CHECK(unlink(path) == 0);
        CHECK(rmdir(folder) == 0 && mkdir(folder, 0700) == 0); /* nothing else was left there */
}

static void test_known_key_has_the_known_id(void) {
        _cleanup_(identity_freep) Identity *identity = NULL;
        const char *path = path_of("known.pem");

        write_file(path, known_key, strlen(known_key), 0400);
        CHECK(identity_open(path, &identity, NULL) == 0);
        CHECK(memcmp(identity_id(identity), known_id, SHA256_SIZE) == 0);
        CHECK(unlink(path) == 0);
}

/* A host whose policy forbids Ed25519 made this one. */
static void test_p256_key_is_taken(void) {
        _cleanup_(identity_freep) Identity *identity = NULL;
        const char *path = path_of("p256.pem");
        gnutls_x509_privkey_t key;
        gnutls_datum_t pem;

        CHECK(gnutls_x509_privkey_init(&key) == 0);
        CHECK(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                           GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) == 0);
        CHECK(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem) ==
              0);
        write_file(path, pem.data, pem.size, 0600);
        CHECK(identity_open(path, &identity, NULL) == 0);
        gnutls_free(pem.data);
        gnutls_x509_privkey_deinit(key);
        CHECK(unlink(path) == 0);
}

static void test_open_to_others_is_refused(void) {
        static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0666, 0777 };
        const char *path = path_of("open.pem");

        for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
                write_file(path, known_key, strlen(known_key), modes[i]);
                check_refused(path, -EPERM, "chmod 600");
        }
}

static void test_broken_file_is_refused(void) {
        const char *path = path_of("broken.pem");
        char text[8192];

        write_file(path, "", 0, 0600);
        check_refused(path, -EBADMSG, "holds no readable key");
        write_file(path, "no key at all\n", 14, 0600);
        check_refused(path, -EBADMSG, "holds no readable key");
        for (size_t n = 0; known_key + n < strstr(known_key, "-----END"); n++) {
                write_file(path, known_key, n, 0600);
                check_refused(path, -EBADMSG, "holds no readable key");
        }
        memset(text, 'x', sizeof text);
        memcpy(text, known_key, sizeof known_key - 1);
        write_file(path, text, sizeof text, 0600);
        check_refused(path, -EBADMSG, "holds no readable key");
}

static void test_places_that_cannot_hold_a_key(void) {
        Problem problem = PROBLEM_NONE;
        Identity *identity = NULL;
        const char *path = path_of("no/such/folder/key.pem");

        CHECK_EQUAL(identity_open(path, &identity, &problem), -ENOENT);
        CHECK(strstr(problem.text, path) && strstr(problem.text, "No such file"));
        problem = PROBLEM_NONE;
        CHECK_EQUAL(identity_open(folder, &identity, &problem), -EBADMSG);
        CHECK(strstr(problem.text, "is not a file"));
        CHECK(identity == NULL);
}

/* Many processes start on a new host at once: all get the one key. */
static void test_makers_agree(void) {
        const char *path = path_of("raced.pem");
        uint8_t first[SHA256_SIZE], other[SHA256_SIZE];
        int fds[2];

        CHECK(pipe(fds) == 0);
        for (unsigned i = 0; i < 8; i++) {
                pid_t child = fork();

                CHECK(child >= 0);
                if (child == 0) {
                        Identity *identity = NULL;

                        if (identity_open(path, &identity, NULL) < 0)
                                _exit(1);
                        _exit(fd_write_all(fds[1], identity_id(identity), SHA256_SIZE) < 0);
                }
        }
        for (unsigned i = 0; i < 8; i++) {
                int status;

                CHECK(wait(&status) > 0 && status == 0);
                CHECK(fd_read_full(fds[0], i == 0 ? first : other, SHA256_SIZE) == SHA256_SIZE);
                CHECK(i == 0 || memcmp(first, other, SHA256_SIZE) == 0);
        }
        CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
        CHECK(unlink(path) == 0);
}

static void test_credential_goes_before_the_file(void) {
        _cleanup_(identity_freep) Identity *credential = NULL, *file = NULL;
        _cleanup_free_ char *absolute = realpath(folder, NULL), *own = NULL;
        Identity *none = NULL;

        CHECK(absolute && (own = strdup(path_of("own.pem"))));
        CHECK(setenv("CREDENTIALS_DIRECTORY", absolute, 1) == 0);
        CHECK_EQUAL(identity_open_host(own, &file, NULL), 0); /* no such credential */

        /* mode 0440 is how systemd's access list looks; a key that all can read is refused all the same */
        write_file(path_of("primed.key"), known_key, sizeof known_key - 1, 0440);
        CHECK_EQUAL(identity_open_host(own, &credential, NULL), 0);
        CHECK(memcmp(identity_id(credential), known_id, SHA256_SIZE) == 0);
        CHECK(memcmp(identity_id(file), known_id, SHA256_SIZE) != 0);
        CHECK(unlink(path_of("primed.key")) == 0); /* who is not root cannot write it anew */
        write_file(path_of("primed.key"), known_key, sizeof known_key - 1, 0444);
        CHECK_EQUAL(identity_open_host(own, &none, NULL), -EPERM);

        CHECK(unsetenv("CREDENTIALS_DIRECTORY") == 0);
        (void) unlink(path_of("primed.key"));
        (void) unlink(own);
}

int main(void) {
        CHECK(mkdtemp(folder) != NULL);
        RUN(test_ephemeral_keys_differ);
        RUN(test_file_is_made_once_and_private);
        RUN(test_known_key_has_the_known_id);
        RUN(test_p256_key_is_taken);
        RUN(test_open_to_others_is_refused);
        RUN(test_broken_file_is_refused);
        RUN(test_places_that_cannot_hold_a_key);
        RUN(test_makers_agree);
        RUN(test_credential_goes_before_the_file);
        CHECK(rmdir(folder) == 0);
        return tests_end();
}
