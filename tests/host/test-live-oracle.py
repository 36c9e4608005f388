#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random windows: what primectl finds, stores and prints is, byte for byte, what primesieve and PARI/GP print.

    test-live-oracle.py BUILD_DIRECTORY [FACTOR] [CLAIM...]

The windows differ from run to run: PRIMED_TEST_SEED, which is printed, repeats them. FACTOR times as many are tried.
"""

import os
import random
import shutil
import subprocess
import sys

import harness
from harness import claim, local, patience

FACTOR = int(sys.argv.pop(2)) if len(sys.argv) > 2 and sys.argv[2].isdigit() else 1
SEED = int(os.environ.get("PRIMED_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
WORD = 1 << 64

# Below 2^64, the blocks of a job are so long (grid.h). Above, this is a multiple of all lengths up to 2^300.
BLOCK_LENGTH = 30 << 20


def need(program):
    if not shutil.which(program):
        raise harness.Skip(f"{program} is not installed")


def primesieve(first, end):
    """The primes in [first, end), one a line, by primesieve, whose intervals include their end."""
    return subprocess.run(["primesieve", str(first), str(end - 1), "-p", "-q"], stdout=subprocess.PIPE,
                          check=True, timeout=patience(300)).stdout


def gp(first, end):
    """The same by PARI/GP."""
    script = f"default(breakloop, 0); forprime(p = {first}, {end} - 1, print(p))\n"
    return subprocess.run(["gp", "-q", "-f"], input=script.encode(), stdout=subprocess.PIPE, check=True,
                          timeout=patience(300)).stdout


def choose_start(source, low_bits, high_bits, width):
    """A number of low_bits to high_bits bits: any; or so that the window holds the border of two blocks."""
    bits = source.randint(low_bits, high_bits)
    start = source.randrange(1 << (bits - 1), 1 << bits)
    if source.random() < 0.25:
        start = max(start // BLOCK_LENGTH * BLOCK_LENGTH - source.randrange(width + 1), 0)
    return start


def choose_width(source, most):
    """1 to `most`, every size in bits as often."""
    return min(source.randrange(1, 2 << source.randrange(most.bit_length())), most)


def check_windows(folder, windows, oracle):
    """Computes each window, as text, by primectl and by the oracle."""
    n_primes = 0
    for number, (first, end, threads) in enumerate(windows):
        store = os.path.join(folder, str(number))
        local(store, "--from", str(first), "--to", str(end), "--threads", str(threads))
        found = subprocess.run([harness.PRIMECTL, "cat", "--store", store], stdout=subprocess.PIPE, check=True,
                               timeout=patience(300)).stdout
        expected = oracle(first, end)
        n_primes += expected.count(b"\n")
        assert found == expected, f"[{first}, {end}), {threads} threads: {describe_difference(found, expected)}"
        shutil.rmtree(store)
    print(f"# {len(windows)} windows, {n_primes} primes")
    assert n_primes > 0


def describe_difference(found, expected):
    found, expected = set(found.split()), set(expected.split())
    missing, extra = sorted(expected - found), sorted(found - expected)
    return f"missing {missing[:3]}, extra {extra[:3]}" if missing or extra else "the same numbers, written otherwise"


@claim
def below_2_64(folder):
    """random windows below 2^64 hold what primesieve finds in them"""
    need("primesieve")
    source = random.Random(f"below {SEED}")
    # The ends of the range are always tried: 0, and the last window below 2^64.
    windows = [(0, choose_width(source, 100000), 1), (WORD - choose_width(source, 100000), WORD, 1)]
    while len(windows) < 60 * FACTOR:
        width = choose_width(source, 3000000)
        first = choose_start(source, 1, 64, width)
        if first + width <= WORD:
            windows.append((first, first + width, source.randint(1, 3)))
    check_windows(folder, windows, primesieve)


@claim
def above_2_64(folder):
    """random windows between 2^64 and 2^300 hold what PARI/GP finds in them"""
    need("gp")
    source = random.Random(f"above {SEED}")
    windows = []
    while len(windows) < 30 * FACTOR:
        width = choose_width(source, 200000)
        first = choose_start(source, 65, 300, width)
        if first >= WORD:
            windows.append((first, first + width, source.randint(1, 3)))
    check_windows(folder, windows, gp)


@claim
def across_2_64(folder):
    """windows that hold 2^64, where one way of sieving ends and another begins"""
    need("gp")
    source = random.Random(f"across {SEED}")
    windows = []
    for _ in range(4 * FACTOR):
        width = choose_width(source, 60000) + 1
        first = WORD - source.randrange(1, width)
        windows.append((first, first + width, source.randint(1, 3)))
    check_windows(folder, windows, gp)


if __name__ == "__main__":
    print(f"# PRIMED_TEST_SEED={SEED}", flush=True)
    harness.run()
