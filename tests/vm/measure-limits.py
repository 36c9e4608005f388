#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures in a virtual machine what containers on a host with cgroup v1 cannot show: AllowedCPUs, MemoryHigh and
CPUWeight=idle of the worker's slice, with Debian's kernel, real cgroup v2, and QEMU's software emulation (no KVM).

    tests/vm/measure-limits.py [FOLDER]

Needs root, mmdebstrap, qemu-system-x86, dpkg-buildpackage and a Debian mirror; takes about ten minutes and 3 GB in
FOLDER (default: a new one in /var/tmp, deleted at the end). The results are printed, and stand in HACKING.md.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lan"))

from lab import BASE_PACKAGES, Failed, call, find_mirror  # noqa: E402
from suite import Packages  # noqa: E402

SECONDS = 2400
UNIT = """[Unit]
Description=Measure the limits
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/usr/local/bin/guest-measure

[Install]
WantedBy=multi-user.target
"""


def make_image(folder):
    """The root file system with the packages installed, as a raw ext4 image; returns kernel, initrd, image."""
    source = os.path.dirname(os.path.dirname(HERE))
    packages = Packages(source, folder)
    packages.build()
    tree, image = os.path.join(folder, "tree"), os.path.join(folder, "image")
    include = BASE_PACKAGES + ["linux-image-cloud-amd64", "initramfs-tools"]
    call("mmdebstrap", "--format=directory", "--variant=minbase", "--include=" + ",".join(include), "bookworm", tree,
         find_mirror(), timeout=1200)
    debs = [d for d in glob.glob(packages.folder + "/primed-*.deb") if "dbgsym" not in d]
    for deb in debs:
        shutil.copy(deb, tree + "/root")
    call("chroot", tree, "sh", "-c", "dpkg -i /root/primed-*.deb")
    shutil.copy(os.path.join(HERE, "guest-measure"), tree + "/usr/local/bin/guest-measure")
    os.chmod(tree + "/usr/local/bin/guest-measure", 0o755)
    with open(tree + "/etc/systemd/system/measure.service", "w") as f:
        f.write(UNIT)
    with open(tree + "/etc/hostname", "w") as f:
        f.write("guest\n")
    with open(tree + "/etc/fstab", "w") as f:
        f.write("/dev/vda / ext4 defaults 0 1\n")
    call("chroot", tree, "systemctl", "enable", "measure.service")
    kernel, = glob.glob(tree + "/boot/vmlinuz-*")
    initrd, = glob.glob(tree + "/boot/initrd.img-*")
    shutil.copy(kernel, folder + "/kernel")
    shutil.copy(initrd, folder + "/initrd")
    call("mke2fs", "-q", "-t", "ext4", "-d", tree, image, "3G", timeout=600)
    return folder + "/kernel", folder + "/initrd", image


def boot(kernel, initrd, image, log):
    """Runs the guest until it switches itself off; returns the lines of its console."""
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1536",
               "-display", "none", "-monitor", "none", "-serial", "file:" + log + ".boot", "-serial", "file:" + log,
               "-no-reboot", "-nic", "none", "-kernel", kernel, "-initrd", initrd,
               "-append", "root=/dev/vda rw console=ttyS0 quiet", "-drive", f"file={image},if=virtio,format=raw"]
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=SECONDS, check=True)
    with open(log, errors="replace") as f:
        return f.read().splitlines()


def main():
    if os.geteuid() != 0:
        sys.exit("measure-limits.py: it makes a root file system and needs root for that: run it with sudo.")
    for command in ("mmdebstrap", "qemu-system-x86_64", "mke2fs", "dpkg-buildpackage"):
        if not shutil.which(command):
            sys.exit(f"measure-limits.py: {command} is missing: install it.")
    folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="primed-vm-", dir="/var/tmp")
    os.makedirs(folder, exist_ok=True)
    try:
        lines = boot(*make_image(folder), folder + "/console")
        results = [line.split("RESULT ", 1)[1] for line in lines if "RESULT " in line]
        print("\n".join(results))
        if not results or results[-1].strip() != "end":
            raise Failed("the guest did not come to its end:\n" + "\n".join(lines[-40:]))
    finally:
        if len(sys.argv) <= 1:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
