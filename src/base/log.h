/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The programs' log: lines on standard error, with the priority prefix that the journal understands when
 * standard error is not a terminal. Library folders use log_debug() only.
 */

#include <stdbool.h>
#include <syslog.h>

#include "base/macro.h"

/* The name in front of each line, and the least urgent priority (LOG_ERR … LOG_DEBUG) that is shown. */
void log_setup(const char *program, int max_priority);

const char *log_program_name(void);
bool log_shows(int priority);

void log_full(int priority, const char *format, ...) _printf_(2, 3);

/* As log_full(); "%m" stands for the text of |error|. Returns -|error|, so that `return log_error_errno(r, …)`. */
int log_full_errno(int priority, int error, const char *format, ...) _printf_(3, 4);

#define log_debug(...) log_full(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, __VA_ARGS__)

#define log_warning_errno(error, ...) log_full_errno(LOG_WARNING, error, __VA_ARGS__)
#define log_error_errno(error, ...) log_full_errno(LOG_ERR, error, __VA_ARGS__)
