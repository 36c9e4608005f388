#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primed-scout with real Avahi daemons on a LAN of network namespaces: masters that advertise, a played worker."""

import contextlib
import json
import os
import subprocess
import sys
import time

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
for name in ("host", "discovery", "scout"):
    sys.path.insert(0, os.path.join(TESTS, name))
import mdns  # pylint: disable=wrong-import-position
from harness import (  # pylint: disable=wrong-import-position
    BUILD, Skip, claim, need_no_sanitizer, run, wait_end, wait_until)
from stage import RSS_MAX, SCOUT, Worker, measure  # pylint: disable=wrong-import-position

PUBLISH = os.path.join(BUILD, "tests", "discovery", "publish")
PORT = 7919

# Listens on all addresses of its host and greets with its name.
LISTENER = """
import socket, sys
listener = socket.create_server(("::", %d), family=socket.AF_INET6, dualstack_ipv6=True)
print("listening", flush=True)
kept = []
while True:
    connection, address = listener.accept()
    kept.append(connection)
    connection.send(sys.argv[1].encode())
    print(address[0], flush=True)
""" % PORT


class WorkerHost:
    """The last host of the LAN: a scout and a played worker."""

    def __init__(self, host):
        self.host = host
        self.config = os.path.join(host.folder, "worker.conf")
        self.worker = Worker(os.path.join(host.folder, "worker.sock"))
        self.scout = None
        self.channels = []

    def start(self, config=""):
        """Starts the scout with this config."""
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config)
        self.scout = self.host.start([SCOUT, f"--config={self.config}", f"--worker-socket={self.worker.path}",
                                      "--debug"])

    def call(self, method):
        """Calls org.primed.Worker1."""
        done = self.host.run("busctl", "--system", "--json=short", "call", "org.primed.Worker1", "/org/primed/Worker1",
                             "org.primed.Worker1", method, check=False)
        return json.loads(done.stdout)["data"][0] if done.returncode == 0 else None

    def masters(self):
        """ListMasters."""
        answer = wait_until(lambda: (one := self.call("ListMasters")) is not None and [one])[0]
        return [{key: value["data"] for key, value in master.items()} for master in answer]

    def wait_masters(self, condition, seconds=15):
        """Waits until ListMasters fulfils the condition; returns it."""
        end = wait_end(seconds)
        while not condition(masters := self.masters()):
            assert time.monotonic() < end, masters
            time.sleep(0.1)
        return masters

    def join(self, digit="a", greeting="h1", seconds=10):
        """Takes the next call, checks who is at the other end, and says that it joined."""
        channel = self.worker.accept(seconds)
        self.channels.append(channel)
        assert channel.session.recv(100).decode() == greeting
        channel.report("joined", digit)
        return channel


@contextlib.contextmanager
def lan(folder, n_masters=1, avahi=True, network="10.77.0", ipv4="yes"):
    """Hosts with listeners, and the worker's host behind them. Yields (hosts of masters, WorkerHost)."""
    if missing := mdns.missing():
        raise Skip(missing)
    with mdns.Lan(folder, n_masters + 1, network=network) as hosts:
        worker_host = WorkerHost(hosts.hosts[-1])
        try:
            for host in hosts.hosts:
                if avahi:
                    host.start_avahi(ipv4=ipv4)
            for host in hosts.hosts[:-1]:
                host.start([sys.executable, "-c", LISTENER, host.name]).wait(lambda line: line == "listening")
            yield hosts.hosts[:-1], worker_host
        finally:
            worker_host.worker.close()
            if worker_host.scout:
                for line in worker_host.scout.all():
                    print("# " + line)


def publish(host, digit="a", work=True):
    """A master of this host advertises."""
    master = host.start([PUBLISH, host.name, digit * 64, str(PORT)], stdin=subprocess.PIPE)
    master.tell("work to 10^9" if work else "idle")
    return master


@claim
def finds_and_serves(folder):
    """A master that advertises is found and served by one session, though it has several addresses"""
    with lan(folder) as ([master_host], worker_host):
        publish(master_host)
        worker_host.start()
        channel = worker_host.join()
        [master] = worker_host.wait_masters(lambda masters: masters and masters[0]["state"] == "connected")
        assert master["source"] == "mdns" and master["id"] == "a" * 64 and master["work"], master
        assert worker_host.worker.is_quiet(3) and not channel.is_closed()
        assert worker_host.call("GetStatus")["avahi"]["data"] == "running"


@claim
def hears_the_doorbell(folder):
    """A master without work is left alone; when it calls it is served within two seconds"""
    with lan(folder) as ([master_host], worker_host):
        master = publish(master_host, work=False)
        worker_host.start()
        [entry] = worker_host.wait_masters(lambda masters: masters)
        assert entry["state"] == "waiting" and not entry["work"], entry
        assert entry["next_try_usec"] / 1e6 - time.time() > 500, entry
        assert worker_host.worker.is_quiet(3)
        began = time.monotonic()
        master.tell("work to 10^9")
        channel = worker_host.join()
        took = time.monotonic() - began
        print(f"# {took:.2f} s from the doorbell to the worker")
        assert took < 4, took

        # It has no more work: that is no reason to call again, until the bell rings again.
        master.tell("idle")
        time.sleep(2)
        channel.report("done", reason="no work")
        channel.close()
        worker_host.wait_masters(lambda masters: masters[0]["state"] == "waiting")
        assert worker_host.worker.is_quiet(3)
        master.tell("work to 10^10")
        worker_host.join()


@claim
def goodbye_drops_nothing(folder):
    """A master that mDNS shows no more keeps its session, and is found again when that breaks"""
    with lan(folder) as ([master_host], worker_host):
        master = publish(master_host)
        worker_host.start()
        channel = worker_host.join()
        master.stop()
        time.sleep(2)
        assert not channel.is_closed()
        [entry] = worker_host.masters()
        assert entry["state"] == "connected", entry
        channel.report("lost", reason="broken")
        channel.close()
        again = worker_host.join(seconds=5)
        assert not again.is_closed(0.5)


@claim
def avahi_comes_and_goes(folder):
    """Stopping and starting Avahi on the worker's host leaves its session alone and makes no second one"""
    with lan(folder) as ([master_host], worker_host):
        publish(master_host)
        worker_host.start()
        channel = worker_host.join()
        for _ in range(3):
            worker_host.host.stop_avahi()
            wait_until(lambda: worker_host.call("GetStatus")["avahi"]["data"] in ("stopped", "absent"))
            assert not channel.is_closed(0.2)
            worker_host.host.start_avahi()
            wait_until(lambda: worker_host.call("GetStatus")["avahi"]["data"] == "running")
        worker_host.wait_masters(lambda masters: len(masters) == 1 and masters[0]["state"] == "connected")
        assert worker_host.worker.is_quiet(3) and not channel.is_closed()


@claim
def config_and_mdns_are_one(folder):
    """A master in the config that mDNS shows too has one session"""
    with lan(folder) as ([master_host], worker_host):
        publish(master_host)
        worker_host.start('masters = ( "10.77.0.1" );')
        channel = worker_host.join()
        try:
            second = worker_host.join(seconds=3)
            assert second.is_closed(5)
        except TimeoutError:
            pass
        [entry] = worker_host.wait_masters(lambda masters: len(masters) == 1)
        assert entry["source"] == "static" and entry["id"] == "a" * 64 and entry["state"] == "connected", entry
        assert not channel.is_closed(0.2) and worker_host.worker.is_quiet(2)


@claim
def several_masters(folder):
    """Each master on the LAN is served, and one that leaves does not disturb the other"""
    with lan(folder, 2) as ([first, second], worker_host):
        publish(first, "a")
        other = publish(second, "b")
        worker_host.start()
        channels = {}
        for _ in range(2):
            channel = worker_host.worker.accept()
            greeting = channel.session.recv(100).decode()
            channel.report("joined", {"h1": "a", "h2": "b"}[greeting])
            channels[greeting] = channel
        assert sorted(channels) == ["h1", "h2"]
        worker_host.wait_masters(lambda masters: [one["state"] for one in masters] == ["connected"] * 2)
        other.stop()
        channels["h2"].report("done", reason="it stops")
        channels["h2"].close()
        worker_host.wait_masters(lambda masters: {one["id"][0]: one["state"] for one in masters}["b"] != "connected")
        assert not channels["h1"].is_closed(0.5)


@claim
def link_local(folder):
    """IPv6 link-local addresses are enough"""
    with lan(folder, network=None, ipv4="no") as ([master_host], worker_host):
        publish(master_host)
        worker_host.start()
        channel = worker_host.join()
        assert channel.text.startswith("[fe80::") and "%eth0]" in channel.text, channel.text


@claim
def record_that_lies(folder):
    """A record whose id is not that of the master it leads to brings one session, with its real id, and no storm"""
    with lan(folder) as ([master_host], worker_host):
        publish(master_host, "a")
        worker_host.start()
        channel = worker_host.join("e")
        # Each of the record's addresses may be tried once.
        for _ in range(5):
            try:
                assert worker_host.join("e", seconds=4).is_closed(5)
            except TimeoutError:
                break
        else:
            raise AssertionError("tried again and again")
        masters = worker_host.wait_masters(lambda masters: len(masters) == 2)
        entries = {one["id"][0]: one for one in masters}
        assert entries["e"]["state"] == "connected", masters
        assert entries["a"]["state"] == "backing off" and "another master" in entries["a"]["reason"], masters
        assert not channel.is_closed()


@claim
def sleeps_beside_an_idle_master(folder):
    """With a master that wants nothing it sleeps, and is small, also after a session"""
    with lan(folder) as ([master_host], worker_host):
        master = publish(master_host)
        worker_host.start()
        channel = worker_host.join()
        master.tell("idle")
        time.sleep(2)
        channel.report("done", reason="no work")
        channel.close()
        worker_host.wait_masters(lambda masters: masters[0]["state"] == "waiting")
        time.sleep(3)
        size, before = measure(worker_host.scout.process.pid)
        time.sleep(30)
        n_wakeups = measure(worker_host.scout.process.pid)[1] - before
        print(f"# {size >> 10} kB resident, {n_wakeups} wake-ups in 30 s")
        assert n_wakeups == 0, n_wakeups
        need_no_sanitizer()
        assert size < RSS_MAX, size


if __name__ == "__main__":
    run()
