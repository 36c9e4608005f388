/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel's control groups allow and tell, in either version of them, read from files that services may read
 * under ProtectControlGroups= and ProcSubset=pid.
 *
 * `root` stands in front of every path: "" for this machine, a folder of a test's own otherwise.
 */

#include <stdint.h>

/*
 * The CPU quota of this process: the least of its own control group and all above it, in thousandths of one processor,
 * rounded up. 1; 0: there is none.
 */
int control_group_cpu_quota(const char *root, unsigned *ret_permille);

/*
 * The memory that this process may use before its group is slowed down or killed, in bytes: the least limit of its own
 * control group and all above it (memory.high, memory.max; in version 1 the soft and the hard one). 1; 0: there is
 * none.
 */
int control_group_memory_limit(const char *root, uint64_t *ret_bytes);

/*
 * How much of the last ten seconds something in the slice ("system.slice") waited for a processor, in hundredths of a
 * per cent (cpu.pressure, "some avg10"). 0, -ENOENT when the kernel does not tell, -EBADMSG.
 */
int control_group_cpu_pressure(const char *root, const char *slice, unsigned *ret);
