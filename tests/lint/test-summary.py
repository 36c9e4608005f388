#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The counting of tests/summary.py, on what meson really logs. Argument: the top of the source tree."""

import contextlib
import io
import os
import sys
import unittest

sys.path.insert(0, os.path.join(sys.argv.pop(1), 'tests'))
import summary  # pylint: disable=import-error,wrong-import-position


def count(*entries):
    """The summary of log entries (name, result, stdout, stderr); names that start with "tap" speak TAP."""
    result = summary.Summary()
    tap_names = {name for name, *_ in entries if name.startswith('tap')}
    for name, outcome, stdout, stderr in entries:
        result.add({'name': f'primed:base / {name}', 'result': outcome, 'stdout': stdout, 'stderr': stderr}, tap_names)
    return result


def numbers(result):
    """Passed, failed, skipped."""
    return len(result.passes), len(result.failures), len(result.skips)


class SummaryTest(unittest.TestCase):
    """One claim per function."""

    def test_each_tap_claim_counts(self):
        self.assertEqual(numbers(count(('tap', 'OK', 'ok 1 - a\n# note\nok 2 - b\n1..2\n', ''))), (2, 0, 0))

    def test_tap_skip_keeps_its_reason(self):
        result = count(('tap', 'OK', 'ok 1 - a\nok 2 - b # SKIP no oracle here\n1..2\n', ''))
        self.assertEqual(numbers(result), (1, 0, 1))
        self.assertEqual(result.skips[0], ('primed:base / tap', 'b', 'no oracle here'))

    def test_tap_skip_of_everything(self):
        self.assertEqual(count(('tap', 'SKIP', '1..0 # SKIP no root\n', '')).skips,
                         [('primed:base / tap', '', 'no root')])

    def test_tap_where_each_claim_is_skipped(self):
        self.assertEqual(numbers(count(('tap', 'SKIP', 'ok 1 - a # SKIP no root\n1..1\n', ''))), (0, 0, 1))

    def test_failed_check_counts_once(self):
        result = count(('tap', 'ERROR', 'ok 1 - a\n# x.c:3: failed\nnot ok 2 - b\n', '(exited with status code 1)'))
        self.assertEqual(numbers(result), (1, 1, 0))
        self.assertEqual(result.failures[0][1], 'b')

    def test_each_failed_claim_has_its_own_diagnosis(self):
        result = count(('tap', 'ERROR', '# one\nnot ok 1 - a\nok 2 - b\n# three\nnot ok 3 - c\n1..3\n', ''))
        self.assertEqual([(claim, output.strip()) for _, claim, output in result.failures],
                         [('a', '# one'), ('c', '# three')])

    def test_crash_between_claims_counts(self):
        self.assertEqual(numbers(count(('tap', 'ERROR', 'ok 1 - a\n', 'killed'))), (1, 1, 0))

    def test_leak_after_the_last_claim_counts(self):
        self.assertEqual(numbers(count(('tap', 'ERROR', 'ok 1 - a\n1..1\n', 'LeakSanitizer'))), (1, 1, 0))

    def test_missing_plan_counts(self):
        self.assertEqual(numbers(count(('tap', 'OK', 'ok 1 - a\n', ''))), (1, 1, 0))

    def test_short_plan_counts(self):
        self.assertEqual(numbers(count(('tap', 'OK', 'ok 1 - a\n1..2\n', ''))), (1, 1, 0))

    def test_timeout_counts(self):
        self.assertEqual(numbers(count(('tap', 'TIMEOUT', '', ''), ('plain', 'TIMEOUT', '', ''))), (0, 2, 0))

    def test_plain_results(self):
        result = count(('a', 'OK', '', ''), ('b', 'FAIL', 'x\n', 'y\n'), ('c', 'SKIP', 'note\nno clang here\n', ''),
                       ('d', 'EXPECTEDFAIL', '', ''), ('e', 'UNEXPECTEDPASS', '', ''))
        self.assertEqual(numbers(result), (2, 2, 1))
        self.assertEqual(result.skips[0][2], 'no clang here')

    def test_last_line_is_the_numbers(self):
        result = count(('tap', 'ERROR', 'ok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP d\n1..3\n', ''))
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            result.show('build')
        lines = output.getvalue().splitlines()
        self.assertEqual(lines[-1], '1 passed, 1 failed, 1 skipped')
        self.assertIn('skipped: primed:base / tap: c: d', lines)
        self.assertIn('  alone: meson test -C build -v tap', lines)


if __name__ == '__main__':
    unittest.main()
