# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of packages share: copies of the tree, commands, and folders that outlive one claim."""

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))

from harness import SOURCE, Skip  # noqa: E402

VERSION_LINE = "version: '"
# Made by builds; never part of a source package.
SKIPPED = {".git", "__pycache__", ".pc"}


def scratch():
    """A folder for the whole run: packages are built once and looked at by several claims."""
    folder = tempfile.mkdtemp(prefix="primed-package-", dir=os.environ.get("TMPDIR", "/var/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def need(*tools):
    """Skips the claim unless all of the commands are there."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        raise Skip(f"needs {', '.join(missing)}")


def copy_tree(target):
    """The sources, without what builds have left in them."""
    def skip(folder, names):
        top = os.path.realpath(folder) == os.path.realpath(SOURCE)
        return {name for name in names if name in SKIPPED or (top and name.startswith("build"))}

    shutil.copytree(SOURCE, target, ignore=skip, symlinks=True)


def run(*command, expected=(0,), **options):
    """Standard output and standard error in one text."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False, **options)
    if done.returncode not in expected:
        tail = "\n".join(done.stdout.splitlines()[-40:])
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{tail}")
    return done.stdout


def digest(path):
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def version():
    """Of the project, as in the root meson.build."""
    text = read(os.path.join(SOURCE, "meson.build"))
    return text[text.index(VERSION_LINE) + len(VERSION_LINE):].split("'")[0]
