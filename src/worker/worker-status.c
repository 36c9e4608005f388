/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sentences for people, by what is true of the whole worker. */

#include "worker/worker-status.h"

#include <stdio.h>

#include "base/macro.h"
#include "base/text.h"

void worker_status_add(WorkerStatus *status, const HandoverReport *report) {
        if (status->n_masters < WORKER_STATUS_NAMES_MAX)
                (void) snprintf(status->names[status->n_masters], sizeof status->names[0], "%s", report->master_name);
        if (status->n_masters == 0 || report->threads_applied > status->threads) {
                status->threads = report->threads_applied;
                (void) snprintf(status->note, sizeof status->note, "%s", report->note);
        }
        status->n_masters++;
}

/* "'host1'", "'host1' and 'host2'", "5 masters". */
static void name_masters(const WorkerStatus *status, char *ret, size_t size) {
        const char *const separators[] = { "", " and ", ", " };
        size_t used = 0;

        if (status->n_masters > WORKER_STATUS_NAMES_MAX) {
                (void) snprintf(ret, size, "%u masters", status->n_masters);
                return;
        }
        ret[0] = '\0';
        for (unsigned i = 0; i < status->n_masters && used < size; i++) {
                unsigned separator = i == 0 ? 0 : i + 1 == status->n_masters ? 1 : 2;

                used += (size_t) snprintf(ret + used, size - used, "%s'%s'", separators[separator], status->names[i]);
        }
}

void worker_status_text(const WorkerStatus *status, char *ret, size_t size) {
        char masters[WORKER_STATUS_NAMES_MAX * (WIRE_NAME_MAX + 8)];

        name_masters(status, masters, sizeof masters);
        if (status->stopping)
                (void) snprintf(ret, size, "Stopping: unfinished work is handed back");
        else if (status->n_masters > 0 && status->allowance->threads_now == 0)
                (void) snprintf(ret, size, "Paused: %s", status->allowance->note);
        else if (status->n_masters > 0)
                (void) snprintf(ret, size, "Computing for %s with %u of %u thread%s%s%s%s", masters, status->threads,
                                status->n_threads, text_plural(status->n_threads), status->note[0] ? " (" : "",
                                status->note, status->note[0] ? ")" : "");
        else if (status->n_channels > 0)
                (void) snprintf(ret, size, "Joining a master");
        else if (status->n_orphans > 0)
                (void) snprintf(ret, size, "Without a master; %zu finished block%s wait%s for theirs",
                                status->n_orphans, text_plural(status->n_orphans),
                                status->n_orphans == 1 ? "s" : "");
        else
                (void) snprintf(ret, size, "Without a master; ends in a moment");
}
