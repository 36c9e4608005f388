#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples and man pages of the config files say what the tables of keys in src/settings say.

    config-keys.py DUMP_KEYS SOURCE_TREE STATE_FOLDER [--write]

STATE_FOLDER is the one that DUMP_KEYS was built with; texts have /var/lib/primed. --write makes the examples anew,
below the comment at their top.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tree import Tree, report

STATE_FOLDER = '/var/lib/primed'
INDENT = ' ' * 8
SCREEN_LINES = 24
FIRST_SCREEN = {
    'worker.conf': ['cores = 2;', 'cpu_quota = "150%";', '/etc/primed/worker.conf'],
    'master.conf': ['enabled = false', 'systemctl reload primed-master', '/etc/primed/master.conf'],
}

Key = collections.namedtuple('Key', 'path kind required low high default example unit reason')


class Program:
    """dump-keys of one build."""

    def __init__(self, path, state_folder):
        self.path = path
        self.state_folder = state_folder

    def keys(self, file):
        """The table of a file, in its order."""
        table = subprocess.run([self.path, 'table', file], stdout=subprocess.PIPE, text=True, check=True).stdout
        return [Key(*line.split('\t')) for line in table.replace(self.state_folder, STATE_FOLDER).splitlines()]

    def load(self, file, text):
        """What the program finds wrong with the text, "" if nothing."""
        with tempfile.NamedTemporaryFile('w', suffix='.conf', encoding='utf-8') as copy:
            copy.write(text)
            copy.flush()
            done = subprocess.run([self.path, 'load', file, copy.name], stdout=subprocess.PIPE, text=True, check=False)
        return '' if done.returncode == 0 else done.stdout.strip().replace(copy.name, 'line')


def facts(key):
    """Unit, range and default of a key, in one line."""
    if key.kind == 'group':
        return ''
    value = 'true or false' if key.kind == 'boolean' else key.unit
    if key.kind == 'number':
        value += f', {key.low} to {key.high}'
    elif key.kind in ('strings', 'groups'):
        value += f', at most {key.high} of them'
    default = 'Must be set.' if key.required == '1' else f'Default: {key.default or "not set"}.'
    return f'Value: {value}. {default}'


def describe(key, indent):
    """The comment above a key."""
    return [f'{indent}# {line}' for line in (key.reason, facts(key)) if line]


def render(keys):
    """The example below its opening comment."""
    lines = []
    for key in keys:
        if '.' in key.path:
            continue
        children = [child for child in keys if child.path.startswith(key.path + '.')]
        lines += describe(key, '')
        if not children:
            lines += [f'#{key.path} = {key.example};', '']
            continue
        lines.append(f'#{key.path} = ' + ('( {' if key.kind == 'groups' else '{'))
        for child in children:
            lines += describe(child, '#' + INDENT)
            lines.append(f'#{INDENT}{child.path.split(".")[1]} = {child.example};')
        lines += ['#} );' if key.kind == 'groups' else '#};', '']
    return '\n'.join(lines[:-1]) + '\n'


def uncomment(text):
    """All keys that stand there as comments become settings."""
    return ''.join(re.sub(r'^#(?=[a-z_]+ = | {8}|\})', '', line) for line in text.splitlines(True))


def check_example(program, file, path, text):
    """The example is made of the table, and the reader takes all of it."""
    keys = program.keys(file)
    top, gap, body = text.partition('\n\n')
    for expected, found in zip(render(keys).splitlines(), body.splitlines()):
        if expected != found:
            yield f'{path}: "{found}" instead of "{expected}" (mend it with config-keys.py --write)'
            break
    else:
        if render(keys) != body:
            yield f'{path}: not as long as the table (mend it with config-keys.py --write)'
    if not gap or not all(line.startswith('# ') for line in top.splitlines()):
        yield f'{path}: does not begin with a comment and an empty line'
    if problem := program.load(file, uncomment(text)):
        yield f'{path}: all in use: {problem}'
    settings = re.sub(r'#.*', '', uncomment(text))
    names = set(re.findall(r'\b([a-z_]+) = ', settings))
    for key in keys:
        if key.path.split('.')[-1] not in names:
            yield f'{path}: {key.path} is not set when all is in use'


def check_conffile(program, file, path, text):
    """The reader takes it as it is, and with everything in use that is a comment."""
    for what, variant in (('as it is', text), ('all in use', uncomment(text))):
        if problem := program.load(file, variant):
            yield f'{path}: {what}: {problem}'
    if uncomment(text) == text:
        yield f'{path}: shows no key as a comment'


def manual_entries(source):
    """Name of the key: text, for each tagged paragraph `*key* = …` of an scdoc page."""
    entries = re.split(r'^\t*\*([a-z_]+)\* = ', source, flags=re.MULTILINE)
    return collections.Counter(entries[1::2]), dict(zip(entries[1::2], entries[2::2]))


def plain(text):
    """Without scdoc's escapes, emphasis and line breaks."""
    return re.sub(r'\s+', ' ', re.sub(r'\\(.)', r'\1', re.sub(r'(?<!\\)\*', '', text)))


def check_manual(program, file, path, source):
    """An entry for each key, with its default; none for others."""
    keys = program.keys(file)
    counts, entries = manual_entries(source)
    wanted = collections.Counter(key.path.split('.')[-1] for key in keys)
    for name in sorted(set(counts) | set(wanted)):
        if counts[name] != wanted[name]:
            yield f'{path}: {counts[name]} entries for {name} instead of {wanted[name]}'
    for key in keys:
        name = key.path.split('.')[-1]
        if key.default and wanted[name] == 1 and f'Default: {key.default}.' not in plain(entries.get(name, '')):
            yield f'{path}: the entry for {name} does not say "Default: {key.default}."'


def check_first_screen(path, source, answers):
    """A terminal of 80 columns and 24 lines shows the answers without turning a page."""
    if not (shutil.which('scdoc') and shutil.which('mandoc')):
        return
    page = subprocess.run(['scdoc'], input=source, stdout=subprocess.PIPE, text=True, check=True).stdout
    shown = subprocess.run(['mandoc', '-T', 'ascii', '-O', 'width=80'], input=page, stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    screen = ' '.join(re.sub(r'.\x08', '', '\n'.join(shown.splitlines()[:SCREEN_LINES])).split())
    for answer in answers:
        if answer not in screen:
            yield f'{path}: "{answer}" is not on the first screen'


def find_problems(program, tree):
    """All of it, as texts."""
    problems = []
    for file in ('worker.conf', 'master.conf'):
        conffile, example, manual = f'conf/{file}', f'conf/{file}.example', f'man/primed-{file}.5.scd'
        problems += check_conffile(program, file, conffile, tree.read(conffile))
        problems += check_example(program, file, example, tree.read(example))
        problems += check_manual(program, file, manual, tree.read(manual))
        problems += check_first_screen(manual, tree.read(manual), FIRST_SCREEN[file])
    return problems


def write_examples(program, tree):
    """Makes the examples anew from the tables."""
    for file in ('worker.conf', 'master.conf'):
        path = f'conf/{file}.example'
        text = tree.read(path).partition('\n\n')[0] + '\n\n' + render(program.keys(file))
        with open(os.path.join(tree.root, path), 'w', encoding='utf-8') as example:
            example.write(text)


if __name__ == '__main__':
    PROGRAM, TREE = Program(sys.argv[1], sys.argv[3]), Tree(sys.argv[2])
    if '--write' in sys.argv[4:]:
        write_examples(PROGRAM, TREE)
        sys.exit(0)
    sys.exit(report(find_problems(PROGRAM, TREE)))
