/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a person sees while a job runs. */

#include "ctl/progress.h"

#include "base/cleanup.h"
#include "test.h"

static char from_text[] = "0", to_text[] = "1000000000", nothing[] = "";

static Report sample(double done) {
        return (Report) {
                .state = "running",
                .from = from_text,
                .to = to_text,
                .numbers_total = 1e9,
                .numbers_done = done,
                .primes = 22123456,
        };
}

static void test_text(void) {
        Report report = sample(4.3e8);
        char text[160];

        progress_text(&report, 2e8, 0, text, sizeof text);
        CHECK_STRING(text, " 43.0%  430 M numbers  200 M/s  22,123,456 primes  2.8 s left");
        progress_text(&report, 0, 0, text, sizeof text);
        CHECK_STRING(text, " 43.0%  430 M numbers  -/s  22,123,456 primes  unknown left");
        progress_text(&report, 2e8, 42 * USEC_PER_SEC, text, sizeof text);
        CHECK_STRING(text, " 43.0%  430 M numbers  22,123,456 primes  no new block for 42 s");
        report.to = nothing;
        progress_text(&report, 2e8, 0, text, sizeof text);
        CHECK_STRING(text, "430 M numbers  200 M/s  22,123,456 primes");
}

/* Everything that was shown for reports that come every 100 ms. */
static char *show(bool terminal, unsigned n_reports, double per_report) {
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        usec_t now = 100 * USEC_PER_SEC;
        Progress progress;

        CHECK(stream);
        progress_init(&progress, stream, terminal, now);
        for (unsigned i = 1; i <= n_reports; i++) {
                Report report = sample(i * per_report);

                report.elapsed_usec = i * 100 * USEC_PER_MSEC;
                progress_show(&progress, &report, now + report.elapsed_usec);
        }
        progress_clear(&progress);
        (void) fclose(stream);
        return text;
}

static unsigned count_lines(const char *text) {
        unsigned n = 0;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

static void test_plain_lines_are_few(void) {
        _cleanup_free_ char *quick = show(false, 5, 2e8), *ten_seconds = show(false, 100, 1e7),
                            *hours = show(false, 36000, 1e4);

        CHECK_STRING(quick, "");                    /* over in half a second */
        CHECK_EQUAL(count_lines(ten_seconds), 10);  /* one for each tenth */
        CHECK(count_lines(hours) > 100 && count_lines(hours) < 140); /* one for each half minute */
        CHECK(strstr(ten_seconds, "100 M/s"));
        CHECK(!strchr(ten_seconds, '\r') && !strchr(ten_seconds, '\033'));
}

static void test_terminal_line_renews_itself(void) {
        _cleanup_free_ char *text = show(true, 10, 1e8);

        CHECK_EQUAL(count_lines(text), 0);
        CHECK(strstr(text, "\r\033[K[##"));
        CHECK(strlen(text) >= 4 && strcmp(text + strlen(text) - 4, "\r\033[K") == 0); /* nothing stays behind */
}

int main(void) {
        RUN(test_text);
        RUN(test_plain_lines_are_few);
        RUN(test_terminal_line_renews_itself);
        return tests_end();
}
