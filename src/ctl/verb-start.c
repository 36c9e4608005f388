/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl start: gives the master a job. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/option.h"
#include "ctl/client.h"
#include "ctl/job-wait.h"
#include "ctl/answer.h"
#include "ctl/certainty-option.h"
#include "ctl/slow-test.h"
#include "ctl/verb.h"
#include "prime/certainty.h"
#include "prime/grid.h"
#include "prime/number.h"
#include "wire/message.h"

typedef struct Start {
        const char *from_word, *to_word, *length_word;
        unsigned priority; /* 0: the master's default */
        Certainty certainty; /* 0: not asked for */
        bool open, wait;
        ClientOptions client;

        mpz_t from, to;
        char *name; /* of the new job */
} Start;

static void help(void) {
        printf("primectl start [OPTIONS...] --to=B\n\n"
               "Let the master on this host find all primes of an interval with all workers that\n"
               "it has, now and later, and store them in order.\n\n"
               CLIENT_HELP
               "     --from=A           Begin at A (default: 0)\n"
               "     --to=B             End before B: the interval is [A, B), B exclusive\n"
               "     --length=N         End before A + N: the interval is [A, A+N)\n"
               "     --open             No end: go on until it is paused or cancelled\n"
               "     --priority=N       Share of the workers' time among the jobs, 1 to %d\n"
               "                        (default: 100)\n"
               "     --certainty=WHAT   proved: by proof, up to 4*10^33; bpsw: proved below\n"
               "                        2^64, Baillie-PSW test above (default)\n"
               "     --wait             Show the progress and end when the job does\n"
               "  -q --quiet            Say nothing but errors\n\n"
               "Integers are written as 10^24, 2^64+13, 5*10^30 or 1.5e12; see primectl(1).\n", WIRE_PRIORITY_MAX);
}

/* 1: go on; 0: done; negative: usage error, already told. */
static int parse_options(int argc, char *argv[], Start *start) {
        enum { ARG_FROM = CLIENT_ARG_FREE, ARG_TO, ARG_LENGTH, ARG_OPEN, ARG_PRIORITY, ARG_CERTAINTY, ARG_WAIT };
        static const struct option options[] = {
                CLIENT_OPTION_ROWS,
                { "from", required_argument, NULL, ARG_FROM },
                { "to", required_argument, NULL, ARG_TO },
                { "length", required_argument, NULL, ARG_LENGTH },
                { "open", no_argument, NULL, ARG_OPEN },
                { "priority", required_argument, NULL, ARG_PRIORITY },
                { "certainty", required_argument, NULL, ARG_CERTAINTY },
                { "wait", no_argument, NULL, ARG_WAIT },
                {},
        };

        optind = 0;
        for (int c; (c = option_next(argc, argv, CLIENT_LETTERS, options, "primectl start")) >= 0;)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_FROM:
                        start->from_word = optarg;
                        break;
                case ARG_TO:
                        start->to_word = optarg;
                        break;
                case ARG_LENGTH:
                        start->length_word = optarg;
                        break;
                case ARG_OPEN:
                        start->open = true;
                        break;
                case ARG_PRIORITY:
                        if (option_unsigned("priority", optarg, 1, WIRE_PRIORITY_MAX, &start->priority) < 0)
                                return -EINVAL;
                        break;
                case ARG_CERTAINTY:
                        if (option_certainty(optarg, &start->certainty) < 0)
                                return -EINVAL;
                        break;
                case ARG_WAIT:
                        start->wait = true;
                        break;
                default:
                        if (client_option(&start->client, c) <= 0)
                                return -EINVAL;
                }
        return 1;
}

/* As parse_options(). */
static int parse_arguments(int argc, char *argv[], Start *start) {
        int r;

        r = parse_options(argc, argv, start);
        if (r <= 0)
                return r;
        if (optind < argc) {
                log_error("Unexpected argument '%s': the end of the interval is given as --to=%s. Try 'primectl start "
                          "--help'.", argv[optind], argv[optind]);
                return -EINVAL;
        }
        if (!start->to_word && !start->length_word && !start->open) {
                log_error("Where does the job end? Give --to=B or --length=N, or --open for a job without an end. "
                          "Try 'primectl start --help'.");
                return -EINVAL;
        }
        if (!!start->to_word + !!start->length_word + start->open > 1) {
                log_error("Give only one of --to, --length and --open.");
                return -EINVAL;
        }
        if (start->open && start->wait) {
                log_error("A job without an end is never done: give --open without --wait.");
                return -EINVAL;
        }
        return 1;
}

/* What is no interval is told before anybody is asked for anything. */
static int parse_interval(Start *start) {
        Problem problem = PROBLEM_NONE;
        Grid grid;
        int r;

        r = number_parse(start->from, start->from_word ?: "0", &problem);
        if (r >= 0 && !start->open)
                r = number_parse(start->to, start->length_word ?: start->to_word, &problem);
        if (r >= 0 && start->length_word)
                mpz_add(start->to, start->to, start->from);
        if (r >= 0 && !start->open) {
                r = grid_init(&grid, start->from, start->to, &problem);
                if (r >= 0)
                        grid_done(&grid);
        }
        if (r >= 0)
                r = certainty_check(start->certainty, start->open ? NULL : start->to, &problem);
        if (r < 0)
                log_error("%s", problem.text);
        return r;
}

static int append_job(const Start *start, sd_bus_message *call) {
        _cleanup_free_ char *from = number_format(start->from), *to = start->open ? NULL : number_format(start->to);
        int r;

        if (!from || (!to && !start->open))
                return -ENOMEM;
        r = sd_bus_message_append(call, "ss", from, to ?: "");
        if (r >= 0)
                r = sd_bus_message_open_container(call, 'a', "{sv}");
        if (r >= 0 && start->priority > 0)
                r = sd_bus_message_append(call, "{sv}", "priority", "u", (uint32_t) start->priority);
        if (r >= 0 && start->certainty > 0)
                r = sd_bus_message_append(call, "{sv}", "certainty", "s", certainty_name(start->certainty));
        if (r >= 0)
                r = sd_bus_message_close_container(call);
        return r;
}

static int add_job(Start *start, sd_bus *bus) {
        sd_bus_message *call = NULL, *reply = NULL;
        const char *name;
        int r;

        r = client_prepare(bus, "AddJob", &call);
        if (r == EXIT_SUCCESS) {
                r = append_job(start, call);
                if (r < 0) {
                        log_error_errno(r, "Failed to start the job: %m.");
                        r = EXIT_FAILURE;
                } else
                        r = client_call(bus, call, "start the job", &reply);
        }
        if (r == EXIT_SUCCESS && (sd_bus_message_read(reply, "s", &name) < 0 || !(start->name = strdup(name)))) {
                log_error("The master's answer cannot be read.");
                r = EXIT_FAILURE;
        }
        sd_bus_message_unref(call);
        sd_bus_message_unref(reply);
        return r;
}

/* What there is to know and to do next; that nothing more can be learnt is no failure. */
static void tell(const Start *start, sd_bus *bus) {
        _cleanup_free_ char *from = number_format_short(start->from);
        _cleanup_free_ char *to = start->open ? strdup("…") : number_format_short(start->to);
        sd_bus_error error = SD_BUS_ERROR_NULL;
        json_t *status = NULL;

        printf("Started %s: all primes in [%s, %s).\n", start->name, from ?: "?", to ?: "?");
        if (client_query(bus, CLIENT_MASTER, "GetStatus", &status, &error) >= 0 && answer_make_plain(status) >= 0) {
                if (answer_u64(status, "workers") == 0)
                        printf("No worker has joined yet: 'systemctl enable --now primed-worker' on each host that "
                               "should, or 'primectl join %s'.\n", answer_string(status, "name"));
                if (answer_string(status, "hint")[0])
                        printf("%s\n", answer_string(status, "hint"));
        }
        if (!start->wait)
                printf("'primectl status' shows the progress, 'primectl cancel %s' ends it.\n", start->name);
        (void) fflush(stdout);
        sd_bus_error_free(&error);
        json_decref(status);
}

int verb_start(int argc, char *argv[]) {
        Start start = { .client = CLIENT_OPTIONS_DEFAULT };
        sd_bus *bus = NULL;
        int r;

        r = parse_arguments(argc, argv, &start);
        if (r <= 0)
                return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
        mpz_inits(start.from, start.to, NULL);
        if (parse_interval(&start) < 0)
                r = EXIT_USAGE;
        else {
                r = client_open(start.client.host, &bus);
                if (r == EXIT_SUCCESS)
                        r = add_job(&start, bus);
                if (r == EXIT_SUCCESS && !start.client.quiet) {
                        tell(&start, bus);
                        slow_test_warn(start.from);
                }
                if (r == EXIT_SUCCESS)
                        r = client_end_output();
                if (r == EXIT_SUCCESS && start.wait)
                        r = job_wait(bus, start.name, start.client.quiet);
        }
        mpz_clears(start.from, start.to, NULL);
        free(start.name);
        sd_bus_flush_close_unref(bus);
        return r;
}
