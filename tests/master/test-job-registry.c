/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of jobs on disk: what is written is read again, and nothing damaged is. */

#include "master/job-registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "prime/number.h"
#include "store/job-file.h"
#include "store/store-name.h"
#include "test.h"

static char folder[] = "/tmp/primed-test-registry.XXXXXX";
static char path[sizeof folder + 16];

static const char *path_of(const char *name) {
        static char text[512];

        (void) snprintf(text, sizeof text, "%s/%s", folder, name);
        return text;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *place) {
        return remove(name);
}

static void empty_folder(void) {
        CHECK(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
        CHECK(mkdir(folder, 0755) == 0);
}

static void write_text(const char *name, const void *text, size_t size) {
        int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        CHECK(fd >= 0 && fd_write_all(fd, text, size) == 0);
        (void) fd_close(fd);
}

static JobRegistry *open_registry(void) {
        JobRegistry *registry = NULL;
        Problem problem = PROBLEM_NONE;

        if (job_registry_open(path, &registry, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK(registry);
        return registry;
}

static RegistryJob sample_job(void) {
        return (RegistryJob) {
                .name = (char *) "0-1000",
                .from = (char *) "0",
                .to = (char *) "1000",
                .store = (char *) "/var/lib/primed/0-1000",
                .priority = 100,
                .state = REGISTRY_ACTIVE,
                .origin = REGISTRY_BY_COMMAND,
                .created_usec = UINT64_C(1700000000123456),
        };
}

static RegistryJob open_job(void) {
        RegistryJob job = sample_job();

        job.name = (char *) "5-open";
        job.from = (char *) "5";
        job.to = NULL;
        job.state = REGISTRY_CANCELLED;
        job.origin = REGISTRY_BY_CONFIG;
        job.priority = 1000;
        job.certainty = CERTAINTY_BPSW;
        return job;
}

static void put_samples(JobRegistry *registry) {
        RegistryJob a = sample_job(), b = open_job();

        CHECK_EQUAL(job_registry_put(registry, &a, NULL), 0);
        CHECK_EQUAL(job_registry_put(registry, &b, NULL), 0);
}

static void check_same(const RegistryJob *a, const RegistryJob *b) {
        CHECK(a && b);
        CHECK_STRING(a->name, b->name);
        CHECK_STRING(a->from, b->from);
        CHECK(!a->to == !b->to);
        if (a->to)
                CHECK_STRING(a->to, b->to);
        CHECK_STRING(a->store, b->store);
        CHECK_EQUAL(a->priority, b->priority);
        CHECK_EQUAL(a->certainty, b->certainty);
        CHECK_EQUAL(a->state, b->state);
        CHECK_EQUAL(a->origin, b->origin);
        CHECK_EQUAL(a->created_usec, b->created_usec);
}

static void test_what_is_written_is_read_again(void) {
        RegistryJob a = sample_job(), b = open_job();
        JobRegistry *registry;
        struct stat st;

        empty_folder();
        registry = open_registry();
        CHECK_EQUAL(job_registry_n_jobs(registry), 0);
        CHECK(stat(path, &st) < 0); /* reading writes nothing */
        put_samples(registry);
        job_registry_close(registry);

        registry = open_registry();
        CHECK_EQUAL(job_registry_n_jobs(registry), 2);
        check_same(job_registry_job(registry, 0), &a);
        check_same(job_registry_find(registry, "5-open"), &b);
        CHECK(job_registry_find(registry, "5-6") == NULL);
        CHECK(registry_job_is_listed(job_registry_job(registry, 0)));
        CHECK(!registry_job_is_listed(job_registry_job(registry, 1)));
        job_registry_close(registry);
        CHECK(job_registry_close(NULL) == NULL);
}

static void test_the_largest_numbers_fit(void) {
        _cleanup_mpz_ mpz_t from;
        RegistryJob job = sample_job();
        JobRegistry *registry;

        empty_folder();
        mpz_init(from);
        mpz_setbit(from, NUMBER_BITS_MAX - 1);
        job.name = store_name(from, NULL);
        job.from = number_format(from);
        job.to = NULL;
        registry = open_registry();
        CHECK_EQUAL(job_registry_put(registry, &job, NULL), 0);
        job_registry_close(registry);
        registry = open_registry();
        check_same(job_registry_find(registry, job.name), &job);
        job_registry_close(registry);
        free(job.name);
        free(job.from);
}

static void test_changes_keep_the_name(void) {
        RegistryJob changed = sample_job();
        JobRegistry *registry;
        const char *name;

        empty_folder();
        registry = open_registry();
        put_samples(registry);
        name = job_registry_job(registry, 0)->name;
        changed.priority = 7;
        changed.store = (char *) "/srv/0-1000";
        CHECK_EQUAL(job_registry_put(registry, &changed, NULL), 0);
        CHECK_EQUAL(job_registry_set_state(registry, name, REGISTRY_PAUSED, NULL), 0);
        CHECK_EQUAL(job_registry_set_state(registry, "1-2", REGISTRY_PAUSED, NULL), -ENOENT);
        CHECK(job_registry_job(registry, 0)->name == name);
        changed.state = REGISTRY_PAUSED;
        job_registry_close(registry);
        registry = open_registry();
        CHECK_EQUAL(job_registry_n_jobs(registry), 2);
        check_same(job_registry_job(registry, 0), &changed);
        job_registry_close(registry);
}

/* The file cannot be written: everything stays as it was, in memory and on disk. */
static void test_failed_writes_change_nothing(void) {
        RegistryJob a = sample_job(), b = open_job(), third = sample_job();
        Problem problem = PROBLEM_NONE;
        JobRegistry *registry;

        empty_folder();
        registry = open_registry();
        put_samples(registry);
        CHECK(mkdir(path_of("jobs.json.new"), 0755) == 0);
        third.name = (char *) "1-1000";
        third.from = (char *) "1";
        CHECK_EQUAL(job_registry_put(registry, &third, &problem), -EISDIR);
        CHECK(strstr(problem.text, path));
        a.priority = 9;
        CHECK_EQUAL(job_registry_put(registry, &a, NULL), -EISDIR);
        CHECK_EQUAL(job_registry_set_state(registry, "0-1000", REGISTRY_PAUSED, NULL), -EISDIR);
        a = sample_job();
        for (int i = 0; i < 2; i++) {
                CHECK_EQUAL(job_registry_n_jobs(registry), 2);
                check_same(job_registry_job(registry, 0), &a);
                check_same(job_registry_job(registry, 1), &b);
                job_registry_close(registry);
                registry = open_registry();
        }
        job_registry_close(registry);
}

/* Who can open a file can lock it: nothing of ours that others can read may be the lock. */
static void test_the_lock_is_nobody_elses(void) {
        char lock[sizeof path + 8];
        struct stat st;
        int fd;

        empty_folder();
        (void) snprintf(lock, sizeof lock, "%s.lock", path);
        write_text(lock, "", 0);
        CHECK(chmod(lock, 0666) == 0);
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
        job_registry_close(open_registry());
        (void) close(fd);
        CHECK(stat(lock, &st) == 0);
        CHECK_EQUAL(st.st_mode & 07777, 0600);
}

static void test_one_process_at_a_time(void) {
        JobRegistry *registry, *other = NULL;
        Problem problem = PROBLEM_NONE;

        empty_folder();
        registry = open_registry();
        CHECK_EQUAL(job_registry_open(path, &other, &problem), -EBUSY);
        CHECK(strstr(problem.text, folder));
        job_registry_close(registry);
        job_registry_close(open_registry());
        CHECK_EQUAL(job_registry_open("/nowhere/at/all/jobs.json", &other, NULL), -ENOENT);
}

static void check_refused(const void *text, size_t size, int error) {
        Problem problem = PROBLEM_NONE;
        JobRegistry *registry = NULL;

        write_text(path, text, size);
        CHECK_EQUAL(job_registry_open(path, &registry, &problem), error);
        CHECK(strstr(problem.text, path));
        CHECK(!strchr(problem.text, '\n'));
}

static void test_damage_is_refused(void) {
        static const struct {
                const char *from, *to;
                int error;
        } cases[] = {
                { "\"to\": \"1000\"", "\"to\": \"1001\"", -EBADMSG },
                { "\"to\": \"1000\"", "\"to\": 1000", -EBADMSG },
                { "\"from\": \"0\"", "\"from\": \"-1\"", -EBADMSG },
                { "\"name\": \"5-open\"", "\"name\": \"../5-open\"", -EBADMSG },
                { "\"name\": \"5-open\"", "\"name\": \"0-1000\"", -EBADMSG },
                { "\"priority\": 100,", "\"priority\": 0,", -EBADMSG },
                { "\"priority\": 100,", "\"priority\": 1001,", -EBADMSG },
                { "\"priority\": 100,", "\"priority\": 4294967396,", -EBADMSG },
                { "\"certainty\": \"bpsw\"", "\"certainty\": \"sure\"", -EBADMSG },
                { "\"certainty\": \"bpsw\"", "\"certainty\": 2", -EBADMSG },
                { "\"state\": \"active\"", "\"state\": \"activ\"", -EBADMSG },
                { "\"origin\": \"command\"", "\"origin\": 1", -EBADMSG },
                { "\"store\": \"/var", "\"store\": \"var", -EBADMSG },
                { "\"created_usec\": 17", "\"created_usec\": -17", -EBADMSG },
                { "\"jobs\"", "\"job\"", -EBADMSG },
                { "\"format\": 0", "\"format\": 1", -EPROTONOSUPPORT },
                { "\"format\": 0", "\"format\": \"0\"", -EBADMSG },
        };
        _cleanup_free_ char *text = NULL;
        JobRegistry *registry;
        size_t size;

        empty_folder();
        registry = open_registry();
        put_samples(registry);
        job_registry_close(registry);
        CHECK_EQUAL(file_read_whole(AT_FDCWD, path, 1 << 20, &text, &size), 0);
        CHECK(text[size - 1] == '\n');

        for (size_t n = 0; n < size - 1; n++) /* without the last line feed it is whole */
                check_refused(text, n, -EBADMSG);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                char changed[4096];
                const char *at = strstr(text, cases[i].from);

                CHECK(at && size < sizeof changed - 64);
                (void) snprintf(changed, sizeof changed, "%.*s%s%s", (int) (at - text), text, cases[i].to,
                                at + strlen(cases[i].from));
                check_refused(changed, strlen(changed), cases[i].error);
        }
        check_refused("[]", 2, -EBADMSG);
        check_refused("{ \"format\": 0, \"jobs\": [ 5, null ] }", 37, -EBADMSG);
        CHECK(unlink(path) == 0 && mkdir(path, 0755) == 0);
        CHECK_EQUAL(job_registry_open(path, &registry, NULL), -EBADMSG);
}

/* stores that are there */

static void make_store(const char *name, const char *from, const char *to) {
        _cleanup_mpz_ mpz_t a, b;
        char *text, file[600];
        size_t size;
        Grid grid;

        mpz_inits(a, b, NULL);
        CHECK_EQUAL(number_parse(a, from, NULL), 0);
        CHECK(!to || number_parse(b, to, NULL) == 0);
        CHECK_EQUAL(grid_init(&grid, a, to ? b : NULL, NULL), 0);
        CHECK_EQUAL(job_file_encode(&grid, 256, &text, &size), 0);
        CHECK(mkdir(path_of(name), 0755) == 0);
        (void) snprintf(file, sizeof file, "%s/job", path_of(name));
        write_text(file, text, size);
        free(text);
        grid_done(&grid);
}

typedef struct Told {
        unsigned n_adopted, n_ignored;
        char reasons[4096];
} Told;

static void on_adopted(const RegistryJob *job, void *userdata) {
        Told *told = userdata;

        told->n_adopted++;
        CHECK_EQUAL(job->state, REGISTRY_PAUSED);
        CHECK_EQUAL(job->origin, REGISTRY_BY_STORE);
}

static void on_ignored(const char *reason, void *userdata) {
        Told *told = userdata;

        told->n_ignored++;
        (void) snprintf(told->reasons + strlen(told->reasons), sizeof told->reasons - strlen(told->reasons), "%s\n",
                        reason);
}

static Told adopt(JobRegistry *registry) {
        Told told = {};
        const RegistryAdoption adoption = { on_adopted, on_ignored, &told };

        CHECK_EQUAL(job_registry_adopt(registry, folder, &adoption, NULL), 0);
        return told;
}

static void test_forgotten_stores_are_adopted(void) {
        char file[600];
        JobRegistry *registry;
        Told told;

        empty_folder();
        make_store("0-2000", "0", "2000");
        make_store("10-open", "10", NULL);
        make_store("renamed", "0", "3000");
        make_store("0-1000", "0", "1000"); /* is listed */
        make_store("0-4000", "0", "4000");
        (void) snprintf(file, sizeof file, "%s/job", path_of("0-4000"));
        write_text(file, "nonsense", 8);
        CHECK(mkdir(path_of("other"), 0755) == 0);
        write_text(path_of("file"), "", 0);
        CHECK(symlink("0-2000", path_of("last")) == 0);

        registry = open_registry();
        put_samples(registry);
        told = adopt(registry);
        CHECK_EQUAL(told.n_adopted, 2);
        CHECK_EQUAL(told.n_ignored, 2);
        CHECK(strstr(told.reasons, "renamed") && strstr(told.reasons, "0-3000") && strstr(told.reasons, "0-4000"));
        CHECK_EQUAL(job_registry_n_jobs(registry), 4);
        CHECK_STRING(job_registry_find(registry, "0-2000")->to, "2000");
        CHECK(job_registry_find(registry, "10-open")->to == NULL);
        job_registry_close(registry);

        registry = open_registry(); /* it was written */
        CHECK_EQUAL(job_registry_n_jobs(registry), 4);
        told = adopt(registry);
        CHECK_EQUAL(told.n_adopted, 0);
        job_registry_close(registry);
}

static void test_no_folder_has_no_stores(void) {
        const RegistryAdoption adoption = { on_adopted, on_ignored, NULL };
        JobRegistry *registry;

        empty_folder();
        registry = open_registry();
        CHECK_EQUAL(job_registry_adopt(registry, path_of("nothing"), &adoption, NULL), 0);
        job_registry_close(registry);
}

static void test_gone_stores_are_forgotten(void) {
        RegistryJob there = sample_job(), gone = open_job(), listed = sample_job();
        char store[600];
        JobRegistry *registry;

        empty_folder();
        make_store("0-1000", "0", "1000");
        (void) snprintf(store, sizeof store, "%s", path_of("0-1000"));
        there.store = store;
        there.state = REGISTRY_WITHDRAWN;
        gone.store = (char *) "/nowhere/5-open";
        listed.name = (char *) "1-1000";
        listed.from = (char *) "1";
        listed.store = (char *) "/nowhere/1-1000";
        registry = open_registry();
        CHECK(job_registry_put(registry, &there, NULL) == 0 && job_registry_put(registry, &gone, NULL) == 0 &&
              job_registry_put(registry, &listed, NULL) == 0);
        CHECK_EQUAL(job_registry_prune(registry, NULL), 0);
        CHECK_EQUAL(job_registry_n_jobs(registry), 2);
        check_same(job_registry_job(registry, 0), &there);
        check_same(job_registry_job(registry, 1), &listed);
        job_registry_close(registry);
}

int main(void) {
        CHECK(mkdtemp(folder));
        (void) snprintf(path, sizeof path, "%s/jobs.json", folder);
        RUN(test_what_is_written_is_read_again);
        RUN(test_the_largest_numbers_fit);
        RUN(test_changes_keep_the_name);
        RUN(test_failed_writes_change_nothing);
        RUN(test_the_lock_is_nobody_elses);
        RUN(test_one_process_at_a_time);
        RUN(test_damage_is_refused);
        RUN(test_forgotten_stores_are_adopted);
        RUN(test_no_folder_has_no_stores);
        RUN(test_gone_stores_are_forgotten);
        empty_folder();
        (void) rmdir(folder);
        return tests_end();
}
