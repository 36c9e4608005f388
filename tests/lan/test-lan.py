# SPDX-License-Identifier: LGPL-2.1-or-later
"""The suite on a LAN of real systemd hosts, installed from its packages.

    test-lan.py BUILD [CLAIM...]

The claims share one lab and follow one another. One host of it, on a LAN of its own, is idle all the time, and watched
for at least PRIMED_LAN_IDLE_SECONDS (300). PRIMED_LAN_EXPONENT=9 makes the first job one to 10^9 instead of 10^11.
"""

import functools
import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "host")]

import harness  # noqa: E402
from harness import Skip, claim  # noqa: E402
from lab import Failed, Lab, call, wait_until  # noqa: E402
import suite  # noqa: E402

PI = {9: 50847534, 10: 455052511, 11: 4118054813}
IDLE_SECONDS = int(os.environ.get("PRIMED_LAN_IDLE_SECONDS", "300"))
FIRST_JOB = int(os.environ.get("PRIMED_LAN_EXPONENT", "11"))

# A deadline that is promised to users is asserted at three times its value and reported exactly.
JOIN_SECONDS = 5
SLACK = 3


class Site:
    """What the claims share."""

    lab = None
    obstacle = None
    packages = None
    hosts = {}
    job = None
    n_failures = 0
    idle_since = None

    @classmethod
    def open(cls):
        if cls.obstacle:
            raise Skip(cls.obstacle)
        if cls.lab:
            return cls
        cls.obstacle = Lab.obstacle()
        if cls.obstacle:
            raise Skip(cls.obstacle)
        cls.lab = Lab()
        cls.lab.make_base()
        cls.packages = suite.Packages(harness.SOURCE, cls.lab.folder)
        cls.packages.build()
        cls.packages.make_newer()
        cls.lab.make_lan("br0", "br1")
        for hostname in ("desk", "pi1", "pi2", "xeon"):
            cls.hosts[hostname] = cls.lab.add_host(hostname)
        # On a LAN of its own: a worker host that never hears of a master.
        cls.hosts["lonely"] = cls.lab.add_host("lonely", "br1")
        cls.lab.boot_all()
        return cls

    @classmethod
    def host(cls, name):
        cls.open()
        return cls.hosts[name]


def note(text):
    print("# " + text, flush=True)


def chained(function):
    """A claim that needs the site as the claims before it left it: after two failures the rest is skipped."""

    @claim
    @functools.wraps(function)
    def wrapped(folder):
        if Site.n_failures >= 2:
            raise Skip("earlier claims failed")
        try:
            function(folder)
        except Skip:
            raise
        except BaseException:
            Site.n_failures += 1
            for host in Site.hosts.values():
                if host.leader:
                    print(f"# {host.hostname}: its last words")
                    words = host.run("journalctl -b -n 25 --no-pager -o short-monotonic -t systemd -t sh -t systemctl "
                                     "-t primed-master -t primed-worker -t primed-scout -t primed-limits", check=False)
                    for line in words.splitlines():
                        print("#   " + line)
            raise


def enable_worker(host):
    """Installs and enables the worker; when that was."""
    Site.packages.install(host, "worker")
    began = time.monotonic()
    host.run("systemctl enable --now primed-worker")
    return began


def long_job(priority=100):
    """A job that lasts longer than any claim; returns its name."""
    desk = Site.host("desk")
    text = desk.run(f"primectl start --from 10^15 --to 10^15+10^13 --priority {priority}")
    name, = [n for n in suite.jobs(desk) if n.startswith("1000000000000000-")]
    assert name in text, text
    return name


def cancel(name):
    Site.host("desk").run(f"primectl cancel {name}")


def progress(name):
    return suite.jobs(Site.host("desk"))[name]["blocks_in_order"]


def wait_progress(name, n_blocks=3, seconds=30):
    """Until the gap-free part has grown: no block is missing for good."""
    start = progress(name)
    wait_until(lambda: progress(name) >= start + n_blocks, seconds, f"no progress of {name} beyond {start} blocks", 0.2)


def wait_idle(host, seconds=60):
    wait_until(lambda: host.main_pid("primed-worker") == 0, seconds, f"the worker of {host.hostname} does not go", 0.3)


# The story of the README


@chained
def packages_install(folder):
    """the packages build and install with apt, and nothing runs before it is enabled"""
    Site.open()
    desk = Site.host("desk")
    Site.packages.install(desk, "master")
    assert not desk.is_active("primed-master.socket")
    assert desk.run("systemctl is-enabled primed-master", check=False).strip() == "disabled"
    lonely = Site.host("lonely")
    Site.packages.install(lonely, "worker")
    assert not lonely.is_active("primed-worker.socket")
    lonely.run("systemctl enable --now primed-worker")
    wait_until(lambda: lonely.main_pid("primed-worker") == 0, 30, "a worker without work stays")
    Site.idle_since = (time.monotonic(), scout_cost())


def check_journal(desk):
    """Events stand in the journal with their fields and their explanations."""
    with open(os.path.join(harness.SOURCE, "src", "base", "journal.h"), encoding="utf-8") as f:
        number = re.search(r'MESSAGE_ID_WORKER_JOINED "(\w+)"', f.read()).group(1)
    event = json.loads(desk.run(f"journalctl -o json --no-pager -n 1 MESSAGE_ID={number}"))
    assert event["PRIMED_WORKER"] in ("pi1", "pi2", "xeon") and len(event["PRIMED_WORKER_ID"]) == 64, event
    explained = desk.run(f"journalctl -x --no-pager -n 1 MESSAGE_ID={number}")
    assert f"Worker {event['PRIMED_WORKER']} has joined the search" in explained, explained


@chained
def four_commands(folder):
    """install, enable, start: the first block within seconds, π is right, the store is that of one machine"""
    desk = Site.host("desk")
    desk.run("systemctl enable --now primed-master")
    desk.run(f"primectl start --to 10^{FIRST_JOB}")
    for name in ("pi1", "pi2", "xeon"):
        began = enable_worker(Site.host(name))
        seconds = suite.wait_first_block(desk, name, began, JOIN_SECONDS * SLACK)
        note(f"{name}: first block accepted {seconds:.2f} s after enable --now (promised: {JOIN_SECONDS} s)")
        Site.host(name).run("printf 'cores = 2;\\ncpu_quota = \"150%%\";\\n' >/etc/primed/worker.conf")
    text = desk.run("primectl status")
    for name in ("pi1", "pi2", "xeon"):
        assert name in text, text
    assert "unaudited" in text, text
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"])
    job = suite.wait_finished(desk, f"0-{10**FIRST_JOB}", 600)
    assert job["primes"] == PI[FIRST_JOB], job
    call(harness.PRIMECTL, "local", "--to", f"10^{FIRST_JOB}", "--store", f"{folder}/store", timeout=900)
    ours = call(harness.PRIMECTL, "info", "--store", f"{folder}/store", "--json=short")
    theirs = call(harness.PRIMECTL, "info", "--store", desk.root + job["store"], "--json=short")
    assert json.loads(ours)["chain"] == json.loads(theirs)["chain"], (ours, theirs)
    call("diff", "-r", "-x", "provenance*", "-x", "lock", f"{folder}/store", desk.root + job["store"])
    desk.run(f"primectl verify --store {job['store']}", timeout=600)
    check_journal(desk)
    # The standing job of a fresh installation has the rest of the time.
    wait_progress("0-open", 1)
    desk.run("primectl cancel 0-open")
    for name in ("pi1", "pi2", "xeon"):
        wait_idle(Site.host(name))


@chained
def doorbell(folder):
    """idle workers come back at the doorbell"""
    desk = Site.host("desk")
    began = time.monotonic()
    Site.job = long_job()
    for name in ("pi1", "pi2", "xeon"):
        seconds = suite.wait_first_block(desk, name, began, 2 * SLACK)
        note(f"{name}: first block {seconds:.2f} s after start (promised: 2 s)")


# Faults, while the long job is being computed


@chained
def worker_killed(folder):
    """a worker that is killed comes back, and no block is missing"""
    pi1 = Site.host("pi1")
    pid = wait_until(lambda: pi1.main_pid("primed-worker"), 30, "no worker on pi1")
    pi1.run(f"kill -KILL {pid}")
    wait_until(lambda: pi1.main_pid("primed-worker") not in (0, pid), 30, "the worker did not come back")
    suite.wait_workers(Site.host("desk"), ["pi1", "pi2", "xeon"])
    wait_progress(Site.job)


@chained
def worker_crashes(folder):
    """five crashes in ten seconds do not take the host out of the cluster"""
    pi1 = Site.host("pi1")
    pids = set()
    began = time.monotonic()
    while len(pids) < 6:
        # The scout itself calls less and less often; systemd must not give the service up at any rate.
        pi1.run("systemctl start primed-worker", check=False)
        pid = pi1.main_pid("primed-worker")
        if pid and pid not in pids:
            pi1.run(f"kill -SEGV {pid}", check=False)
            pids.add(pid)
            if len(pids) == 5:
                note(f"5 crashes in {time.monotonic() - began:.1f} s")
        assert time.monotonic() - began < 60, pids
    for unit in ("primed-worker.socket", "primed-scout.service"):
        assert pi1.is_active(unit), pi1.run(f"systemctl status {unit}", check=False)
    suite.wait_workers(Site.host("desk"), ["pi1", "pi2", "xeon"], 90)
    wait_progress(Site.job)


@chained
def host_switched_off(folder):
    """a host that loses its power is missed by nobody, and joins again when it boots"""
    pi2 = Site.host("pi2")
    pi2.power_cut()
    wait_progress(Site.job, 5, 90)
    suite.wait_workers(Site.host("desk"), ["pi1", "xeon"], 90)
    began = time.monotonic()
    pi2.boot()
    suite.wait_workers(Site.host("desk"), ["pi1", "pi2", "xeon"], 60)
    note(f"back {time.monotonic() - began:.1f} s after power on")


@chained
def cable_pulled(folder):
    """a cable that is pulled and plugged in again costs nothing but time"""
    xeon = Site.host("xeon")
    pid = xeon.main_pid("primed-worker")
    xeon.cable(False)
    time.sleep(6)
    xeon.cable(True)
    suite.wait_workers(Site.host("desk"), ["pi1", "pi2", "xeon"], 60)
    wait_progress(Site.job)
    # Longer than the heartbeat's patience.
    xeon.cable(False)
    suite.wait_workers(Site.host("desk"), ["pi1", "pi2"], 90)
    xeon.cable(True)
    began = time.monotonic()
    suite.wait_workers(Site.host("desk"), ["pi1", "pi2", "xeon"], 90)
    note(f"back {time.monotonic() - began:.1f} s after the cable; same worker: {pid == xeon.main_pid('primed-worker')}")
    wait_progress(Site.job)


@chained
def master_restarted(folder):
    """a master that is restarted, or killed, refuses no connection and loses no work"""
    desk = Site.host("desk")
    before = progress(Site.job)
    prober = Site.host("pi1").spawn(
        "for i in $(seq 60); do timeout 5 bash -c 'exec 3<>/dev/tcp/10.77.0.1/7919' || echo refused; sleep 0.1; done")
    desk.run("systemctl restart primed-master")
    assert progress(Site.job) >= before
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"], 30)
    pid = desk.main_pid("primed-master")
    before = progress(Site.job)
    desk.run(f"kill -KILL {pid}")
    wait_until(lambda: desk.main_pid("primed-master") not in (0, pid), 30, "the master did not come back")
    wait_until(lambda: suite.jobs(desk), 10, "no answer from the master")
    assert progress(Site.job) >= before
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"], 60)
    output, _ = prober.communicate(timeout=60)
    assert "refused" not in output, output
    wait_progress(Site.job)


@chained
def avahi_restarted(folder):
    """avahi restarted twenty times: sessions stay, and the host is found afterwards"""
    pi1, desk = Site.host("pi1"), Site.host("desk")
    pid = pi1.main_pid("primed-worker")
    assert pid
    for _ in range(20):
        pi1.run("systemctl reset-failed avahi-daemon.service avahi-daemon.socket; systemctl restart avahi-daemon")
    assert pi1.main_pid("primed-worker") == pid
    for _ in range(3):
        desk.run("systemctl reset-failed avahi-daemon.service avahi-daemon.socket; systemctl restart avahi-daemon")
    wait_until(lambda: "primed" in pi1.run("avahi-browse -atp | grep desk", check=False), 15,
               "the master is not published any more")
    began = time.monotonic()
    pi1.run("systemctl restart primed-worker")
    suite.wait_first_block(desk, "pi1", began, 15)
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"])


@chained
def avahi_stopped(folder):
    """avahi stopped and masked by the admin stays stopped; it is found again when it starts"""
    pi1, desk = Site.host("pi1"), Site.host("desk")
    pi1.run("systemctl stop avahi-daemon.service avahi-daemon.socket")
    time.sleep(3)
    assert not pi1.is_active("avahi-daemon")
    pi1.run("systemctl mask avahi-daemon.service avahi-daemon.socket")
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"])
    pi1.run("systemctl restart primed-worker")
    suite.wait_workers(desk, ["pi2", "xeon"])
    text = pi1.run("primectl status", check=False)
    assert re.search(r"Avahi: +(\w+)", text).group(1) in ("stopped", "absent"), text
    # Without Avahi, by a name in the config.
    before = pi1.read("/etc/primed/worker.conf")
    pi1.write("/etc/primed/worker.conf", before + 'masters = ( "10.77.0.1" );\n')
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"])
    assert not pi1.is_active("avahi-daemon")
    pi1.write("/etc/primed/worker.conf", before)
    pi1.run("systemctl unmask avahi-daemon.service avahi-daemon.socket; systemctl start avahi-daemon")
    pi1.run("systemctl restart primed-worker")
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"])


@chained
def second_master(folder):
    """a second master appears: workers serve both, by their jobs' priorities"""
    desk, xeon = Site.host("desk"), Site.host("xeon")
    Site.packages.install(xeon, "both")
    # Without a standing job, as master.conf says it.
    xeon.run("sed -i 's/^job = /# job = /' /etc/primed/master.conf")
    xeon.run("systemctl enable --now primed-master")
    assert not suite.jobs(xeon)
    xeon.run("primectl start --from 10^14 --to 10^14+10^12 --priority 300")
    suite.wait_workers(xeon, ["pi1", "pi2", "xeon"])
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"])
    for name in ("pi1", "pi2"):
        wait_until(lambda n=name: suite.blocks_of(xeon, n) > 0, 60, f"{name} does nothing for the second master")
    wait_progress(Site.job, 2, 90)
    text = Site.host("pi1").run("primectl status")
    assert "desk" in text and "xeon" in text, text
    # The cap of xeon's worker is none of xeon's master's business.
    assert xeon.run("cat /proc/$(systemctl show --value -p MainPID primed-master)/cgroup").count("primed-worker") == 0
    xeon.run("primectl cancel")
    xeon.run("systemctl disable --now primed-master")
    time.sleep(2)
    assert not xeon.is_active("primed-master"), "a ringing scout undid systemctl stop"
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"])


@chained
def one_name_twice(folder):
    """two hosts with one host name are two workers"""
    pi2, desk = Site.host("pi2"), Site.host("desk")
    pi2.run("hostname pi1; systemctl restart primed-worker avahi-daemon")
    suite.wait_workers(desk, ["pi1", "pi1", "xeon"], 60)
    assert len({w["id"] for w in suite.workers(desk)}) == 3
    wait_progress(Site.job)
    pi2.run("hostname pi2; systemctl restart primed-worker avahi-daemon")
    suite.wait_workers(desk, ["pi1", "pi2", "xeon"], 60)


# Limits


def measured_quota(host, seconds=10):
    """Per cent of one processor that the worker uses, measured over so many seconds."""
    pid = host.main_pid("primed-worker")
    used, began = suite.cpu_seconds(host, pid), time.monotonic()
    time.sleep(seconds)
    used, spent = suite.cpu_seconds(host, pid) - used, time.monotonic() - began
    assert host.main_pid("primed-worker") == pid
    return 100 * used / spent


@chained
def limits_live(folder):
    """cores and quota, saved while a range is computed, hold at once, in the same worker; taken out, they are gone"""
    pi1, desk = Site.host("pi1"), Site.host("desk")
    # Alone, so that the quota is what limits it.
    others = [Site.host(n) for n in ("pi2", "xeon")]
    for host in others:
        host.run("systemctl stop primed-worker")
    suite.wait_workers(desk, ["pi1"])
    pi1.write("/etc/primed/worker.conf", "cores = 1;\n")
    wait_until(lambda: suite.workers(desk)[0]["threads_applied"] == 1, 10, "cores = 1 has no effect")
    pid = pi1.main_pid("primed-worker")
    for quota in (40, 20):
        pi1.write("/etc/primed/worker.conf", f'cores = 1;\ncpu_quota = "{quota}%";\n')
        wait_until(lambda q=quota: pi1.property("primed-worker.slice", "CPUQuotaPerSecUSec") == f"{q * 10}ms", 10,
                   "the slice has no quota")
        time.sleep(2)
        measured = measured_quota(pi1)
        note(f"quota {quota} %: {measured:.1f} % over 10 s")
        assert 0.85 * quota <= measured <= 1.05 * quota, measured
    text = pi1.run("primectl status")
    assert "20%" in text or "20 %" in text, text
    # A key that is taken out is reverted; what the admin set stays.
    pi1.run("systemctl set-property --runtime primed-worker.slice TasksMax=900")
    pi1.write("/etc/primed/worker.conf", "cores = 1;\n")
    wait_until(lambda: pi1.property("primed-worker.slice", "CPUQuotaPerSecUSec") == "infinity", 10, "the quota stays")
    assert pi1.property("primed-worker.slice", "TasksMax") == "900"
    time.sleep(2)
    measured = measured_quota(pi1, 5)
    note(f"without quota: {measured:.1f} %")
    assert measured > 30, measured
    # A drop-in is watched too.
    pi1.run("mkdir -p /etc/primed/worker.conf.d")
    pi1.write("/etc/primed/worker.conf.d/50-quiet.conf", 'cpu_quota = "30%";\n')
    wait_until(lambda: pi1.property("primed-worker.slice", "CPUQuotaPerSecUSec") == "300ms", 10, "no drop-in")
    pi1.run("rm /etc/primed/worker.conf.d/50-quiet.conf")
    wait_until(lambda: pi1.property("primed-worker.slice", "CPUQuotaPerSecUSec") == "infinity", 10, "drop-in stays")
    assert pi1.main_pid("primed-worker") == pid
    wait_progress(Site.job, 1)


@chained
def broken_config(folder):
    """a broken config keeps the limits in force and says file and line; with none in force the worker does not start"""
    pi1, desk = Site.host("pi1"), Site.host("desk")
    pi1.write("/etc/primed/worker.conf", 'cores = 1;\ncpu_quota = "50%";\n')
    wait_until(lambda: pi1.property("primed-worker.slice", "CPUQuotaPerSecUSec") == "500ms", 10, "no quota")
    pid = pi1.main_pid("primed-worker")
    pi1.write("/etc/primed/worker.conf", 'cores = 1;\ncpu_qota = "60%";\n')
    text = wait_until(lambda: (lambda t: t if "worker.conf:2" in t else None)(pi1.run("primectl status", check=False)),
                      10, "status does not tell the place")
    assert "cpu_quota" in text, text  # the nearest name
    assert "worker.conf:2" in pi1.run("systemctl status primed-limits", check=False)
    assert pi1.property("primed-worker.slice", "CPUQuotaPerSecUSec") == "500ms"
    assert pi1.main_pid("primed-worker") == pid
    pi1.run("systemctl stop primed-worker; systemctl revert primed-worker.slice; rm -f /run/primed/limits")
    pi1.run("systemctl start primed-worker", check=False)
    time.sleep(4)
    assert pi1.main_pid("primed-worker") == 0
    assert "worker.conf:2" in pi1.run("primectl status; systemctl status primed-worker", check=False)
    pi1.write("/etc/primed/worker.conf", "cores = 2;\n")
    suite.wait_workers(desk, ["pi1"], 60)
    assert pi1.is_active("primed-worker.socket") and pi1.is_active("primed-scout")


@chained
def master_caps(folder):
    """the master caps a host, and the worker applies it within its own cap"""
    desk, pi1 = Site.host("desk"), Site.host("pi1")
    before = desk.read("/etc/primed/master.conf")
    desk.write("/etc/primed/master.conf", before + '\nhosts = ( { host = "pi1"; cores = 1; cpu_quota = "30%"; } );\n')
    desk.run("systemctl reload primed-master")
    wait_until(lambda: suite.workers(desk)[0]["threads_applied"] == 1, 10, "the cap is not applied")
    time.sleep(3)
    measured = measured_quota(pi1)
    note(f"capped by the master at 30 %: {measured:.1f} %")
    assert 15 <= measured <= 45, measured
    desk.write("/etc/primed/master.conf", before)
    desk.run("systemctl reload primed-master")
    wait_until(lambda: suite.workers(desk)[0]["threads_applied"] == 2, 10, "the cap stays")


# Units


@chained
def stop_and_disable(folder):
    """systemctl stop ends worker, socket and scout, for good; so does disable --now; enable and a reboot join"""
    pi1, desk = Site.host("pi1"), Site.host("desk")
    units = ("primed-worker.service", "primed-worker.socket", "primed-scout.service")

    def check_gone():
        wait_until(lambda: not any(pi1.is_active(u) for u in units), 20, "something still runs")
        time.sleep(5)
        assert not any(pi1.is_active(u) for u in units), "something came back"

    assert pi1.run("systemctl is-enabled primed-worker").strip() == "enabled"
    began = time.monotonic()
    pi1.run("systemctl stop primed-worker")
    note(f"stop took {time.monotonic() - began:.1f} s")
    check_gone()
    pi1.run("systemctl start primed-worker")
    suite.wait_workers(desk, ["pi1"])
    pi1.run("systemctl disable --now primed-worker")
    check_gone()
    assert pi1.run("systemctl is-enabled primed-worker", check=False).strip() == "disabled"
    # Stopped while it has no work and does not run.
    pi1.run("systemctl enable --now primed-worker")
    suite.wait_workers(desk, ["pi1"])
    desk.run(f"primectl pause {Site.job}")
    wait_idle(pi1)
    assert pi1.is_active("primed-worker.socket") and pi1.is_active("primed-scout.service")
    pi1.run("systemctl stop primed-worker")
    check_gone()
    desk.run(f"primectl resume {Site.job}")
    pi1.run("systemctl enable primed-worker")
    check_gone()
    pi1.reboot()
    suite.wait_workers(desk, ["pi1"], 60)


@chained
def worker_before_master(folder):
    """a worker that was there before any master joins when one appears"""
    desk = Site.host("desk")
    desk.run("systemctl stop primed-master")
    time.sleep(3)
    assert not desk.is_active("primed-master"), "something started it again"
    pi1 = Site.host("pi1")
    pi1.run("systemctl restart primed-worker")
    time.sleep(2)
    began = time.monotonic()
    desk.run("systemctl start primed-master")
    seconds = suite.wait_first_block(desk, "pi1", began, 15)
    note(f"first block {seconds:.1f} s after the master's start")


@chained
def join_as_is(folder):
    """primectl join: as an ordinary user, with nothing but primed-common"""
    desk, pi2 = Site.host("desk"), Site.host("pi2")
    pi2.run("systemctl disable --now primed-worker && apt-get purge -y primed-worker")
    pi2.run("systemctl stop avahi-daemon.service avahi-daemon.socket")
    pi2.run("useradd -m seed 2>/dev/null || true")
    joined = pi2.spawn("exec setpriv --reuid seed --regid seed --clear-groups env HOME=/home/seed "
                       "primectl join 10.77.0.1 --threads 1 --name seed")
    wait_until(lambda: suite.blocks_of(desk, "seed") > 0, 30, "no block from the joined client")
    pi2.run("pkill -TERM -u seed -x primectl")
    output, _ = joined.communicate(timeout=20)
    suite.wait_workers(desk, ["pi1"], 20)
    assert "desk" in output, output
    pi2.run("systemctl start avahi-daemon")
    enable_worker(pi2)
    suite.wait_workers(desk, ["pi1", "pi2"])


@chained
def upgrade_in_flight(folder):
    """an upgrade of all packages with work in flight loses none of it"""
    desk, pi1 = Site.host("desk"), Site.host("pi1")
    before = progress(Site.job)
    Site.packages.install(pi1, "worker", newer=True)
    Site.packages.install(desk, "master", newer=True)
    wait_until(lambda: suite.jobs(desk), 20, "no answer from the master")
    assert progress(Site.job) >= before
    suite.wait_workers(desk, ["pi1", "pi2"], 60)
    wait_progress(Site.job)
    for unit in ("primed-worker.socket", "primed-scout.service"):
        assert pi1.is_active(unit), unit


@chained
def nothing_lost(folder):
    """after all of that the store has no gap, no damage and no disagreement"""
    desk = Site.host("desk")
    job = suite.jobs(desk)[Site.job]
    assert job["disagreements"] == 0, job
    desk.run(f"primectl pause {Site.job}")
    for name in ("pi1", "pi2"):
        wait_idle(Site.host(name))
    output = desk.run(f"primectl verify --store {job['store']}", timeout=900)
    frontier = int(suite.jobs(desk)[Site.job]["frontier"])
    count = int(desk.run(f"primectl count --store {job['store']} 10^15 {frontier}").split()[0])
    primes = call("primesieve", "-c", "-q", str(10**15), str(frontier - 1), timeout=900)
    assert count == int(primes), (count, primes, output)
    note(f"{count} primes in [10^15, {frontier}), as primesieve counts them")


@chained
def purge_and_reinstall(folder):
    """purge removes keys and state and keeps the primes; a new installation goes on with them"""
    desk, pi2 = Site.host("desk"), Site.host("pi2")
    output = pi2.run("apt-get purge -y 'primed-*'")
    assert not os.path.exists(pi2.root + "/etc/primed"), os.listdir(pi2.root + "/etc/primed")
    assert not os.path.exists(pi2.root + "/var/lib/primed/host.key")
    left = pi2.run("systemctl list-units --no-legend --type service,socket,path 'primed*'").strip()
    assert not left, left
    store = suite.jobs(desk)[Site.job]["store"]
    output = desk.run("apt-get purge -y 'primed-*'")
    assert "/var/lib/primed" in output, output
    assert os.path.exists(desk.root + store)
    assert not os.path.exists(desk.root + "/var/lib/primed/host.key")
    Site.packages.install(desk, "master", newer=True)
    desk.run("systemctl enable --now primed-master")
    began = enable_worker(pi2)
    wait_until(lambda: Site.job in suite.jobs(desk), 20, "the store was not found again")
    desk.run(f"primectl resume {Site.job}")
    suite.wait_first_block(desk, "pi2", began, 60)
    wait_progress(Site.job)


def scout_cost():
    """The lonely host's scout: its pid, voluntary wake-ups so far, kB resident. Nothing here talks to it."""
    lonely = Site.host("lonely")
    pid = lonely.main_pid("primed-scout")
    fields = dict(line.split(":", 1) for line in lonely.run(f"cat /proc/{pid}/status").splitlines())
    return pid, int(fields["voluntary_ctxt_switches"]), int(fields["VmRSS"].split()[0])


@chained
def idle_cost(folder):
    """an enabled worker host without work: no worker process, a small scout that sleeps"""
    lonely = Site.host("lonely")
    began, (pid, first, _) = Site.idle_since
    time.sleep(max(0, began + IDLE_SECONDS - time.monotonic()))
    seconds = time.monotonic() - began
    pid_now, last, resident = scout_cost()
    note(f"scout: {resident} kB resident, {last - first} voluntary wake-ups in {seconds:.0f} s")
    assert lonely.main_pid("primed-worker") == 0
    assert pid_now == pid
    assert resident < 4096, resident
    assert last - first <= seconds / 60, last - first
    text = lonely.run("primectl status", check=False)
    assert "No master" in text or "no master" in text, text


if __name__ == "__main__":
    harness.run()
