/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/*
 * Shows the progress of a job of the master until it is finished: exit status 0. A job that failed or was cancelled:
 * 1, after a sentence. A master that is started again is waited for. Ctrl-C ends the watching, not the job.
 */
int job_wait(sd_bus *bus, const char *name, bool quiet);
