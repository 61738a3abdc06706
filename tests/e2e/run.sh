#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh [--smoke] [--jobs N] [VARIANT...]: real disks, end to end. Each is made, booted under BIOS, converted, judged by other
# tools, booted under OVMF with Secure Boot and a vTPM, rolled back and booted under BIOS again. TAP on stdout; logs and
# facts stay in build/e2e/VARIANT/. --jobs: so many variants at a time, with one processor each. Needs root. SURETY: the
# program (build/surety); SURETY_E2E_KEEP=1 keeps the disks.
. "$(dirname "$0")/../images/lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
SURETY=$(realpath "${SURETY:-$TOP/build/surety}")
RESULTS=${SURETY_E2E_OUT:-$TOP/build/e2e}
ESP_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b
ALL=(a b c d e f g h i1 i2 j k l m fixed)
export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg LC_ALL=C.UTF-8

WANTED=() JOBS=1
while [ $# -gt 0 ]; do
    case $1 in
    --smoke) WANTED=(a);;
    --jobs) [[ ${2:-} =~ ^[1-9]$ ]] || { echo "run.sh: --jobs wants 1 to 9" >&2; exit 2; }
        JOBS=$2
        shift;;
    i) WANTED+=(i1 i2);;
    [a-m]|i1|i2|fixed) WANTED+=("$1");;
    *) sed -n '3,6s/^# //p' "$0" >&2; exit 2;;
    esac
    shift
done
[ ${#WANTED[@]} -gt 0 ] || WANTED=("${ALL[@]}")
[ -x "$SURETY" ] || die "no program $SURETY: build it first (meson setup build && ninja -C build)"
[ "$(id -u)" = 0 ] || die "needs root, for loop devices"
need qemu-system-x86_64 swtpm jq sgdisk sfdisk fsck.fat e2fsck blkid losetup partx cmp

# ---- TAP ------------------------------------------------------------------------------------------------------------

COUNT=0 FAILED=0 V=''

note() { printf '%s\n' "$*" | sed 's/^/# /'; }

report() { # report STATUS TEXT
    COUNT=$((COUNT + 1))
    if [ "$1" = 0 ]; then
        echo "ok $COUNT - $V: $2"
    else
        FAILED=$((FAILED + 1))
        echo "not ok $COUNT - $V: $2"
    fi
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
    if out=$("$@" 2>&1); then report 0 "$text"; else report 1 "$text"; note "$*"; note "$out" | tail -20; return 1; fi
}

# ---- the program under test -----------------------------------------------------------------------------------------

# surety NAME WANTED VERB IMAGE [OPTION...]: checks the exit status; the JSON goes to NAME.json
surety() {
    local name=$1 wanted=$2 rc=0
    shift 2
    timeout 900 "$SURETY" disk "$@" --json >"$DIR/$name.json" 2>"$DIR/$name.err" || rc=$?
    if ! is "$rc" "$wanted" "surety disk $1 exits $wanted"; then
        note "$(head -c 2000 "$DIR/$name.json")"
        note "$(tail -5 "$DIR/$name.err")"
        return 1
    fi
}

json() { jq -r "$2" "$DIR/$1.json" 2>/dev/null || echo unreadable; }

# ---- guests ---------------------------------------------------------------------------------------------------------

fact() { sed -n "s/^$2=//p" "$DIR/$1/facts" | head -1; }

# boot NAME FIRMWARE [OPTION...]: facts in DIR/NAME/facts
boot() {
    local name=$1 fw=$2 args=()
    shift 2
    [ "$fw" != sb ] || args+=(--tpm "$DIR/tpm")
    [ "$V" != j ] || args+=(--sector-size 4096)
    [ "$V" != k ] || args+=(--data-disk "$DISK.data")
    [ "$V" != l ] || args+=(--expect 'unlock disk' --send surety)
    if "$HERE/boot-guest.sh" --image "$DISK" --firmware "$fw" --out "$DIR/$name" "${args[@]}" "$@" \
            >"$DIR/$name.log" 2>&1; then
        report 0 "boots ($name)"
    else
        report 1 "boots ($name)"
        note "$(tail -15 "$DIR/$name/serial.log")"
        note "$(tail -3 "$DIR/$name.log")"
        return 1
    fi
}

# What must hold in the guest whatever the firmware.
check_system() { # check_system NAME FIRMWARE PTTYPE
    is "$(fact "$1" firmware)" "$2" "$1: firmware is $2"
    is "$(fact "$1" pttype)" "$3" "$1: partition table is $3"
    is "$(fact "$1" state)" running "$1: the system is running"
    is "$(fact "$1" failed)" "" "$1: no failed unit"
    is "$(fact "$1" rootfs)" "$(rootfs_of)" "$1: root is mounted"
    like "$(fact "$1" nic)" '^ens3:UP' "$1: the network adapter kept its name and is up"
    case $V in
    b) is "$(fact "$1" swap)" "" "$1: no swap, as before";;
    l) ;;
    *) like "$(fact "$1" swap)" ^/dev/ "$1: swap is in use"
       like "$(fact "$1" resume)" '^[0-9]*[1-9][0-9]*:' "$1: the resume device was found";;
    esac
    case $V in g|k) like "$(fact "$1" srv)" ^/dev/ "$1: /srv is mounted";; esac
}

rootfs_of() { case $V in d) echo xfs;; f) echo btrfs;; *) echo ext4;; esac; }

check_trusted_launch() { # check_trusted_launch NAME
    local esp
    esp=$(json convert .esp.number)
    is "$(fact "$1" secureboot)" 1 "$1: Secure Boot is on"
    is "$(fact "$1" setupmode)" 0 "$1: not in setup mode"
    is "$(fact "$1" tpm)" 2 "$1: TPM 2.0"
    is "$(fact "$1" pcr4)" "$(json convert .pcr4)" "$1: PCR 4 is what convert predicted"
    like "$(fact "$1" esp)" "^/dev/[a-z]+$esp\$" "$1: /boot/efi is partition $esp"
    is "$(fact "$1" espdisk)" "$(fact "$1" disk)" "$1: root and ESP are on the same disk"
    [ "$V" != j ] || is "$(fact "$1" sector)" 4096 "$1: 4096-byte sectors"
}

# ---- what other tools say about the converted disk ------------------------------------------------------------------

# Both end with status 0 whatever they find.
says() { # says WHAT COMMAND...
    local out
    out=$("${@:2}" 2>&1)
    printf '%s\n' "$out"
    [[ $out == *"$1"* ]]
}

# A disk that was never mounted since the conversion: what e2fsck finds is the conversion's doing.
check_volumes() { # check_volumes PV
    local o s
    read -r o s < <(volume_range "$1" debian-vg/root)
    attach_range "$DISK" $(($(start_of "$1") + o)) "$s"
    passes "e2fsck accepts the root volume" e2fsck -fn "$REPLY"
    detach "$REPLY"
}

interop() {
    local sector=512 disk d
    [ "$V" != j ] || sector=4096
    attach_disk "$DISK" $sector
    disk=$REPLY
    passes "sgdisk -v finds no problem" says "No problems found" sgdisk -v "$disk"
    passes "sfdisk --verify finds no problem" says "No errors detected" sfdisk --verify "$disk"
    is "$(blkid -p -s PTTYPE -o value "$disk")" gpt "blkid sees a GPT"
    for d in "$disk"p*; do
        case $(blkid -p -s TYPE -o value "$d" || true) in
        ext4) passes "e2fsck accepts ${d##*p}" e2fsck -fn "$d";;
        vfat) is "$(blkid -p -s PART_ENTRY_TYPE -o value "$d")" $ESP_TYPE "${d##*p} is an ESP"
              is "${d##*p}" "$(json convert .esp.number)" "the ESP has the number convert printed"
              passes "fsck.fat accepts the ESP" fsck.fat -n "$d";;
        LVM2_member) check_volumes "$d";;
        esac
    done
    detach "$disk"
}

# ---- one variant ----------------------------------------------------------------------------------------------------

# First partition's start in bytes: the boot code, the table and the gap lie before it.
gap_of() { case $V in h) echo $((63 * 512));; *) echo 1048576;; esac; }

make_disk() {
    local rc=0
    "$TOP/tests/images/make-legacy-image.sh" --variant "$V" --raw "$DISK" >"$DIR/make.log" 2>&1 || rc=$?
    is $rc 0 "a legacy disk is made" || { note "$(tail -15 "$DIR/make.log")"; return 1; }
    SIZE=$(stat -c %s "$DISK")
    head -c "$(gap_of)" "$DISK" >"$DIR/gap.bin"
}

convert() {
    local opts=(--boot-files "$SURETY_CACHE/efi")
    case $V in
    d|f) opts+=(--engine appliance);;
    l) printf surety >"$DIR/key"; opts+=(--key-file "$DIR/key");;
    esac
    surety validate 0 validate "$DISK" "${opts[@]}" || return 1
    passes "validate and the guest's start wrote nothing" cmp -n "$(gap_of)" "$DIR/gap.bin" "$DISK" || return 1
    surety convert 0 convert "$DISK" "${opts[@]}" || return 1
    is "$(json convert .ok)" true "the answer says ok"
    like "$(json convert .pcr4)" '^[0-9a-f]{64}$' "the answer predicts PCR 4"
}

refuse_data_disk() {
    local before ids='[.. | .id? // empty] | join(" ")'
    before=$(sha256sum <"$DISK.data")
    surety data 3 convert "$DISK.data" --boot-files "$SURETY_CACHE/efi"
    like "$(json data "$ids")" '(^| )linux\.boot\.missing( |$)' "the data disk is refused by linux.boot.missing"
    is "$(sha256sum <"$DISK.data")" "$before" "the refused disk is untouched"
}

roll_back() {
    local opts=()
    [ "$V" != l ] || opts=(--key-file "$DIR/key")
    surety rollback 0 rollback "$DISK" "${opts[@]}" || return 1
    is "$(stat -c %s "$DISK")" "$SIZE" "rollback: the disk has its old size"
    passes "rollback: boot code, table and gap are the old bytes" cmp -n "$(gap_of)" "$DIR/gap.bin" "$DISK"
    is "$(blkid -p -s PTTYPE -o value "$DISK")" dos "rollback: blkid sees an MBR"
}

run_variant() {
    V=$1
    DIR=$RESULTS/$V DISK=$RESULTS/$V/disk.raw
    rm -rf "$DIR"
    mkdir -p "$DIR"
    make_disk || return 0
    printf 'echo kept-%s >/root/made-under-uefi\nsync\n' "$V" >"$DIR/leave"
    printf 'cat /root/made-under-uefi\n' >"$DIR/find"
    if [ "$V" != j ]; then
        boot bios-before bios || return 0
        check_system bios-before bios dos
    fi
    [ "$V" != k ] || refuse_data_disk
    convert || return 0
    interop
    boot secure-boot sb --write --script "$DIR/leave" || return 0
    check_system secure-boot uefi gpt
    check_trusted_launch secure-boot
    if [[ $V == [am] ]]; then
        is "$(json convert .dual)" true "the disk is made to boot under both firmwares"
        boot bios-dual bios && check_system bios-dual bios gpt
    fi
    surety again 4 convert "$DISK" --boot-files "$SURETY_CACHE/efi" || true
    roll_back || return 0
    if [ "$V" != j ]; then
        boot bios-after bios --script "$DIR/find" || return 0
        check_system bios-after bios dos
        is "$(head -1 "$DIR/bios-after/script.out")" "kept-$V" "bios-after: what was written under UEFI is there"
    fi
}

# A block device cannot grow: it is converted when the end of the disk has room, and refused untouched when it has not.
run_fixed() {
    V=$1
    DIR=$RESULTS/$V DISK=$RESULTS/$V/disk.raw
    local before device rc=0 opts=(--boot-files "$SURETY_CACHE/efi" --undo "$DIR/undo")
    rm -rf "$DIR"
    mkdir -p "$DIR"
    "$TOP/tests/images/make-legacy-image.sh" --variant b --raw "$DISK" >"$DIR/make.log" 2>&1 || rc=$?
    is $rc 0 "a full disk is made" || return 0
    before=$(sha256sum <"$DISK")
    attach_disk "$DISK"
    surety full 3 convert "$REPLY" "${opts[@]}"
    detach "$REPLY"
    is "$(sha256sum <"$DISK")" "$before" "the refused device is untouched"

    "$TOP/tests/images/make-legacy-image.sh" --variant a --tail-gap 128 --raw "$DISK" >"$DIR/make.log" 2>&1 || rc=$?
    is $rc 0 "a disk with room at its end is made" || return 0
    SIZE=$(stat -c %s "$DISK")
    head -c "$(gap_of)" "$DISK" >"$DIR/gap.bin"
    device=$(losetup -f --show "$DISK")
    LOOPS+=("$device")
    rc=0
    surety convert 0 convert "$device" "${opts[@]}" || rc=1
    detach "$device"
    [ $rc = 0 ] || return 0
    is "$(stat -c %s "$DISK")" "$SIZE" "the disk kept its size"
    interop
    boot secure-boot sb || return 0
    check_system secure-boot uefi gpt
    check_trusted_launch secure-boot
    device=$(losetup -f --show "$DISK")
    LOOPS+=("$device")
    surety rollback 0 rollback "$device" --undo "$DIR/undo"
    detach "$device"
    passes "rollback: boot code, table and gap are the old bytes" cmp -n "$(gap_of)" "$DIR/gap.bin" "$DISK"
}

# Each variant is this script again; their lines come when all are complete.
JOB_PIDS=() JOB_LINES=()
share_out() {
    local v p
    export SURETY_E2E_SMP=1 SURETY_E2E_GUESTS=$JOBS
    # shellcheck disable=SC2317 # called by the trap
    end_jobs() { for p in $(jobs -rp); do kill "$p" 2>/dev/null || true; done; wait; rm -f "${JOB_LINES[@]}"; }
    trap end_jobs EXIT
    for v in "${WANTED[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n || true; done
        JOB_LINES+=("$(mktemp)")
        "$0" "$v" >"${JOB_LINES[-1]}" 2>&1 &
        JOB_PIDS+=($!)
    done
    for p in "${JOB_PIDS[@]}"; do wait "$p" || true; done
    cat "${JOB_LINES[@]}" | awk -v jobs=${#JOB_PIDS[@]} '
        /^(not )?ok [0-9]+ / { n++; sub(/ok [0-9]+/, "ok " n); if (/^not/) bad++ }
        /^1\.\.[0-9]/ { plans++; planned += substr($0, 4); next }
        /^[0-9]+ passed, [0-9]+ failed$/ { next }
        { print }
        END {
            if (plans != jobs || planned != n) { print "not ok " ++n " - every job came to its end"; bad++ }
            print "1.." n
            print n - bad " passed, " bad + 0 " failed"
            exit bad != 0
        }'
}

trap 'exit 130' INT
trap 'exit 143' TERM
"$TOP/tests/images/get-efi.sh" "$SURETY_CACHE/efi"
if [ "$JOBS" -gt 1 ] && [ ${#WANTED[@]} -gt 1 ]; then
    share_out
    exit
fi
trap cleanup EXIT
for v in "${WANTED[@]}"; do
    before=$FAILED
    SECONDS=0
    set +e
    if [ "$v" = fixed ]; then run_fixed "$v"; else run_variant "$v"; fi
    set -e
    cleanup
    note "$v: $((FAILED - before)) failed, $SECONDS s"
    [ "$FAILED" != "$before" ] || [ "${SURETY_E2E_KEEP:-0}" = 1 ] || rm -f "$RESULTS/$v"/disk.raw*
done
echo "1..$COUNT"
echo "$((COUNT - FAILED)) passed, $FAILED failed"
[ "$FAILED" = 0 ]
