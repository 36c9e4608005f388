# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of primectl(1) for bash.
# shellcheck shell=bash

# The names of the master's jobs, of this host or of the one behind -H.
__primectl_jobs() {
        primectl --no-legend --no-pager --json=off "$@" jobs 2>/dev/null | while read -r name _; do
                printf '%s\n' "$name"
        done
}

# The hosts that ssh knows, where bash-completion has a function for that.
__primectl_hosts() {
        if declare -F _known_hosts_real >/dev/null; then
                _known_hosts_real -- "$1"
        else
                mapfile -t COMPREPLY < <(compgen -A hostname -- "$1")
        fi
}

_primectl() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local verbs='status start pause resume cancel jobs workers join local cat export info coverage verify store'
        local verb='' word i words host=()

        verbs+=' is-prime next prev nth random count twins gaps classes help'
        local -A options=(
                [status]='--help --host --full --json --no-legend --no-pager --quiet'
                [jobs]='--help --host --full --json --no-legend --no-pager --quiet'
                [workers]='--help --host --full --json --no-legend --no-pager --quiet'
                [start]='--help --host --from --to --length --open --priority --certainty --wait --quiet'
                [pause]='--help --host --quiet'
                [resume]='--help --host --quiet'
                [cancel]='--help --host --quiet'
                [join]='--help --threads --memory --name --quiet --debug'
                [local]='--help --from --to --length --store --threads --workers --memory --certainty --segment-blocks --segment-size --keep --quiet --json --debug'
                [cat]='--help --store --job --format --lines --reverse --follow'
                [export]='--help --store --job --format --per-file --quiet'
                [count]='--help --store --job --json'
                [info]='--help --store --job --json'
                [coverage]='--help --store --job --json --no-legend'
                [verify]='--help --store --job --recompute --repair --quiet'
                [store]='--help --store --job --max-use --json --quiet'
                [is-prime]='--help --store --job --json --quiet'
                [next]='--help --store --job --json --lines'
                [prev]='--help --store --job --json --lines'
                [nth]='--help --store --job --json'
                [random]='--help --store --job --json --lines --seed'
                [twins]='--help --store --job --json --lines --list'
                [gaps]='--help --store --job --json --lines --maximal --min'
                [classes]='--help --store --job --json --no-legend'
        )

        COMPREPLY=()
        # "=" is a word of its own to bash: "--json=sh" is three.
        if [[ $current == '=' ]]; then
                current=''
        elif [[ $previous == '=' ]]; then
                previous=${COMP_WORDS[COMP_CWORD - 2]}
        fi

        for ((i = 1; i < COMP_CWORD; i++)); do
                word=${COMP_WORDS[i]}
                case $word in
                -H | --host)
                        [[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))
                        ((i++))
                        [[ $i -lt $COMP_CWORD ]] && host=(-H "${COMP_WORDS[i]}")
                        ;;
                -*) ;;
                *)
                        if [[ -z $verb && -n ${options[$word]} ]]; then
                                verb=$word
                        fi
                        ;;
                esac
        done

        case $previous in
        --store)
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -d -- "$current")
                return
                ;;
        --job)
                mapfile -t COMPREPLY < <(compgen -W "$(__primectl_jobs)" -- "$current")
                return
                ;;
        --certainty)
                mapfile -t COMPREPLY < <(compgen -W 'proved bpsw' -- "$current")
                return
                ;;
        --keep)
                mapfile -t COMPREPLY < <(compgen -W 'full digest' -- "$current")
                return
                ;;
        --json)
                # Only behind "=": the mode may be left out.
                if [[ ${COMP_WORDS[COMP_CWORD - 1]} == '=' || ${COMP_WORDS[COMP_CWORD]} == '=' ]]; then
                        mapfile -t COMPREPLY < <(compgen -W 'pretty short off' -- "$current")
                        return
                fi
                ;;
        --format)
                mapfile -t COMPREPLY < <(compgen -W 'text csv json u64le gaps bfile' -- "$current")
                return
                ;;
        -H | --host)
                __primectl_hosts "$current"
                return
                ;;
        --from | --to | --length | --priority | --threads | --workers | --memory | --segment-blocks | --segment-size | --max-use | --lines | --per-file | --name | \
                --seed | --min | -n)
                return
                ;;
        esac

        if [[ -z $verb ]]; then
                words="$verbs --help --version --host --full --json --no-legend --no-pager --quiet"
                [[ $current == -* ]] || words=$verbs
        elif [[ $current == -* ]]; then
                words=${options[$verb]}
        else
                case $verb in
                pause | resume | cancel)
                        words=$(__primectl_jobs "${host[@]}")
                        ;;
                join)
                        __primectl_hosts "$current"
                        return
                        ;;
                store)
                        words='rotate vacuum thin'
                        ;;
                export)
                        compopt -o filenames 2>/dev/null
                        mapfile -t COMPREPLY < <(compgen -d -- "$current")
                        return
                        ;;
                *)
                        words=''
                        ;;
                esac
        fi
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _primectl primectl
