#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primectl join against a real master on loopback: the connection, the worker and the master break in turn."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import tempfile
import time

import harness
from harness import PRIMECTL, children, claim, kill, patience, wait_until
from relay import Relay


class Joined:
    """primectl join in the background; its output is collected."""

    def __init__(self, *arguments, **options):
        self.file = tempfile.TemporaryFile("r+b")
        self.process = subprocess.Popen([PRIMECTL, "join", *arguments], stdin=subprocess.DEVNULL, stdout=self.file,
                                        stderr=subprocess.STDOUT, **options)
        self.output = ""

    def read(self):
        """All that was said so far."""
        self.output = os.pread(self.file.fileno(), 1 << 20, 0).decode()
        return self.output

    def wait_for(self, text, times=1, seconds=20):
        """Until it was said that often."""
        try:
            wait_until(lambda: self.read().count(text) >= times, seconds, 0.02)
        except AssertionError:
            raise AssertionError(f"never said {text!r}:\n{self.output}") from None

    def workers(self):
        """Its children that compute."""
        return [pid for pid, name in children(self.process.pid).items() if name == "primed-worker"]

    def end(self, seconds=30):
        """The exit status, when it ends by itself."""
        status = self.process.wait(seconds)
        self.read()
        return status

    def stop(self):
        """Ctrl-C, and the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.end()


def closed_port():
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@claim
def joins_and_leaves(folder):
    """a worker joins over TCP, blocks arrive, Ctrl-C hands back and ends with 0"""
    relay = Relay(os.path.join(folder, "store"), 0, 10**13)
    try:
        joined = Joined(f"127.0.0.1:{relay.port}", "--threads", "1", "--name", "tester")
        joined.wait_for("Joined ")
        joined.wait_for("Computing with 1 of ")
        wait_until(lambda: relay.blocks > 3)
        (worker,) = joined.workers()
        assert joined.stop() == 0, joined.output
        assert joined.output.endswith("Leaving …\n"), joined.output
        assert not os.path.exists(f"/proc/{worker}"), "the worker stayed"
        wait_until(lambda: relay.report["workers"] == 0)
    finally:
        relay.close()


@claim
def joins_over_ipv6(folder):
    """an IPv6 address in brackets is taken"""
    try:
        relay = Relay(os.path.join(folder, "store"), 0, 10**13, socket.AF_INET6)
    except OSError as error:
        raise harness.Skip(f"no IPv6 here: {error}") from None
    try:
        joined = Joined(f"[::1]:{relay.port}", "--threads", "1")
        joined.wait_for("Joined ")
        assert joined.stop() == 0
    finally:
        relay.close()


@claim
def survives_dead_workers(folder):
    """a worker that dies is started again and joins again"""
    relay = Relay(os.path.join(folder, "store"), 0, 10**13)
    try:
        joined = Joined(f"127.0.0.1:{relay.port}", "--threads", "1")
        for deaths in range(1, 3):
            joined.wait_for("Computing with ", deaths)
            (worker,) = joined.workers()
            kill(worker)
            joined.wait_for("The worker ended (signal 9, Killed); starting it again in ", deaths)
        joined.wait_for("Joined ", 3)
        before = relay.blocks
        wait_until(lambda: relay.blocks > before)
        assert joined.stop() == 0
    finally:
        relay.close()


@claim
def survives_dead_masters(folder):
    """a master that dies is waited for, and keeps every block that it had"""
    relay = Relay(os.path.join(folder, "store"), 0, 10**13)
    try:
        joined = Joined(f"127.0.0.1:{relay.port}", "--threads", "1")
        joined.wait_for("Joined ")
        wait_until(lambda: relay.blocks > 5)
        relay.hang_up()
        relay.kill_master()
        before = relay.blocks
        joined.wait_for(" broke (")
        joined.wait_for("cannot be reached (")
        (worker,) = joined.workers()
        relay.listener = socket.create_server(("127.0.0.1", relay.port))
        relay.start_master()
        relay.listen()
        joined.wait_for("Joined ", 2, 40)
        wait_until(lambda: relay.blocks > before)
        assert joined.workers() == [worker], "the worker was not kept"
        assert joined.stop() == 0
    finally:
        relay.close()


@claim
def waits_without_work(folder):
    """a master that has no work is asked again later, and that is said"""
    relay = Relay(os.path.join(folder, "store"), 0, 10**6)
    try:
        joined = Joined(f"127.0.0.1:{relay.port}", "--threads", "1")
        joined.wait_for("has let this worker go (the job is finished); asking again in ")
        joined.wait_for("connecting again in ")  # the master of one job is gone by then
        assert joined.process.poll() is None
        assert joined.stop() == 0
    finally:
        relay.close()


@claim
def second_signal_kills(folder):
    """a second Ctrl-C does not wait for a worker that hangs"""
    relay = Relay(os.path.join(folder, "store"), 0, 10**13)
    try:
        joined = Joined(f"127.0.0.1:{relay.port}", "--threads", "1")
        joined.wait_for("Joined ")
        (worker,) = joined.workers()
        os.kill(worker, signal.SIGSTOP)
        joined.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert joined.process.poll() is None, "it did not wait for the worker"
        joined.process.send_signal(signal.SIGINT)
        assert joined.end(5) == 130, joined.output
        assert not os.path.exists(f"/proc/{worker}"), "the worker stayed"
    finally:
        relay.close()


@claim
def says_what_is_wrong(folder):
    """a wrong name, port or word ends at once with one sentence"""
    port = closed_port()
    for word, status, sentence in [
            ("nosuchhost.invalid", 1, r"Cannot connect: nosuchhost\.invalid: .+\.$"),
            (f"127.0.0.1:{port}", 1, rf"Cannot connect: 127\.0\.0\.1:{port}: Connection refused\. Is primed-master "),
            (f"localhost:{port}", 1, rf"Cannot connect to localhost: .+:{port}: Connection refused\. Is "),
            ("[fe80::1%nosuchlink]", 1, r"Cannot connect: fe80::1%nosuchlink: No such device\.$"),
            ("fe80::1", 2, r"'fe80::1' is not an address\. Put IPv6 in brackets"),
            ("host:port", 2, r"'host:port' has no port that is a number"),
            ("", 2, r"''"),
    ]:
        joined = Joined(word)
        assert joined.end() == status, (word, joined.output)
        assert len(joined.output.splitlines()) == 1 and re.search(sentence, joined.output), (word, joined.output)
    joined = Joined()
    assert joined.end() == 2 and "Which master?" in joined.output, joined.output


@claim
def other_services_are_no_masters(folder):
    """a port on which something else speaks, or which only hangs up, is given up soon"""
    for greeting, tries, sentence in [(b"220 mail.example ESMTP\r\n", 1, "Cannot join 127.0.0.1: "),
                                      (b"", 3, "but no master speaks there")]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            joined = Joined(f"127.0.0.1:{server.getsockname()[1]}", "--threads", "1")
            n_accepted = 0
            while joined.process.poll() is None:
                if select.select([server], [], [], 0.2)[0]:
                    connection, _ = server.accept()
                    connection.sendall(greeting)
                    connection.close()
                    n_accepted += 1
            assert joined.end() == 1 and n_accepted == tries, (n_accepted, joined.output)
            assert sentence in joined.output, joined.output


@claim
def shows_a_live_line(folder):
    """on a terminal one line tells what goes on"""
    relay = Relay(os.path.join(folder, "store"), 0, 10**13)
    screen, terminal = pty.openpty()
    try:
        process = subprocess.Popen([PRIMECTL, "join", f"127.0.0.1:{relay.port}", "--threads", "1"],
                                   stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal)
        os.close(terminal)
        output = b""
        end = time.monotonic() + patience(20)
        while b"with 1 thread, for 2" not in output and time.monotonic() < end:
            if select.select([screen], [], [], 0.2)[0]:
                output += os.read(screen, 65536)
        assert re.search(rb"\r\x1b\[KWorking for \S+ with 1 thread, for 2", output), output
        process.send_signal(signal.SIGINT)
        assert process.wait(patience(20)) == 0
    finally:
        os.close(screen)
        relay.close()


harness.run()
