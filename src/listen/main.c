/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * primed-listen-generator: master.conf – two drop-ins. systemd runs it whenever it reads its units, early in the boot,
 * so it needs nothing but that file, and a broken one costs nobody his boot: it is told, and the socket refuses to
 * start. systemd empties the folder before each run, so that without a drop-in the socket would listen everywhere.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/option.h"
#include "base/place.h"
#include "listen/dropin.h"
#include "settings/settings.h"

#define SOCKET_DROPIN "primed-master.socket.d/50-primed-listen.conf"
#define SERVICE_DROPIN "primed-master.service.d/50-primed-store.conf"

static const char *arg_config = SETTINGS_MASTER_PATH;
static const char *arg_folder;

static void help(void) {
        printf("primed-listen-generator [OPTIONS...] FOLDER [FOLDER FOLDER]\n\n"
               "Writes drop-ins for the units of the master into the first FOLDER:\n"
               "the addresses and the store of master.conf.\n\n"
               "  -h --help          Show this help\n"
               "     --version       Show the version\n"
               "     --config=FILE   Config file (default: %s)\n\n"
               "It is run by systemd. See the primed-listen-generator(8) man page.\n",
               SETTINGS_MASTER_PATH);
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_CONFIG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "config", required_argument, NULL, ARG_CONFIG },
                {},
        };

        optind = 0;
        for (int c; (c = option_next(argc, argv, "h", options, "primed-listen-generator")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        printf("primed-listen-generator %s\n", PRIMED_VERSION);
                        return 0;
                case ARG_CONFIG:
                        arg_config = optarg;
                        break;
                default:
                        return -1;
                }
        if (argc - optind != 1 && argc - optind != 3) {
                log_error("Expected one or three folders. Try 'primed-listen-generator --help'.");
                return -1;
        }
        arg_folder = argv[optind];
        return 1;
}

/* There is no journal yet when a host boots; the kernel's log finds its way into it. */
static void use_kernel_log(void) {
        int fd;

        if (!getenv("SYSTEMD_SCOPE"))
                return;
        fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0)
                (void) dup2(fd, STDERR_FILENO);
        (void) fd_close(fd);
}

static int write_dropin(const char *name, const char *text) {
        _cleanup_free_ char *path = NULL, *folder = NULL;
        _cleanup_fclose_ FILE *file = NULL;

        if (!text)
                return 0;
        if (asprintf(&path, "%s/%s", arg_folder, name) < 0)
                return log_error_errno(ENOMEM, "Out of memory");
        folder = strndup(path, (size_t) (strrchr(path, '/') - path));
        if (!folder)
                return log_error_errno(ENOMEM, "Out of memory");
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                return log_error_errno(errno, "Cannot make %s: %m", folder);
        file = fopen(path, "we");
        if (!file || fputs(text, file) == EOF || fflush(file) == EOF)
                return log_error_errno(errno, "Cannot write %s: %m", path);
        return 0;
}

/* A master that runs goes on; it alone can tell of a mistake in what it reads when it is reloaded. */
static int refuse(const char *why) {
        _cleanup_free_ char *text = dropin_for_refusal(why);

        log_error("%s primed-master.socket does not start until this is mended and 'systemctl daemon-reload' has run.",
                  why);
        return text ? write_dropin(SOCKET_DROPIN, text) : log_error_errno(ENOMEM, "Out of memory");
}

static int run(void) {
        _cleanup_(master_config_freep) MasterConfig *config = NULL;
        _cleanup_free_ char *socket_text = NULL, *service_text = NULL;
        Problem problem = PROBLEM_NONE;
        int r;

        r = master_config_load(arg_config, &config, &problem);
        if (r >= 0)
                r = dropin_for_service(config, PLACE_STATE, &service_text, &problem);
        if (r >= 0)
                r = dropin_for_socket(config, &socket_text);
        if (r < 0) {
                (void) refuse(problem.text[0] != '\0' ? problem.text : "Out of memory.");
                return r;
        }
        r = write_dropin(SOCKET_DROPIN, socket_text);
        return r < 0 ? r : write_dropin(SERVICE_DROPIN, service_text);
}

int main(int argc, char *argv[]) {
        int r;

        process_prepare();
        use_kernel_log();
        log_setup("primed-listen-generator", LOG_INFO);
        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
