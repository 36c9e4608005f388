#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may include whom (ARCHITECTURE.md, "Layers").

    layers.py SOURCE_TREE

A folder includes itself and lower levels; two folders of one level never include each other. What a folder must never
know is checked as far as a header or a call gives it away.
"""

import os
import re
import sys

from tree import Tree, report

LEVELS = {
    'base': 0,
    'prime': 1,
    'plan': 2, 'store': 2, 'wire': 2, 'audit': 2, 'discovery': 2, 'settings': 2, 'bus': 2,
    'connect': 2,
    'master': 3, 'worker': 3, 'scout': 3, 'limits': 3, 'listen': 3, 'ctl': 3,
}
PROGRAMS = {folder for folder, level in LEVELS.items() if level == 3}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')

FILES = r'^(base/file\.h|base/fd\.h|fcntl\.h|stdio_ext\.h|sys/stat\.h|dirent\.h)$'
SOCKETS = r'^(sys/socket\.h|netinet/.*|netdb\.h|systemd/sd-event\.h)$'
THREADS = r'^(pthread\.h|threads\.h)$'
LOGGING = r'^base/log\.h$'
BUS = r'^systemd/sd-bus.*\.h$'

# Folder: (pattern for headers, what that is). From the column "must never know" of the table.
FOREIGN_HEADERS = {
    'prime': [(FILES, 'files'), (SOCKETS, 'sockets'), (THREADS, 'threads'), (LOGGING, 'the log'), (BUS, 'D-Bus')],
    'plan': [(FILES, 'files'), (SOCKETS, 'sockets'), (THREADS, 'threads'), (BUS, 'D-Bus'),
             (r'^(gmp|primesieve)\.h$|^prime/', 'primes')],
    'store': [(SOCKETS, 'sockets'), (BUS, 'D-Bus')],
    'wire': [(BUS, 'D-Bus')],
}
# Libraries that one folder wraps for all others.
ONE_USER = {'libconfig.h': 'settings', 'primesieve.h': 'tests', 'xxhash.h': 'base',
            **{f'avahi-common/{name}.h': 'discovery'
               for name in ('address', 'alternative', 'defs', 'error', 'malloc', 'strlst')}}

CLOCK_CALL = re.compile(r'\b(clock_(now|realtime|thread_cpu)_usec|clock_gettime|gettimeofday|time)\s*\(')
LOUD_CALL = re.compile(r'\blog_(info|notice|warning|error)(_errno)?\s*\(')


def check_include(folder, quote, header):
    """What is wrong with an include in src/`folder`, or None."""
    for pattern, what in FOREIGN_HEADERS.get(folder, []):
        if re.match(pattern, header):
            return f'{folder} must not know {what}: <{header}>'
    if header in ONE_USER and folder != ONE_USER[header]:
        return f'only {ONE_USER[header]} uses <{header}>'
    if quote == '<':
        return None
    other = header.split('/')[0]
    if '/' not in header or other not in LEVELS:
        return f'include by path from src/: "{header}"'
    if other != folder and LEVELS[other] >= LEVELS[folder]:
        return f'{folder} (level {LEVELS[folder]}) must not include {other} (level {LEVELS[other]}): "{header}"'
    return None


def check_line(folder, line):
    """What is wrong with a line of code in src/`folder`, or None."""
    if match := INCLUDE.match(line):
        return check_include(folder, *match.groups())
    code = line.split('/*')[0]
    if code.lstrip().startswith('*'):
        return None
    if folder in ('prime', 'plan') and CLOCK_CALL.search(code):
        return f'{folder} takes the time as an argument and never asks for it'
    if folder not in PROGRAMS and folder != 'base' and LOUD_CALL.search(code):
        return f'{folder} is a library: it returns errors and logs nothing above debug'
    return None


def find_problems(tree):
    """All violations, as texts."""
    paths = tree.under('src', '.c', '.h')
    problems = [] if paths else ['src/: no source at all']
    for path in paths:
        folder = path.split(os.sep)[1]
        if folder not in LEVELS:
            problems.append(f'{path}: the folder src/{folder} has no place in the table of layers')
            continue
        for number, line in tree.lines(path):
            if problem := check_line(folder, line):
                problems.append(f'{path}:{number}: {problem}')
    return problems


if __name__ == '__main__':
    sys.exit(report(find_problems(Tree(sys.argv[1]))))
