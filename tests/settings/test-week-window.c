/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stretches of the week: how they are written, and when it is inside of one. */

#include "settings/week-window.h"

#include <errno.h>
#include <time.h>

#include "base/macro.h"
#include "test.h"

#define CENTRAL_EUROPE "CET-1CEST,M3.5.0,M10.5.0/3" /* needs no zone files */

static void test_forms(void) {
        static const struct {
                const char *text;
                uint8_t days;
                uint16_t start_minute, end_minute;
        } good[] = {
                { "Mon-Fri 08:00-18:00", 0x1f, 480, 1080 },
                { "Mon..Fri 8:00-18:00", 0x1f, 480, 1080 },
                { "sat,SUN", 0x60, 0, 1440 },
                { "Saturday,sunday 00:00-24:00", 0x60, 0, 1440 },
                { "22:00-06:00", 0x7f, 1320, 360 },
                { "22:00-00:00", 0x7f, 1320, 1440 },
                { "Fri-Mon 23:59-00:01", 0x71, 1439, 1 },
                { "Mon,Wed,Fri-Sat   09:30-10:00", 0x35, 570, 600 },
                { "Sun-Sun", 0x40, 0, 1440 },
                { "Mon-Sun", 0x7f, 0, 1440 },
                { "Tue-Mon", 0x7f, 0, 1440 },
        };
        static const char *const bad[] = {
                "",          " ",          "Mo",           "Mond",        "Mon-",        "Mon,",         "Mon-Fri-Sun",
                "08:00",     "08:00-",     "8-18",         "08:00-08:00", "24:00-08:00", "08:00-24:01",  "25:00-26:00",
                "08:60-09:00", "08:0-09:00", "008:00-09:00", "08:000-09:00", "Mon08:00-09:00", "Mon 08:00-09:00 x",
                "08:00-18:00 Mon", "-08:00-09:00", "Mon 08:00 - 18:00", "00:00-00:00", "Mon ,Tue", "Mon-Fri 8am-6pm",
        };
        Problem problem = PROBLEM_NONE;
        SettingsWindow window;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                CHECK(week_window_parse(good[i].text, &window, NULL) == 0);
                CHECK_EQUAL(window.days, good[i].days);
                CHECK_EQUAL(window.start_minute, good[i].start_minute);
                CHECK_EQUAL(window.end_minute, good[i].end_minute);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                window.days = 99;
                if (week_window_parse(bad[i], &window, NULL) != -EINVAL)
                        printf("# taken: '%s'\n", bad[i]);
                CHECK(window.days == 99);
        }
        CHECK(week_window_parse("Mon 9-17", &window, &problem) == -EINVAL);
        CHECK_STRING(problem.text,
                     "'Mon 9-17' is not a stretch of the week. Write \"Mon-Fri 08:00-18:00\", \"Sat,Sun\" or "
                     "\"22:00-06:00\".");
}

static void set_zone(const char *zone) {
        CHECK(setenv("TZ", zone, 1) == 0);
        tzset();
}

/* UTC. 5 January 2026 is a Monday. */
static usec_t at(int year, int month, int day, int hour, int minute) {
        struct tm utc = {
                .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute
        };

        return (usec_t) timegm(&utc) * USEC_PER_SEC;
}

static bool inside(const char *text, usec_t time_usec) {
        SettingsWindow window;

        CHECK(week_window_parse(text, &window, NULL) == 0);
        return settings_in_windows(&window, 1, time_usec);
}

static void test_ends(void) {
        set_zone("UTC0");
        CHECK(!inside("Mon-Fri 08:00-18:00", at(2026, 1, 5, 7, 59)));
        CHECK(!inside("Mon-Fri 08:00-18:00", at(2026, 1, 5, 8, 0) - 1));
        CHECK(inside("Mon-Fri 08:00-18:00", at(2026, 1, 5, 8, 0)));
        CHECK(inside("Mon-Fri 08:00-18:00", at(2026, 1, 9, 18, 0) - 1));
        CHECK(!inside("Mon-Fri 08:00-18:00", at(2026, 1, 9, 18, 0)));
        CHECK(!inside("Mon-Fri 08:00-18:00", at(2026, 1, 10, 12, 0)));
        CHECK(inside("Sat,Sun", at(2026, 1, 10, 0, 0)));
        CHECK(inside("Sat,Sun", at(2026, 1, 12, 0, 0) - 1));
        CHECK(!inside("Sat,Sun", at(2026, 1, 12, 0, 0)));
}

static void test_over_midnight(void) {
        set_zone("UTC0");
        /* begins on Friday only: Saturday's morning belongs to it, Friday's does not */
        CHECK(!inside("Fri 22:00-06:00", at(2026, 1, 9, 5, 0)));
        CHECK(!inside("Fri 22:00-06:00", at(2026, 1, 9, 21, 59)));
        CHECK(inside("Fri 22:00-06:00", at(2026, 1, 9, 22, 0)));
        CHECK(inside("Fri 22:00-06:00", at(2026, 1, 10, 5, 59)));
        CHECK(!inside("Fri 22:00-06:00", at(2026, 1, 10, 6, 0)));
        CHECK(!inside("Fri 22:00-06:00", at(2026, 1, 10, 23, 0)));
        /* from Sunday to Monday, the end of the week */
        CHECK(inside("Sun 22:00-06:00", at(2026, 1, 12, 3, 0)));
        CHECK(!inside("Sun 22:00-06:00", at(2026, 1, 11, 3, 0)));
        CHECK(inside("22:00-00:00", at(2026, 1, 9, 23, 59)));
        CHECK(!inside("22:00-00:00", at(2026, 1, 10, 0, 0)));
}

static void test_local_time(void) {
        set_zone("JST-9");
        CHECK(inside("Mon 08:00-09:00", at(2026, 1, 4, 23, 30)));
        CHECK(!inside("Mon 08:00-09:00", at(2026, 1, 5, 8, 30)));
        set_zone("HST10");
        CHECK(inside("Sun 22:00-23:00", at(2026, 1, 5, 8, 30)));
}

/* 29 March 2026: 02:00 CET is followed by 03:00 CEST. 25 October: 03:00 CEST by 02:00 CET. */
static void test_summer_time(void) {
        set_zone(CENTRAL_EUROPE);
        CHECK(inside("Sun 01:00-04:00", at(2026, 3, 29, 0, 30)));  /* 01:30 */
        CHECK(inside("Sun 01:00-04:00", at(2026, 3, 29, 1, 30)));  /* 03:30 */
        CHECK(!inside("Sun 01:00-04:00", at(2026, 3, 29, 2, 0)));  /* 04:00 */
        CHECK(!inside("Sun 02:00-03:00", at(2026, 3, 29, 0, 59))); /* never: that hour is left out */
        CHECK(!inside("Sun 02:00-03:00", at(2026, 3, 29, 1, 0)));
        CHECK(inside("Sun 02:00-03:00", at(2026, 10, 25, 0, 30))); /* 02:30, the first time */
        CHECK(inside("Sun 02:00-03:00", at(2026, 10, 25, 1, 30))); /* and the second */
        CHECK(!inside("Sun 02:00-03:00", at(2026, 10, 25, 2, 0)));
        CHECK(inside("Sat 22:00-06:00", at(2026, 10, 25, 4, 59))); /* nine hours long */
        CHECK(!inside("Sat 22:00-06:00", at(2026, 10, 25, 5, 0)));
        CHECK(inside("08:00-18:00", at(2026, 7, 1, 6, 0)) && !inside("08:00-18:00", at(2026, 1, 1, 6, 0)));
}

static void test_a_change_of_zone_is_seen(void) {
        set_zone("UTC0");
        CHECK(inside("Mon 08:00-09:00", at(2026, 1, 5, 8, 30)));
        CHECK(setenv("TZ", "JST-9", 1) == 0);
        CHECK(!inside("Mon 08:00-09:00", at(2026, 1, 5, 8, 30)));
}

static void test_any_of_several(void) {
        SettingsWindow windows[2];

        set_zone("UTC0");
        CHECK(week_window_parse("Mon 08:00-09:00", &windows[0], NULL) == 0);
        CHECK(week_window_parse("Tue", &windows[1], NULL) == 0);
        CHECK(settings_in_windows(windows, 2, at(2026, 1, 5, 8, 0)));
        CHECK(settings_in_windows(windows, 2, at(2026, 1, 6, 8, 0)));
        CHECK(!settings_in_windows(windows, 2, at(2026, 1, 7, 8, 0)));
        CHECK(!settings_in_windows(NULL, 0, at(2026, 1, 5, 8, 0)));
}

int main(void) {
        RUN(test_forms);
        RUN(test_ends);
        RUN(test_over_midnight);
        RUN(test_local_time);
        RUN(test_summer_time);
        RUN(test_a_change_of_zone_is_seen);
        RUN(test_any_of_several);
        return tests_end();
}
