# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# What a build or the tests need from the system: what is missing, and the package command that brings it.
#
# Missing is what the build itself would miss (a command, a pkg-config module), so that it is the same question on
# every distribution, takes a few milliseconds, and needs neither root nor network nor package lists. What to
# install is the packaging's own list (debian/control, rpm/primed.spec), so that there is no third one.
#
# Sourced with the top of the tree as the current directory. A purpose is "build" or "tests".

# Commands that only tests use. Each test that misses its command skips and says so.
test_commands='dbus-daemon gp mandoc primesieve scdoc shellcheck valgrind'
# Pkg-config modules that only tests use: what needs one is not built without it.
test_modules='primesieve'

# Pkg-config modules with their versions, "gnutls >= 3.7", one a line, as the root meson.build asks for them.
list_modules() {
        sed -n "s/^dep_[a-z]* = dependency('\([^']*\)'\(, version: '\([^']*\)'\)\{0,1\}).*/\1 \3/p" meson.build |
                grep -v '^threads ' | sed 's/ *$//'
}

# Libraries without a pkg-config file: name and header, "avahi-common avahi-common/strlst.h", one a line.
list_libraries() {
        sed -n "s/^dep_[a-z]* = cc.find_library('\([^']*\)', has_headers: \['\([^']*\)'\].*/\1 \2/p" meson.build
}

# Whether the compiler finds the header $1.
have_header() {
        # Unquoted: CC may have options.
        # shellcheck disable=SC2086
        echo "#include <$1>" | ${CC:-cc} -E -x c - >/dev/null 2>&1
}

have_command() {
        command -v "$1" >/dev/null 2>&1
}

# Prints what is missing for the purpose $1, one a line.
list_missing() {
        for tool in "${CC:-cc}" meson pkg-config; do
                have_command "${tool%% *}" || echo "${tool%% *}"
        done
        have_command ninja || have_command ninja-build || have_command samu || echo ninja
        list_modules | while read -r module; do
                pkg-config --exists "$module" 2>/dev/null || echo "$module"
        done
        list_libraries | while read -r library header; do
                have_header "$header" || echo "$library"
        done
        if [ "$1" = tests ]; then
                for tool in $test_commands; do
                        have_command "$tool" || echo "$tool"
                done
                for module in $test_modules; do
                        pkg-config --exists "$module" 2>/dev/null || echo "$module"
                done
        fi
}

# The family of distributions, by what installs their packages: apt, dnf or nothing.
package_tool() {
        if have_command apt-get && [ -e /etc/debian_version ]; then
                echo apt
        elif have_command dnf; then
                echo dnf
        fi
}

# Prints the package commands for the purpose $1, one a line; nothing on an unknown distribution.
list_package_commands() {
        case "$(package_tool) $1" in
        'apt build')
                echo 'apt-get update'
                echo 'apt-get build-dep -y --no-install-recommends -P nocheck ./'
                ;;
        'apt tests')
                echo 'apt-get update'
                echo 'apt-get build-dep -y --no-install-recommends ./'
                ;;
        'dnf build')
                echo "dnf builddep -y -D '_without_tests 1' rpm/primed.spec"
                ;;
        'dnf tests')
                echo 'dnf builddep -y rpm/primed.spec'
                ;;
        esac
}

# Runs the package commands on standard input with the prefix "$@". Their own standard input is not the list.
run_package_commands() {
        while read -r line; do
                echo "+ $line"
                "$@" env DEBIAN_FRONTEND=noninteractive sh -c "$line" </dev/null || return 1
        done
}

# Asks whether to go ahead. Without a terminal nobody can answer: then yes.
ask_to_install() {
        [ -t 0 ] && [ -t 1 ] || return 0
        printf 'Install now? [Y/n] '
        read -r answer || answer=n
        case "$answer" in
        '' | [Yy]*) return 0 ;;
        esac
        return 1
}

# How to become root: "" as root, "sudo" where it can work. Fails where there is no way.
find_root_prefix() {
        if [ "$(id -u)" -eq 0 ]; then
                echo ''
        elif have_command sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
                echo sudo
        else
                return 1
        fi
}

print_needs() {
        echo "Missing for the $1: $(echo "$2" | tr '\n' ',' | sed 's/,$//; s/,/, /g')."
        if [ -z "$3" ]; then
                echo 'Install what provides it, with the package tool of this distribution, and start again. The'
                echo 'libraries are given by their pkg-config names; look for packages like NAME-dev or NAME-devel.'
        else
                echo 'To install it, run as root in this directory:'
                echo "$3" | sed 's/^/        /'
        fi
}

# Makes sure that the purpose $1 finds what it needs, or says what to do and fails.
require_dependencies() {
        missing=$(list_missing "$1")
        [ -n "$missing" ] || return 0

        commands=$(list_package_commands "$1")
        print_needs "$1" "$missing" "$commands"
        [ -n "$commands" ] || return 1
        prefix=$(find_root_prefix) || {
                echo 'This user is not root and cannot use sudo: nothing was changed.'
                return 1
        }
        ask_to_install || return 1

        # Unquoted: an empty prefix is no word.
        # shellcheck disable=SC2086
        echo "$commands" | run_package_commands $prefix || {
                echo 'The package command failed: see its message above, mend it, and start again.'
                return 1
        }
        missing=$(list_missing "$1")
        [ -z "$missing" ] || {
                echo "Still missing for the $1: $(echo "$missing" | tr '\n' ' ')"
                return 1
        }
}
