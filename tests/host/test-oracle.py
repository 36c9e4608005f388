#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What primectl finds, stores and prints, against what other programs find.

The intervals and the digests of their primes stand in tests/prime/oracle.tsv (made by primesieve and PARI/GP), the
composites that fool weak tests and the maximal gaps in tests/prime/facts.tsv.
"""

import hashlib
import os
import subprocess

import harness
from harness import claim, local, primectl


def table(name):
    """The lines of a file of tests/prime, as lists of columns."""
    with open(os.path.join(harness.SOURCE, "tests", "prime", name), encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file if not line.startswith("#") and line.strip()]


def facts(kind):
    found = [row[1:] for row in table("facts.tsv") if row[0] == kind]
    assert found
    return found


def value(word):
    """An integer as the command line takes it: sums and differences of products of powers."""
    total, sign, term = 0, 1, ""
    for character in word + "+":
        if character not in "+-":
            term += character
            continue
        product = 1
        for factor in term.split("*"):
            base, _, exponent = factor.partition("^")
            product *= int(base) ** int(exponent or 1)
        total += sign * product
        sign, term = (1 if character == "+" else -1), ""
    return total


@claim
def intervals_agree_byte_for_byte(folder):
    """the text of primectl cat is the oracle's, for intervals up to 2^1024"""
    rows = table("oracle.tsv")
    assert len(rows) >= 14
    for number, (first, end, count, digest) in enumerate(rows):
        store = os.path.join(folder, str(number))
        summary = local(store, "--from", first, "--to", end)
        assert summary["primes"] == count, f"[{first}, {end}): {summary['primes']} primes, not {count}"
        with subprocess.Popen([harness.PRIMECTL, "cat", "--store", store], stdout=subprocess.PIPE) as process:
            found = hashlib.sha256()
            for piece in iter(lambda: process.stdout.read(1 << 20), b""):
                found.update(piece)
        assert process.returncode == 0 and found.hexdigest() == digest, f"[{first}, {end}): the primes differ"
        verified = primectl("verify", "--store", store)
        assert verified.returncode == 0


@claim
def pi_of_powers_of_ten(folder):
    """pi(10^k) for every k up to 10, from one store"""
    store = os.path.join(folder, "store")
    assert local(store, "--to", "10^10")["primes"] == "455052511"
    known = {x: count for x, count in facts("pi") if x.startswith("10^")}
    for k in range(1, 11):
        assert primectl("count", "0", f"10^{k}", "--store", store).stdout.split()[0] == known[f"10^{k}"]


@claim
def fooling_composites_are_rejected(folder):
    """every composite that fools a weak test is missing from the store of its neighbourhood"""
    for number, row in enumerate(facts("composite")):
        n = value(row[0])
        store = os.path.join(folder, str(number))
        local(store, "--from", str(max(n - 30, 0)), "--to", str(n + 31), "--threads", "1")
        found = primectl("cat", "--store", store).stdout.split()
        assert str(n) not in found, f"{row[0]} is composite"


@claim
def maximal_gaps_are_empty(folder):
    """between the two primes of a maximal gap there is none"""
    for number, (width, start) in enumerate(facts("gap")):
        store = os.path.join(folder, str(number))
        p, q = int(start), int(start) + int(width)
        local(store, "--from", str(p), "--to", str(q + 1), "--threads", "1")
        found = [int(word) for word in primectl("cat", "--store", store).stdout.split()]
        assert found == [p, q], f"gap {width} at {start}: {found[:5]}"


if __name__ == "__main__":
    harness.run()
