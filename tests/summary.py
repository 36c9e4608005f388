#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs `meson test` and counts claims instead of programs.

    summary.py BUILD_DIRECTORY [ARGUMENTS OF meson test]

meson counts a TAP program with forty claims as one test, hides the reason of a skip in a log, and calls a program
that skipped half of its claims "OK". Here each claim of a TAP program counts by itself; a program without TAP counts
once, with exit status 77 for "skipped, the reason is my last line". A program that ends badly after its last claim
(a sanitizer, a leak, a crash, a missing plan) adds one failure.

The source is meson-logs/testlog.json, one object a line with name, result, stdout and stderr, the same since meson
0.50; which tests speak TAP is told by meson-info/intro-tests.json.
"""

import json
import os
import re
import subprocess
import sys

TAIL_LINES = 20
PROGRESS_LINE = re.compile(r'^\s*\d+/\d+ ')
TAP_LINE = re.compile(r'^(not )?ok\b\s*\d*\s*(?:-\s*)?([^#]*?)\s*(?:#\s*(SKIP|TODO)\S*\s*(.*))?$', re.IGNORECASE)
TAP_PLAN = re.compile(r'^1\.\.(\d+)\s*(?:#\s*SKIP\S*\s*(.*))?$', re.IGNORECASE)


class Summary:
    """What became of the claims, with texts for those that a person has to see."""

    def __init__(self):
        self.passes = []  # (test, claim or '')
        self.failures = []  # (test, claim, output)
        self.skips = []  # (test, claim or '', reason)

    def add_tap(self, name, result, stdout, stderr):
        """Counts the claims of one TAP program."""
        n_seen, plan, n_failed = 0, None, 0
        since = []  # what was said since the last claim: the diagnosis of the next one
        for line in stdout.splitlines():
            if match := TAP_PLAN.match(line):
                plan = int(match[1])
                if plan == 0:
                    self.skips.append((name, '', match[2] or 'no reason given'))
                    return
            elif match := TAP_LINE.match(line):
                n_seen += 1
                directive = (match[3] or '').upper()
                if directive:
                    self.skips.append((name, match[2], match[4] or directive))
                elif match[1]:
                    n_failed += 1
                    self.failures.append((name, match[2] or f'claim {n_seen}', '\n'.join(since) + '\n' + stderr))
                else:
                    self.passes.append((name, match[2]))
                since = []
            else:
                since.append(line)
        if n_failed == 0 and (result not in ('OK', 'SKIP') or plan != n_seen):
            claim = f'ended with {result} after {n_seen} of {plan if plan is not None else "?"} claims'
            self.failures.append((name, claim, '\n'.join(since) + '\n' + stderr))

    def add_plain(self, name, result, stdout, stderr):
        """Counts one program that says what it means by its exit status."""
        if result in ('OK', 'EXPECTEDFAIL'):
            self.passes.append((name, ''))
        elif result == 'SKIP':
            lines = (stdout.strip() or stderr.strip()).splitlines()
            self.skips.append((name, '', lines[-1] if lines else 'no reason given'))
        else:
            self.failures.append((name, f'ended with {result}', stdout + stderr))

    def add(self, entry, tap_names):
        """Counts one object of testlog.json."""
        name = entry['name']
        add = self.add_tap if name.rpartition(' / ')[2] in tap_names else self.add_plain
        add(name, entry['result'], entry.get('stdout', ''), entry.get('stderr', ''))

    def show(self, build_directory):
        """Prints skips, failures and the line of numbers, in this order."""
        for name, claim, reason in self.skips:
            print(f'skipped: {name}{": " if claim else ""}{claim}: {reason}')
        for name, claim, output in self.failures:
            print(f'\nFAILED: {name}: {claim}')
            for line in output.strip().splitlines()[-TAIL_LINES:]:
                print(f'    {line}')
            alone = name.rpartition(' / ')[2]
            print(f'  alone: meson test -C {build_directory} -v {alone}')
        print(f'{len(self.passes)} passed, {len(self.failures)} failed, {len(self.skips)} skipped')


def run_meson_test(build_directory, arguments):
    """Runs the tests, passes meson's line per test through as they end. Returns the exit status and all output."""
    command = ['meson', 'test', '-C', build_directory, '--no-rebuild']
    with subprocess.Popen(command + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors='replace') as process:
        output = ''
        for line in process.stdout:
            output += line
            if PROGRESS_LINE.match(line):
                print(line.rstrip(), flush=True)
    return process.returncode, output


def read_log(build_directory):
    """The objects of the last run's log. Nothing when there is none."""
    try:
        with open(os.path.join(build_directory, 'meson-logs', 'testlog.json'), encoding='utf-8') as log:
            return [json.loads(line) for line in log if line.strip()]
    except FileNotFoundError:
        return []


def read_tap_names(build_directory):
    """The names of the tests that speak TAP."""
    with open(os.path.join(build_directory, 'meson-info', 'intro-tests.json'), encoding='utf-8') as tests:
        return {test['name'] for test in json.load(tests) if test['protocol'] == 'tap'}


def main(build_directory, *arguments):
    """Exit status 0 only when something ran and nothing failed."""
    log = os.path.join(build_directory, 'meson-logs', 'testlog.json')
    if os.path.exists(log):
        os.unlink(log)
    status, output = run_meson_test(build_directory, list(arguments))
    entries = read_log(build_directory)
    if not entries:
        print(output.rstrip() or 'No test ran.')
        print('0 passed, 1 failed, 0 skipped')
        return 1

    summary = Summary()
    tap_names = read_tap_names(build_directory)
    for entry in entries:
        summary.add(entry, tap_names)
    if status != 0 and not summary.failures:
        summary.failures.append(('meson test', f'exit status {status}', output))
    summary.show(build_directory)
    return 1 if summary.failures else 0


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
