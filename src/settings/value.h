/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The words of the config files: each function reads one string as a whole and returns 0, or negative errno with a
 * sentence that quotes the word and shows how it is written. `*ret` is written on success only. The words are plain
 * UTF-8 (utf8_is_plain()).
 */

#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "settings/settings.h"

#define VALUE_NAME_MAX 63   /* bytes of a host's or master's name: a DNS label, an mDNS instance name */
#define VALUE_PATH_MAX 1024
#define VALUE_CPUS_MAX 8192 /* the kernel's limit of processors */

/* "150%" in [1, high]. */
int value_parse_percent(const char *word, unsigned high, unsigned *ret, Problem *problem);

/* "512M", "2G", bytes in [low, high]. */
int value_parse_size(const char *word, uint64_t low, uint64_t high, uint64_t *ret, Problem *problem);

/* "0-3,6": the bits of these processors, least significant first. The caller frees. */
int value_parse_cpu_list(const char *word, uint8_t **ret, size_t *ret_size, Problem *problem);

/* "idle" is 0, else 1 … 10000. */
int value_parse_cpu_weight(const char *word, uint64_t *ret, Problem *problem);

/* "HOST", "HOST:PORT", "[IPV6%INTERFACE]:PORT"; the port is SETTINGS_PORT_DEFAULT if none is given. */
int value_parse_address(const char *word, SettingsAddress *ret, Problem *problem);

/* "PORT", "IPV4:PORT", "[IPV6%INTERFACE]:PORT"; the port may be left out behind an address. With the port in `*ret`. */
int value_parse_listen(const char *word, char **ret, Problem *problem);

/* A name for people: 1 … VALUE_NAME_MAX bytes, no blank at its ends. */
int value_parse_name(const char *word, char **ret, Problem *problem);

/* An absolute path without "..", not "/"; repeated and last slashes are left out of `*ret`. */
int value_parse_folder(const char *word, char **ret, Problem *problem);

/* What number_parse() takes, as it was written. */
int value_parse_integer(const char *word, char **ret, Problem *problem);
