#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a single question to a store takes, the start of primectl included.

Boot: all caches of the kernel were dropped before, which takes root; program and libraries are then read from the
disk too: `--version` shows what that costs alone, and /bin/true what the smallest of programs costs on this machine,
which no question can be faster than. Store: only the store's files were dropped. Warm: the median of
several runs that follow; CPU is their processor time, which counts when the machine is not quiet.

Rows with "digest:" are of a store that keeps digests only: what a question needs of the primes is sieved again.

    questions.py BUILD [TO [ROUNDS]]        TO: 123 or 10^11
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
TO = sys.argv[2] if len(sys.argv) > 2 else "10^10"
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 9
PRIMECTL = os.path.join(BUILD, "src", "ctl", "primectl")


def run(words):
    """Milliseconds: on the clock, and of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(words if words[0].startswith("/") else [PRIMECTL, *words], check=words[0] != "is-prime",
                   stdout=subprocess.DEVNULL)
    clock = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def drop_store(store):
    """Of the store's files alone: the program was used a moment ago, the store never."""
    os.sync()
    for name in os.listdir(store):
        fd = os.open(os.path.join(store, name), os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def drop_all(store):
    """Of the kernel: program and libraries too. Without the right to that, of the store."""
    drop_store(store)
    if os.geteuid() == 0:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("3\n")


def measure(store, words, rounds):
    colds = []
    for drop in (drop_all, drop_store):
        times = []
        for _ in range(3):
            drop(store)
            times.append(run(words)[0])
        colds.append(statistics.median(times))
    warm = [run(words) for _ in range(rounds)]
    return *colds, *(statistics.median(column) for column in zip(*warm))


def ask(store, keep):
    base, _, exponent = TO.partition("^")
    top = int(base) ** int(exponent or 1)
    third, half = top // 3, top // 2
    rounds = ROUNDS if keep == "full" else min(ROUNDS, 3)
    questions = [["is-prime", third // 30 * 30 + 1], ["next", half], ["prev", half], ["next", half, "-n", 1000],
                 ["nth", third // 25], ["count"], ["count", third, half], ["twins"], ["twins", third, half], ["gaps"],
                 ["gaps", third, half], ["gaps", "--maximal"], ["classes", third, half], ["random", "--seed=1"],
                 ["random", "--seed=1", "-n", 100], ["coverage"]]
    for words in [["/bin/true"], ["--version"], *questions] if keep == "full" else questions:
        words = [str(word) for word in words]
        where = [] if words[0] in ("/bin/true", "--version") else ["--store", store]
        times = measure(store, [*words, *where], rounds)
        columns = "".join(f" {milliseconds:>7.1f} ms" for milliseconds in times)
        print(f"{'' if keep == 'full' else 'digest: '}{' '.join(words)}".ljust(42) + columns, flush=True)


def main():
    folder = tempfile.mkdtemp(prefix="primed-bench-", dir=os.environ.get("PRIMED_BENCH_FOLDER"))
    try:
        print(f"stores to {TO}; medians of 3 cold runs and up to {ROUNDS} warm ones"
              f"{'' if os.geteuid() == 0 else '; boot is store, for dropping all caches takes root'}")
        print(f"{'':<42} {'boot':>10} {'store':>10} {'warm':>10} {'CPU':>10}")
        for keep in ("full", "digest"):
            store = os.path.join(folder, keep)
            subprocess.run([PRIMECTL, "local", "--quiet", "--to", TO, "--store", store, "--keep", keep], check=True,
                           stdout=subprocess.DEVNULL)
            size = sum(os.stat(os.path.join(store, name)).st_size for name in os.listdir(store))
            print(f"{keep}: {size / 1e6:,.3f} MB")
            ask(store, keep)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
