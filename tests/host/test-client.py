#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What primectl asks the daemons, and what it makes of their answers: canned ones, on a bus of our own."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import harness
from harness import BUILD, PRIMECTL, claim, local, patience, primectl, wait_until
from service import Bus

CANNED = os.path.join(BUILD, "tests", "host", "canned-daemons")
NEVER = 2**64 - 1
MASTER, WORKER = "org.primed.Master1", "org.primed.Worker1"


def status(**changes):
    """GetStatus of a master."""
    return {"name": "s:lab1", "id": "s:" + "a" * 64, "version": "s:1.2.3", "state": "s:working", "problem": "s:",
            "hint": "s:", "advertised": "s:lab1", "advertise_problem": "s:", "port": "u:7919", "audit": "s:unaudited",
            "workers": "u:1", "threads": "u:2", "jobs": "u:1", "uptime_usec": "t:305000000", **changes}


def job(name, state="running", **changes):
    """One of ListJobs."""
    return {"name": f"s:{name}", "id": "s:0123456789abcdef", "from": "s:0", "to": "s:100000000000",
            "state": f"s:{state}", "problem": "s:", "priority": "u:100", "store": f"s:/srv/{name}",
            "frontier": "s:34000000000", "blocks_total": "t:3179", "blocks_in_order": "t:1000", "blocks_spooled": "t:3",
            "numbers_total": "d:1e11", "numbers_done": "d:3.4e10", "primes": "t:1465000000", "bytes": "t:400000000",
            "segments": "t:3", "disagreements": "t:0", "rate": "d:3.11e9", "remaining_usec": "t:21000000",
            "audit": "s:unaudited", **changes}


def worker(name, **changes):
    """One of ListWorkers."""
    return {"name": f"s:{name}", "id": "s:" + "b" * 64, "address": "s:192.168.1.17", "program": "s:primed 1.2.3",
            "joined_usec": "t:1700000000000000", "threads": "u:4", "threads_asked": "u:2", "cpu_quota_asked": "u:150",
            "threads_allowed": "u:4", "threads_applied": "u:2", "note": "s:", "rate": "d:1.1e9", "blocks": "t:1234",
            "leased": "t:12", **changes}


def scout(**changes):
    """GetStatus of a scout."""
    return {"name": "s:pi1", "version": "s:1.2.3", "state": "s:working", "asked_cores": "u:2",
            "asked_cpu_quota": "u:150", "asked_allowed_cpus": "s:0-3", "asked_cpu_weight": "s:idle",
            "asked_memory": "s:", "allowed_threads": "u:2",
            "applied_threads": "u:1", "note": "s:on battery", "config_error": "s:", "avahi": "s:running", **changes}


def seen(name, **changes):
    """One of ListMasters."""
    return {"name": f"s:{name}", "id": "s:" + "c" * 64, "source": "s:mdns", "address": "s:192.168.1.5:7919",
            "work": "b:true", "state": "s:connected", "reason": "s:", "since_usec": "t:1700000000000000",
            "next_try_usec": "t:0", "threads_asked": "u:0", "threads_allowed": "u:2", "threads_applied": "u:1",
            **changes}


class Daemons:
    """Canned daemons on a bus of their own; calls(): what they were told to do."""

    def __init__(self, folder, master=None, scouts=None):
        self.bus = Bus(folder)
        self.path = os.path.join(folder, "answers")
        answers = {}
        if master is not None:
            answers[MASTER] = {"GetStatus": status(), "ListJobs": [job("0-1")], "ListWorkers": [worker("pi1")],
                               "AddJob": "0-1", **master}
        if scouts is not None:
            answers[WORKER] = {"GetStatus": scout(), "ListMasters": [seen("lab1")], **scouts}
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(answers, file)
        self.log, self.process = os.path.join(folder, "calls"), None

    def __enter__(self):
        self.bus.__enter__()
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        """Puts the daemons on the bus, with what stands in the file now."""
        with open(self.log, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen([CANNED, self.path], env=self.bus.environment, stdout=file,
                                            stdin=subprocess.DEVNULL)
        wait_until(lambda: "ready" in self.calls())

    def stop(self):
        """Takes the daemons from the bus."""
        self.process.terminate()
        self.process.wait()

    def change(self, interface, method, answer):
        """Another answer from now on."""
        with open(self.path, encoding="utf-8") as file:
            answers = json.load(file)
        answers[interface][method] = answer
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(answers, file)
        self.stop()
        self.start()

    def __exit__(self, *_):
        self.stop()
        self.bus.__exit__()

    def calls(self):
        """All changes they were asked for."""
        with open(self.log, encoding="utf-8") as file:
            return file.read().splitlines()

    def run(self, *arguments, expect=0, env=None, **options):
        """primectl on this bus; standard output and standard error."""
        env = {**self.bus.environment, "LC_ALL": "C.UTF-8", "TZ": "UTC", **(env or {})}
        process = primectl(*arguments, check=False, env=env, timeout=30, **options)
        assert process.returncode == expect, (arguments, process)
        return process.stdout, process.stderr


def on_terminal(arguments, env, columns=80, keys=b""):
    """What primectl writes to a terminal of so many columns."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([PRIMECTL, *arguments], stdin=terminal, stdout=terminal, stderr=terminal,
                               env={**env, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
    os.close(terminal)
    os.write(screen, keys)
    output, end = b"", time.monotonic() + patience(20)
    while time.monotonic() < end:
        if not select.select([screen], [], [], 0.1)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            output += os.read(screen, 65536)
        except OSError:
            break
    os.close(screen)
    assert process.wait(patience(5)) == 0
    return output.decode()


@claim
def jobs_are_a_table(folder):
    """jobs lists what the master has, right-aligned, with a footer"""
    jobs = [job("0-100000000000"), job("0-open", "paused", to="s:", numbers_total="d:0", rate="d:0",
                                       remaining_usec=f"t:{NEVER}", priority="u:1", frontier=f"s:{10**48}")]
    with Daemons(folder, {"ListJobs": jobs}) as daemons:
        output, _ = daemons.run("jobs")
        assert output == (
            "JOB             STATE    PRIORITY    DONE  LEFT      RATE         PRIMES    SIZE  COMPLETE TO\n"
            "0-100000000000  running       100  34.00%  21 s  3.11 G/s  1,465,000,000  381.5M  34000000000\n"
            "0-open          paused          1       -     -         -  1,465,000,000  381.5M        10^48\n"
            "\n2 jobs listed.\n"), output
        bare, _ = daemons.run("--no-legend", "jobs")
        assert bare == "".join(output.splitlines(True)[1:3])
        assert daemons.run("jobs", "--no-legend")[0] == bare


@claim
def workers_are_a_table(folder):
    """workers lists who computes, with threads, caps and notes"""
    workers = [worker("pi1", note="s:on battery"),
               worker("local", address="s:", threads_asked="u:0", cpu_quota_asked="u:0", rate="d:0", blocks="t:0")]
    with Daemons(folder, {"ListWorkers": workers}) as daemons:
        assert daemons.run("workers")[0] == (
            "WORKER  ADDRESS       THREADS      CAP      RATE  BLOCKS  LEASED  NOTE\n"
            "pi1     192.168.1.17      2/4  2, 150%  1.10 G/s   1,234      12  on battery\n"
            "local   local             2/4        -         -       0      12  -\n"
            "\n2 workers listed.\n")


@claim
def empty_lists_say_so(folder):
    """no jobs, no workers: one line, or nothing without the legend"""
    with Daemons(folder, {"ListJobs": [], "ListWorkers": []}) as daemons:
        assert daemons.run("jobs")[0] == "No jobs.\n"
        assert daemons.run("workers")[0] == "No workers.\n"
        assert daemons.run("workers", "--no-legend")[0] == ""
        assert json.loads(daemons.run("jobs", "--json=short")[0]) == []
        output, _ = daemons.run("status")
        assert "primectl start --to=10^11" in output and "JOB " not in output, output


@claim
def json_holds_every_key(folder):
    """--json shows all that the master says; counts beyond 2^53 are strings, unknown times null"""
    big = job("0-1", primes=f"t:{2**63}", frontier=f"s:{10**40}", remaining_usec=f"t:{NEVER}", novelty="s:of tomorrow")
    with Daemons(folder, {"ListJobs": [big]}, {}) as daemons:
        output, _ = daemons.run("jobs", "--json=short")
        assert output.count("\n") == 1
        (found,) = json.loads(output)
        assert set(found) == set(big)
        assert found["primes"] == str(2**63) and found["frontier"] == str(10**40) and found["priority"] == 100
        assert found["remaining_usec"] is None and found["rate"] == 3.11e9 and found["novelty"] == "of tomorrow"
        pretty, _ = daemons.run("jobs", "--json=pretty")
        assert pretty.count("\n") > 20 and json.loads(pretty) == [found]
        assert daemons.run("jobs", "--json")[0] == pretty
        assert daemons.run("jobs", "-j")[0] == output and daemons.run("-j", "jobs")[0] == output
        assert daemons.run("jobs", "--json=off")[0].startswith("JOB")
        whole = json.loads(daemons.run("status", "--json=short")[0])
        assert set(whole) == {"master", "jobs", "workers", "worker", "masters"}
        assert whole["jobs"] == [found] and whole["master"]["port"] == 7919 and whole["masters"][0]["work"] is True
        assert "pretty, short or off" in daemons.run("jobs", "--json=long", expect=2)[1]


@claim
def status_shows_both_roles(folder):
    """status has a block for the master and one for the worker, with everything that needs a person"""
    master = {"GetStatus": status(hint="s:firewalld is active: firewall-cmd --add-service=primed"),
              "ListJobs": [job("0-1", "failed", problem="s:no space left", disagreements="t:2")]}
    scouts = {"GetStatus": scout(config_error="s:/etc/primed/worker.conf:3: unknown key 'coers'"),
              "ListMasters": [seen("lab1"), seen("attic", state="s:backing off", work="b:false", source="s:static",
                                                 reason="s:connection refused")]}
    with Daemons(folder, master, scouts) as daemons:
        output, _ = daemons.run("status")
        for line in ["● lab1 - primed master 1.2.3", "    Network: port 7919, advertised as \"lab1\"",
                     "    Workers: 1 with 2 threads in use",
                     "       Hint: firewalld is active: firewall-cmd --add-service=primed",
                     "    Problem: 0-1: no space left",
                     "    Problem: 0-1: 2 blocks were answered twice and differently: a machine computes wrongly",
                     "      Audit: unaudited", "× pi1 - primed worker 1.2.3", "    Masters: 2 seen, 1 connected",
                     "      Asked: cores = 2, cpu_quota = 150%, allowed_cpus = 0-3, cpu_weight = idle",
                     "    Allowed: 2 threads", "    Applied: 1 thread (on battery)",
                     "     Config: /etc/primed/worker.conf:3: unknown key 'coers'"]:
            assert line in output.splitlines(), (line, output)
        assert "State: working, up since " in output and "; 5 min 5 s ago\n" in output, output
        assert "attic   192.168.1.5:7919  static  no    backing off" in output, output
        assert daemons.run()[0].splitlines()[0] == output.splitlines()[0], "no command is no status"


@claim
def status_shows_one_role(folder):
    """status of a worker host has no master, and the other way round"""
    with Daemons(folder, None, {"GetStatus": scout(state="s:idle", asked_cores="u:0", asked_cpu_quota="u:0",
                                                   asked_allowed_cpus="s:", asked_cpu_weight="s:", note="s:"),
                                "ListMasters": []}) as daemons:
        output, _ = daemons.run("status")
        assert "primed master" not in output
        assert "State: idle (no master has work; primed-worker starts when one does)" in output, output
        assert "Asked: no limits in worker.conf" in output and "Masters: none" in output, output
        assert json.loads(daemons.run("status", "-j")[0])["master"] is None
        assert "primed-master does not run on this host" in daemons.run("jobs", expect=3)[1]


@claim
def lonely_workers_hear_of_mdns(folder):
    """a worker that finds no master hears what a firewall has to let in; not when masters are known"""
    hint = "Hint: if there is a master, both firewalls must let mDNS in (UDP port 5353)"
    with Daemons(folder, None, {"GetStatus": scout(state="s:alone"), "ListMasters": []}) as daemons:
        assert hint in daemons.run("status")[0]
        daemons.change(WORKER, "ListMasters", [seen("lab1", state="s:backing off")])
        assert hint not in daemons.run("status")[0]
        daemons.change(WORKER, "ListMasters", [])
        daemons.change(WORKER, "GetStatus", scout(state="s:alone", avahi="s:stopped"))
        assert hint not in daemons.run("status")[0]


@claim
def stuck_workers_name_the_cure(folder):
    """a worker that does not start has the reason that the scout knows: the configuration only if it is that"""
    crash = "the worker ended without a word: 'journalctl -u primed-worker' says why"
    with Daemons(folder, None, {"GetStatus": scout(state="s:stuck", applied_threads="u:0", note="s:" + crash),
                                "ListMasters": []}) as daemons:
        output, _ = daemons.run("status")
        assert f"State: stuck ({crash})\n" in output and "Applied: 0 threads\n" in output, output
        assert "configuration" not in output, output
        daemons.change(WORKER, "GetStatus", scout(state="s:stuck", note="s:" + crash,
                                                  config_error="s:worker.conf:3: x"))
        output, _ = daemons.run("status")
        assert "State: stuck (no worker starts before the configuration is mended)\n" in output, output
        assert "Config: worker.conf:3: x\n" in output, output


@claim
def nothing_running_is_three(folder):
    """without daemons status tells what to do and exits with 3; primectl alone shows its help"""
    with Bus(folder) as bus:
        process = primectl("status", check=False, env=bus.environment)
        assert process.returncode == 3
        for command in ("systemctl enable --now primed-master", "systemctl enable --now primed-worker",
                        "primectl local"):
            assert command in process.stdout, process.stdout
        assert primectl("status", "-q", check=False, env=bus.environment).stdout == ""
        for arguments in (["jobs"], ["workers"], ["start", "--to", "100"], ["pause", "x"], ["cancel"]):
            process = primectl(*arguments, check=False, env=bus.environment)
            assert process.returncode == 3 and process.stdout == "", process
            assert process.stderr == ("primectl: primed-master does not run on this host: 'systemctl enable --now "
                                      "primed-master' starts it.\n"), process
        process = primectl("status", "--json=short", check=False, env=bus.environment)
        assert process.returncode == 3 and json.loads(process.stdout)["master"] is None
        process = primectl(check=False, env=bus.environment)
        assert process.returncode == 2 and process.stdout.startswith("primectl [OPTIONS...] COMMAND")
    for arguments in (["jobs"], ["status"], ["status", "--json=short"]): # the bus has ended
        process = primectl(*arguments, check=False, env=bus.environment)
        assert process.returncode == 3 and process.stderr.count("\n") == 1, process
        assert "Cannot connect to the system bus: " in process.stderr and "Is dbus running?" in process.stderr, process
    assert json.loads(process.stdout)["worker"] is None
    broken = {**bus.environment, "DBUS_SYSTEM_BUS_ADDRESS": "tcp:nonsense"}
    assert primectl("status", check=False, env=broken).returncode == 1


@claim
def advice_follows_systemd(folder):
    """what to do about daemons that do not answer depends on what systemd says of them"""
    def advice(daemons, **units):
        found = {"primed-master.service": ["disabled", "inactive"], "primed-worker.service": ["disabled", "inactive"],
                 "primed-scout.service": ["static", "inactive"]}
        found.update({f"primed-{name}.service": state for name, state in units.items()})
        with open(daemons.path, "w", encoding="utf-8") as file:
            json.dump({"org.freedesktop.systemd1": found}, file)
        daemons.stop()
        daemons.start()
        return daemons.run("status", expect=3)[0]

    with Daemons(folder) as daemons:
        fresh = advice(daemons)
        assert "'systemctl enable --now primed-worker' makes this host a worker: it joins every master of" in fresh
        stopped = advice(daemons, worker=["enabled", "inactive"], master=["enabled-runtime", "inactive"])
        assert "primed-worker is enabled, but stopped: 'systemctl start primed-worker' starts it." in stopped, stopped
        assert "primed-master is enabled, but stopped: 'systemctl start primed-master'" in stopped, stopped
        masked = advice(daemons, worker=["masked", "inactive"], master=["masked-runtime", "failed"])
        assert "primed-worker is masked: 'systemctl unmask primed-worker' lets it start again." in masked, masked
        assert "primed-master is masked: 'systemctl unmask primed-master'" in masked and "enable --now" not in masked
        failed = advice(daemons, worker=["enabled", "inactive"], scout=["static", "failed"])
        assert "primed-scout failed: 'journalctl -u primed-scout' says why." in failed, failed
        lost = advice(daemons, worker=["enabled", "active"], scout=["static", "active"])
        assert "primed-scout is running, but not on the bus: 'journalctl -u primed-scout' says why." in lost, lost


@claim
def start_adds_a_job(folder):
    """start gives the master exact ends and the priority, and says what comes next"""
    with Daemons(folder, {"AddJob": "0-100000000000"}) as daemons:
        output, _ = daemons.run("start", "--to", "10^11")
        assert output == ("Started 0-100000000000: all primes in [0, 100000000000).\n"
                          "'primectl status' shows the progress, 'primectl cancel 0-100000000000' ends it.\n"), output
        daemons.run("start", "--from", "10^24", "--length", "1e6", "--priority=7", "-q")
        daemons.run("start", "--open", "--from=2^64+1")
        assert daemons.calls()[1:] == ["AddJob 0 100000000000", f"AddJob {10**24} {10**24 + 10**6} priority=7",
                                       f"AddJob {2**64 + 1} open"], daemons.calls()


@claim
def start_warns_of_huge_numbers(folder):
    """start says so where the test of a single number takes long"""
    with Daemons(folder, {"AddJob": "huge"}) as daemons:
        errors = daemons.run("start", "--open", "--from=2^60000")[1]
        assert "Testing a single number of this size takes about " in errors, errors
        assert daemons.run("start", "--open", "--from=2^60000", "-q") == ("", "")
        assert daemons.run("start", "--open", "--from=2^2000")[1] == ""


@claim
def start_tells_what_is_missing(folder):
    """without workers, or behind a firewall, start says so"""
    with Daemons(folder, {"GetStatus": status(workers="u:0", hint="s:ufw is active: ufw allow primed")}) as daemons:
        output, _ = daemons.run("start", "--to=1000")
        assert "No worker has joined yet" in output and "ufw allow primed" in output, output


@claim
def start_refuses_nonsense(folder):
    """an interval that is none is told before the master is asked"""
    with Daemons(folder, {}) as daemons:
        for arguments, sentence in [(["--to", "0"], "empty"), (["--from", "10", "--to", "5"], "ends before it begins"),
                                    (["--to", "ten"], "'ten'"), ([], "Where does the job end?"),
                                    (["--to=5", "--open"], "only one of"), (["--open", "--wait"], "without an end"),
                                    (["--to=5", "--priority=1001"], "1 to 1000"), (["10^11"], "--to=10^11")]:
            output, errors = daemons.run("start", *arguments, expect=2)
            assert output == "" and len(errors.splitlines()) == 1 and sentence in errors, (arguments, errors)
        assert daemons.calls() == ["ready"]


@claim
def errors_are_sentences(folder):
    """what the master refuses is told in its words; who may not is told how"""
    with Daemons(folder, {"AddJob": ["org.primed.Error.JobExists", "The job 0-1 is there already."],
                          "PauseJob": ["org.freedesktop.DBus.Error.AccessDenied", "Rejected send message, 2 matched"]}
                 ) as daemons:
        assert daemons.run("start", "--to=1000", expect=1)[1] == (
            "primectl: Failed to start the job: The job 0-1 is there already.\n")
        assert daemons.run("pause", expect=1)[1] == (
            "primectl: Failed to pause the job 0-1: access denied; only root may do this (sudo primectl …).\n")


@claim
def jobs_are_chosen(folder):
    """pause, resume and cancel take names, ids and patterns, or the only job there is"""
    jobs = [job("0-1", store=f"s:{folder}"), job("0-2", "paused", id="s:00000000000000aa"), job("5-9", "finished")]
    with Daemons(folder, {"ListJobs": jobs}) as daemons:
        assert "Paused 0-1; 'primectl resume 0-1'" in daemons.run("pause")[0]
        assert daemons.run("resume")[0] == "Resumed 0-2.\n"
        assert "There are 2 jobs to cancel: 0-1, 0-2. Name one." in daemons.run("cancel", expect=1)[1]
        output, _ = daemons.run("cancel", "0-*")
        assert f"Cancelled 0-1. Its primes stay in {folder}:" in output, output
        assert "Cancelled 0-2. Its store /srv/0-2 is not there any more: " in output, output
        daemons.run("pause", "-q", "00000000000000aa", "5-9")
        assert "There is no job 'x'. There is: 0-1, 0-2, 5-9." in daemons.run("pause", "x", expect=1)[1]
        assert daemons.calls()[1:] == ["PauseJob 0-1", "ResumeJob 0-2", "CancelJob 0-1", "CancelJob 0-2",
                                       "PauseJob 0-2", "PauseJob 5-9"], daemons.calls()


@claim
def the_standing_job_steps_back(folder):
    """without a name the standing job is meant only when no other comes into question"""
    standing, started = job("0-open", standing="b:true"), job("0-1", standing="b:false")
    with Daemons(folder, {"ListJobs": [standing, started]}) as daemons:
        assert "Paused 0-1; " in daemons.run("pause")[0]
        assert "Cancelled 0-1. " in daemons.run("cancel")[0]
        daemons.change(MASTER, "ListJobs", [standing])
        assert "Paused 0-open; " in daemons.run("pause")[0]
        daemons.change(MASTER, "ListJobs", [standing, started, job("5-9")])
        assert "There are 3 jobs to pause: 0-open, 0-1, 5-9. Name one." in daemons.run("pause", expect=1)[1]


@claim
def looking_starts_nothing(folder):
    """a master that D-Bus could start is left alone by whoever only looks, or changes a job that must be there"""
    starter, started = os.path.join(folder, "starter"), os.path.join(folder, "started")
    with open(starter, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\ntouch {started}\nexit 1\n")  # after status 0 D-Bus would wait for the name
    os.chmod(starter, 0o755)
    bus = Bus(folder)
    bus.offer(MASTER, starter)
    with bus:
        for arguments in (["status"], ["jobs"], ["workers"], ["pause"], ["cancel", "x"], ["resume"]):
            assert primectl(*arguments, check=False, env=bus.environment).returncode == 3, arguments
        assert primectl("count", check=False, env={**bus.environment, "HOME": folder}).returncode == 1
        assert not os.path.exists(started)
        assert primectl("start", "--to=5", check=False, env=bus.environment).returncode == 1
        assert os.path.exists(started)


@claim
def start_waits(folder):
    """--wait follows a job to its end, over a restart of the master"""
    with Daemons(folder, {"AddJob": "0-1"}) as daemons:
        process = subprocess.Popen([PRIMECTL, "start", "--to=1000", "--wait"], env=daemons.bus.environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wait_until(lambda: len(daemons.calls()) > 1)
        time.sleep(1.5)
        assert process.poll() is None
        daemons.stop()
        time.sleep(2)
        assert process.poll() is None
        daemons.start()
        daemons.change(MASTER, "ListJobs", [job("0-1", "finished", primes="t:168")])
        output, _ = process.communicate(timeout=patience(20))
        assert process.returncode == 0 and "Finished 0-1: 168 primes in /srv/0-1; unaudited." in output, output
        assert "waiting for its return" in output, output
        daemons.change(MASTER, "ListJobs", [job("0-1", "failed", problem="s:The disk is full.")])
        assert "The job 0-1 failed: The disk is full." in daemons.run("start", "--to=1000", "--wait", expect=1)[1]
        daemons.change(MASTER, "ListJobs", [])
        assert "The job 0-1 was cancelled." in daemons.run("start", "--to=1000", "--wait", expect=1)[1]


@claim
def waiting_can_be_interrupted(folder):
    """Ctrl-C ends the watching and leaves the job alone"""
    with Daemons(folder, {}) as daemons:
        process = subprocess.Popen([PRIMECTL, "start", "--to=1000", "--wait"], env=daemons.bus.environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wait_until(lambda: len(daemons.calls()) > 1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=patience(10))
        assert process.returncode == 130 and "The job goes on" in output, output
        assert daemons.calls()[1:] == ["AddJob 0 1000"]


@claim
def terminals_get_colors_and_cuts(folder):
    """on a terminal long cells are cut to its width, states have colours, and the variables are honoured"""
    workers = [worker("pi1", note="s:" + "other programs need the processors " * 4)]
    with Daemons(folder, {"ListWorkers": workers}) as daemons:
        env = {**daemons.bus.environment, "SYSTEMD_PAGER": ""}
        output = on_terminal(["workers"], env, 80)
        assert max(map(len, output.splitlines())) <= 80 and "other programs" in output, output
        assert "processors other" in on_terminal(["workers", "--full"], env, 80)
        assert "\x1b[0;1;32m" in on_terminal(["jobs"], env, 120)
        assert "\x1b[" not in on_terminal(["jobs"], {**env, "NO_COLOR": "1"}, 120)
        assert "\x1b[" not in on_terminal(["jobs"], {**env, "SYSTEMD_COLORS": "0"}, 120)
        assert "\x1b[0;1;32m" in on_terminal(["jobs"], {**env, "NO_COLOR": "1", "SYSTEMD_COLORS": "1"}, 120)
        assert "\x1b[" not in daemons.run("jobs")[0]
        assert "\x1b[0;1;32m" in daemons.run("jobs", env={"SYSTEMD_COLORS": "true"})[0]


@claim
def terminals_get_a_pager(folder):
    """SYSTEMD_PAGER before PAGER, none with --no-pager, for nobody else than terminals"""
    with Daemons(folder, {}) as daemons:
        env = {key: value for key, value in daemons.bus.environment.items()
               if key not in ("SUDO_UID", "PKEXEC_UID", "SYSTEMD_PAGER", "PAGER")}
        ours, other = {"SYSTEMD_PAGER": "sed s/JOB/PAGED/"}, {"PAGER": "sed s/JOB/OTHER/"}
        assert "PAGED" in on_terminal(["jobs"], {**env, **ours, **other})
        assert "OTHER" in on_terminal(["jobs"], {**env, **other})
        assert "JOB" in on_terminal(["jobs", "--no-pager"], {**env, **ours})
        assert "JOB" in on_terminal(["jobs"], {**env, "SYSTEMD_PAGER": "cat"})
        assert "JOB" in daemons.run("jobs", env=ours)[0]
        # A person who may run nothing but primectl as root does not get a shell out of a pager.
        assert "PAGED" not in on_terminal(["jobs"], {**env, **ours, "SUDO_UID": "1000"}, keys=b"q")


@claim
def strange_text_is_harmless(folder):
    """what a worker calls itself cannot steer the terminal"""
    with Daemons(folder, {"ListWorkers": [worker("\x1b[2Jevil\n", note="s:\x9b31m")]}) as daemons:
        output, _ = daemons.run("workers")
        assert "\x1b" not in output and "\x9b" not in output and len(output.splitlines()) == 4, output


@claim
def readers_find_the_service(folder):
    """count, info, cat and verify read the master's newest store when the user has none, or that of --job"""
    old, new = os.path.join(folder, "old"), os.path.join(folder, "new")
    local(old, "--to", "100")
    time.sleep(0.05)
    local(new, "--to", "1000")
    with Daemons(folder, {"ListJobs": [job("0-1000", store=f"s:{new}"), job("0-100", store=f"s:{old}")]}) as daemons:
        home = {"HOME": folder, "XDG_DATA_HOME": os.path.join(folder, "data")}
        assert daemons.run("count", env=home)[0].split()[0] == "168"
        assert daemons.run("count", "--job=0-100", env=home)[0].split()[0] == "25"
        assert json.loads(daemons.run("info", "--json", env=home)[0])["store"] == new
        assert json.loads(daemons.run("info", "--json=short", "--job=0-100", env=home)[0])["store"] == old
        assert daemons.run("cat", "-n1", "90", "--job=0-100", env=home)[0] == "97\n"
        assert "unaudited" in daemons.run("verify", env=home)[0]
        assert "There is no store of a job 'x'" in daemons.run("count", "--job=x", env=home, expect=1)[1]
        daemons.run("local", "--to=10", "-q", env=home)
        assert daemons.run("count", env=home)[0].split()[0] == "4", "the user's own store comes first"
        assert daemons.run("count", "--store=x", "--job=0-100", expect=2)[1].count("\n") == 1


harness.run()
