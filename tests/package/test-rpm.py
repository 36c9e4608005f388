#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPM packages: the spec builds, rpmlint has no error, the packages install into a root, the scriptlets are sound."""

import glob
import os
import re
import shutil
import tarfile

import package
from package import copy_tree, need, read, run, version
import harness
from harness import SOURCE, claim

SPEC = os.path.join(SOURCE, "rpm", "primed.spec")
_built = []


def packages():
    """Name: path; built once."""
    need("rpmbuild", "rpm", "meson")
    if not _built:
        top = package.scratch()
        name = f"primed-{version()}"
        copy_tree(os.path.join(top, name))
        os.mkdir(os.path.join(top, "SOURCES"))
        with tarfile.open(os.path.join(top, "SOURCES", name + ".tar.gz"), "w:gz") as archive:
            archive.add(os.path.join(top, name), name)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MESON")}
        run("rpmbuild", "--nodeps", "--define", f"_topdir {top}", "--without", "tests", "-bb", SPEC, env=environment)
        _built.append(top)
    found = glob.glob(os.path.join(_built[0], "RPMS", "*", "*.rpm"))
    return {os.path.basename(path).rsplit("-", 2)[0]: path for path in found}


@claim
def builds(_folder):
    """rpmbuild makes three packages"""
    names = [name for name in packages() if "-debug" not in name]
    assert sorted(names) == ["primed-common", "primed-master", "primed-worker"], names


@claim
def rpmlint_has_no_error(_folder):
    """rpmlint finds no error in the spec and the packages"""
    need("rpmlint")
    output = run("rpmlint", "-c", os.path.join(SOURCE, "rpm", "rpmlint.toml"), SPEC, *packages().values())
    assert " 0 errors, " in output, output


HELPER = "/usr/lib/systemd/systemd-update-helper"


def write_helper(folder, log):
    """A stand-in for systemd's helper that keeps what it is told."""
    path = os.path.join(folder, os.path.basename(HELPER))
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\necho "$*" >>{log}\n')
    os.chmod(path, 0o755)
    return path


def read_log(path):
    """What the helper was told, and forgets it."""
    lines = read(path).splitlines() if os.path.exists(path) else []
    if lines:
        os.unlink(path)
    return sorted(lines)


def copy_shell(folder):
    """/bin/sh and its libraries, for scriptlets, which rpm runs inside of the root."""
    for path in ["/bin/sh", *re.findall(r"(/\S+) \(0x", run("ldd", os.path.realpath("/bin/sh")))]:
        os.makedirs(folder + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, folder + path)


# By scriptlet and the number of versions that rpm gives it: what systemd's helper is told of a role.
TOLD = {
    ("master", "POSTIN", 1): ["install-system-units primed-master.service primed-master.socket"],
    ("master", "POSTIN", 2): [],
    ("master", "PREUN", 0): ["remove-system-units primed-master.service primed-master.socket"],
    ("master", "PREUN", 1): [],
    # Not the socket: an upgrade refuses no connection.
    ("master", "POSTUN", 1): ["mark-restart-system-units primed-master.service"],
    ("master", "POSTUN", 0): [],
    ("worker", "POSTIN", 1): ["install-system-units primed-worker.service primed-worker.socket"],
    ("worker", "POSTIN", 2): [],
    ("worker", "PREUN", 0): ["remove-system-units primed-worker.service primed-worker.socket primed-scout.service"],
    ("worker", "PREUN", 1): [],
    ("worker", "POSTUN", 1): ["mark-restart-system-units primed-worker.service primed-scout.service"],
    ("worker", "POSTUN", 0): [],
}


def told(tag, count):
    """What both roles tell the helper."""
    return sorted(TOLD["master", tag, count] + TOLD["worker", tag, count])


@claim
def installs(folder):
    """the packages install into an empty root, with their scriptlets, without a conflict, and are verified there"""
    options = ["rpm", f"--root={folder}", "--nodeps"]
    log = os.path.join(folder, "log")
    scripts = os.geteuid() == 0 and shutil.which("ldd")
    if scripts:
        copy_shell(folder)
        os.makedirs(folder + os.path.dirname(HELPER))
        write_helper(folder + os.path.dirname(HELPER), "/log")
    else:
        print("# without scriptlets: rpm must change its root for them")
        options.append("--noscripts")
    run("rpm", f"--root={folder}", "--initdb")
    run(*options, "-i", *packages().values())
    assert not scripts or read_log(log) == told("POSTIN", 1)
    for path in ("usr/bin/primectl", "usr/libexec/primed/primed-worker", "etc/primed/worker.conf",
                 "usr/lib/systemd/system/primed-master.socket",
                 "usr/lib/systemd/system-generators/primed-listen-generator",
                 "usr/share/man/man7/primed-store.7.gz", "usr/share/man/man8/primed-scout.service.8.gz"):
        assert os.path.exists(os.path.join(folder, path)), path
    report = run(*options, "-Va", expected=(0, 1)).splitlines()
    changed = [line for line in report if line.startswith(("S", "..", "miss"))]
    assert not changed, changed
    run(*options, "-e", "primed-common", "primed-master", "primed-worker")
    assert not scripts or read_log(log) == told("PREUN", 0)
    left = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names
            if "primed" in name and "/rpm" not in parent]
    assert not left, left


@claim
def config_is_kept(_folder):
    """config files are %config(noreplace)"""
    for role in ("master", "worker"):
        files = run("rpm", "-qp", "--queryformat", "[%{FILENAMES} %{FILEFLAGS:fflags}\n]", packages()[f"primed-{role}"])
        flags = [line.split() for line in files.splitlines() if line.startswith(f"/etc/primed/{role}.conf ")]
        assert flags and {"c", "n"} <= set(flags[0][1]), files


@claim
def folders_have_owners(_folder):
    """what lies in folders of firewalls: that of firewalld is required, that of ufw is left alone"""
    files = run("rpm", "-qpl", *packages().values())
    assert "/usr/lib/firewalld/services/primed.xml\n" in files and "ufw" not in files
    assert "firewalld-filesystem\n" in run("rpm", "-qp", "--requires", packages()["primed-master"])


@claim
def scriptlets(folder):
    """scriptlets tell systemd's helper the right units at the right time, and are content without it"""
    log = os.path.join(folder, "log")
    helper = write_helper(folder, log)
    for (role, tag, count), wanted in TOLD.items():
        body = run("rpm", "-qp", "--queryformat", f"%{{{tag}}}", packages()[f"primed-{role}"])
        body = "\n".join(line for line in body.splitlines() if not line.startswith("rpm: "))
        assert HELPER in body, body
        for path, expected in ((helper, wanted), ("/nowhere/helper", [])):
            run("sh", "-eu", "-c", body.replace(HELPER, path), "scriptlet", str(count))
            assert read_log(log) == expected, (role, tag, count, body)


if __name__ == "__main__":
    harness.run()
