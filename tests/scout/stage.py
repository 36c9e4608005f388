# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the whole scout share: played masters, a played worker, a bus, and what systemd would be told."""

import array
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import BUILD, Skip, patience, wait_end, wait_for_socket, wait_until

SCOUT = os.path.join(BUILD, "src", "scout", "primed-scout")
RSS_MAX = 4 << 20  # bytes

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""


def measure(pid):
    """Resident bytes of a process, and how often it woke up so far."""
    fields = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            key, _, value = line.partition(":")
            fields[key] = value.split()
    return int(fields["VmRSS"][0]) * 1024, int(fields["voluntary_ctxt_switches"][0])


class Bus:
    """A dbus-daemon of the test's own, to be started, stopped, and started again."""

    def __init__(self, folder):
        if not shutil.which("dbus-daemon") or not shutil.which("busctl"):
            raise Skip("needs dbus-daemon and busctl")
        self.path = os.path.join(folder, "bus")
        self.config = os.path.join(folder, "bus.conf")
        self.process = None
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(BUS_CONFIG.format(path=self.path))

    def start(self):
        """Starts the daemon; returns when it listens."""
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile"],
                                        stdin=subprocess.DEVNULL)
        wait_for_socket(self.path)

    def stop(self):
        """Ends it, if it runs."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def call(self, method):
        """Calls org.primed.Worker1; the answer with its variants opened, None when nobody answers."""
        done = subprocess.run(["busctl", f"--address=unix:path={self.path}", "--json=short", "--auto-start=no",
                               "--timeout=10", "call", "org.primed.Worker1", "/org/primed/Worker1",
                               "org.primed.Worker1", method], capture_output=True, text=True, check=False,
                              timeout=patience(60))
        if done.returncode != 0:
            return None
        value = json.loads(done.stdout)["data"][0]
        if isinstance(value, list):
            return [{key: entry["data"] for key, entry in one.items()} for one in value]
        return {key: entry["data"] for key, entry in value.items()}


class Master:
    """Listens, until it is told to close."""

    everybody = []  # none may be collected, and so closed, before its test is over

    def __init__(self, host="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.listener.bind((host, port))
        except OSError as error:
            raise Skip(f"no address {host} here") from error
        self.listener.listen(16)
        self.everybody.append(self)
        self.host, self.port = host, self.listener.getsockname()[1]
        self.text = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def accept(self, seconds=10):
        """The next connection."""
        self.listener.settimeout(seconds)
        connection, _ = self.listener.accept()
        connection.settimeout(10)
        return connection

    def close(self):
        self.listener.close()


class Channel:
    """One handover, on the worker's side."""

    def __init__(self, connection):
        self.connection = connection
        self.connection.settimeout(10)
        text, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        numbers = array.array("i")
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers.frombytes(data[:4])
        self.text = text.rstrip(b"\0").decode()
        self.session = socket.socket(fileno=numbers[0]) if numbers else None
        if self.session:
            self.session.settimeout(10)

    def report(self, event, digit="a", **fields):
        """Tells the scout something of the session with the master whose id is 64 times `digit`."""
        report = {"event": event, "master_id": digit * 64, "master_name": f"host-{digit}", "reason": "",
                  "threads_asked": 0, "threads_allowed": 4, "threads_applied": 2, "note": "", **fields}
        self.connection.send(json.dumps(report).encode())

    def is_closed(self, seconds=0.0):
        """Whether the scout has closed it, or does so within the time."""
        self.connection.settimeout(max(seconds, 0.001))
        try:
            return self.connection.recv(1) == b""
        except (TimeoutError, BlockingIOError):
            return False
        except ConnectionResetError:
            return True

    def close(self):
        """Lets the session go."""
        if self.session:
            self.session.close()
        self.connection.close()


class Worker:
    """primed-worker.socket and what stands behind it."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(64)

    def accept(self, seconds=10):
        """The next handover."""
        self.listener.settimeout(seconds)
        connection, _ = self.listener.accept()
        return Channel(connection)

    def is_quiet(self, seconds):
        """Whether nobody calls for so long."""
        self.listener.settimeout(seconds)
        try:
            connection, _ = self.listener.accept()
        except TimeoutError:
            return True
        connection.close()
        return False

    def crash_for(self, seconds):
        """Ends each call without a word, and returns how many there were."""
        end, n_calls = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            self.listener.settimeout(left)
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                break
            connection.close()
            n_calls += 1
        return n_calls

    def close(self):
        self.listener.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


class Stage:
    """A host with a scout. `with Stage(folder) as stage: stage.start()`."""

    def __init__(self, folder, bus=True, worker=True):
        self.folder = folder
        os.makedirs(os.path.join(folder, "etc"), exist_ok=True)
        os.makedirs(os.path.join(folder, "run"), exist_ok=True)
        self.config = os.path.join(folder, "etc", "worker.conf")
        self.socket_path = os.path.join(folder, "run", "worker.sock")
        self.limits_path = os.path.join(folder, "run", "limits")
        self.bus = Bus(folder)
        if bus:
            self.bus.start()
        self.worker = Worker(self.socket_path) if worker else None
        self.process, self.log, self.notifications, self.channels = None, "", [], []
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(folder, "notify"))
        threading.Thread(target=self._collect_notifications, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
            self._reader.join()
            for line in self.log.splitlines():
                print("# " + line)
        self.bus.stop()
        self.notify.shutdown(socket.SHUT_RDWR)
        if self.worker:
            self.worker.close()
        for master in Master.everybody:
            master.close()
        Master.everybody.clear()

    def _collect_notifications(self):
        while True:
            try:
                text = self.notify.recv(4096).decode()
            except OSError:
                return
            if not text:
                return
            self.notifications.append(dict(line.partition("=")[::2] for line in text.splitlines()))

    def _collect_log(self):
        for line in self.process.stderr:
            self.log += line

    def write(self, *masters, extra="", discover=False):
        """A new worker.conf, renamed over the old one as editors do it."""
        names = ", ".join(f'"{master.text if isinstance(master, Master) else master}"' for master in masters)
        with open(self.config + ".new", "w", encoding="utf-8") as file:
            file.write(f"discover = {str(discover).lower()};\nmasters = ( {names} );\n{extra}\n")
        os.rename(self.config + ".new", self.config)

    def start(self, *options):
        """Starts the scout; returns when it says that it is ready."""
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.bus.path}",
                       "NOTIFY_SOCKET": os.path.join(self.folder, "notify")}
        environment.pop("JOURNAL_STREAM", None)
        self.process = subprocess.Popen([SCOUT, f"--config={self.config}", f"--worker-socket={self.socket_path}",
                                         *options], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True)
        self._reader = threading.Thread(target=self._collect_log)
        self._reader.start()
        wait_until(lambda: any("READY" in one for one in self.notifications))

    def status_text(self):
        """The last STATUS= that systemd was told."""
        return next((one["STATUS"] for one in reversed(self.notifications) if "STATUS" in one), None)

    def wait_status_text(self, part, seconds=15):
        """Waits until STATUS= has the part; returns all of it."""
        try:
            return wait_until(lambda: part in (self.status_text() or "") and self.status_text(), seconds, 0.02)
        except AssertionError as error:
            raise AssertionError(f"no '{part}' in '{self.status_text()}'") from error

    def wait_state(self, state, seconds=15):
        """Waits until GetStatus tells this state; returns the whole answer."""
        answer = None
        end = wait_end(seconds)
        while time.monotonic() < end:
            answer = self.bus.call("GetStatus")
            if answer and answer["state"] == state:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"not {state}: {answer}")

    def masters(self):
        """ListMasters."""
        return wait_until(lambda: (answer := self.bus.call("ListMasters")) is not None and [answer])[0]

    def join(self, digit="a", seconds=10, **fields):
        """The worker takes the next call and says that it joined the master."""
        channel = self.worker.accept(seconds)
        self.channels.append(channel)  # or it would be closed as soon as nobody speaks of it
        channel.report("joined", digit, **fields)
        return channel

    def terminate(self):
        """SIGTERM; returns the exit status and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience(10)), time.monotonic() - began

    def measure(self):
        """measure() of the scout."""
        return measure(self.process.pid)
