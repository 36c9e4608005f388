/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * PARI/GP as an oracle: one process, asked again and again through pipes. Its primes beyond 2^64 are what passes its
 * own Baillie-PSW test.
 */

#include <gmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prime/bitmap.h"
#include "prime/number.h"
#include "test.h"

typedef struct Gp {
        pid_t pid;
        FILE *questions, *answers;
} Gp;

static inline void gp_close(Gp *gp) {
        (void) fclose(gp->questions);
        (void) fclose(gp->answers);
        (void) waitpid(gp->pid, NULL, 0);
}

/* False where gp is not installed. */
static inline bool gp_open(Gp *gp) {
        int questions[2], answers[2];
        char line[16];

        CHECK(pipe(questions) == 0 && pipe(answers) == 0);
        gp->pid = fork();
        CHECK(gp->pid >= 0);
        if (gp->pid == 0) {
                (void) dup2(questions[0], STDIN_FILENO);
                (void) dup2(answers[1], STDOUT_FILENO);
                for (unsigned i = 0; i < 2; i++) {
                        (void) close(questions[i]);
                        (void) close(answers[i]);
                }
                (void) execlp("gp", "gp", "-q", "-f", (char *) NULL);
                _exit(127);
        }
        (void) close(questions[0]);
        (void) close(answers[1]);
        gp->questions = fdopen(questions[1], "we");
        gp->answers = fdopen(answers[0], "re");
        CHECK(gp->questions && gp->answers);

        /* Of a process that ended at once, nothing comes; the question to it must not end the test. */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) fprintf(gp->questions, "default(breakloop, 0); print(\"ready\")\n");
        (void) fflush(gp->questions);
        if (fgets(line, sizeof line, gp->answers) && strcmp(line, "ready\n") == 0)
                return true;
        gp_close(gp);
        return false;
}

/* Sets the bits of the primes in [start, start + length); the others are left as they are. */
static inline void gp_bitmap(Gp *gp, const mpz_t start, uint64_t length, uint8_t *bitmap) {
        _cleanup_free_ char *word = number_format(start);
        uint64_t offset;

        CHECK(word && fprintf(gp->questions,
                              "a = %s; forprime(p = a, a + %" PRIu64 ", print(p - a)); print(\"end\")\n", word,
                              length - 1) > 0);
        CHECK(fflush(gp->questions) == 0);
        while (fscanf(gp->answers, "%" SCNu64, &offset) == 1) {
                CHECK(offset < length);
                if (bitmap_residue_bit[offset % 30] < 8)
                        bitmap[offset / 30] |= (uint8_t) (1U << bitmap_residue_bit[offset % 30]);
        }
        CHECK(fscanf(gp->answers, "end%*1[\n]") == 0 && !ferror(gp->answers) && !feof(gp->answers));
}
