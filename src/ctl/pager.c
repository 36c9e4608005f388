/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A child that reads what we write. */

#include "ctl/pager.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "ctl/terminal.h"

#define LESS_OPTIONS "FRSXMK"

static pid_t pager_pid;

/* A person who may run primectl as root, but nothing else, must not get a shell out of its pager. */
static bool pager_is_secure(bool *ret_told) {
        const char *told = getenv("SYSTEMD_PAGERSECURE");

        *ret_told = told != NULL;
        if (told)
                return strcmp(told, "0") != 0 && strcasecmp(told, "no") != 0 && strcasecmp(told, "false") != 0 &&
                       strcasecmp(told, "off") != 0;
        return getenv("SUDO_UID") || getenv("PKEXEC_UID") || geteuid() != getuid();
}

static const char *pager_command(bool allowed) {
        const char *command = getenv("SYSTEMD_PAGER");

        return allowed ? command ?: getenv("PAGER") : NULL;
}

/* In the child: `input` is what to show. Does not return. */
static void pager_exec(int input, const char *command, bool secure) {
        static const char *const usual[] = { "less", "more", "cat" };
        const char *less = getenv("SYSTEMD_LESS");

        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void) dup2(input, STDIN_FILENO);
        (void) setenv("LESS", less ?: LESS_OPTIONS, 1);
        if (terminal_is_utf8())
                (void) setenv("LESSCHARSET", "utf-8", 1);
        if (secure)
                (void) setenv("LESSSECURE", "1", 1);
        else
                (void) unsetenv("LESSSECURE");
        if (command)
                (void) execlp("sh", "sh", "-c", command, NULL);
        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                if (!secure || strcmp(usual[i], "more") != 0) /* more(1) has no secure mode */
                        (void) execlp(usual[i], usual[i], NULL);
        _exit(EXIT_FAILURE);
}

void pager_open(void) {
        const char *term = getenv("TERM"), *command;
        int ends[2], input;
        bool secure, told;

        if (pager_pid > 0 || !terminal_is_tty() || !term || strcmp(term, "dumb") == 0)
                return;
        secure = pager_is_secure(&told);
        command = pager_command(!secure || told);
        if (command && (command[0] == '\0' || strcmp(command, "cat") == 0))
                return;
        (void) terminal_has_colors(); /* as long as standard output is the terminal */
        if (pipe2(ends, O_CLOEXEC) < 0)
                return;
        input = ends[0];
        (void) fflush(stdout);
        pager_pid = fork();
        if (pager_pid == 0)
                pager_exec(input, command, secure);
        if (pager_pid > 0) {
                (void) dup2(ends[1], STDOUT_FILENO);
                /* Ctrl-C is for the pager; that a person has read enough is no error. */
                (void) signal(SIGINT, SIG_IGN);
                (void) signal(SIGPIPE, SIG_IGN);
        }
        (void) close(ends[0]);
        (void) close(ends[1]);
}

void pager_close(void) {
        int null;

        if (pager_pid <= 0)
                return;
        (void) fflush(stdout);
        null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void) dup2(null, STDOUT_FILENO); /* the pager sees the end */
        if (null >= 0 && null != STDOUT_FILENO)
                (void) close(null);
        (void) waitpid(pager_pid, NULL, 0);
        pager_pid = 0;
}
