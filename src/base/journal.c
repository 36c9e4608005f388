/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events through the native protocol of the journal; lines where there is none. */

#include "base/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "base/log.h"

#define FIELD_SIZE_MAX 1024
#define OWN_FIELDS 4 /* MESSAGE, MESSAGE_ID, PRIORITY, SYSLOG_IDENTIFIER */

void journal_event(int priority, const char *message_id, const JournalField *fields, size_t n_fields,
                   const char *format, ...) {
        char texts[OWN_FIELDS + JOURNAL_FIELDS_MAX][FIELD_SIZE_MAX];
        struct iovec vectors[OWN_FIELDS + JOURNAL_FIELDS_MAX];
        char message[FIELD_SIZE_MAX - sizeof "MESSAGE="];
        va_list arguments;
        size_t n = 0;

        if (!log_shows(priority))
                return;
        va_start(arguments, format);
        (void) vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        if (!getenv("JOURNAL_STREAM")) {
                log_full(priority, "%s", message);
                return;
        }

        (void) snprintf(texts[n++], FIELD_SIZE_MAX, "MESSAGE=%s", message);
        (void) snprintf(texts[n++], FIELD_SIZE_MAX, "MESSAGE_ID=%s", message_id);
        (void) snprintf(texts[n++], FIELD_SIZE_MAX, "PRIORITY=%d", priority);
        (void) snprintf(texts[n++], FIELD_SIZE_MAX, "SYSLOG_IDENTIFIER=%s", log_program_name());
        for (size_t i = 0; i < n_fields && i < JOURNAL_FIELDS_MAX; i++)
                if (fields[i].value)
                        (void) snprintf(texts[n++], FIELD_SIZE_MAX, "%s=%s", fields[i].name, fields[i].value);
        for (size_t i = 0; i < n; i++)
                vectors[i] = (struct iovec) { texts[i], strlen(texts[i]) };
        if (sd_journal_sendv(vectors, (int) n) < 0)
                log_full(priority, "%s", message);
}
