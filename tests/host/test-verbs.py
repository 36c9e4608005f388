#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primectl cat, count, info and verify on stores that primectl local made."""

import json
import os
import signal
import subprocess

import harness
from harness import PRIMECTL, claim, kill, local, patience, primectl, start_local, wait_until


def primes_below(limit):
    """A sieve that has nothing in common with ours."""
    marks = bytearray([1]) * limit
    marks[:2] = b"\0\0"
    for n in range(2, int(limit ** 0.5) + 1):
        if marks[n]:
            marks[n * n::n] = bytes(len(range(n * n, limit, n)))
    return [n for n in range(limit) if marks[n]]


@claim
def cat_prints_ranges(folder):
    """cat [A [B]] and -n print exactly those primes"""
    store = os.path.join(folder, "store")
    local(store, "--to", "200000")
    primes = primes_below(200000)
    for arguments, low, high, most in [
            ([], 0, 200000, None), (["0"], 0, 200000, None), (["2"], 2, 200000, None), (["3", "8"], 3, 8, None),
            (["100", "200"], 100, 200, None), (["199999"], 199999, 200000, None), (["29", "31"], 29, 31, None),
            (["-n", "1"], 0, 200000, 1), (["-n", "0"], 0, 200000, 0),
            (["1000", "-n", "7"], 1000, 200000, 7), (["--lines=3", "10^5", "10^5+1000"], 100000, 101000, 3)]:
        expected = [p for p in primes if low <= p < high][:most]
        found = primectl("cat", "--store", store, *arguments).stdout
        assert found == "".join(f"{p}\n" for p in expected), f"{arguments}: {found[:200]}"
        if most is None:
            count = primectl("count", "--store", store, *arguments).stdout
            assert count.split()[0] == str(len(expected)), f"count {arguments}: {count}"


@claim
def cat_beyond_two_to_the_64(folder):
    """integers of two limbs and more are printed right, across 2^64 too"""
    store = os.path.join(folder, "store")
    local(store, "--from", "2^64-200", "--length", "400")
    found = [int(word) - 2**64 for word in primectl("cat", "--store", store).stdout.split()]
    assert found == [-189, -179, -95, -83, -59, 13, 37, 51, 81, 93, 141, 169][:len(found)] and len(found) >= 11, found
    assert primectl("cat", "--store", store, "2^64", "2^64+50").stdout.split() == [str(2**64 + 13), str(2**64 + 37)]


@claim
def help_of_nothing(folder):
    """help of a command that is none fails, help of one that is and of all does not"""
    process = primectl("help", "bogus", check=False)
    assert process.returncode == 2 and process.stdout == "" and "'bogus'" in process.stderr, process
    assert primectl("help", "count").stdout.startswith("primectl count ")
    assert primectl("help").stdout == primectl("--help").stdout


@claim
def broken_pipe_is_no_error(folder):
    """cat into head ends quietly"""
    store = os.path.join(folder, "store")
    local(store, "--to", "2e7")
    process = subprocess.run(["bash", "-c", f"set -o pipefail; '{PRIMECTL}' cat --store '{store}' | head -n 2"],
                             capture_output=True, text=True, check=False, timeout=patience(30))
    assert process.stdout == "2\n3\n" and process.stderr == "" and process.returncode == 0, process


@claim
def full_output_disk_is_an_error(folder):
    """cat to a full disk says so"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1e6")
    with open("/dev/full", "wb") as full:
        process = subprocess.run([PRIMECTL, "cat", "--store", store], stdout=full, stderr=subprocess.PIPE, text=True,
                                 check=False, timeout=patience(30))
    assert process.returncode == 1 and "space" in process.stderr, process


@claim
def outside_of_the_store(folder):
    """asking beyond the store prints what is there, says where it ends, and fails"""
    store = os.path.join(folder, "store")
    local(store, "--from", "1000", "--to", "2000")
    process = primectl("cat", "1990", "3000", "--store", store, check=False)
    assert process.returncode == 1 and process.stdout.split() == ["1993", "1997", "1999"], process
    assert "2000" in process.stderr
    for arguments in (["cat", "0", "10"], ["count", "1e9", "2e9"], ["count", "10", "1500"]):
        process = primectl(*arguments, "--store", store, check=False)
        assert process.returncode == 1 and "1000" in process.stderr and "2000" in process.stderr, process


@claim
def bad_words(folder):
    """wrong words are usage errors, stores that are none are named"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1000")
    for arguments in (["cat", "x"], ["cat", "1", "2", "3"], ["cat", "--unknown"], ["cat", "-n", "-1"],
                      ["cat", "10", "5"], ["count", "x"], ["count", "1", "2", "3"], ["info", "x"], ["verify", "x"],
                      ["info", "--unknown"]):
        process = primectl(*arguments, "--store", store, check=False)
        assert process.returncode == 2 and process.stderr and len(process.stderr) < 500, f"{arguments}: {process}"
    for verb in ("cat", "count", "info", "verify"):
        for place in (os.path.join(folder, "nothing"), folder, "/dev/null"):
            process = primectl(verb, "--store", place, check=False)
            assert process.returncode == 1 and place in process.stderr, f"{verb} {place}: {process}"


@claim
def info_of_a_half_done_store(folder):
    """info, count and verify work on an interrupted job and while a master is at work"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", "1e11", "--segment-blocks", "8", "--workers", "2")
    try:
        wait_until(lambda: os.path.exists(os.path.join(store, "000000000016.primes")))
        for _ in range(3):
            info = json.loads(primectl("info", "--json", "--store", store).stdout)
            assert 0 < int(info["blocks"]) < 3179 and info["audit"] == "unaudited"
            count = primectl("count", "--store", store).stdout
            assert int(count.split()[0]) >= int(info["primes"])
            primectl("verify", "--store", store)
    finally:
        kill(process.pid, signal.SIGINT)
        process.wait(timeout=patience(30))
    info = json.loads(primectl("info", "--json", "--store", store).stdout)
    primectl("verify", "--store", store)
    text = primectl("info", "--store", store).stdout
    assert "unaudited" in text and f"{int(info['primes']):,}" in text and ", shape+sampled checked\n" in text, text
    text = primectl("verify", "--store", store).stdout
    assert text.startswith(f"Intact so far: {int(info['primes']):,} primes up to "), text
    assert " of 3,179 blocks), " in text, text
    end = int(info["complete_to"])
    assert primectl("count", "0", str(end), "--store", store).stdout.split()[0] == info["primes"]


@claim
def one_is_not_many(folder):
    """a store with one of everything is described in the singular"""
    store = os.path.join(folder, "store")
    local(store, "--from", "2", "--to", "3")
    verified = primectl("verify", "--store", store).stdout
    assert verified == "Intact: 1 prime in 1 block, 1 sealed segment; unaudited.\n", verified
    text = primectl("info", "--store", store).stdout
    assert "(1 of 1 block)" in text and ", 1 block, " in text and "1 blocks" not in text, text


@claim
def verify_wants_the_manifest(folder):
    """a complete store without its manifest is not called intact; the same command as before mends it"""
    store = os.path.join(folder, "store")
    options = ["--to", "1e8", "--segment-blocks", "2"]
    local(store, *options)
    path = os.path.join(store, "manifest")
    with open(path, "rb") as file:
        good = file.read()
    os.unlink(path)
    process = primectl("verify", "--store", store, check=False)
    assert process.returncode == 1 and "manifest" in process.stderr and "Start the job again" in process.stderr, process
    local(store, *options)
    assert primectl("verify", "--store", store).stdout.startswith("Intact: ")
    with open(path, "rb") as file:
        assert file.read() == good


@claim
def verify_names_the_damage(folder):
    """one flipped bit anywhere in a store is found, and its file is named"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1.5e8", "--segment-blocks", "2")
    tried = 0
    for name in sorted(os.listdir(store)):
        if name in ("lock", "provenance"):
            continue
        path = os.path.join(store, name)
        with open(path, "rb") as file:
            good = file.read()
        for place in range(0, len(good), max(len(good) // 8, 1)):
            bad = bytearray(good)
            bad[place] ^= 1 << (place % 8)
            with open(path, "wb") as file:
                file.write(bad)
            process = primectl("verify", "--store", store, check=False)
            assert process.returncode == 1 and name in process.stderr + process.stdout, \
                f"{name}, byte {place}: {process}"
            tried += 1
        with open(path, "wb") as file:
            file.write(good)
    assert tried >= 40
    primectl("verify", "--store", store)


@claim
def other_things_in_place_of_files(folder):
    """a FIFO, a folder or a device in the place of a store file never makes a command hang"""
    for name in ("job", "manifest", "provenance", "000000000000.primes", "lock"):
        for number, make in enumerate((os.mkfifo, os.mkdir)):
            store = os.path.join(folder, f"{name}-{number}")
            local(store, "--to", "1000")
            os.unlink(os.path.join(store, name))
            make(os.path.join(store, name))
            for arguments in (["info"], ["count"], ["cat"], ["verify"], ["local", "--to", "1000"]):
                process = primectl(*arguments, "--store", store, check=False, timeout=10)
                text = process.stdout + process.stderr
                assert process.returncode in (0, 1) and (process.returncode == 0 or name in text), f"{name}: {process}"


if __name__ == "__main__":
    harness.run()
