# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of the source tree, for the lint tests."""

import os

# Made by builds and tools; never looked at.
SKIPPED = {'.git', '__pycache__', '.pc', 'obj-x86_64-linux-gnu'}


class Tree:
    """The text files below `root`, with paths relative to it. Needs no git: an unpacked tarball is checked too."""

    def __init__(self, root):
        self.root = root
        self.paths = sorted(self._walk())

    def _walk(self):
        for folder, folders, names in os.walk(self.root):
            top = os.path.relpath(folder, self.root)
            folders[:] = [name for name in folders
                          if name not in SKIPPED and not (top == '.' and name.startswith('build'))]
            for name in names:
                if name not in SKIPPED:  # in a worktree of git .git is a file
                    yield os.path.normpath(os.path.join(top, name))

    def read(self, path):
        """The text of one file."""
        with open(os.path.join(self.root, path), encoding='utf-8', errors='replace') as file:
            return file.read()

    def lines(self, path):
        """The lines of one file, with their numbers from 1."""
        return list(enumerate(self.read(path).splitlines(), 1))

    def under(self, folder, *suffixes):
        """The paths below `folder` that end with one of `suffixes`."""
        return [path for path in self.paths if path.startswith(folder + os.sep) and path.endswith(suffixes)]


def report(problems):
    """Prints what is wrong; the exit status of a test."""
    for problem in problems:
        print(problem)
    return 1 if problems else 0
