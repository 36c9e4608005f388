/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The progress line. */

#include "ctl/progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/text.h"

#define PLAIN_PERCENT 10                  /* without a terminal a line is due every so many percent … */
#define PLAIN_USEC (30 * USEC_PER_SEC)    /* … or after so long, … */
#define PLAIN_MINIMUM_USEC USEC_PER_SEC   /* … but not sooner than this after the last */
#define RATE_WINDOW_SECONDS 5.0           /* over which the speed is averaged */
#define STALL_USEC (10 * USEC_PER_SEC)    /* without a new block: the speed means nothing any more, … */
#define STALL_BLOCKS 4                    /* … if that is so many times what a block took until now */
#define BAR_MAX 24

void progress_init(Progress *progress, FILE *stream, bool terminal, usec_t now) {
        *progress = (Progress) {
                .stream = stream,
                .terminal = terminal,
                .next_percent = PLAIN_PERCENT,
                .next_usec = now + PLAIN_USEC,
        };
}

static double progress_fraction(const Report *report) {
        return report->numbers_total > 0 ? report->numbers_done / report->numbers_total : 0;
}

void progress_text(const Report *report, double rate, usec_t stalled_usec, char *buffer, size_t size) {
        char numbers[TEXT_SIZE], speed[TEXT_SIZE], left[TEXT_SIZE], primes[TEXT_SIZE];
        usec_t span = USEC_INFINITY;

        /* An open job has neither a share nor an end. */
        if (report->to[0] == '\0') {
                (void) snprintf(buffer, size, "%s numbers  %s/s  %s primes", text_metric(report->numbers_done, numbers),
                                rate > 0 ? text_metric(rate, speed) : "-", text_grouped(report->primes, primes));
                return;
        }
        if (stalled_usec > 0) {
                (void) snprintf(buffer, size, "%5.1f%%  %s numbers  %s primes  no new block for %s",
                                100 * progress_fraction(report), text_metric(report->numbers_done, numbers),
                                text_grouped(report->primes, primes), text_duration(stalled_usec, left));
                return;
        }
        if (rate > 0) {
                double seconds = (report->numbers_total - report->numbers_done) / rate;

                if (seconds < 1e12)
                        span = (usec_t) (seconds * 1e6);
        }
        (void) snprintf(buffer, size, "%5.1f%%  %s numbers  %s/s  %s primes  %s left", 100 * progress_fraction(report),
                        text_metric(report->numbers_done, numbers), rate > 0 ? text_metric(rate, speed) : "-",
                        text_grouped(report->primes, primes), text_duration(span, left));
}

/*
 * The mean since the start, as long as that is less than RATE_WINDOW_SECONDS ago; then an exponential average with
 * that memory.
 */
static void progress_measure(Progress *progress, const Report *report, usec_t now) {
        double seconds, rate, weight;

        if (progress->last_usec == 0) {
                progress->last_numbers = report->numbers_at_start;
                progress->last_usec = now > report->elapsed_usec ? now - report->elapsed_usec : now;
                progress->first_usec = progress->last_usec;
        }
        seconds = (double) (now - progress->last_usec) / 1e6;
        if (seconds < 0.05 || report->numbers_done <= progress->last_numbers)
                return;
        rate = (report->numbers_done - progress->last_numbers) / seconds;
        weight = seconds / MIN((double) (now - progress->first_usec) / 1e6, RATE_WINDOW_SECONDS);
        progress->rate += MIN(weight, 1.0) * (rate - progress->rate);
        progress->last_numbers = report->numbers_done;
        progress->last_usec = now;
}

/* For how long nothing new has come; 0 as long as that is no wonder. */
static usec_t progress_stall(const Progress *progress, const Report *report, usec_t now) {
        double n_blocks = report->block_length > 0
                                  ? (report->numbers_done - report->numbers_at_start) / (double) report->block_length
                                  : 0;
        usec_t silence = now - progress->last_usec, until_now = progress->last_usec - progress->first_usec;

        if (silence < STALL_USEC || (n_blocks > 0 && (double) silence < STALL_BLOCKS * (double) until_now / n_blocks))
                return 0;
        return silence;
}

static void progress_show_line(Progress *progress, const char *text, double fraction) {
        struct winsize window = {};
        char bar[BAR_MAX + 1];
        int columns = 80, length = (int) strlen(text), room;

        if (ioctl(fileno(progress->stream), TIOCGWINSZ, &window) >= 0 && window.ws_col > 0)
                columns = window.ws_col;
        room = CLAMP(columns - length - 4, 0, BAR_MAX);
        for (int i = 0; i < room; i++)
                bar[i] = i < (int) (fraction * room) ? '#' : '.';
        bar[room] = '\0';
        if (room >= 8)
                fprintf(progress->stream, "\r\033[K[%s] %s", bar, text);
        else
                fprintf(progress->stream, "\r\033[K%.*s", MAX(columns - 1, 1), text);
        fflush(progress->stream);
        progress->line_open = true;
}

void progress_show(Progress *progress, const Report *report, usec_t now) {
        double fraction = progress_fraction(report);
        unsigned percent = (unsigned) (100 * fraction);
        char text[160];

        progress_measure(progress, report, now);
        progress_text(report, progress->rate, progress_stall(progress, report, now), text, sizeof text);

        if (progress->terminal) {
                progress_show_line(progress, text, fraction);
                return;
        }
        if ((percent < progress->next_percent && now < progress->next_usec) ||
            now + PLAIN_USEC < progress->next_usec + PLAIN_MINIMUM_USEC)
                return;
        fprintf(progress->stream, "%s\n", text);
        fflush(progress->stream);
        progress->next_percent = percent - percent % PLAIN_PERCENT + PLAIN_PERCENT;
        progress->next_usec = now + PLAIN_USEC;
}

void progress_clear(Progress *progress) {
        if (!progress->line_open)
                return;
        fputs("\r\033[K", progress->stream);
        fflush(progress->stream);
        progress->line_open = false;
}
