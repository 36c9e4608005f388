#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primectl cat and export: every format against a plain sieve, following a store that grows, killed exports."""

import json
import os
import random
import signal
import struct
import subprocess
import time

import harness
from harness import PRIMECTL, claim, kill, local, patience, primectl, start_local, wait_until

FORMATS = ("text", "csv", "json", "u64le", "gaps", "bfile")
SUFFIXES = {"text": "txt", "json": "jsonl"}


def primes_between(low, high):
    """A sieve that has nothing in common with ours; for large numbers the test that Python's pow() makes."""
    if low > 10**9:
        return [n for n in range(low, high) if n % 2 and all(pow(a, n - 1, n) == 1 for a in (2, 3, 5, 7, 11))
                and all(n % p for p in range(3, 1000, 2))]
    marks = bytearray([1]) * high
    marks[:2] = b"\0\0"[:high]
    for n in range(2, int(high ** 0.5) + 1):
        if marks[n]:
            marks[n * n::n] = bytes(len(range(n * n, high, n)))
    return [n for n in range(low, high) if marks[n]]


def written(style, primes, rank, step=1):
    """What cat should write of `primes`, of which the first has number `rank`."""
    if style == "text":
        return "".join(f"{p}\n" for p in primes).encode()
    if style == "csv":
        return ("n,prime\n" + "".join(f"{rank + step * i},{p}\n" for i, p in enumerate(primes))).encode()
    if style == "json":
        return "".join(f'{{"n":"{rank + step * i}","prime":"{p}"}}\n' for i, p in enumerate(primes)).encode()
    if style == "u64le":
        return b"".join(struct.pack("<Q", p) for p in primes)
    if style == "gaps":
        return "".join(f"{abs(b - a)}\n" for a, b in zip([0] + primes, primes)).encode()
    return "".join(f"{rank + step * i} {p}\n" for i, p in enumerate(primes)).encode()


def cat(store, *arguments, unfinished=False):
    process = subprocess.run([PRIMECTL, "cat", "--store", store, *arguments], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False, timeout=patience(60))
    told = process.stderr.startswith(b"primectl: The store is not complete: ") if unfinished else not process.stderr
    assert process.returncode == 0 and told, f"{arguments}: {process.returncode} {process.stderr}"
    return process.stdout


def start_cat(store, output, *arguments, **options):
    return subprocess.Popen([PRIMECTL, "cat", "--store", store, *arguments], stdin=subprocess.DEVNULL, stdout=output,
                            stderr=subprocess.PIPE, **options)


def check_formats(store, first, end, intervals, formats=FORMATS):
    """All formats, both directions, all of an interval and parts of it."""
    primes = primes_between(first, end)
    for low, high in intervals:
        wanted = [p for p in primes if low <= p < high]
        before = sum(p < low for p in primes)
        for style in formats:
            words = [f"--format={style}", str(low), str(high)]
            n = len(wanted) // 2
            assert cat(store, *words) == written(style, wanted, before + 1), words
            assert cat(store, *words, "-n", str(n)) == written(style, wanted[:n], before + 1), words
            back = wanted[::-1]
            assert cat(store, *words, "-r") == written(style, back, before + len(wanted), -1), words
            assert cat(store, *words, "--reverse", "--lines", str(n)) == \
                written(style, back[:n], before + len(wanted), -1), words


@claim
def formats_from_zero(folder):
    """every format, upwards and downwards, from 0"""
    store = os.path.join(folder, "store")
    local(store, "--to", "300000")
    check_formats(store, 0, 300000, [(0, 300000), (0, 3), (0, 2), (2, 3), (3, 6), (5, 30), (29, 32), (7, 100),
                                     (9990, 10010), (99990, 100100), (299999, 300000), (12345, 234567)])
    for style in FORMATS:
        assert cat(store, f"--format={style}") == written(style, primes_between(0, 300000), 1)
        assert cat(store, f"--format={style}", "-n", "0") == written(style, [], 1)
    for line in cat(store, "--format=json", "-n", "5").splitlines():
        assert set(json.loads(line)) == {"n", "prime"}


@claim
def formats_across_blocks(folder):
    """blocks and segments follow each other without a seam in every format"""
    store = os.path.join(folder, "store")
    border = 15 * 2**21  # the first block's end
    local(store, "--from", str(border - 20000), "--length", "40000", "--segment-blocks", "1")
    check_formats(store, border - 20000, border + 20000, [(border - 20000, border + 20000), (border, border + 100)])


@claim
def formats_beyond_two_to_the_64(folder):
    """integers of two limbs and more, across 2^64; u64le refuses before it writes"""
    store = os.path.join(folder, "store")
    local(store, "--from", "2^64-2000", "--length", "4000")
    check_formats(store, 2**64 - 2000, 2**64 + 2000, [(2**64 - 2000, 2**64 + 2000), (2**64, 2**64 + 500)],
                  [style for style in FORMATS if style != "u64le"])
    check_formats(store, 2**64 - 2000, 2**64, [(2**64 - 2000, 2**64), (2**64 - 100, 2**64 - 50)])
    for words in ([], ["2^64-100", "2^64+1"], ["-f"], ["-r"], ["-n", "1"]):
        process = primectl("cat", "--store", store, "--format=u64le", *words, check=False)
        assert process.returncode == 2 and process.stdout == "" and "2^64" in process.stderr, process


@claim
def formats_of_large_integers(folder):
    """integers with 40 digits, few in a block"""
    store = os.path.join(folder, "store")
    local(store, "--from", "10^40-20000", "--length", "40000")
    check_formats(store, 10**40 - 20000, 10**40 + 20000, [(10**40 - 20000, 10**40 + 20000), (10**40, 10**40 + 3000)],
                  [style for style in FORMATS if style != "u64le"])


@claim
def wrong_words(folder):
    """wrong options are usage errors"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1000")
    for arguments in (["cat", "--format=xml"], ["cat", "--format"], ["cat", "-r", "-f"], ["cat", "-n", "x"],
                      ["cat", "-n", "2^65"], ["export"], ["export", ""], ["export", "x", "1", "2", "3"],
                      ["export", "x", "--per-file=0"], ["export", "x", "--per-file=-1"],
                      ["export", "x", "--format=xml"], ["export", "x", "a"], ["export", "x", "5", "4"]):
        process = primectl(*arguments, "--store", store, check=False, cwd=folder)
        assert process.returncode == 2 and process.stderr and process.stdout == "", f"{arguments}: {process}"
    assert os.listdir(folder) == ["store"]
    assert cat(store, "-n", "1e1") == b"2\n3\n5\n7\n11\n13\n17\n19\n23\n29\n"


@claim
def output_that_fails(folder):
    """a closed pipe is no error, a full device is one, in every format and direction"""
    store = os.path.join(folder, "store")
    local(store, "--to", "2e7")
    for words in ([f"--format={style}" for style in FORMATS], ["-r"], ["-f"]):
        for word in words:
            line = f"set -o pipefail; '{PRIMECTL}' cat --store '{store}' {word} | head -c 100 | wc -c"
            process = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False,
                                     timeout=patience(30))
            assert process.stdout.strip() == "100" and process.stderr == "" and process.returncode == 0, process
            with open("/dev/full", "wb") as full:
                process = subprocess.run([PRIMECTL, "cat", "--store", store, word], stdout=full,
                                         stderr=subprocess.PIPE, text=True, check=False, timeout=patience(30))
            assert process.returncode == 1 and "space" in process.stderr, process


@claim
def slow_reader_of_a_nonblocking_pipe(folder):
    """nothing is lost when the output is non-blocking and its reader slow"""
    store = os.path.join(folder, "store")
    local(store, "--to", "3e6")
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    process = start_cat(store, write_end)
    os.close(write_end)
    pieces = []
    while piece := os.read(read_end, 50000):
        pieces.append(piece)
        time.sleep(0.001)
    os.close(read_end)
    assert process.wait(timeout=patience(30)) == 0
    assert b"".join(pieces) == written("text", primes_between(0, 3000000), 1)


# A job that takes some seconds: much longer than reading what there is.
SLOW = ("--from", "10^17", "--length", "10^9", "--threads", "1", "--segment-blocks", "4")
LATER = ("10^17+10^8", "10^17+2*10^8")


@claim
def follows_a_running_job(folder):
    """-f writes each prime once, in order, while the job runs, and ends with it"""
    store = os.path.join(folder, "store")
    job = start_local(store, *SLOW)
    outputs = {}
    try:
        wait_until(lambda: os.path.exists(os.path.join(store, "job")))
        for name, words in {"all": ["-f"], "gaps": ["--follow", "--format=gaps"],
                            "last": ["-f", "-n", "3", "--format=csv"], "later": ["-f", *LATER]}.items():
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                outputs[name] = (start_cat(store, file, *words), path)
        wait_until(lambda: os.path.getsize(outputs["all"][1]) > 0)
        first = os.path.getsize(outputs["all"][1])
        wait_until(lambda: os.path.getsize(outputs["all"][1]) > first, pause=0.05)
        assert job.poll() is None, "the job was faster than its readers: make it longer"
        assert job.wait(timeout=patience(300)) == 0
        for name, (process, _) in outputs.items():
            assert process.wait(timeout=patience(30)) == 0 and process.stderr.read() == b"", name
    finally:
        kill(job.pid, signal.SIGINT)
        job.wait(timeout=patience(30))
        for process, _ in outputs.values():
            kill(process.pid)
            process.wait()

    def content(name):
        with open(outputs[name][1], "rb") as file:
            return file.read()

    whole = cat(store)
    assert content("all") == whole
    assert content("gaps") == cat(store, "--format=gaps")
    assert content("later") == cat(store, *LATER)
    lines = content("last").splitlines()
    rank = int(lines[1].split(b",")[0])
    assert lines[0] == b"n,prime" and lines[1:] == cat(store, "--format=csv").splitlines()[rank:]


@claim
def follow_ends_cleanly(folder):
    """SIGINT and SIGTERM end -f with status 0 and whole lines; so does a reader that goes away while it waits"""
    store = os.path.join(folder, "store")
    job = start_local(store, "--from", "10^17", "--length", "10^13", "--threads", "1")
    wait_until(lambda: os.path.exists(os.path.join(store, "job")) and
               primectl("count", "--store", store).stdout != "0\n", pause=0.2)
    kill(job.pid, signal.SIGINT)
    job.wait(timeout=patience(30))
    whole = cat(store, unfinished=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        path = os.path.join(folder, "output")
        with open(path, "wb") as file:
            process = start_cat(store, file, "-f")
        wait_until(lambda: os.path.getsize(path) == len(whole))
        kill(process.pid, number)
        assert process.wait(timeout=patience(5)) == 0 and process.stderr.read() == b""
        with open(path, "rb") as file:
            assert file.read() == whole
    # in the middle of the output: the reader gets whole lines
    process = start_cat(store, subprocess.PIPE, "-f")
    found = process.stdout.read(1000)
    kill(process.pid, signal.SIGTERM)
    time.sleep(0.2)
    found += process.stdout.read()
    assert process.wait(timeout=patience(5)) == 0 and whole.startswith(found) and found.endswith(b"\n")
    # waiting, without anything to write
    process = start_cat(store, subprocess.PIPE, "-f", "-n", "0")
    time.sleep(0.5)
    assert process.poll() is None
    process.stdout.close()
    assert process.wait(timeout=patience(5)) == 0
    # a job that goes on after a pause is still followed
    path = os.path.join(folder, "output")
    with open(path, "wb") as file:
        process = start_cat(store, file, "-f", "-n", "0")
    time.sleep(0.5)
    job = start_local(store, "--threads", "1")
    wait_until(lambda: os.path.getsize(path) > 0)
    kill(job.pid, signal.SIGINT)
    job.wait(timeout=patience(30))
    more = cat(store, unfinished=True)[len(whole):]
    wait_until(lambda: os.path.getsize(path) == len(more))
    kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=patience(5)) == 0
    with open(path, "rb") as file:
        assert file.read() == more


@claim
def follow_a_finished_job(folder):
    """-f of a store that is complete writes it and ends; beyond its end it says so"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1000")
    assert cat(store, "-f") == written("text", primes_between(0, 1000), 1)
    assert cat(store, "-f", "-n", "2") == b"991\n997\n"
    process = primectl("cat", "-f", "--store", store, "990", "2000", check=False)
    assert process.returncode == 1 and process.stdout == "991\n997\n" and "outside" in process.stderr, process


def export(store, target, *arguments, **options):
    return primectl("export", "--store", store, target, *arguments, **options)


def contents(target):
    found = {}
    for name in sorted(os.listdir(target)):
        with open(os.path.join(target, name), "rb") as file:
            found[name] = file.read()
    return found


def check_sums(target):
    process = subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=target, check=False,
                             capture_output=True, text=True)
    assert process.returncode == 0, process
    with open(os.path.join(target, "SHA256SUMS"), encoding="ascii") as file:
        listed = [line.split("  ")[1].strip() for line in file]
    assert listed == sorted(set(os.listdir(target)) - {"SHA256SUMS"})


@claim
def exports_every_format(folder):
    """files of so many primes in every format, each for itself, and SHA256SUMS"""
    store = os.path.join(folder, "store")
    local(store, "--to", "100000")
    primes = primes_between(1000, 90000)
    for style in FORMATS:
        for per_file in (1000, 4273, len(primes), len(primes) - 1, 10**8):
            target = os.path.join(folder, f"{style}-{per_file}")
            text = export(store, target, f"--per-file={per_file}", "--format", style, "1000", "90000").stdout
            pieces = [primes[i:i + per_file] for i in range(0, len(primes), per_file)]
            found = contents(target)
            check_sums(target)
            del found["SHA256SUMS"]
            assert f"{len(primes):,} primes in {len(pieces)} file" in text, text
            assert list(found.values()) == \
                [written(style, piece, 169 + i * per_file) for i, piece in enumerate(pieces)], target
            assert list(found) == [f"primes-{i:06}.{SUFFIXES.get(style, style)}" for i in range(len(pieces))]


@claim
def export_goes_on(folder):
    """kill -9 at any moment, then the same command: the same files as undisturbed, and what was whole is kept"""
    store, target, reference = (os.path.join(folder, name) for name in ("store", "target", "reference"))
    local(store, "--to", "6e8")
    words = ["--per-file", "2e6"]
    began = time.monotonic()
    export(store, reference, *words)
    span = time.monotonic() - began
    killed = kept = 0
    for attempt in range(25):
        process = subprocess.Popen([PRIMECTL, "export", "--store", store, target, *words], stdout=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        if attempt == 0:
            wait_until(lambda: os.path.exists(os.path.join(target, "primes-000001.txt")))
        else:
            time.sleep(random.uniform(0, span * (0.2 + attempt / 15)))
        kill(process.pid, signal.SIGINT if attempt % 5 == 4 else signal.SIGKILL)
        output = process.communicate(timeout=patience(60))[0]
        if process.returncode == 0:
            break
        assert process.returncode in (-signal.SIGKILL, 128 + signal.SIGINT, -signal.SIGINT), process.returncode
        killed += 1
        names = sorted(name for name in os.listdir(target) if name.endswith(".txt")) if os.path.exists(target) else []
        kept = max(kept, len(names))
        assert names == [f"primes-{i:06}.txt" for i in range(len(names))]
        if process.returncode == 128 + signal.SIGINT:
            assert not any(name.endswith(".new") for name in os.listdir(target))
    print(f"# killed {killed} times, {kept} files were there")
    times = {name: os.stat(os.path.join(target, name)).st_mtime_ns for name in os.listdir(target)}
    output = export(store, target, *words).stdout
    assert killed > 0 and kept > 0 and "there already" in output, (killed, kept, output)
    assert contents(target) == contents(reference)
    check_sums(target)
    for name in os.listdir(target):
        if name in times and name != "SHA256SUMS" and int(name[7:13]) < kept:
            assert os.stat(os.path.join(target, name)).st_mtime_ns == times[name], f"{name} was written again"


@claim
def export_grows_with_its_store(folder):
    """the same command on a store that went on extends the export"""
    store, target, reference = (os.path.join(folder, name) for name in ("store", "target", "reference"))
    job = start_local(store, "--to", "6e9", "--threads", "1", "--segment-blocks", "3")
    wait_until(lambda: os.path.exists(os.path.join(store, "000000000000.primes")))
    kill(job.pid, signal.SIGINT)
    job.wait(timeout=patience(30))
    words = ["--per-file", "1e6", "0", "5e8"]
    first = export(store, target, *words, check=False)
    assert first.returncode in (0, 1)
    check_sums(target)
    local(store)
    export(store, target, *words)
    export(store, reference, *words)
    assert contents(target) == contents(reference)
    check_sums(target)


@claim
def export_refuses(folder):
    """foreign files, other exports, damage, a full device and a folder that is none are told with a cure"""
    store, other, target = (os.path.join(folder, name) for name in ("store", "other", "target"))
    local(store, "--to", "10000")
    local(other, "--from", "10", "--to", "10000")
    export(store, target, "--per-file", "100")
    before = contents(target)
    for arguments in ([other, target, "--per-file", "100"], [store, target, "--per-file", "200"],
                      [store, target, "--per-file", "99"], [store, target, "--per-file", "100", "--format=csv"],
                      [store, target, "--per-file", "100", "0", "5000"], [store, target]):
        process = export(*arguments, check=False)
        assert process.returncode == 1 and target in process.stderr and "folder" in process.stderr, process
        assert contents(target) == before, arguments
    with open(os.path.join(target, "primes-000003.txt"), "r+b") as file:
        file.seek(100)
        file.write(b"x")
    process = export(store, target, "--per-file", "100", check=False)
    assert process.returncode == 1 and "primes-000003.txt" in process.stderr and "Delete it" in process.stderr, process
    os.unlink(os.path.join(target, "primes-000003.txt"))
    export(store, target, "--per-file", "100")
    assert contents(target) == before
    with open(os.path.join(target, "letter"), "w", encoding="ascii") as file:
        file.write("mine")
    process = export(store, target, "--per-file", "100", check=False)
    assert process.returncode == 1 and "'letter'" in process.stderr and "empty folder" in process.stderr, process
    for place in ("/dev/null", "/proc/nowhere", os.path.join(folder, "no", "way")):
        process = export(store, place, check=False)
        assert process.returncode == 1 and place in process.stderr, process
    process = export(store, os.path.join(folder, "none"), "24", "28")
    assert "0 primes in 0 files" in process.stdout


@claim
def export_without_room(folder):
    """a full file system: the cure is named, what is whole stays, and it goes on when there is room"""
    harness.need_root()
    store, disk, target = (os.path.join(folder, name) for name in ("store", "disk", "disk/target"))
    local(store, "--to", "2e7")
    os.mkdir(disk)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6M", "none", disk], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        raise harness.Skip("cannot mount a tmpfs")
    try:
        process = export(store, target, "--per-file", "2e5", check=False)
        assert process.returncode == 1 and "Make room" in process.stderr and "No space" in process.stderr, process
        assert sorted(os.listdir(target)) == ["primes-000000.txt", "primes-000001.txt", "primes-000002.txt"]
        subprocess.run(["mount", "-o", "remount,size=60M", disk], check=True)
        assert "3 of them were there already" in export(store, target, "--per-file", "2e5").stdout
        check_sums(target)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


harness.run()
