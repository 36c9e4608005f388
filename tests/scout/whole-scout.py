#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primed-scout as a whole, without Avahi: masters on loopback, a played worker, a bus of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "host"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import SOURCE, claim, need_no_sanitizer, patience, run, wait_until  # pylint: disable=wrong-import-position
from stage import RSS_MAX, SCOUT, Master, Stage, Worker  # pylint: disable=wrong-import-position


def check_conversation(channel, connection):
    """Bytes flow in both directions between the worker and the master, and nothing was there before."""
    connection.send(b"hello worker")
    channel.session.settimeout(10)
    assert channel.session.recv(100) == b"hello worker"
    channel.session.send(b"hello master")
    assert connection.recv(100) == b"hello master"


def hand_over(folder, host, name=None):
    """One master at `host`, named in the config, is served."""
    with Stage(folder) as stage:
        master = Master(host)
        stage.write(f"{name}:{master.port}" if name else master)
        stage.start()
        channel = stage.join()
        check_conversation(channel, master.accept())
        status = stage.wait_state("working")
        assert (status["allowed_threads"], status["applied_threads"]) == (4, 2), status
        assert status["avahi"] == "off" and status["config_error"] == ""
        [entry] = stage.masters()
        assert entry["state"] == "connected" and entry["id"] == "a" * 64 and entry["name"] == "host-a", entry
        assert entry["source"] == "static" and entry["address"] == master.text == channel.text, entry
        assert abs(entry["since_usec"] / 1e6 - time.time()) < 60 and entry["next_try_usec"] == 0
        stage.wait_status_text("Serving 'host-a' with 2 of 4 threads")
        assert stage.worker.is_quiet(1)
        return channel


@claim
def hands_over(folder):
    """A connected descriptor reaches the worker, and works"""
    channel = hand_over(folder, "127.0.0.1")
    session = channel.session
    assert session.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    assert session.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
    assert 0 < session.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60000


@claim
def hands_over_ipv6(folder):
    """The same over IPv6"""
    hand_over(folder, "::1")


@claim
def hands_over_name(folder):
    """The same with a name that has to be resolved"""
    hand_over(folder, "127.0.0.1", "localhost")


@claim
def tells_changes(folder):
    """What the worker reports is shown: threads, note, pause"""
    with Stage(folder) as stage:
        stage.write(Master(), extra='name = "attic"; cores = 3; cpu_quota = "250%"; '
                                    'cpu_weight = "idle"; memory = "1G";')
        stage.start()
        channel = stage.join()
        stage.wait_state("working")
        channel.report("state", threads_applied=0, note="on battery")
        status = stage.wait_state("paused")
        assert status["note"] == "on battery" and status["applied_threads"] == 0
        assert status["name"] == "attic"
        assert (status["asked_cores"], status["asked_cpu_quota"], status["asked_cpu_weight"], status["asked_memory"],
                status["asked_allowed_cpus"]) == (3, 250, "idle", str(1 << 30), ""), status
        stage.wait_status_text("Pausing for 'host-a': on battery")
        channel.connection.send(b"not a report")
        channel.report("state", threads_applied=4, threads_asked=1)
        stage.wait_state("working")
        [entry] = stage.masters()
        assert (entry["threads_asked"], entry["threads_allowed"], entry["threads_applied"]) == (1, 4, 4)


@claim
def one_session_per_master(folder):
    """Two ways to one master are one session, the older; two masters are two"""
    with Stage(folder) as stage:
        master, other = Master(), Master("127.0.0.2")
        stage.write(master, f"localhost:{master.port}", other)
        stage.start()
        channels = {}
        for _ in range(3):
            channel = stage.worker.accept()
            channels.setdefault(channel.text, []).append(channel)
        [other_channel] = channels[other.text]
        first, second = channels[master.text]
        first.report("joined", "a")
        other_channel.report("joined", "b")
        wait_until(lambda: len([one for one in stage.masters() if one["state"] == "connected"]) == 2)
        second.report("joined", "a")
        assert second.is_closed(5)
        assert not first.is_closed(0.5) and not other_channel.is_closed()
        assert sorted(one["id"][0] for one in stage.masters()) == ["a", "b"]
        stage.wait_status_text("Serving 'host-")
        assert stage.worker.is_quiet(2)

        # When it ends, one new call comes, not two.
        first.report("lost", "a", reason="broken")
        first.close()
        again = stage.join("a")
        assert stage.worker.is_quiet(2)
        assert not again.is_closed()


@claim
def comes_back_when_lost(folder):
    """A broken session is replaced after about a second, and more slowly the next times"""
    with Stage(folder) as stage:
        stage.write(Master())
        stage.start()
        pauses = []
        for _ in range(4):
            channel = stage.worker.accept()
            pauses.append(time.monotonic())
            channel.report("lost", reason="Connection reset by peer")
            channel.close()
        [entry] = wait_until(lambda: [one for one in stage.masters() if one["state"] == "backing off"])
        assert entry["reason"] == "Connection reset by peer" and entry["next_try_usec"] / 1e6 > time.time(), entry
        pauses = [after - before for before, after in zip(pauses, pauses[1:])]
        assert 0.5 < pauses[0] < 4 and pauses[0] < pauses[1] < pauses[2] < 12, pauses


@claim
def asks_again_after_the_end(folder):
    """After BYE from a master that may only restart, one call comes within a second or two, and then none for long"""
    with Stage(folder) as stage:
        stage.write(Master())
        stage.start()
        channel = stage.join()
        time.sleep(10.5)
        channel.report("done", reason="the master stops")
        channel.close()
        channel = stage.join(seconds=5)
        channel.report("done", reason="no work")
        channel.close()
        status = stage.wait_state("idle")
        assert status["applied_threads"] == 0
        [entry] = stage.masters()
        assert entry["state"] == "waiting" and entry["reason"] == "no work", entry
        assert 180 < entry["next_try_usec"] / 1e6 - time.time() < 420, entry
        stage.wait_status_text("'host-a' wants no workers now")
        assert stage.worker.is_quiet(3)


@claim
def respects_refusal(folder):
    """A master that refuses is left alone for ten minutes"""
    with Stage(folder) as stage:
        stage.write(Master())
        stage.start()
        channel = stage.worker.accept()
        channel.report("refused", reason="this worker is banned")
        channel.close()
        stage.wait_status_text("'127.0.0.1' refuses this worker: this worker is banned")
        [entry] = stage.masters()
        assert entry["state"] == "refused" and entry["reason"] == "this worker is banned", entry
        assert entry["next_try_usec"] / 1e6 - time.time() > 570, entry
        assert stage.worker.is_quiet(3)


@claim
def tells_why_unreachable(folder):
    """A master that cannot be reached is named with the cause, and found when it is there"""
    with Stage(folder) as stage:
        master = Master()
        master.close()
        stage.write(master, "no-such-host.invalid")
        stage.start()
        wait_until(lambda: all(one["state"] == "backing off" for one in stage.masters()))
        reasons = {one["name"]: one["reason"] for one in stage.masters()}
        assert reasons["127.0.0.1"] == f"{master.text}: Connection refused", reasons
        assert reasons["no-such-host.invalid"].startswith("no-such-host.invalid: "), reasons
        stage.wait_status_text("2 masters, none can be joined")
        assert stage.log.count("Cannot reach '127.0.0.1'") == 1, stage.log
        stage.wait_state("alone")
        again = Master(port=master.port)
        channel = stage.join(seconds=15)
        check_conversation(channel, again.accept())


@claim
def survives_crashes(folder):
    """A worker that crashes at each call is called less and less often, and again when it is mended"""
    with Stage(folder) as stage:
        stage.write(Master())
        stage.start()
        n_calls = stage.worker.crash_for(10)
        assert 2 <= n_calls <= 5, n_calls
        status = stage.wait_state("stuck")
        assert "without a word" in status["note"], status
        stage.wait_status_text("Stuck: the worker ended without a word")
        assert stage.log.count("cannot be used") == 1, stage.log
        channel = stage.join(seconds=30)
        stage.wait_state("working")
        assert "takes connections again" in stage.log
        assert not channel.is_closed()


@claim
def crashes_of_two_masters(folder):
    """With several masters a crashing worker is not called more often"""
    with Stage(folder) as stage:
        stage.write(*(Master() for _ in range(6)))
        stage.start()
        # The first calls may be under way together.
        assert stage.worker.crash_for(4) <= 12
        assert stage.worker.crash_for(10) <= 20
        stage.wait_state("stuck")


@claim
def waits_for_the_socket(folder):
    """Without the worker's socket it says so, connects to nobody, and goes on when the socket is there"""
    with Stage(folder, worker=False) as stage:
        master = Master()
        stage.write(master)
        stage.start()
        stage.wait_status_text(f"Stuck: there is no socket {stage.socket_path}: "
                                "'systemctl start primed-worker.socket' makes it")
        assert stage.wait_state("stuck")["note"].startswith("there is no socket")
        master.listener.settimeout(1)
        try:
            master.listener.accept()
            raise AssertionError("connected without a worker")
        except TimeoutError:
            pass
        time.sleep(4)
        stage.worker = Worker(stage.socket_path)
        stage.join(seconds=3)
        stage.wait_state("working")


@claim
def socket_without_listener(folder):
    """A socket at which nobody listens is no reason to hurry"""
    with Stage(folder) as stage:
        stage.worker.listener.close()
        stage.write(Master())
        stage.start()
        stage.wait_status_text("nobody listens")
        before = stage.measure()[1]
        time.sleep(5)
        assert stage.measure()[1] - before < 60


@claim
def follows_the_config(folder):
    """Saving worker.conf adds and removes masters; other sessions stay"""
    with Stage(folder) as stage:
        first, second, third = Master(), Master("127.0.0.2"), Master("127.0.0.3")
        stage.write(first)
        stage.start()
        a = stage.join("a")
        stage.write(first, second)
        b = stage.join("b", seconds=5)
        assert b.text == second.text

        # Written in place, and removed.
        with open(stage.config, "w", encoding="utf-8") as file:
            file.write(f'discover = false;\nmasters = ( "{second.text}" );\n')
        assert a.is_closed(5) and not b.is_closed(0.5)
        wait_until(lambda: len(stage.masters()) == 1)

        # A drop-in folder that was not there; it replaces the list.
        drop_ins = stage.config + ".d"
        os.mkdir(drop_ins)
        with open(os.path.join(drop_ins, "50-more.conf"), "w", encoding="utf-8") as file:
            file.write(f'masters = ( "{second.text}", "{third.text}" );\n')
        c = stage.join("c", seconds=5)
        assert c.text == third.text and not b.is_closed()
        os.unlink(os.path.join(drop_ins, "50-more.conf"))
        os.rmdir(drop_ins)
        assert c.is_closed(5) and not b.is_closed(0.5)

        # And all of it gone.
        os.unlink(stage.config)
        assert b.is_closed(5)
        stage.wait_status_text("Looking for masters")


@claim
def broken_config_keeps_the_last(folder):
    """A broken config changes nothing and is shown, until it is mended"""
    with Stage(folder) as stage:
        master = Master()
        stage.write(master)
        stage.start()
        channel = stage.join()
        stage.write(master, extra="coers = 2;")
        status = wait_until(lambda: (answer := stage.bus.call("GetStatus"))["config_error"] and answer)
        assert status["config_error"].startswith(f"{stage.config}:3: "), status
        assert status["state"] == "working" and not channel.is_closed(0.5)
        assert stage.config + ":3: " in stage.log
        stage.wait_status_text("the config is broken")
        stage.write(master, extra="cores = 2;")
        status = wait_until(lambda: (answer := stage.bus.call("GetStatus"))["config_error"] == "" and answer)
        assert status["asked_cores"] == 2 and not channel.is_closed(0.5)
        assert "broken" not in wait_until(lambda: "broken" not in stage.status_text() and stage.status_text())


@claim
def broken_config_from_the_start(folder):
    """With a config that never was right nobody is rung; mended, it is"""
    with Stage(folder) as stage:
        master = Master()
        stage.write(master, extra="cores = ;")
        stage.start()
        stage.wait_status_text(f"Stuck: {stage.config}:3: ")
        assert stage.wait_state("stuck")["config_error"].startswith(f"{stage.config}:3: ")
        assert stage.worker.is_quiet(1)
        stage.write(master)
        stage.join(seconds=5)


@claim
def shows_the_limits_error(folder):
    """What primed-limits complains about is shown too"""
    with Stage(folder) as stage:
        stage.write(Master())
        with open(stage.limits_path, "w", encoding="utf-8") as file:
            file.write('{"set": [], "error": "/etc/primed/worker.conf:7: no cpuset here", "text": {}}')
        stage.start()
        stage.join()
        assert stage.wait_state("working")["config_error"] == "/etc/primed/worker.conf:7: no cpuset here"
        with open(stage.limits_path + ".new", "w", encoding="utf-8") as file:
            file.write('{"set": [], "error": "", "text": {}}')
        os.rename(stage.limits_path + ".new", stage.limits_path)
        wait_until(lambda: stage.bus.call("GetStatus")["config_error"] == "")


@claim
def stops_at_once(folder):
    """SIGTERM ends it at once, in the middle of anything, and the sessions with it"""
    with Stage(folder) as stage:
        silent = Master()
        silent.listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((silent.host, silent.port))
        stage.write(Master("127.0.0.2"), silent, "localhost")
        stage.start()
        channel = stage.join()
        stage.wait_state("working")
        status, seconds = stage.terminate()
        assert status == 0 and seconds < 3, (status, seconds)
        assert channel.is_closed(1)
        assert any("STOPPING" in one for one in stage.notifications)


@claim
def reloads(folder):
    """SIGHUP reads the config again and tells systemd when it begins and ends"""
    with Stage(folder) as stage:
        stage.write(Master())
        stage.start()
        channel = stage.join()
        wait_until(lambda: "Serving" in (stage.status_text() or ""))
        n = len(stage.notifications)
        stage.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("RELOADING" in one for one in stage.notifications[n:]))
        wait_until(lambda: any("READY" in one for one in stage.notifications[n:]))
        begun = next(one for one in stage.notifications[n:] if "RELOADING" in one)
        assert abs(int(begun["MONOTONIC_USEC"]) / 1e6 - time.monotonic()) < 30
        assert not channel.is_closed(0.5)


@claim
def lives_without_a_bus(folder):
    """Without a system bus static masters are served; the bus may come, go, and come again"""
    with Stage(folder, bus=False) as stage:
        stage.write(Master())
        stage.start()
        channel = stage.join()
        stage.wait_status_text("Serving")
        for _ in range(2):
            stage.bus.start()
            stage.wait_state("working", 20)
            stage.bus.stop()
        assert not channel.is_closed(0.5)
        stage.bus.start()
        stage.wait_state("working", 20)
        assert stage.process.poll() is None


@claim
def is_introspectable(folder):
    """The bus shows the interface, its properties, and their changes"""
    with Stage(folder) as stage:
        stage.write(Master())
        stage.start()
        wait_until(lambda: stage.bus.call("GetStatus"))
        address = f"--address=unix:path={stage.bus.path}"
        words = ["busctl", address, "introspect", "org.primed.Worker1", "/org/primed/Worker1", "org.primed.Worker1"]
        output = subprocess.run(words, capture_output=True, text=True, check=True, timeout=patience(30)).stdout
        for member in (".GetStatus", ".ListMasters", ".Version", ".State"):
            assert member in output, output
        monitor = subprocess.Popen(["busctl", address, "--json=short", "monitor", "org.primed.Worker1"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            time.sleep(1)
            stage.join()
            while "PropertiesChanged" not in (line := monitor.stdout.readline()):
                assert line
            assert '"State"' in line and '"working"' in line, line
        finally:
            monitor.kill()
            monitor.wait()


@claim
def sleeps(folder):
    """Without work it is small and wakes up less than once a minute"""
    with Stage(folder) as stage:
        stage.write(discover=True)
        stage.start()
        stage.wait_state("alone")
        time.sleep(1)
        size, before = stage.measure()
        time.sleep(30)
        n_wakeups = stage.measure()[1] - before
        print(f"# {size >> 10} kB resident, {n_wakeups} wake-ups in 30 s")
        assert n_wakeups == 0, n_wakeups
        need_no_sanitizer()
        assert size < RSS_MAX, size


@claim
def stays_small(folder):
    """After a hundred reloads, each with another name to resolve, it has not grown"""
    with Stage(folder) as stage:
        master = Master()
        stage.write(master, "no-such-host.invalid")
        stage.start()
        stage.worker.accept().close()
        sizes = []
        for number in range(120):
            stage.write(master, f"no-such-host-{number}.invalid", extra=f'name = "{"x" * (number % 60 + 1)}";')
            stage.process.send_signal(signal.SIGHUP)
            stage.bus.call("ListMasters")
            if number % 40 == 39:
                sizes.append(stage.measure()[0])
        n_descriptors = len(os.listdir(f"/proc/{stage.process.pid}/fd"))
        print(f"# {[size >> 10 for size in sizes]} kB, {n_descriptors} descriptors")
        assert n_descriptors < 40
        need_no_sanitizer()
        assert sizes[-1] - sizes[0] < 512 << 10, sizes


@claim
def usage(folder):
    """--help and --version succeed, mistakes get one line and status 2"""
    def scout(*arguments):
        return subprocess.run([SCOUT, *arguments], capture_output=True, text=True, check=False, timeout=patience(20))

    done = scout("--help")
    assert done.returncode == 0 and "--worker-socket=PATH" in done.stdout and not done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    with open(os.path.join(SOURCE, "man", "primed-scout.8.scd"), encoding="utf-8") as file:
        assert set(re.findall(r"--[a-z-]+", done.stdout)) == set(re.findall(r"--[a-z-]+", file.read()))
    done = scout("--version")
    assert done.returncode == 0 and done.stdout.startswith("primed-scout ")
    for arguments in (["--nonsense"], ["word"], ["--config"], ["--worker-socket=" + "x" * 200]):
        done = scout(*arguments)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done


if __name__ == "__main__":
    run()
