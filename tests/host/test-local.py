#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primectl local as a user meets it: results, resuming, interrupts, and everything that can be typed wrongly."""

import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import time

import harness
from harness import Skip, children, claim, kill, local, patience, primectl, start_local, store_files, wait_until

PTRACE_SEIZE = 0x4206  # linux/ptrace.h
WALL = 0x40000000  # __WALL of linux/wait.h


@claim
def finds_the_primes(folder):
    """all primes below 10^7, stored, and the summary tells so"""
    store = os.path.join(folder, "store")
    process = primectl("local", "--to", "1e7", "--store", store)
    for word in ("664579 primes in [0, 10000000)", "bytes per prime", store, "proved, unaudited", "Try next",
                 "verify"):
        assert word in process.stdout, f"'{word}' is missing in\n{process.stdout}"
    assert primectl("count", "--store", store).stdout.split()[0] == "664579"


@claim
def json_summary(folder):
    """--json ends with one object, integers of any size as strings"""
    summary = local(os.path.join(folder, "store"), "--from", "2^64-1000", "--length", "2000")
    assert summary["from"] == str(2**64 - 1000) and summary["to"] == str(2**64 + 1000)
    assert summary["state"] == "finished" and summary["certainty"] == "bpsw" and summary["audit"] == "unaudited"
    assert int(summary["primes"]) > 20 and summary["resumed"] is False and summary["seconds"] > 0


@claim
def known_counts(folder):
    """pi(10^k) for k up to 9"""
    expected = [4, 25, 168, 1229, 9592, 78498, 664579, 5761455, 50847534]
    for k, count in enumerate(expected, 1):
        summary = local(os.path.join(folder, str(k)), "--to", f"10^{k}")
        # pi(10^k) counts primes up to 10^k, which is never prime itself
        assert int(summary["primes"]) == count, f"pi(10^{k}): {summary['primes']}"


@claim
def tiny_intervals(folder):
    """the small primes and the ends are where they belong"""
    primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]
    number = 0
    for first in (0, 1, 2, 3, 4, 5, 6, 7, 8, 29, 30, 31, 32):
        for end in (1, 2, 3, 4, 5, 6, 7, 8, 30, 31, 32, 48):
            if end <= first:
                continue
            store = os.path.join(folder, str(number))
            number += 1
            local(store, "--from", str(first), "--to", str(end), "--threads", "1")
            text = primectl("cat", "--store", store).stdout.split()
            assert [int(p) for p in text] == [p for p in primes if first <= p < end], f"[{first}, {end}): {text}"


@claim
def complete_store_is_told(folder):
    """the same command again finds nothing to do and changes nothing"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1e8")
    before = store_files(store)
    process = primectl("local", "--to", "1e8", "--store", store)
    assert "5761455 primes" in process.stdout and "complete already" in process.stdout
    assert store_files(store) == before


@claim
def huge_integers_are_warned_of(folder):
    """a range whose numbers take long to test is announced with how long, in one line"""
    for start, options, expected in (("2^60000", [], 1), ("2^60000", ["-q"], 0), ("2^2000", [], 0)):
        store = os.path.join(folder, f"store-{start}{len(options)}")
        process = subprocess.Popen([harness.PRIMECTL, "local", "--from", start, "--length", "10^4", "--store", store,
                                    "--threads", "1", *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        wait_until(lambda: os.path.exists(os.path.join(store, "job")))
        for _ in range(2):  # the second one at once
            kill(process.pid, signal.SIGINT)
            time.sleep(0.1)
        errors = process.communicate(timeout=patience(30))[1]
        assert errors.count("Testing a single number of this size takes about ") == expected, (start, options, errors)


@claim
def complete_store_is_left_in_silence(folder):
    """a store that is complete already gives no alarm, however early the master ends"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1e6")
    for attempt in range(40):
        process = primectl("local", "--store", store, *(["-q"] if attempt % 2 else []))
        assert process.stderr == "" and (process.stdout == "") == (attempt % 2 == 1), (attempt, process)


@claim
def interrupted_and_continued(folder):
    """Ctrl-C, then the same command: the store is the undisturbed one"""
    store, reference = os.path.join(folder, "store"), os.path.join(folder, "reference")
    options = ["--to", "3e9", "--segment-blocks", "5"]
    local(reference, *options)
    interrupted = 0
    for _ in range(50):
        process = start_local(store, *options)
        wait_until(lambda: children(process.pid) or process.poll() is not None)  # else no handler is there yet
        time.sleep(0.25 * 1.1 ** interrupted)  # on a slow machine it must get somewhere, too
        kill(process.pid, signal.SIGINT)
        began = time.monotonic()
        status = process.wait(timeout=patience(30))
        if status == 0:
            break
        assert status == 128 + signal.SIGINT, status
        assert time.monotonic() - began < patience(6), "promised are 2 seconds"
        interrupted += 1
    assert interrupted >= 1 and status == 0
    assert store_files(store) == store_files(reference)


@claim
def continues_without_an_interval(folder):
    """without --from and --to the store's own job goes on"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", "5e9", "--segment-blocks", "5")
    wait_until(lambda: os.path.exists(os.path.join(store, "000000000005.primes")))
    kill(process.pid, signal.SIGINT)
    process.wait(timeout=patience(30))
    summary = local(store)
    assert summary["primes"] == "234954223" and summary["to"] == "5000000000", summary


@claim
def stops_within_two_seconds(folder):
    """Ctrl-C ends slow work too: promised are 2 seconds, allowed three times that"""
    for place in ("2^2000", "2^64-10^12", "10^18", "2^100000"):
        store = os.path.join(folder, place)
        process = start_local(store, "--from", place, "--length", "1e6" if place.startswith("2^1") else "10^12")
        time.sleep(1.5)
        began = time.monotonic()
        kill(process.pid, signal.SIGINT)
        process.wait(timeout=patience(60))
        span = time.monotonic() - began
        print(f"# {place}: stopped after {span:.2f} s")
        assert span < patience(6), place


@claim
def group_signal_drops_nothing(folder):
    """SIGTERM to the whole process group, as timeout(1) sends it, ends as politely as SIGTERM to primectl alone"""
    for attempt in range(6):
        store = os.path.join(folder, f"store-{attempt}")
        process = start_local(store, "--from", "10^15", "--length", "10^12", "--workers", "2", "--threads", "2",
                              stderr=subprocess.PIPE)
        wait_until(lambda: os.path.exists(os.path.join(store, "job")) and
                   int(json.loads(primectl("info", "--json", "--store", store).stdout)["blocks"]) > 0)
        time.sleep(attempt * 0.07)
        os.killpg(process.pid, signal.SIGTERM)
        began = time.monotonic()
        errors = process.communicate(timeout=patience(30))[1]
        assert errors == b"" and process.returncode == 128 + signal.SIGTERM, (attempt, process.returncode, errors)
        assert time.monotonic() - began < patience(5)


@claim
def second_signal_ends_it_at_once(folder):
    """a second signal does not wait for anybody, and is no accident of the master"""
    for number in range(4):
        store = os.path.join(folder, str(number))
        process = start_local(store, "--from", "10^12", "--length", "10^12", "--workers", "2", stderr=subprocess.PIPE)
        wait_until(lambda: len(children(process.pid)) == 3)
        time.sleep(0.4)
        kill(process.pid, signal.SIGTERM)
        time.sleep(0.01 * number)
        kill(process.pid, signal.SIGTERM)
        _, text = process.communicate(timeout=patience(10))
        assert process.returncode == 128 + signal.SIGTERM and b"died" not in text, (process.returncode, text)


@claim
def traced_worker_is_no_burden(folder):
    """a worker whose death its tracer (strace, gdb, LeakSanitizer) takes notice of late is waited for all the same"""
    for pidfd in ("0", "1"):  # sd-event hears of deaths by SIGCHLD, or by pidfds
        process = start_local(os.path.join(folder, pidfd), "--from", "10^12", "--length", "10^12",
                              stderr=subprocess.PIPE, env=dict(os.environ, SYSTEMD_PIDFD=pidfd))
        wait_until(lambda: len(children(process.pid)) == 2)
        time.sleep(0.4)
        worker, = (pid for pid, name in children(process.pid).items() if name == "primed-worker")
        if ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, worker, None, None) != 0:
            process.kill()
            raise Skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
        kill(process.pid, signal.SIGTERM)
        kill(worker, signal.SIGKILL)
        time.sleep(0.5)
        os.waitpid(worker, WALL)
        _, text = process.communicate(timeout=patience(10))
        assert process.returncode == 128 + signal.SIGTERM and b"died" not in text, (process.returncode, text)


@claim
def interrupted_at_birth(folder):
    """a signal in the first milliseconds finds programs that are not set up yet, and ends them in order"""
    for number in range(40):
        process = start_local(os.path.join(folder, str(number)), "--to", "1e11", "--workers", "2",
                              stderr=subprocess.PIPE)
        time.sleep(0.001 * number)
        kill(process.pid, signal.SIGINT)
        _, text = process.communicate(timeout=patience(30))
        # before primectl has arranged for it the signal does what it does by default
        assert process.returncode in (128 + signal.SIGINT, -signal.SIGINT) and text == b"", (process.returncode, text)


@claim
def ignored_signals_stay_ignored(folder):
    """under nohup a hang-up does not end it"""
    store = os.path.join(folder, "store")
    command = f"trap '' HUP; exec '{harness.PRIMECTL}' local --quiet --to 4e9 --store '{store}'"
    process = subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: children(process.pid) or process.poll() is not None)
    time.sleep(0.3)
    kill(process.pid, signal.SIGHUP)
    assert process.wait(timeout=patience(60)) == 0


@claim
def dead_worker_is_replaced(folder):
    """a killed worker is started again, and the result is right"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", "4e9", "--workers", "2", "--threads", "1", stderr=subprocess.PIPE)
    found = wait_until(lambda: [p for p, n in children(process.pid).items() if n == "primed-worker"])
    time.sleep(0.2)
    assert kill(found[0])
    _, text = process.communicate(timeout=patience(60))
    assert process.returncode == 0 and b"started again" in text, text
    assert local(store)["primes"] == "189961812"


@claim
def dead_master_ends_it(folder):
    """a killed master ends the command with the cure, and the next start goes on"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", "4e9", stderr=subprocess.PIPE)
    found = wait_until(lambda: [p for p, n in children(process.pid).items() if n == "primed-master"])
    time.sleep(0.3)
    assert kill(found[0])
    _, text = process.communicate(timeout=patience(60))
    assert process.returncode == 1 and b"start the same command again to continue" in text, text
    assert local(store)["primes"] == "189961812"


@claim
def children_end_with_primectl(folder):
    """kill -9 of primectl itself leaves no process behind, whatever its descriptors were"""
    for number, (place, redirection) in enumerate((("2^1024", ""), ("2^100000", ""), ("2^1024", "<&- >&- 2>&-"))):
        leaves_nothing(os.path.join(folder, str(number)), place, redirection)


def leaves_nothing(store, place, redirection):
    command = f"exec '{harness.PRIMECTL}' local --from {place} --length 1e6 --workers 2 --store '{store}' {redirection}"
    process = subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: len(children(process.pid)) == 3)
    found = list(children(process.pid))
    time.sleep(0.3)
    kill(process.pid)
    process.wait()

    def gone(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    wait_until(lambda: all(gone(pid) for pid in found), seconds=20)


@claim
def crashing_workers_are_given_up(folder):
    """workers that die at once are not started for ever"""
    store = os.path.join(folder, "store")
    preload = dict(os.environ, LD_PRELOAD=os.path.join(harness.BUILD, "tests", "faults", "libkill-at.so"),
                   KILL_AT_PROGRAM="primed-worker", KILL_AT_COUNT="1", KILL_AT_WORD="start")
    process = primectl("local", "--store", store, "--to", "1e9", check=False, env=preload, timeout=60)
    assert process.returncode == 1 and "again and again" in process.stderr, process.stderr


def refused(status, *words, arguments, check_store=None):
    """The command fails with this status, and one line of text that has the words."""
    before = snapshot(check_store) if check_store else None
    process = primectl("local", "--quiet", *arguments, check=False, timeout=60)
    text = process.stderr
    assert process.returncode == status, f"{arguments}: status {process.returncode}, not {status}\n{text}"
    for word in words:
        assert word in text, f"{arguments}: '{word}' is missing in\n{text}"
    assert len(text.strip().splitlines()) <= 2 and len(text) < 700, text
    if check_store:
        assert snapshot(check_store) == before, f"{arguments}: something was changed"


def snapshot(path):
    """Names, sizes, contents of everything below a folder, without the lock's pid."""
    contents = {}
    for root, folders, names in os.walk(path):
        for name in names:
            full = os.path.join(root, name)
            with open(full, "rb") as file:
                contents[full] = b"" if name == "lock" else file.read()
        for name in folders:
            contents[os.path.join(root, name)] = None
    return contents


@claim
def bad_words(folder):
    """numbers and options that make no sense: usage errors, each with its own word"""
    store = os.path.join(folder, "store")
    base = ["--store", store]
    for arguments, *words in [
            (["--to", "abc"], "abc"),
            (["--to", ""], "empty word"),
            (["--to", "-5"], "-5"),
            (["--to", "1e"], "1e"),
            (["--to", "12x"], "12x"),
            (["--to", "10^10^10"], "10^10^10"),
            (["--to", "1.5"], "1.5"),
            (["--to", "2^99999999999"], "2^99999999999"),
            (["--to", "10^1000000"], "10^1000000"),
            (["--to", "0"], "empty"),
            (["--from", "10", "--to", "10"], "empty"),
            (["--from", "1e9", "--to", "1e8"], "ends before it begins"),
            (["--from", "10", "--length", "0"], "empty"),
            (["--from", "0", "--to", "2^1000"], "blocks"),
            (["--from", "10"], "--to"),
            (["--to", "10", "--length", "10"], "not both"),
            (["--threads", "0"], "--threads"),
            (["--threads", "many"], "--threads"),
            (["--workers", "1000"], "--workers"),
            (["--to", "10", "--workers", "60", "--threads", "100"], "fewer", "--threads"),
            (["--segment-blocks", "0"], "--segment-blocks"),
            (["--to", "10", "--memory", "63M"], "--memory", "64M"),
            (["--to", "10", "--certainty", "sure"], "proved", "bpsw"),
            (["--from", "10^34", "--length", "10", "--certainty", "proved"], "4*10^33", "bpsw"),
            (["--unknown"], "--help"),
            (["10", "20"], "--from")]:
        refused(2, *words, arguments=base + arguments)
    refused(2, "--store", arguments=["--store", "", "--to", "10"])
    assert not os.path.exists(store)


@claim
def other_job(folder):
    """a store of another job is named and left alone"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1e6")
    refused(1, "another job", "another folder", arguments=["--store", store, "--to", "2e6"], check_store=store)


@claim
def not_a_store(folder):
    """a folder with other things in it, and a file, are not taken for stores"""
    other = os.path.join(folder, "other")
    os.mkdir(other)
    with open(os.path.join(other, "letter.txt"), "w", encoding="ascii") as file:
        file.write("dear")
    refused(1, other, arguments=["--store", other, "--to", "1e6"], check_store=other)
    file_path = os.path.join(other, "letter.txt")
    refused(1, file_path, arguments=["--store", file_path, "--to", "1e6"], check_store=other)
    refused(1, file_path, arguments=["--store", os.path.join(file_path, "deep"), "--to", "1e6"])


@claim
def lost_job_file(folder):
    """a store whose file 'job' is lost is known as one, and goes on when it is put back"""
    store, job = os.path.join(folder, "store"), os.path.join(folder, "store", "job")
    local(store, "--to", "1e6")
    os.rename(job, os.path.join(folder, "job"))
    refused(1, store, "put the file 'job' back", arguments=["--store", store, "--to", "1e6"], check_store=store)
    for verb in ("cat", "count", "info", "verify"):
        process = primectl(verb, "--store", store, check=False)
        assert process.returncode == 1 and "put the file 'job' back" in process.stderr, process
        assert "primectl local" not in process.stderr, process
    os.rename(os.path.join(folder, "job"), job)
    assert primectl("count", "--store", store).stdout.split()[0] == "78498"


@claim
def locked_store(folder):
    """a store that is in use is named with the process that holds it"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--from", "2^1024", "--length", "1e6")
    try:
        master = wait_until(lambda: [p for p, n in children(process.pid).items() if n == "primed-master"])
        wait_until(lambda: os.path.exists(os.path.join(store, "provenance")))
        time.sleep(0.2)
        refused(1, str(master[0]), arguments=["--store", store, "--from", "2^1024", "--length", "1e6"])
    finally:
        kill(process.pid, signal.SIGINT)
        process.wait(timeout=patience(30))


@claim
def read_only_folder(folder):
    """a folder that cannot be written is named"""
    if os.geteuid() != 0:
        os.chmod(folder, 0o555)
        try:
            refused(1, folder, arguments=["--store", os.path.join(folder, "store"), "--to", "1e6"])
        finally:
            os.chmod(folder, 0o755)
        return
    mount = subprocess.run(["unshare", "--mount", "sh", "-c",
                            'mount -t tmpfs -o ro none "$1" && exec "$2" local --quiet --to 1e6 --store "$1/store"',
                            "sh", folder, harness.PRIMECTL], capture_output=True, text=True, check=False)
    if "mount:" in mount.stderr or "unshare:" in mount.stderr:
        raise Skip("cannot mount: " + mount.stderr.strip().splitlines()[0])
    assert mount.returncode == 1 and folder in mount.stderr and "ead-only" in mount.stderr, mount.stderr


@claim
def full_disk(folder):
    """a full disk: the job waits, says so with the cure, can be ended, and goes on by itself when there is room"""
    script = '''
        mount -t tmpfs -o size=80m none "$1" || exit 77
        head -c 72M /dev/zero >"$1/other"
        run() { rm -f "$1.said"; "$2" local --to 1e9 --segment-blocks 4 --store "$1/store" 2>"$1.said" & }
        wait_for() { for i in $(seq 600); do grep -Eq "$2" "$1.said" && return; sleep 0.1; done; echo "no $2"; }
        run "$1" "$2"; wait_for "$1" "Make room|free some"
        kill -TERM $!; wait $!; echo "ended $?"
        "$2" verify --store "$1/store" >/dev/null; echo "verify $?"
        run "$1" "$2"; wait_for "$1" "Make room|free some"
        rm "$1/other"
        wait_for "$1" "room again"
        wait $!; echo "again $?"; cat "$1.said" >&2
        "$2" count --store "$1/store"
        "$2" verify --store "$1/store" >/dev/null; echo "verified $?"
    '''
    disk = os.path.join(folder, "disk")
    os.mkdir(disk)
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    process = subprocess.run(["unshare", *root, "--mount", "sh", "-c", script, "sh", disk, harness.PRIMECTL],
                             capture_output=True, text=True, check=False, timeout=patience(200))
    if process.returncode == 77 or "unshare:" in process.stderr:
        raise Skip("cannot mount a small tmpfs: run as root, or where users may make user namespaces")
    for word in ("ended 143", "verify 0", "again 0", "50847534", "verified 0"):
        assert word in process.stdout, f"'{word}' is missing in\n{process.stdout}\n{process.stderr}"
    assert "no Make" not in process.stdout and "no room" not in process.stdout, process.stdout
    assert "master.conf" not in process.stderr, process.stderr
    assert len(re.findall("Make room|free some", process.stderr)) == 1, process.stderr


@claim
def tiny_file_system(folder):
    """a file system that is too small for any store is not called full: what is free, and what must stay so, is said"""
    script = '''
        mount -t tmpfs -o size=3m none "$1" || exit 77
        "$2" local --to 1e9 --store "$1/store" 2>"$1.said" &
        for i in $(seq 300); do grep -q "Make room" "$1.said" && break; sleep 0.1; done
        kill -TERM $!; wait $!; cat "$1.said" >&2
    '''
    disk = os.path.join(folder, "disk")
    os.mkdir(disk)
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    process = subprocess.run(["unshare", *root, "--mount", "sh", "-c", script, "sh", disk, harness.PRIMECTL],
                             capture_output=True, text=True, check=False, timeout=patience(100))
    if process.returncode == 77 or "unshare:" in process.stderr:
        raise Skip("cannot mount a small tmpfs: run as root, or where users may make user namespaces")
    errors = process.stderr
    assert re.search(r"has (2\.\d+|3\.0)M free, and [48]\.\d+M must stay free for the store", errors), errors
    assert "is full" not in errors, errors


@claim
def limited_file_size(folder):
    """a limit of file sizes ends it with a sentence that names the limit; without it the same command goes on"""
    store = os.path.join(folder, "store")
    arguments = ["--to", "5e8", "--segment-blocks", "100"]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))

    process = primectl("local", "--store", store, *arguments, check=False, preexec_fn=limit)
    assert process.returncode == 1 and "ulimit -f" in process.stderr and "LimitFSIZE=" in process.stderr, process
    assert "died" not in process.stderr, process.stderr
    assert primectl("verify", "--store", store).returncode == 0
    assert local(store, *arguments)["primes"] == "26355867"
    files = os.path.join(folder, "files")
    process = primectl("export", files, "--store", store, check=False, preexec_fn=limit)
    assert process.returncode == 1 and "ulimit -f" in process.stderr, process


@claim
def damaged_store(folder):
    """a truncated or flipped store file is named, with the cure, and nothing is changed"""
    store = os.path.join(folder, "store")
    options = ["--store", store, "--to", "3e8", "--segment-blocks", "4"]
    primectl("local", "--quiet", *options)
    sealed = os.path.join(store, "000000000004.primes")
    with open(sealed, "rb") as file:
        good = file.read()

    def damage(content):
        with open(sealed, "wb") as file:
            file.write(content)

    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0x10
    for content, name in ((good[:len(good) // 2], "truncated"), (b"", "empty"), (bytes(flipped), "flipped")):
        damage(content)
        before = snapshot(store)
        # What info tells stands in footers: it cannot see a flipped bit in a block, and does not say so either.
        # To count takes even less.
        for verb in ("verify", "cat") if name == "flipped" else ("verify", "cat", "info"):
            process = primectl(verb, "--store", store, check=False, timeout=60)
            assert process.returncode == 1 and "000000000004.primes" in process.stderr, \
                f"{verb}, {name}: {process.stdout[-500:]}{process.stderr}"
            assert verb == "cat" or process.stdout == "", f"{verb}, {name}: {process.stdout}"
        assert snapshot(store) == before
    # A store with a damaged file is not written to.
    for content in (good[:len(good) // 2], b""):
        damage(content)
        refused(1, "000000000004.primes", arguments=options, check_store=store)
    damage(good)
    primectl("verify", "--store", store)


@claim
def progress_on_a_terminal(folder):
    """a live line with speed, primes, percent and time left"""
    store = os.path.join(folder, "store")
    command = f"'{harness.PRIMECTL}' local --to 4e9 --store '{store}'"
    process = subprocess.run(["script", "-qec", command, "/dev/null"], stdin=subprocess.DEVNULL,
                             capture_output=True, check=False, timeout=patience(120))
    text = process.stdout.decode()
    assert re.search(r"\r\x1b\[K\[[#.]+\] +[0-9.]+%  [0-9.]+ [MG] numbers  [0-9.]+ [MG]/s  [0-9,]+ primes  .* left",
                     text), text[:2000]
    assert "189961812 primes" in text


@claim
def plain_lines_elsewhere(folder):
    """without a terminal: plain lines on standard error, the summary on standard output"""
    process = primectl("local", "--from", "10^18", "--length", "6e9", "--store", os.path.join(folder, "store"),
                       "--threads", "1")
    lines = process.stderr.splitlines()
    # on a machine that is slow and busy a block may take its time, which is told
    form = re.compile(r" *[0-9.]+%  .* (left|no new block for .*)$")
    assert lines and all(form.match(line) for line in lines), process.stderr
    assert "\r" not in process.stderr and "%" not in process.stdout


@claim
def quiet_says_nothing(folder):
    """--quiet prints nothing at all when all is well"""
    process = primectl("local", "--to", "1e7", "--quiet", "--store", os.path.join(folder, "store"))
    assert process.stdout == "" and process.stderr == ""


@claim
def default_stores(folder):
    """without --store each job has a folder of its own, and the other verbs take the one used last"""
    env = dict(os.environ, XDG_DATA_HOME=os.path.join(folder, "data"))
    primectl("local", "--to", "1000", env=env)
    assert os.path.isdir(os.path.join(folder, "data", "primed", "0-1000"))
    assert primectl("count", env=env).stdout.split()[0] == "168"
    assert "--store" not in primectl("local", "--to", "1e4", env=env).stdout
    assert primectl("count", env=env).stdout.split()[0] == "1229"
    primectl("local", "--to", "1000", env=env)
    assert primectl("count", env=env).stdout.split()[0] == "168"
    assert "168 primes" in primectl("local", env=env).stdout  # goes on with the last one
    primectl("local", "--from", "10^100", "--length", "100", env=env)
    assert len(os.listdir(os.path.join(folder, "data", "primed"))) == 4
    env = {k: v for k, v in os.environ.items() if k not in ("XDG_DATA_HOME", "HOME")}
    for arguments in (["local", "--to", "1000"], ["local"], ["count"]):
        process = primectl(*arguments, env=env, check=False)
        assert process.returncode == 1 and "--store" in process.stderr, process


@claim
def numbers_longer_than_arguments(folder):
    """ends of more digits than a program's argument may have reach the master and its store"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--from", "2^1000000", "--length", "30")
    job = os.path.join(store, "job")
    wait_until(lambda: os.path.exists(job))
    kill(process.pid, signal.SIGINT)
    status = process.wait(timeout=patience(30))
    assert status == 128 + signal.SIGINT, status
    assert os.path.getsize(job) > 2 * 301029, os.path.getsize(job)


@claim
def closed_and_full_output(folder):
    """a summary that cannot be written is told; a closed output harms nothing"""
    store = os.path.join(folder, "store")
    for options in ([], ["--json"]):
        process = subprocess.run(["bash", "-c", '"$0" "$@" >/dev/full', harness.PRIMECTL, "local", "--to", "1000",
                                  "--store", store, *options], capture_output=True, text=True, check=False,
                                 timeout=patience(30))
        assert process.returncode == 1 and "space" in process.stderr, process
    process = subprocess.run(["bash", "-c", '"$0" "$@" >&- 2>&- <&-', harness.PRIMECTL, "local", "--to", "1e7",
                              "--store", store + "2"], check=False, timeout=patience(30))
    assert process.returncode == 0
    assert primectl("count", "--store", store + "2").stdout.split()[0] == "664579"


@claim
def json_however_it_ends(folder):
    """--json ends with an object after failures and interrupts too, whatever the path is made of"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1000")
    process = primectl("local", "--json", "--quiet", "--store", store, "--to", "2000", check=False)
    summary = json.loads(process.stdout)
    assert process.returncode == 1 and summary["state"] == "failed" and "another job" in summary["problem"], process
    odd = os.fsencode(folder) + b"/\xff\xfe store"
    process = subprocess.run([harness.PRIMECTL, "local", "--json", "--quiet", "--to", "1000", "--store", odd],
                             capture_output=True, check=False, timeout=patience(30))
    assert process.returncode == 0 and json.loads(process.stdout.decode())["primes"] == "168", process


@claim
def same_store_from_any_cluster(folder):
    """1, 2 and 5 workers, any number of threads: the same files"""
    stores = []
    for number, shape in enumerate((("1", "1"), ("2", "1"), ("5", "1"), ("1", "4"), ("3", "2"))):
        store = os.path.join(folder, str(number))
        local(store, "--from", "10^12", "--length", "1.5e9", "--segment-blocks", "7", "--workers", shape[0],
              "--threads", shape[1])
        stores.append(store_files(store))
    assert len(stores[0]) >= 9 and all(store == stores[0] for store in stores)


if __name__ == "__main__":
    harness.run()
