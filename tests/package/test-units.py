#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units and what else is installed for the system, as `meson install` leaves them."""

import glob
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree

import package
from package import need, read, run
import harness
from harness import BUILD, Skip, claim

# Times ten, as systemd-analyze takes them.
EXPOSURE_MAX = {"primed-master.service": 4, "primed-worker.service": 4, "primed-scout.service": 11}

_installed = []


def install():
    """The folder under which everything is installed; made once."""
    if not _installed:
        folder = package.scratch()
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", folder)
        _installed.append(folder)
    return _installed[0]


def find(name):
    """The one installed file of that name."""
    found = [os.path.join(parent, name) for parent, _, names in os.walk(install()) if name in names]
    assert len(found) == 1, (name, found)
    return found[0]


def units():
    """All installed units, with their paths."""
    folder = os.path.dirname(find("primed-master.service"))
    return {os.path.basename(path): path for path in sorted(glob.glob(os.path.join(folder, "primed*")))}


def copy_units(folder):
    """The units in a folder of their own, with the paths of the installed programs."""
    programs = os.path.dirname(find("primed-master"))
    for name, path in units().items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(read(path).replace(programs[len(install()):], programs))
    return folder


@claim
def all_units(_folder):
    """the suite has exactly these units"""
    assert sorted(units()) == [
        "primed-limits.path", "primed-limits.service", "primed-master.service", "primed-master.socket",
        "primed-scout.service", "primed-worker.service", "primed-worker.slice", "primed-worker.socket", "primed.slice",
    ]


def compiled_folders(build):
    """What the programs of a build directory take for the folders of state and config."""
    flags = read(os.path.join(build, "compile_commands.json"))
    values = set(re.findall(r'-DPRIMED_(LOCALSTATEDIR|SYSCONFDIR)=\\+"([^"\\]*)', flags))
    folders = dict(values)
    assert len(folders) == len(values) == 2, values
    return folders


@claim
def state_is_where_units_put_it(folder):
    """with any prefix the programs have the units' StateDirectory= for their state, and /etc/primed for config"""
    need("meson")
    for prefix in (None, "/usr", "/usr/local", "/opt/primed"):
        build = BUILD
        if prefix:
            build = os.path.join(folder, "build" + prefix.replace("/", "-"))
            run("meson", "setup", build, harness.SOURCE, f"--prefix={prefix}", "-Dtests=false")
        folders = compiled_folders(build)
        assert folders["SYSCONFDIR"] == "/etc/primed", (prefix, folders)
        for name in ("master", "worker"):
            text = read(os.path.join(build, "units", f"primed-{name}.service"))
            states = re.findall("^StateDirectory=(.*)$", text, re.MULTILINE)
            assert ["/var/lib/" + state for state in states] == [folders["LOCALSTATEDIR"]], (prefix, states, folders)


@claim
def verify(folder):
    """systemd-analyze verify says nothing about any unit, and finds every man page that they name"""
    need("systemd-analyze")
    copy_units(folder)
    pages = glob.glob(install() + "/**/man8", recursive=True)
    man = "yes" if shutil.which("man") and pages else "no"
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": folder + ":"}
    if pages:
        environment["MANPATH"] = os.path.dirname(pages[0])
    for name in units():
        done = subprocess.run(["systemd-analyze", "verify", f"--man={man}", os.path.join(folder, name)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=120,
                              check=False)
        ours = [line for line in done.stdout.splitlines() if "primed" in line]
        assert not ours, f"{name}: {done.stdout}"


@claim
def verify_finds_mistakes(folder):
    """the claim above can fail"""
    need("systemd-analyze")
    copy_units(folder)
    path = os.path.join(folder, "primed-worker.service")
    for old, new in (("WatchdogSec=", "WatchdogSecs="), ("/primed-worker\n", "/no-such-program\n")):
        text = read(path)
        assert old in text
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True,
                              env={**os.environ, "SYSTEMD_UNIT_PATH": folder + ":"}, timeout=120, check=False)
        assert "primed-worker.service" in done.stderr, done
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


@claim
def exposure(folder):
    """systemd-analyze security: scout at most 1.1, worker and master at most 0.4"""
    need("systemd-analyze")
    copy_units(folder)
    for name, limit in EXPOSURE_MAX.items():
        text = run("systemd-analyze", "security", "--no-pager", "--offline=yes", f"--threshold={limit}",
                   os.path.join(folder, name))
        print(f"# {text.splitlines()[-1].strip().encode('ascii', 'ignore').decode()}")


@claim
def same_hardening(_folder):
    """what confines one of the three daemons confines all, but for the scout's network and the stores' mode"""
    keys = ("NoNewPrivileges|Capability.*|Ambient.*|Protect.*|Private.*|Proc.*|Restrict.*|Lock.*|MemoryDeny.*|"
            "RemoveIPC|Keyring.*|SystemCall.*")
    confinements = []
    for name in EXPOSURE_MAX:
        lines = [line for line in read(units()[name]).splitlines() if re.match(rf"({keys})=", line)]
        confinements.append([line for line in lines if not re.match("PrivateNetwork|RestrictAddressFamilies", line)])
    assert len(confinements[0]) > 25 and confinements[0] == confinements[1] == confinements[2], confinements


@claim
def nothing_newer_than_252(_folder):
    """no setting that systemd 252 does not know (a newer one on this machine would not complain)"""
    newer = re.compile("^(RestartSteps|RestartMaxDelaySec|ImportCredential|FileDescriptorStorePreserve|OpenFile|"
                       "RestartMode|MemoryPressureWatch|NFTSet|PollLimit|PassFileDescriptorsToExec|Type=notify-reload)")
    for name, path in units().items():
        for line in read(path).splitlines():
            assert not newer.match(line), f"{name}: {line}"


@claim
def enabling(folder):
    """enabling a role links its service and its socket, and is-enabled says so; the rest comes with the socket"""
    need("systemctl")
    target = os.path.join(folder, "usr/lib/systemd/system")
    os.makedirs(target)
    copy_units(target)
    for role, links in (("master", 3), ("worker", 2)):
        run("systemctl", f"--root={folder}", "enable", f"primed-{role}")
        for unit in (f"primed-{role}.service", f"primed-{role}.socket"):
            assert run("systemctl", f"--root={folder}", "is-enabled", unit).strip() == "enabled"
        made = [name for _, folders, names in os.walk(os.path.join(folder, "etc")) for name in names + folders
                if name.startswith(("primed", "dbus-org"))]
        assert len(made) == links, made
        run("systemctl", f"--root={folder}", "disable", f"primed-{role}")
        left = [name for _, _, names in os.walk(os.path.join(folder, "etc")) for name in names]
        assert not left, left
    assert "static" in run("systemctl", f"--root={folder}", "is-enabled", "primed-scout.service", expected=(0, 1))


@claim
def user_and_folders(folder):
    """sysusers.d makes the user, tmpfiles.d the folder"""
    need("systemd-sysusers", "systemd-tmpfiles")
    files = [path for path in glob.glob(install() + "/**/primed.conf", recursive=True)]
    users = [path for path in files if "sysusers.d" in path]
    folders = [path for path in files if "tmpfiles.d" in path]
    assert len(users) == len(folders) == 1, files
    os.makedirs(os.path.join(folder, "etc"))
    if os.geteuid() != 0:
        raise Skip("needs root")
    run("systemd-sysusers", f"--root={folder}", users[0])
    assert "primed:" in read(os.path.join(folder, "etc/passwd"))
    run("systemd-tmpfiles", f"--root={folder}", "--create", folders[0])
    assert os.stat(os.path.join(folder, "run/primed")).st_mode & 0o777 == 0o755


@claim
def catalog(folder):
    """journalctl takes the catalog whole"""
    need("journalctl")
    place = os.path.join(folder, "usr/lib/systemd/catalog")
    os.makedirs(place)
    os.makedirs(os.path.join(folder, "var/lib/systemd/catalog"))
    shutil.copy(find("primed.catalog"), place)
    run("journalctl", "--update-catalog", f"--root={folder}")
    listed = run("journalctl", "--list-catalog", f"--root={folder}")
    wanted = re.findall(r"^-- ([0-9a-f]{32})$", read(find("primed.catalog")), re.MULTILINE)
    assert len(wanted) > 10
    for message_id in wanted:
        assert message_id in listed, message_id


@claim
def bus_and_firewall(_folder):
    """the XML files are well-formed; the activation names an alias that the unit has"""
    for name in ("org.primed.Master1.conf", "org.primed.Worker1.conf"):
        rules = xml.etree.ElementTree.parse(find(name)).getroot()
        owners = [policy.get("user") for policy in rules.iter("policy") if policy.find("allow[@own]") is not None]
        assert owners == ["primed"], owners
    profile = xml.etree.ElementTree.parse(find("primed.xml")).getroot()
    assert [port.attrib for port in profile.iter("port")] == [{"port": "7919", "protocol": "tcp"}]
    # Behind a closed mDNS nobody would know that the port is open.
    assert [include.attrib for include in profile.iter("include")] == [{"service": "mdns"}]
    assert "\nports=7919/tcp|5353/udp\n" in read(find("primed"))
    assert "ListenStream=7919\n" in read(units()["primed-master.socket"])
    alias = re.search("^SystemdService=(.*)$", read(find("org.primed.Master1.service")), re.MULTILINE)[1]
    assert f"Alias={alias}\n" in read(units()["primed-master.service"])


if __name__ == "__main__":
    harness.run()
