# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# The build directory of ./try and ./check: made, kept up to date, made anew when it cannot be used any more.
#
# Sourced with the top of the tree as the current directory.

build_directory=build
build_log=build/build.log

# What a configured build directory cannot survive: another place of the tree, another compiler, another meson.
describe_builder() {
        pwd
        ${CC:-cc} --version 2>/dev/null | sed 1q
        meson --version
}

# True when the build directory was configured here, with these tools. Without a note of ours somebody configured it
# by hand: then it is his choice.
build_directory_fits() {
        [ -e "$build_directory/build.ninja" ] || return 1
        [ ! -e "$build_directory/builder.txt" ] || describe_builder | cmp -s - "$build_directory/builder.txt"
}

# Refuses to delete what is not a build directory.
discard_build_directory() {
        [ -e "$build_directory" ] || return 0
        if [ ! -d "$build_directory/meson-private" ] && [ -n "$(ls -A "$build_directory" 2>/dev/null)" ] &&
                [ ! -e "$build_directory/builder.txt" ]; then
                echo "$PWD/$build_directory is in the way and is no build directory. Move it away and start again."
                return 1
        fi
        rm -rf "$build_directory"
}

# Runs a command with its output in the log; shows the end of it after a failure.
log_command() {
        "$@" >>"$build_log" 2>&1 </dev/null && return 0
        echo "Failed: $*"
        tail -n 30 "$build_log" | sed 's/^/    /'
        echo "The full log is in $PWD/$build_log"
        return 1
}

configure_build_directory() {
        mkdir "$build_directory" || return 1
        describe_builder >"$build_directory/builder.txt"
        : >"$build_log"
        log_command meson setup "$build_directory"
}

# The build directory must be writable before anything is installed or started.
require_writable_tree() {
        place=$PWD
        [ ! -d "$build_directory" ] || place=$PWD/$build_directory
        [ ! -w "$place" ] || return 0
        echo "$(id -un) cannot write in $place, where the build goes."
        echo 'Copy the tree to a place of your own (or delete that build directory) and start again.'
        return 1
}

# Builds the meson targets "$@", or everything.
# shellcheck disable=SC2120
build_tree() {
        if ! build_directory_fits; then
                discard_build_directory && configure_build_directory || return 1
        fi
        : >"$build_log"
        # ninja would configure again by itself after a change of a meson.build; a failure of that is a broken
        # directory as a rule, and then a new one is worth a try before the person hears of it.
        if ! ninja_build build.ninja >>"$build_log" 2>&1; then
                discard_build_directory && configure_build_directory || return 1
        fi
        log_command meson compile -C "$build_directory" "$@"
}

# Under the names that distributions give it.
ninja_build() {
        if command -v ninja >/dev/null 2>&1; then
                ninja -C "$build_directory" "$@"
        elif command -v ninja-build >/dev/null 2>&1; then
                ninja-build -C "$build_directory" "$@"
        else
                samu -C "$build_directory" "$@"
        fi
}
