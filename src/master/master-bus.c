/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The master's object on the system bus. */

#include "master/master-bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "bus/bus.h"
#include "bus/names.h"
#include "master/service-status.h"
#include "prime/number.h"
#include "wire/message.h"

#define AUDIT "unaudited" /* blocks pass tests of their shape and of samples, no more */

typedef struct MasterBusState {
        bool work;
        uint32_t n_workers, n_jobs;
} MasterBusState;

struct MasterBus {
        sd_bus *bus; /* not referenced: we are freed before it */
        sd_bus_slot *slot;
        MasterBusSettings settings;
        MasterBusState told; /* by the last PropertiesChanged */
};

DEFINE_TRIVIAL_CLEANUP_FUNC(MasterBus *, master_bus_free);

static MasterBusState master_bus_state(const MasterBus *bus) {
        return (MasterBusState) {
                .work = master_wants_workers(bus->settings.master),
                .n_workers = (uint32_t) master_n_workers(bus->settings.master),
                .n_jobs = (uint32_t) jobs_n(bus->settings.jobs),
        };
}

static const char *state_text(MasterBusState state) {
        return state.work ? "working" : "idle";
}

/* reading */

/* A dictionary that is being written: after the first failure nothing happens any more. */
typedef struct BusRecord {
        sd_bus_message *m;
        int r;
} BusRecord;

static void put_string(BusRecord *record, const char *key, const char *value) {
        if (record->r >= 0)
                record->r = bus_append_string(record->m, key, value);
}

static void put_u32(BusRecord *record, const char *key, uint32_t value) {
        if (record->r >= 0)
                record->r = bus_append_u32(record->m, key, value);
}

static void put_bool(BusRecord *record, const char *key, bool value) {
        if (record->r >= 0)
                record->r = bus_append_bool(record->m, key, value);
}

static void put_u64(BusRecord *record, const char *key, uint64_t value) {
        if (record->r >= 0)
                record->r = bus_append_u64(record->m, key, value);
}

static void put_double(BusRecord *record, const char *key, double value) {
        if (record->r >= 0)
                record->r = bus_append_double(record->m, key, value);
}

/* Answers with n dictionaries: a{sv}, or with `list` aa{sv}. */
static int reply_records(sd_bus_message *call, MasterBus *bus, bool list, size_t n,
                         void (*put)(BusRecord *record, MasterBus *bus, size_t index)) {
        BusRecord record = {};

        record.r = sd_bus_message_new_method_return(call, &record.m);
        if (record.r >= 0 && list)
                record.r = sd_bus_message_open_container(record.m, 'a', "a{sv}");
        for (size_t i = 0; record.r >= 0 && i < n; i++) {
                record.r = sd_bus_message_open_container(record.m, 'a', "{sv}");
                if (record.r >= 0)
                        put(&record, bus, i);
                if (record.r >= 0)
                        record.r = sd_bus_message_close_container(record.m);
        }
        if (record.r >= 0 && list)
                record.r = sd_bus_message_close_container(record.m);
        if (record.r >= 0)
                record.r = sd_bus_send(NULL, record.m, NULL);
        sd_bus_message_unref(record.m);
        return record.r;
}

static void put_status(BusRecord *record, MasterBus *bus, size_t index) {
        const Master *master = bus->settings.master;
        MasterBusState state = master_bus_state(bus);
        MasterBusFacts facts = {};
        char id[2 * SHA256_SIZE + 1];

        bus->settings.on_facts(&facts, bus->settings.userdata);
        put_string(record, "name", bus->settings.name);
        put_string(record, "id", text_hex(master_id(master), SHA256_SIZE, id));
        put_string(record, "version", PRIMED_VERSION);
        put_string(record, "state", state_text(state));
        put_string(record, "problem", facts.problem);
        put_string(record, "hint", facts.hint);
        put_string(record, "advertised", facts.advertised);
        put_string(record, "advertise_problem", facts.advertise_problem);
        put_u32(record, "port", facts.port);
        put_string(record, "audit", AUDIT);
        put_u32(record, "workers", state.n_workers);
        put_u32(record, "threads", service_n_threads(master));
        put_u32(record, "jobs", state.n_jobs);
        put_u64(record, "uptime_usec", clock_now_usec() - master_started_usec(master));
}

/* All numbers of the job below it are done. */
static char *job_frontier(const MasterJobStatus *status) {
        const Grid *grid = status->grid;
        uint64_t n = status->totals.n_blocks;
        _cleanup_mpz_ mpz_t start;
        GridBlock block;

        mpz_init(start);
        if (n == 0)
                return number_format(grid->from);
        if (n >= grid->n_blocks)
                return number_format(grid->to);
        grid_block(grid, n, start, &block);
        return number_format(start);
}

/* Until the end of the job at the present rate. */
static uint64_t job_remaining(const MasterJobStatus *status) {
        double total = grid_numbers(status->grid, 0, status->grid->n_blocks);
        double done = grid_numbers(status->grid, 0, status->n_blocks_present), seconds;

        if (status->state == MASTER_JOB_FINISHED)
                return 0;
        if (status->grid->open || status->rate <= 0)
                return UINT64_MAX;
        seconds = (total - done) / status->rate;
        return seconds < 1e12 ? (uint64_t) (seconds * 1e6) : UINT64_MAX;
}

/* What is known of a job whether or not its store is open. */
static void put_job_entry(BusRecord *record, const JobsEntry *entry) {
        const RegistryJob *job = entry->job;

        put_string(record, "name", job->name);
        put_string(record, "from", job->from);
        put_string(record, "to", job->to);
        put_string(record, "state", master_job_state_name(entry->open ? entry->status.state : MASTER_JOB_FAILED));
        put_string(record, "problem", entry->problem);
        put_u32(record, "priority", job->priority);
        put_string(record, "certainty", entry->open ? certainty_name(entry->status.certainty) : "");
        put_bool(record, "standing", job->origin == REGISTRY_BY_CONFIG);
        put_string(record, "store", entry->open ? entry->status.store_path : job->store);
        put_string(record, "audit", AUDIT);
}

/* The rest; nothing is done and nothing known when the store is not open. */
static void put_job_progress(BusRecord *record, const JobsEntry *entry) {
        const MasterJobStatus *status = &entry->status;
        const StoreTotals *totals = &status->totals;
        _cleanup_free_ char *frontier = entry->open ? job_frontier(status) : strdup(entry->job->from);
        uint64_t n_blocks = entry->open ? status->grid->n_blocks : 0;
        double numbers_total = entry->open ? grid_numbers(status->grid, 0, n_blocks) : 0;
        double numbers_done = entry->open ? grid_numbers(status->grid, 0, status->n_blocks_present) : 0;
        char id[17] = "";

        if (!frontier) {
                record->r = -ENOMEM;
                return;
        }
        if (entry->open)
                (void) snprintf(id, sizeof id, "%016" PRIx64, status->id);
        put_string(record, "id", id);
        put_string(record, "frontier", frontier);
        put_u64(record, "blocks_total", n_blocks);
        put_u64(record, "blocks_in_order", totals->n_blocks);
        put_u64(record, "blocks_spooled", totals->spool_blocks);
        put_double(record, "numbers_total", numbers_total);
        put_double(record, "numbers_done", numbers_done);
        put_u64(record, "primes", totals->n_primes + totals->spool_primes);
        put_u64(record, "bytes", totals->segment_bytes + totals->spool_bytes);
        put_u64(record, "segments", totals->n_segments);
        put_u64(record, "disagreements", status->n_disagreements);
        put_double(record, "rate", status->rate);
        put_u64(record, "remaining_usec", entry->open ? job_remaining(status) : UINT64_MAX);
}

static void put_job(BusRecord *record, MasterBus *bus, size_t index) {
        JobsEntry entry;

        jobs_entry(bus->settings.jobs, index, &entry);
        put_job_entry(record, &entry);
        put_job_progress(record, &entry);
}

static void put_worker(BusRecord *record, MasterBus *bus, size_t index) {
        MasterWorkerStatus worker;

        master_worker_status(bus->settings.master, index, &worker);
        put_string(record, "name", worker.name);
        put_string(record, "id", worker.id);
        put_string(record, "address", worker.address);
        put_string(record, "program", worker.program);
        put_u64(record, "joined_usec", worker.joined_realtime_usec);
        put_u32(record, "threads", worker.n_threads);
        put_u32(record, "threads_asked", worker.cap.threads_max);
        put_u32(record, "cpu_quota_asked", worker.cap.cpu_percent);
        put_u32(record, "threads_allowed", worker.threads_allowed);
        put_u32(record, "threads_applied", worker.threads_applied);
        put_string(record, "note", worker.note);
        put_double(record, "rate", worker.rate);
        put_u64(record, "blocks", worker.n_blocks);
        put_u64(record, "leased", worker.n_leased);
}

static int on_get_status(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        return reply_records(m, userdata, false, 1, put_status);
}

static int on_list_jobs(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        MasterBus *bus = userdata;

        return reply_records(m, bus, true, jobs_n(bus->settings.jobs), put_job);
}

static int on_list_workers(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        MasterBus *bus = userdata;

        return reply_records(m, bus, true, master_n_workers(bus->settings.master), put_worker);
}

/* changing */

static int set_error(sd_bus_error *ret_error, int r, const Problem *problem) {
        const char *name = r == -EEXIST  ? BUS_ERROR_JOB_EXISTS :
                           r == -ENOENT  ? BUS_ERROR_NO_SUCH_JOB :
                           r == -EALREADY ? BUS_ERROR_JOB_FINISHED :
                           r == -EINVAL || r == -ERANGE ? SD_BUS_ERROR_INVALID_ARGS :
                                           BUS_ERROR_FAILED;

        return sd_bus_error_set(ret_error, name, problem->text);
}

typedef struct AddOptions {
        unsigned priority;
        Certainty certainty;
        Problem problem;
} AddOptions;

static int add_on_option(const char *key, char type, BusValue value, void *userdata) {
        AddOptions *options = userdata;

        if (strcmp(key, "certainty") == 0) {
                if (type == 's' && certainty_parse(value.s, &options->certainty) >= 0)
                        return 0;
                return problem_set(&options->problem, ERANGE, "The certainty of a job is \"proved\" or \"bpsw\".");
        }
        if (strcmp(key, "priority") != 0)
                return problem_set(&options->problem, EINVAL, "Jobs have no option '%.64s'.", key);
        if (type != 'u' || value.u < 1 || value.u > WIRE_PRIORITY_MAX)
                return problem_set(&options->problem, ERANGE, "The priority of a job is a number from 1 to %d.",
                                   WIRE_PRIORITY_MAX);
        options->priority = value.u;
        return 0;
}

static int on_add_job(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        MasterBus *bus = userdata;
        const char *from_word, *to_word, *name;
        _cleanup_mpz_ mpz_t from, to;
        AddOptions options = { .problem = PROBLEM_NONE };
        int r;

        mpz_inits(from, to, NULL);
        r = bus_caller_is_root(m, ret_error);
        if (r <= 0)
                return r;
        r = sd_bus_message_read(m, "ss", &from_word, &to_word);
        if (r < 0)
                return r;
        r = bus_read_dictionary(m, add_on_option, &options);
        if (r >= 0)
                r = number_parse(from, from_word, &options.problem);
        if (r >= 0 && to_word[0] != '\0')
                r = number_parse(to, to_word, &options.problem);
        if (r >= 0)
                r = jobs_add(bus->settings.jobs, from, to_word[0] != '\0' ? to : NULL, options.priority,
                             options.certainty, &name, &options.problem);
        if (r < 0)
                return set_error(ret_error, r, &options.problem);
        bus->settings.on_changed(bus->settings.userdata);
        return sd_bus_reply_method_return(m, "s", name);
}

typedef enum JobChange {
        JOB_PAUSE,
        JOB_RESUME,
        JOB_CANCEL,
} JobChange;

static int change_job(MasterBus *bus, sd_bus_message *m, JobChange change, sd_bus_error *ret_error) {
        Problem problem = PROBLEM_NONE;
        const char *name;
        int r;

        r = bus_caller_is_root(m, ret_error);
        if (r <= 0)
                return r;
        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = change == JOB_CANCEL ? jobs_cancel(bus->settings.jobs, name, NULL, &problem) :
                                   jobs_pause(bus->settings.jobs, name, change == JOB_PAUSE, &problem);
        bus->settings.on_changed(bus->settings.userdata); /* even a failure may have changed what is listed */
        return r < 0 ? set_error(ret_error, r, &problem) : sd_bus_reply_method_return(m, "");
}

static int on_pause_job(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        return change_job(userdata, m, JOB_PAUSE, ret_error);
}

static int on_resume_job(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        return change_job(userdata, m, JOB_RESUME, ret_error);
}

static int on_cancel_job(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        return change_job(userdata, m, JOB_CANCEL, ret_error);
}

/* stores */

static int on_rotate_store(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        MasterBus *bus = userdata;
        Problem problem = PROBLEM_NONE;
        const char *name;
        int r;

        r = bus_caller_is_root(m, ret_error);
        if (r <= 0)
                return r;
        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = master_rotate_job(bus->settings.master, name, &problem);
        return r < 0 ? set_error(ret_error, r, &problem) : sd_bus_reply_method_return(m, "t", (uint64_t) r);
}

/* `userdata` is the call. The bus may be gone by now: then nobody waits for the answer. */
static void on_vacuum_end(int error, const char *sentence, const StoreVacuum *done, void *userdata) {
        sd_bus_message *call = userdata;

        if (error < 0)
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR_FAILED, "%s", sentence);
        else
                (void) sd_bus_reply_method_return(call, "tt", done->n_segments, done->n_bytes);
        sd_bus_message_unref(call);
}

static int on_vacuum_store(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        MasterBus *bus = userdata;
        Problem problem = PROBLEM_NONE;
        const char *name;
        uint64_t bytes;
        int r;

        r = bus_caller_is_root(m, ret_error);
        if (r <= 0)
                return r;
        r = sd_bus_message_read(m, "st", &name, &bytes);
        if (r < 0)
                return r;
        r = master_vacuum_job(bus->settings.master, name, bytes, on_vacuum_end, m, &problem);
        if (r < 0)
                return set_error(ret_error, r, &problem);
        sd_bus_message_ref(m);
        return 1; /* answered later */
}

/* properties */

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        return sd_bus_message_append(reply, "s", PRIMED_VERSION);
}

static int get_name(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *ret_error) {
        return sd_bus_message_append(reply, "s", ((MasterBus *) userdata)->settings.name);
}

static int get_state(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *ret_error) {
        return sd_bus_message_append(reply, "s", state_text(master_bus_state(userdata)));
}

static int get_workers(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        return sd_bus_message_append(reply, "u", master_bus_state(userdata).n_workers);
}

static int get_jobs(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *ret_error) {
        return sd_bus_message_append(reply, "u", master_bus_state(userdata).n_jobs);
}

/* Who may change is decided in the methods: SD_BUS_VTABLE_UNPRIVILEGED lets the calls in. */
static const sd_bus_vtable master_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("AddJob", SD_BUS_ARGS("s", from, "s", to, "a{sv}", options), SD_BUS_RESULT("s", name),
                                on_add_job, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("PauseJob", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, on_pause_job,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ResumeJob", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, on_resume_job,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CancelJob", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, on_cancel_job,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RotateStore", SD_BUS_ARGS("s", name), SD_BUS_RESULT("t", segments), on_rotate_store,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("VacuumStore", SD_BUS_ARGS("s", name, "t", bytes),
                                SD_BUS_RESULT("t", segments, "t", freed), on_vacuum_store,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status), on_get_status,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", jobs), on_list_jobs,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListWorkers", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", workers), on_list_workers,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Name", "s", get_name, 0, 0),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Workers", "u", get_workers, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Jobs", "u", get_jobs, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

/* the object */

static void master_bus_on_name(int error, const char *reason, void *userdata) {
        if (error < 0)
                log_warning("primectl cannot reach this master: %s", reason);
        else
                log_debug("The bus name %s is ours", BUS_MASTER_NAME);
}

int master_bus_new(sd_bus *connection, const MasterBusSettings *settings, MasterBus **ret) {
        _cleanup_(master_bus_freep) MasterBus *bus = calloc(1, sizeof *bus);
        int r;

        if (!bus)
                return -ENOMEM;
        bus->settings = *settings;
        bus->bus = connection;
        bus->told = master_bus_state(bus);
        r = sd_bus_add_object_vtable(connection, &bus->slot, BUS_MASTER_PATH, BUS_MASTER_INTERFACE, master_vtable, bus);
        if (r >= 0)
                r = bus_request_name(connection, BUS_MASTER_NAME, master_bus_on_name, NULL);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

MasterBus *master_bus_free(MasterBus *bus) {
        if (!bus)
                return NULL;
        sd_bus_slot_unref(bus->slot);
        free(bus);
        return NULL;
}

void master_bus_update(MasterBus *bus) {
        MasterBusState state = master_bus_state(bus);
        const char *changed[4] = {};
        size_t n = 0;

        if (state.work != bus->told.work)
                changed[n++] = "State";
        if (state.n_workers != bus->told.n_workers)
                changed[n++] = "Workers";
        if (state.n_jobs != bus->told.n_jobs)
                changed[n++] = "Jobs";
        bus->told = state;
        if (n > 0) /* a bus that is gone is noticed elsewhere */
                (void) sd_bus_emit_properties_changed_strv(bus->bus, BUS_MASTER_PATH, BUS_MASTER_INTERFACE,
                                                           (char **) changed);
}
