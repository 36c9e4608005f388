#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPM packages: the spec builds, rpmlint has no error, the packages install into a root, the scriptlets are sound."""

import glob
import os
import tarfile

import package
from package import copy_tree, need, run, version
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


@claim
def installs(folder):
    """the packages install into an empty root, without a conflict, and are verified there"""
    options = ["rpm", f"--root={folder}", "--nodeps"]
    run("rpm", f"--root={folder}", "--initdb")
    run(*options, "--noscripts", "-i", *packages().values())
    for path in ("usr/bin/primectl", "usr/libexec/primed/primed-worker", "etc/primed/worker.conf",
                 "usr/lib/systemd/system/primed-master.socket",
                 "usr/lib/systemd/system-generators/primed-listen-generator",
                 "usr/share/man/man8/primed-scout.service.8.gz"):
        assert os.path.exists(os.path.join(folder, path)), path
    report = run(*options, "-Va", expected=(0, 1)).splitlines()
    changed = [line for line in report if line.startswith(("S", "..", "miss"))]
    assert not changed, changed
    run(*options, "--noscripts", "-e", "primed-common", "primed-master", "primed-worker")
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
def scriptlets(folder):
    """scriptlets name all units, are right shell, and call systemd's helper only when it is there"""
    for role, wanted in (("master", ["primed-master.service", "primed-master.socket"]),
                         ("worker", ["primed-worker.service", "primed-worker.socket", "primed-scout.service"])):
        bodies = {}
        for tag in ("POSTIN", "PREUN", "POSTUN"):
            body = run("rpm", "-qp", "--queryformat", f"%{{{tag}}}", packages()[f"primed-{role}"])
            body = "\n".join(line for line in body.splitlines() if not line.startswith("rpm: "))
            path = os.path.join(folder, f"{role}-{tag}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(body)
            run("sh", "-n", path)
            # Where the helper is, it would do what it is told.
            if not os.path.exists("/usr/lib/systemd/systemd-update-helper"):
                for count in ("0", "1", "2"):
                    run("/bin/sh", "-eu", path, count, env={"PATH": "/nowhere"})
            bodies[tag] = body
        for unit in wanted:
            assert unit in bodies["PREUN"], (unit, bodies)
        assert f"primed-{role}.service" in bodies["POSTUN"] and ".socket" not in bodies["POSTUN"], bodies
        assert f"install-system-units primed-{role}.service" in bodies["POSTIN"], bodies


if __name__ == "__main__":
    harness.run()
