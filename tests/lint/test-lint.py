#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lint tests themselves: each rule finds a violation that was planted for it, and nothing in a clean tree."""

import os
import stat
import sys
import tempfile
import unittest

import catalog
import layers
import manual
import shape
import shell
from tree import Tree

SPDX = shape.C_SPDX + '\n'
CLEAN_C = (SPDX + "\n/* A title. */\n\n#include \"base/macro.h\"\n\n"
           "int f(int a,\n      int b) {\n        return a + b;\n}\n")
CLEAN = {
    'src/base/noun.c': CLEAN_C,
    'src/base/noun.h': SPDX + '#pragma once\n',
    'tests/base/test-noun.c': CLEAN_C,
    'tests/base/meson.build': shape.HASH_SPDX + "\n['noun']\n",
    'tests/lint/without-twin.txt': '',
}


class PlantedTest(unittest.TestCase):
    """Trees of a few files."""

    def make(self, files):
        """A tree of CLEAN and `files`; a file of None is left out."""
        root = self.enterContext(tempfile.TemporaryDirectory())
        for path, text in {**CLEAN, **files}.items():
            if text is not None:
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                    file.write(text)
        return Tree(root)

    def found(self, lint, files):
        """The problems of a tree, as one text."""
        return '\n'.join(lint.find_problems(self.make(files)))

    def test_clean_tree(self):
        self.assertEqual(self.found(layers, {}), '')
        self.assertEqual(self.found(shape, {}), '')

    def test_empty_tree(self):
        empty = {path: None for path in CLEAN if path.startswith('src/')}
        self.assertIn('no source', self.found(layers, empty))
        self.assertIn('no source', self.found(shape, empty))

    def test_include_upwards(self):
        self.assertIn('must not include', self.found(layers, {'src/base/noun.h': '#include "wire/frame.h"\n'}))

    def test_include_sideways(self):
        self.assertIn('must not include', self.found(layers, {'src/store/x.c': '#include "plan/plan.h"\n'}))
        self.assertIn('must not include', self.found(layers, {'src/ctl/x.c': '#  include "master/master.h"\n'}))

    def test_include_downwards(self):
        text = '#include "plan/plan.h"\n#include "base/log.h"\n#include "master/own.h"\n'
        self.assertEqual(self.found(layers, {'src/master/x.c': text}), '')

    def test_include_without_path(self):
        self.assertIn('by path', self.found(layers, {'src/base/noun.c': '#include "macro.h"\n'}))
        self.assertIn('by path', self.found(layers, {'src/base/noun.c': '#include "../prime/grid.h"\n'}))

    def test_unknown_folder(self):
        self.assertIn('no place', self.found(layers, {'src/misc/x.c': ''}))

    def test_forbidden_knowledge(self):
        for folder, line in [('prime', '#include <pthread.h>'), ('prime', '#include "base/log.h"'),
                             ('prime', '#include <primesieve.h>'),
                             ('plan', '#include <sys/socket.h>'), ('plan', '#include <gmp.h>'),
                             ('plan', '#include "prime/grid.h"'), ('store', '#include <primesieve.h>'),
                             ('plan', 'x = clock_now_usec();'), ('prime', 'clock_gettime(CLOCK_REALTIME, &t);'),
                             ('wire', 'log_error_errno(r, "x");')]:
            with self.subTest(folder=folder, line=line):
                self.assertNotEqual(self.found(layers, {f'src/{folder}/x.c': line + '\n'}), '')

    def test_permitted_knowledge(self):
        for folder, line in [('prime', '#include <gmp.h>'), ('store', '#include "base/clock.h"'),
                             ('wire', 'log_debug("x");'), ('ctl', 'log_error("x");'),
                             ('plan', '/* clock_now_usec() is the caller\'s */')]:
            with self.subTest(folder=folder, line=line):
                self.assertEqual(self.found(layers, {f'src/{folder}/x.c': line + '\n'}), '')

    def test_basename_twice(self):
        self.assertIn('one basename', self.found(shape, {'src/wire/noun.h': SPDX + '#pragma once\n'}))

    def test_missing_heads(self):
        self.assertIn('first line', self.found(shape, {'src/base/noun.h': '#pragma once\n'}))
        self.assertIn('pragma', self.found(shape, {'src/base/noun.h': SPDX}))
        self.assertIn('no line', self.found(shape, {'tests/script': '#!/bin/sh\ntrue\n'}))
        self.assertIn('no title', self.found(shape, {'src/base/noun.c': SPDX + '\n#include "base/macro.h"\n'}))

    def test_sizes(self):
        self.assertIn('1001 lines', self.found(shape, {'src/base/noun.h': SPDX + '#pragma once\n' + '\n' * 999}))
        self.assertIn('columns', self.found(shape, {'src/base/noun.h': SPDX + '#pragma once\n' + 'x' * 121}))
        long_c = CLEAN_C.replace('        return', '\n' * 120 + '        return')
        self.assertIn('a function of 121 lines', self.found(shape, {'src/base/noun.c': long_c}))
        fitting_c = CLEAN_C.replace('        return', '\n' * 119 + '        return')
        self.assertEqual(self.found(shape, {'src/base/noun.c': fitting_c}), '')

    def test_long_table_is_no_function(self):
        table = 'static const int table[] = {\n' + '        1,\n' * 200 + '};\n'
        self.assertEqual(self.found(shape, {'src/base/noun.c': CLEAN_C + table}), '')

    def test_twins(self):
        self.assertIn('no tests/base/test-noun.c', self.found(shape, {'tests/base/test-noun.c': None}))
        self.assertIn('not built', self.found(shape, {'tests/base/meson.build': shape.HASH_SPDX + '\n'}))
        excuse = {'tests/base/test-noun.c': None, 'tests/lint/without-twin.txt': 'src/base/noun.c: tested by x\n'}
        self.assertEqual(self.found(shape, excuse), '')
        self.assertIn('without a reason', self.found(shape, {**excuse, 'tests/lint/without-twin.txt':
                                                             'src/base/noun.c: \n'}))
        self.assertIn('exists', self.found(shape, {'tests/lint/without-twin.txt': 'src/base/noun.c: why\n'}))
        self.assertIn('does not exist', self.found(shape, {'tests/lint/without-twin.txt': 'src/base/gone.c: why\n'}))

    def test_words(self):
        self.assertIn('means nothing', self.found(shape, {'README.md': 'see is' + 'sue #7'}))
        self.assertIn('means nothing', self.found(shape, {'README.md': 'in /wo' + 'rk/main'}))
        self.assertIn('unfinished', self.found(shape, {'src/base/noun.c': CLEAN_C + '/* FIX' + 'ME */\n'}))

    def test_catalog(self):
        mark = '0123456789abcdef' * 2
        entry = (f'-- {mark}\nSubject: A thing\nDefined-By: x\nDocumentation: man:x(1)\n\n'
                 'It happened, as @FIELD@ tells you.\n')
        good = {catalog.HEADER: SPDX + f'#define MESSAGE_ID_THING "{mark}"\n', catalog.CATALOG: entry,
                'src/base/noun.c': CLEAN_C + '/* MESSAGE_ID_THING */ static const char *const field = "FIELD";\n'}
        self.assertEqual(self.found(catalog, good), '')
        self.assertIn('is not explained', self.found(catalog, {**good, catalog.CATALOG: '# nothing\n'}))
        self.assertIn('is not in', self.found(catalog, {**good, catalog.CATALOG: entry + entry.replace('0', '1')}))
        self.assertIn('no program sends the field', self.found(catalog, {**good, 'src/base/noun.c':
                                                                         CLEAN_C + '/* MESSAGE_ID_THING */\n'}))
        self.assertIn('no program sends MESSAGE_ID', self.found(catalog, {**good, 'src/base/noun.c':
                                                                          CLEAN_C + '/* "FIELD" */\n'}))
        self.assertIn('no line Subject', self.found(catalog, {**good, catalog.CATALOG: entry.replace('Subject', 'S')}))

    def test_scripts_are_found_by_their_first_line(self):
        tree = self.make({'try': '#!/bin/sh\n', 'run': '#!/usr/bin/env bash\n', 'data': 'sh\n',
                          '.ci/part.sh': '# SPDX\n# shellcheck shell=sh\n'})
        self.assertEqual(shell.list_scripts(tree), ['.ci/part.sh', 'run', 'try'])


# A program that does everything right, and the page for it.
GOOD_PROGRAM = '''#!/bin/sh
case "$*" in
--help) printf 'primectl\\n\\nCommands:\\n  local  find primes\\n\\nOptions:\\n  -h --help  this text\\n' ;;
'local --help') printf 'primectl local\\n  --to B\\n  --help\\n' ;;
*) echo 'Unknown, see primectl --help' >&2; exit 2 ;;
esac
'''
GOOD_PAGE = ('primectl(1)\n\n# NAME\n\nprimectl - find primes\n\n# COMMANDS\n\n'
             '*local* [*--to* B]\n\tDo. *--help* helps.\n')


class ManualTest(unittest.TestCase):
    """Programs that are scripts."""

    def found(self, program=GOOD_PROGRAM, page=GOOD_PAGE):
        """The problems of a program and a page, as one text."""
        root = self.enterContext(tempfile.TemporaryDirectory())
        os.mkdir(os.path.join(root, 'man'))
        path = os.path.join(root, 'primectl')
        for name, text in [(path, program), (os.path.join(root, manual.MAN_SOURCE), page)]:
            with open(name, 'w', encoding='utf-8') as file:
                file.write(text)
        os.chmod(path, stat.S_IRWXU)
        primectl, tree = manual.Program(path), Tree(root)
        problems = [*manual.check_help(primectl), *manual.check_help(primectl, 'local'),
                    *manual.check_usage_error(primectl, 'nonsense'),
                    *manual.check_manual(primectl, primectl.verbs(), tree.read(manual.MAN_SOURCE))]
        return '\n'.join(problems)

    def test_good(self):
        self.assertEqual(self.found(), '')

    def test_option_missing_in_the_page(self):
        self.assertIn('--to is in a help', self.found(page=GOOD_PAGE.replace('*--to*', '')))

    def test_option_missing_in_the_help(self):
        self.assertIn('--from is in no help', self.found(page=GOOD_PAGE + '*--from*'))

    def test_verb_missing_in_the_page(self):
        self.assertIn('no entry', self.found(page=GOOD_PAGE.replace('*local*', 'local')))

    def test_bad_help(self):
        self.assertIn('exit status 1', self.found(program=GOOD_PROGRAM.replace("Options:", "Options:\\n';exit 1;'")))
        self.assertIn('columns', self.found(program=GOOD_PROGRAM.replace('find primes', 'p' * 80)))
        self.assertIn('standard error', self.found(program=GOOD_PROGRAM.replace("case ", "echo x >&2\ncase ")))

    def test_bad_usage_error(self):
        self.assertIn('instead of 2', self.found(program=GOOD_PROGRAM.replace('exit 2', 'exit 1')))
        self.assertIn('2 lines', self.found(program=GOOD_PROGRAM.replace('Unknown,', 'Unknown\n')))
        self.assertIn('does not name', self.found(program=GOOD_PROGRAM.replace('see primectl --help', '')))


if __name__ == '__main__':
    sys.exit(unittest.main())
