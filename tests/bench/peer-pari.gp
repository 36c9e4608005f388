\\ SPDX-License-Identifier: LGPL-2.1-or-later
\\ A peer of the kernels: PARI's forprime() from 2^bits on. Prints "SECONDS PRIMES", seconds of CPU time.
\\ Variables that the caller sets before: bits, seconds.
default(breakloop, 0);
run() = {
        my(n = 0, begin = getabstime());
        forprime(p = 2^bits, oo, n++; if (n % 16 == 0 && getabstime() - begin >= 1000 * seconds, break));
        printf("%.3f %d\n", (getabstime() - begin) / 1000., n);
}
run()
