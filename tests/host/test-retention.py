#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stores keep: rotation, vacuum and thinning, by hand and by master.conf, while work goes on and afterwards. What
a store answers does not change by it."""

import hashlib
import json
import os
import signal
import subprocess

from harness import PRIMECTL, Skip, claim, kill, local, patience, primectl, run, start_local, store_files, wait_until
from service import Bus, BusError, Master, Worker

END = "3e9"
NAME = "0-3000000000"
PRIMES = 144449537  # below 3·10^9
SEGMENT = ("--segment-size", "2M")


def info(store):
    return json.loads(primectl("info", "--store", store, "--json").stdout)


def change(*arguments, **options):
    return json.loads(primectl("store", *arguments, "--json", **options).stdout)


def size_of(store):
    return sum(os.path.getsize(os.path.join(store, name)) for name in store_files(store))


def bytes_of(store, *arguments):
    """The digest of what cat prints."""
    return hashlib.sha256(primectl("cat", "--store", store, *arguments).stdout.encode()).hexdigest()


def undisturbed(folder):
    """The chain of the job's store that nobody touched."""
    store = os.path.join(folder, "undisturbed")
    local(store, "--to", END)
    return info(store)["chain"]


def is_begun(store):
    """There is a file that is not ended, with blocks."""
    return os.path.isdir(store) and any(entry.name.endswith(".open") and entry.stat().st_size > 1 << 20
                                        for entry in os.scandir(store))


def vacuum(bus, name, target):
    return bus.call("VacuumStore", "st", name, str(target))


@claim
def the_master_changes_a_store_at_work(folder):
    """RotateStore and VacuumStore while a worker computes: the store is the one that nobody touched, but smaller"""
    with Bus(folder) as bus, Master(folder, bus, 'segment_size = "2M";') as master, Worker("--threads=2") as worker:
        name = bus.add("0", END)
        worker.join(master.port)
        store = bus.jobs()[name]["store"]
        n_ended = n_thinned = 0
        while bus.jobs()[name]["state"] == "running":
            n_ended += bus.change("RotateStore", name)[0]
            segments, freed = vacuum(bus, name, 0)
            assert (segments > 0) == (freed > 0)
            n_thinned += segments
        assert bus.jobs()[name]["state"] == "finished"
        assert n_ended > 0 and n_thinned >= n_ended, (n_ended, n_thinned)
        assert bus.change("RotateStore", name) == [0]
        n_thinned += vacuum(bus, name, 0)[0]
        assert vacuum(bus, name, 0) == [0, 0]
        job = bus.jobs()[name]
        assert job["segments"] == n_thinned and job["primes"] == PRIMES, (job, n_thinned)
        assert job["bytes"] < 1 << 20, job
        for method, arguments in (("RotateStore", ("s", "none")), ("VacuumStore", ("st", "none", "0"))):
            try:
                bus.call(method, *arguments)
                raise AssertionError("no error")
            except BusError as error:
                assert "no job 'none'" in str(error), error
        assert master.stop() == 0
        assert "were dropped, which freed" in master.said()
    assert info(store)["chain"] == undisturbed(folder)
    primectl("verify", "--store", store)
    assert primectl("count", "--store", store).stdout.strip() == str(PRIMES)


@claim
def primectl_asks_the_master(folder):
    """primectl store lets the master change a store that it has open, by --job and by --store"""
    with Bus(folder) as bus, Master(folder, bus, 'segment_size = "2M";') as master, Worker("--threads=2") as worker:
        bus.need_root()
        name = bus.add("0", "10^12")
        worker.join(master.port)
        store = bus.jobs()[name]["store"]
        wait_until(lambda: bus.jobs()[name]["segments"] > 2, 60)
        here = {"env": bus.environment}
        assert int(change("rotate", "--job", name, **here)["ended"]) <= 1
        before = bus.jobs()[name]["segments"]
        done = change("vacuum", "--max-use=1", "--store", store, **here)
        assert int(done["segments"]) >= before and int(done["bytes_freed"]) > 2 << 20, done
        wait_until(lambda: bus.jobs()[name]["segments"] > before, 60)
        text = primectl("store", "thin", "--job", name, **here).stdout
        assert text.startswith("Took the primes from ") and store in text, text
        assert primectl("store", "thin", "--job", name, "-q", **here).stdout == ""
        assert bus.jobs()[name]["state"] == "running"
        bus.change("CancelJob", name)

        # the master let it go: primectl does it, and the files belong to whom they belonged to
        owner = os.stat(store).st_uid
        change("thin", "--store", store, **here)
        assert info(store)["bytes"].isdigit() and size_of(store) < 4 << 20
        assert {os.stat(os.path.join(store, file)).st_uid for file in store_files(store)} == {owner}
        bus.add("0", "10^12")
        before = bus.jobs()[name]["blocks_in_order"]
        worker.join(master.port)
        wait_until(lambda: bus.jobs()[name]["blocks_in_order"] > before, 60)


@claim
def others_may_not(folder):
    """Who is not root is told so when the master has the store open"""
    prefix = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    try:
        subprocess.run([*prefix, PRIMECTL, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=True)
    except (OSError, subprocess.CalledProcessError) as reason:
        raise Skip("cannot run primectl as another user") from reason
    with Bus(folder, as_root=False) as bus, Master(folder, bus, 'job = { from = "0"; };'):
        store = bus.jobs()["0-open"]["store"]
        process = subprocess.run([*prefix, PRIMECTL, "store", "rotate", "--store", store], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=bus.environment,
                                 timeout=patience(60), check=False)
        assert process.returncode == 1, process
        assert "only root may do this" in process.stderr, process.stderr
        assert len(process.stderr.splitlines()) == 1, process.stderr


@claim
def thinning_changes_no_answer(folder):
    """A store that was thinned in two steps prints, counts and verifies as before, in a hundredth of the room"""
    store = os.path.join(folder, "store")
    local(store, "--to", "1e9", *SEGMENT)
    before, chain, full = bytes_of(store, "999000000"), info(store)["chain"], size_of(store)
    middle = bytes_of(store, "123456789", "125000000")
    n_segments = int(info(store)["segments"])
    assert n_segments >= 5

    done = change("vacuum", "--store", store, "--max-use", str(full // 2))
    assert 0 < int(done["segments"]) < n_segments and done["ended"] == "0", done
    assert size_of(store) <= full // 2 + (1 << 16)
    done = change("vacuum", "--store", store, "--max-use", str(full // 2))
    assert done["segments"] == done["bytes_freed"] == "0", done
    text = primectl("store", "vacuum", "--store", store, "--max-use=1T").stdout
    assert text.startswith("There is nothing to free"), text
    assert int(change("thin", "--store", store)["segments"]) > 0
    assert size_of(store) < full // 100

    assert bytes_of(store, "999000000") == before and bytes_of(store, "123456789", "125000000") == middle
    assert info(store)["chain"] == chain
    assert primectl("count", "--store", store).stdout.strip() == "50847534"
    assert "Intact: 50,847,534 primes" in primectl("verify", "--store", store).stdout


@claim
def an_interrupted_store_is_rotated(folder):
    """What was begun is ended by rotate, and local goes on with it: the same primes in other files"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", END)
    wait_until(lambda: is_begun(store), 60)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=patience(60)) == 130
    text = primectl("store", "rotate", "--store", store).stdout
    assert text.startswith("Ended a file of the store"), text
    assert not is_begun(store)
    assert primectl("store", "rotate", "--store", store).stdout.startswith("There is nothing to end")
    primectl("store", "thin", "--store", store)
    assert local(store, "--to", END)["primes"] == str(PRIMES)
    assert info(store)["chain"] == undisturbed(folder)


@claim
def a_store_in_use_is_left_alone(folder):
    """While primectl local works on a store it is not changed, and the sentence names the pid"""
    store = os.path.join(folder, "store")
    process = start_local(store, "--to", "1e13")
    wait_until(lambda: os.path.exists(os.path.join(store, "job")), 60)
    pid = wait_until(lambda: open(os.path.join(store, "lock"), encoding="ascii").read().strip())
    refused = primectl("store", "thin", "--store", store, check=False)
    assert refused.returncode == 1 and f"pid {pid}" in refused.stderr, refused.stderr
    kill(process.pid)
    process.wait(timeout=patience(60))


@claim
def nothing_is_made_where_no_store_is(folder):
    """A folder that is missing, empty, foreign, or a damaged store, stays as it is"""
    empty, foreign, damaged = (os.path.join(folder, name) for name in ("empty", "foreign", "damaged"))
    os.mkdir(empty)
    os.mkdir(foreign)
    with open(os.path.join(foreign, "letter"), "w", encoding="ascii") as file:
        file.write("dear reader")
    local(damaged, "--to", "1e8")
    with open(os.path.join(damaged, "job"), "w", encoding="ascii") as file:
        file.write("rubbish")
    for path in (os.path.join(folder, "missing"), empty, foreign, damaged):
        before = sorted(os.listdir(path)) if os.path.exists(path) else None
        for words in (("rotate",), ("thin",), ("vacuum", "--max-use=0")):
            process = primectl("store", *words, "--store", path, check=False)
            assert process.returncode == 1 and len(process.stderr.splitlines()) == 1, process.stderr
        assert (sorted(os.listdir(path)) if os.path.exists(path) else None) == before


@claim
def wrong_usage(folder):
    """What is not understood is refused with status 2"""
    store = os.path.join(folder, "store")
    for words in ((), ("fold",), ("vacuum",), ("thin", "--max-use=1"), ("vacuum", "--max-use=much"),
                  ("rotate", "thin"), ("rotate", "--json=loud"), ("rotate", "--what")):
        process = primectl("store", *words, "--store", store, check=False)
        assert process.returncode == 2 and len(process.stderr.splitlines()) == 1, (words, process.stderr)
    for words in (("--segment-size=0",), ("--segment-size=x",), ("--segment-size=1M", "--segment-blocks=3")):
        process = primectl("local", *words, "--store", store, "--to", "1e6", check=False)
        assert process.returncode == 2 and "--segment-size" in process.stderr, (words, process.stderr)
    assert not os.path.exists(store)
    assert "primectl store [OPTIONS...] thin" in primectl("store", "--help").stdout


@claim
def max_use_pauses_work(folder):
    """A master whose stores fill max_use waits; a reload that allows more lets it go on"""
    with Bus(folder) as bus, Master(folder, bus, 'segment_size = "1M"; max_use = "8M";') as master, \
            Worker("--threads=2") as worker:
        name = bus.add("0", END)
        worker.join(master.port)
        job = wait_until(lambda: bus.jobs()[name]["state"] == "failed" and bus.jobs()[name], 60)
        assert "'max_use' in master.conf" in job["problem"], job
        assert job["bytes"] > 8 << 20 and bus.status()["state"] == "idle", job
        master.configure('max_use = "1G";')
        master.reload()
        wait_until(lambda: bus.jobs()[name]["state"] == "running", 30)
        worker.join(master.port)
        wait_until(lambda: bus.jobs()[name]["state"] == "finished", 120)
        store = bus.jobs()[name]["store"]
    assert info(store)["chain"] == undisturbed(folder)


@claim
def less_by_hand_lets_it_go_on(folder):
    """What the sentence about max_use offers helps: after 'primectl store vacuum' the job goes on by itself"""
    with Bus(folder) as bus, Master(folder, bus, 'max_use = "8M";') as master, Worker("--threads=2") as worker:
        name = bus.add("0", END)
        worker.join(master.port)
        job = wait_until(lambda: bus.jobs()[name]["state"] == "failed" and bus.jobs()[name], 60)
        done = change("vacuum", "--store", job["store"], "--max-use", "1M")
        assert int(done["bytes_freed"]) > 4 << 20, done
        wait_until(lambda: bus.jobs()[name]["state"] == "running", 30)
        assert bus.jobs()[name]["problem"] == ""


@claim
def a_masters_store_is_repaired(folder):
    """verify --repair of a store that the master has open tells the way, and the way leads there"""
    with Bus(folder) as bus, Master(folder, bus, 'segment_size = "1M";') as master, Worker("--threads=2") as worker:
        here = {"env": bus.environment}
        name = bus.add("0", "1e9")
        worker.join(master.port)
        job = wait_until(lambda: bus.jobs()[name]["state"] == "finished" and bus.jobs()[name], 60)
        path = os.path.join(job["store"], "000000000002.primes")
        with open(path, "r+b") as file:
            file.truncate(1000)
        busy = primectl("verify", "--repair", "--store", job["store"], check=False, **here)
        assert busy.returncode == 1 and f"'primectl cancel {name}'" in busy.stderr, busy
        bus.change("CancelJob", name)
        done = primectl("verify", "--repair", "--store", job["store"], **here)
        assert "1 file put aside" in done.stdout and "primectl local" in done.stdout, done
        assert bus.add("0", "1e9") == name
        worker.join(master.port)
        wait_until(lambda: bus.jobs()[name]["state"] == "finished", 60)
        assert bus.jobs()[name]["primes"] == 50847534
    assert primectl("verify", "--store", job["store"]).stdout.startswith("Intact")


@claim
def what_is_open_is_dropped(folder):
    """With when_full = "drop-oldest" a file that is not ended makes room, too, when there is no other"""
    with Bus(folder) as bus, Master(folder, bus, 'segment_size = "16M"; max_use = "256M";') as master, \
            Worker("--threads=1") as worker:
        name = bus.add("0", END)
        worker.join(master.port)
        wait_until(lambda: bus.jobs()[name]["bytes"] > 3 << 20, 60)
        master.configure('max_use = "2M"; when_full = "drop-oldest";')
        master.reload()
        job = wait_until(lambda: bus.jobs()[name]["state"] == "finished" and bus.jobs()[name], 120)
        assert job["primes"] == PRIMES, job
        wait_until(lambda: bus.jobs()[name]["bytes"] < 2 << 20, 30)
        store = job["store"]
    assert info(store)["chain"] == undisturbed(folder)


@claim
def the_oldest_are_dropped(folder):
    """With when_full = "drop-oldest" the job ends, within max_use, and its answers are right"""
    config = 'segment_size = "1M"; max_use = "24M"; when_full = "drop-oldest";'
    with Bus(folder) as bus, Master(folder, bus, config) as master, Worker("--threads=1") as worker:
        name = bus.add("0", END)
        worker.join(master.port)
        job = wait_until(lambda: bus.jobs()[name]["state"] == "finished" and bus.jobs()[name], 120)
        assert job["primes"] == PRIMES, job
        wait_until(lambda: "were dropped, which made" in master.said(), 30)  # perhaps a turn after the last block
        wait_until(lambda: bus.jobs()[name]["bytes"] < 24 << 20, 30)
        store = job["store"]
    assert info(store)["chain"] == undisturbed(folder)
    assert primectl("count", "--store", store, "0", "1000000000").stdout.strip() == "50847534"


@claim
def keep_follows_a_reload(folder):
    """keep and the sizes of segments are those of master.conf when the store is made, keep also afterwards"""
    with Bus(folder) as bus, Master(folder, bus, 'keep = "digest"; segment_span = "10^8";') as master, \
            Worker("--threads=2") as worker:
        small = bus.add("0", "1e9")
        worker.join(master.port)
        job = wait_until(lambda: bus.jobs()[small]["state"] == "finished" and bus.jobs()[small], 60)
        assert job["segments"] == 11 and job["bytes"] < 1 << 16, job  # 32 blocks, three to a segment
        master.configure('segment_size = "1M";')
        master.reload()
        large = bus.add("1e9", "2e9")
        worker.join(master.port)
        job = wait_until(lambda: bus.jobs()[large]["state"] == "finished" and bus.jobs()[large], 60)
        assert job["bytes"] > 8 << 20 and job["segments"] > 11, job


run()
