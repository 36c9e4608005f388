/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What master.conf changes in the units of the master, as the texts of their drop-ins. */

#include "base/problem.h"
#include "settings/settings.h"

/*
 * The addresses of "listen", for primed-master.socket. An address that another one of the list covers is left out, for
 * the second could not be bound. NULL with the default: the unit says it already. The caller frees. 0; negative errno.
 */
int dropin_for_socket(const MasterConfig *config, char **ret);

/*
 * For primed-master.socket, if master.conf has a mistake: makes it refuse to start, and say `why`. Without it the
 * socket would listen where it never should have. NULL: no memory. The caller frees.
 */
char *dropin_for_refusal(const char *why);

/*
 * Access to "store", for primed-master.service, which may write nowhere else. NULL below `state_folder`, which it has
 * anyway. The caller frees. 0; negative errno with a sentence.
 */
int dropin_for_service(const MasterConfig *config, const char *state_folder, char **ret, Problem *problem);
