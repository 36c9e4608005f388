#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""shellcheck over every shell script.

    shell.py SOURCE_TREE
"""

import re
import shutil
import subprocess
import sys

from tree import Tree

SHELL = re.compile(r'\A(#!.*[/ ](ba|da)?sh\n|(#.*\n){0,2}# shellcheck shell=)')


def list_scripts(tree):
    """Shell scripts by their first lines, whatever they are called."""
    return [path for path in tree.paths
            if not path.endswith(('.c', '.h', '.py')) and SHELL.match(tree.read(path))]


if __name__ == '__main__':
    if not shutil.which('shellcheck'):
        print('needs shellcheck')
        sys.exit(77)
    SCRIPTS = list_scripts(Tree(sys.argv[1]))
    if not SCRIPTS:
        sys.exit('no script found')
    print('\n'.join(SCRIPTS))
    sys.exit(subprocess.run(['shellcheck', '-x', *SCRIPTS], cwd=sys.argv[1], check=False).returncode)
