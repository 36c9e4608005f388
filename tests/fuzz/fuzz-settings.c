/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Any text is a config file, or is refused with one sentence that names a line of it. libconfig is behind it, with all
 * that the scan lets through.
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "settings/schema.h"
#include "settings/settings.h"

#define REQUIRE(condition)                                                                                   \
        do {                                                                                                 \
                if (!(condition))                                                                            \
                        abort();                                                                             \
        } while (0)

static void check_worker(const WorkerConfig *config) {
        REQUIRE(config->cores <= SETTINGS_CORES_MAX && config->cpu_quota <= SETTINGS_CPU_QUOTA_MAX);
        REQUIRE(!config->allowed_cpus == !config->allowed_cpus_text &&
                !config->allowed_cpus == !config->allowed_cpus_size);
        REQUIRE(config->cpu_weight <= 10000 && config->memory_percent <= 100 && config->pause_cpu_pressure <= 100);
        REQUIRE(config->n_masters <= SETTINGS_MASTERS_MAX && config->n_pause_windows <= SETTINGS_WINDOWS_MAX);
        for (size_t i = 0; i < config->n_masters; i++)
                REQUIRE(config->masters[i].host[0] != '\0' && config->masters[i].port > 0);
        for (size_t i = 0; i < config->n_pause_windows; i++) {
                const SettingsWindow *window = &config->pause_windows[i];

                REQUIRE(window->days > 0 && window->days < 128 && window->start_minute < 1440);
                REQUIRE(window->end_minute > 0 && window->end_minute <= 1440 &&
                        window->end_minute != window->start_minute);
        }
        (void) settings_in_windows(config->pause_windows, config->n_pause_windows, 0);
}

static void check_master(const MasterConfig *config) {
        REQUIRE(config->n_listen >= 1 && config->n_listen <= SETTINGS_LISTEN_MAX && config->store[0] == '/');
        REQUIRE(!config->has_job || (config->job_from && config->job_priority >= 1 && config->job_priority <= 1000));
        REQUIRE(config->n_hosts <= SETTINGS_HOSTS_MAX);
        for (size_t i = 0; i < config->n_hosts; i++) {
                const SettingsHost *host = &config->hosts[i];

                REQUIRE(host->cores > 0 || host->cpu_quota > 0);
                REQUIRE(host->cores <= SETTINGS_CORES_MAX && host->cpu_quota <= SETTINGS_CPU_QUOTA_MAX);
                REQUIRE(master_config_find_host(config, host->host, NULL) == host);
        }
        REQUIRE(config->workers_max >= 1 && config->workers_max <= SETTINGS_WORKERS_MAX && config->spool_max_bytes > 0);
        REQUIRE(config->segment_bytes > 0);
        REQUIRE(config->max_use.bytes == 0 || config->max_use.percent == 0);
        REQUIRE(config->keep_free.bytes == 0 || config->keep_free.percent == 0);
        REQUIRE(config->max_use.percent <= 100 && config->keep_free.percent < 100);
}

/* "FILE:LINE: …" with a line that the text has. */
static void check_sentence(const char *sentence, const char *text, size_t size) {
        unsigned long line, n_lines = 1;
        char *end;

        for (size_t i = 0; i < size; i++)
                n_lines += text[i] == '\n';
        REQUIRE(strncmp(sentence, "FILE:", 5) == 0);
        line = strtoul(sentence + 5, &end, 10);
        REQUIRE(line >= 1 && line <= n_lines);
        REQUIRE(strncmp(end, ": ", 2) == 0 && end[2] != '\0');
        REQUIRE(utf8_is_plain(sentence, strlen(sentence)));
}

static void read_as(const Schema *schema, const char *text, size_t size) {
        Problem problem = PROBLEM_NONE;
        void *object = NULL;

        if (schema_load_text(schema, "FILE", text, size, &object, &problem) < 0) {
                REQUIRE(!object);
                check_sentence(problem.text, text, size);
                return;
        }
        REQUIRE(problem.text[0] == '\0');
        if (schema == &worker_schema)
                check_worker(object);
        else
                check_master(object);
        REQUIRE(!schema->object_free(object));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = malloc(size + 1);

        REQUIRE(text != NULL);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        read_as(&worker_schema, text, size);
        read_as(&master_schema, text, size);
        return 0;
}
