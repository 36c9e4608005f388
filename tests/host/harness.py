# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of real processes share: the programs, throw-away folders, TAP.

A test program is called with the build directory as its first argument. It lists its claims with claim() and ends
with run(), as tests/test.h does it in C.
"""

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.abspath("build")
PRIMECTL = os.path.join(BUILD, "src", "ctl", "primectl")
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

os.environ["XDG_CACHE_HOME"] = "/dev/null"  # no worker measures this machine, or goes by what another measured

_claims = []


class Skip(Exception):
    """This machine cannot check the claim; the text says why."""


def claim(function):
    """Adds a function to the list of claims; its docstring is what the claim says."""
    _claims.append(function)
    return function


def run():
    """Runs the claims (or only those named on the command line) and exits with TAP's status."""
    wanted = sys.argv[2:]
    failed = 0
    claims = [c for c in _claims if not wanted or c.__name__ in wanted]
    print(f"1..{len(claims)}")
    for number, function in enumerate(claims, 1):
        title = (function.__doc__ or function.__name__).strip().splitlines()[0].replace("#", "")
        folder = tempfile.mkdtemp(prefix="primed-test-")
        began = time.monotonic()
        try:
            function(folder)
            print(f"# {time.monotonic() - began:.1f} s")
            print(f"ok {number} - {function.__name__}: {title}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {function.__name__} # SKIP {reason}", flush=True)
        except KeyboardInterrupt:
            raise  # a person, or a time limit: the claims that follow must not begin
        except BaseException:
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print(f"not ok {number} - {function.__name__}: {title}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


@functools.cache
def slowness():
    """How many times slower the build makes the programs: 1 without a sanitizer (tests/test.h has the same)."""
    with open(PRIMECTL, "rb") as file:
        text = file.read()
    return 20 if b"__tsan_init" in text else 4 if b"__asan_init" in text else 1


def is_sanitized():
    """The programs are built with a sanitizer, which makes them slow and large."""
    return slowness() > 1


def patience(seconds):
    """How long something may take that takes at most so many seconds in an ordinary build."""
    return seconds * slowness()


def need_no_sanitizer():
    """Skips the rest of a claim about memory."""
    if is_sanitized():
        raise Skip("a sanitizer needs memory of its own")


def primectl(*arguments, check=True, timeout=300, **options):
    """Runs primectl; returns the finished process with its output as text."""
    process = subprocess.run([PRIMECTL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             stdin=subprocess.DEVNULL, timeout=patience(timeout), **options)
    if check and process.returncode != 0:
        raise AssertionError(f"primectl {' '.join(arguments)}: status {process.returncode}\n{process.stderr}")
    return process


def local(store, *arguments, **options):
    """primectl local --quiet --json into `store`; returns the summary."""
    process = primectl("local", "--store", store, "--quiet", "--json", *arguments, **options)
    return json.loads(process.stdout)


def start_local(store, *arguments, env=None, stderr=subprocess.DEVNULL):
    """The same in the background, in a process group of its own."""
    return subprocess.Popen([PRIMECTL, "local", "--store", store, "--quiet", *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=stderr, env=env, start_new_session=True)


def children(pid):
    """The child processes of `pid`: {pid: program name}."""
    found = {}
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            numbers = file.read().split()
    except OSError:
        return found
    for number in numbers:
        try:
            with open(f"/proc/{number}/comm", encoding="ascii") as file:
                found[int(number)] = file.read().strip()
        except OSError:
            pass
    return found


def wait_end(seconds):
    """When to give up waiting for what comes within so many seconds: not before something hangs, on a busy machine."""
    return time.monotonic() + 3 * patience(seconds)


def wait_until(condition, seconds=30, pause=0.002):
    """Waits until condition() is true, at most until wait_end(seconds); returns its value."""
    end = wait_end(seconds)
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError("waited too long")


def wait_for_socket(path):
    """Waits until somebody listens on the Unix socket `path`: its name is there a moment before."""
    def listens():
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(path)
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    wait_until(listens)


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def store_files(store):
    """The contents of everything in a store that depends on the job alone: sealed segments, manifest, job."""
    contents = {}
    for name in sorted(os.listdir(store)):
        if name.endswith(".primes") or name in ("manifest", "job"):
            with open(os.path.join(store, name), "rb") as file:
                contents[name] = file.read()
    return contents
