/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the parts of the suite meet on a host. The folders are fixed when it is built (meson's directory options). */

#define PLACE_WORKER_SOCKET PRIMED_RUNSTATEDIR "/worker.sock" /* /run/primed: the handover socket of systemd's unit */
#define PLACE_LIMITS_STATE PRIMED_RUNSTATEDIR "/limits"       /* what primed-limits set last, and its last error */
#define PLACE_STATE PRIMED_LOCALSTATEDIR                      /* /var/lib/primed */
#define PLACE_HOST_KEY PRIMED_LOCALSTATEDIR "/host.key"       /* this host's identity, of master and worker */
#define PLACE_JOBS PRIMED_LOCALSTATEDIR "/jobs.json"          /* the master's jobs */

#define PORT_DEFAULT 7919 /* TCP, of a master: the thousandth prime */
