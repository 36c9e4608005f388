#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primectl with a real master as a service on a bus of its own, and real workers that join over TCP."""

import json
import os
import re
import signal
import subprocess
import time

import harness
from harness import PRIMECTL, claim, local, patience, primectl, store_files, wait_until
from service import Bus, Master, need


class Host:
    """A master host: bus, master, and workers that join it."""

    def __init__(self, folder, config="", as_root=True):
        self.folder = folder
        self.bus = Bus(folder, as_root)
        self.master = Master(folder, self.bus, config)
        self.joined = []

    def __enter__(self):
        self.bus.start()
        self.master.start()
        return self

    def __exit__(self, *_):
        for process in self.joined:
            process.send_signal(signal.SIGINT)
        for process in self.joined:
            process.wait(patience(30))
        self.master.__exit__()
        self.bus.stop()

    def run(self, *arguments, expect=0, **options):
        """primectl on this host: its standard output, or what it complained about."""
        if arguments and arguments[0] in ("start", "pause", "resume", "cancel"):
            self.bus.need_root()
        env = {**self.bus.environment, "LC_ALL": "C.UTF-8", "HOME": self.folder, "XDG_DATA_HOME": self.folder + "/data"}
        process = primectl(*arguments, check=False, env=env, timeout=120, **options)
        assert process.returncode == expect, (arguments, process, self.master.said())
        return process.stdout if expect == 0 else process.stderr

    def jobs(self):
        """The jobs by their names."""
        return {job["name"]: job for job in json.loads(self.run("jobs", "--json=short"))}

    def join(self, *arguments):
        """A worker of this machine, by primectl join."""
        with open(os.path.join(self.folder, f"join-{len(self.joined)}"), "w", encoding="utf-8") as log:
            self.joined.append(subprocess.Popen([PRIMECTL, "join", f"127.0.0.1:{self.master.port}", "--threads=1",
                                                 *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log))


@claim
def finds_all_primes(folder):
    """start --wait with two workers ends with all primes, the same store as that of one machine, and readers find it"""
    alone = os.path.join(folder, "alone")
    local(alone, "--to", "3*10^9")
    with Host(folder) as host:
        host.join("--name=one")
        host.join("--name=two")
        output = host.run("start", "--to", "3*10^9", "--wait")
        assert "Started 0-3000000000: all primes in [0, 3000000000)." in output, output
        assert "Finished 0-3000000000: 144,449,537 primes in " in output and "unaudited" in output, output
        store = host.jobs()["0-3000000000"]["store"]
        assert store_files(store) == store_files(alone)
        assert host.run("count").split()[0] == "144449537"
        assert host.run("cat", "--job=0-3000000000", "-n1", "10^9") == "1000000007\n"
        info = json.loads(host.run("info", "--json"))
        assert info["store"] == store and {worker["name"] for worker in info["workers"]} <= {"one", "two"}
        assert host.run("verify", "-q") == ""


@claim
def shows_who_works(folder):
    """status, jobs and workers show a job and its workers while they are at it"""
    with Host(folder) as host:
        output = host.run("start", "--to", "10^15", "--priority=7")
        assert "No worker has joined yet" in output, output
        host.join("--name=helper")
        wait_until(lambda: "helper" in host.run("workers"), 20, 0.1)
        wait_until(lambda: float(host.jobs()["0-1000000000000000"]["rate"]) > 0, 60, 0.2)
        (worker,) = json.loads(host.run("workers", "--json=short"))
        assert worker["threads_applied"] == 1 and worker["address"] == "127.0.0.1", worker
        output = host.run("status")
        lines = output.splitlines()
        assert lines[0].startswith("● ") and " - primed master " in lines[0], output
        assert any(line.startswith("      State: working, up since ") for line in lines), output
        assert "    Workers: 1 with 1 thread in use" in lines and "      Audit: unaudited" in lines, output
        (row,) = [line.split() for line in lines if line.startswith("0-1000000000000000 ")]
        assert row[1:3] == ["running", "7"] and row[3].endswith("%"), row
        assert [line for line in lines if line.startswith("helper  127.0.0.1 ")], output
        assert host.run().splitlines()[0] == lines[0]
        assert host.jobs()["0-1000000000000000"]["priority"] == 7


@claim
def steers_jobs(folder):
    """pause stops a job, resume lets it go on, cancel keeps its store, start goes on with it"""
    with Host(folder) as host:
        host.run("start", "-q", "--to=10^15")
        name = "0-1000000000000000"
        host.join()
        wait_until(lambda: int(host.jobs()[name]["blocks_in_order"]) > 0, 60, 0.1)
        assert host.run("pause") == f"Paused {name}; 'primectl resume {name}' lets it go on.\n"
        assert host.jobs()[name]["state"] == "paused"
        # What workers have not finished they hand back; only what is on its way comes in. Promised are 2 s.
        time.sleep(patience(3))
        rest = host.jobs()[name]["blocks_in_order"]
        time.sleep(1)
        assert host.jobs()[name]["blocks_in_order"] == rest
        assert host.run("resume", name) == f"Resumed {name}.\n"
        before = int(host.jobs()[name]["blocks_in_order"])
        wait_until(lambda: int(host.jobs()[name]["blocks_in_order"]) > before, 60, 0.1)
        store = host.jobs()[name]["store"]
        assert f"Its primes stay in {store}:" in host.run("cancel", name)
        assert name not in host.jobs() and os.path.isdir(store)
        assert int(host.run("count", "--store", store).split()[0]) > 0
        host.run("start", "-q", "--to=10^15")
        job = host.jobs()[name]
        assert job["store"] == store and int(job["blocks_in_order"]) >= before, job


@claim
def urgent_jobs_come_first(folder):
    """a job that is started beside the standing one gets its first block within seconds"""
    with Host(folder) as host:
        host.run("start", "-q", "--open", "--priority=1")
        host.join()
        wait_until(lambda: int(host.jobs()["0-open"]["blocks_in_order"]) > 100, 60, 0.1)
        host.run("start", "-q", "--from=10^12", "--length=10^12")
        wait_until(lambda: int(host.jobs()["1000000000000-2000000000000"]["blocks_in_order"]) > 0, 20, 0.1)


@claim
def joiners_wait_for_work(folder):
    """a master without work lets workers go; they ask again soon, then after half a minute, and say so"""
    with Host(folder) as host:
        host.join()
        log = os.path.join(folder, "join-0")

        def said():
            with open(log, encoding="utf-8") as file:
                return re.findall(r"has let this worker go \(no work\); asking again in ([0-9.]+) s", file.read())

        pauses = wait_until(lambda: len(said()) > 1 and said(), 20, 0.1)
        assert float(pauses[0]) <= 2 and 20 <= float(pauses[1]) <= 30, pauses


@claim
def sentences_come_through(folder):
    """what the master refuses is told in one line, and nothing changes"""
    with Host(folder) as host:
        host.run("start", "-q", "--to=10^15")
        for arguments in (["start", "--to=10^15"], ["pause", "nosuch"], ["resume"], ["cancel", "a", "b"]):
            errors = host.run(*arguments, expect=1)
            assert len(errors.splitlines()) == 1 and errors.startswith("primectl: "), errors
        assert len(host.jobs()) == 1


@claim
def others_only_look(folder):
    """who is not root sees everything and changes nothing"""
    prefix = []
    if os.geteuid() == 0:
        need("setpriv")
        prefix = ["setpriv", "--reuid=65534", "--clear-groups"]
    with Host(folder, 'job = { from = "0"; priority = 1; };', as_root=False) as host:

        def look(*arguments):
            return subprocess.run([*prefix, PRIMECTL, *arguments], text=True, env=host.bus.environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  check=False, timeout=patience(30))

        looked = look("jobs")
        if prefix and (looked.returncode == 127 or "Permission denied" in looked.stderr):
            raise harness.Skip("another user cannot reach the build tree")
        assert looked.returncode == 0 and "0-open" in looked.stdout, looked
        assert look("status").returncode == 0
        before = host.jobs()
        for arguments in (["start", "--to=100"], ["pause"], ["resume", "0-open"], ["cancel"]):
            process = look(*arguments)
            assert process.returncode == 1, process
            assert "access denied; only root may do this (sudo primectl …)." in process.stderr, process
        assert host.jobs() == before


@claim
def joiners_outlive_the_master(folder):
    """a joined worker waits without work, and comes back after a restart of the master"""
    with Host(folder) as host:
        host.run("start", "-q", "--to=10^15")
        host.join("--name=helper")
        wait_until(lambda: "helper" in host.run("workers"), 20, 0.1)
        wait_until(lambda: int(host.jobs()["0-1000000000000000"]["blocks_in_order"]) > 3, 60, 0.1)
        host.master.stop()
        assert "primed-master does not run on this host" in host.run("jobs", expect=3)
        host.master.start()
        wait_until(lambda: "helper" in host.run("workers"), 60, 0.2)
        before = int(host.jobs()["0-1000000000000000"]["blocks_in_order"])
        wait_until(lambda: int(host.jobs()["0-1000000000000000"]["blocks_in_order"]) > before, 60, 0.2)


harness.run()
