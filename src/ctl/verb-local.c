/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl local: all primes of an interval, found by a master and workers of this machine. */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/option.h"
#include "base/parse.h"
#include "base/processor.h"
#include "base/text.h"
#include "ctl/certainty-option.h"
#include "ctl/json-text.h"
#include "ctl/local-cluster.h"
#include "ctl/progress.h"
#include "ctl/slow-test.h"
#include "ctl/store-path.h"
#include "ctl/verb.h"
#include "prime/grid.h"
#include "prime/number.h"
#include "prime/sieve/run.h"
#include "settings/settings.h"
#include "store/reader.h"
#include "store/store-certainty.h"
#include "store/store.h"
#include "wire/message.h"

#define DEFAULT_TO "10^9"
#define MEMORY_DEFAULT (UINT64_C(320) << 20) /* of one worker, as without --memory */
#define BYTES_PER_PRIME_MIN 0.001 /* digests alone take less, and it says nothing */
#define WORKERS_MAX 64 /* so many processes of one machine help nobody */

/* What the store that is to go on, or has ended, is like. */
typedef struct StoreState {
        Certainty certainty;   /* 0: it is not complete */
        StoreKeep keep;        /* of its last block; 0: there is no store yet */
        uint64_t n_digest;     /* so many blocks are kept as digests */
} StoreState;

/* One call of the verb: what was asked for, and what happened. */
typedef struct LocalRun {
        const char *from_word, *to_word, *length_word;
        char *store_path;
        bool store_is_default;
        unsigned n_threads, n_workers, segment_blocks;
        uint64_t memory_bytes;    /* of each worker; 0: the default */
        const char *segment_size; /* NULL: the default */
        Certainty certainty; /* 0: the default */
        StoreKeep keep; /* 0: the default */
        bool quiet, json, debug;

        mpz_t from, to;
        sd_event *event;
        LocalCluster *cluster;
        Progress progress;
        bool waiting; /* the last report said so */
        Report report; /* the last one */
        bool reported;
        LocalOutcome outcome;
        Problem problem;
        unsigned n_restarts;
        int signal_number; /* that interrupted it; 0: none */
} LocalRun;

static void help(void) {
        printf("primectl local [OPTIONS...]\n\n"
               "Find all primes of an interval with all cores of this machine and store them\n"
               "in order. Interrupt it at any time: the same command goes on where it was.\n\n"
               "  -h --help              Show this help\n"
               "     --from=A            Begin at A (default: 0)\n"
               "     --to=B              End before B: the interval is [A, B), B exclusive\n"
               "     --length=N          End before A + N: the interval is [A, A+N)\n"
               "     --store=DIR         Where the primes go (default: a folder for each\n"
               "                         interval, see primectl(1))\n"
               "     --threads=N         Threads of each worker (default: all cores, shared\n"
               "                         among the workers)\n"
               "     --workers=N         Worker processes (default: 1)\n"
               "     --memory=SIZE       Memory that each worker keeps to, with K, M, G or T\n"
               "                         (default: 320M, or less where there is little)\n"
               "     --segment-blocks=N  Blocks in one file of a new store (default: so many\n"
               "                         that it has about 128 MiB)\n"
               "     --segment-size=SIZE The same in bytes, about, with K, M, G or T; not with\n"
               "                         --segment-blocks\n"
               "     --certainty=WHAT    proved: by proof, up to 4*10^33; bpsw: proved below\n"
               "                         2^64, Baillie-PSW test above (default: as before; a\n"
               "                         new store is bpsw)\n"
               "     --keep=WHAT         full: the primes; digest: counts and digests, in a few\n"
               "                         bytes, from which any prime is found again on demand\n"
               "                         (default: as before; a new store is full)\n"
               "  -q --quiet             Print nothing but errors\n"
               "     --json              End with one JSON object on standard output\n"
               "     --debug             Log details\n\n"
               "Without an interval it goes on with the store, or with the one that was used\n"
               "last, or finds the primes below 10^9.\n"
               "A, B and N are integers of any size: 123, 1e12, 10^24, 2^64+13, 5*10^30.\n");
}

static int parse_segment_size(const char *word) {
        uint64_t bytes;

        if (parse_size(word, &bytes) >= 0 && bytes > 0)
                return 0;
        log_error("--segment-size=%s is not a size: write digits and K, M, G or T, like 128M.", word);
        return -EINVAL;
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_arguments(int argc, char *argv[], LocalRun *run) {
        enum { ARG_FROM = 0x100, ARG_TO, ARG_LENGTH, ARG_STORE, ARG_THREADS, ARG_WORKERS, ARG_MEMORY,
               ARG_SEGMENT_BLOCKS, ARG_SEGMENT_SIZE, ARG_CERTAINTY, ARG_KEEP, ARG_JSON, ARG_DEBUG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "from", required_argument, NULL, ARG_FROM },
                { "to", required_argument, NULL, ARG_TO },
                { "length", required_argument, NULL, ARG_LENGTH },
                { "store", required_argument, NULL, ARG_STORE },
                { "threads", required_argument, NULL, ARG_THREADS },
                { "workers", required_argument, NULL, ARG_WORKERS },
                { "memory", required_argument, NULL, ARG_MEMORY },
                { "segment-blocks", required_argument, NULL, ARG_SEGMENT_BLOCKS },
                { "segment-size", required_argument, NULL, ARG_SEGMENT_SIZE },
                { "certainty", required_argument, NULL, ARG_CERTAINTY },
                { "keep", required_argument, NULL, ARG_KEEP },
                { "quiet", no_argument, NULL, 'q' },
                { "json", no_argument, NULL, ARG_JSON },
                { "debug", no_argument, NULL, ARG_DEBUG },
                {},
        };

        optind = 0;
        for (int c; (c = option_next(argc, argv, "hq", options, "primectl local")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case 'q':
                        run->quiet = true;
                        break;
                case ARG_FROM:
                        run->from_word = optarg;
                        break;
                case ARG_TO:
                        run->to_word = optarg;
                        break;
                case ARG_LENGTH:
                        run->length_word = optarg;
                        break;
                case ARG_STORE:
                        free(run->store_path);
                        run->store_path = strdup(optarg);
                        if (!run->store_path || optarg[0] == '\0') {
                                log_error("--store= needs the path of a folder");
                                return -1;
                        }
                        break;
                case ARG_THREADS:
                        if (option_unsigned("threads", optarg, 1, WIRE_THREADS_MAX, &run->n_threads) < 0)
                                return -1;
                        break;
                case ARG_WORKERS:
                        if (option_unsigned("workers", optarg, 1, WORKERS_MAX, &run->n_workers) < 0)
                                return -1;
                        break;
                case ARG_MEMORY:
                        if (option_size("memory", optarg, WORKER_MEMORY_MIN, WORKER_MEMORY_MAX, &run->memory_bytes) < 0)
                                return -1;
                        break;
                case ARG_SEGMENT_BLOCKS:
                        if (option_unsigned("segment-blocks", optarg, 1, STORE_SEGMENT_BLOCKS_MAX,
                                            &run->segment_blocks) < 0)
                                return -1;
                        break;
                case ARG_SEGMENT_SIZE:
                        if (parse_segment_size(optarg) < 0)
                                return -1;
                        run->segment_size = optarg;
                        break;
                case ARG_CERTAINTY:
                        if (option_certainty(optarg, &run->certainty) < 0)
                                return -1;
                        break;
                case ARG_KEEP:
                        if (store_keep_parse(optarg, &run->keep) < 0) {
                                log_error("--keep=%s: give \"full\" or \"digest\".", optarg);
                                return -1;
                        }
                        break;
                case ARG_JSON:
                        run->json = true;
                        break;
                case ARG_DEBUG:
                        run->debug = true;
                        break;
                default:
                        return -1;
                }
        if (optind < argc) {
                log_error("Unexpected argument '%s'. Give the interval with --from and --to; try "
                          "'primectl local --help'.", argv[optind]);
                return -1;
        }
        if (run->segment_blocks > 0 && run->segment_size) {
                log_error("Give --segment-blocks or --segment-size, not both.");
                return -1;
        }
        if (run->to_word && run->length_word) {
                log_error("Give --to or --length, not both.");
                return -1;
        }
        if (run->from_word && !run->to_word && !run->length_word) {
                log_error("--from=%s needs an end: add --to or --length.", run->from_word);
                return -1;
        }
        return 1;
}

/* The interval */

/* From the words of the command line. Negative: usage error in run->problem. */
static int interval_from_words(LocalRun *run) {
        Grid grid;
        int r;

        r = number_parse(run->from, run->from_word ?: "0", &run->problem);
        if (r < 0)
                return r;
        r = number_parse(run->to, run->length_word ?: run->to_word ?: DEFAULT_TO, &run->problem);
        if (r < 0)
                return r;
        if (run->length_word)
                mpz_add(run->to, run->to, run->from);

        /* Is it an interval that can be a job at all? */
        r = grid_init(&grid, run->from, run->to, &run->problem);
        if (r >= 0)
                grid_done(&grid);
        return r;
}

/* No interval was given: the one of the store, if there is a store. 1: found; 0: no store. */
static int interval_from_store(LocalRun *run, const char *store_path) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        _cleanup_free_ char *job = NULL;
        const Grid *grid;
        int r;

        if (asprintf(&job, "%s/job", store_path) < 0)
                return problem_set(&run->problem, ENOMEM, "Out of memory.");
        if (access(job, F_OK) < 0)
                return 0;
        r = reader_open(store_path, &reader, &run->problem);
        if (r < 0)
                return r;
        grid = reader_grid(reader);
        if (grid->open)
                return problem_set(&run->problem, EINVAL, "The job of the store %s has no end, so it cannot be "
                                   "continued here: give another folder with --store.", store_path);
        mpz_set(run->from, grid->from);
        mpz_set(run->to, grid->to);
        return 1;
}

/* Events */

/* Says so when the job begins to wait, and when it goes on. */
static void run_tell_waiting(LocalRun *run, bool waiting) {
        if (waiting == run->waiting)
                return;
        run->waiting = waiting;
        progress_clear(&run->progress);
        if (waiting)
                log_warning("%s Ctrl-C ends it; the same command continues it later.", run->report.problem);
        else if (strcmp(run->report.state, "running") == 0)
                log_notice("There is room again: the job goes on.");
}

static void on_report(const Report *report, void *userdata) {
        LocalRun *run = userdata;
        char *from = strdup(report->from), *to = strdup(report->to);

        if (run->store_is_default && !run->reported)
                store_path_remember(run->store_path);
        report_done(&run->report);
        run->report = *report;
        run->report.from = from;
        run->report.to = to;
        run->reported = true;
        run_tell_waiting(run, strcmp(report->state, REPORT_WAITING) == 0);
        if (!run->quiet && strcmp(report->state, "running") == 0)
                progress_show(&run->progress, report, clock_now_usec());
}

static void on_worker_died(const char *how, void *userdata) {
        LocalRun *run = userdata;

        run->n_restarts++;
        progress_clear(&run->progress);
        log_warning("A worker died (%s) and is started again; nothing is lost.", how);
}

static void on_connection_lost(const char *reason, void *userdata) {
        LocalRun *run = userdata;

        progress_clear(&run->progress);
        log_warning("A connection between worker and master broke (%s) and is replaced; nothing is lost.", reason);
}

static void on_ended(LocalOutcome outcome, const char *problem, void *userdata) {
        LocalRun *run = userdata;

        run->outcome = outcome;
        (void) snprintf(run->problem.text, sizeof run->problem.text, "%s", problem);
        (void) sd_event_exit(run->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        LocalRun *run = userdata;

        if (run->signal_number == 0 && !run->quiet) {
                progress_clear(&run->progress);
                fprintf(stderr, "Stopping …\n");
        }
        run->signal_number = (int) info->ssi_signo;
        local_cluster_stop(run->cluster);
        return 0;
}

/* Results */

static double bytes_per_prime(const Report *report) {
        return report->primes > 0 ? (double) (report->segment_bytes + report->spool_bytes) / (double) report->primes
                                  : 0;
}

static double run_rate(const Report *report) {
        return report->elapsed_usec > 0
                       ? (report->numbers_done - report->numbers_at_start) / ((double) report->elapsed_usec / 1e6)
                       : 0;
}

static const char *outcome_name(const LocalRun *run) {
        switch (run->outcome) {
        case LOCAL_FINISHED:
                return "finished";
        case LOCAL_STOPPED:
                return "interrupted";
        default:
                return "failed";
        }
}

static json_t *json_digits(uint64_t value) {
        char digits[24];

        (void) snprintf(digits, sizeof digits, "%" PRIu64, value);
        return json_string(digits);
}

/* What cannot be read is not told: the master said so. */
static StoreState look_at_store(const LocalRun *run) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        uint64_t n_blocks;
        ReaderParts parts;

        if (reader_open(run->store_path, &reader, NULL) < 0)
                return (StoreState) {};
        n_blocks = reader_frontier(reader);
        if (n_blocks == 0 || reader_parts(reader, &parts, NULL) < 0)
                return (StoreState) {};
        return (StoreState) {
                .certainty = n_blocks < reader_grid(reader)->n_blocks ? 0 :
                             parts.n_bpsw > 0 ? CERTAINTY_BPSW : CERTAINTY_PROVED,
                .keep = parts.last_keep,
                .n_digest = parts.n_digest,
        };
}

static const char *reached_certainty(const LocalRun *run, const StoreState *state) {
        return certainty_name(state->certainty ?: certainty_at(run->certainty, run->to));
}

/* However it ended: one object. */
static int print_json(const LocalRun *run) {
        const Report *report = &run->report;
        const StoreState state = look_at_store(run);
        _cleanup_free_ char *from = number_format(run->from), *to = number_format(run->to);
        json_t *object;
        int r;

        object = json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:s, s:s, s:f, s:f, s:f, s:I, s:i, s:i, s:i, s:o, s:o, s:b}",
                           "state", outcome_name(run), "problem", json_text(run->problem.text),
                           "from", from ?: "", "to", to ?: "",
                           "primes", json_digits(report->primes), "blocks", json_digits(report->blocks_in_order),
                           "certainty", reached_certainty(run, &state), "audit", "unaudited",
                           "seconds", (double) report->elapsed_usec / 1e6, "numbers_per_second", run_rate(report),
                           "bytes_per_prime", bytes_per_prime(report),
                           "bytes", (json_int_t) (report->segment_bytes + report->spool_bytes),
                           "workers", (int) run->n_workers, "threads", (int) run->n_threads,
                           "worker_restarts", (int) run->n_restarts,
                           "disagreements", json_digits(report->disagreements), "store", json_text(run->store_path),
                           "resumed", report->blocks_at_start > 0);
        r = object ? json_dumpf(object, stdout, JSON_INDENT(8) | JSON_REAL_PRECISION(10)) : -1;
        json_decref(object);
        return r < 0 || putchar('\n') < 0 ? -EIO : 0;
}

static void print_summary(const LocalRun *run) {
        const Report *report = &run->report;
        const StoreState state = look_at_store(run);
        _cleanup_free_ char *from = number_format_short(run->from), *to = number_format_short(run->to);
        char span[TEXT_SIZE], rate[TEXT_SIZE], bytes[TEXT_SIZE];
        uint64_t n_new = report->blocks_in_order + report->blocks_spooled - report->blocks_at_start;

        printf("%" PRIu64 " primes in [%s, %s)\n\n", report->primes, from ?: "?", to ?: "?");
        if (n_new > 0)
                printf("  time    %s with %u thread%s, %s numbers/s%s\n", text_duration(report->elapsed_usec, span),
                       run->n_threads * run->n_workers, run->n_threads * run->n_workers == 1 ? "" : "s",
                       text_metric(run_rate(report), rate),
                       report->blocks_at_start > 0 ? " (the rest was there already)" : "");
        else
                printf("  time    none: the store was complete already\n");
        printf("  size    %s", text_bytes(report->segment_bytes + report->spool_bytes, bytes));
        if (bytes_per_prime(report) >= BYTES_PER_PRIME_MIN)
                printf(", %.3f bytes per prime", bytes_per_prime(report));
        putchar('\n');
        printf("  store   %s\n", run->store_path);
        if (state.n_digest > 0)
                printf("  keeps   digests of %" PRIu64 " block%s, primes of %" PRIu64 "\n", state.n_digest,
                       text_plural(state.n_digest), report->blocks_in_order - state.n_digest);
        printf("  state   complete, %s, unaudited\n", reached_certainty(run, &state));
        if (report->disagreements > 0)
                printf("  ! %" PRIu64 " blocks were answered twice and differently: a machine computes wrongly\n",
                       report->disagreements);
}

/* Prints the path so that a shell takes it for one word. */
static void print_quoted(const char *path) {
        if (path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%")] == '\0') {
                fputs(path, stdout);
                return;
        }
        putchar('\'');
        for (; *path; path++)
                if (*path == '\'')
                        fputs("'\\''", stdout);
                else
                        putchar(*path);
        putchar('\'');
}

static void print_next_steps(const LocalRun *run) {
        static const char *const steps[] = { "cat -n 10", "count", "info", "verify" };

        printf("\nTry next:\n");
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                printf("  ");
                print_quoted(program_invocation_name);
                printf(" %s", steps[i]);
                if (!run->store_is_default) {
                        printf(" --store ");
                        print_quoted(run->store_path);
                }
                putchar('\n');
        }
}

/* Says how it ended; returns the exit status. */
static int run_end(LocalRun *run) {
        int status = EXIT_SUCCESS, r = 0;

        progress_clear(&run->progress);
        switch (run->outcome) {
        case LOCAL_FAILED:
                log_error("%s", run->problem.text);
                status = EXIT_FAILURE;
                break;
        case LOCAL_STOPPED:
                if (!run->quiet)
                        fprintf(stderr, "Interrupted. Start the same command again to continue.\n");
                status = run->signal_number > 0 ? 128 + run->signal_number : EXIT_FAILURE;
                break;
        case LOCAL_FINISHED:
                if (!run->quiet && !run->json) {
                        print_summary(run);
                        print_next_steps(run);
                }
                break;
        }
        if (run->json)
                r = print_json(run);
        if (r < 0 || fflush(stdout) < 0 || ferror(stdout)) {
                log_error_errno(errno, "Failed to print the summary: %m.");
                return EXIT_FAILURE;
        }
        return status;
}

/* By nohup(1), or by a shell for what it runs in the background: then it stays so. */
static bool signal_is_ignored(int signal_number) {
        struct sigaction action;

        return sigaction(signal_number, NULL, &action) >= 0 && action.sa_handler == SIG_IGN;
}

static int run_cluster(LocalRun *run) {
        static const LocalClusterCallbacks callbacks = {
                .on_report = on_report,
                .on_ended = on_ended,
                .on_worker_died = on_worker_died,
                .on_connection_lost = on_connection_lost,
        };
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        _cleanup_free_ char *from = number_format(run->from), *to = number_format(run->to);
        const LocalClusterSettings settings = {
                .store_path = run->store_path,
                .from = from,
                .to = to,
                .segment_blocks = run->segment_blocks,
                .segment_size = run->segment_size,
                .certainty = run->certainty ? certainty_name(run->certainty) : NULL,
                .keep = run->keep ? store_keep_name(run->keep) : NULL,
                .n_workers = run->n_workers,
                .n_threads = run->n_threads,
                .memory_bytes = run->memory_bytes,
                .debug = run->debug,
        };
        sigset_t mask;
        int r;

        if (!from || !to)
                return problem_set(&run->problem, ENOMEM, "Out of memory.");

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                if (!signal_is_ignored(signals[i]))
                        (void) sigaddset(&mask, signals[i]);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);

        progress_init(&run->progress, stderr, isatty(STDERR_FILENO), clock_now_usec());
        r = sd_event_default(&run->event);
        if (r < 0)
                return problem_set(&run->problem, r, "Failed to make the event loop: %m.");
        r = local_cluster_new(run->event, &settings, &callbacks, run, &run->cluster, &run->problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                if (signal_is_ignored(signals[i]))
                        continue;
                r = sd_event_add_signal(run->event, NULL, signals[i], on_signal, run);
                if (r < 0)
                        return problem_set(&run->problem, r, "Failed to watch for signals: %m.");
        }
        r = sd_event_loop(run->event);
        return r < 0 ? problem_set(&run->problem, r, "The event loop failed: %m") : 0;
}

/* Neither a store nor a place for one. */
static int no_place(LocalRun *run, int error) {
        if (error == -ENOENT)
                return problem_set(&run->problem, error, "Neither HOME nor XDG_DATA_HOME is set: say with --store "
                                   "where the primes should go.");
        return problem_set(&run->problem, error, "Out of memory.");
}

/* Finds out which interval and which store. 0; -EINVAL or -ERANGE: wrong usage; other errors. */
static int run_prepare(LocalRun *run) {
        bool has_interval = run->from_word || run->to_word || run->length_word;
        _cleanup_free_ char *last = NULL;
        int r;

        if (!has_interval) {
                if (!run->store_path) {
                        r = store_path_last(&last);
                        if (r < 0)
                                return no_place(run, r);
                }
                r = interval_from_store(run, run->store_path ?: last);
                if (r < 0)
                        return -EIO;
                if (r > 0) {
                        if (!run->store_path) {
                                run->store_path = TAKE_PTR(last);
                                run->store_is_default = true;
                        }
                        return 0;
                }
        }
        r = interval_from_words(run);
        if (r < 0)
                return r;
        if (!run->store_path) {
                r = store_path_for_job(run->from, run->to, &run->store_path);
                if (r < 0)
                        return no_place(run, r);
                run->store_is_default = true;
        }
        return 0;
}

/* Of one of several workers: each would take what it takes when it is alone. */
static uint64_t share_memory(unsigned n_workers) {
        uint64_t bytes = MIN(MEMORY_DEFAULT, memory_physical() / 5 * 2 / n_workers);

        return MAX(bytes, WORKER_MEMORY_MIN);
}

/* Files that root writes into the store of another user would be that user's trouble. 0 or negative errno. */
static int check_owner(LocalRun *run) {
        _cleanup_free_ char *job = NULL;
        const struct passwd *owner;
        struct stat st;

        if (asprintf(&job, "%s/job", run->store_path) < 0)
                return problem_set(&run->problem, ENOMEM, "Out of memory.");
        /* A folder that is no store yet will be root's. */
        if (geteuid() != 0 || stat(job, &st) < 0 || st.st_uid == 0)
                return 0;
        owner = getpwuid(st.st_uid);
        return problem_set(&run->problem, EPERM, "The store '%s' belongs to the user %.100s, who could not go on with "
                           "files that root wrote into it: run this as that user (runuser -u %.100s -- …), or let the "
                           "master do it, if the store is one of its jobs ('primectl jobs').", run->store_path,
                           owner ? owner->pw_name : "of another host", owner ? owner->pw_name : "USER");
}

/* Somebody took the primes out of it and may not think that it stays so. */
static void tell_kept(const LocalRun *run) {
        StoreState state;

        if (run->quiet || run->keep != 0)
                return;
        state = look_at_store(run);
        if (state.keep == STORE_KEEP_DIGEST && state.certainty == 0)
                log_notice("The store keeps digests of what comes, as of its last block; with --keep full it keeps the "
                           "primes.");
}

/* Returns the exit status. */
static int run_whole(LocalRun *run) {
        int r;

        r = run_prepare(run);
        if (r >= 0)
                r = check_owner(run);
        if (r >= 0)
                r = certainty_check(run->certainty, run->to, &run->problem);
        if (r >= 0)
                r = store_settle_certainty(run->store_path, run->certainty, &run->certainty, &run->problem);
        if (r < 0) {
                log_error("%s", run->problem.text);
                return r == -EINVAL || r == -ERANGE ? EXIT_USAGE : EXIT_FAILURE;
        }
        if (run->n_threads == 0)
                run->n_threads = MAX(processors_usable() / run->n_workers, 1U);
        if (run->n_threads * run->n_workers > WIRE_THREADS_MAX) {
                log_error("%u workers with %u threads each are too many: %d threads in all at most; give fewer "
                          "--threads or --workers.", run->n_workers, run->n_threads, WIRE_THREADS_MAX);
                return EXIT_USAGE;
        }
        if (run->memory_bytes == 0 && run->n_workers > 1)
                run->memory_bytes = share_memory(run->n_workers);
        if (!run->quiet)
                slow_test_warn(run->from);
        tell_kept(run);
        if (run_cluster(run) < 0)
                run->outcome = LOCAL_FAILED;
        return run_end(run);
}

int verb_local(int argc, char *argv[]) {
        LocalRun run = { .n_workers = 1 };
        int r;

        r = parse_arguments(argc, argv, &run);
        if (r > 0) {
                mpz_inits(run.from, run.to, NULL);
                r = run_whole(&run);
                mpz_clears(run.from, run.to, NULL);
                local_cluster_free(run.cluster);
                sd_event_unref(run.event);
                report_done(&run.report);
        } else
                r = r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
        free(run.store_path);
        return r;
}
