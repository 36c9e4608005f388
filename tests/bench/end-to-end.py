#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole main job against the bare kernel, in one run.

For each place: the bare kernel computes an interval with one thread and throws it away; then primectl local computes
and stores it, with one thread and with all. They take turns; the medians of wall times are compared. "cores" is CPU
time of all processes over wall time, so it shows what master, packing and encryption cost.

    end-to-end.py BUILD [LENGTH [ROUNDS]]
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
LENGTH = sys.argv[2] if len(sys.argv) > 2 else "10^10"
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
PLACES = ["10^10", "10^12", "10^15"]
THREADS = len(os.sched_getaffinity(0))


def bare(place):
    output = subprocess.run([os.path.join(BUILD, "tests", "bench", "bare-kernel"), place, LENGTH], check=True,
                            stdout=subprocess.PIPE, text=True).stdout.split()
    return float(output[0]), int(output[1])


def whole(place, threads, folder):
    """Wall seconds, cores, bytes per prime, primes."""
    store = os.path.join(folder, "store")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    output = subprocess.run([os.path.join(BUILD, "src", "ctl", "primectl"), "local", "--quiet", "--json", "--store",
                             store, "--from", place, "--length", LENGTH, "--threads", str(threads)],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    summary = json.loads(output)
    shutil.rmtree(store)
    return seconds, cpu / seconds, summary["bytes_per_prime"], int(summary["primes"])


def main():
    folder = tempfile.mkdtemp(prefix="primed-bench-", dir=os.environ.get("PRIMED_BENCH_FOLDER"))
    print(f"interval of {LENGTH} numbers, {ROUNDS} rounds, medians; store in {folder}")
    print(f"{'from':>6} {'bare kernel':>12} {'1 thread':>10} {'share of bare':>14} {'cores':>6}"
          f" {f'{THREADS} threads':>10} {'speed-up':>9} {'cores':>6} {'bytes/prime':>12}")
    try:
        for place in PLACES:
            rows = []
            for _ in range(ROUNDS):
                bare_seconds, count = bare(place)
                one = whole(place, 1, folder)
                many = whole(place, THREADS, folder)
                assert count == one[3] == many[3], f"{place}: {count}, {one[3]}, {many[3]} primes"
                rows.append((bare_seconds, one[0], bare_seconds / one[0], one[1], many[0], one[0] / many[0], many[1],
                             one[2]))
            m = [statistics.median(column) for column in zip(*rows)]
            print(f"{place:>6} {m[0]:>10.2f} s {m[1]:>8.2f} s {100 * m[2]:>13.0f}% {m[3]:>6.2f} {m[4]:>8.2f} s"
                  f" {m[5]:>8.2f}x {m[6]:>6.2f} {m[7]:>12.3f}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
