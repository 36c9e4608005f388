#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""debian/control and rpm/primed.spec ask for what the root meson.build asks for, and for one list of test tools.

    packaging.py SOURCE_TREE
"""

import re
import sys

from tree import Tree, report

# Module of pkg-config: Debian's package. Fedora's packages are named by the module itself.
DEBIAN_PACKAGES = {
    'gmp': 'libgmp-dev',
    'gnutls': 'libgnutls28-dev',
    'jansson': 'libjansson-dev',
    'libconfig': 'libconfig-dev',
    'libsystemd': 'libsystemd-dev',
    'libxxhash': 'libxxhash-dev',
    'libzstd': 'libzstd-dev',
    'nettle': 'nettle-dev',
    'smartcols': 'libsmartcols-dev',
}
# Libraries without a module: Debian's and Fedora's packages.
LIBRARY_PACKAGES = {'avahi-common': ('libavahi-common-dev', 'avahi-devel')}
# Test tools and libraries that the two distributions name differently.
FEDORA_NAMES = {'shellcheck': 'ShellCheck', 'libprimesieve-dev': 'pkgconfig(primesieve)'}


def list_modules(tree):
    """Module: minimal version or ''. Those that are not required are for tests."""
    found = re.findall(r"^dep_\w+ = dependency\('([^']+)'(?:, version: '>= ([^']+)')?\)", tree.read('meson.build'),
                       re.MULTILINE)
    return {module: version for module, version in found if module != 'threads'}


def list_libraries(tree):
    """Those that meson.build looks for without pkg-config."""
    return re.findall(r"^dep_\w+ = cc\.find_library\('([^']+)', has_headers: ", tree.read('meson.build'), re.MULTILINE)


def parse_control(tree):
    """Package: version or '' of the build, and the set of test-only packages."""
    field = re.search(r'^Build-Depends:(.*?)^\S', tree.read('debian/control'), re.MULTILINE | re.DOTALL)[1]
    build, test = {}, set()
    for entry in field.split(','):
        if match := re.match(r'\s*([a-z0-9.+-]+)(?::any)?(?: \(>= ([^)]+)\))?(.*)', entry):
            if '<!nocheck>' in match[3]:
                test.add(match[1])
            else:
                build[match[1]] = match[2] or ''
    return build, test


def parse_spec(tree):
    """The same of the spec, in Fedora's names."""
    build, test, inside = {}, set(), False
    for line in tree.read('rpm/primed.spec').splitlines():
        if line.startswith('%if'):
            inside = 'with tests' in line
        elif line == '%endif':
            inside = False
        elif match := re.match(r'BuildRequires: +(\S+)(?: >= (\S+))?$', line):
            if inside:
                test.add(match[1])
            else:
                build[match[1]] = match[2] or ''
    return build, test


def find_problems(tree):
    """All disagreements, as texts."""
    modules = list_modules(tree)
    debian_build, debian_test = parse_control(tree)
    spec_build, spec_test = parse_spec(tree)
    if not modules:
        yield 'meson.build: no dependency found'
    for module, version in modules.items():
        package = DEBIAN_PACKAGES.get(module)
        if not package:
            yield f'tests/lint/packaging.py: which package of Debian has {module}?'
        elif debian_build.get(package) != version:
            yield f'debian/control: {package} {version} (meson.build) is {debian_build.get(package, "missing")}'
        if spec_build.get(f'pkgconfig({module})') != version:
            yield f'rpm/primed.spec: pkgconfig({module}) {version} (meson.build) is not required like that'
    for library in list_libraries(tree):
        debian, fedora = LIBRARY_PACKAGES.get(library, ('', ''))
        if debian not in debian_build:
            yield f'debian/control: {debian or "?"} for {library} (meson.build) is missing'
        if fedora not in spec_build:
            yield f'rpm/primed.spec: {fedora or "?"} for {library} (meson.build) is missing'
    if {FEDORA_NAMES.get(name, name) for name in debian_test} != spec_test:
        yield f'test tools differ: debian/control {sorted(debian_test)}, rpm/primed.spec {sorted(spec_test)}'
    version = re.search(r"version: '([^']+)'", tree.read('meson.build'))[1]
    if not tree.read('debian/changelog').startswith(f'primed ({version}-'):
        yield f'debian/changelog: the newest version is not {version}'
    if f'Version:        {version}\n' not in tree.read('rpm/primed.spec'):
        yield f'rpm/primed.spec: the version is not {version}'


if __name__ == '__main__':
    sys.exit(report(list(find_problems(Tree(sys.argv[1])))))
