# SPDX-License-Identifier: LGPL-2.1-or-later
"""A LAN of real systemd hosts on one machine: systemd-nspawn containers on a bridge in network namespaces.

Each host is an overlay over one base image, boots systemd, dbus and avahi as its own machine does, and has one
interface host0 (10.77.0.N and an IPv6 link-local address). Nothing of it leaves the namespaces. Everything that was
made is taken down by Lab.close(), also after a failure.

Needs root, systemd-nspawn, mmdebstrap, ip, and the right to make namespaces and overlays; Lab.obstacle() says what is
missing. PRIMED_LAB_CACHE=FOLDER keeps the base image from run to run.
"""

import atexit
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

# What the packages under test depend on is in the image: the hosts reach no mirror.
BASE_PACKAGES = """systemd systemd-sysv dbus avahi-daemon avahi-utils iproute2 libnss-mdns procps less
    libgmp10 libgnutls30 libjansson4 libprimesieve11 libzstd1 libxxhash0 libconfig9 libsmartcols1 libavahi-common3
    libsystemd0""".split()
CONTROLLERS = ("cpu", "cpuacct", "pids")
# systemd-nspawn --keep-unit makes its 'payload' below the groups that it was started in. Hosts started from the same
# group would share one tree: each PID 1 then removes and empties the groups of the others' units (219/CGROUP, EIO).
HIERARCHIES = CONTROLLERS + ("systemd", "unified")
BOOT_SECONDS = 90


class Failed(Exception):
    """A command in the lab did not do what it should."""


def call(*command, check=True, timeout=120, **options):
    """Runs a command of this machine and returns what it printed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                          errors="replace", **options)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def wait_until(condition, seconds, what, pause=0.1):
    """Polls until condition() is true and returns its value; raises after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


def find_mirror():
    """The mirror that this machine uses itself."""
    lines = call("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages",
                 check=False).splitlines()
    for line in lines:
        words = line.split()
        if words[1:] == ["bookworm", "main"]:
            return words[0]
    return "http://deb.debian.org/debian"


class Host:
    """One machine of the lab."""

    def __init__(self, lab, number, hostname, bridge="br0"):
        self.lab = lab
        self.number = number
        self.hostname = hostname
        self.bridge = bridge
        self.label = f"h{number}"
        self.namespace = f"{lab.prefix}{self.label}"
        self.folder = os.path.join(lab.folder, self.label)
        self.root = os.path.join(self.folder, "root")
        self.address = f"10.77.0.{number}"
        self.link = f"v{self.label}"  # its end on the bridge
        self.nspawn = None
        self.leader = None

    def groups(self):
        """The control groups that the host is started in."""
        trees = [f"/sys/fs/cgroup/{name}" for name in HIERARCHIES] if self.lab.cgroup_v1 else []
        return [os.path.join(tree, self.namespace) for tree in trees if os.path.isdir(tree)]

    # Life

    def prepare(self):
        """Makes the root file system and the network namespace."""
        for name in ("upper", "work", "root"):
            os.makedirs(os.path.join(self.folder, name))
        call("mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={self.lab.base},upperdir={self.folder}/upper,workdir={self.folder}/work", self.root)
        self.write("/etc/hostname", self.hostname + "\n")
        self.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {self.hostname}\n::1 localhost\n")
        self.write("/etc/machine-id", "")
        call("ip", "netns", "add", self.namespace)
        call("ip", "link", "add", self.link, "netns", self.lab.lan, "type", "veth", "peer", "name", "host0", "netns",
             self.namespace)
        self.lab.ip("link", "set", self.link, "master", self.bridge, "up")
        self.ip("address", "add", f"{self.address}/24", "dev", "host0")
        self.ip("link", "set", "lo", "up")
        self.ip("link", "set", "host0", "up")

    def start(self):
        """Switches it on; does not wait."""
        self.log = os.path.join(self.folder, "console")
        setup = "".join(f"mkdir -p {group} && echo $BASHPID >{group}/cgroup.procs && " for group in self.groups())
        command = (f"{setup}exec setsid systemd-nspawn -q -D {self.root} --boot --register=no --keep-unit "
                   f"--network-namespace-path=/run/netns/{self.namespace} --machine={self.namespace} "
                   f"--console=read-only </dev/null >>{self.log} 2>&1")
        self.nspawn = subprocess.Popen(["bash", "-c", command])

    def find_leader(self):
        if self.nspawn.poll() is not None:
            raise Failed(f"systemd-nspawn of {self.label} ended:\n{open(self.log, errors='replace').read()[-2000:]}")
        # Helpers of nspawn come and go before the container's PID 1 is there.
        return call("pgrep", "-x", "-P", str(self.nspawn.pid), "systemd", check=False).strip() or None

    def wait_booted(self):
        self.leader = wait_until(self.find_leader, BOOT_SECONDS, f"{self.label}: no PID 1")
        wait_until(lambda: self.run("systemctl is-system-running", check=False).strip() in ("running", "degraded"),
                   BOOT_SECONDS, f"{self.label} does not finish booting", 0.3)
        if self.lab.cgroup_v1:
            # Else CPUQuota= is accepted, shown, and without effect.
            self.run(f"for c in {' '.join(CONTROLLERS)}; do mount -o remount,bind,rw /sys/fs/cgroup/$c; done; "
                     "systemctl daemon-reexec")
        wait_until(lambda: self.run("systemctl is-active avahi-daemon", check=False).strip() == "active", 30,
                   f"{self.label}: no Avahi")

    def boot(self):
        self.start()
        self.wait_booted()

    def _ended(self, seconds):
        try:
            self.nspawn.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self.leader = None
        return True

    def power_off(self):
        """As a person does it: systemctl poweroff."""
        if self.leader:
            self.run("systemctl poweroff", check=False)
        if not self._ended(60):
            self.power_cut()

    def power_cut(self):
        """The plug is pulled: nothing says goodbye, nothing is written any more."""
        if self.nspawn and self.nspawn.poll() is None:
            self.cable(False)
            if self.leader:
                os.kill(int(self.leader), signal.SIGKILL)
            if not self._ended(20):
                self.nspawn.kill()
                self._ended(20)
            self.cable(True)

    def reboot(self):
        self.power_off()
        self.boot()

    def destroy(self):
        if self.nspawn and self.nspawn.poll() is None:
            # Also that of a host which did not finish booting: it would outlive systemd-nspawn.
            for pid in call("pgrep", "-P", str(self.nspawn.pid), check=False).split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not self._ended(10):
                self.nspawn.kill()
                self._ended(10)
        call("umount", "-l", self.root, check=False)
        call("ip", "netns", "delete", self.namespace, check=False)
        for group in self.groups():
            for folder, _, _ in os.walk(group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass

    # In it

    def run(self, command, check=True, timeout=120):
        """Runs a shell command in the host and returns what it printed."""
        if not self.leader:
            raise Failed(f"{self.label} is off")
        done = subprocess.run(["nsenter", "-t", self.leader, "-a", "env", "-i", "HOME=/root", "LANG=C.UTF-8",
                               "TERM=dumb", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                               "SYSTEMD_PAGER=", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=timeout, errors="replace", cwd="/")
        if check and done.returncode != 0:
            raise Failed(f"{self.label}: {command}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def status_of(self, command):
        """The exit status of a shell command in the host."""
        return int(self.run(f"({command}) >/dev/null 2>&1; echo $?").strip() or 255)

    def spawn(self, command):
        """Starts a shell command in the host; returns the Popen object."""
        return subprocess.Popen(["nsenter", "-t", self.leader, "-a", "env", "-i", "HOME=/root", "LANG=C.UTF-8",
                                 "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", command],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                cwd="/")

    def write(self, path, text):
        """Writes a file from outside, at any time (in place, as editors that keep the inode do)."""
        with open(self.root + path, "w") as f:
            f.write(text)

    def read(self, path):
        with open(self.root + path) as f:
            return f.read()

    def property(self, unit, name):
        return self.run(f"systemctl show --value -p {name} {unit}").strip()

    def main_pid(self, unit):
        """0 if it does not run."""
        return int(self.property(unit, "MainPID") or 0)

    def is_active(self, unit):
        return self.run(f"systemctl is-active {unit}", check=False).strip() == "active"

    def journal(self, *arguments):
        return self.run("journalctl --no-pager -o cat " + " ".join(arguments), check=False)

    def ip(self, *arguments):
        return call("ip", "-n", self.namespace, *arguments)

    def cable(self, plugged):
        self.lab.ip("link", "set", self.link, "up" if plugged else "down")


class Lab:
    """All hosts, the bridge, the base image."""

    @staticmethod
    def obstacle():
        """Why there can be no lab here; None if there can."""
        if os.geteuid() != 0:
            return "needs root"
        for command in ("systemd-nspawn", "mmdebstrap", "ip", "nsenter", "pgrep", "dpkg-buildpackage"):
            if not shutil.which(command):
                return f"needs {command}"
        name = f"primed-probe-{os.getpid()}"
        if subprocess.run(["ip", "netns", "add", name], stderr=subprocess.DEVNULL).returncode != 0:
            return "needs the right to make network namespaces"
        subprocess.run(["ip", "netns", "delete", name], check=False)
        return None

    def __init__(self):
        self.prefix = f"primed{os.getpid()}-"
        self.lan = self.prefix + "lan"
        self.cgroup_v1 = not os.path.exists("/sys/fs/cgroup/cgroup.controllers")
        self.hosts = []
        self.folder = tempfile.mkdtemp(prefix="primed-lab-", dir="/var/tmp")
        self.base = os.path.join(self.folder, "base")
        atexit.register(self.close)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a time limit takes the hosts down too

    def ip(self, *arguments):
        return call("ip", "-n", self.lan, *arguments)

    def make_base(self):
        """Unpacks the base image, made anew or from the cache."""
        cache = os.environ.get("PRIMED_LAB_CACHE")
        name = f"lan-{abs(hash_of(' '.join(BASE_PACKAGES))):08x}.tar"
        image = os.path.join(cache or self.folder, name)
        if not os.path.exists(image):
            os.makedirs(os.path.dirname(image), exist_ok=True)
            call("mmdebstrap", "--format=tar", "--variant=minbase", "--include=" + ",".join(BASE_PACKAGES), "bookworm",
                 image + ".new", find_mirror(), timeout=900)
            os.rename(image + ".new", image)
        os.makedirs(self.base)
        call("tar", "-C", self.base, "--exclude=./dev/*", "-xf", image)
        # The hosts' clocks and logs are this machine's business only.
        for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer",
                     "dpkg-db-backup.timer"):
            path = os.path.join(self.base, "etc/systemd/system", unit)
            if not os.path.lexists(path):
                os.symlink("/dev/null", path)

    def make_lan(self, *bridges):
        call("ip", "netns", "add", self.lan)
        for bridge in bridges or ("br0",):
            self.ip("link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
            self.ip("link", "set", bridge, "up")

    def add_host(self, hostname, bridge="br0"):
        host = Host(self, len(self.hosts) + 1, hostname, bridge)
        self.hosts.append(host)
        host.prepare()
        return host

    def boot_all(self):
        for host in self.hosts:
            host.start()
        for host in self.hosts:
            host.wait_booted()

    def close(self):
        for host in self.hosts:
            host.destroy()
        self.hosts = []
        call("ip", "netns", "delete", self.lan, check=False)
        call("umount", "-l", *(glob.glob(self.folder + "/h*/root") or ["/nowhere"]), check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)


def hash_of(text):
    """A number that is the same in each run of Python."""
    value = 5381
    for character in text:
        value = (value * 33 + ord(character)) & 0xFFFFFFFF
    return value
