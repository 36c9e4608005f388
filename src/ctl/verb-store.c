/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl store: begins a new file of a store, or keeps less of the old ones. */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/json-number.h"
#include "ctl/json-text.h"
#include "ctl/store-change.h"
#include "ctl/store-verb.h"
#include "ctl/verb.h"

static void help(void) {
        printf("primectl store [OPTIONS...] rotate\n"
               "primectl store [OPTIONS...] vacuum --max-use=SIZE\n"
               "primectl store [OPTIONS...] thin\n\n"
               "rotate: End the file of the store that is being written; what comes next goes\n"
               "to a new one. The old one will not change any more and can be copied.\n\n"
               "vacuum: Take the primes from the oldest files, until the store uses at most\n"
               "SIZE. How many primes each block has, and a digest of them, stays: every\n"
               "question is answered as before, by computing the block again.\n\n"
               "thin: Take the primes from all files.\n\n"
               STORE_VERB_HELP
               "     --max-use=SIZE  Bytes, with K, M, G or T\n"
               "     --json[=MODE]   Write JSON: pretty, short, or off\n"
               "  -q --quiet         Say nothing but errors\n");
}

static void tell(const char *path, const StoreChange *change, const StoreChanged *changed) {
        char freed[TEXT_SIZE];

        if (!change->vacuum)
                printf(changed->n_ended > 0 ? "Ended a file of the store %s; what comes next goes to a new one.\n" :
                                              "There is nothing to end: the store %s writes no file now.\n",
                       path);
        else if (changed->n_thinned > 0)
                printf("Took the primes from %" PRIu64 " file%s of the store %s, and freed %s; counts and digests "
                       "stay.\n", changed->n_thinned, text_plural(changed->n_thinned), path,
                       text_bytes(changed->n_bytes, freed));
        else
                printf("There is nothing to free: the store %s is small enough, or has no file with primes.\n", path);
        if (change->vacuum && changed->n_beyond > 0)
                printf("The files behind a hole keep what they have (%" PRIu64 " block%s), until it is filled: start "
                       "the job again.\n", changed->n_beyond, text_plural(changed->n_beyond));
}

static int tell_json(const char *path, const StoreChanged *changed, JsonMode mode) {
        json_t *object = json_pack("{s:o, s:o, s:o, s:o}", "store", json_text(path),
                                   "ended", json_u64(changed->n_ended), "segments", json_u64(changed->n_thinned),
                                   "bytes_freed", json_u64(changed->n_bytes));
        int r;

        if (!object) {
                log_error("Out of memory.");
                return EXIT_FAILURE;
        }
        r = client_print_json(object, mode);
        json_decref(object);
        return r;
}

/* Which change the words mean. False after saying what is wrong. */
static bool take_change(const StoreArguments *arguments, const char *max_use, StoreChange *ret) {
        const char *word = arguments->n_words > 0 ? arguments->words[0] : "";
        StoreChange change = {};

        if (strcmp(word, "rotate") == 0)
                change = (StoreChange) { .rotate = true, .action = "rotate the store" };
        else if (strcmp(word, "vacuum") == 0)
                change = (StoreChange) { .vacuum = true, .action = "make the store smaller" };
        else if (strcmp(word, "thin") == 0)
                change = (StoreChange) { .rotate = true, .vacuum = true, .action = "thin the store" };
        else {
                log_error(word[0] ? "'%s' is nothing that can be done to a store. Give rotate, vacuum or thin."
                                  : "What is to be done to the store%s? Give rotate, vacuum or thin.", word);
                return false;
        }
        if ((strcmp(word, "vacuum") == 0) != (max_use != NULL)) {
                log_error(max_use ? "--max-use= is for 'primectl store vacuum'."
                                  : "How much may the store use? Give --max-use=SIZE, or 'primectl store thin'.");
                return false;
        }
        if (max_use && parse_size(max_use, &change.target_bytes) < 0) {
                log_error("--max-use=%s is not a size: write digits and K, M, G or T, like 50G.", max_use);
                return false;
        }
        *ret = change;
        return true;
}

int verb_store(int argc, char *argv[]) {
        const char *mode = NULL, *max_use = NULL;
        bool has_mode = false, quiet = false;
        const StoreOption options[] = {
                { "max-use", 0, required_argument, NULL, &max_use },
                { "json", 0, optional_argument, &has_mode, &mode },
                { "quiet", 'q', no_argument, .given = &quiet },
                {},
        };
        const StoreVerb verb = { .name = "store", .help = help, .options = options, .most_words = 1 };
        _cleanup_free_ char *path = NULL;
        JsonMode json = JSON_OFF;
        StoreArguments arguments;
        StoreChange change;
        StoreChanged changed;
        int r;

        if (!store_verb_parse(&verb, argc, argv, &arguments, &r))
                return r;
        if ((has_mode && client_parse_json(mode, &json) < 0) || !take_change(&arguments, max_use, &change))
                return EXIT_USAGE;
        r = store_verb_path(&arguments, &path);
        if (r != 0)
                return r;
        r = store_change_run(path, &change, &changed);
        if (r != EXIT_SUCCESS)
                return r;
        if (json != JSON_OFF)
                return tell_json(path, &changed, json);
        if (!quiet)
                tell(path, &change, &changed);
        return client_end_output();
}
