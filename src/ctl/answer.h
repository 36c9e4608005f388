/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a daemon tells about one thing (itself, a job, a worker), as a JSON object: "s" and "t" as strings (a "t" in
 * decimal; a count may pass what JSON readers take for an integer), "u" as an integer, "d" as a real, "b" as a boolean.
 * Times ("…_usec") are integers, null when the daemon says UINT64_MAX. So the object is what --json shows.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/clock.h"

/* An a{sv} of the message. 0, and the caller owns the object; negative errno. */
int answer_read(sd_bus_message *m, json_t **ret);

/* An aa{sv}: an array of them. */
int answer_read_list(sd_bus_message *m, json_t **ret);

/* Replaces in all strings (of an array: of its objects) what would steer a terminal. 0 or -ENOMEM. */
int answer_make_plain(json_t *record);

/* What a key says; "", 0 or false when the daemon did not. Strings live as long as the record. */
const char *answer_string(const json_t *record, const char *key);
uint64_t answer_u64(const json_t *record, const char *key);
double answer_double(const json_t *record, const char *key);
bool answer_bool(const json_t *record, const char *key);
usec_t answer_usec(const json_t *record, const char *key); /* USEC_INFINITY when unknown */

/* Whether the string of the key is `value`. */
bool answer_is(const json_t *record, const char *key, const char *value);
