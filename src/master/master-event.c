/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the journal is told.
 *
 * Ranges: a lease lasts some seconds, and a busy cluster has thousands of lanes. So what a lane does without a gap is
 * one range, told when it ends or after some minutes. A program in the foreground ("once") has a person before it who
 * sees the progress anyway: there all but warnings is for debugging.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/text.h"
#include "master/master-state.h"
#include "prime/number.h"

#define RANGE_USEC (5 * USEC_PER_MINUTE)
#define NUMBER_DIGITS_MAX 900 /* of a field; longer numbers are written shorter */
#define MESSAGE_SIZE 1024

static int event_priority(const Master *master, int priority) {
        return master->once && priority > LOG_WARNING ? LOG_DEBUG : priority;
}

void master_job_event(const Master *master, int priority, const char *message_id, const MasterJob *job,
                      const char *format, ...) {
        const JournalField fields[] = {
                { "PRIMED_JOB", job->name },
                { "PRIMED_STORE", job->store_path },
        };
        char message[MESSAGE_SIZE];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        journal_event(event_priority(master, priority), message_id, fields, ELEMENTSOF(fields), "%s", message);
}

void master_worker_event(const Master *master, int priority, const char *message_id, const MasterWorker *worker,
                         const MasterJob *job, const char *format, ...) {
        char id[2 * SHA256_SIZE + 1];
        const JournalField fields[] = {
                { "PRIMED_WORKER", master_session_name(worker->session) },
                { "PRIMED_WORKER_ID", master_worker_id(worker, id) },
                { "PRIMED_ADDRESS", worker->address },
                { "PRIMED_JOB", job ? job->name : NULL },
        };
        char message[MESSAGE_SIZE];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        journal_event(event_priority(master, priority), message_id, fields, ELEMENTSOF(fields), "%s", message);
}

/* The caller frees. NULL when out of memory. */
static char *number_field(const mpz_t number) {
        return mpz_sizeinbase(number, 10) <= NUMBER_DIGITS_MAX ? number_format(number) : number_format_short(number);
}

static void tell_range(const Master *master, const MasterWorker *worker, const DoneRange *range) {
        const MasterJob *job = master_job_by_id(master, range->job);
        _cleanup_free_ char *from = NULL, *to = NULL;
        char id[2 * SHA256_SIZE + 1], primes[TEXT_SIZE], grouped[TEXT_SIZE];
        _cleanup_mpz_ mpz_t start, end;
        GridBlock block;

        mpz_inits(start, end, NULL);
        if (!job || !log_shows(event_priority(master, LOG_INFO)))
                return;
        grid_block(&job->grid, range->end - 1, end, &block);
        number_add_u64(end, end, block.high);
        grid_block(&job->grid, range->first, start, &block);
        number_add_u64(start, start, block.low);
        from = number_field(start);
        to = number_field(end);
        (void) snprintf(primes, sizeof primes, "%" PRIu64, range->n_primes);

        const JournalField fields[] = {
                { "PRIMED_JOB", job->name },
                { "PRIMED_RANGE_FROM", from },
                { "PRIMED_RANGE_TO", to },
                { "PRIMED_WORKER", master_session_name(worker->session) },
                { "PRIMED_WORKER_ID", master_worker_id(worker, id) },
                { "PRIMED_PRIMES", primes },
        };
        journal_event(event_priority(master, LOG_INFO), MESSAGE_ID_RANGE_DONE, fields, ELEMENTSOF(fields),
                      "Worker '%s' did %s to %s of job '%s': %s primes", master_session_name(worker->session),
                      from ?: "?", to ?: "?", job->name, text_grouped(range->n_primes, grouped));
}

void master_note_block(const Master *master, MasterWorker *worker, const MasterJob *job, uint64_t sequence,
                       uint64_t n_primes) {
        usec_t now = clock_now_usec();
        DoneRange range;

        if (range_log_add(&worker->ranges, job->id, sequence, n_primes, now, &range))
                tell_range(master, worker, &range);
        if (now > RANGE_USEC)
                master_flush_ranges(master, worker, NULL, now - RANGE_USEC);
}

void master_flush_ranges(const Master *master, MasterWorker *worker, const MasterJob *job, usec_t begin_usec) {
        DoneRange range;

        while (range_log_pop(&worker->ranges, job ? &job->id : NULL, begin_usec, &range))
                tell_range(master, worker, &range);
}
