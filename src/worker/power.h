/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where this machine's power comes from. */

#include <stdbool.h>

/*
 * No mains adapter is plugged in and a battery of the machine's own (not of a mouse, say) is being drained, as
 * systemd's ConditionACPower= understands it. `folder` is /sys/class/power_supply but in tests.
 */
bool power_is_battery(const char *folder);
