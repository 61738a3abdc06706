# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# TAP, scratch files and children of a suite in bash. Source me; do not run me. A suite ends with plan_done.
# SUITE_DIR: where the scratch directory T is made; KEEP=1 keeps it.
set -uo pipefail
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C.UTF-8
umask 022
unset LANGUAGE CDPATH
T=$(mktemp -d "${SUITE_DIR:-${TMPDIR:-/tmp}}/surety-${0##*/}.XXXXXX")
COUNT=0 FAILED=0
CHILDREN=() MOUNTS=() LOOPS=()

# ---- cleaning up ----------------------------------------------------------------------------------------------------

cleanup() {
    local x
    [ "$BASHPID" = $$ ] || return                   # a child that a signal met before it became a command
    for x in "${CHILDREN[@]}"; do kill -9 "$x" 2>/dev/null && wait "$x" 2>/dev/null; done
    for x in "${MOUNTS[@]}"; do umount "$x" 2>/dev/null || umount -l "$x" 2>/dev/null; done
    for x in "${LOOPS[@]}"; do losetup -d "$x" 2>/dev/null; done
    chmod -R u+w "$T" 2>/dev/null
    [ -n "${KEEP:-}" ] || rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start COMMAND...: in the background, killed at the end; its id in REPLY
start() {
    "$@" >"$T/start.log" 2>&1 </dev/null &
    REPLY=$!
    CHILDREN+=("$REPLY")
}

stop() { # stop ID
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

tmpfs() { # tmpfs DIR SIZE
    mkdir -p "$1"
    mount -t tmpfs -o "size=$2" none "$1" && MOUNTS+=("$1")
}

loop() { # loop FILE [SECTOR]: the device's name in REPLY
    REPLY=$(losetup -f --show -b "${2:-512}" "$1") && LOOPS+=("$REPLY")
}

is_root() { [ "$(id -u)" = 0 ]; }

# Waiting ends with what is waited for; the limits only end a test that has failed, and are for slow machines.
wait_for() { # wait_for COMMAND...: until it succeeds, at most a minute
    local end=$((SECONDS + 60))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

within() { # within SECONDS COMMAND...: until it succeeds; SECONDS on a quiet machine, four times that on any
    local end=$((SECONDS + 4 * $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

# ---- TAP ------------------------------------------------------------------------------------------------------------

note() { printf '%s\n' "$*" | head -40 | cut -c1-200 | sed 's/^/# /'; }

report() { # report STATUS TEXT
    COUNT=$((COUNT + 1))
    if [ "$1" = 0 ]; then
        echo "ok $COUNT - $2"
    else
        FAILED=$((FAILED + 1))
        echo "not ok $COUNT - $2"
    fi
    return "$1"
}

is() { # is GOT WANTED TEXT
    if [ "$1" = "$2" ]; then report 0 "$3"; else report 1 "$3"; note "got '$1', wanted '$2'"; return 1; fi
}

like() { # like GOT REGEX TEXT
    if [[ $1 =~ $2 ]]; then report 0 "$3"; else report 1 "$3"; note "got '$1', wanted something like '$2'"; return 1; fi
}

passes() { # passes TEXT COMMAND...: status 0; the command's output when not
    local text=$1 out
    shift
    if out=$("$@" 2>&1); then report 0 "$text"; else report 1 "$text"; note "$*"; note "$out"; return 1; fi
}

# `| grep -q` ends with the first match; whoever still writes then dies of it, and pipefail makes that a failure.
finds() { # finds GREP-OPTION...: grep -q that reads its whole input
    local in
    in=$(cat)
    [ -n "$in" ] && grep -q "$@" <<<"$in"
}

skip() { # skip TEXT WHY
    COUNT=$((COUNT + 1))
    echo "ok $COUNT - $1 # SKIP $2"
}

plan_done() {
    echo "1..$COUNT"
    exit $((FAILED > 0))
}
