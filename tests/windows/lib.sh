# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the suites of Windows disks share. Source me; do not run me. SURETY: the program; NTFSTREE: beside it.
WHERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SURETY=${SURETY:-$WHERE/../../build/surety}
. "$WHERE/../system/lib.sh"
export NTFSTREE=${NTFSTREE:-$(dirname "$SURETY")/tests/tools/surety-ntfstree}
OVMF=/usr/share/OVMF
VARS=$OVMF/OVMF_VARS_4M.snakeoil.fd         # accept the test application
export SOURCE_DATE_EPOCH=1704067200 PYTHONDONTWRITEBYTECODE=1

# ---- disks ----------------------------------------------------------------------------------------------------------

# shape NAME [OPTION...]: made once in a run, by the suite that needs it first; its path in REPLY, its partitions beside
# it in NAME.json. Status 1 where the test data it needs is not there.
shape() {
    local name=$1 rc=0
    shift
    mkdir -p "$BASES"
    REPLY=$BASES/windows-$name.raw
    (
        flock 9
        [ -e "$REPLY" ] || { "$WHERE/../images/make-windows-image" --shape "$name" --raw "$REPLY.tmp" --parts \
            "${REPLY%.raw}.json" "$@" && mv "$REPLY.tmp" "$REPLY"; }
    ) 9>"$REPLY.lock" || rc=$?
    case $rc in
    0) ;;
    77) return 1;;
    *) echo "Bail out! no disk $name"; exit 1;;
    esac
}

# disk NAME: a fresh copy of that shape in D; its original in BASE. Status 1 as shape, and then it was skipped.
disk() {
    if ! shape "$1"; then skip "$1" "no test data: set SURETY_SHARED"; return 1; fi
    BASE=$REPLY D=$T/disk.img
    rm -f "$D"*
    copy "$BASE" "$D"
}

win() { # win STATUS VERB ARGUMENT...: surety, with firmware that accepts the test application
    surety "$1" "$2" --firmware-vars "$VARS" "${@:3}"
}

# options: what the shape needs to be converted
options_of() { case $1 in 4k) echo --sector-size 4096;; esac; }

at_of() { # at_of ROLE FILE.json: first byte and size
    jq -r --arg role "$1" '[.parts[] | select(.role == $role)][0] | "\(.first) \(.size)"' "$2"
}

# ntfs ROLE IMAGE: surety-ntfstree on that volume of a disk made from BASE, its script on standard input
ntfs() {
    local first size
    read -r first size < <(at_of "$1" "${BASE%.raw}.json")
    "$NTFSTREE" --offset "$first" --size "$size" "$2"
}

judged() { # judged TEXT IMAGE [OPTION...]: the judge's lines, as tests of this suite
    local text=$1 line
    while IFS= read -r line; do
        case $line in
        'ok - '*) report 0 "$text: ${line#ok - }";;
        'not ok - '*) report 1 "$text: ${line#not ok - }";;
        *) echo "$line";;
        esac
    done < <("$WHERE/judge" "$BASE" "${BASE%.raw}.json" "$2" "${@:3}" 2>&1)
}

# ---- the firmware ---------------------------------------------------------------------------------------------------

# boot IMAGE VARIABLES: under Secure Boot, until it powers off, or the firmware refuses. What the application said in
# $T/said, the console in $T/console; the variables are changed.
boot() {
    local i pid drive=if=none,id=d0,file=$1,format=raw,snapshot=on,cache=unsafe
    rm -f "$T/said" "$T/console"
    qemu-system-x86_64 -accel tcg -m 256 -display none -nodefaults -no-user-config -machine q35,smm=on \
        -global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1 \
        -drive "if=pflash,format=raw,readonly=on,file=$OVMF/OVMF_CODE_4M.secboot.fd" \
        -drive "if=pflash,format=raw,file=$2" -drive "$drive" \
        -device "virtio-blk-pci,drive=d0,bootindex=1${3:+,logical_block_size=$3,physical_block_size=$3}" \
        -serial "file:$T/console" -chardev "file,id=dbg,path=$T/said" -device isa-debugcon,iobase=0xe9,chardev=dbg \
        >"$T/qemu.log" 2>&1 </dev/null &
    pid=$!
    CHILDREN+=("$pid")
    for ((i = 0; i < 3000; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        ! grep -qaE "${REFUSAL:-Access Denied|Security Violation|grub>}" "$T/console" 2>/dev/null || break
        sleep 0.2
    done
    stop "$pid"
    touch "$T/said" "$T/console"
}

said() { sed -n "s/^bootapp: $1 //p" "$T/said"; }
