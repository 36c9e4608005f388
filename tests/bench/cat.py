#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primectl cat against `primesieve -p`: the same primes, both to /dev/null, in turns.

    cat.py BUILD [LENGTH [ROUNDS]]

primesieve finds the primes and prints them, primectl reads them from a store and prints them. "ratio" is how many times
as fast primectl is, by wall time; the other columns are its seconds in each format.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
LENGTH = sys.argv[2] if len(sys.argv) > 2 else "10^9"
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
PLACES = ["10^10", "10^12", "10^15"]
FORMATS = ["text", "csv", "json", "u64le", "gaps", "bfile"]
PRIMECTL = os.path.join(BUILD, "src", "ctl", "primectl")


def measure(*command):
    began = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def same(place, store):
    """The two print the same."""
    theirs = subprocess.Popen(["primesieve", place, "-d", LENGTH, "-p"], stdout=subprocess.PIPE)
    ours = subprocess.Popen([PRIMECTL, "cat", "--store", store], stdout=subprocess.PIPE)
    while True:
        a, b = theirs.stdout.read(1 << 20), ours.stdout.read(1 << 20)
        assert a == b, f"{place}: different primes"
        if not a:
            return theirs.wait() == 0 and ours.wait() == 0


def main():
    if not shutil.which("primesieve"):
        print("SKIP: needs primesieve")
        sys.exit(77)
    folder = tempfile.mkdtemp(prefix="primed-bench-", dir=os.environ.get("PRIMED_BENCH_FOLDER"))
    print(f"interval of {LENGTH} numbers, {ROUNDS} rounds, medians")
    print(f"{'from':>6} {'primesieve -p':>14} {'text':>8} {'ratio':>7}" + "".join(f" {name:>8}" for name in FORMATS[1:])
          + f" {'reverse':>8}")
    try:
        for place in PLACES:
            store = os.path.join(folder, place)
            subprocess.run([PRIMECTL, "local", "--quiet", "--store", store, "--from", place, "--length", LENGTH],
                           check=True)
            assert same(place, store)
            theirs, ours = [], {name: [] for name in [*FORMATS, "reverse"]}
            for _ in range(ROUNDS):
                theirs.append(measure("primesieve", place, "-d", LENGTH, "-p"))
                for name in FORMATS:
                    ours[name].append(measure(PRIMECTL, "cat", "--store", store, f"--format={name}"))
                ours["reverse"].append(measure(PRIMECTL, "cat", "--store", store, "--reverse"))
            ratio = statistics.median(a / b for a, b in zip(theirs, ours["text"]))
            m = {name: statistics.median(seconds) for name, seconds in ours.items()}
            print(f"{place:>6} {statistics.median(theirs):>12.2f} s {m['text']:>6.2f} s {ratio:>6.1f}x"
                  + "".join(f" {m[name]:>6.2f} s" for name in [*FORMATS[1:], "reverse"]), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
