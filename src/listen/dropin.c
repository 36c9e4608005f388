/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* master.conf in the language of unit files. */

#include "listen/dropin.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/parse.h"

#define HEAD                                                                                                 \
        "# Made by primed-listen-generator(8) from master.conf.\n"                                           \
        "\n"

/* "7919"; "0.0.0.0:7919"; "[fe80::1%eth0]:7919" */
typedef enum Family { FAMILY_BOTH, FAMILY_IPV4, FAMILY_IPV6 } Family;

static Family address_family(const char *address) {
        if (address[0] == '[')
                return FAMILY_IPV6;
        return strchr(address, ':') ? FAMILY_IPV4 : FAMILY_BOTH;
}

static const char *address_port(const char *address) {
        const char *colon = strrchr(address, ':');

        return colon ? colon + 1 : address;
}

static bool address_is_wildcard(const char *address) {
        return address_family(address) == FAMILY_BOTH || strncmp(address, "0.0.0.0:", 8) == 0 ||
               strncmp(address, "[::]:", 5) == 0;
}

/* Whether who listens on `a` listens on all of `b` as well. */
static bool address_covers(const char *a, const char *b) {
        if (!address_is_wildcard(a) || strcmp(address_port(a), address_port(b)) != 0)
                return false;
        return address_family(a) == FAMILY_BOTH || address_family(a) == address_family(b);
}

static bool is_left_out(const MasterConfig *config, size_t index) {
        for (size_t i = 0; i < config->n_listen; i++)
                if (i != index && address_covers(config->listen[i], config->listen[index]))
                        /* Of two that cover each other the first stays. */
                        if (i < index || !address_covers(config->listen[index], config->listen[i]))
                                return true;
        return false;
}

/* "[::]:PORT" takes the IPv4 addresses of the port as well, unless it is told not to. */
static bool must_part_families(const MasterConfig *config) {
        for (size_t i = 0; i < config->n_listen; i++)
                for (size_t j = 0; j < config->n_listen; j++)
                        if (!is_left_out(config, i) && !is_left_out(config, j) &&
                            strncmp(config->listen[i], "[::]:", 5) == 0 &&
                            address_family(config->listen[j]) == FAMILY_IPV4 &&
                            strcmp(address_port(config->listen[i]), address_port(config->listen[j])) == 0)
                                return true;
        return false;
}

static void write_address(FILE *file, const char *address, bool parted) {
        const char *scope = strchr(address, '%'), *end = strchr(address, ']');

        if (parted && address_family(address) == FAMILY_BOTH)
                fprintf(file, "ListenStream=0.0.0.0:%s\nListenStream=[::]:%s\n", address, address);
        else if (scope && end && scope < end)
                /* systemd wants the scope at the end, and reads one per cent sign as the start of a specifier. */
                fprintf(file, "ListenStream=%.*s%s%%%%%.*s\n", (int) (scope - address), address, end,
                        (int) (end - scope - 1), scope + 1);
        else
                fprintf(file, "ListenStream=%s\n", address);
}

int dropin_for_socket(const MasterConfig *config, char **ret) {
        _cleanup_free_ char *text = NULL;
        bool special = false, parted = must_part_families(config);
        size_t size = 0;
        FILE *file;
        unsigned port;

        if (config->n_listen == 1 && parse_unsigned(config->listen[0], 1, UINT16_MAX, &port) == 0 &&
            port == SETTINGS_PORT_DEFAULT) {
                *ret = NULL;
                return 0;
        }

        file = open_memstream(&text, &size);
        if (!file)
                return -ENOMEM;
        fprintf(file, HEAD "[Socket]\nListenStream=\n");
        for (size_t i = 0; i < config->n_listen; i++) {
                if (is_left_out(config, i))
                        continue;
                write_address(file, config->listen[i], parted);
                special = special || !address_is_wildcard(config->listen[i]);
        }
        if (parted)
                fprintf(file, "BindIPv6Only=ipv6-only\n");
        if (special)
                fprintf(file, "# The address may come later than the socket.\nFreeBind=yes\n");
        if (fclose(file) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}

static bool path_is_below(const char *path, const char *folder) {
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/*
 * The sentence is an argument, never a part of the script. systemd leaves out a line that it cannot read, one that is
 * not UTF-8 for example, and would then start the socket: hence the second command.
 */
char *dropin_for_refusal(const char *why) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        if (!file)
                return NULL;
        fprintf(file, HEAD "# The master does not listen on addresses that master.conf may not mean.\n[Socket]\n"
                "SyslogIdentifier=primed-listen-generator\n"
                "ExecStartPre=/bin/sh -c 'printf \"%%%%s\\\\n\" \"$$0\" >&2; exit 1' \"");
        for (const char *c = why; *c; c++) {
                if (*c == '"' || *c == '\\')
                        fputc('\\', file);
                else if (*c == '%' || *c == '$')
                        fputc(*c, file);
                fputc((unsigned char) *c < ' ' || (unsigned char) *c >= 0x7f ? '?' : *c, file);
        }
        fprintf(file, "\"\nExecStartPre=/bin/false\n");
        return fclose(file) == 0 ? TAKE_PTR(text) : NULL;
}

/* In quotes, so that blanks and colons stand for themselves. */
static void write_path(FILE *file, const char *key, const char *prefix, const char *path) {
        fprintf(file, "%s=\"%s", key, prefix);
        for (const char *c = path; *c; c++) {
                if (*c == '"' || *c == '\\')
                        fputc('\\', file);
                else if (*c == '%')
                        fputc('%', file);
                fputc(*c, file);
        }
        fprintf(file, "\"\n");
}

int dropin_for_service(const MasterConfig *config, const char *state_folder, char **ret, Problem *problem) {
        static const char *const homes[] = { "/home", "/root", "/run/user" };
        static const char *const temporary[] = { "/tmp", "/var/tmp" };
        _cleanup_free_ char *text = NULL;
        bool in_home = false, in_temporary = false;
        size_t size = 0;
        FILE *file;

        if (path_is_below(config->store, state_folder)) {
                *ret = NULL;
                return 0;
        }
        for (const char *c = config->store; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 0x7f)
                        return problem_set(problem, EINVAL,
                                           "The path of \"store\" has a control character: choose another name");
        for (size_t i = 0; i < ELEMENTSOF(homes); i++)
                in_home = in_home || path_is_below(config->store, homes[i]);
        for (size_t i = 0; i < ELEMENTSOF(temporary); i++)
                in_temporary = in_temporary || path_is_below(config->store, temporary[i]);

        file = open_memstream(&text, &size);
        if (!file)
                return problem_set(problem, ENOMEM, "Out of memory");
        fprintf(file, HEAD "[Unit]\n");
        write_path(file, "RequiresMountsFor", "", config->store);
        fprintf(file, "\n[Service]\n");
        if (in_home)
                fprintf(file, "# Of the homes it sees this folder alone.\nProtectHome=tmpfs\n");
        /* A folder that is missing is the master's to complain about: "-". */
        write_path(file, in_home || in_temporary ? "BindPaths" : "ReadWritePaths", "-", config->store);
        if (fclose(file) != 0)
                return problem_set(problem, ENOMEM, "Out of memory");
        *ret = TAKE_PTR(text);
        return 0;
}
