# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages under test, and what a user does with them on the hosts of the lab."""

import glob
import json
import os
import re
import shutil
import time

import lab as lab_module
from lab import Failed, call, wait_until

ROLES = {
    "master": ("primed-common", "primed-master"),
    "worker": ("primed-common", "primed-worker"),
    "both": ("primed-common", "primed-master", "primed-worker"),
}


class Packages:
    """The .debs of the tree, and the same ones under a higher version number."""

    def __init__(self, source, folder):
        self.folder = os.path.join(folder, "debs")
        self.newer = os.path.join(folder, "debs-newer")
        self.source = source
        os.makedirs(self.folder)
        os.makedirs(self.newer)

    def build(self):
        """As a maintainer does it, from the files that git knows (with changes that are not committed yet)."""
        tree = os.path.join(self.folder, "tree")
        os.makedirs(tree)
        files = call("git", "-c", "safe.directory=*", "-C", self.source, "ls-files", "-z").split("\0")
        files = [f for f in files if f and os.path.lexists(os.path.join(self.source, f))]
        with open(os.path.join(self.folder, "files"), "w") as f:
            f.write("\0".join(files))
        call("sh", "-c", f"tar -C {self.source} --null -T {self.folder}/files -cf - | tar -C {tree} -xf -")
        environment = dict(os.environ, DEB_BUILD_OPTIONS="nocheck noddebs", DEB_BUILD_PROFILES="nocheck")
        environment.pop("MESON_TESTTHREADS", None)
        output = call("dpkg-buildpackage", "-b", "-us", "-uc", "-d", cwd=tree, env=environment, timeout=900)
        if not glob.glob(self.folder + "/primed-worker_*.deb"):
            raise Failed("no packages were built:\n" + output[-3000:])
        shutil.rmtree(tree)

    def make_newer(self):
        """The next version, as far as dpkg can tell."""
        for deb in glob.glob(self.folder + "/primed-*.deb"):
            tree = os.path.join(self.newer, "tree")
            call("dpkg-deb", "-R", deb, tree)
            control = os.path.join(tree, "DEBIAN", "control")
            with open(control) as f:
                text = f.read()
            version = re.search(r"^Version: (.*)$", text, re.M).group(1)
            text = text.replace(f"Version: {version}", f"Version: {version}+next").replace(f"(= {version})",
                                                                                          f"(= {version}+next)")
            with open(control, "w") as f:
                f.write(text)
            name = os.path.basename(deb).replace(version, version + "+next")
            call("dpkg-deb", "--root-owner-group", "-b", tree, os.path.join(self.newer, name))
            shutil.rmtree(tree)

    def install(self, host, role, newer=False):
        """apt install ./primed-….deb …"""
        os.makedirs(host.root + "/root/debs", exist_ok=True)
        names = []
        for package in ROLES[role]:
            deb, = glob.glob(f"{self.newer if newer else self.folder}/{package}_*.deb")
            shutil.copy(deb, host.root + "/root/debs")
            names.append("./" + os.path.basename(deb))
        return host.run(f"cd /root/debs && apt-get install -y --no-install-recommends {' '.join(names)}")


def ask(host, verb):
    """What `primectl VERB --json=short` tells; None while nobody answers."""
    text = host.run(f"primectl {verb} --json=short 2>/dev/null", check=False)
    try:
        return [numbers(row) for row in json.loads(text)]
    except ValueError:
        return None


def numbers(row):
    """Integers that can pass 2^53 travel as strings."""
    return {key: int(value) if isinstance(value, str) and value.isdigit() and key not in ("id", "name", "from", "to")
            else value for key, value in row.items()}


def jobs(host):
    return {job["name"]: job for job in ask(host, "jobs") or []}


def workers(host):
    return ask(host, "workers") or []


def worker_names(host):
    return sorted(w["name"] for w in workers(host))


def wait_workers(host, names, seconds=30):
    """Until exactly the workers with these names are there."""
    return wait_until(lambda: worker_names(host) == sorted(names) or None, seconds,
                      f"the workers {names}, but there are {worker_names(host)}")


def blocks_of(host, name):
    """Blocks accepted from the worker of this name, of this connection."""
    return sum(w["blocks"] for w in workers(host) if w["name"] == name)


def wait_first_block(host, name, began, seconds=15):
    """The seconds from `began` (monotonic) to the first accepted block of the worker of this name."""
    wait_until(lambda: blocks_of(host, name) > 0, seconds, f"no block of {name}", 0.05)
    return time.monotonic() - began


def wait_finished(host, name, seconds):
    def finished():
        job = jobs(host).get(name)
        if job and job["state"] == "failed":
            raise Failed(f"job {name} failed: {job['problem']}")
        return job if job and job["state"] == "finished" else None

    return wait_until(finished, seconds, f"job {name} is not finished: {jobs(host).get(name)}", 0.5)


def cpu_seconds(host, pid):
    """CPU time that the process has used so far."""
    fields = host.run(f"cat /proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
