#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shape of the tree (HACKING.md): names, sizes, heads of files, twin tests.

    shape.py SOURCE_TREE
"""

import collections
import os
import re
import sys

from tree import Tree, report

FILE_LINES_MAX = 1000
FUNCTION_LINES_MAX = 120
COLUMNS_MAX = 120

C_SPDX = '/* SPDX-License-Identifier: LGPL-2.1-or-later */'
HASH_SPDX = '# SPDX-License-Identifier: LGPL-2.1-or-later'

FUNCTION_START = re.compile(r'^[A-Za-z_][^;=]*\(')
NOT_A_FUNCTION = re.compile(r'^(struct|union|enum|typedef|extern "C"|static const|const)\b[^(]*$')

# What must not stand in the tree: places of one person's machine, numbers of a tracker that readers cannot see.
# The brackets keep this file clean itself.
FORBIDDEN = re.compile(r'/[w]ork/|/[f]arm|\b[i]ssue #?\d|/[t]mp/[b]uild-', re.IGNORECASE)
UNFINISHED = re.compile(r'\b([F]IXME|[X]XX|[T]ODO)\b')


def check_basenames(tree):
    """Basenames in src/ are unique, except main.c and meson.build; x.h belongs to x.c."""
    places = collections.defaultdict(list)
    for path in tree.under('src', '.c', '.h'):
        places[os.path.basename(path)].append(path)
    for name, paths in places.items():
        if len(paths) > 1 and name != 'main.c':
            yield f'{", ".join(paths)}: one basename in two folders'


def check_heads(tree):
    """The licence line comes first; headers have #pragma once."""
    for path in tree.paths:
        text = tree.read(path)
        if path.endswith(('.c', '.h')):
            if not text.startswith(C_SPDX + '\n'):
                yield f'{path}:1: the first line must be {C_SPDX}'
            if path.endswith('.h') and '\n#pragma once\n' not in text:
                yield f'{path}: no #pragma once'
        elif path.endswith(('meson.build', '.py', '.sh', '.spec')) or text.startswith('#!'):
            if HASH_SPDX not in text.splitlines()[:2]:
                yield f'{path}:1: no line {HASH_SPDX} at the top'


def check_titles(tree):
    """Every .c in src/ opens with a comment that says what it is."""
    for path in tree.under('src', '.c'):
        lines = tree.read(path).splitlines()
        if len(lines) < 3 or lines[1] != '' or not lines[2].startswith('/*'):
            yield f'{path}:3: no title comment behind the licence line'


def list_functions(lines):
    """(name line, length of the body) of each function, by the layout that the style asks for."""
    start, opened = None, None
    for number, line in lines:
        if opened is not None:
            if line.startswith('}'):
                yield start, number - opened - 1
                start, opened = None, None
            continue
        if FUNCTION_START.match(line) and not NOT_A_FUNCTION.match(line):
            start = number
        elif line and not line[0].isspace():
            start = None
        if start is not None:
            if line.endswith('{'):
                opened = number
            elif line.endswith(';'):
                start = None


def check_sizes(tree):
    """Files, functions and lines stay readable."""
    for path in tree.paths:
        if not path.endswith(('.c', '.h', '.py', '.sh')):
            continue
        lines = tree.lines(path)
        if len(lines) > FILE_LINES_MAX:
            yield f'{path}: {len(lines)} lines, more than {FILE_LINES_MAX}: split it at the second noun'
        for number, line in lines:
            if len(line) > COLUMNS_MAX:
                yield f'{path}:{number}: {len(line)} columns, more than {COLUMNS_MAX}'
        if path.endswith('.c'):
            for number, length in list_functions(lines):
                if length > FUNCTION_LINES_MAX:
                    yield f'{path}:{number}: a function of {length} lines, more than {FUNCTION_LINES_MAX}'


def read_twin_exceptions(tree):
    """Path: reason, for sources that are tested otherwise."""
    for _, line in tree.lines('tests/lint/without-twin.txt'):
        if line and not line.startswith('#'):
            path, _, reason = line.partition(': ')
            yield path, reason.strip()


def check_twins(tree):
    """src/FOLDER/…/x.c has tests/FOLDER/…/test-x.c, which is built, or a reason why not."""
    reasons = dict(read_twin_exceptions(tree))
    for path in tree.under('src', '.c'):
        folder, name = path.split(os.sep)[1], os.path.basename(path)[:-2]
        twins = [twin for twin in tree.under(os.path.join('tests', folder), f'{os.sep}test-{name}.c')]
        if path in reasons:
            if twins:
                yield f'{path}: listed in without-twin.txt, but {twins[0]} exists'
            elif not reasons[path]:
                yield f'{path}: listed in without-twin.txt without a reason'
        elif not twins and name != 'main':
            yield f'{path}: no tests/{folder}/test-{name}.c'
        elif twins and name not in tree.read(os.path.join('tests', folder, 'meson.build')):
            yield f'{twins[0]}: not built by tests/{folder}/meson.build'
    for path in reasons:
        if path not in tree.paths:
            yield f'tests/lint/without-twin.txt: {path} does not exist'


def check_words(tree):
    """Nothing that only its writer understands."""
    for path in tree.paths:
        if path in ('LICENSE',) or 'corpus' in path.split(os.sep) or path.startswith(os.path.join('tests', 'data')):
            continue
        for number, line in tree.lines(path):
            if match := FORBIDDEN.search(line):
                yield f'{path}:{number}: "{match[0]}" means nothing to a reader of this tree'
            if path.endswith(('.c', '.h')) and (match := UNFINISHED.search(line)):
                yield f'{path}:{number}: unfinished: {match[0]}'


RULES = [check_basenames, check_heads, check_titles, check_sizes, check_twins, check_words]


def find_problems(tree):
    """All violations, as texts."""
    problems = [] if tree.under('src', '.c') else ['src/: no source at all']
    for rule in RULES:
        problems += rule(tree)
    return problems


if __name__ == '__main__':
    sys.exit(report(find_problems(Tree(sys.argv[1]))))
