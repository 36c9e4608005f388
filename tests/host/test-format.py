#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Format 1 of the store, as primed-store(7) tells it: a reader that was written from that page finds the same."""

import os
import signal
import subprocess
import sys

import harness
from harness import SOURCE, claim, kill, local, primectl, start_local, wait_until

READER = os.path.join(SOURCE, "tests", "store", "independent-reader.py")


def read_independently(store, check=True):
    process = subprocess.run([sys.executable, READER, store], capture_output=True, text=True, check=False, timeout=300)
    assert not check or process.returncode == 0, process.stderr
    return process


def compare(store, most=10**6):
    """Both readers find the same, and not nothing; returns it."""
    found = read_independently(store).stdout
    assert found == primectl("cat", "--store", store).stdout, f"{store}: {found[:200]}"
    assert 0 < found.count("\n") < most, found[:200]
    return found


@claim
def everywhere(folder):
    """from 0 to 10^100: an independent reader prints what cat does, whatever the codec"""
    for number, arguments in enumerate((
            ["--to", "2000"], ["--from", "3", "--to", "100000"], ["--from", "2", "--to", "6"],
            ["--from", "7", "--to", "8"], ["--from", "1e6", "--to", "3e6"], ["--from", "10^12", "--length", "2e6"],
            ["--from", "2^40", "--length", "31"],
            ["--from", "2^64-10000", "--length", "20000"], ["--from", "2^80", "--length", "1e6"],
            ["--from", "2^128-50000", "--length", "100000"], ["--from", "10^100", "--length", "50000"])):
        store = os.path.join(folder, str(number))
        local(store, *arguments)
        compare(store)


@claim
def several_segments(folder):
    """across borders of blocks and segments"""
    for number, arguments in enumerate((
            ["--from", f"{31789 * 31457280 - 100000}", "--length", "200000", "--segment-blocks", "1"],
            ["--from", "10^100+12345", "--length", "1e6", "--segment-blocks", "3"],
            ["--from", "2^1024", "--length", "50000", "--segment-blocks", "2"])):
        store = os.path.join(folder, str(number))
        local(store, *arguments)
        assert sum(name.endswith(".primes") for name in os.listdir(store)) >= 2
        compare(store)


@claim
def open_segment(folder):
    """an interrupted job, also with half a record behind the last whole one"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--from", "10^100", "--length", "1e9", "--segment-blocks", "1000", "--workers", "1")
    try:
        path = os.path.join(store, "000000000000.open")
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 2000)
    finally:
        kill(process.pid, signal.SIGINT)
        process.wait(timeout=30)
    found = compare(store)
    with open(path, "ab") as file, open(path, "rb") as whole:
        file.write(whole.read(264)[64:])
    assert compare(store) == found


@claim
def digests_only(folder):
    """a store without bitmaps is refused by a reader that cannot compute"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1000", "--keep=digest")
    process = read_independently(store, check=False)
    assert process.returncode == 1 and process.stdout == "" and "keeps digests only" in process.stderr, process


@claim
def damage(folder):
    """the independent reader, too, notices a flipped bit in the bitmaps, the digests and the chain"""
    store = os.path.join(folder, "store")
    local(store, "--from", "10^100", "--length", "3e5", "--segment-blocks", "2")
    for name, places in (("000000000000.primes", (20, 64, 80, 100, 210, 300, -80, -60)), ("manifest", (100, 104, 140))):
        path = os.path.join(store, name)
        with open(path, "rb") as file:
            good = file.read()
        for place in places:
            bad = bytearray(good)
            bad[place] ^= 4
            with open(path, "wb") as file:
                file.write(bad)
            assert read_independently(store, check=False).returncode == 1, f"{name}, {place}"
        with open(path, "wb") as file:
            file.write(good)
    compare(store)


if __name__ == "__main__":
    harness.run()
