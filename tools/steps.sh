# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Numbered steps with their times, for ./demo and ./check. Source me.
set -euo pipefail

# The same for whoever calls: "su" leaves sbin out of PATH, an empty environment all of it; disks of guests are made with
# this umask; and what other programs print is read, which LANGUAGE translates in C.UTF-8, too.
umask 022
unset LANGUAGE CDPATH
export PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL=C.UTF-8 HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"

STEP=0 STEPS=${STEPS:-0} STEP_BEGUN=$SECONDS
# shellcheck disable=SC2034  # for those who source this
if [ -t 1 ]; then BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'; else BOLD='' RED='' GREEN='' PLAIN=''; fi

clock() { printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }

step() { # step TITLE
    STEP=$((STEP + 1)) STEP_BEGUN=$SECONDS
    printf '\n%s[%d/%d] %s%s   (%s)\n' "$BOLD" "$STEP" "$STEPS" "$1" "$PLAIN" "$(clock)"
}

step_done() { printf '      done in %d s\n' $((SECONDS - STEP_BEGUN)); }

# busy LOG COMMAND...: the command's output goes to LOG; on a terminal a dot a second shows that it is at work.
busy() {
    local log=$1 dots='' rc=0
    shift
    if [ -t 1 ]; then
        (printf '      '; while sleep 1; do printf .; done) &
        dots=$!
    fi
    "$@" >"$log" 2>&1 || rc=$?
    if [ -n "$dots" ]; then
        kill "$dots" 2>/dev/null || true
        wait "$dots" 2>/dev/null || true
        printf '\r\e[K'
    fi
    if [ $rc != 0 ]; then
        tail -40 "$log" >&2
        printf '      %sfailed%s: %s (exit status %s; all of it: %s)\n' "$RED" "$PLAIN" "$*" $rc "$log" >&2
    fi
    return $rc
}
