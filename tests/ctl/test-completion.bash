#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The completions for bash and zsh, held against the program's own help.
#
#     test-completion.bash PRIMECTL SOURCE_TREE

set -u

real=$1
tree=$2
number=0

primectl() {
        case "$*" in
        *'-H other'*jobs) printf '7-9  running\n' ;;
        *jobs) printf '0-1000  running  100\n0-open  paused  1\n' ;;
        esac
}

# shellcheck source=completions/primectl.bash
. "$tree/completions/primectl.bash"

# What is offered for the last of the words.
complete_words() {
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        COMPREPLY=()
        _primectl
        printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ' | sed 's/ $//'
}

check() {
        local expected=$1 found
        shift
        found=$(complete_words "$@")
        number=$((number + 1))
        if [[ $found == "$expected" ]]; then
                echo "ok $number - $*"
        else
                echo "# expected: $expected"
                echo "# found:    $found"
                echo "not ok $number - $*"
        fi
}

# Long options in a help text, sorted, in one line.
help_options() {
        "$real" "$@" --help | grep -oE '^ +(-. )?( +)?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u | tr '\n' ' ' |
                sed 's/ $//'
}

verbs=$("$real" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')

check "$(printf '%s\nhelp\n' "$verbs" | sort | tr '\n' ' ' | sed 's/ $//')" primectl ''
check 'start status' primectl sta
check 'pretty' primectl jobs --json = p
check 'off pretty short' primectl jobs --json =
check 'bpsw proved' primectl local --certainty ''
check 'digest full' primectl local --certainty proved --keep ''
check '--priority' primectl start --certainty proved --pri
check '0-1000 0-open' primectl pause ''
check '0-open' primectl cancel 0-1000 0-o
check '7-9' primectl -H other resume ''
check '0-1000 0-open' primectl count --job ''
check '0-1000 0-open' primectl count --job = 0-
check 'csv' primectl cat --format = c
check 'bfile csv gaps json text u64le' primectl export --format ''
check '' primectl start --to ''
check '' primectl jobs ''
check '--wait' primectl start --to = 10 --w
check 'workers' primectl --no-legend w
check 'is-prime' primectl is
check 'short' primectl gaps --json = s
for verb in $verbs; do
        check "$(help_options "$verb")" primectl "$verb" --
done

# Every verb and option in the file for zsh.
for verb in $verbs; do
        number=$((number + 1))
        missing=
        grep -q "[\"']$verb:" "$tree/completions/_primectl" || missing=" $verb"
        for option in $(help_options "$verb"); do
                grep -qE -- "$option\b" "$tree/completions/_primectl" || missing="$missing $option"
        done
        [[ -z $missing ]] || echo "# not in _primectl:$missing"
        echo "${missing:+not }ok $number - zsh knows $verb"
done

# What zsh says to each, without the files of whoever runs this.
zsh_check() {
        local name=$1
        shift
        number=$((number + 1))
        if ! command -v zsh >/dev/null; then
                echo "ok $number - $name # SKIP needs zsh"
        elif zsh -f "$@" 2>&1; then
                echo "ok $number - $name"
        else
                echo "not ok $number - $name"
        fi
}

zsh_check 'zsh reads the file' -n "$tree/completions/_primectl"
# shellcheck disable=SC2016
zsh_check 'zsh finds and loads it for primectl' -c '
        fpath=("$1" $fpath)
        autoload -Uz compinit && compinit -D -u && [[ $_comps[primectl] == _primectl ]] &&
                autoload +X _primectl && [[ $functions[_primectl] == *_arguments* ]]' zsh "$tree/completions"
echo "1..$number"
