#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primed-master as a service: jobs over the bus, restarts, reloads, and everything that can be broken."""

import json
import os
import re
import shutil
import signal
import socket
import time

from harness import claim, patience, run, wait_until
from service import Bus, BusError, Master, Worker

PI_E9 = 50847534
BIG = "0-1000000000000"  # more than a test computes


def fails(wanted, function, *arguments, **options):
    """The call fails with a sentence that has the words."""
    try:
        function(*arguments, **options)
    except BusError as error:
        assert wanted in str(error), error
        return str(error)
    raise AssertionError(f"no error, not even '{wanted}'")


def refuses_to_start(master, wanted):
    """It ends with status 1, without ever being ready, and says why in one line."""
    before = len(master.said())
    master.told = []
    master.launch()
    assert master.process.wait(timeout=patience(30)) == 1
    said = master.said()[before:]
    assert wanted in said, said
    assert len(said.splitlines()) == 1, said
    assert "READY=1" not in master.hear()


@claim
def finishes_a_job(folder):
    """A job that is added over the bus is computed by a worker that connects; pi is right"""
    with Bus(folder) as bus, Master(folder, bus) as master, Worker("--threads=2", "--name=w1") as worker:
        assert bus.status()["state"] == "idle"
        assert master.status_line() == "No job: primectl start --to 10^12"
        assert bus.add("0", "10^9", priority=7) == "0-1000000000"
        assert bus.status()["state"] == bus.property("State") == "working"
        worker.join(master.port)
        job = wait_until(lambda: bus.jobs()["0-1000000000"]["state"] == "finished" and bus.jobs()["0-1000000000"], 120)
        assert job["primes"] == PI_E9, job
        assert job["frontier"] == job["to"] == "1000000000" and job["from"] == "0", job
        assert job["blocks_in_order"] == job["blocks_total"] == 32 and job["blocks_spooled"] == 0, job
        assert job["priority"] == 7 and job["remaining_usec"] == 0 and job["audit"] == "unaudited", job
        assert re.fullmatch("[0-9a-f]{16}", job["id"]) and job["disagreements"] == 0, job
        status = bus.status()
        assert status["state"] == "idle" and status["jobs"] == 1 and status["port"] == master.port, status
        assert status["audit"] == "unaudited" and status["problem"] == "", status
        wait_until(lambda: master.status_line().startswith("All jobs are finished"))
        assert os.path.exists(os.path.join(job["store"], "manifest"))


@claim
def lists_workers(folder):
    """ListWorkers and STATUS= tell of a worker at work, with the cap of master.conf"""
    config = 'hosts = ( { host = "w1"; cores = 1; cpu_quota = "50%"; } );'
    with Bus(folder) as bus, Master(folder, bus, config) as master, Worker("--threads=2", "--name=w1") as worker:
        bus.add("0", "10^12")
        worker.join(master.port)
        entry = wait_until(lambda: bus.workers().get("w1", {}).get("blocks") and bus.workers()["w1"], 60)
        assert entry["threads_asked"] == 1 and entry["cpu_quota_asked"] == 50, entry
        assert entry["program"].startswith("primed-worker ") and re.fullmatch("[0-9a-f]{64}", entry["id"]), entry
        assert abs(entry["joined_usec"] / 1e6 - time.time()) < 60, entry
        assert bus.status()["workers"] == bus.property("Workers") == 1
        line = wait_until(lambda: "numbers/s" in master.status_line() and master.status_line(), 60)
        assert re.match(r"1 worker, \d threads?; job 0 to 10\^12: 0\.\d %, [\d.]+ \w numbers/s$", line), line
        master.configure('hosts = ( { host = "w1"; cores = 2; } );')
        master.reload()
        assert bus.workers()["w1"]["threads_asked"] == 2


@claim
def pauses_resumes_cancels(folder):
    """Pause, resume and cancel; a cancelled interval that is asked for again goes on with its store"""
    with Bus(folder) as bus, Master(folder, bus) as master, Worker("--threads=2") as worker:
        name = bus.add("0", "10^12")
        worker.join(master.port)
        wait_until(lambda: bus.jobs()[name]["blocks_in_order"] > 0, 60)
        bus.change("PauseJob", name)
        assert bus.jobs()[name]["state"] == "paused" and bus.status()["state"] == "idle"
        fails("paused", bus.add, "0", "10^12")
        bus.change("ResumeJob", name)
        assert bus.jobs()[name]["state"] == "running"
        store = bus.jobs()[name]["store"]
        bus.change("CancelJob", name)
        assert bus.jobs() == {} and bus.property("Jobs") == 0
        assert os.path.exists(os.path.join(store, "job"))
        assert bus.add("0", "10^12") == name
        assert bus.jobs()[name]["blocks_in_order"] > 0


@claim
def tells_errors(folder):
    """What cannot be done is answered with a sentence"""
    with Bus(folder) as bus, Master(folder, bus):
        name = bus.add("0", "10^12")
        fails("is there already", bus.add, "0", "10^12")
        fails("0-5", bus.change, "PauseJob", "0-5")
        fails("0-5", bus.change, "CancelJob", "0-5")
        fails("'x'", bus.add, "x", "10^12")
        fails("ends before it begins", bus.add, "10", "5")
        fails("from 1 to 1000", bus.add, "0", "5", priority=0)
        fails("from 1 to 1000", bus.add, "0", "5", priority=1001)
        fails("'colour'", bus.add, "0", "5", colour=1)
        assert list(bus.jobs()) == [name]
        assert bus.add("10^20", "") == "100000000000000000000-open"
        assert bus.jobs()["100000000000000000000-open"]["to"] == ""


@claim
def answers_for_finished_jobs(folder):
    """A finished job cannot be paused, can be asked for again, and can be taken off the list"""
    with Bus(folder) as bus, Master(folder, bus) as master, Worker() as worker:
        name = bus.add("0", "10^6")
        worker.join(master.port)
        wait_until(lambda: bus.jobs()[name]["state"] == "finished", 60)
        fails("is finished", bus.change, "PauseJob", name)
        assert bus.add("0", "10^6", priority=5) == name
        assert bus.jobs()[name]["state"] == "finished" and bus.jobs()[name]["priority"] == 5
        bus.change("CancelJob", name)
        assert bus.jobs() == {}


@claim
def only_root_changes(folder):
    """Everybody reads, only root changes"""
    user = "nobody" if os.geteuid() == 0 else None
    with Bus(folder, as_root=False) as bus, Master(folder, bus, 'job = { from = "0"; priority = 1; };'):
        before = bus.jobs(user=user)
        assert list(before) == ["0-open"] and before["0-open"]["state"] == "running"
        assert bus.status(user=user)["jobs"] == 1 and bus.workers(user=user) == {}
        for method in ("PauseJob", "ResumeJob", "CancelJob", "RotateStore"):
            fails("ccess", bus.change, method, "0-open", user=user)
        fails("ccess", bus.call, "AddJob", "ssa{sv}", "0", "5", "0", user=user)
        fails("ccess", bus.call, "VacuumStore", "st", "0-open", "0", user=user)
        assert bus.jobs() == before


@claim
def survives_restarts(folder):
    """Jobs outlive a stop and a kill, and go on where they were; a connection made meanwhile is served"""
    with Bus(folder) as bus, Master(folder, bus) as master:
        name, paused = bus.add("0", "10^12", priority=9), bus.add("5", "10^12")
        bus.change("PauseJob", paused)
        cancelled = bus.add("7", "10^12")
        bus.change("CancelJob", cancelled)
        done = 0
        for number in (signal.SIGTERM, signal.SIGKILL):
            with Worker("--threads=2") as worker:
                worker.join(master.port)
                done = wait_until(lambda before=done: bus.jobs()[name]["blocks_in_order"] > before and
                                  bus.jobs()[name]["blocks_in_order"], 60)
                status = master.stop(number)
                assert number == signal.SIGKILL or status == 0, status
                assert number == signal.SIGKILL or "STOPPING=1" in master.hear()
            with Worker("--threads=2") as worker:
                worker.join(master.port)  # nobody accepts yet
                master.start()
                jobs = bus.jobs()
                assert list(jobs) == [name, paused], jobs
                assert jobs[name]["state"] == "running" and jobs[name]["priority"] == 9, jobs
                assert jobs[paused]["state"] == "paused" and jobs[name]["blocks_in_order"] >= done, jobs
                wait_until(lambda before=jobs[name]["blocks_in_order"]:
                           bus.jobs()[name]["blocks_in_order"] > before, 60)
            done = bus.jobs()[name]["blocks_in_order"]


@claim
def keeps_its_key(folder):
    """The id stays the same over restarts"""
    with Bus(folder) as bus, Master(folder, bus) as master:
        identity = bus.status()["id"]
        master.stop()
        master.start()
        assert bus.status()["id"] == identity and re.fullmatch("[0-9a-f]{64}", identity)
        assert os.stat(os.path.join(master.state, "host.key")).st_mode & 0o777 == 0o600


@claim
def refuses_a_damaged_list(folder):
    """A damaged jobs.json is left alone and named, with the cure, which works"""
    with Bus(folder) as bus, Master(folder, bus) as master:
        name = bus.add("0", "10^12")
        master.stop()
        path = os.path.join(master.state, "jobs.json")
        with open(path, encoding="utf-8") as file:
            good = file.read()
        for bad in (good[:-20], good.replace("1000000000000\"", "2000000000000\"", 1), "[]", "\0\xff", ""):
            with open(path, "w", encoding="latin-1") as file:
                file.write(bad)
            refuses_to_start(master, path)
            with open(path, encoding="latin-1") as file:
                assert file.read() == bad
        os.unlink(path)
        master.start()
        assert bus.jobs()[name]["state"] == "paused"
        assert "forgotten" in master.said()
        bus.change("ResumeJob", name)
        assert bus.jobs()[name]["state"] == "running"


@claim
def cancelled_jobs_stay_away(folder):
    """A cancelled job is not adopted by its store; the list forgets it when the store is gone"""
    with Bus(folder) as bus, Master(folder, bus) as master:
        name = bus.add("0", "10^12")
        store = bus.jobs()[name]["store"]
        bus.change("CancelJob", name)
        master.stop()
        master.start()
        assert bus.jobs() == {}
        master.stop()
        shutil.rmtree(store)
        master.start()
        master.stop()
        with open(os.path.join(master.state, "jobs.json"), encoding="utf-8") as file:
            assert json.load(file)["jobs"] == []


@claim
def misses_a_store(folder):
    """A job whose store is gone or damaged fails alone, says so, and goes on when it is back"""
    with Bus(folder) as bus, Master(folder, bus) as master:
        name, other = bus.add("0", "10^12"), bus.add("5", "10^12")
        store = bus.jobs()[name]["store"]
        master.stop()
        os.rename(store, store + ".away")
        master.start()
        jobs = bus.jobs()
        assert jobs[name]["state"] == "failed" and "is not there" in jobs[name]["problem"], jobs
        assert jobs[other]["state"] == "running" and not os.path.exists(store), jobs
        assert f"job {name} failed" in master.status_line()
        fails("is not there", bus.change, "ResumeJob", name)
        os.rename(store + ".away", store)
        bus.change("ResumeJob", name)
        assert bus.jobs()[name]["state"] == "running"


@claim
def follows_moved_stores(folder):
    """Stores that were moved to the new "store" folder are found there"""
    with Bus(folder) as bus, Master(folder, bus) as master:
        name = bus.add("0", "10^12")
        master.stop()
        moved = os.path.join(folder, "moved")
        os.mkdir(moved)
        os.rename(os.path.join(master.state, name), os.path.join(moved, name))
        with open(master.config, "w", encoding="utf-8") as file:
            file.write(f'store = "{moved}"; advertise = false;')
        master.start()
        assert bus.jobs()[name]["store"] == os.path.join(moved, name) and bus.jobs()[name]["state"] == "running"
        other = bus.add("5", "10^12")
        assert bus.jobs()[other]["store"] == os.path.join(moved, other)


@claim
def keeps_the_standing_job(folder):
    """The job of master.conf: added, changed, withdrawn and brought back with the file; cancelled, it stays away"""
    with Bus(folder) as bus, Master(folder, bus, 'job = { from = "0"; priority = 1; };') as master:
        assert {name: job["priority"] for name, job in bus.jobs().items()} == {"0-open": 1}
        master.configure('job = { from = "0"; priority = 3; };')
        master.reload()
        assert {name: job["priority"] for name, job in bus.jobs().items()} == {"0-open": 3}
        master.configure('job = { from = "10^6"; to = "10^12"; priority = 3; };')
        master.reload()
        assert list(bus.jobs()) == ["1000000-1000000000000"]
        by_hand = bus.add("5", "")
        master.configure("")
        master.reload()
        assert list(bus.jobs()) == [by_hand]
        master.configure('job = { from = "0"; priority = 1; };')
        master.reload()
        assert {name: job["standing"] for name, job in bus.jobs().items()} == {"0-open": True, by_hand: False}
        bus.change("CancelJob", "0-open")
        master.reload()
        master.stop()
        master.start()
        assert list(bus.jobs()) == [by_hand]
        assert bus.add("0", "") == "0-open"


@claim
def withdraws_at_the_start(folder):
    """A job that went out of master.conf while the master did not run is withdrawn, and that is what is said"""
    with Bus(folder) as bus, Master(folder, bus, 'job = { from = "0"; priority = 1; };') as master:
        master.stop()
        master.configure("")
        master.start()
        assert bus.jobs() == {}
        said = master.said()
        assert "Job '0-open': withdrawn, for master.conf does not name it any more" in said, said
        assert "could not be opened" not in said, said


@claim
def survives_a_broken_config(folder):
    """A broken master.conf: no start; on reload the old settings stay, and STATUS= and GetStatus say why"""
    with Bus(folder) as bus, Master(folder, bus, 'job = { from = "0"; priority = 1; };') as master:
        master.configure("cores = ;")
        master.reload()
        assert list(bus.jobs()) == ["0-open"]
        assert master.config in bus.status()["problem"], bus.status()
        assert f"The last reload failed: {master.config}:3" in master.status_line(), master.status_line()
        assert any(line == "RELOADING=1" for line in master.hear())
        master.configure('job = { from = "5"; to = "3"; priority = 1; };')
        master.reload()
        assert list(bus.jobs()) == ["0-open"] and bus.status()["problem"] != ""
        master.stop()
        refuses_to_start(master, master.config)
        master.configure("")
        master.start()
        master.reload()
        assert bus.status()["problem"] == "" and "reload" not in master.status_line()


@claim
def takes_a_name(folder):
    """"name" in master.conf is told over the bus, before and after a reload"""
    with Bus(folder) as bus, Master(folder, bus, 'name = "Erathosthenes";') as master:
        assert bus.status()["name"] == bus.property("Name") == "Erathosthenes"
        master.configure('name = "Sundaram";')
        master.reload()
        assert bus.status()["name"] == bus.property("Name") == "Sundaram"


@claim
def needs_its_socket(folder):
    """Without a listening socket it names primed-master.socket"""
    with Bus(folder) as bus, Master(folder, bus) as master:
        master.stop()
        before = len(master.said())
        master.launch(listen=False)
        assert master.process.wait(timeout=patience(30)) == 1
        assert "primed-master.socket" in master.said()[before:]


@claim
def is_alone_in_its_folder(folder):
    """A second master in the same state folder is refused"""
    with Bus(folder) as bus, Master(folder, bus) as master:
        first = master.process
        try:
            refuses_to_start(master, "Another primed-master")
        finally:
            master.process = first
        assert bus.is_there()


@claim
def does_without_a_bus(folder):
    """No bus at the start, one that comes, and one that restarts: the master works on, and is there again"""
    bus = Bus(folder)
    try:
        with Master(folder, bus, 'job = { from = "0"; priority = 1; };') as master, Worker("--threads=1") as worker:
            worker.join(master.port)
            wait_until(lambda: master.status_line().startswith("1 worker"), 60)
            assert master.said().count("system bus") == 1, master.said()
            bus.start()
            assert wait_until(bus.is_there, 40)["workers"] == 1
            bus.stop()
            bus.start()
            assert wait_until(bus.is_there, 40)["workers"] == 1
            assert master.process.poll() is None
    finally:
        bus.stop()


@claim
def runs_out_of_descriptors(folder):
    """More connections than descriptors: those that come later wait, and are served when others leave"""
    with Bus(folder) as bus:
        master = Master(folder, bus, 'job = { from = "0"; priority = 1; };')
        try:
            master.start(limit=40)
            crowd = [socket.create_connection(("127.0.0.1", master.port)) for _ in range(60)]
            wait_until(lambda: "No connection can be taken" in master.said(), 20)
            for connection in crowd:
                connection.close()
            with Worker("--threads=1") as worker:
                worker.join(master.port)
                assert wait_until(lambda: bus.status()["workers"] == 1, 60)
        finally:
            master.stop(signal.SIGKILL)


if __name__ == "__main__":
    run()
