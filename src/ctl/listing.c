/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Columns and cells. */

#include "ctl/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/text.h"
#include "ctl/answer.h"
#include "prime/number.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Table *, table_free);

TerminalColor listing_state_color(const char *state) {
        static const struct {
                const char *state;
                TerminalColor color;
        } colors[] = {
                { "running", COLOR_GREEN },      { "working", COLOR_GREEN },      { "connected", COLOR_GREEN },
                { "failed", COLOR_RED },         { "refused", COLOR_RED },        { "stuck", COLOR_RED },
                { "paused", COLOR_YELLOW },      { "backing off", COLOR_YELLOW }, { "finished", COLOR_DIM },
                { "gone", COLOR_DIM },
        };

        for (size_t i = 0; i < ELEMENTSOF(colors); i++)
                if (strcmp(colors[i].state, state) == 0)
                        return colors[i].color;
        return COLOR_NONE;
}

char *listing_number(const char *digits) {
        mpz_t number;
        char *text;

        mpz_init(number);
        text = number_parse(number, digits, NULL) < 0 ? strdup(digits) : number_format_short(number);
        mpz_clear(number);
        return text;
}

const char *listing_since(usec_t since_usec, usec_t realtime_usec, char *buffer, size_t size) {
        time_t seconds = (time_t) (since_usec / USEC_PER_SEC);
        usec_t span = realtime_usec > since_usec ? realtime_usec - since_usec : 0;
        char day[64], ago[TEXT_SIZE];
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(day, sizeof day, "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                return "?";
        (void) snprintf(buffer, size, "%s; %s ago", day, text_duration(span, ago));
        return buffer;
}

const char *listing_percent(const json_t *job, char *buffer, size_t size) {
        double total = answer_double(job, "numbers_total"), percent;

        if (answer_is(job, "to", "") || total <= 0)
                return "-";
        percent = 100 * answer_double(job, "numbers_done") / total;
        if (percent >= 100 && !answer_is(job, "state", "finished"))
                percent = 99.99; /* 100 is said only when it is all */
        else
                percent = MIN(percent, 99.99 + (answer_is(job, "state", "finished") ? 0.01 : 0));
        (void) snprintf(buffer, size, "%.2f%%", percent);
        return buffer;
}

/* "3.11 G/s" */
static const char *format_rate(const json_t *record, char *buffer, size_t size) {
        double rate = answer_double(record, "rate");
        char text[TEXT_SIZE];

        if (rate <= 0)
                return "-";
        (void) snprintf(buffer, size, "%s/s", text_metric(rate, text));
        return buffer;
}

/* Bytes of terminal cells are freed with the buffers; the table copies them. */
static int add_number(Table *table, const char *digits) {
        _cleanup_free_ char *text = listing_number(digits);

        return text ? table_add_cell(table, text) : -ENOMEM;
}

static int add_job(Table *table, const json_t *job) {
        usec_t left = answer_usec(job, "remaining_usec");
        const char *state = answer_string(job, "state");
        char priority[16], percent[16], rate[TEXT_SIZE + 4], span[TEXT_SIZE], primes[TEXT_SIZE], bytes[TEXT_SIZE];
        bool timed = left != USEC_INFINITY && strcmp(state, "running") == 0;

        (void) snprintf(priority, sizeof priority, "%u", (unsigned) answer_u64(job, "priority"));
        if (table_add_row(table) < 0 || table_add_cell(table, answer_string(job, "name")) < 0 ||
            table_add_cell_colored(table, state, listing_state_color(state)) < 0 ||
            table_add_cell(table, priority) < 0 ||
            table_add_cell(table, listing_percent(job, percent, sizeof percent)) < 0 ||
            table_add_cell(table, timed ? text_duration(left, span) : "-") < 0 ||
            table_add_cell(table, format_rate(job, rate, sizeof rate)) < 0 ||
            table_add_cell(table, text_grouped(answer_u64(job, "primes"), primes)) < 0 ||
            table_add_cell(table, text_bytes(answer_u64(job, "bytes"), bytes)) < 0)
                return -ENOMEM;
        return add_number(table, answer_string(job, "frontier"));
}

int listing_jobs(const json_t *jobs, const TableStyle *style) {
        static const TableColumn columns[] = {
                { "JOB", .cut = false },      { "STATE", .cut = false },   { "PRIORITY", .right = true },
                { "DONE", .right = true },    { "LEFT", .right = true },   { "RATE", .right = true },
                { "PRIMES", .right = true },  { "SIZE", .right = true },
                { "COMPLETE TO", .right = true, .cut = true },
        };
        _cleanup_(table_freep) Table *table = table_new(columns, ELEMENTSOF(columns), style);
        const json_t *job;
        size_t i;

        if (!table)
                return -ENOMEM;
        json_array_foreach(jobs, i, job)
                if (add_job(table, job) < 0)
                        return -ENOMEM;
        return table_print(table);
}

/* "2/4": in use, and how many there could be; what holds the rest back stands in the note. */
static const char *format_threads(const json_t *record, char *buffer, size_t size) {
        (void) snprintf(buffer, size, "%u/%u", (unsigned) answer_u64(record, "threads_applied"),
                        (unsigned) answer_u64(record, "threads_allowed"));
        return buffer;
}

/* "4, 150%" */
static const char *format_cap(const json_t *record, char *buffer, size_t size) {
        unsigned threads = (unsigned) answer_u64(record, "threads_asked");
        unsigned quota = (unsigned) answer_u64(record, "cpu_quota_asked");

        if (threads > 0 && quota > 0)
                (void) snprintf(buffer, size, "%u, %u%%", threads, quota);
        else if (threads > 0)
                (void) snprintf(buffer, size, "%u", threads);
        else if (quota > 0)
                (void) snprintf(buffer, size, "%u%%", quota);
        else
                return "-";
        return buffer;
}

static int add_worker(Table *table, const json_t *worker) {
        char threads[32], cap[32], rate[TEXT_SIZE + 4], blocks[TEXT_SIZE], leased[TEXT_SIZE];

        if (table_add_row(table) < 0 || table_add_cell(table, answer_string(worker, "name")) < 0 ||
            table_add_cell(table, answer_is(worker, "address", "") ? "local" : answer_string(worker, "address")) < 0 ||
            table_add_cell(table, format_threads(worker, threads, sizeof threads)) < 0 ||
            table_add_cell(table, format_cap(worker, cap, sizeof cap)) < 0 ||
            table_add_cell(table, format_rate(worker, rate, sizeof rate)) < 0 ||
            table_add_cell(table, text_grouped(answer_u64(worker, "blocks"), blocks)) < 0 ||
            table_add_cell(table, text_grouped(answer_u64(worker, "leased"), leased)) < 0)
                return -ENOMEM;
        return table_add_cell(table, answer_string(worker, "note"));
}

int listing_workers(const json_t *workers, const TableStyle *style) {
        static const TableColumn columns[] = {
                { "WORKER", .cut = true },  { "ADDRESS", .cut = true },  { "THREADS", .right = true },
                { "CAP", .right = true },   { "RATE", .right = true },   { "BLOCKS", .right = true },
                { "LEASED", .right = true }, { "NOTE", .cut = true },
        };
        _cleanup_(table_freep) Table *table = table_new(columns, ELEMENTSOF(columns), style);
        const json_t *worker;
        size_t i;

        if (!table)
                return -ENOMEM;
        json_array_foreach(workers, i, worker)
                if (add_worker(table, worker) < 0)
                        return -ENOMEM;
        return table_print(table);
}

/* Why it is in that state, and when it is tried again. */
static const char *format_reason(const json_t *master, usec_t now_usec, char *buffer, size_t size) {
        usec_t next = answer_usec(master, "next_try_usec");
        const char *reason = answer_string(master, "reason");
        char span[TEXT_SIZE];

        if (next == 0 || next == USEC_INFINITY || next <= now_usec)
                return reason;
        (void) snprintf(buffer, size, "%s%snext try in %s", reason, reason[0] ? "; " : "",
                        text_duration(next - now_usec, span));
        return buffer;
}

static int add_master(Table *table, const json_t *master, usec_t now_usec) {
        const char *state = answer_string(master, "state");
        usec_t since = answer_usec(master, "since_usec");
        char threads[32], span[TEXT_SIZE], reason[1024];
        bool connected = strcmp(state, "connected") == 0, dated = since != 0 && since < now_usec;

        if (table_add_row(table) < 0 || table_add_cell(table, answer_string(master, "name")) < 0 ||
            table_add_cell(table, answer_string(master, "address")) < 0 ||
            table_add_cell(table, answer_string(master, "source")) < 0 ||
            table_add_cell(table, answer_bool(master, "work") ? "yes" : "no") < 0 ||
            table_add_cell_colored(table, state, listing_state_color(state)) < 0 ||
            table_add_cell(table, dated ? text_duration(now_usec - since, span) : "-") < 0 ||
            table_add_cell(table, connected ? format_threads(master, threads, sizeof threads) : "-") < 0)
                return -ENOMEM;
        return table_add_cell(table, format_reason(master, now_usec, reason, sizeof reason));
}

int listing_masters(const json_t *masters, const TableStyle *style, usec_t realtime_usec) {
        static const TableColumn columns[] = {
                { "MASTER", .cut = true },   { "ADDRESS", .cut = true },  { "SOURCE", .cut = false },
                { "WORK", .cut = false },    { "STATE", .cut = false },   { "FOR", .right = true },
                { "THREADS", .right = true }, { "REASON", .cut = true },
        };
        _cleanup_(table_freep) Table *table = table_new(columns, ELEMENTSOF(columns), style);
        const json_t *master;
        size_t i;

        if (!table)
                return -ENOMEM;
        json_array_foreach(masters, i, master)
                if (add_master(table, master, realtime_usec) < 0)
                        return -ENOMEM;
        return table_print(table);
}
