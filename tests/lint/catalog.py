#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal's catalog explains every event of base/journal.h, in its order, with fields that programs do send.

    catalog.py SOURCE_TREE
"""

import re
import sys

from tree import Tree, report

CATALOG = 'conf/primed.catalog'
HEADER = 'src/base/journal.h'
COLUMNS_MAX = 80

EVENT = re.compile(r'^#define (MESSAGE_ID_\w+) "([^"]*)"', re.MULTILINE)
ENTRY = re.compile(r'^-- (\S+)\n(.*?)(?=^-- |\Z)', re.MULTILINE | re.DOTALL)
FIELD = re.compile(r'@([A-Z_]+)@')


def check_entry(message_id, text, sent):
    """What is wrong with one entry."""
    head, _, body = text.partition('\n\n')
    for key in ('Subject', 'Defined-By', 'Documentation'):
        if not re.search(rf'^{key}: \S', head, re.MULTILINE):
            yield f'{CATALOG}: {message_id} has no line {key}'
    if len(body.split()) < 5:
        yield f'{CATALOG}: {message_id} is not explained'
    for field in FIELD.findall(text):
        if field not in sent:
            yield f'{CATALOG}: {message_id}: no program sends the field {field}'


def find_problems(tree):
    """All disagreements, as texts."""
    events = EVENT.findall(tree.read(HEADER))
    entries = ENTRY.findall(tree.read(CATALOG))
    sources = ''.join(tree.read(path) for path in tree.under('src', '.c'))
    sent = set(re.findall(r'"([A-Z][A-Z_]+)"', sources))
    if not events:
        yield f'{HEADER}: no event found'
    for name, message_id in events:
        if not re.fullmatch('[0-9a-f]{32}', message_id):
            yield f'{HEADER}: {name} is no id: make one with systemd-id128 new'
        if message_id not in dict(entries):
            yield f'{CATALOG}: {name} ({message_id}) is not explained'
        if name not in sources:
            yield f'{HEADER}: no program sends {name}'
    for message_id, text in entries:
        if message_id not in [event[1] for event in events]:
            yield f'{CATALOG}: {message_id} is not in {HEADER}'
        yield from check_entry(message_id, text, sent)
    if [entry[0] for entry in entries] != [event[1] for event in events]:
        yield f'{CATALOG}: the order is not that of {HEADER}, or an entry stands twice'
    for number, line in tree.lines(CATALOG):
        if len(line) > COLUMNS_MAX and not line.startswith('#'):
            yield f'{CATALOG}:{number}: {len(line)} columns, more than {COLUMNS_MAX}'


if __name__ == '__main__':
    sys.exit(report(list(find_problems(Tree(sys.argv[1])))))
