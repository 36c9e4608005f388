#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Browser and publisher against real avahi-daemons, on hosts that are network namespaces (mdns.py).

    test-mdns.py BUILD [CLAIM...]
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "host")]

import mdns  # noqa: E402
from harness import BUILD, Skip, claim, patience, run, wait_end  # noqa: E402

BROWSE = os.path.join(BUILD, "tests", "discovery", "browse")
PUBLISH = os.path.join(BUILD, "tests", "discovery", "publish")
IDS = [digit * 64 for digit in "abcdef"]
PORT = 7919
SOON = 5  # seconds

ACTIVATION = """[D-BUS Service]
Name=org.freedesktop.Avahi
Exec=/bin/sh -c 'touch {folder}/activated'
User=root
"""


def lan(folder, n_hosts=2, **more):
    if reason := mdns.missing():
        raise Skip(reason)
    return mdns.Lan(folder, n_hosts, **more)


def publish(host, identity, name=None, work="idle"):
    """A publisher that has begun; its lines."""
    lines = host.start([PUBLISH, name or host.name, identity, str(PORT)], stdin=subprocess.PIPE)
    lines.tell(f"{work} a job")
    return lines


def announce(host, *arguments):
    """avahi-publish whose service is established; its lines. What ends before, on a busy machine, is tried again."""
    for attempt in range(3):
        lines = host.start(["avahi-publish", "-s", *arguments])
        try:
            lines.wait(lambda line: line.startswith("Established"), 10)
            break
        except AssertionError as error:
            print(f"# {error}; status {lines.process.poll()}")
            if attempt == 2:
                raise
            lines.stop()
    return lines


class Master:
    """A line "master" of browse."""

    def __init__(self, line):
        match = re.match(r"(\S+) master (\S+) work=(\d) ring=(\d+) local=(\d) addresses=(\S+) "
                         r"name=(.*) job=(.*)$", line)
        self.time = float(match[1])
        self.id = match[2]
        self.work = match[3] == "1"
        self.ring = int(match[4])
        self.local = match[5] == "1"
        self.addresses = match[6].split(",")
        self.name = match[7]
        self.job = match[8]


def masters(lines, after=0):
    """What a browser knows after all that it told: {id: Master}."""
    known = {}
    for line in lines.all()[after:]:
        words = line.split(" ")
        if words[1] == "master":
            known[words[2]] = Master(line)
        elif words[1] == "gone":
            del known[words[2]]
    return known


def wait_for(lines, condition, seconds=SOON):
    """Waits until condition({id: Master}) holds; returns the dictionary."""
    end = wait_end(seconds)
    while True:
        known = masters(lines)
        if condition(known):
            return known
        if time.monotonic() > end:
            raise AssertionError(f"not in {seconds} s; told: " + "\n".join(lines.all()[-30:]))
        time.sleep(0.02)


def two_hosts(folder, **more):
    network = lan(folder, **more)
    for host in network.hosts:
        host.start_avahi()
    return network


def stamp(line):
    return float(line.split(" ")[0])


@claim
def seen(folder):
    """a master is seen on another host, by IPv4 and by link-local IPv6 with its scope"""
    with two_hosts(folder) as network:
        first, second = network.hosts
        browser, own = second.start([BROWSE]), first.start([BROWSE])
        publisher = publish(first, IDS[0])
        began = stamp(publisher.wait(lambda line: " published " in line))
        master = wait_for(browser, lambda known: IDS[0] in known and len(known[IDS[0]].addresses) == 2)[IDS[0]]
        print(f"# seen {master.time - began:.3f} s after it was registered")
        scope = second.interface_index()
        assert master.addresses[0] == f"10.77.0.1:{PORT}", master.addresses
        assert re.fullmatch(rf"\[fe80::[0-9a-f:]+%{scope}\]:{PORT}", master.addresses[1]), (master.addresses, scope)
        assert master.name == "primed on h1 (aaaaaaaa)" and master.job == "a job" and not master.local, vars(master)

        master = wait_for(own, lambda known: IDS[0] in known and len(known[IDS[0]].addresses) == 3)[IDS[0]]
        assert master.local and master.addresses[0] == f"127.0.0.1:{PORT}", vars(master)

        publisher.stop()
        wait_for(browser, lambda known: not known)
        wait_for(own, lambda known: not known)


@claim
def scope_connects(folder):
    """the link-local address of a LAN without IPv4 can be connected to as it was told"""
    with two_hosts(folder, network="") as network:
        first, second = network.hosts
        browser = second.start([BROWSE])
        publish(first, IDS[0])
        address = wait_for(browser, lambda known: IDS[0] in known, 10)[IDS[0]].addresses[0]
        match = re.fullmatch(r"\[(fe80::[0-9a-f:]+)%(\d+)\]:(\d+)", address)
        assert match, address
        first.start(["python3", "-c", "import socket\ns = socket.create_server(('::', 7919), family=socket.AF_INET6)\n"
                                      "while True: s.accept()[0].sendall(b'here')"])
        time.sleep(0.5)
        done = second.run("python3", "-c", "import socket\ns = socket.socket(socket.AF_INET6)\n"
                          f"s.settimeout(5)\ns.connect(('{match[1]}', {match[3]}, 0, {match[2]}))\nprint(s.recv(9))")
        assert "here" in done.stdout


@claim
def doorbell(folder):
    """work 0→1 is seen on the other host in 5 s, also after a pause of no time at all"""
    with two_hosts(folder) as network:
        first, second = network.hosts
        browser = second.start([BROWSE])
        publisher = publish(first, IDS[0])
        wait_for(browser, lambda known: IDS[0] in known)
        ring, times = 0, []
        for turn in range(5):
            time.sleep(2)
            publisher.tell("idle")
            if turn < 3:
                wait_for(browser, lambda known: not known[IDS[0]].work)
            _sets(publisher, 2 * turn + 2)
            publisher.tell(f"work turn {turn}")
            began = stamp(_sets(publisher, 2 * turn + 3)[-1])
            known = wait_for(browser, lambda known, ring=ring: known[IDS[0]].work and known[IDS[0]].ring > ring)
            ring = known[IDS[0]].ring
            times.append(known[IDS[0]].time - began)
        print("# the doorbell took " + ", ".join(f"{seconds:.3f}" for seconds in times) + " s")
        assert max(times) < patience(SOON), times


def _sets(publisher, count):
    """The first `count` lines of a publisher that say that its input was taken."""
    end = wait_end(SOON)
    while True:
        lines = [line for line in publisher.all() if line.endswith(" set")]
        if len(lines) >= count:
            return lines[:count]
        assert time.monotonic() < end
        time.sleep(0.01)


@claim
def two_masters(folder):
    """two masters are two; one goes, the other stays"""
    with two_hosts(folder, n_hosts=3) as network:
        first, second, third = network.hosts
        browser = third.start([BROWSE])
        one, _ = publish(first, IDS[0]), publish(second, IDS[1], work="work")
        known = wait_for(browser, lambda known: len(known) == 2 and all(len(m.addresses) == 2 for m in known.values()))
        assert known[IDS[0]].addresses[0].startswith("10.77.0.1:") and not known[IDS[0]].work
        assert known[IDS[1]].addresses[0].startswith("10.77.0.2:") and known[IDS[1]].work
        one.stop()
        wait_for(browser, lambda known: list(known) == [IDS[1]])


@claim
def same_name(folder):
    """two hosts with one instance name are two masters, with the right addresses in the end"""
    with two_hosts(folder, n_hosts=3) as network:
        browser = network.hosts[2].start([BROWSE])
        identities = ["12345678" + "0" * 56, "12345678" + "1" * 56]
        for number, identity in enumerate(identities):
            publish(network.hosts[number], identity, name="twin")
        known = wait_for(browser, lambda known: len(known) == 2 and all(
            known[identity].addresses[0] == f"10.77.0.{number + 1}:{PORT}"
            for number, identity in enumerate(identities)), 20)
        names = sorted(master.name for master in known.values())
        assert names == ["primed on twin (12345678)", "primed on twin (12345678) #2"], names


@claim
def same_host_name(folder):
    """two hosts with one host name are two masters, with the right addresses in the end"""
    with lan(folder, 3) as network:
        for host in network.hosts:
            host.start_avahi(name="same" if host.number < 3 else "other")
        browser = network.hosts[2].start([BROWSE])
        for number in range(2):
            publish(network.hosts[number], IDS[number])
        wait_for(browser, lambda known: len(known) == 2 and all(
            known[IDS[number]].addresses[0] == f"10.77.0.{number + 1}:{PORT}" for number in range(2)), 20)


@claim
def several_interfaces(folder):
    """one master on two networks is one master, with the addresses of both"""
    with lan(folder) as network:
        network.add_bridge("br1")
        for host in network.hosts:
            host.plug("br1", "eth1", "10.78.0")
            host.start_avahi()
        first, second = network.hosts
        browser = second.start([BROWSE])
        publish(first, IDS[0])
        master = wait_for(browser, lambda known: IDS[0] in known and len(known[IDS[0]].addresses) == 4)[IDS[0]]
        assert master.addresses[:2] == [f"10.77.0.1:{PORT}", f"10.78.0.1:{PORT}"], master.addresses
        scopes = {re.search(r"%(\d+)", address)[1] for address in master.addresses[2:]}
        assert scopes == {str(second.interface_index()), str(second.interface_index("eth1"))}, master.addresses
        assert list(masters(browser)) == [IDS[0]]
        # One of the two goes: the master stays, with what is left.
        mdns.ip("-n", second.namespace, "link", "set", "eth1", "down")
        wait_for(browser, lambda known: known and len(known[IDS[0]].addresses) == 2)
        assert not any(" gone " in line for line in browser.all())


@claim
def interface_down_and_up(folder):
    """an interface that goes down takes its masters along and brings them back, on either side"""
    with two_hosts(folder) as network:
        browser = network.hosts[1].start([BROWSE])
        publish(network.hosts[0], IDS[0])
        wait_for(browser, lambda known: IDS[0] in known)
        for _ in range(3):
            mdns.ip("-n", network.hosts[1].namespace, "link", "set", "eth0", "down")
            wait_for(browser, lambda known: not known)
            mdns.ip("-n", network.hosts[1].namespace, "link", "set", "eth0", "up")
            wait_for(browser, lambda known: IDS[0] in known, 10)
        # The cable: nobody says goodbye, and the record is not taken away at once.
        network.unplug(network.hosts[0])
        time.sleep(1)
        assert IDS[0] in masters(browser)
        network.replug(network.hosts[0])
        time.sleep(1)
        assert IDS[0] in masters(browser)


@claim
def avahi_restarts(folder):
    """avahi-daemon is restarted ten times on each side: found again each time"""
    with two_hosts(folder) as network:
        first, second = network.hosts
        browser = second.start([BROWSE])
        publisher = publish(first, IDS[0])
        wait_for(browser, lambda known: IDS[0] in known)
        times = []
        for turn in range(20):
            host = second if turn % 2 == 0 else first
            n_lines = len(publisher.all())
            host.stop_avahi(signal.SIGKILL if turn % 4 < 2 else signal.SIGTERM)
            if host is second:
                wait_for(browser, lambda known: not known)
            began = time.monotonic()
            host.start_avahi()
            if host is first:
                publisher.wait(lambda line: " published " in line, 10, n_lines)
            wait_for(browser, lambda known: IDS[0] in known, 10)
            times.append(time.monotonic() - began)
            publisher.tell("work" if turn % 2 else "idle")
            wait_for(browser, lambda known, turn=turn: known[IDS[0]].work == bool(turn % 2))
        print(f"# found again after {min(times):.1f} to {max(times):.1f} s")


@claim
def avahi_stays_stopped(folder):
    """an Avahi that the admin stopped is not started by us, and followed when it comes back"""
    if reason := mdns.missing():
        raise Skip(reason)
    if not shutil.which("busctl"):
        raise Skip("needs busctl")
    with lan(folder, 1) as network:
        host = network.hosts[0]
        services = os.path.join(host.folder, "services")
        os.mkdir(services)
        with open(os.path.join(services, "org.freedesktop.Avahi.service"), "w", encoding="ascii") as file:
            file.write(ACTIVATION.format(folder=host.folder))
        host.bus.stop()
        host.start_bus(f"<servicedir>{services}</servicedir>")
        activated = os.path.join(host.folder, "activated")

        host.start_avahi()
        browser = host.start([BROWSE])
        publisher = publish(host, IDS[0])
        wait_for(browser, lambda known: IDS[0] in known)
        host.stop_avahi()
        browser.wait(lambda line: " state absent" in line)
        publisher.tell("work")
        time.sleep(2)
        publisher.tell("idle")
        late = host.start([BROWSE])
        late.wait(lambda line: " state absent" in line)
        time.sleep(2)
        assert not os.path.exists(activated), "Avahi was started"
        assert not masters(browser)

        host.start_avahi()
        wait_for(browser, lambda known: IDS[0] in known)
        wait_for(late, lambda known: IDS[0] in known)
        host.stop_avahi()
        # The bus would have started it for anybody else.
        host.run("busctl", "--system", "--timeout=1", "call", "org.freedesktop.Avahi", "/",
                 "org.freedesktop.Avahi.Server", "GetState", check=False)
        assert os.path.exists(activated), "this test proves nothing"


@claim
def avahi_comes_later(folder):
    """Avahi that comes after browser and publisher"""
    with lan(folder) as network:
        first, second = network.hosts
        browser = second.start([BROWSE])
        publisher = publish(first, IDS[0])
        browser.wait(lambda line: " state absent" in line)
        publisher.wait(lambda line: " unpublished Avahi does not run" in line)
        for host in network.hosts:
            host.start_avahi()
        wait_for(browser, lambda known: IDS[0] in known, 10)


@claim
def avahi_hangs(folder):
    """a stopped avahi-daemon holds nobody up, from the start or later"""
    with two_hosts(folder) as network:
        first, second = network.hosts
        browser = second.start([BROWSE, "--heartbeat"])
        publisher = publish(first, IDS[0])
        wait_for(browser, lambda known: IDS[0] in known)
        for host in network.hosts:
            host.avahi.process.send_signal(signal.SIGSTOP)
        late = second.start([BROWSE, "--heartbeat"])
        late.wait(lambda line: " state starting" in line)
        began = time.monotonic()
        n_set = len(_sets(publisher, 1))
        for _ in range(10):
            publisher.tell("work")
            publisher.tell("idle")
        _sets(publisher, n_set + 20)
        assert time.monotonic() - began < patience(1)
        time.sleep(3)
        for lines in (browser, late):
            lines.process.send_signal(signal.SIGUSR1)
            gap = float(lines.wait(lambda line: " gap " in line).split(" ")[2])
            print(f"# the heartbeat was at most {gap} ms late")
            assert gap < 1000
        for host in network.hosts:
            host.avahi.process.send_signal(signal.SIGCONT)
        wait_for(late, lambda known: IDS[0] in known, 10)
        publisher.tell("work")
        wait_for(browser, lambda known: known[IDS[0]].work, 10)


@claim
def strangers(folder):
    """garbage that strangers announce is no master, and hides none"""
    if not shutil.which("avahi-publish"):
        raise Skip("needs avahi-publish")
    with two_hosts(folder) as network:
        first, second = network.hosts
        browser = second.start([BROWSE])
        kind, good = "_primed._tcp", "id=" + IDS[1]

        first.start(["avahi-publish", "-s", "no txt", kind, "1"])
        first.start(["avahi-publish", "-s", "no version", kind, "1", good])
        first.start(["avahi-publish", "-s", "short id", kind, "1", "v=0", "id=1234"])
        first.start(["avahi-publish", "-s", "no hex", kind, "1", "v=0", "id=" + "x" * 64])
        first.start(["avahi-publish", "-s", "port 0", kind, "0", "v=0", good])
        first.start(["avahi-publish", "-s", "much", kind, "1", "v=0", *[f"x{n}=" + "y" * 200 for n in range(40)], good])
        # A service of this kind at the reader's own loopback address.
        first.start(["avahi-publish", "-a", "-R", "trap.local", "127.0.0.1"])
        first.start(["avahi-publish", "-s", "-H", "trap.local", "trap", kind, "22", "v=0", good])
        for number in range(20):
            first.start(["avahi-publish", "-s", f"noise {number}", kind, "1", "v=0"])
        publish(first, IDS[0])
        red = announce(first, "\033[31mred\n\u202e" + "\u00e4" * 20, kind, "5", "v=0", "id=" + IDS[2],
                       "job=\033[2J\a", "work=1")
        try:
            known = wait_for(browser, lambda known: IDS[0] in known and IDS[2] in known, 20)
        except AssertionError:
            print("# red: " + repr(red.all()), red.process.poll(), "avahi: " + repr(second.avahi.all()[-20:]))
            raise
        time.sleep(3)
        known = masters(browser)
        assert sorted(known) == [IDS[0], IDS[2]], sorted(known)
        text = "\n".join(browser.all())
        assert "\033" not in text and "\a" not in text and "\u202e" not in text
        assert known[IDS[2]].name.startswith("?[31mred??") and known[IDS[2]].job == "?[2J?", vars(known[IDS[2]])


@claim
def idle(folder):
    """an idle browser does not wake up at all in 20 s"""
    with two_hosts(folder) as network:
        first, second = network.hosts
        browser = second.start([BROWSE])
        publish(first, IDS[0], work="work")
        wait_for(browser, lambda known: IDS[0] in known and len(known[IDS[0]].addresses) == 2)
        time.sleep(3)

        def wake_ups():
            with open(f"/proc/{browser.process.pid}/status", encoding="ascii") as file:
                return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.MULTILINE)[1])

        with open(f"/proc/{browser.process.pid}/comm", encoding="ascii") as file:
            assert file.read().strip() == "browse"
        before = wake_ups()
        time.sleep(20)
        assert wake_ups() - before == 0, wake_ups() - before


@claim
def bus_ends(folder):
    """the end of the bus is told, with all masters gone"""
    with two_hosts(folder) as network:
        first, second = network.hosts
        browser = second.start([BROWSE])
        publish(first, IDS[0])
        wait_for(browser, lambda known: IDS[0] in known)
        second.bus.stop()
        browser.wait(lambda line: " state absent The connection to the system bus is gone" in line)
        wait_for(browser, lambda known: not known)


if __name__ == "__main__":
    run()
