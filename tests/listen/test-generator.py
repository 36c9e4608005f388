#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""primed-listen-generator: the files it writes, and that a broken config opens nothing."""

import os
import re
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

import harness  # noqa: E402
from harness import BUILD, SOURCE, Skip, claim, patience  # noqa: E402

GENERATOR = os.path.join(BUILD, "src", "listen", "primed-listen-generator")
SOCKET = "primed-master.socket.d/50-primed-listen.conf"
SERVICE = "primed-master.service.d/50-primed-store.conf"


def generate(folder, config, expected_status=0):
    """The files written, by name, and what was said."""
    path, output = os.path.join(folder, "master.conf"), os.path.join(folder, "normal")
    if config is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
    shutil.rmtree(output, ignore_errors=True)
    os.mkdir(output)
    environment = {name: value for name, value in os.environ.items() if name not in ("SYSTEMD_SCOPE", "JOURNAL_STREAM")}
    done = subprocess.run([GENERATOR, f"--config={path}", output, "/no/early", "/no/late"], capture_output=True,
                          text=True, env=environment, timeout=patience(20), check=False)
    assert done.returncode == expected_status, done
    files = {}
    for parent, _, names in os.walk(output):
        for name in names:
            place = os.path.join(parent, name)
            with open(place, encoding="utf-8") as file:
                files[os.path.relpath(place, output)] = file.read()
    return files, done.stderr


@claim
def nothing_by_default(folder):
    """without a file, with an empty one and with the default nothing is written or said"""
    for config in (None, "", 'listen = ( "7919" );', 'listen = ( 7919 );'):
        assert generate(folder, config) == ({}, ""), config


@claim
def writes_dropins(folder):
    """listen and store become one drop-in each"""
    files, errors = generate(folder, 'listen = ( "7920", "10.0.0.1:7919" ); store = "/srv/primes";')
    assert sorted(files) == [SERVICE, SOCKET] and errors == "", (files, errors)
    assert "ListenStream=\nListenStream=7920\nListenStream=10.0.0.1:7919\n" in files[SOCKET]
    assert "/srv/primes" in files[SERVICE]


@claim
def dropins_of_the_config(folder):
    """master.conf.d is read too"""
    os.mkdir(os.path.join(folder, "master.conf.d"))
    with open(os.path.join(folder, "master.conf.d", "port.conf"), "w", encoding="utf-8") as file:
        file.write("listen = ( 8000 );")
    assert "ListenStream=8000" in generate(folder, 'listen = ( "7920" );')[0][SOCKET]


@claim
def broken_config_closes_the_socket(folder):
    """a broken file is told with its line, in one line, and the socket refuses to start, with the same sentence"""
    good = 'listen = ( "10.0.0.1:7919" );'
    for broken in ('\nlisten = ( "nowhere" );', good + "\nworkers_max = 0;", good + "\n}", '\nstore = "here";',
                   '\nstore = "/srv/\\x01";', '\nname = "\xe4\\"$HOME%h\\\\' + 70 * "x" + '";'):
        files, errors = generate(folder, broken, expected_status=1)
        assert len(errors.splitlines()) == 1 and "primed-master.socket does not start" in errors, (broken, errors)
        assert ":2: " in errors or "control character" in errors, (broken, errors)
        assert list(files) == [SOCKET], (broken, files)
        assert files[SOCKET].isascii() and "ListenStream" not in files[SOCKET], files
        commands = re.findall("^ExecStartPre=(.*)$", files[SOCKET], re.MULTILINE)
        assert len(commands) == 2 and commands[1] == "/bin/false", files
        # Of systemd's language it uses only what shlex knows, but for what is written twice or escaped.
        words = shlex.split(commands[0].replace("%%", "%").replace("$$", "$"))
        words[2] = words[2].replace("\\n", "\n")
        done = subprocess.run(words, capture_output=True, text=True, timeout=patience(10), check=False)
        assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1, done
        said = errors[:errors.index(" primed-master.socket")].split(": ", 1)[-1]
        assert done.stderr.strip().endswith(re.sub("[^ -~]", "?", said.encode().decode("latin-1"))), (done, errors)
        assert_verified(folder, files)


@claim
def unreadable_config_closes_the_socket(folder):
    """so does a file that cannot be read"""
    os.mkdir(os.path.join(folder, "master.conf"))
    files, errors = generate(folder, None, expected_status=1)
    assert list(files) == [SOCKET] and "/bin/false" in files[SOCKET] and "master.conf" in errors, (files, errors)


@claim
def usage(folder):
    """wrong usage is told in one line"""
    for arguments in ([], ["a", "b"], ["--no-such-option"]):
        done = subprocess.run([GENERATOR, *arguments], capture_output=True, text=True, check=False,
                              timeout=patience(10))
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done


@claim
def systemd_understands(folder):
    """systemd-analyze verify finds nothing wrong with the units and their drop-ins"""
    if not shutil.which("systemd-analyze"):
        raise Skip("needs systemd-analyze")
    files, _ = generate(folder, 'listen = ( "7920", "10.0.0.1:7919", "[fd00::1]:7919", "[fe80::1%lo]:7919" );'
                                'store = "/home/a b/primes%";')
    assert_verified(folder, files)


@claim
def verify_finds_mistakes(folder):
    """the claims that systemd understands can fail"""
    if not shutil.which("systemd-analyze"):
        raise Skip("needs systemd-analyze")
    for mistake in ('ExecStartPre=/bin/sh "open\n', "ListenStreams=1\n"):
        try:
            assert_verified(folder, {SOCKET: "[Socket]\n" + mistake})
        except AssertionError:
            continue
        raise AssertionError(mistake)


def assert_verified(folder, files):
    """systemd has nothing to say about the units with these drop-ins."""
    if not shutil.which("systemd-analyze"):
        return
    units = os.path.join(folder, "units")
    shutil.rmtree(units, ignore_errors=True)
    os.mkdir(units)
    for name, text in files.items():
        os.makedirs(os.path.join(units, os.path.dirname(name)), exist_ok=True)
        with open(os.path.join(units, name), "w", encoding="utf-8") as file:
            file.write(text)
    shutil.copy(os.path.join(SOURCE, "units", "primed-master.socket"), units)
    with open(os.path.join(units, "primed-master.service"), "w", encoding="utf-8") as file:
        file.write("[Service]\nExecStart=/bin/true\n")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", os.path.join(units, "primed-master.socket"),
                           os.path.join(units, "primed-master.service")],
                          capture_output=True, text=True, timeout=patience(60), check=False)
    assert done.returncode == 0 and units not in done.stderr, done


if __name__ == "__main__":
    harness.run()
