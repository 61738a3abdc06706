# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034,SC2119,SC2120  # for those who source me
# A host as an operator sets it up: an authority, and the three programs that a token enrols at it. Source me after
# lib.sh. AUTHORITY is its URL then, HOST_RUN and HOST_STATE the host's directories, SOCKET its management API.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/ports.sh"
HOST_RUN=$T/run HOST_STATE=$T/state HOST_CONF=$T/surety.conf AUTHORITY_DIR=$T/authority SOCKET=$T/run/api.sock

surety() { timeout 60 "$BUILD/surety" "$@"; }

# daemon_of LOG PROGRAM OPTION...: in the background; its id in REPLY. DAEMON_ENV: variables that it gets
DAEMON_ENV=()
daemon_of() {
    local log=$T/$1.log program=$2
    shift 2
    env "${DAEMON_ENV[@]}" "$BUILD/$program" "$@" >>"$log" 2>&1 </dev/null &
    REPLY=$!
    CHILDREN+=("$REPLY")
}

# start_authority [DOMAIN [KEYS]]: on a free port of 127.0.0.1
start_authority() {
    AUTHORITY=http://127.0.0.1:$(free_port)
    surety authority init "$AUTHORITY_DIR" --domain "${1:-example.org}" --url "$AUTHORITY" \
        --algorithm "${2:-p256}" >"$T/init.out" 2>&1 || { note "$(cat "$T/init.out")"; return 1; }
    serve_authority
}
serve_authority() {
    daemon_of authority surety-authority --dir "$AUTHORITY_DIR" --listen "${AUTHORITY#http://}"
    AUTHORITY_PID=$REPLY
    wait_for curl -sf --noproxy '*' -o /dev/null "$AUTHORITY/healthz"
}

# configure_host NAME [LINE...]: surety.conf; a LINE is "section key value"
configure_host() {
    local name=$1 line section key value
    shift
    mkdir -p "$HOST_RUN" "$HOST_STATE" "$T/vms.d"
    {
        printf '[host]\nname = %s\ncluster = lab\n[vms]\ndir = %s\n' "$name" "$T/vms.d"
        for line in "$@"; do
            read -r section key value <<<"$line"
            printf '[%s]\n%s = %s\n' "$section" "$key" "$value"
        done
    } >"$HOST_CONF"
}

start_signer() { daemon_of signer surety-signer --config "$HOST_CONF" --state "$HOST_STATE" --run "$HOST_RUN"; SIGNER_PID=$REPLY; }
start_imds() { daemon_of imds surety-imds --run "${1:-$HOST_RUN}"; IMDS_PID=$REPLY; }
DAEMON_OPTIONS=()
start_daemon() {
    daemon_of suretyd suretyd --config "$HOST_CONF" --state "$HOST_STATE" --run "$HOST_RUN" "${DAEMON_OPTIONS[@]}"
    DAEMON_PID=$REPLY
    wait_for answers
}
# The socket of the one before lies there until the next one listens: only an answer tells that it does.
answers() { curl -s --noproxy '*' --max-time 10 -o /dev/null --unix-socket "$SOCKET" http://x/v1/server; }

record() { # record KEY JSON: in the store of jobs, as a runner writes it
    python3 - "$HOST_STATE/jobs/jobs.db" "$@" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10)
db.execute("INSERT INTO record VALUES (?, 1, ?) ON CONFLICT (key) DO UPDATE SET revision = revision + 1, value = excluded.value",
           (sys.argv[2], sys.argv[3].encode()))
db.commit()
PY
}

server_state() { surety server show --socket "$SOCKET" --json 2>/dev/null | jq -r "${1:-.state}"; }
state_is() { [ "$(server_state)" = "$1" ]; }
signer_seen() { [ "$(server_state .parts.signer.connected)" = true ]; }

# enrol_host NAME: with a token from the authority of this machine, when suretyd has found the signer
enrol_host() {
    wait_for signer_seen || return
    surety authority token "$1" --dir "$AUTHORITY_DIR" >"$T/token.out" || return
    grep -o 'sut1_[A-Za-z0-9._-]*' "$T/token.out" >"$T/token"
    # a suretyd that was just started may be syncing by itself, and says to try again
    until surety server enrol --socket "$SOCKET" --authority "$AUTHORITY" --token-file "$T/token" 2>"$T/enrol.err"; do
        grep -qF '[server.busy]' "$T/enrol.err" || { cat "$T/enrol.err" >&2; return 1; }
        sleep 0.2
    done
}

host_logs() { local f; for f in authority suretyd signer imds; do note "$f: $(tail -15 "$T/$f.log" 2>/dev/null)"; done; }
