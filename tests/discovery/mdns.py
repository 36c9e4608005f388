# SPDX-License-Identifier: LGPL-2.1-or-later
"""A LAN of hosts that can only do mDNS: network namespaces on a bridge, in each a private D-Bus and avahi-daemon.

No systemd, no container; up in two seconds. Needs root. Everything is gone after Lan.close(), also when the test
failed: what a host runs is in Host.processes, and the namespaces end with them.

    with mdns.Lan(folder, 2) as lan:
        lan.hosts[0].start([program, ...], ...)
"""

import os
import shutil
import signal
import subprocess
import time

from harness import patience, wait_end

NEEDS = ("ip", "avahi-daemon", "dbus-daemon", "mount")
PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  {services}
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_type="method_return"/>
    <allow send_type="error"/>
    <allow receive_type="*"/>
  </policy>
</busconfig>
"""

AVAHI_CONFIG = """[server]
host-name={name}
use-ipv4={ipv4}
use-ipv6={ipv6}
{more}
[publish]
publish-hinfo=no
publish-workstation=no
"""


def missing():
    """Why this machine cannot have such a LAN, or ""."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in NEEDS:
        if not shutil.which(tool, path=PATH):
            return f"needs {tool}"
    probe = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False,
                           env={**os.environ, "PATH": PATH})
    return "" if probe.returncode == 0 else "may not make network namespaces"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, env={**os.environ, "PATH": PATH})


class Lines:
    """A running program and the lines that it printed."""

    def __init__(self, process, path):
        self.process = process
        self.path = path

    def all(self):
        with open(self.path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()

    def wait(self, condition, seconds=10, after=0):
        """Waits for a line behind the first `after` ones for which condition() holds; returns it."""
        end = wait_end(seconds)
        while True:
            for line in self.all()[after:]:
                if condition(line):
                    return line
            if time.monotonic() > end:
                raise AssertionError(f"no such line in {seconds} s: " + repr(self.all()[after:][-20:]))
            time.sleep(0.01)

    def tell(self, line):
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()

    def stop(self):
        if self.process.stdin:
            self.process.stdin.close()
        self.process.terminate()
        self.process.wait(patience(10))


class Host:
    """One network namespace with its D-Bus and, after start_avahi(), its Avahi."""

    def __init__(self, lan, number):
        self.lan = lan
        self.number = number
        self.name = f"h{number}"
        self.namespace = f"{lan.prefix}-{number}"
        self.folder = os.path.join(lan.folder, self.name)
        self.processes = []
        self.bus = self.avahi = None
        self.count = 0
        os.mkdir(self.folder)
        self.bus_path = os.path.join(self.folder, "bus")
        self.environment = {**os.environ, "PATH": PATH, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.bus_path}"}
        ip("netns", "add", self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")

    def plug(self, bridge="br0", interface="eth0", network="10.77.0"):
        """A cable from here to a bridge of the LAN."""
        other = f"{interface}-{self.number}"
        ip("-n", self.lan.namespace, "link", "add", other, "type", "veth", "peer", "name", interface, "netns",
           self.namespace)
        ip("-n", self.lan.namespace, "link", "set", other, "master", bridge, "up")
        if network:
            ip("-n", self.namespace, "addr", "add", f"{network}.{self.number}/24", "dev", interface)
        ip("-n", self.namespace, "link", "set", interface, "up")

    def interface_index(self, interface="eth0"):
        text = subprocess.run(["ip", "-n", self.namespace, "-o", "link", "show", interface], check=True,
                              capture_output=True, text=True, env=self.environment).stdout
        return int(text.split(":")[0])

    def start(self, command, stdin=None, own_run=False, **more):
        """Starts `command` in this host."""
        self.count += 1
        path = os.path.join(self.folder, f"{os.path.basename(command[0])}-{self.count}.out")
        if own_run:  # avahi-daemon has one place for its files on a machine
            command = ["sh", "-c", 'mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && exec "$@"', "sh", *command]
        with open(path, "wb") as out:
            process = subprocess.Popen(["ip", "netns", "exec", self.namespace, *command], stdout=out,
                                       stderr=subprocess.STDOUT, stdin=stdin or subprocess.DEVNULL,
                                       env=self.environment, **more)
        self.processes.append(process)
        return Lines(process, path)

    def run(self, *command, check=True, timeout=30):
        return subprocess.run(["ip", "netns", "exec", self.namespace, *command], capture_output=True, text=True,
                              env=self.environment, check=check, timeout=timeout)

    def start_bus(self, services=""):
        config = os.path.join(self.folder, "bus.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(BUS_CONFIG.format(path=self.bus_path, services=services))
        if os.path.exists(self.bus_path):
            os.unlink(self.bus_path)
        self.bus = self.start(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"])
        end = wait_end(10)
        while not os.path.exists(self.bus_path):
            if time.monotonic() > end:
                raise AssertionError("no bus: " + repr(self.bus.all()))
            time.sleep(0.01)

    def start_avahi(self, ipv4="yes", ipv6="yes", name=None, more=""):
        config = os.path.join(self.folder, "avahi.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(AVAHI_CONFIG.format(name=name or self.name, ipv4=ipv4, ipv6=ipv6, more=more))
        self.avahi = self.start(["avahi-daemon", "-f", config, "--no-drop-root", "--no-chroot", "--no-rlimits"],
                                own_run=True)

    def stop_avahi(self, number=signal.SIGTERM):
        self.avahi.process.send_signal(number)
        self.avahi.process.wait(patience(10))

    def avahi_is_running(self):
        return "org.freedesktop.Avahi" in self.run("busctl", "--system", "--no-pager", "list").stdout

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()
        ip("netns", "delete", self.namespace)


class Lan:
    """`n_hosts` hosts on one bridge."""

    def __init__(self, folder, n_hosts, network="10.77.0"):
        self.folder = folder
        self.prefix = f"primed-mdns-{os.getpid()}"
        self.namespace = f"{self.prefix}-lan"
        self.hosts = []
        ip("netns", "add", self.namespace)
        try:
            self.add_bridge("br0")
            for number in range(1, n_hosts + 1):
                self.hosts.append(Host(self, number))
                self.hosts[-1].plug(network=network)
                self.hosts[-1].start_bus()
        except BaseException:
            self.close()
            raise

    def add_bridge(self, name):
        ip("-n", self.namespace, "link", "add", name, "type", "bridge")
        ip("-n", self.namespace, "link", "set", name, "up")

    def unplug(self, host, interface="eth0"):
        """The cable: the host's end loses its carrier."""
        ip("-n", self.namespace, "link", "set", f"{interface}-{host.number}", "down")

    def replug(self, host, interface="eth0"):
        ip("-n", self.namespace, "link", "set", f"{interface}-{host.number}", "up")

    def close(self):
        for host in self.hosts:
            host.close()
        ip("netns", "delete", self.namespace)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
