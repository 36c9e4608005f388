/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Properties of the worker's slices, set at run time as `systemctl set-property --runtime` does it: in force at once,
 * also for what runs already, and kept over reloads and restarts until the next boot, in a drop-in that systemd writes.
 *
 * Quota, processors and memory go to SLICE_WORKER. The weight goes to SLICE_TOP too: it counts among the siblings of a
 * slice, and those of the worker's are nothing but empty.
 */

#include <systemd/sd-bus.h>

#include "base/problem.h"
#include "limits/limit.h"

#define SLICE_TOP "primed.slice"
#define SLICE_WORKER "primed-worker.slice"
#define SLICE_CONTROL_FOLDER "/run/systemd/system.control" /* where systemd writes those drop-ins */

/* 0; negative errno with a sentence. `control_folder` is SLICE_CONTROL_FOLDER but in tests. */
int slice_set(sd_bus *bus, LimitKind kind, const Limit *limit, const char *control_folder, Problem *problem);

/*
 * Forgets what slice_set() set, by removing the drop-in: after slice_reload() the unit files of the package and of the
 * admin say again what holds. 0; negative errno with a sentence.
 */
int slice_forget(LimitKind kind, const char *control_folder, Problem *problem);
int slice_reload(sd_bus *bus, Problem *problem);
