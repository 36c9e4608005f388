/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text of a profile: it comes back as it was, and nothing else is taken for one. */

#include "prime/sieve/profile.h"

#include <errno.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "test.h"

#define PROCESSOR "Example 3000 (8 cores)"
#define VERSION "0.1.0"

static void check_equal(const SieveProfile *a, const SieveProfile *b) {
        CHECK_EQUAL(a->tuning.block_bytes, b->tuning.block_bytes);
        CHECK_EQUAL(a->tuning.segment_bytes, b->tuning.segment_bytes);
        CHECK_EQUAL(a->tuning.span_bytes, b->tuning.span_bytes);
        CHECK_EQUAL(a->tuning.small_end, b->tuning.small_end);
        CHECK_EQUAL(a->tuning.medium_end, b->tuning.medium_end);
        CHECK_EQUAL(a->tuning.large_end, b->tuning.large_end);
        CHECK_EQUAL(a->tuning.region_bytes, b->tuning.region_bytes);
        CHECK(a->costs.number_nsec == b->costs.number_nsec && a->costs.mark_nsec == b->costs.mark_nsec);
        CHECK(a->costs.hit_nsec == b->costs.hit_nsec && a->costs.base_nsec == b->costs.base_nsec);
        CHECK(a->costs.prime_nsec == b->costs.prime_nsec);
        CHECK(a->costs.prime_word_nsec == b->costs.prime_word_nsec);
        for (unsigned i = 0; i < 5; i++)
                CHECK(a->costs.test_nsec[i] == b->costs.test_nsec[i]);
        for (unsigned i = 0; i < 3; i++)
                CHECK(a->costs.power_nsec[i] == b->costs.power_nsec[i]);
}

/* Another value for each field, all of them whole picoseconds. */
static SieveProfile make_profile(void) {
        SieveProfile profile = sieve_profile_default();

        profile.tuning = (SieveTuning) {
                .block_bytes = 24 << 10,
                .segment_bytes = 512 << 10,
                .span_bytes = 3 << 20,
                .small_end = 20000,
                .medium_end = 300001,
                .large_end = 1300001,
                .region_bytes = 128 << 10,
        };
        profile.costs = (SieveCosts) {
                .number_nsec = 0.125,
                .mark_nsec = 1.5,
                .hit_nsec = 4.25,
                .base_nsec = 0.375,
                .prime_nsec = 6,
                .prime_word_nsec = 2.5,
                .test_nsec = { 100, 200, 300, 400, 500.5 },
                .power_nsec = { 0, 7, 1.75 },
        };
        return profile;
}

static void test_profile_comes_back(void) {
        SieveProfile profile = make_profile(), found;
        _cleanup_free_ char *text = sieve_profile_format(&profile, PROCESSOR, VERSION);
        Problem problem = PROBLEM_NONE;

        CHECK(text && strlen(text) < PROFILE_TEXT_MAX);
        CHECK_EQUAL(sieve_profile_parse(text, PROCESSOR, VERSION, &found, &problem), 0);
        check_equal(&profile, &found);
        CHECK_STRING(problem.text, "");
}

static void test_default_can_be_written(void) {
        SieveProfile profile = sieve_profile_default(), found;
        _cleanup_free_ char *text = sieve_profile_format(&profile, "", "");

        CHECK(text);
        CHECK_EQUAL(sieve_profile_parse(text, "", "", &found, NULL), 0);
        check_equal(&profile, &found);
}

static void test_other_machines_and_versions(void) {
        SieveProfile profile = make_profile(), found = sieve_profile_default(), usual = sieve_profile_default();
        _cleanup_free_ char *text = sieve_profile_format(&profile, PROCESSOR, VERSION);
        Problem problem = PROBLEM_NONE;

        CHECK(text);
        CHECK_EQUAL(sieve_profile_parse(text, "Example 3001", VERSION, &found, &problem), -ESTALE);
        CHECK_STRING(problem.text, "it is for processor \"" PROCESSOR "\", and this is \"Example 3001\"");
        problem = PROBLEM_NONE;
        CHECK_EQUAL(sieve_profile_parse(text, PROCESSOR " ", VERSION, &found, &problem), -ESTALE);
        CHECK_EQUAL(sieve_profile_parse(text, "", VERSION, &found, NULL), -ESTALE);
        problem = PROBLEM_NONE;
        CHECK_EQUAL(sieve_profile_parse(text, PROCESSOR, "0.1.1", &found, &problem), -ESTALE);
        CHECK_STRING(problem.text, "it is for version \"" VERSION "\", and this is \"0.1.1\"");
        check_equal(&found, &usual);
}

/* Names of processors are whatever the kernel says: long, or with an end of line in them. */
static void test_strange_names(void) {
        SieveProfile profile = make_profile(), found;
        char name[3 * PROFILE_WORD_MAX];
        Problem problem = PROBLEM_NONE;

        memset(name, 'x', sizeof name);
        name[sizeof name - 1] = '\0';
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_free_ char *text = sieve_profile_format(&profile, name, name);

                CHECK(text && strlen(text) < PROFILE_TEXT_MAX - 1);
                CHECK_EQUAL(sieve_profile_parse(text, name, name, &found, &problem), 0);
                check_equal(&profile, &found);
                name[10] = '\n';
        }
}

static void test_broken_texts(void) {
        SieveProfile profile = make_profile(), found = sieve_profile_default(), usual = sieve_profile_default();
        _cleanup_free_ char *text = sieve_profile_format(&profile, PROCESSOR, VERSION), *longer = NULL;
        size_t size;

        CHECK(text);
        size = strlen(text);
        for (size_t i = 0; i < size; i++) {
                Problem problem = PROBLEM_NONE;
                char kept = text[i];

                for (unsigned bit = 0; bit < 8; bit++) {
                        text[i] = (char) (kept ^ (1 << bit));
                        CHECK_EQUAL(sieve_profile_parse(text, PROCESSOR, VERSION, &found, &problem), -EINVAL);
                }
                text[i] = '\0'; /* cut */
                CHECK_EQUAL(sieve_profile_parse(text, PROCESSOR, VERSION, &found, &problem), -EINVAL);
                text[i] = kept;
                CHECK(problem.text[0] != '\0');
        }
        longer = malloc(size + 2);
        CHECK(longer);
        (void) snprintf(longer, size + 2, "%s\n", text);
        CHECK_EQUAL(sieve_profile_parse(longer, PROCESSOR, VERSION, &found, NULL), -EINVAL);
        check_equal(&found, &usual);
}

/* The text with `old` replaced by `new`, and the sum that belongs to that. */
static char *edit(const char *text, const char *old, const char *new) {
        const char *place = strstr(text, old), *sum = strstr(text, "xxh3 ");
        char *edited = malloc(PROFILE_TEXT_MAX);
        int n;

        CHECK(edited && place && sum);
        n = snprintf(edited, PROFILE_TEXT_MAX, "%.*s%s%.*s", (int) (place - text), text, new,
                     (int) (sum - place - (ptrdiff_t) strlen(old)), place + strlen(old));
        CHECK(n > 0 && n < PROFILE_TEXT_MAX - 30);
        (void) snprintf(edited + n, PROFILE_TEXT_MAX - (size_t) n, "xxh3 %016" PRIx64 "\n",
                        checksum_xxh3(edited, (size_t) n));
        return edited;
}

/* What somebody made by hand, with a right sum. */
static void test_impossible_values(void) {
        static const struct {
                const char *old, *new, *problem;
        } edits[] = {
                { "block-bytes 24576", "block-bytes 0", "its line \"block-bytes\" says \"0\", which cannot be" },
                { "block-bytes 24576", "block-bytes 99999999999", NULL },
                { "block-bytes 24576", "block-bytes 18446744073709551616", NULL },
                { "block-bytes 24576", "block-bytes 111111111111111111111111111111", NULL },
                { "block-bytes 24576", "block-bytes -1", NULL },
                { "block-bytes 24576", "block-bytes", "it has no line \"block-bytes\" where that belongs" },
                { "block-bytes 24576", "block-bytes ", NULL },
                { "block-bytes 24576\n", "", NULL },
                { "block-bytes 24576\n", "block-bytes 24576\nblock-bytes 24576\n", NULL },
                { "region-bytes 131072", "region-bytes 131071",
                  "its line \"region-bytes\" says \"131071\", which cannot be" },
                { "large-end 1300001", "large-end 2000", NULL },
                { "number-psec 125", "number-psec 0", NULL },
                { "number-psec 125", "number-psec nan", NULL },
                { "number-psec 125", "number-psec 1.5", NULL },
                { "power-square-psec 1750\n", "power-square-psec 1750\nmore 1\n", "it has more lines than it should" },
                { "power-square-psec 1750\n", "", NULL },
                { "processor ", "processors ", "it has no line \"processor\" where that belongs" },
                { "profile 2", "profile 1", "it does not begin with \"primed sieve profile 2\"" },
        };
        SieveProfile profile = make_profile(), found = sieve_profile_default(), usual = sieve_profile_default();
        _cleanup_free_ char *text = sieve_profile_format(&profile, PROCESSOR, VERSION), *same = NULL;

        CHECK(text);
        same = edit(text, "block-bytes", "block-bytes");
        CHECK_STRING(same, text);
        for (size_t i = 0; i < ELEMENTSOF(edits); i++) {
                _cleanup_free_ char *edited = edit(text, edits[i].old, edits[i].new);
                Problem problem = PROBLEM_NONE;

                CHECK_EQUAL(sieve_profile_parse(edited, PROCESSOR, VERSION, &found, &problem), -EINVAL);
                if (edits[i].problem)
                        CHECK_STRING(problem.text, edits[i].problem);
                check_equal(&found, &usual);
        }
}

int main(void) {
        RUN(test_profile_comes_back);
        RUN(test_default_can_be_written);
        RUN(test_other_machines_and_versions);
        RUN(test_strange_names);
        RUN(test_broken_texts);
        RUN(test_impossible_values);
        return tests_end();
}
