# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Suites that print TAP, some at a time, each told when it has ended, and how many tests passed and failed in all. For the
# runners beside them; source me. HERE: where the suites are; SUITE_DIR: scratch.

# suites_one NAME SECONDS: its lines, named; in SUITE_DIR/NAME.count how many passed and failed. The lines go through a
# file: a pipe's end comes only when everything that the suite has left behind has ended, too.
suites_one() {
    local good bad pid rc=0 tap=$SUITE_DIR/$1.tap own=()
    # mounts of its own: a namespace that another suite makes meanwhile would keep them
    [ "$(id -u)" != 0 ] || own=(unshare --mount --propagation private)
    echo "# suite $1"
    SECONDS=0
    : >"$tap"
    timeout -k 60 "$2" "${own[@]}" "$HERE/$1" >"$tap" &
    pid=$!
    echo $pid >"$tap.pid"
    tail -n +1 -s 0.2 -f --pid=$pid "$tap" | sed -u "s/^\(not ok\|ok\) [0-9]* - /\1 - $1: /;/^1\.\.[0-9]/d"
    wait $pid || rc=$?
    rm "$tap.pid"
    good=$(grep -c '^ok ' "$tap")
    bad=$(grep -c '^not ok ' "$tap")
    # a suite that ended early is a failure, whatever it said until then
    if [ "$(sed -n 's/^1\.\.//p' "$tap")" != $((good + bad)) ]; then
        if [ $SECONDS -ge "$2" ]; then
            echo "not ok - $1: the suite came to its end in $2 s"
        else
            echo "not ok - $1: the suite came to its end, with status $rc"
        fi
        bad=$((bad + 1))
    fi
    echo "# $1: $SECONDS s"
    echo "$good $bad" >"$SUITE_DIR/$1.count"
}

suites_ended() { # changes running of its caller
    local pid
    wait -n -p pid "${!running[@]}"
    cat "$SUITE_DIR/${running[$pid]}.lines"
    unset "running[$pid]"
}

# Whoever interrupts the runner ends its suites: they have process groups of their own. What they have said is told.
# shellcheck disable=SC2317 # called by the traps
suites_stop() {
    local s
    cat "$SUITE_DIR"/*.tap.pid 2>/dev/null | xargs -r kill 2>/dev/null
    for s in "${running[@]}"; do
        cat "$SUITE_DIR/$s.lines"
        echo "not ok - $s: the suite was interrupted"
    done
    exit "$1"
}

# suites_run JOBS SECONDS NAME...: JOBS at a time, each for so long at most; the status says whether all passed
suites_run() {
    local jobs=$1 limit=$2 s good bad passed=0 failed=0
    local -A running=()
    shift 2
    trap 'suites_stop 130' INT
    trap 'suites_stop 143' TERM
    for s in "$@"; do
        if [ "$jobs" = 1 ]; then
            suites_one "$s" "$limit"
            continue
        fi
        [ ${#running[@]} -lt "$jobs" ] || suites_ended
        suites_one "$s" "$limit" >"$SUITE_DIR/$s.lines" 2>&1 &
        running[$!]=$s
    done
    while [ ${#running[@]} -gt 0 ]; do suites_ended; done
    for s in "$@"; do
        read -r good bad <"$SUITE_DIR/$s.count" || good=0 bad=1
        passed=$((passed + good)) failed=$((failed + bad))
    done
    echo "$passed passed, $failed failed"
    [ $failed = 0 ]
}
