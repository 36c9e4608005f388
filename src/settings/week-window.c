/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Stretches of the week. They are compared with what a clock on the wall shows, never added to a time: where summer
 * time begins or ends, a stretch lasts from its first to its last minute as shown, an hour less or more.
 */

#include "settings/week-window.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/utf8.h"

#define DAYS 7
#define DAY_MINUTES (24 * 60)
#define EVERY_DAY ((1U << DAYS) - 1)
#define QUOTE_SIZE 100

/* The number of the day at `*p`, 0 for Monday, which is moved behind it; -1 if there is none. */
static int take_day(const char **p) {
        static const char *const names[DAYS] = { "monday", "tuesday",  "wednesday", "thursday",
                                                 "friday", "saturday", "sunday" };
        size_t n = 0;

        while (isalpha((unsigned char) (*p)[n]))
                n++;
        for (int day = 0; day < DAYS; day++)
                if ((n == 3 || n == strlen(names[day])) && strncasecmp(*p, names[day], n) == 0) {
                        *p += n;
                        return day;
                }
        return -1;
}

/* "Mon-Fri,Sun" at `*p`. 0 if it is not of this form. */
static unsigned take_days(const char **p) {
        unsigned days = 0;

        for (;;) {
                int first = take_day(p), last = first;

                if (first < 0)
                        return 0;
                if (**p == '-' || strncmp(*p, "..", 2) == 0) {
                        *p += **p == '-' ? 1 : 2;
                        last = take_day(p);
                        if (last < 0)
                                return 0;
                }
                for (int day = first;; day = (day + 1) % DAYS) {
                        days |= 1U << day;
                        if (day == last)
                                break;
                }
                if (**p != ',')
                        return days;
                (*p)++;
        }
}

/* "8:00", "24:00" at `*p` in minutes; -1 if it is not of this form. */
static int take_minute(const char **p) {
        int hour = 0, minute;
        size_t n = strspn(*p, "0123456789");

        if (n < 1 || n > 2 || (*p)[n] != ':' || !isdigit((unsigned char) (*p)[n + 1]) ||
            !isdigit((unsigned char) (*p)[n + 2]) || isdigit((unsigned char) (*p)[n + 3]))
                return -1;
        for (size_t i = 0; i < n; i++)
                hour = 10 * hour + ((*p)[i] - '0');
        minute = 10 * ((*p)[n + 1] - '0') + ((*p)[n + 2] - '0');
        *p += n + 3;
        if (minute >= 60 || 60 * hour + minute > DAY_MINUTES)
                return -1;
        return 60 * hour + minute;
}

static bool parse_window(const char *p, SettingsWindow *ret) {
        int start = 0, end = DAY_MINUTES;
        unsigned days = EVERY_DAY;

        if (isalpha((unsigned char) *p)) {
                days = take_days(&p);
                if (days == 0 || (*p != '\0' && *p != ' '))
                        return false;
                p += strspn(p, " ");
        } else if (*p == '\0')
                return false;
        if (*p != '\0') {
                start = take_minute(&p);
                if (start < 0 || start >= DAY_MINUTES || *p != '-')
                        return false;
                p++;
                end = take_minute(&p);
                if (end < 0 || *p != '\0' || end == start)
                        return false;
                if (end == 0)
                        end = DAY_MINUTES;
        }
        *ret = (SettingsWindow){ .days = (uint8_t) days,
                                 .start_minute = (uint16_t) start,
                                 .end_minute = (uint16_t) end };
        return true;
}

int week_window_parse(const char *text, SettingsWindow *ret, Problem *problem) {
        char quoted[QUOTE_SIZE];

        if (parse_window(text, ret))
                return 0;
        utf8_copy_plain(quoted, sizeof quoted, text);
        return problem_set(problem, EINVAL,
                           "'%s' is not a stretch of the week. Write \"Mon-Fri 08:00-18:00\", \"Sat,Sun\" or "
                           "\"22:00-06:00\".",
                           quoted);
}

bool settings_in_windows(const SettingsWindow *windows, size_t n, usec_t realtime_usec) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        unsigned today, yesterday;
        int minute;
        struct tm local;

        if (n == 0)
                return false;
        tzset(); /* the zone of the host may have been changed since */
        if (!localtime_r(&seconds, &local))
                return false;
        today = (unsigned) (local.tm_wday + DAYS - 1) % DAYS;
        yesterday = (today + DAYS - 1) % DAYS;
        minute = 60 * local.tm_hour + local.tm_min;
        for (size_t i = 0; i < n; i++) {
                const SettingsWindow *window = &windows[i];
                bool starts_today = (window->days & 1U << today) && minute >= window->start_minute;

                if (window->start_minute < window->end_minute) {
                        if (starts_today && minute < window->end_minute)
                                return true;
                } else if (starts_today || ((window->days & 1U << yesterday) && minute < window->end_minute))
                        return true;
        }
        return false;
}
