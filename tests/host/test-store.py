#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store as its user meets it: damage that is found, located and mended; digests instead of primes; the same store
whoever computed it."""

import json
import os
import random
import re
import shutil
import signal
import subprocess

import harness
from harness import children, claim, kill, local, patience, primectl, start_local, store_files, wait_until

BLOCK = 31457280
LIMIT = 20 * BLOCK - 29
PRIMES = "32765139"  # below LIMIT, as primesieve counts them


def make(folder, name="store", *options, segment_blocks="4"):
    """A store of [0, LIMIT): five segments of four blocks."""
    store = os.path.join(folder, name)
    local(store, "--to", str(LIMIT), "--segment-blocks", segment_blocks, *options)
    return store


def info(store):
    return json.loads(primectl("info", "--json", "--store", store).stdout)


def flip(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def record_at(data, at):
    """The block whose record holds byte `at` of a full segment with four blocks, and whether there is one."""
    begin = 64
    for _ in range(4):
        sequence = int.from_bytes(data[begin + 16:begin + 24], "little")
        end = begin + 136 + int.from_bytes(data[begin + 24:begin + 28], "little")
        if begin <= at < end:
            return sequence
        begin = end
    return None


@claim
def flips_are_located(folder):
    """100 flipped bits of sealed segments: verify names the file and the block of each"""
    seed = int(os.environ.get("PRIMED_TEST_SEED") or random.SystemRandom().getrandbits(32))
    print(f"# PRIMED_TEST_SEED={seed}")
    draw = random.Random(seed)
    store = make(folder)
    names = [name for name in sorted(os.listdir(store)) if name.endswith(".primes")]
    assert len(names) == 5, names
    contents = {name: open(os.path.join(store, name), "rb").read() for name in names}
    for _ in range(100):
        name = draw.choice(names)
        at, bit = draw.randrange(len(contents[name])), draw.randrange(8)
        path = os.path.join(store, name)
        flip(path, at, bit)
        process = primectl("verify", "--store", store, check=False)
        assert process.returncode == 1 and process.stdout == "" and name in process.stderr, (name, at, bit, process)
        block = record_at(contents[name], at)
        if block is not None:
            assert process.stderr.startswith(f"primectl: Block {block} (numbers from "), (name, at, bit, process.stderr)
        flip(path, at, bit)
    assert primectl("verify", "--store", store).stdout.startswith("Intact: ")


@claim
def repair(folder):
    """verify --repair puts damaged segments aside; the next run fills the holes first, and the store is as before"""
    store = make(folder)
    before = store_files(store)
    flip(os.path.join(store, "000000000004.primes"), 100000, 3)
    flip(os.path.join(store, "000000000012.primes"), 20, 0)
    flip(os.path.join(store, "manifest"), 70, 1)
    process = primectl("verify", "--store", store, check=False)
    assert process.returncode == 1, process
    for name in ("000000000004.primes", "000000000012.primes", "manifest", "verify --repair"):
        assert name in process.stderr, process.stderr
    damaged = {name: open(os.path.join(store, name), "rb").read() for name in ("000000000004.primes", "manifest")}

    process = primectl("verify", "--repair", "--store", store)
    assert "3 files put aside, 12 blocks left, 8 missing" in process.stdout, process.stdout
    assert f"primectl local --store '{store}'" in process.stdout, process.stdout
    for name, data in damaged.items():
        with open(os.path.join(store, name + ".corrupt"), "rb") as file:
            assert file.read() == data, name
    assert primectl("verify", "--store", store).stdout.startswith("Intact so far: ")
    states = [row["state"] for row in json.loads(primectl("coverage", "--json", "--store", store).stdout)["intervals"]]
    assert states == ["complete", "missing", "sealed", "missing", "sealed"], states

    summary = local(store)
    assert summary["state"] == "finished" and summary["primes"] == PRIMES, summary
    after = {name: data for name, data in store_files(store).items() if not name.endswith(".corrupt")}
    assert after == before
    assert "Nothing to repair" in primectl("verify", "--repair", "--store", store).stdout


@claim
def root_acts_as_the_owner(folder):
    """What root repairs or thins in the store of another user, that user can go on with; root's own job is refused"""
    harness.need_root()
    os.chmod(folder, 0o755)
    store = make(folder)
    before = store_files(store)
    flip(os.path.join(store, "000000000004.primes"), 100000, 3)
    os.unlink(os.path.join(store, "manifest"))
    for name in [".", *os.listdir(store)]:
        os.chown(os.path.join(store, name), 65534, 65534)
    refused = primectl("local", "--store", store, check=False)
    assert refused.returncode == 1 and "belongs to the user nobody" in refused.stderr, refused
    primectl("verify", "--repair", "--store", store, umask=0o077)
    primectl("store", "thin", "--store", store, umask=0o077)
    for name in set(os.listdir(store)) - {"lock"}:
        status = os.stat(os.path.join(store, name))
        assert status.st_uid == 65534 and status.st_mode & 0o777 == 0o644, (name, status)
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run([*prefix, harness.PRIMECTL, "local", "--store", store, "--quiet", "--keep", "full"],
                          capture_output=True, text=True, check=False, timeout=patience(60))
    assert done.returncode == 0, done
    assert json.loads(primectl("info", "--json", "--store", store).stdout)["primes"] == PRIMES
    assert before["job"] == store_files(store)["job"]


@claim
def kept_and_proved(folder):
    """local says what a store keeps and how sure it is, whatever this call asked for"""
    proved = os.path.join(folder, "proved")
    local(proved, "--from", "10^30", "--length", "1e5", "--certainty", "proved")
    assert local(proved, "--from", "10^30", "--length", "1e5", "--certainty", "bpsw")["certainty"] == "proved"
    thin = os.path.join(folder, "thin")
    primectl("local", "--store", thin, "--to", "1e8", "--quiet")
    primectl("store", "thin", "--store", thin)
    again = primectl("local", "--store", thin, "--to", "1e8", "--keep", "full")
    assert "  keeps   digests of 4 blocks, primes of 0\n" in again.stdout, again
    assert "Kept:         digests of 4 blocks, primes of 0\n" in primectl("info", "--store", thin).stdout
    assert json.loads(primectl("info", "--json", "--store", thin).stdout)["digest_blocks"] == "4"
    # one that is not complete
    store = make(folder)
    os.unlink(os.path.join(store, "000000000016.primes"))
    primectl("store", "thin", "--store", store)
    said = primectl("local", "--store", store).stderr
    assert "The store keeps digests of what comes" in said, said


@claim
def lost_segment(folder):
    """a store that lost a segment, or got a foreign one, answers nothing short: it names the file and the cure"""
    store = make(folder)
    lost = os.path.join(store, "000000000008.primes")
    stray = os.path.join(store, "000000000006.primes")
    questions = [["count"], ["count", "0", "1000"], ["cat", "-n", "5"], ["nth", "5"], ["nth", "3e7"], ["next", "100"],
                 ["prev", "100"], ["twins"], ["gaps"], ["classes"], ["random"], ["info"], ["verify"],
                 ["export", os.path.join(folder, "files")]]

    def refuse_all(name, status=1):
        for words in questions:
            process = primectl(*words, "--store", store, check=False)
            assert process.returncode == status and process.stdout == "", (words, process)
            assert name in process.stderr and "verify --repair" in process.stderr, (words, process)
        assert primectl("is-prime", "7", "--store", store, check=False).returncode == 4
        assert not os.path.exists(os.path.join(folder, "files"))

    os.rename(lost, os.path.join(folder, "away"))
    refuse_all("000000000008.primes")
    shown = json.loads(primectl("coverage", "--json", "--store", store).stdout)["intervals"]
    assert [row["state"] for row in shown] == ["complete", "missing", "sealed"], shown
    os.rename(os.path.join(folder, "away"), lost)
    shutil.copy(lost, stray)
    refuse_all("000000000006.primes")
    os.unlink(stray)
    assert primectl("count", "--store", store).stdout.strip() == PRIMES
    assert primectl("count", "--store", store).stderr == ""

    # A hole that is known is no damage; what is left out is said.
    before = info(store)["bytes_per_prime"]
    os.unlink(lost)
    assert "4 missing" in primectl("verify", "--repair", "--store", store).stdout
    after = info(store)["bytes_per_prime"]
    assert 0.9 < after / before < 1.1, (before, after)  # what lies behind the hole counts on neither side
    for words in (["count"], ["cat", "251658200"], ["cat", "-r"], ["twins"], ["export", os.path.join(folder, "files")]):
        process = primectl(*words, "--store", store)
        assert str(8 * BLOCK) in process.stderr and "'primectl coverage'" in process.stderr, (words, process.stderr)
    assert primectl("export", "-q", os.path.join(folder, "files"), "--store", store).stderr == ""
    assert primectl("count", "0", "100", "--store", store).stderr == ""
    assert primectl("count", "0", "3e8", "--store", store, check=False).returncode == 1
    assert local(store)["primes"] == PRIMES
    assert primectl("count", "--store", store).stderr == ""


@claim
def damage_before_sealing(folder):
    """a flipped bit in the open segment costs one block, and the next run says so"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", "1e11", "--segment-blocks", "1000", "--workers", "1")
    path = os.path.join(store, "000000000000.open")
    try:
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 5 * 10**6)
    finally:
        kill(process.pid, signal.SIGINT)
        process.wait(timeout=patience(30))
    before = int(info(store)["blocks"]) + int(info(store)["spool_blocks"])
    assert before > 5
    flip(path, 500, 2)  # in the first block
    assert primectl("verify", "--store", store, check=False).returncode == 1
    text = primectl("verify", "--repair", "--store", store).stdout
    found = re.search(r"1 damaged place cut out, (\d+) blocks left, \d+ missing before the last of them", text)
    assert found and int(found[1]) == before - 1, (before, text)
    flip(os.path.join(store, next(name for name in sorted(os.listdir(store)) if name.startswith("spool-"))), 800, 1)
    process = start_local(store, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: int(info(store)["blocks"]) > before)
    finally:
        kill(process.pid, signal.SIGINT)
        errors = process.communicate(timeout=patience(30))[1].decode()
    assert "1 damaged or unfinished place in files that are not sealed" in errors, errors
    assert primectl("verify", "--store", store).returncode == 0


@claim
def keep_is_remembered(folder):
    """who goes on with a store of digests without saying --keep again gets no bitmaps"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", "1e11", "--keep", "digest", "--workers", "1")
    path = os.path.join(store, "000000000000.open")
    for word in ([], ["--to", "1e11"]):
        try:
            size = os.path.getsize(path) if os.path.exists(path) else 0
            wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > size + 136 * 5)
        finally:
            kill(process.pid, signal.SIGINT)
            process.wait(timeout=patience(30))
        process = start_local(store, *word)
    kill(process.pid, signal.SIGINT)
    process.wait(timeout=patience(30))
    assert (os.path.getsize(path) - 64) % 136 == 0, os.path.getsize(path)


@claim
def repair_refuses(folder):
    """--repair of a store in use, of a folder that is none, and of one without its job changes nothing"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", "1e12")
    try:
        wait_until(lambda: os.path.exists(os.path.join(store, "000000000000.open")))
        refused = primectl("verify", "--repair", "--store", store, check=False)
        assert refused.returncode == 1 and re.search(r"in use by the process with the pid \d+", refused.stderr), refused
    finally:
        kill(process.pid, signal.SIGINT)
        process.wait(timeout=patience(30))
    for place in (os.path.join(folder, "nothing"), folder):
        refused = primectl("verify", "--repair", "--store", place, check=False)
        assert refused.returncode == 1 and place in refused.stderr, refused
    assert not os.path.exists(os.path.join(folder, "nothing"))
    flip(os.path.join(store, "job"), 150, 2)
    refused = primectl("verify", "--repair", "--store", store, check=False)
    assert refused.returncode == 1 and "'job'" in refused.stderr, refused


@claim
def digests_answer(folder):
    """--keep=digest: 16 bytes a block, the same answers, the same chain, and --recompute proves them"""
    full = make(folder, "full")
    thin = make(folder, "thin", "--keep", "digest")
    sizes = [os.path.getsize(os.path.join(thin, f"{first:012}.primes")) for first in range(0, 20, 4)]
    assert sizes == [64 + 224 + 4 * 16 + 24] * 5, sizes
    assert " bytes per prime" in primectl("info", "--store", full).stdout
    assert " bytes per prime" not in primectl("info", "--store", thin).stdout
    a, b = info(full), info(thin)
    for key in ("chain", "primes", "largest_gap", "largest_gap_after", "twin_pairs", "classes", "certainty"):
        assert a[key] == b[key], (key, a[key], b[key])
    middle = 9 * BLOCK
    for words in (["cat", str(middle - 1000), str(middle + 1000)], ["count", str(middle - 5), str(middle + 10**6)],
                  ["nth", "10^7"], ["next", str(4 * BLOCK)], ["prev", str(4 * BLOCK)], ["is-prime", "314159257"],
                  ["twins"], ["gaps"], ["gaps", str(middle), str(middle + 10**6)],
                  ["classes", "100", str(middle)], ["random", "--seed=5", "-n", "3"], ["cat", "-r", "-n", "5"]):
        answers = [primectl(*words, "--store", store, check=False) for store in (full, thin)]
        assert answers[0].stdout and (answers[0].stdout, answers[0].returncode) == \
            (answers[1].stdout, answers[1].returncode), (words, answers)
    text = primectl("verify", "--store", thin).stdout
    assert ", 20 blocks by digest alone; unaudited." in text, text
    text = primectl("verify", "--recompute", "--store", thin).stdout
    assert "; sieved again." in text and "alone" not in text, text
    assert "; sieved again." in primectl("verify", "--recompute", "--store", full).stdout


def disturb(process, draw):
    """Kills, stops and lets go on workers of a run, and perhaps its master; returns how many were killed."""
    n_kills, stopped = 0, set()
    for _ in range(3):
        try:
            process.wait(timeout=draw.random() * 0.15)
            return n_kills
        except subprocess.TimeoutExpired:
            pass
        found = [pid for pid, name in children(process.pid).items() if name == "primed-worker"]
        if not found:
            continue
        victim = draw.choice(found)
        if draw.random() < 0.5:  # a slow one
            stopped |= {victim} if kill(victim, signal.SIGSTOP) else set()
        else:
            n_kills += kill(victim)
            stopped.discard(victim)
    for pid in stopped:
        kill(pid, signal.SIGCONT)
    if draw.random() < 0.3:
        n_kills += sum(kill(pid) for pid, name in children(process.pid).items() if name == "primed-master")
    return n_kills


@claim
def whoever_computes(folder):
    """1, 2 and 5 workers of different speeds, with kills and restarts: equal chains, equal segment files"""
    reference = make(folder, "one", "--threads", "1", segment_blocks="3")
    expected = store_files(reference)
    seed = int(os.environ.get("PRIMED_TEST_SEED") or random.SystemRandom().getrandbits(32))
    print(f"# PRIMED_TEST_SEED={seed}")
    draw = random.Random(seed)
    for workers in (2, 5):
        store = os.path.join(folder, f"workers-{workers}")
        n_stores = n_lives = n_kills = 0
        while n_kills < 3:  # a quick machine is done before anything happens
            shutil.rmtree(store, ignore_errors=True)
            n_stores += 1
            status = None
            while status != 0:
                process = start_local(store, "--to", str(LIMIT), "--segment-blocks", "3", "--workers", str(workers),
                                      "--threads", "1")
                n_lives += 1
                n_kills += disturb(process, draw)
                status = process.wait(timeout=patience(120))
            files = store_files(store)
            assert files == expected, [name for name in {*files, *expected} if files.get(name) != expected.get(name)]
            assert info(store)["chain"] == info(reference)["chain"]
        print(f"# {workers} workers: {n_stores} stores, {n_lives} lives, {n_kills} kills")


if __name__ == "__main__":
    harness.run()
