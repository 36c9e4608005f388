/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every program of ours sets up first of all; and daemons before their event loop, before any thread exists. */

/*
 * Opens the standard descriptors that are closed, and ignores SIGXFSZ: a write beyond a limit of file sizes (ulimit -f)
 * then fails with EFBIG, as other writes fail, instead of ending the program.
 */
void process_prepare(void);

/*
 * Blocks SIGTERM, SIGINT and SIGHUP (for sd_event_add_signal()), ignores SIGPIPE and SIGXFSZ, and lets malloc keep the
 * memory of blocks that come and go.
 */
void daemon_prepare(void);

/*
 * Tells systemd that the settings are read anew; READY=1 must follow. With the time that Type=notify-reload asks for:
 * microseconds of CLOCK_MONOTONIC, not of base/clock.h.
 */
void daemon_tell_reloading(void);
