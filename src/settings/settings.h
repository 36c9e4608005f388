/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The config files, read to validated structs: /etc/primed/worker.conf and /etc/primed/master.conf, each followed by
 * its drop-ins in worker.conf.d/ and master.conf.d/ (every *.conf in the order of their names; a later file wins, key
 * by key; a list or group is replaced whole). A file that is not there is an empty one. The tables of all keys are in
 * settings/worker-schema.c and settings/master-schema.c.
 *
 * A mistake anywhere makes the whole load fail with one sentence "FILE:LINE: what, and the cure". Nothing is logged.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/place.h"
#include "base/problem.h"
#include "prime/certainty.h"

#define SETTINGS_PORT_DEFAULT PORT_DEFAULT
#define SETTINGS_CORES_MAX 1024
#define SETTINGS_CPU_QUOTA_MAX 102400 /* per cent of one processor: 1024 of them */
#define SETTINGS_MASTERS_MAX 64
#define SETTINGS_HOSTS_MAX 1024
#define SETTINGS_WINDOWS_MAX 64
#define SETTINGS_LISTEN_MAX 16
#define SETTINGS_WORKERS_MAX 4096

/* masters = ( "pi.local", "10.0.0.1:7919", "[fe80::1%eth0]:7919" ) */
typedef struct SettingsAddress {
        char *host; /* name or numeric address, without brackets */
        uint16_t port;
} SettingsAddress;

/* One stretch of each of some week days. "Mon-Fri 08:00-18:00"; an end before its start is on the next day. */
typedef struct SettingsWindow {
        uint8_t days;                        /* bit 0: Monday … bit 6: Sunday: the days on which it begins */
        uint16_t start_minute, end_minute;   /* after midnight, local time; end in 1 … 1440 */
} SettingsWindow;

#define WORKER_MEMORY_MIN (UINT64_C(64) << 20) /* a sieve and a shelf need about as much; below nothing would go on */
#define WORKER_MEMORY_MAX (UINT64_C(1) << 49)

typedef struct WorkerConfig {
        char *name;          /* of this host, for people; NULL: the host name */
        unsigned cores;      /* threads at most; 0: not set, all processors */
        unsigned cpu_quota;  /* per cent of one processor, "150%"; 0: not set */
        uint8_t *allowed_cpus; /* bit map, bit i of byte i/8; NULL: not set */
        size_t allowed_cpus_size;
        char *allowed_cpus_text; /* as written; NULL: not set */
        bool cpu_weight_set;
        uint64_t cpu_weight;    /* 1 … 10000, 0: "idle", as systemd's bus takes it */
        uint64_t memory_bytes;  /* memory = "512M", WORKER_MEMORY_MIN … WORKER_MEMORY_MAX; 0: not set */
        unsigned memory_percent; /* memory = "50%" of the machine's; 0: not set */
        bool discover;          /* look for masters by mDNS; default true */
        SettingsAddress *masters;
        size_t n_masters;
        bool pause_on_battery;          /* default false */
        unsigned pause_cpu_pressure;    /* per cent of time in which other work waits for a processor; 0: never */
        SettingsWindow *pause_windows;
        size_t n_pause_windows;
} WorkerConfig;

typedef struct SettingsHost {
        char *host;         /* a worker's name, or its id (64 hex digits) */
        unsigned cores;     /* 0: no cap */
        unsigned cpu_quota; /* per cent of one processor; 0: no cap */
} SettingsHost;

/* Room on a disk: bytes, or per cent of its file system. Both 0: not set. */
typedef struct SettingsShare {
        uint64_t bytes;
        unsigned percent;
} SettingsShare;

typedef struct MasterConfig {
        char *name;      /* NULL: the host name */
        char **listen;   /* "7919", "192.168.1.5:7919", "[fe80::1%eth0]:7919": for primed-master.socket */
        size_t n_listen; /* at least 1 */
        bool advertise;  /* by mDNS; default true */
        char *store;     /* absolute path of the folder of all stores; default /var/lib/primed */
        bool has_job;    /* the standing job */
        char *job_from, *job_to; /* decimal or an expression that number_parse() takes; job_to NULL: open-ended */
        unsigned job_priority;   /* 1 … 1000 */
        Certainty job_certainty; /* certainty = "proved"; 0: not set */
        SettingsHost *hosts;
        size_t n_hosts;
        unsigned workers_max;    /* connections at a time; default 1000 */
        uint64_t spool_max_bytes; /* of bitmaps beyond the frontier, per job; default 1 GiB */
        bool keep_digest;        /* keep = "digest": of what comes, counts and digests only; default "full" */
        uint64_t segment_bytes;  /* of new stores; default 128 MiB */
        uint64_t segment_span;   /* numbers in a segment of new stores, at most; 0: not set */
        SettingsShare max_use;   /* of the stores of all jobs together */
        SettingsShare keep_free; /* for others */
        bool drop_oldest;        /* when_full = "drop-oldest"; default "pause" */
} MasterConfig;

/* `path` is the main file, e.g. SETTINGS_WORKER_PATH; drop-ins are in `path`.d. 0; negative errno with a sentence. */
int worker_config_load(const char *path, WorkerConfig **ret, Problem *problem);
WorkerConfig *worker_config_free(WorkerConfig *config);

int master_config_load(const char *path, MasterConfig **ret, Problem *problem);
MasterConfig *master_config_free(MasterConfig *config);

/* The cap for the worker with this name or id (hex), NULL if there is none. An id wins over a name. */
const SettingsHost *master_config_find_host(const MasterConfig *config, const char *name, const char *id);

/* True when the local time falls into one of the windows. */
bool settings_in_windows(const SettingsWindow *windows, size_t n, usec_t realtime_usec);

#define SETTINGS_WORKER_PATH PRIMED_SYSCONFDIR "/worker.conf" /* PRIMED_SYSCONFDIR: /etc/primed */
#define SETTINGS_MASTER_PATH PRIMED_SYSCONFDIR "/master.conf"

DEFINE_TRIVIAL_CLEANUP_FUNC(WorkerConfig *, worker_config_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(MasterConfig *, master_config_free);
