/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One run of primed-limits. */

#include "limits/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/macro.h"
#include "bus/bus.h"
#include "limits/limit.h"
#include "limits/limits-state.h"
#include "limits/slice.h"
#include "settings/settings.h"

#define SUMMARY_SIZE (LIMIT_KINDS * (LIMIT_TEXT_MAX + 32))

/* `systemctl status primed-worker` shows the event, whoever started this run. */
static void tell(int priority, const char *message_id, const ApplySettings *settings, const char *text) {
        const JournalField fields[] = {
                { "PRIMED_CONFIG", settings->config_path },
                { "PRIMED_LIMITS", text },
                { "OBJECT_SYSTEMD_UNIT", "primed-worker.service" },
        };

        journal_event(priority, message_id, fields, ELEMENTSOF(fields), "%s", text);
}

/* Runs of the path unit, of a start and of a reload may meet. */
static int lock_state(const char *path, Problem *problem) {
        _cleanup_free_ char *folder = file_parent(path), *lock = NULL;
        _cleanup_close_ int fd = -1;

        if (!folder || asprintf(&lock, "%s.lock", path) < 0)
                return problem_set(problem, ENOMEM, "Out of memory");
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                return problem_set(problem, errno, "Cannot make %s: %m", folder);
        fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return problem_set(problem, errno, "Cannot open %s: %m", lock);
        while (flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return problem_set(problem, errno, "Cannot lock %s: %m", lock);
        return TAKE_FD(fd);
}

static size_t append(char *text, size_t size, size_t n, const char *separator, const char *a, const char *b) {
        int m = n < size ? snprintf(text + n, size - n, "%s%s%s", separator, a, b) : 0;

        return n + (size_t) MAX(m, 0);
}

/* "CPUQuota=150%, MemoryHigh=1G; no longer set: CPUWeight" */
static void summarize(const LimitsState *before, const LimitsState *state, char *ret, size_t size) {
        char pair[LIMIT_TEXT_MAX + 32];
        size_t n = 0;
        bool any = false;

        n = append(ret, size, n, "Limits of the worker: ", "", "");
        for (int kind = 0; kind < LIMIT_KINDS; kind++) {
                if (!state->set[kind])
                        continue;
                (void) snprintf(pair, sizeof pair, "%s=%s", limit_kind_name(kind), state->text[kind]);
                n = append(ret, size, n, any ? ", " : "", pair, "");
                any = true;
        }
        if (!any)
                n = append(ret, size, n, "", "none", "");
        any = false;
        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                if (before->set[kind] && !state->set[kind]) {
                        n = append(ret, size, n, any ? ", " : "; no longer set: ", limit_kind_name(kind), "");
                        any = true;
                }
        if (state->note[0] != '\0')
                (void) append(ret, size, n, "; ", state->note, "");
}

static void note_without_effect(const ApplySettings *settings, const Limit limits[static LIMIT_KINDS],
                                LimitsState *state) {
        size_t n = 0;

        state->note[0] = '\0';
        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                if (limits[kind].asked && !limit_has_effect(kind, settings->cgroup_folder))
                        n = append(state->note, sizeof state->note, n, n > 0 ? ", " : "", limit_kind_name(kind), "");
        if (n > 0)
                (void) append(state->note, sizeof state->note, n,
                              " without effect on this host: needs control groups of version 2", "", "");
}

/* Goes on after a failure: the first one is told. `state` follows what was really done. */
static int set_limits(const ApplySettings *settings, const Limit limits[static LIMIT_KINDS], LimitsState *state,
                      Problem *problem) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        bool wanted = false, forgotten[LIMIT_KINDS] = {}, reload = false;
        int result = 0, r;

        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                wanted = wanted || limits[kind].asked || state->set[kind];
        if (!wanted)
                return 0;
        r = bus_open_system(NULL, &bus, problem);
        if (r < 0)
                return r;

        for (int kind = 0; kind < LIMIT_KINDS; kind++) {
                if (limits[kind].asked) {
                        r = slice_set(bus, kind, &limits[kind], settings->control_folder, problem);
                        if (r >= 0) {
                                state->set[kind] = true;
                                (void) snprintf(state->text[kind], sizeof state->text[kind], "%s", limits[kind].text);
                        }
                } else if (state->set[kind]) {
                        r = slice_forget(kind, settings->control_folder, problem);
                        forgotten[kind] = r >= 0;
                        reload = reload || r >= 0;
                } else
                        r = 0;
                result = result < 0 ? result : r;
        }
        if (!reload)
                return result;
        r = slice_reload(bus, problem);
        for (int kind = 0; kind < LIMIT_KINDS && r >= 0; kind++)
                if (forgotten[kind])
                        state->set[kind] = false;
        return result < 0 ? result : r;
}

static int save_state(const ApplySettings *settings, LimitsState *state, const char *error) {
        Problem problem = PROBLEM_NONE;
        int r;

        (void) snprintf(state->error, sizeof state->error, "%s", error);
        r = limits_state_save(settings->state_path, state, &problem);
        if (r < 0)
                log_error("%s", problem.text);
        return r;
}

static int refuse_config(const ApplySettings *settings, LimitsState *state, bool starting, const char *error) {
        char text[sizeof((Problem *) NULL)->text + 128];

        (void) snprintf(text, sizeof text, "%s %s", error,
                        state->loaded ? "(the limits in force stay)"
                                      : "(the worker does not start before it is mended)");
        tell(LOG_ERR, MESSAGE_ID_LIMITS_BROKEN, settings, text);
        (void) save_state(settings, state, error);
        return starting && state->loaded ? 0 : -EBADMSG;
}

/* The config is good. */
static int apply_config(const ApplySettings *settings, const WorkerConfig *config, LimitsState *state) {
        Limit limits[LIMIT_KINDS];
        LimitsState before = *state;
        Problem problem = PROBLEM_NONE;
        char text[SUMMARY_SIZE];
        int r, q;

        limits_from_config(config, limits);
        note_without_effect(settings, limits, state);
        r = set_limits(settings, limits, state, &problem);
        state->loaded = state->loaded || r >= 0;
        q = save_state(settings, state, problem.text);
        if (r < 0) {
                tell(LOG_ERR, MESSAGE_ID_LIMITS_BROKEN, settings, problem.text);
                return r;
        }
        state->error[0] = '\0';
        if (!before.loaded || memcmp(before.set, state->set, sizeof before.set) != 0 ||
            memcmp(before.text, state->text, sizeof before.text) != 0 || before.error[0] != '\0') {
                summarize(&before, state, text, sizeof text);
                tell(state->note[0] != '\0' ? LOG_WARNING : LOG_INFO, MESSAGE_ID_LIMITS_APPLIED, settings, text);
        }
        return q;
}

int limits_apply(const ApplySettings *settings, bool starting) {
        _cleanup_(worker_config_freep) WorkerConfig *config = NULL;
        _cleanup_close_ int lock = -1;
        Problem problem = PROBLEM_NONE;
        LimitsState state;
        int r;

        lock = lock_state(settings->state_path, &problem);
        r = lock < 0 ? lock : limits_state_load(settings->state_path, &state, &problem);
        if (r < 0) {
                log_error("%s", problem.text);
                return r;
        }
        if (worker_config_load(settings->config_path, &config, &problem) < 0)
                return refuse_config(settings, &state, starting, problem.text);
        return apply_config(settings, config, &state);
}
