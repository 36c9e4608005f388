/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of worker.conf. */

#include <errno.h>
#include <string.h>

#include "settings/schema.h"
#include "settings/settings.h"
#include "settings/value.h"
#include "settings/week-window.h"

static int read_name(const char *word, void *object, Problem *problem) {
        return value_parse_name(word, &((WorkerConfig *) object)->name, problem);
}

static int read_cpu_quota(const char *word, void *object, Problem *problem) {
        return value_parse_percent(word, SETTINGS_CPU_QUOTA_MAX, &((WorkerConfig *) object)->cpu_quota, problem);
}

static int read_allowed_cpus(const char *word, void *object, Problem *problem) {
        WorkerConfig *config = object;
        int r;

        r = value_parse_cpu_list(word, &config->allowed_cpus, &config->allowed_cpus_size, problem);
        if (r < 0)
                return r;
        config->allowed_cpus_text = strdup(word);
        return config->allowed_cpus_text ? 0 : problem_set(problem, ENOMEM, "Out of memory.");
}

static int read_cpu_weight(const char *word, void *object, Problem *problem) {
        WorkerConfig *config = object;
        int r;

        r = value_parse_cpu_weight(word, &config->cpu_weight, problem);
        config->cpu_weight_set = r >= 0;
        return r;
}

static int read_memory(const char *word, void *object, Problem *problem) {
        WorkerConfig *config = object;

        if (strchr(word, '%'))
                return value_parse_percent(word, 100, &config->memory_percent, problem);
        return value_parse_size(word, WORKER_MEMORY_MIN, WORKER_MEMORY_MAX, &config->memory_bytes, problem);
}

static int read_master(const char *word, void *object, Problem *problem) {
        WorkerConfig *config = object;
        SettingsAddress *larger, address;
        int r;

        r = value_parse_address(word, &address, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->n_masters; i++)
                if (strcasecmp(config->masters[i].host, address.host) == 0 && config->masters[i].port == address.port) {
                        free(address.host);
                        return problem_set(problem, EEXIST, "'%s' is there twice. Remove one.", word);
                }
        larger = reallocarray(config->masters, config->n_masters + 1, sizeof *larger);
        if (!larger) {
                free(address.host);
                return problem_set(problem, ENOMEM, "Out of memory.");
        }
        config->masters = larger;
        config->masters[config->n_masters++] = address;
        return 0;
}

static int read_cpu_pressure(const char *word, void *object, Problem *problem) {
        return value_parse_percent(word, 100, &((WorkerConfig *) object)->pause_cpu_pressure, problem);
}

static int read_window(const char *text, void *object, Problem *problem) {
        WorkerConfig *config = object;
        SettingsWindow *larger, window;
        int r;

        r = week_window_parse(text, &window, problem);
        if (r < 0)
                return r;
        larger = reallocarray(config->pause_windows, config->n_pause_windows + 1, sizeof *larger);
        if (!larger)
                return problem_set(problem, ENOMEM, "Out of memory.");
        config->pause_windows = larger;
        config->pause_windows[config->n_pause_windows++] = window;
        return 0;
}

static const SchemaKey pause_keys[] = {
        { .name = "on_battery", .kind = SCHEMA_BOOLEAN, .offset = offsetof(WorkerConfig, pause_on_battery),
          .default_text = "false", .example = "true", .unit = "",
          .reason = "Pause while the machine runs on its battery." },
        { .name = "cpu_pressure", .kind = SCHEMA_STRING, .read = read_cpu_pressure, .example = "\"20%\"",
          .unit = "per cent of the time, over the last 10 s",
          .reason = "Pause while other work has to wait for a processor for longer than this." },
        { .name = "during", .kind = SCHEMA_STRINGS, .high = SETTINGS_WINDOWS_MAX, .read = read_window,
          .example = "( \"Mon-Fri 08:00-18:00\" )", .unit = "days and hours in local time",
          .reason = "Pause in these stretches of the week; one that ends before it starts goes past midnight." },
};

static const SchemaKey worker_keys[] = {
        { .name = "name", .kind = SCHEMA_STRING, .read = read_name, .example = "\"attic\"",
          .unit = "text of at most 63 bytes",
          .reason = "What people see in lists instead of the host name." },
        { .name = "cores", .kind = SCHEMA_NUMBER, .low = 1, .high = SETTINGS_CORES_MAX,
          .offset = offsetof(WorkerConfig, cores), .example = "2", .unit = "threads",
          .reason = "How many processors may work at a time; without it all do." },
        { .name = "cpu_quota", .kind = SCHEMA_STRING, .read = read_cpu_quota, .example = "\"150%\"",
          .unit = "per cent of one processor",
          .reason = "How much processor time at most: the kernel holds the worker to it, whatever it does." },
        { .name = "allowed_cpus", .kind = SCHEMA_STRING, .takes_number = true, .read = read_allowed_cpus,
          .example = "\"0-3,6\"", .unit = "numbers of processors, from 0",
          .reason = "Leave the other processors alone (needs cgroup v2)." },
        { .name = "cpu_weight", .kind = SCHEMA_STRING, .takes_number = true, .read = read_cpu_weight,
          .example = "20", .unit = "1 to 10000, where other services have 100, or \"idle\"",
          .reason = "The share when others want the processors too; without it that of primed-worker.slice, idle." },
        { .name = "memory", .kind = SCHEMA_STRING, .read = read_memory, .example = "\"512M\"",
          .unit = "bytes, with K, M, G or T, at least 64M; or per cent of the machine's",
          .reason = "The sieve keeps to five eighths of it; above it the worker is slowed down (needs cgroup v2)." },
        { .name = "discover", .kind = SCHEMA_BOOLEAN, .offset = offsetof(WorkerConfig, discover),
          .default_text = "true", .example = "false", .unit = "",
          .reason = "Look for masters on the LAN (by mDNS); without it only those of `masters` are served." },
        { .name = "masters", .kind = SCHEMA_STRINGS, .high = SETTINGS_MASTERS_MAX, .read = read_master,
          .default_text = "( )", .example = "( \"pi.local\", \"10.0.0.1:7919\", \"[fe80::1%eth0]:7919\" )",
          .unit = "HOST or HOST:PORT, port 7919 if none is given",
          .reason = "Masters that cannot be discovered: in other networks, or where there is no Avahi." },
        { .name = "pause", .kind = SCHEMA_GROUP, .children = pause_keys, .n_children = ELEMENTSOF(pause_keys),
          .example = "{ on_battery = true; cpu_pressure = \"20%\"; during = ( \"Mon-Fri 08:00-18:00\" ); }", .unit = "",
          .reason = "When to stand back: unfinished work is handed back, and the worker stays joined." },
};

static void *object_new(void) {
        return calloc(1, sizeof(WorkerConfig));
}

static void *object_free(void *object) {
        return worker_config_free(object);
}

const Schema worker_schema = {
        .file = "worker.conf",
        .keys = worker_keys,
        .n_keys = ELEMENTSOF(worker_keys),
        .other = &master_schema,
        .object_new = object_new,
        .object_free = object_free,
};

WorkerConfig *worker_config_free(WorkerConfig *config) {
        if (!config)
                return NULL;
        for (size_t i = 0; i < config->n_masters; i++)
                free(config->masters[i].host);
        free(config->masters);
        free(config->pause_windows);
        free(config->allowed_cpus);
        free(config->allowed_cpus_text);
        free(config->name);
        free(config);
        return NULL;
}

int worker_config_load(const char *path, WorkerConfig **ret, Problem *problem) {
        void *object;
        int r;

        r = schema_load(&worker_schema, path, &object, problem);
        if (r < 0)
                return r;
        *ret = object;
        return 0;
}
