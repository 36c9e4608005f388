/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Events for the system's journal: a log line with a message id and fields of its own, explained by the catalog
 * (conf/primed.catalog). For programs only; one event per range, worker or job, never one per prime. Where standard
 * error does not lead to the journal, an event is an ordinary log line.
 */

#include <stddef.h>

#include "base/macro.h"

/* From `systemd-id128 new`. Each has an entry in the catalog, which tests/lint checks. */
#define MESSAGE_ID_WORKER_JOINED "3917838604cb4d8897cb4b69084140a3"
#define MESSAGE_ID_WORKER_LEFT "fe09ddd43b0d425cac5c7b6d5c657b80"
#define MESSAGE_ID_WORKER_REFUSED "7678733a77854105a54f4c93a86f5251"
#define MESSAGE_ID_RANGE_DONE "1703d40eeb2e4ef9b7dba94b64c50e27"
#define MESSAGE_ID_JOB_ADDED "df21899476904a4995d2ff89cad8cf56"
#define MESSAGE_ID_JOB_PAUSED "d4daf448cfa0451ab7234c680c220451"
#define MESSAGE_ID_JOB_RESUMED "ed761da09b054838999bda4f5e63382d"
#define MESSAGE_ID_JOB_CANCELLED "3636a9686c7d4f64b4761c54399d7b5b"
#define MESSAGE_ID_JOB_FINISHED "7d4b4e768a01496c8d4212e97a5beef7"
#define MESSAGE_ID_JOB_FAILED "fbd8e8c7cd4d4c1d9946dd86a5b942d6"
#define MESSAGE_ID_RESULT_DIFFERS "e7c8a2eed1334883b43e2bdb1ae06d28"
#define MESSAGE_ID_FIREWALL "39995126027749ce96fdabacbd012e70"
#define MESSAGE_ID_MASTER_JOINED "bcba782d83cd4f9981cb41351ad5d381"
#define MESSAGE_ID_MASTER_LEFT "829f533bfd3b4b929bd1928c33594059"
#define MESSAGE_ID_LIMITS_APPLIED "94eeb730494341d7a8143cbbce45ff56"
#define MESSAGE_ID_LIMITS_BROKEN "5db7563c910e4e1d9352a760cd0823d4"

typedef struct JournalField {
        const char *name;  /* "PRIMED_JOB" */
        const char *value; /* NULL: the field is left out */
} JournalField;

#define JOURNAL_FIELDS_MAX 12

/* `priority` as for log_full(), which also decides whether it is shown. */
void journal_event(int priority, const char *message_id, const JournalField *fields, size_t n_fields,
                   const char *format, ...) _printf_(5, 6);
