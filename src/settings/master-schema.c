/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of master.conf. */

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/place.h"
#include "prime/number.h"
#include "settings/schema.h"
#include "settings/settings.h"
#include "settings/value.h"

#define SPOOL_LOW (UINT64_C(64) << 20)
#define SPOOL_HIGH (UINT64_C(1) << 44)
#define SEGMENT_LOW (UINT64_C(64) << 10)
#define SEGMENT_HIGH (UINT64_C(1) << 40)
#define ROOM_LOW (UINT64_C(1) << 20)
#define ROOM_HIGH (UINT64_C(1) << 53)
#define KEEP_FREE_PERCENT_MAX 95
#define ID_DIGITS 64

static int read_name(const char *word, void *object, Problem *problem) {
        return value_parse_name(word, &((MasterConfig *) object)->name, problem);
}

static int read_listen(const char *word, void *object, Problem *problem) {
        MasterConfig *config = object;
        _cleanup_free_ char *address = NULL;
        char **larger;
        int r;

        r = value_parse_listen(word, &address, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->n_listen; i++)
                if (strcasecmp(config->listen[i], address) == 0)
                        return problem_set(problem, EEXIST, "'%s' is there twice. Remove one.", word);
        larger = reallocarray(config->listen, config->n_listen + 1, sizeof *larger);
        if (!larger)
                return problem_set(problem, ENOMEM, "Out of memory.");
        config->listen = larger;
        config->listen[config->n_listen++] = TAKE_PTR(address);
        return 0;
}

static int read_store(const char *word, void *object, Problem *problem) {
        return value_parse_folder(word, &((MasterConfig *) object)->store, problem);
}

static int read_job_from(const char *word, void *object, Problem *problem) {
        return value_parse_integer(word, &((MasterConfig *) object)->job_from, problem);
}

static int read_job_to(const char *word, void *object, Problem *problem) {
        return value_parse_integer(word, &((MasterConfig *) object)->job_to, problem);
}

static int check_job(void *object, Problem *problem) {
        MasterConfig *config = object;
        _cleanup_mpz_ mpz_t from;
        _cleanup_mpz_ mpz_t to;
        int r;

        mpz_init(from);
        mpz_init(to);
        if (!config->job_to)
                return certainty_check(config->job_certainty, NULL, problem);
        r = number_parse(from, config->job_from, problem);
        if (r >= 0)
                r = number_parse(to, config->job_to, problem);
        if (r >= 0 && mpz_cmp(from, to) >= 0)
                r = problem_set(problem, EINVAL, "'to' (%.100s) must be larger than 'from' (%.100s).", config->job_to,
                                config->job_from);
        return r < 0 ? r : certainty_check(config->job_certainty, to, problem);
}

static int append_host(void *object, void **ret_element, Problem *problem) {
        MasterConfig *config = object;
        SettingsHost *larger;

        larger = reallocarray(config->hosts, config->n_hosts + 1, sizeof *larger);
        if (!larger)
                return problem_set(problem, ENOMEM, "Out of memory.");
        config->hosts = larger;
        config->hosts[config->n_hosts] = (SettingsHost) {};
        *ret_element = &config->hosts[config->n_hosts++];
        return 0;
}

static bool is_id(const char *word) {
        return strlen(word) == ID_DIGITS && strspn(word, "0123456789abcdefABCDEF") == ID_DIGITS;
}

static int read_host(const char *word, void *object, Problem *problem) {
        SettingsHost *host = object;

        if (is_id(word)) {
                host->host = strdup(word);
                return host->host ? 0 : problem_set(problem, ENOMEM, "Out of memory.");
        }
        return value_parse_name(word, &host->host, problem);
}

static int read_host_quota(const char *word, void *object, Problem *problem) {
        return value_parse_percent(word, SETTINGS_CPU_QUOTA_MAX, &((SettingsHost *) object)->cpu_quota, problem);
}

static int read_job_certainty(const char *word, void *object, Problem *problem) {
        if (certainty_parse(word, &((MasterConfig *) object)->job_certainty) >= 0)
                return 0;
        return problem_set(problem, EINVAL, "write \"proved\" or \"bpsw\"");
}

/* The newest of the hosts. */
static int check_host(void *object, Problem *problem) {
        MasterConfig *config = object;
        const SettingsHost *last = &config->hosts[config->n_hosts - 1];

        if (last->cores == 0 && last->cpu_quota == 0)
                return problem_set(problem, EINVAL,
                                   "'%s' has neither 'cores' nor 'cpu_quota'. Set one of them, or remove the entry.",
                                   last->host);
        for (size_t i = 0; i + 1 < config->n_hosts; i++)
                if (strcasecmp(config->hosts[i].host, last->host) == 0)
                        return problem_set(problem, EEXIST, "'%s' is there twice. Merge the two entries.", last->host);
        return 0;
}

static int read_spool_max(const char *word, void *object, Problem *problem) {
        return value_parse_size(word, SPOOL_LOW, SPOOL_HIGH, &((MasterConfig *) object)->spool_max_bytes, problem);
}

/* One of two words. */
static int read_choice(const char *word, const char *no, const char *yes, bool *ret, Problem *problem) {
        if (strcmp(word, no) != 0 && strcmp(word, yes) != 0)
                return problem_set(problem, EINVAL, "'%.64s' is neither \"%s\" nor \"%s\".", word, no, yes);
        *ret = strcmp(word, yes) == 0;
        return 0;
}

static int read_keep(const char *word, void *object, Problem *problem) {
        return read_choice(word, "full", "digest", &((MasterConfig *) object)->keep_digest, problem);
}

static int read_when_full(const char *word, void *object, Problem *problem) {
        return read_choice(word, "pause", "drop-oldest", &((MasterConfig *) object)->drop_oldest, problem);
}

static int read_segment_size(const char *word, void *object, Problem *problem) {
        return value_parse_size(word, SEGMENT_LOW, SEGMENT_HIGH, &((MasterConfig *) object)->segment_bytes, problem);
}

/* More than 64 bits hold is more than any segment does. */
static int read_segment_span(const char *word, void *object, Problem *problem) {
        MasterConfig *config = object;
        _cleanup_mpz_ mpz_t span;
        int r;

        mpz_init(span);
        r = number_parse(span, word, problem);
        if (r < 0)
                return r;
        if (mpz_sgn(span) <= 0)
                return problem_set(problem, ERANGE, "A segment has at least one number.");
        config->segment_span = mpz_sizeinbase(span, 2) > 64 ? UINT64_MAX : number_get_u64(span);
        return 0;
}

static int read_share(const char *word, unsigned percent_max, SettingsShare *share, Problem *problem) {
        SettingsShare read = {};
        int r;

        r = strchr(word, '%') ? value_parse_percent(word, percent_max, &read.percent, problem) :
                                value_parse_size(word, ROOM_LOW, ROOM_HIGH, &read.bytes, problem);
        if (r >= 0)
                *share = read;
        return r;
}

static int read_max_use(const char *word, void *object, Problem *problem) {
        return read_share(word, 100, &((MasterConfig *) object)->max_use, problem);
}

static int read_keep_free(const char *word, void *object, Problem *problem) {
        return read_share(word, KEEP_FREE_PERCENT_MAX, &((MasterConfig *) object)->keep_free, problem);
}

static const SchemaKey job_keys[] = {
        { .name = "enabled", .kind = SCHEMA_BOOLEAN, .offset = offsetof(MasterConfig, has_job), .default_text = "true",
          .example = "false", .unit = "",
          .reason = "false in a drop-in takes back a standing job of the main file." },
        { .name = "from", .kind = SCHEMA_STRING, .takes_number = true, .read = read_job_from, .default_text = "\"0\"",
          .example = "\"10^12\"", .unit = "an integer of any size, or an expression: \"2^64+13\"",
          .reason = "The first number of the range." },
        { .name = "to", .kind = SCHEMA_STRING, .takes_number = true, .read = read_job_to, .example = "\"10^13\"",
          .unit = "an integer of any size, or an expression",
          .reason = "The first number behind the range; without it the job has no end." },
        { .name = "priority", .kind = SCHEMA_NUMBER, .low = 1, .high = 1000,
          .offset = offsetof(MasterConfig, job_priority), .default_text = "1", .example = "1",
          .unit = "a weight (jobs of primectl start have 100)",
          .reason = "Jobs share the workers in proportion to their priorities; 1 leaves nearly all to others." },
        { .name = "certainty", .kind = SCHEMA_STRING, .read = read_job_certainty, .example = "\"proved\"",
          .unit = "\"proved\", up to 4*10^33, or \"bpsw\"",
          .reason = "How sure primes must be; without it they are proved below 2^64 and pass Baillie-PSW above." },
};

static const SchemaKey host_keys[] = {
        { .name = "host", .kind = SCHEMA_STRING, .required = true, .read = read_host, .example = "\"pi1\"",
          .unit = "a worker's name, or its id (64 hex digits)",
          .reason = "Whom the caps are for; an entry with the id wins over one with the name." },
        { .name = "cores", .kind = SCHEMA_NUMBER, .low = 1, .high = SETTINGS_CORES_MAX,
          .offset = offsetof(SettingsHost, cores), .example = "2", .unit = "threads",
          .reason = "How many processors of that host may work at a time." },
        { .name = "cpu_quota", .kind = SCHEMA_STRING, .read = read_host_quota, .example = "\"50%\"",
          .unit = "per cent of one processor",
          .reason = "How much of that host's processor time to use at most; the worker uses fewer threads by it." },
};

static const SchemaKey master_keys[] = {
        { .name = "name", .kind = SCHEMA_STRING, .read = read_name, .example = "\"attic\"",
          .unit = "text of at most 63 bytes",
          .reason = "What workers and people see instead of the host name." },
        { .name = "listen", .kind = SCHEMA_STRINGS, .takes_number = true, .low = 1, .high = SETTINGS_LISTEN_MAX,
          .read = read_listen, .default_text = "( \"7919\" )",
          .example = "( \"192.168.1.5:7919\", \"[fe80::1%eth0]:7919\" )",
          .unit = "PORT, or ADDRESS:PORT of this host",
          .reason = "Where workers reach the master: a port alone is that port of all addresses." },
        { .name = "advertise", .kind = SCHEMA_BOOLEAN, .offset = offsetof(MasterConfig, advertise),
          .default_text = "true", .example = "false", .unit = "",
          .reason = "Announce the master on the LAN (by mDNS); without it workers must name it in `masters`." },
        { .name = "store", .kind = SCHEMA_STRING, .read = read_store, .default_text = "\"" PLACE_STATE "\"",
          .example = "\"/srv/primes\"", .unit = "an absolute path",
          .reason = "The folder of the stores, one folder for each job. It must belong to the user primed." },
        { .name = "job", .kind = SCHEMA_GROUP, .check = check_job, .children = job_keys,
          .n_children = ELEMENTSOF(job_keys), .example = "{ from = \"0\"; priority = 1; }", .unit = "",
          .reason = "The standing job: what workers compute when nobody asked for anything; without it they rest." },
        { .name = "hosts", .kind = SCHEMA_GROUPS, .high = SETTINGS_HOSTS_MAX, .append = append_host,
          .check = check_host, .children = host_keys, .n_children = ELEMENTSOF(host_keys), .default_text = "( )",
          .example = "( { host = \"pi1\"; cores = 2; cpu_quota = \"50%\"; } )", .unit = "a group for each host",
          .reason = "Caps for single workers, within those that each sets for itself." },
        { .name = "workers_max", .kind = SCHEMA_NUMBER, .low = 1, .high = SETTINGS_WORKERS_MAX,
          .offset = offsetof(MasterConfig, workers_max), .default_text = "1000", .example = "50", .unit = "connections",
          .reason = "How many workers may be joined at a time; the next ones are told to come back later." },
        { .name = "spool_max", .kind = SCHEMA_STRING, .read = read_spool_max, .default_text = "\"1G\"",
          .example = "\"4G\"", .unit = "bytes, with K, M, G or T, at least 64M, for each job",
          .reason = "How much may wait on disk for a slow worker's part, so that what is stored has no gap." },
        { .name = "keep", .kind = SCHEMA_STRING, .read = read_keep, .default_text = "\"full\"",
          .example = "\"digest\"", .unit = "\"full\" or \"digest\"",
          .reason = "Store primes, or counts and digests from which any prime is found again on demand." },
        { .name = "segment_size", .kind = SCHEMA_STRING, .read = read_segment_size, .default_text = "\"128M\"",
          .example = "\"512M\"", .unit = "bytes, with K, M, G or T, at least 64K; of new stores",
          .reason = "About how large a file of a store becomes before the next one is begun." },
        { .name = "segment_span", .kind = SCHEMA_STRING, .takes_number = true, .read = read_segment_span,
          .example = "\"10^10\"", .unit = "numbers; of new stores",
          .reason = "Begin the next file after so many numbers, if segment_size does not come first." },
        { .name = "max_use", .kind = SCHEMA_STRING, .read = read_max_use, .example = "\"100G\"",
          .unit = "bytes, with K, M, G or T, or per cent of the file system",
          .reason = "How much the stores of all jobs may use; without it half of the disk, at most 256G." },
        { .name = "keep_free", .kind = SCHEMA_STRING, .read = read_keep_free, .example = "\"10%\"",
          .unit = "bytes, with K, M, G or T, or per cent of the file system",
          .reason = "How much of the disk is left to others; without it 5%, at most 4G." },
        { .name = "when_full", .kind = SCHEMA_STRING, .read = read_when_full, .default_text = "\"pause\"",
          .example = "\"drop-oldest\"", .unit = "\"pause\" or \"drop-oldest\"",
          .reason = "Wait for room, or keep only counts and digests of the oldest files of primes." },
};

static void *object_new(void) {
        return calloc(1, sizeof(MasterConfig));
}

static void *object_free(void *object) {
        return master_config_free(object);
}

const Schema master_schema = {
        .file = "master.conf",
        .keys = master_keys,
        .n_keys = ELEMENTSOF(master_keys),
        .other = &worker_schema,
        .object_new = object_new,
        .object_free = object_free,
};

MasterConfig *master_config_free(MasterConfig *config) {
        if (!config)
                return NULL;
        for (size_t i = 0; i < config->n_listen; i++)
                free(config->listen[i]);
        free(config->listen);
        for (size_t i = 0; i < config->n_hosts; i++)
                free(config->hosts[i].host);
        free(config->hosts);
        free(config->store);
        free(config->job_from);
        free(config->job_to);
        free(config->name);
        free(config);
        return NULL;
}

int master_config_load(const char *path, MasterConfig **ret, Problem *problem) {
        void *object;
        int r;

        r = schema_load(&master_schema, path, &object, problem);
        if (r < 0)
                return r;
        *ret = object;
        return 0;
}

const SettingsHost *master_config_find_host(const MasterConfig *config, const char *name, const char *id) {
        const SettingsHost *found = NULL;

        for (size_t i = 0; i < config->n_hosts; i++) {
                const SettingsHost *host = &config->hosts[i];

                if (id && strcasecmp(host->host, id) == 0)
                        return host;
                if (!found && name && strcasecmp(host->host, name) == 0)
                        found = host;
        }
        return found;
}
