#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian packages: they build, lintian is content, two builds are the same bytes, the scripts are sound."""

import glob
import json
import os
import re
import shutil
import subprocess

import package
from package import copy_tree, digest, need, read, run, version
import harness
from harness import claim

_builds = {}

# Nothing that a build could show through: another path, time zone, language, mask and number of processors.
SURROUNDINGS = {
    "first": {"TZ": "UTC", "LC_ALL": "C.UTF-8", "jobs": "2", "umask": 0o022},
    "second/deeper": {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANGUAGE": "fr", "jobs": "1", "umask": 0o002},
}


def build(which):
    """The folder with the packages; built once."""
    need("dpkg-buildpackage", "dh", "meson")
    if which not in _builds:
        surroundings = dict(SURROUNDINGS[which])
        folder = os.path.join(package.scratch(), which)
        copy_tree(os.path.join(folder, "primed"))
        mask, jobs = surroundings.pop("umask"), surroundings.pop("jobs")
        environment = {**os.environ, **surroundings, "DEB_BUILD_PROFILES": "nocheck",
                       "DEB_BUILD_OPTIONS": f"nocheck parallel={jobs}"}
        # The flags of the test's own build are none of the package's.
        for name in [name for name in environment if name.startswith(("MESON", "CFLAGS", "LDFLAGS")) or name == "CC"]:
            del environment[name]
        run("dpkg-buildpackage", "-b", "-us", "-uc", cwd=os.path.join(folder, "primed"), env=environment,
            umask=mask)
        _builds[which] = folder
    return _builds[which]


def packages(which):
    """Name: path of the packages, without those of debug symbols."""
    found = {os.path.basename(path).split("_")[0]: path for path in glob.glob(os.path.join(build(which), "*.deb"))}
    return {name: path for name, path in found.items() if not name.endswith("-dbgsym")}


@claim
def builds(_folder):
    """dpkg-buildpackage makes three packages"""
    assert sorted(packages("first")) == ["primed-common", "primed-master", "primed-worker"]
    for name, path in packages("first").items():
        assert f"_{version()}-" in path, (name, path)


@claim
def lintian_is_content(_folder):
    """lintian has no error and no warning, and nothing is overridden"""
    need("lintian")
    changes = glob.glob(os.path.join(build("first"), "*.changes"))
    output = run("lintian", "--allow-root", "--fail-on", "error,warning", *changes)
    bad = [line for line in output.splitlines() if re.match("[EWO]: ", line)]
    assert not bad, bad
    assert not glob.glob(os.path.join(harness.SOURCE, "debian", "*lintian-overrides"))


@claim
def reproducible(_folder):
    """two builds in different paths, time zones, languages, masks and widths are the same bytes"""
    first, second = build("first"), build("second/deeper")
    names = sorted(os.path.basename(path) for path in glob.glob(os.path.join(first, "*.deb")))
    assert len(names) >= 5, names
    for name in names:
        assert digest(os.path.join(first, name)) == digest(os.path.join(second, name)), name


@claim
def roles_bring_units(_folder):
    """programs are in primed-common, each role has its units and its config, and both config files are conffiles"""
    contents = {name: run("dpkg", "-c", path) for name, path in packages("first").items()}
    for program in ("limits", "master", "scout", "worker"):
        assert f"/libexec/primed/primed-{program}\n" in contents["primed-common"]
    assert "/libexec/" not in contents["primed-master"] + contents["primed-worker"]
    assert "systemd/system/primed" not in contents["primed-common"]
    for role, wanted in (("master", ["master.service", "master.socket"]),
                         ("worker", ["worker.service", "worker.socket", "scout.service", "limits.path",
                                     "worker.slice"])):
        for unit in wanted:
            assert f"systemd/system/primed-{unit}\n" in contents[f"primed-{role}"], unit
        assert run("dpkg", "-I", packages("first")[f"primed-{role}"], "conffiles").find(f"/etc/primed/{role}.conf") >= 0


def conffiles(name):
    """Paths of what dpkg asks about if both the user and a new version have changed it."""
    return [line for line in run("dpkg", "-I", packages("first")[name], "conffiles").splitlines() if line]


@claim
def config_files_are_short(folder):
    """config files are at most 20 lines, with nothing of a version in them: there is little to merge, ever"""
    found = []
    for name, path in packages("first").items():
        run("dpkg", "-x", path, folder)
        found += conffiles(name) if name != "primed-common" else []
    assert {"/etc/primed/master.conf", "/etc/primed/worker.conf"} <= set(found), found
    for path in found:
        text = read(folder + path)
        assert len(text.splitlines()) <= 20 and version() not in text, path


def make_newer(name, folder, changed_config=None):
    """The package under a higher version number, else the same, or with a line more in its config file."""
    tree = os.path.join(folder, "tree")
    run("dpkg-deb", "-R", packages("first")[name], tree)
    control = os.path.join(tree, "DEBIAN", "control")
    text = re.sub("^(Version: .*)$", r"\1+next", read(control), flags=re.MULTILINE)
    with open(control, "w", encoding="utf-8") as file:
        file.write(text)
    if changed_config:
        with open(tree + changed_config, "a", encoding="utf-8") as file:
            file.write("# A new key.\n")
    path = os.path.join(folder, name + "-next.deb")
    run("dpkg-deb", "-Znone", "--root-owner-group", "-b", tree, path)
    shutil.rmtree(tree)
    return path


@claim
def upgrade_asks_nothing(folder):
    """dpkg keeps an edited config file without a question, which it would ask had the package's changed"""
    root = os.path.join(folder, "root")
    for name in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log"):
        os.makedirs(os.path.join(root, name))
    for name in ("status", "available"):
        with open(os.path.join(root, "var/lib/dpkg", name), "w", encoding="utf-8"):
            pass

    def install(path, expected=(0,)):
        # Without a chroot the scripts get DPKG_ROOT, and leave this machine alone.
        return run("dpkg", f"--root={root}", "--force-script-chrootless,depends,not-root", "-i", path,
                   expected=expected, stdin=subprocess.DEVNULL)

    for name in ("primed-master", "primed-worker"):
        config = f"/etc/primed/{name[7:]}.conf"
        install(packages("first")[name])
        with open(root + config, "a", encoding="utf-8") as file:
            file.write("# Mine.\n")
        mine = read(root + config)
        install(make_newer(name, folder))
        assert "+next" in run("dpkg-query", f"--root={root}", "-W", name)
        assert read(root + config) == mine and not glob.glob(root + config + ".dpkg-*")
        said = install(make_newer(name, folder, changed_config=config), expected=(1,))
        assert "conffile prompt" in said, said


@claim
def hardened(folder):
    """programs are position-independent, with immediate binding"""
    need("readelf")
    run("dpkg", "-x", packages("first")["primed-common"], folder)
    for path in glob.glob(os.path.join(folder, "usr/libexec/primed/*")) + [os.path.join(folder, "usr/bin/primectl")]:
        headers = run("readelf", "-hd", path)
        assert "DYN (" in headers and "BIND_NOW" in headers, path


def scripts(name, folder):
    """The maintainer scripts of a package."""
    place = os.path.join(folder, name)
    run("dpkg", "-e", packages("first")[name], place)
    return {script: os.path.join(place, script) for script in ("preinst", "postinst", "prerm", "postrm")
            if os.path.exists(os.path.join(place, script))}


@claim
def off_until_enabled(folder):
    """no script starts or enables anything; upgrades try-restart services and never touch the master's socket"""
    for name in packages("first"):
        for script, path in scripts(name, folder).items():
            run("sh", "-n", path)
            text = read(path)
            assert not re.search(r"deb-systemd-invoke +('?start|restart)", text), path
            for line in re.findall(r"deb-systemd-invoke try-restart.*", text):
                assert ".socket" not in line, line
            if script == "postinst" and name != "primed-common":
                assert "deb-systemd-invoke try-restart" in text, name
            assert "deb-systemd-invoke stop" not in text or script == "prerm", path


@claim
def purge_keeps_primes(folder):
    """purging removes keys and state, keeps the primes and says where they are, also outside of /var/lib/primed"""
    state = os.path.join(folder, "root/var/lib/primed")
    elsewhere = os.path.join(folder, 'root/srv/a "b\\/0-1000')
    os.makedirs(elsewhere)
    os.makedirs(os.path.join(state, "0-open"))
    for name in ("firewall-passed", "host.key", "jobs.json", "jobs.json.lock", "0-open/000000000000.primes"):
        with open(os.path.join(state, name), "w", encoding="utf-8"):
            pass
    # As the registry of the master encodes it.
    jobs = [{"name": os.path.basename(path), "store": path, "priority": 1}
            for path in ("/var/lib/primed/0-open", elsewhere[len(os.path.join(folder, "root")):], "/srv/gone/0-10")]
    with open(os.path.join(state, "jobs.json"), "w", encoding="utf-8") as file:
        json.dump({"format": 0, "jobs": jobs}, file, indent=2)
    tools = os.path.join(folder, "tools")
    os.mkdir(tools)
    for name in ("deb-systemd-helper", "systemctl", "deb-systemd-invoke"):
        os.symlink("/bin/true", os.path.join(tools, name))
    with open(os.path.join(tools, "dpkg-query"), "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\n[ "$2" = "$INSTALLED" ]\n')
    os.chmod(os.path.join(tools, "dpkg-query"), 0o755)

    def purge(name, installed):
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "DPKG_ROOT": os.path.join(folder, "root"),
                       "INSTALLED": installed}
        done = subprocess.run([scripts(name, folder)["postrm"], "purge"], env=environment, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done
        shutil.rmtree(os.path.join(folder, name))
        return done.stdout

    purge("primed-worker", installed="primed-master")
    assert sorted(os.listdir(state)) == ["0-open", "firewall-passed", "host.key", "jobs.json", "jobs.json.lock"]
    said = purge("primed-master", installed="primed-worker")
    assert sorted(os.listdir(state)) == ["0-open", "host.key"]
    assert [line.strip() for line in said.splitlines()[1:]] == [elsewhere, os.path.join(state, "0-open")], said
    assert os.path.isdir(elsewhere)
    purge("primed-worker", installed="")
    assert os.listdir(state) == ["0-open"] and os.listdir(os.path.join(state, "0-open"))
    shutil.rmtree(os.path.join(state, "0-open"))
    assert purge("primed-master", installed="") == "" and not os.path.exists(state)


if __name__ == "__main__":
    harness.run()
