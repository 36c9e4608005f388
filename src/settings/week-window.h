/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Stretches of the week, as people write them. settings_in_windows() is in settings/settings.h. */

#include "base/problem.h"
#include "settings/settings.h"

/*
 * "Mon-Fri 08:00-18:00", "Sat,Sun", "22:00-06:00": days (by commas, '-' or systemd's '..' between the first and the
 * last), a stretch of the day, or both; without days it is every day, without a stretch the whole day. Names of days
 * are English, three letters or all, in any case. An end at or before 00:00-24:00's start is on the next day; both
 * the same is refused. 0; -EINVAL with a sentence.
 */
int week_window_parse(const char *text, SettingsWindow *ret, Problem *problem);
