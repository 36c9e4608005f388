/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The verbs of primectl, one file each. argv[0] is the verb; the result is the exit status: 0, 1 for a failure, 2
 * for wrong usage. Each verb prints its own --help.
 */

#define EXIT_USAGE 2

int verb_cat(int argc, char *argv[]);
int verb_count(int argc, char *argv[]);
int verb_info(int argc, char *argv[]);
int verb_local(int argc, char *argv[]);
int verb_verify(int argc, char *argv[]);
