# SPDX-License-Identifier: LGPL-2.1-or-later
"""primed-master as a service, without systemd: what systemd would give it, and what it tells systemd; a bus of its own;
workers that are handed connections."""

import array
import functools
import json
import os
import shutil
import signal
import socket
import subprocess

from harness import BUILD, Skip, patience, wait_for_socket, wait_until

MASTER = os.path.join(BUILD, "src", "master", "primed-master")
WORKER = os.path.join(BUILD, "src", "worker", "primed-worker")

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow eavesdrop="true"/>
  </policy>
</busconfig>
"""

CHANGES = ("AddJob", "PauseJob", "ResumeJob", "CancelJob", "RotateStore", "VacuumStore")


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Skip(f"needs {tool}")


@functools.lru_cache(maxsize=None)
def root_prefix():
    """The command before a dbus-daemon's that makes it take our user for root: the daemon tells the master who calls,
    and in a user namespace that maps this user to root, this user is root. None where users cannot make one."""
    if os.geteuid() == 0:
        return []
    prefix = ["unshare", "--map-root-user"]
    if not shutil.which("unshare"):
        return None
    probe = subprocess.run([*prefix, "true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return prefix if probe.returncode == 0 else None


class Bus:
    """A dbus-daemon of the test's own. Our user may change jobs on it, whoever that is, unless as_root is False."""

    def __init__(self, folder, as_root=True):
        need("dbus-daemon", "busctl")
        self.as_root = as_root
        self.path = os.path.join(folder, "bus")
        self.config = os.path.join(folder, "bus.conf")
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.path}"}
        self.process = None
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(BUS_CONFIG.format(path=self.path))
        os.chmod(folder, 0o755)

    def offer(self, name, program):
        """Before the start: the daemon runs the program for whoever calls the name."""
        folder = self.path + "-services"
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name + ".service"), "w", encoding="utf-8") as file:
            file.write(f"[D-BUS Service]\nName={name}\nExec={program}\n")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(BUS_CONFIG.format(path=self.path).replace(
                "  <policy", f"  <servicedir>{folder}</servicedir>\n  <policy", 1))

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        prefix = (root_prefix() if self.as_root else None) or []
        self.process = subprocess.Popen([*prefix, "dbus-daemon", f"--config-file={self.config}", "--nofork",
                                         "--nopidfile"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_socket(self.path)
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def need_root(self):
        """Before a change that root alone may make, and that shall be made."""
        if self.as_root and root_prefix() is None:
            raise Skip("only root may change jobs: run as root, or where users may make user namespaces")

    def call(self, method, *arguments, user=None):
        """Calls org.primed.Master1; the values of the answer, or raises BusError."""
        if method in CHANGES and not user:
            self.need_root()
        words = ["busctl", "--system", "--json=short", "--auto-start=no", f"--timeout={patience(60)}", "call",
                 "org.primed.Master1", "/org/primed/Master1", "org.primed.Master1", method, *arguments]
        if user:
            need("setpriv")
            words = ["setpriv", f"--reuid={user}", "--clear-groups", *words]
        done = subprocess.run(words, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, timeout=patience(90))
        if done.returncode != 0:
            raise BusError(done.stderr.strip())
        return json.loads(done.stdout)["data"] if done.stdout.strip() else None

    def property(self, name):
        done = subprocess.run(["busctl", "--system", "--json=short", "get-property", "org.primed.Master1",
                               "/org/primed/Master1", "org.primed.Master1", name],
                              env=self.environment, stdout=subprocess.PIPE, text=True, check=True, timeout=patience(60))
        return json.loads(done.stdout)["data"]

    def status(self, **options):
        return plain(self.call("GetStatus", **options)[0])

    def jobs(self, **options):
        return {job["name"]: job for job in map(plain, self.call("ListJobs", **options)[0])}

    def workers(self, **options):
        return {worker["name"]: worker for worker in map(plain, self.call("ListWorkers", **options)[0])}

    def add(self, start, end, **options):
        words = [word for key, value in options.items() for word in (key, "u", str(value))]
        return self.call("AddJob", "ssa{sv}", start, end, str(len(options)), *words)[0]

    def change(self, method, name, **options):
        return self.call(method, "s", name, **options)

    def is_there(self):
        try:
            return self.status()
        except BusError:
            return None


class BusError(Exception):
    """The sentence of an error."""


def plain(dictionary):
    """Without the types of busctl's variants."""
    return {key: value["data"] for key, value in dictionary.items()}


class Master:
    """The service. The listening socket stays open over restarts, as systemd keeps it."""

    def __init__(self, folder, bus, config=""):
        self.folder = folder
        self.state = os.path.join(folder, "state")
        self.config = os.path.join(folder, "master.conf")
        self.errors = os.path.join(folder, "errors")
        self.bus = bus
        self.process = None
        self.told = []
        os.makedirs(self.state, exist_ok=True)
        self.configure(config)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(folder, "notify"))
        self.notify.setblocking(False)

    def configure(self, text):
        """Replaces master.conf; stores are in the state folder, the LAN is not told."""
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'store = "{self.state}";\nadvertise = false;\n{text}\n')

    def launch(self, *arguments, listen=True, limit=None):
        environment = {**self.bus.environment, "NOTIFY_SOCKET": os.path.join(self.folder, "notify")}
        script = 'exec 3<&"$1"; shift; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"' if listen else 'shift; exec "$@"'
        if limit:
            script = f"ulimit -n {limit}; {script}"
        with open(self.errors, "a", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                ["bash", "-c", script, "sh", str(self.listener.fileno()), MASTER, f"--config={self.config}",
                 f"--state={self.state}", *arguments],
                env=environment, stdin=subprocess.DEVNULL, stderr=errors, pass_fds=(self.listener.fileno(),))
        return self

    def start(self, **options):
        self.told = []
        self.launch(**options)
        wait_until(lambda: self.process.poll() is not None or "READY=1" in self.hear())
        assert self.process.poll() is None, self.said()
        if self.bus.process:
            wait_until(self.bus.is_there)
        return self

    def hear(self):
        """Everything that systemd was told so far."""
        while True:
            try:
                self.told += self.notify.recv(65536).decode().splitlines()
            except BlockingIOError:
                return self.told

    def status_line(self):
        lines = [line for line in self.hear() if line.startswith("STATUS=")]
        return lines[-1][7:] if lines else ""

    def said(self):
        with open(self.errors, encoding="utf-8") as file:
            return file.read()

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=patience(60)) if self.process else None

    def reload(self):
        count = self.hear().count("READY=1")
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.hear().count("READY=1") > count)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)
        self.listener.close()
        self.notify.close()


class Worker:
    """A worker that is handed connections to masters."""

    def __init__(self, *arguments):
        self.channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen([WORKER, f"--handover={other.fileno()}", *arguments], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, pass_fds=(other.fileno(),))
        other.close()

    def join(self, port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            self.channel.sendmsg([b"m"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                           array.array("i", [connection.fileno()]))])
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
        self.process.kill()
        self.process.wait()
