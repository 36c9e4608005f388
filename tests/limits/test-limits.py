#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primed-limits against a private bus on which a program plays systemd."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import harness  # noqa: E402
from harness import BUILD, Skip, claim, patience  # noqa: E402

LIMITS = os.path.join(BUILD, "src", "limits", "primed-limits")
PLAYED_SYSTEMD = os.path.join(BUILD, "tests", "limits", "played-systemd")

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow user="*"/>
  </policy>
</busconfig>
"""


class Host:
    """A folder with worker.conf, a bus and a played systemd; what the latter was told stands in `calls`."""

    def __init__(self, folder, refused=None):
        self.folder = folder
        self.config = os.path.join(folder, "worker.conf")
        self.state_path = os.path.join(folder, "limits")
        self.control = os.path.join(folder, "control")
        self.cgroup = os.path.join(folder, "cgroup")
        self.refused = refused
        self.lines = []
        self.processes = []
        for path in (self.control, self.cgroup):
            os.makedirs(path, exist_ok=True)
        self.offer("cpuset cpu io memory pids")
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/bus"}
        self.environment.pop("JOURNAL_STREAM", None)

    def __enter__(self):
        if not shutil.which("dbus-daemon"):
            raise Skip("needs dbus-daemon")
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        with open(os.path.join(self.folder, "bus.conf"), "w", encoding="utf-8") as file:
            file.write(BUS_CONFIG.format(folder=self.folder))
        self.spawn("dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--nopidfile", "--print-address")
        command = [PLAYED_SYSTEMD, self.control] + ([self.refused] if self.refused else [])
        systemd = self.spawn(*command)
        threading.Thread(target=self.collect, args=(systemd.stdout,), daemon=True).start()

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def spawn(self, *command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env=self.environment)
        self.processes.append(process)
        if not process.stdout.readline():
            raise RuntimeError(f"{command[0]} did not start")
        return process

    def collect(self, stream):
        for line in stream:
            self.lines.append(line.rstrip("\n"))

    def calls(self):
        """What systemd was told since the last time."""
        time.sleep(0.1)
        lines, self.lines = self.lines, []
        return lines

    def offer(self, controllers):
        path = os.path.join(self.cgroup, "cgroup.controllers")
        if controllers is None:
            os.unlink(path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(controllers + "\n")

    def write(self, text, dropin=None):
        path = self.config if dropin is None else os.path.join(self.config + ".d", dropin)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def command(self, *arguments):
        return [LIMITS, f"--config={self.config}", f"--state={self.state_path}", f"--control={self.control}",
                f"--cgroup={self.cgroup}", *arguments]

    def run(self, *arguments):
        """Exit status and standard error."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, env=self.environment,
                              timeout=patience(60), check=False)
        assert done.returncode in (0, 1), done
        return done.returncode, done.stderr

    def state(self):
        with open(self.state_path, encoding="utf-8") as file:
            return json.load(file)

    def dropins(self):
        return sorted(f"{folder}/{name}" for folder in os.listdir(self.control)
                      for name in os.listdir(os.path.join(self.control, folder)))


@claim
def sets_what_is_asked(folder):
    """each key becomes its property, at run time, on the worker's slice; the weight also on the one above"""
    with Host(folder) as host:
        host.write('cpu_quota = "150%"; allowed_cpus = "0-3"; cpu_weight = "idle"; memory = "512M";')
        status, errors = host.run()
        assert status == 0, errors
        assert sorted(host.calls()) == [
            "set primed-worker.slice 1 AllowedCPUs 0f",
            "set primed-worker.slice 1 CPUQuotaPerSecUSec 1500000",
            "set primed-worker.slice 1 CPUWeight 0",
            "set primed-worker.slice 1 MemoryHigh 536870912",
            "set primed.slice 1 CPUWeight 0",
        ]
        assert "CPUQuota=150%, AllowedCPUs=0-3, CPUWeight=idle, MemoryHigh=512M" in errors, errors
        state = host.state()
        assert state["loaded"] and state["error"] == "" and state["note"] == "", state
        assert state["text"] == {"CPUQuota": "150%", "AllowedCPUs": "0-3", "CPUWeight": "idle", "MemoryHigh": "512M"}


@claim
def touches_nothing_else(folder):
    """what the file never named is never set, and systemd is not even asked when nothing is named"""
    with Host(folder) as host:
        host.write('cores = 2; cpu_quota = "50%";')
        assert host.run()[0] == 0
        assert host.calls() == ["set primed-worker.slice 1 CPUQuotaPerSecUSec 500000"]
    other = os.path.join(folder, "without-bus")
    os.mkdir(other)
    host = Host(other)
    host.write("cores = 2;")
    assert host.run() == (0, "primed-limits: Limits of the worker: none\n")
    assert host.state()["set"] == []


@claim
def reverts_what_was_taken_out(folder):
    """a key taken out is reverted: its own drop-in goes, others stay, and systemd reads its units again"""
    with Host(folder) as host:
        host.write('cpu_quota = "50%"; cpu_weight = 200;')
        assert host.run()[0] == 0
        os.makedirs(os.path.join(host.control, "primed-worker.slice.d"), exist_ok=True)
        with open(os.path.join(host.control, "primed-worker.slice.d", "50-MemoryMax.conf"), "w", encoding="utf-8"):
            pass
        host.calls()
        host.write('cpu_quota = "50%";')
        status, errors = host.run()
        assert status == 0 and "no longer set: CPUWeight" in errors, errors
        assert host.calls() == ["set primed-worker.slice 1 CPUQuotaPerSecUSec 500000", "reload"]
        assert host.dropins() == ["primed-worker.slice.d/50-CPUQuota.conf", "primed-worker.slice.d/50-MemoryMax.conf"]
        assert host.state()["set"] == ["CPUQuota"]

        os.unlink(host.config)
        assert host.run()[0] == 0
        assert host.calls() == ["reload"]
        assert host.dropins() == ["primed-worker.slice.d/50-MemoryMax.conf"]
        assert host.state()["set"] == [] and host.state()["loaded"]
        assert host.run() == (0, "") and host.calls() == []


@claim
def memory_in_bytes_or_parts(folder):
    """of the two forms of a memory limit only the last one leaves a drop-in"""
    with Host(folder) as host:
        for value, name, call in (("1G", "MemoryHigh", "1073741824"), ("50%", "MemoryHighScale", "2147483648"),
                                  ("2G", "MemoryHigh", "2147483648")):
            host.write(f'memory = "{value}";')
            assert host.run()[0] == 0
            assert host.calls() == [f"set primed-worker.slice 1 {name} {call}"]
            assert host.dropins() == [f"primed-worker.slice.d/50-{name}.conf"]


@claim
def dropins_count(folder):
    """worker.conf.d is read as well, and wins"""
    with Host(folder) as host:
        host.write('cpu_quota = "50%";')
        host.write('cpu_quota = "75%";', dropin="10-more.conf")
        assert host.run()[0] == 0
        assert host.calls() == ["set primed-worker.slice 1 CPUQuotaPerSecUSec 750000"]


@claim
def broken_config_keeps_limits(folder):
    """a broken config changes nothing, is told with file and line, and keeps the worker from its first start only"""
    with Host(folder) as host:
        host.write('\ncpu_qouta = "50%";')
        for arguments in ([], ["--start"], ["--settle"]):
            status, errors = host.run(*arguments)
            assert status == 1 and f"{host.config}:2: " in errors and "does not start" in errors, errors
        assert host.calls() == [] and not host.state()["loaded"]

        host.write('cpu_quota = "50%";')
        assert host.run("--start")[0] == 0
        assert len(host.calls()) == 1
        host.write('cpu_quota = "50";')
        status, errors = host.run()
        assert status == 1 and f"{host.config}:1: " in errors and "in force stay" in errors, errors
        assert host.run("--start")[0] == 0
        assert host.calls() == []
        state = host.state()
        assert state["set"] == ["CPUQuota"] and state["error"].startswith(f"{host.config}:1: "), state

        host.write('cpu_quota = "50%";')
        assert host.run()[0] == 0 and host.state()["error"] == ""


@claim
def refused_property(folder):
    """a property that systemd refuses is told, the others are set all the same, the worker does not start"""
    with Host(folder, refused="AllowedCPUs") as host:
        host.write('cpu_quota = "50%"; allowed_cpus = "0"; memory = "1G";')
        status, errors = host.run("--start")
        assert status == 1 and "AllowedCPUs=0" in errors and "This is refused" in errors, errors
        assert [line.split()[3] for line in host.calls()] == ["CPUQuotaPerSecUSec", "MemoryHigh"]
        state = host.state()
        assert state["set"] == ["CPUQuota", "MemoryHigh"] and "AllowedCPUs" in state["error"], state


@claim
def refused_reload(folder):
    """what could not be reverted is tried again"""
    with Host(folder, refused="Reload") as host:
        host.write('cpu_quota = "50%";')
        assert host.run()[0] == 0
        host.write("")
        for _ in range(2):
            status, errors = host.run()
            assert status == 1 and "No reload today" in errors, errors
            assert host.state()["set"] == ["CPUQuota"]


@claim
def no_bus(folder):
    """without a bus the limits cannot be set: said, and the worker does not start"""
    host = Host(folder)
    host.write('cpu_quota = "50%";')
    status, errors = host.run("--start")
    assert status == 1 and "bus" in errors, errors
    assert not host.state()["loaded"] and "bus" in host.state()["error"]


@claim
def without_effect(folder):
    """what this host's control groups cannot hold to is said"""
    with Host(folder) as host:
        host.offer("cpu memory")
        host.write('cpu_quota = "50%"; allowed_cpus = "0";')
        status, errors = host.run()
        assert status == 0 and "AllowedCPUs without effect" in errors, errors
        assert host.state()["note"].startswith("AllowedCPUs without effect"), host.state()
        host.offer("cpu memory cpuset")
        assert host.run()[0] == 0 and host.state()["note"] == ""


@claim
def quiet_without_change(folder):
    """a run that changes nothing says nothing"""
    with Host(folder) as host:
        host.write('cpu_quota = "50%";')
        assert host.run()[1] != ""
        assert host.run() == (0, "")


@claim
def runs_take_turns(folder):
    """eight runs at a time, each on a config that is being changed: the last one is in force"""
    with Host(folder) as host:
        with contextlib.ExitStack() as stack:
            for percent in range(10, 90, 10):
                host.write(f'cpu_quota = "{percent}%";')
                stack.enter_context(subprocess.Popen(host.command("--settle"), stderr=subprocess.DEVNULL,
                                                     env=host.environment))
        assert host.calls()[-1] == "set primed-worker.slice 1 CPUQuotaPerSecUSec 800000"
        assert host.state()["text"] == {"CPUQuota": "80%"} and host.state()["error"] == ""


@claim
def settles(folder):
    """a change that comes while it runs is not missed"""
    with Host(folder) as host:
        host.write('cpu_quota = "10%";')
        process = subprocess.Popen(host.command("--settle"), stderr=subprocess.DEVNULL, env=host.environment)
        time.sleep(0.06)
        host.write('cpu_quota = "20%"; ')
        assert process.wait(timeout=patience(30)) == 0
        assert host.calls()[-1] == "set primed-worker.slice 1 CPUQuotaPerSecUSec 200000"


@claim
def usage(folder):
    """wrong options are told in one line"""
    for arguments in (["--no-such-option"], ["word"]):
        done = subprocess.run([LIMITS, *arguments], capture_output=True, text=True, timeout=patience(10), check=False)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
    for arguments in (["--help"], ["--version"]):
        done = subprocess.run([LIMITS, *arguments], capture_output=True, text=True, timeout=patience(10), check=False)
        assert done.returncode == 0 and "primed-limits" in done.stdout and done.stderr == "", done


if __name__ == "__main__":
    harness.run()
