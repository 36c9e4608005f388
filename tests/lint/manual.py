#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What our programs say about themselves: the help texts, the man pages, and that they agree. Each program, unit and
config file has a page.

    manual.py BUILD_DIRECTORY SOURCE_TREE
"""

import os
import re
import shutil
import subprocess
import sys

from tree import Tree, report

COLUMNS_MAX = 80
OPTION = re.compile(r'(?<![\w-])--[a-z][a-z0-9-]*')
VERB = re.compile(r'^ {2,4}([a-z][a-z-]*)\b')
MAN_SOURCE = 'man/primectl.1.scd'
# Programs that systemd starts: where they are built.
DAEMONS = {
    'primed-limits': 'src/limits/primed-limits',
    'primed-listen-generator': 'src/listen/primed-listen-generator',
    'primed-master': 'src/master/primed-master',
    'primed-scout': 'src/scout/primed-scout',
    'primed-worker': 'src/worker/primed-worker',
}
UNIT = re.compile(r'^(primed[a-z.-]*\.(?:service|socket|path|slice))(?:\.in)?$')


class Program:
    """A program under test."""

    def __init__(self, path):
        self.path = path

    def run(self, *arguments):
        """Exit status, standard output, standard error."""
        done = subprocess.run([self.path, *arguments], capture_output=True, text=True, timeout=20, check=False,
                              stdin=subprocess.DEVNULL, env={**os.environ, 'COLUMNS': '80', 'NO_COLOR': '1'})
        return done.returncode, done.stdout, done.stderr

    def verbs(self):
        """The words of the block "Commands:" in the help."""
        verbs, inside = [], False
        for line in self.run('--help')[1].splitlines():
            if line.endswith(':') and not line.startswith(' '):
                inside = line.lower().startswith('command')
            elif inside and (match := VERB.match(line)):
                verbs.append(match[1])
        return verbs


def check_help(primectl, *verb):
    """--help succeeds, fits a terminal, and is no complaint."""
    words = ' '.join(['primectl', *verb, '--help'])
    status, output, errors = primectl.run(*verb, '--help')
    if status != 0:
        yield f'{words}: exit status {status} instead of 0'
    if errors:
        yield f'{words}: writes to standard error: {errors.splitlines()[0]}'
    if not output:
        yield f'{words}: says nothing'
    if verb and verb[0] not in output:
        yield f'{words}: does not name "{verb[0]}"'
    for line in output.splitlines():
        if len(line) > COLUMNS_MAX:
            yield f'{words}: {len(line)} columns: {line}'


def check_usage_error(primectl, *arguments):
    """Wrong usage: status 2, one line, and where to read on."""
    words = ' '.join(['primectl', *arguments])
    status, output, errors = primectl.run(*arguments)
    if status != 2:
        yield f'{words}: exit status {status} instead of 2'
    if output:
        yield f'{words}: writes to standard output'
    if len(errors.splitlines()) != 1:
        yield f'{words}: {len(errors.splitlines())} lines on standard error instead of one'
    if '--help' not in errors:
        yield f'{words}: does not name --help'


def plain_manual(source):
    """The text of an scdoc page without its escapes and emphasis."""
    return re.sub(r'\\(.)', r'\1', source)


def check_manual(primectl, verbs, source):
    """Each verb and option of the help stands in the man page, and the other way round."""
    manual = plain_manual(source)
    helped = set(OPTION.findall(primectl.run('--help')[1]))
    for verb in verbs:
        helped |= set(OPTION.findall(primectl.run(verb, '--help')[1]))
        if not re.search(rf'^\*{verb}\*', manual, re.MULTILINE):
            yield f'{MAN_SOURCE}: no entry for the verb {verb}'
    written = set(OPTION.findall(manual))
    for option in sorted(helped - written):
        yield f'{MAN_SOURCE}: {option} is in a help text but not here'
    for option in sorted(written - helped):
        yield f'{MAN_SOURCE}: {option} is in no help text'


def check_environment(tree, source):
    """Each variable that primectl reads stands in the man page, but for what only tells where it runs."""
    names = set()
    for path in tree.under('src/ctl', '.c'):
        names |= set(re.findall(r'\bgetenv\("([A-Z_]+)"\)', tree.read(path)))
    for name in sorted(names - {'SUDO_UID', 'PKEXEC_UID', 'TERM'}):
        if not re.search(rf'_{name}_', plain_manual(source)):
            yield f'{MAN_SOURCE}: the variable {name} is missing'


def check_letters(primectl, verbs, source):
    """The same of options that are letters."""
    for verb in verbs:
        for letter in re.findall(r'^  -([a-zA-Z])\b', primectl.run(verb, '--help')[1], re.MULTILINE):
            if not re.search(rf'\*-{letter}\*', source):
                yield f'{MAN_SOURCE}: -{letter} is in the help of {verb} but not here'


def check_daemon(program, name, tree):
    """The help of a daemon is well-formed, and its options are the entries of its man page."""
    path = f'man/{name}.8.scd'
    status, output, errors = program.run('--help')
    if status != 0 or errors or not output.startswith(name):
        yield f'{name} --help: status {status}, {errors or output}'
    for line in output.splitlines():
        if len(line) > COLUMNS_MAX:
            yield f'{name} --help: {len(line)} columns: {line}'
    if path not in tree.paths:
        yield f'{path}: missing'
        return
    helped = set(OPTION.findall('\n'.join(line for line in output.splitlines() if line.lstrip().startswith('-'))))
    entries = [line for line in plain_manual(tree.read(path)).splitlines() if line.startswith('*-')]
    written = set(OPTION.findall('\n'.join(entries)))
    for option in sorted(helped ^ written):
        yield f'{path}: {option} is in {"the help text" if option in helped else "no help text"} but ' + \
              f'{"not here" if option in helped else "here"}'


def list_page_names(tree):
    """The names under which man finds a page, from man/meson.build; and for each the page that is shown."""
    source = tree.read('man/meson.build')
    names = {name: name for name in re.findall(r"'([\w.-]+\.\d)'", source.split(']')[0])}
    names.update(re.findall(r"'([\w.-]+\.\d)': '([\w.-]+\.\d)'", source))
    return names


def check_names(tree):
    """Each program, unit and config file has a page, which names it in its title; each page is built."""
    names = list_page_names(tree)
    wanted = ['primectl.1', *(f'{name}.8' for name in DAEMONS)]
    wanted += [f'{UNIT.match(os.path.basename(path))[1]}.8' for path in tree.paths
               if path.startswith('units/') and UNIT.match(os.path.basename(path))]
    wanted += [f'primed-{os.path.basename(path)}.5' for path in tree.under('conf', '.conf')]
    for name in wanted:
        if name not in names:
            yield f'man/meson.build: no page {name}'
            continue
        title = tree.read(f'man/{names[name]}.scd').split('# NAME')[1].split('#')[0].split(' - ')[0]
        if name.rpartition('.')[0] not in re.split(r'[,\s]+', plain_manual(title)):
            yield f'man/{names[name]}.scd: the section NAME does not have {name}'
    for path in tree.under('man', '.scd'):
        if os.path.basename(path)[:-4] not in names:
            yield f'{path}: not built by man/meson.build'


def check_page(path, source):
    """mandoc finds nothing wrong with the page as built."""
    page = subprocess.run(['scdoc'], input=source, capture_output=True, text=True, check=False)
    if page.returncode != 0:
        yield f'{path}: scdoc: {page.stderr.strip()}'
        return
    lint = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning'], input=page.stdout, capture_output=True, text=True,
                          check=False)
    for line in lint.stdout.splitlines():
        if 'skipping paragraph macro' not in line:  # scdoc writes .PP in front of tables and headings
            yield f'{path}: {line}'


def find_problems(primectl, tree):
    """All that is wrong with primectl, as texts."""
    source = tree.read(MAN_SOURCE)
    verbs = primectl.verbs()
    problems = [] if verbs else ['primectl --help: no block "Commands:"']
    problems += check_help(primectl)
    for verb in verbs:
        problems += check_help(primectl, verb)
        problems += check_usage_error(primectl, verb, '--no-such-option')
    problems += check_usage_error(primectl, 'no-such-verb')
    problems += check_usage_error(primectl, '--no-such-option')
    problems += check_manual(primectl, verbs, source)
    problems += check_letters(primectl, verbs, source)
    problems += check_environment(tree, source)
    return problems


def find_all_problems(build, tree):
    """primectl, the daemons, and every page."""
    problems = find_problems(Program(os.path.join(build, 'src/ctl/primectl')), tree)
    for name, path in DAEMONS.items():
        problems += check_daemon(Program(os.path.join(build, path)), name, tree)
    problems += check_names(tree)
    for path in tree.under('man', '.scd'):
        problems += check_page(path, tree.read(path))
    return problems


if __name__ == '__main__':
    for tool in ('scdoc', 'mandoc'):
        if not shutil.which(tool):
            print(f'needs {tool}')
            sys.exit(77)
    sys.exit(report(find_all_problems(sys.argv[1], Tree(sys.argv[2]))))
