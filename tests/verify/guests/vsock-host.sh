# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=dash
# In the guest that plays a host: the programs, and guests of several context ids (tests/tools/vpeer.c). Each answer is
# a file in /out, its exit status beside it.
mkdir -p /run/surety
surety-signer >/out/signer.log 2>&1 &
PROGRAMS=$!
surety-imds >/out/imds.log 2>&1 &
PROGRAMS="$PROGRAMS $!"
suretyd >/out/suretyd.log 2>&1 &
PROGRAMS="$PROGRAMS $!"
DOCUMENT="/metadata/attested/document?api-version=2025-04-07&nonce="

request() { # request PATH [HEADER]
    printf 'GET %s HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\nConnection: close\r\n%s\r\n' "$1" "${2:-}"
}
# answer FILE VPEER-OPTION...: the request is on standard input
answer() {
    file=/out/$1
    shift
    vpeer --wait 60000 "$@" 169 >"$file" 2>>/out/vpeer.log
    echo $? >"$file.status"
}
until_grep() { # until_grep TEXT FILE: at most two minutes
    tries=1200
    while [ $((tries -= 1)) -ge 0 ] && ! grep -q "$1" "$2" 2>/dev/null; do sleep 0.1; done
}
patient() { # patient FILE STATUS CID: until the answer has that status
    tries=240
    while [ $((tries -= 1)) -ge 0 ]; do
        request "${DOCUMENT}$1-nonce-0123456789abcdef" | answer "$1" "$3"
        grep -q "^HTTP/1.1 $2" "/out/$1" && return
        sleep 0.5
    done
}

patient own1 200 41
for n in 2 3; do request "${DOCUMENT}own$n-nonce-0123456789abcdef" | answer own$n 4$n; done
for n in 1 2 3; do request "${DOCUMENT}once$n-nonce-0123456789abcde" | answer at-once$n 4$n & JOBS="$JOBS $!"; done
# shellcheck disable=SC2086  # a list
wait $JOBS

request "${DOCUMENT}unknown" | answer unknown 77
request "${DOCUMENT}forged" | answer forged --source 42 --wait 700 41
mkfifo /tmp/hold
vpeer 42 0 </tmp/hold >/out/holder 2>&1 &
HOLDER=$!
exec 9>/tmp/hold
until_grep '^holding' /out/holder
request "${DOCUMENT}taken" | answer taken 42
exec 9>&-
wait $HOLDER
for cid in 0 1 2 4294967295; do request "${DOCUMENT}reserved" | answer reserved-$cid $cid; done

OTHER=11111111-2222-4333-8444-000000000002
request "${DOCUMENT}claims-nonce-0123456789abcdef&vmId=$OTHER&cid=42" "X-Vm-Id: $OTHER
" | answer claims 41
request "/metadata/instance?api-version=2021-02-01" | answer instance 42

# a VM goes while it is connected, and another gets its context id
{
    printf 'GET %sbefore HTTP/1.1\r\nHost: h\r\nMetadata: true\r\n\r\n' "$DOCUMENT"
    printf 'GET %s HTTP/1.1\r\nHost: h\r\nMetadata: true\r\n' /metadata/versions
} | answer cut 43 &
CUT=$!
until_grep '^HTTP/1.1 200' /out/cut
mv /etc/surety/vms.d/vm3.conf /vm3.conf
wait $CUT
patient gone 403 43
sed 's/0003/0004/;s/vm3/vm4/' /vm3.conf >/etc/surety/vms.d/vm4.conf
patient reused 200 43
# shellcheck disable=SC1091  # only there when asked for
[ ! -f /nested.sh ] || . /nested.sh
# shellcheck disable=SC2086  # a list
kill $PROGRAMS
