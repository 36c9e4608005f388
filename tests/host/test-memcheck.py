#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""valgrind's memcheck finds nothing in a small run: no wrong access, no use of what was never set, no lost memory.

Every way of the kernels is in it, but for those by instructions that valgrind does not know (AVX-512): they are chosen
at run time, and under valgrind the processor does not have them.
"""

import os
import re
import shutil
import subprocess

import harness
from harness import Skip, claim, need_no_sanitizer, patience, primectl

# Where windows are sieved, sieved and tested, and tested alone; and how many numbers.
PLACES = (("0", "3e6"), ("10^15", "6e5"), ("2^64-3e5", "6e5"), ("2^80", "3e4"), ("2^127", "3e4"), ("2^256", "3e4"),
          ("2^1024", "3e3"))


def memcheck(folder, *command):
    """Runs the command and all its children under memcheck; returns its output."""
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    need_no_sanitizer()
    logs = os.path.join(folder, "memcheck")
    os.makedirs(logs, exist_ok=True)
    process = subprocess.run(
        ["valgrind", "--tool=memcheck", "--quiet", "--trace-children=yes", "--vgdb=no", "--leak-check=full",
         "--errors-for-leak-kinds=definite", "--show-leak-kinds=definite", "--num-callers=25",
         f"--log-file={logs}/%p", *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=patience(500), check=False)
    names = os.listdir(logs)
    for name in names:
        with open(os.path.join(logs, name), encoding="utf-8", errors="replace") as file:
            # "--1234--": what valgrind has to say of itself, such as a system call that is newer than it is
            lines = [line for line in file if not re.match(r"--\d+--", line)]
        assert not lines, "".join(lines)
    assert process.returncode == 0, (process.returncode, process.stderr)
    shutil.rmtree(logs)
    return process.stdout, len(names)


@claim
def run_is_clean(folder):
    """master, worker and primectl, from the first number to the store, wherever the numbers are"""
    for number, (start, length) in enumerate(PLACES):
        store = os.path.join(folder, str(number))
        _, processes = memcheck(folder, harness.PRIMECTL, "local", "--quiet", "--store", store, "--from", start,
                                "--length", length, "--threads", "2")
        assert processes == 3, processes
        primectl("verify", "--recompute", "--store", store)


@claim
def proof_is_clean(folder):
    """and where proofs are asked for"""
    for start in ("2^64", "2^82", "2^100"):
        memcheck(folder, harness.PRIMECTL, "local", "--quiet", "--store", os.path.join(folder, start), "--from", start,
                 "--length", "3e4", "--certainty", "proved" if start != "2^100" else "bpsw")


@claim
def questions_are_clean(folder):
    """a store is asked and verified"""
    store = os.path.join(folder, "store")
    primectl("local", "--quiet", "--store", store, "--to", "3e6")
    for command in (("count",), ("nth", "1000"), ("next", "1e6"), ("prev", "1e6"), ("is-prime", "999983"),
                    ("cat", "0", "1e4"), ("twins", "0", "1e5"), ("gaps", "--maximal"), ("classes",), ("info",),
                    ("verify", "--recompute")):
        text, _ = memcheck(folder, harness.PRIMECTL, *command, "--store", store)
        assert text == primectl(*command, "--store", store).stdout or command[0] == "verify", command


@claim
def agreement_is_clean(folder):
    """random windows, with any number of threads and any memory"""
    memcheck(folder, os.path.join(harness.BUILD, "tests", "prime", "test-agreement"),
             os.path.join(harness.SOURCE, "tests", "prime"), "10")


if __name__ == "__main__":
    harness.run()
