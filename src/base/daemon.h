/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every daemon of ours sets up before its event loop, and before any thread exists. */

/*
 * Blocks SIGTERM, SIGINT and SIGHUP (for sd_event_add_signal()), ignores SIGPIPE, and lets malloc keep the memory of
 * blocks that come and go.
 */
void daemon_prepare(void);

/*
 * Tells systemd that the settings are read anew; READY=1 must follow. With the time that Type=notify-reload asks for:
 * microseconds of CLOCK_MONOTONIC, not of base/clock.h.
 */
void daemon_tell_reloading(void);
