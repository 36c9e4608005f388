#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Format 1 of the store, as primed-store(7) tells it: a reader that was written from that page finds the same."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys

import harness
from harness import SOURCE, claim, kill, local, patience, primectl, start_local, wait_until

READER = os.path.join(SOURCE, "tests", "store", "independent-reader.py")
DATA = os.path.join(SOURCE, "tests", "data", "store-format-1")
HALF_DONE = ["--from", "10^150+7", "--to", "10^150+560000"]
KEPT = {"from-0": 669, "at-10-12": 1433, "half-done": 1107}  # stores and how many primes of the job they have


def read_independently(store, check=True):
    process = subprocess.run([sys.executable, READER, store], capture_output=True, text=True, check=False,
                             timeout=patience(300))
    assert not check or process.returncode == 0, process.stderr
    return process


def compare(store, most=10**6):
    """Both readers find the same, and not nothing; returns it."""
    process = read_independently(store)
    found = process.stdout
    assert found == primectl("cat", "--store", store).stdout, f"{store}: {found[:200]}"
    assert process.stderr.strip() == json.loads(primectl("info", "--json", "--store", store).stdout)["chain"], store
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
        process.wait(timeout=patience(30))
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
    """the independent reader, too, notices a flipped bit in bitmaps, digests and the footer's index"""
    store = os.path.join(folder, "store")
    local(store, "--from", "10^100", "--length", "3e5", "--segment-blocks", "2")
    path = os.path.join(store, "000000000000.primes")
    with open(path, "rb") as file:
        good = file.read()
    for place in (20, 64, 80, 100, 210, 300, -60):
        bad = bytearray(good)
        bad[place] ^= 4
        with open(path, "wb") as file:
            file.write(bad)
        assert read_independently(store, check=False).returncode == 1, place
    with open(path, "wb") as file:
        file.write(good)
    compare(store)


def read_expected(name):
    with open(os.path.join(DATA, name), encoding="ascii") as file:
        return json.load(file) if name.endswith(".json") else [int(line) for line in file]


def list_primes(name):
    """All of the job's."""
    return list(itertools.accumulate(read_expected(name + ".gaps")))


def copy_kept(name, folder):
    store = os.path.join(folder, name)
    shutil.copytree(os.path.join(DATA, name), store)
    for parent, _, names in os.walk(store):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            os.chmod(path, os.stat(path).st_mode | 0o200)
    return store


def read_files(store):
    contents = {}
    for name in os.listdir(store):
        if name != "lock":
            with open(os.path.join(store, name), "rb") as file:
                contents[name] = file.read()
    return contents


@claim
def kept_stores_are_read(_):
    """stores that were made when format 1 was fixed: cat, info, coverage, verify"""
    for name, n in KEPT.items():
        store = os.path.join(DATA, name)
        before = read_files(store)
        lines = "".join(f"{prime}\n" for prime in list_primes(name)[:n])
        assert primectl("cat", "--store", store).stdout == lines, name
        process = read_independently(store, check=False)
        if name == "half-done":  # the second segment has digests only
            assert process.returncode == 1 and lines.startswith(process.stdout), process
            assert process.stdout.count("\n") == 210, process.stdout[:200]
            assert "000000000002.primes" in process.stderr and "keeps digests only" in process.stderr, process
        else:
            assert process.returncode == 0 and process.stdout == lines, name
        info = json.loads(primectl("info", "--json", "--store", store).stdout)
        expected = {key: value for key, value in read_expected(name + ".info.json").items() if key != "store"}
        assert {key: info[key] for key in expected} == expected, info
        text = primectl("verify", "--store", store).stdout
        assert text.startswith(f"Intact{' so far' if name == 'half-done' else ''}: {n:,} primes "), text
        assert read_files(store) == before and "lock" not in os.listdir(store), name
    found = json.loads(primectl("coverage", "--json", "--store", os.path.join(DATA, "half-done")).stdout)
    assert found == read_expected("half-done.coverage.json"), found


@claim
def kept_stores_answer(_):
    """the same: count, is-prime, nth"""
    for name, n in KEPT.items():
        store, primes = os.path.join(DATA, name), list_primes(name)[:n]
        assert primectl("count", "--store", store).stdout.split()[0] == str(n)
        for low, high in ((0, n - 1), (n // 3, n // 2), (n // 5, n // 5 + 1)):
            count = primectl("count", str(primes[low]), str(primes[high]), "--store", store).stdout.split()[0]
            assert count == str(high - low), f"{name}, {low}, {high}: {count}"
        assert primectl("nth", str(n), "--store", store).stdout.split() == [str(primes[-1])], name
        for index in (0, 1, n // 7, n // 2, n - 2):
            assert primectl("nth", str(index + 1), "--store", store).stdout.split() == [str(primes[index])], name
            primectl("is-prime", "--quiet", str(primes[index]), "--store", store)
            other = next(number for number in range(primes[index] + 1, primes[index] + 3) if number not in primes)
            assert primectl("is-prime", "-q", str(other), "--store", store, check=False).returncode == 1, other


@claim
def kept_store_is_finished(folder):
    """the one that is half done is finished by today's version, and becomes what one from today is"""
    store, fresh = copy_kept("half-done", folder), os.path.join(folder, "fresh")
    before = read_files(store)
    summary = local(store, *HALF_DONE)
    assert summary["resumed"] and summary["state"] == "finished", summary
    primes = list_primes("half-done")
    assert primectl("cat", "--store", store).stdout == "".join(f"{prime}\n" for prime in primes)
    after = read_files(store)
    for name, contents in before.items():
        if name.endswith(".primes") or name == "job":
            assert after[name] == contents, name
        elif name in ("000000000006.open", "spool-00000000"):
            assert name not in after, name
    assert after["000000000006.primes"].startswith(before["000000000006.open"])
    assert after["provenance"].startswith(before["provenance"])
    text = primectl("verify", "--store", store).stdout
    assert text.startswith("Intact: 1,610 primes in 10 blocks, 6 sealed segments"), text
    local(fresh, *HALF_DONE, "--segment-blocks", "2")
    chains = {json.loads(primectl("info", "--json", "--store", place).stdout)["chain"] for place in (store, fresh)}
    assert chains == {"1922cc8ba9ba41983540b9ea1f9de30ff9a274cd5a1c8af23507b6c3480adef5"}, chains
    for name in ("000000000000.primes", "000000000006.primes", "000000000008.primes"):
        assert after[name] == read_files(fresh)[name], name


@claim
def other_formats_are_refused(folder):
    """a store that says another format is refused with the cure, and nothing in it is changed"""
    for number in (0, 2):
        store = copy_kept("half-done", os.path.join(folder, str(number)))
        for name, contents in read_files(store).items():
            with open(os.path.join(store, name), "wb") as file:
                if name == "job":
                    file.write(contents.replace(b"format=1\n", b"format=%d\n" % number))
                else:
                    file.write(contents[:8] + bytes([number]) + contents[9:])
        before = read_files(store)
        for arguments in (["cat"], ["count"], ["info"], ["verify"], ["coverage"], ["nth", "1"], ["local", *HALF_DONE]):
            process = primectl(*arguments, "--store", store, check=False)
            assert process.returncode in (1, 4) and process.stdout == "", f"{arguments}: {process}"
            for part in (f"format {number}", "reads format 1", "--store", "Nothing in it was changed"):
                assert part in process.stderr, f"{arguments}: {process.stderr}"
            assert read_files(store) == before, arguments
        process = read_independently(store, check=False)
        assert process.returncode == 1 and f"format {number}, not 1" in process.stderr, process


if __name__ == "__main__":
    harness.run()
