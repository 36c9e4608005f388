#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The questions of primectl to stores that primectl local made, against a sieve that shares nothing with ours."""

import functools
import json
import os
import random
import subprocess

import harness
from harness import PRIMECTL, claim, local, patience, primectl

LIMIT = 130_000_000  # five blocks, three segments
BLOCK = 30 << 20
SMALL = [p for p in range(2, 1000) if all(p % q for q in range(2, p))]


@functools.lru_cache(maxsize=1)
def marks():
    """A byte for each number below LIMIT: 1 when it is prime."""
    sieve = bytearray([1]) * LIMIT
    sieve[:2] = b"\0\0"
    sieve[4::2] = bytes(len(range(4, LIMIT, 2)))
    for n in range(3, int(LIMIT ** 0.5) + 1, 2):
        if sieve[n]:
            sieve[n * n::2 * n] = bytes(len(range(n * n, LIMIT, 2 * n)))
    return bytes(sieve)


def is_prime(n):
    """Miller-Rabin, with more bases than any number here can fool."""
    if n < 2:
        return False
    for p in SMALL:
        if n % p == 0:
            return n == p
    bases = SMALL[:16]
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(pow(base, odd, n) == 1 or any(pow(base, odd << k, n) == n - 1 for k in range(twos)) for base in bases)


def make_store(folder):
    store = os.path.join(folder, "store")
    local(store, "--to", str(LIMIT), "--segment-blocks", "2")
    return store


def ask(store, verb, *arguments, status=0):
    """The words of the answer."""
    process = primectl(verb, "--store", store, *(str(word) for word in arguments), check=False)
    assert process.returncode == status, f"{verb} {arguments}: status {process.returncode}\n{process.stderr}"
    return process.stdout.split()


def ask_json(store, verb, *arguments):
    return json.loads(primectl(verb, "--store", store, "--json", *(str(word) for word in arguments)).stdout)


def interesting(rng, n):
    """Numbers below LIMIT, many of them close to borders of blocks and of the store."""
    for _ in range(n):
        border = rng.choice([0, 0, LIMIT, BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, rng.randrange(LIMIT)])
        yield max(0, min(LIMIT, border + rng.choice([0, 1, -1, 2, -2, rng.randrange(-300, 300)])))


@claim
def numbers(folder):
    """is-prime, next, prev and nth know what the sieve knows"""
    store, truth, rng = make_store(folder), marks(), random.Random(harness.__name__)
    for number in interesting(rng, 60):
        if number < LIMIT:
            found = ask(store, "is-prime", number, status=0 if truth[number] else 1)
            assert found == [str(number), "is", *([] if truth[number] else ["not"]), "prime"], found
        after = truth.find(1, number + 1)
        if after >= 0 and number + 1 < LIMIT:
            assert ask(store, "next", number) == [str(after)]
        before = truth.rfind(1, 0, number)
        if before >= 0:
            assert ask(store, "prev", number) == [str(before)]
            rank = truth.count(1, 0, before + 1)
            assert ask(store, "nth", rank) == [str(before)]
    assert ask(store, "nth", 1) == ["2"] and ask(store, "nth", "1e6") == ["15485863"]
    assert ask(store, "next", 1, "-n", 5) == ["2", "3", "5", "7", "11"] and ask(store, "next", 1, "-n", 0) == []
    border = [2 * BLOCK + k for k in range(-200, 200) if truth[2 * BLOCK + k]]
    assert ask(store, "next", border[0] - 1, "-n", len(border)) == [str(p) for p in border]
    assert ask(store, "prev", border[-1] + 1, "-n", len(border)) == [str(p) for p in reversed(border)]
    assert ask(store, "is-prime", 2, 3, 999983) and ask(store, "is-prime", "-q", 2, 4, status=1) == []


@claim
def intervals(folder):
    """count, twins, gaps and classes of ranges agree with the sieve"""
    store, truth, rng = make_store(folder), marks(), random.Random(5)
    cases = [(0, LIMIT), (0, 2), (3, 8), (BLOCK, 2 * BLOCK), (2 * BLOCK, 4 * BLOCK), (2 * BLOCK - 7, 2 * BLOCK + 30)]
    cases += [(low, min(LIMIT, low + rng.randrange(1, 10 ** rng.randrange(1, 8)))) for low in interesting(rng, 12)]
    for low, high in cases:
        if low >= high:
            continue
        part = truth[low:high]
        assert ask(store, "count", low, high) == [str(part.count(1))], (low, high)
        pairs = part.count(b"\1\0\1") + (low <= 3 and high >= 8)  # 3 5 7 are two that share one
        assert ask(store, "twins", low, high) == [str(pairs)], (low, high)
        found = ask_json(store, "twins", low, high)
        assert found == {"from": str(low), "to": str(high), "twin_pairs": str(pairs)}, found
        if high - low > BLOCK:
            continue  # too much for this way to find gaps
        lengths = [len(word) + 1 for word in part.split(b"\1")[1:-1]]
        gaps = ask_json(store, "gaps", low, high)["gaps"]
        if not lengths:
            assert gaps == []
            continue
        after = low + part.find(b"\1" + bytes(max(lengths) - 1) + b"\1")
        assert gaps == [{"gap": str(max(lengths)), "after": str(after), "before": str(after + max(lengths))}], gaps
    classes = ask_json(store, "classes", BLOCK - 1, 3 * BLOCK)
    expected = {str(r): str(truth[BLOCK + r:3 * BLOCK:30].count(1)) for r in (1, 7, 11, 13, 17, 19, 23, 29)}
    assert classes["classes"] == {**expected, "29": str(int(expected["29"]) + truth[BLOCK - 1])}, classes
    table = primectl("classes", "--store", store, "0", "100").stdout.splitlines()
    assert table[0].split() == ["RESIDUE", "PRIMES", "SHARE"] and len(table) == 9 and table[1].split()[:2] == ["1", "2"]
    assert len(primectl("classes", "--no-legend", "--store", store, "0", "100").stdout.splitlines()) == 8


@claim
def lists(folder):
    """twins --list, gaps --min and --maximal list each pair, also across the borders of blocks"""
    store, truth = make_store(folder), marks()
    low, high = 2 * BLOCK - 100_000, 2 * BLOCK + 100_000
    primes = [n for n in range(low, high) if truth[n]]
    twins = [(p, q) for p, q in zip(primes, primes[1:]) if q - p == 2]
    text = primectl("twins", "--list", "--store", store, str(low), str(high)).stdout
    assert text == "".join(f"{p} {q}\n" for p, q in twins), text[:300]
    found = ask_json(store, "twins", low, high, "--list", "-n", 3)
    assert found == {"from": str(low), "to": str(high), "pairs": [[str(p), str(q)] for p, q in twins[:3]]}, found
    for least in (2, 60, 90):
        gaps = [(q - p, p, q) for p, q in zip(primes, primes[1:]) if q - p >= least]
        text = primectl("gaps", f"--min={least}", "--store", store, str(low), str(high)).stdout
        assert text == "".join(f"{gap} {p} {q}\n" for gap, p, q in gaps), text[:300]
    records, last = [], 2
    for length in (len(word) + 1 for word in truth.split(b"\1")[1:-1]):
        if not records or length > records[-1][0]:
            records.append((length, last, last + length))
        last += length
    text = primectl("gaps", "--maximal", "--store", store).stdout
    assert text == "".join(f"{gap} {p} {q}\n" for gap, p, q in records), text
    # What is a record is decided by the whole store.
    text = primectl("gaps", "--maximal", "--store", store, "1000", "2e7", "-n", "4").stdout
    expected = [record for record in records if 1000 <= record[1]][:4]
    assert text == "".join(f"{gap} {p} {q}\n" for gap, p, q in expected), text


@claim
def draws(folder):
    """random draws primes of the range alone, all of them sooner or later, the same with the same seed"""
    store, truth = make_store(folder), marks()
    drawn = ask(store, "random", "-n", 300, 10, 50)
    assert sorted({int(p) for p in drawn}) == [n for n in range(10, 50) if truth[n]], drawn
    drawn = ask(store, "random", "-n", 50, "--seed", 7)
    assert drawn == ask(store, "random", "-n", 50, "--seed", 7) != ask(store, "random", "-n", 50, "--seed", 8)
    assert all(truth[int(p)] for p in drawn) and len(set(drawn)) > 40
    assert sum(int(p) < LIMIT // 2 for p in drawn) in range(10, 41)
    assert ask(store, "random") != ask(store, "random")
    assert ask(store, "random", 24, 29, status=1) == []


@claim
def elsewhere(folder):
    """stores that begin elsewhere, across 2^64 and at large integers too"""
    for start, length in ((10**15, 3 * BLOCK // 2), (2**64 - 1000, 2000), (10**100, 300_000)):
        store = os.path.join(folder, f"store-{start.bit_length()}")
        local(store, "--from", str(start), "--length", str(length), "--segment-blocks", "1")
        primes = [n for n in range(start, start + min(length, 20_000)) if is_prime(n)]
        assert ask(store, "nth", 1) == [str(primes[0])] and ask(store, "nth", 3) == [str(primes[2])]
        assert ask(store, "next", start - 1) == [str(primes[0])]
        assert ask(store, "next", primes[0], "-n", 9) == [str(p) for p in primes[1:10]]
        assert ask(store, "prev", primes[3], "-n", 3) == [str(p) for p in primes[2::-1]]
        assert ask(store, "prev", primes[0], status=1) == []
        assert ask(store, "count", start, primes[-1] + 1) == [str(len(primes))]
        gap = max(q - p for p, q in zip(primes, primes[1:]))
        after = next(p for p, q in zip(primes, primes[1:]) if q - p == gap)
        assert ask(store, "gaps", start, primes[-1] + 1) == [str(gap), str(after), str(after + gap)]
        twins = sum(q - p == 2 for p, q in zip(primes, primes[1:]))
        assert ask(store, "twins", start, primes[-1] + 1) == [str(twins)]


@claim
def not_covered(folder):
    """what the store does not cover is said, with a status of its own where no is an answer"""
    store = os.path.join(folder, "store")
    local(store, "--from", "1000", "--to", "2000")
    for verb, arguments, status in (("is-prime", ["2000"], 4), ("is-prime", ["999", "1009"], 4), ("next", ["10"], 1),
                                    ("next", ["1999"], 1), ("prev", ["2001"], 1), ("prev", ["1009"], 1),
                                    ("nth", ["136"], 1), ("nth", ["10^30"], 1), ("count", ["10", "1500"], 1),
                                    ("twins", ["1900", "2100"], 1), ("gaps", ["0"], 1), ("random", ["1", "5"], 1)):
        process = primectl(verb, *arguments, "--store", store, check=False)
        assert process.returncode == status and "covers" in process.stderr, f"{verb}: {process}"
        assert len(process.stderr.splitlines()) == 1, process.stderr
    assert ask(store, "next", 1990, "-n", 9, status=1) == ["1993", "1997", "1999"]
    assert ask(store, "next", 999) == ["1009"] and ask(store, "prev", 2000) == ["1999"]
    for verb, *arguments in (["is-prime"], ["next"], ["nth", "0"], ["next", "x"], ["nth", "1", "2"],
                             ["gaps", "--min=x"], ["twins", "-n", "3"], ["random", "--seed=x"],
                             ["count", "--json=x"], ["coverage", "1"], ["is-prime", "7", "x"],
                             ["gaps", "-n", "x"], ["classes", "5", "4"]):
        process = primectl(verb, *arguments, "--store", store, check=False)
        assert process.returncode == 2 and process.stderr and not process.stdout, f"{verb} {arguments}: {process}"
    for verb in ("is-prime", "next", "prev", "nth", "random", "count", "twins", "gaps", "classes", "coverage"):
        words = ["7"] if verb in ("is-prime", "next", "prev", "nth") else []
        process = primectl(verb, *words, "--store", folder, check=False)
        assert process.returncode == (4 if verb == "is-prime" else 1) and folder in process.stderr, f"{verb}: {process}"


@claim
def coverage(folder):
    """coverage shows what is complete, missing, and sealed behind a hole"""
    store = make_store(folder)
    whole = ask_json(store, "coverage")
    assert whole == {"from": "0", "to": str(LIMIT), "complete_to": str(LIMIT), "intervals": [
        {"from": "0", "to": str(LIMIT), "blocks": "5", "state": "complete"}]}, whole
    os.remove(os.path.join(store, "000000000002.primes"))
    holed = ask_json(store, "coverage")
    assert holed["complete_to"] == str(2 * BLOCK) and holed["intervals"] == [
        {"from": "0", "to": str(2 * BLOCK), "blocks": "2", "state": "complete"},
        {"from": str(2 * BLOCK), "to": str(4 * BLOCK), "blocks": "2", "state": "missing"},
        {"from": str(4 * BLOCK), "to": str(LIMIT), "blocks": "1", "state": "sealed"}], holed
    rows = [line.split() for line in primectl("coverage", "--store", store).stdout.splitlines()]
    assert rows[0] == ["FROM", "TO", "BLOCKS", "STATE"] and rows[2] == [str(2 * BLOCK), str(4 * BLOCK), "2", "missing"]
    assert "is missing" in primectl("count", "--store", store, check=False).stderr
    primectl("verify", "--repair", "--store", store)  # takes note of the hole
    assert ask_json(store, "coverage") == holed
    assert ask(store, "count") == [str(marks().count(1, 0, 2 * BLOCK))]
    process = primectl("is-prime", "--store", store, str(3 * BLOCK + 1), check=False)
    assert process.returncode == 4 and str(2 * BLOCK) in process.stderr, process


@claim
def outputs(folder):
    """a pipe that is closed early is no failure, a full disk is one"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1e7")
    command = f"set -o pipefail; '{PRIMECTL}' twins --list --store '{store}' | head -n 1"
    process = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=patience(30))
    assert process.stdout == "3 5\n" and process.stderr == "" and process.returncode == 0, process
    for words in (["twins", "--list"], ["gaps", "--min=2"], ["count"], ["nth", "5"], ["is-prime", "7"], ["coverage"],
                  ["classes"], ["next", "5", "-n", "100000"], ["random"]):
        with open("/dev/full", "wb") as full:
            process = subprocess.run([PRIMECTL, *words, "--store", store], stdout=full, stderr=subprocess.PIPE,
                                     text=True, check=False, timeout=patience(30))
        assert process.returncode == (4 if words[0] == "is-prime" else 1) and "space" in process.stderr, process


@claim
def damage_is_said(folder):
    """a flipped bit in the block that is read gives no answer; in another one it is not seen"""
    store = os.path.join(folder, "store")
    local(store, "--to", str(4 * BLOCK), "--segment-blocks", "1")
    path = os.path.join(store, "000000000002.primes")
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 2)
        byte = file.read(1)[0]
        file.seek(size // 2)
        file.write(bytes([byte ^ 1]))
    number = 2 * BLOCK + BLOCK // 2
    for verb, status in (("is-prime", 4), ("next", 1), ("prev", 1), ("count", 1), ("gaps", 1)):
        process = primectl(verb, str(number + 1 if number % 2 == 0 else number), "--store", store, check=False)
        assert process.returncode == status and "000000000002.primes" in process.stderr, f"{verb}: {process}"
        assert process.stdout in ("", "{"), process
    assert ask(store, "count") == [str(marks().count(1, 0, 4 * BLOCK))]


if __name__ == "__main__":
    harness.run()
