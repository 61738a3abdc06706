# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the suites share: disks, the program under test, other tools' verdict. Source me; do not run me.
# A suite prints TAP and ends with plan_done. SURETY: the program.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SURETY=$(realpath "${SURETY:-$HERE/../../build/surety}")
: "${SURETY_CACHE:=/var/cache/surety-test}"
export SURETY_CACHE
SUITE_DIR=${SURETY_SYSTEM_DIR:-}
. "$HERE/../lib/tap.sh"
BASES=${SURETY_SYSTEM_DIR:-$T}/bases

# ---- disks ----------------------------------------------------------------------------------------------------------

# base NAME MKDISK-OPTION...: made once in a run, by the suite that needs it first; its path in REPLY
base() {
    local name=$1
    shift
    mkdir -p "$BASES"
    REPLY=$BASES/$name.raw
    [ -e "$REPLY" ] || (
        flock 9
        [ -e "$REPLY" ] || { "$HERE/mkdisk" "$@" "$REPLY.tmp" && mv "$REPLY.tmp" "$REPLY"; }
    ) 9>"$REPLY.lock" || {
        echo "Bail out! no disk $name"
        exit 1
    }
}

copy() { cp --sparse=always --reflink=auto "$1" "$2"; }

poke() { # poke FILE OFFSET HEX...: bytes
    local file=$1 at=$2
    shift 2
    printf '%b' "$(printf '%s' "$*" | tr -d ' ' | sed 's/../\\x&/g')" |
        dd of="$file" bs=1 seek="$at" conv=notrunc status=none
}

# entry FILE SLOT TYPE FIRST COUNT: one of the four entries of the boot record
entry() {
    poke "$1" $((446 + 16 * ($2 - 1))) "00 fe ff ff $3 fe ff ff $(le32 "$4") $(le32 "$5")"
}

le32() { printf '%08x' "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/'; }

# ext FILE COMMAND: debugfs on the root file system of a disk from mkdisk
ext() { debugfs -w -R "$2" "$1?offset=${EXT_AT:-1048576}" 2>&1; }
ext_put() { # ext_put FILE PATH TEXT: a new file, or new contents
    printf '%s\n' "$3" >"$T/put"
    ext "$1" "rm $2" >/dev/null
    ext "$1" "write $T/put $2" >/dev/null
}
ext_get() { debugfs -R "cat $2" "$1?offset=${EXT_AT:-1048576}" 2>/dev/null; }

# What must not change when nothing may be written.
stamp() { stat -c '%y %s %i %b' "$@"; }

# ---- the program under test -----------------------------------------------------------------------------------------

# surety STATUS VERB ARGUMENT...: output in $T/out, messages in $T/err. Says nothing when the status is the wanted one.
surety() {
    local wanted=$1 rc=0
    shift
    timeout 120 "$SURETY" disk "$@" >"$T/out" 2>"$T/err" </dev/null || rc=$?
    [ "$rc" = "$wanted" ] && return
    report 1 "surety disk $* exits $wanted"
    note "it exited $rc"
    note "$(tail -8 "$T/out")"
    note "$(tail -8 "$T/err")"
    return 1
}

# checked STATUS TEXT VERB ARGUMENT...: the same, as a check of its own
checked() {
    local wanted=$1 text=$2
    shift 2
    surety "$wanted" "$@" && report 0 "$text"
}

error_id() { sed -n 's/^surety: .*\[\([a-z0-9.-]*\)\]$/\1/p' "$T/err" | tail -1; }
remedy() { sed -n 's/^surety: remedy: //p' "$T/err"; }
stops() { jq -r '[.findings[] | select(.severity == "stop") | .id] | unique | join(" ")' "$T/out" 2>/dev/null; }

# fails_as ID TEXT STATUS VERB ARGUMENT...: the error has this id, and a remedy
fails_as() {
    local id=$1 text=$2
    shift 2
    surety "$@" && is "$(error_id)" "$id" "$text: $id" && like "$(remedy)" . "$text: a remedy is given"
}

# ---- other tools ----------------------------------------------------------------------------------------------------

same() { # same IMAGE FORMAT IMAGE FORMAT TEXT: the guest sees the same bytes, and as many
    passes "$5" eval "qemu-img compare -f $2 -F $4 '$1' '$3'; [ $(size_of "$1" "$2") = $(size_of "$3" "$4") ]"
}

size_of() { qemu-img info -f "$2" --output json "$1" | jq '."virtual-size"'; }

raw_of() { # raw_of IMAGE FORMAT FILE
    qemu-img convert -f "$2" -O raw "$1" "$3"
}

says() { # says WORDS COMMAND...: status 0, and these words
    local out
    out=$("${@:2}" 2>&1) || { printf '%s\n' "$out"; return 1; }
    printf '%s\n' "$out"
    [[ $out == *"$1"* ]]
}

# part RAW NUMBER SECTOR FILE: a partition of a GPT as a file
part() {
    local line
    line=$(sgdisk_on "$3" "$1" -i "$2" | sed -n 's/^\(First\|Last\) sector: \([0-9]*\).*/\2/p' | paste -sd' ')
    [[ $line == *' '* ]] || return 1
    dd if="$1" of="$4" bs=1M iflag=skip_bytes,count_bytes conv=sparse status=none \
        skip=$((${line% *} * $3)) count=$(((${line#* } - ${line% *} + 1) * $3))
}

# sgdisk asks a device for its sector size; a file has 512
sgdisk_on() { # sgdisk_on SECTOR RAW OPTION...
    local file=$2 rc dev
    if [ "$1" = 512 ]; then sgdisk "${@:3}" "$file"; return; fi
    dev=$(losetup -r -f --show -b "$1" "$file") || return
    sgdisk "${@:3}" "$dev"
    rc=$?
    losetup -d "$dev"
    return $rc
}

# judge RAW TEXT [SECTOR]: what others say about a converted disk; its ESP is partition 15
judge() {
    local raw=$1 text=$2 sector=${3:-512} n=0
    if [ "$sector" = 512 ]; then
        passes "$text: sgdisk finds no problem" says 'No problems found' sgdisk -v "$raw"
        passes "$text: sfdisk finds no problem" says 'No errors detected' sfdisk --verify "$raw"
        is "$(blkid -p -s PTTYPE -o value "$raw")" gpt "$text: blkid sees a GPT"
    elif is_root; then
        passes "$text: sgdisk finds no problem" says 'No problems found' sgdisk_on "$sector" "$raw" -v
    fi
    if ! part "$raw" 15 "$sector" "$T/judge.esp" || ! part "$raw" 1 "$sector" "$T/judge.root"; then
        report 1 "$text: ESP and root are there"
        return
    fi
    passes "$text: fsck.fat finds no problem" fsck.fat -n "$T/judge.esp"
    passes "$text: e2fsck finds no problem" e2fsck -fn "$T/judge.root"
    is "$(blkid -p -s TYPE -o value "$T/judge.esp")" vfat "$text: the ESP is FAT"
    n=$(mdir -i "$T/judge.esp" -b -/ :: 2>/dev/null | grep -cE 'EFI/BOOT/BOOTX64.EFI|EFI/debian/grub.cfg')
    is "$n" 2 "$text: the ESP has the boot files"
    rm -f "$T"/judge.*
}
