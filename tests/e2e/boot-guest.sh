#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Boots a disk image under QEMU (software emulation) and prints the facts that the guest reports.
. "$(dirname "$0")/../images/lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)

usage() {
    cat <<'U'
boot-guest.sh --image FILE [--firmware bios|uefi|sb] [options] [-- QEMU-ARGS]
  --firmware F     bios: SeaBIOS on pc; uefi: OVMF on q35; sb: OVMF with Secure Boot and Microsoft's keys on q35
  --format F       raw or qcow2 (by the name's ending)
  --data-disk FILE a second disk, same format
  --tpm DIR        a TPM 2.0 (swtpm), its state kept in DIR
  --vars FILE      the NVRAM file, kept (default: a fresh copy per boot)
  --sector-size N  4096: a disk with such sectors
  --bus B          virtio (default), sata, ide or scsi
  --write          keep what the guest writes (default: snapshot=on)
  --script FILE    run by the guest after its facts        --action poweroff|reboot|stay
  --expect TEXT --send LINE     type LINE when TEXT appears on the console
  --out DIR        logs, facts, times        --timeout S (600)        --progress: print the milestones
  --quiet          do not print the facts
Exit status 0 when the guest printed its facts and powered off. One guest at a time, or SURETY_E2E_GUESTS of them: waits
for another one to end.
U
}

IMG='' FMT='' FW=bios DATA='' TPM='' VARS='' SECTOR=512 BUS=virtio SNAP=on
SCRIPT='' ACTION=poweroff OUT='' TMO=600 QUIET=no CONSOLE=() EXTRA=()
while [ $# -gt 0 ]; do
    case $1 in
    --image) IMG=$2; shift 2;;
    --firmware) FW=$2; shift 2;;
    --format) FMT=$2; shift 2;;
    --data-disk) DATA=$2; shift 2;;
    --tpm) TPM=$2; shift 2;;
    --vars) VARS=$2; shift 2;;
    --sector-size) SECTOR=$2; shift 2;;
    --bus) BUS=$2; shift 2;;
    --write) SNAP=off; shift;;
    --script) SCRIPT=$2; shift 2;;
    --action) ACTION=$2; shift 2;;
    --expect|--send) CONSOLE+=("$1" "$2"); shift 2;;
    --progress) CONSOLE+=("$1"); shift;;
    --quiet) QUIET=yes; shift;;
    --out) OUT=$2; shift 2;;
    --timeout) TMO=$2; shift 2;;
    --help) usage; exit 0;;
    --) shift; EXTRA=("$@"); break;;
    *) usage >&2; exit 2;;
    esac
done
[ -n "$IMG" ] || { usage >&2; exit 2; }
need qemu-system-x86_64 python3 flock
OVMF=/usr/share/OVMF

T='' TPMPID='' CONSOLEPID=''
# shellcheck disable=SC2317  # called by the trap
finish() {
    local p
    for p in $CONSOLEPID $TPMPID; do
        kill "$p" 2>/dev/null || true
        wait "$p" 2>/dev/null || true
    done
    [ -z "$T" ] || rm -rf "$T"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

T=$(mktemp -d)                  # sockets have short names only
OUT=${OUT:-$T/out}
mkdir -p "$OUT" "$SURETY_CACHE"
OUT=$(cd "$OUT" && pwd)
[ -n "$FMT" ] || case $IMG in *.qcow2) FMT=qcow2;; *) FMT=raw;; esac
for i in $(seq "${SURETY_E2E_GUESTS:-1}"); do
    exec 9>"$SURETY_CACHE/guest.lock.$i"
    ! flock -n 9 || break
done
flock 9

ARGS=(-accel "tcg,thread=multi" -cpu qemu64 -m 1024 -smp "${SURETY_E2E_SMP:-2}" -display none -vga none -no-user-config -nodefaults
      -rtc base=utc -serial stdio -serial "unix:$OUT/s1.sock" -monitor none -no-reboot)

nvram() { # nvram TEMPLATE: pflash for the variables
    [ -n "$VARS" ] || VARS=$T/vars.fd
    [ -s "$VARS" ] || cp "$OVMF/$1" "$VARS"
    ARGS+=(-drive "if=pflash,format=raw,file=$VARS")
}

case $FW in
bios)
    ARGS+=(-machine pc -device "virtio-net-pci,netdev=n0,addr=3");;
uefi)
    ARGS+=(-machine q35 -drive "if=pflash,format=raw,readonly=on,file=$OVMF/OVMF_CODE_4M.fd")
    nvram OVMF_VARS_4M.fd;;
sb)
    ARGS+=(-machine "q35,smm=on" -global "driver=cfi.pflash01,property=secure,value=on" -global ICH9-LPC.disable_s3=1
           -drive "if=pflash,format=raw,readonly=on,file=$OVMF/OVMF_CODE_4M.secboot.fd")
    nvram OVMF_VARS_4M.ms.fd;;
*)  usage >&2; exit 2;;
esac
# Behind a PCI bridge and in its old slot, so that the adapter is still called ens3 on the new machine type.
[ "$FW" = bios ] || ARGS+=(-device "pcie-root-port,id=rp0,chassis=1" -device "pcie-pci-bridge,id=br0,bus=rp0"
                           -device "virtio-net-pci,netdev=n0,bus=br0,addr=3")
ARGS+=(-netdev "user,id=n0,restrict=on" -device virtio-rng-pci)

add_disk() { # add_disk ID FILE OPTIONS
    local opts=$3
    [ "$SECTOR" = 512 ] || opts+=,logical_block_size=$SECTOR,physical_block_size=$SECTOR
    ARGS+=(-drive "if=none,id=$1,file=$2,format=$FMT,snapshot=$SNAP,cache=unsafe")
    case $BUS in
    virtio) ARGS+=(-device "virtio-blk-pci,drive=$1$opts");;
    sata) ARGS+=(-device "ide-hd,bus=ahci$1.0,drive=$1$opts" -device "ahci,id=ahci$1");;
    ide) ARGS+=(-device "ide-hd,drive=$1$opts");;
    scsi) ARGS+=(-device "virtio-scsi-pci,id=scsi$1" -device "scsi-hd,bus=scsi$1.0,drive=$1$opts");;
    esac
}
add_disk d0 "$IMG" ,bootindex=1
[ -z "$DATA" ] || add_disk d1 "$DATA" ""

if [ -n "$TPM" ]; then
    need swtpm swtpm_setup
    mkdir -p "$TPM"
    TPM=$(cd "$TPM" && pwd)
    [ -e "$TPM/tpm2-00.permall" ] ||
        quiet "$OUT/swtpm_setup.log" swtpm_setup --tpm2 --tpmstate "$TPM" --overwrite --pcr-banks sha256
    # --terminate: it ends when QEMU closes the connection, even if this script could not tell it to
    swtpm socket --tpm2 --tpmstate "dir=$TPM" --ctrl "type=unixio,path=$T/swtpm.sock" --flags startup-clear \
        --terminate --log "file=$OUT/swtpm.log" 9>&- &
    TPMPID=$!
    for _ in $(seq 3000); do [ ! -S "$T/swtpm.sock" ] || break; sleep 0.02; done
    [ -S "$T/swtpm.sock" ] || die "swtpm does not start; see $OUT/swtpm.log"
    ARGS+=(-chardev "socket,id=chrtpm,path=$T/swtpm.sock" -tpmdev "emulator,id=tpm0,chardev=chrtpm"
           -device "tpm-crb,tpmdev=tpm0")
fi

printf '%s' "$ACTION" >"$T/action"
ARGS+=(-fw_cfg "name=opt/org.surety/action,file=$T/action")
[ -z "$SCRIPT" ] || ARGS+=(-fw_cfg "name=opt/org.surety/script,file=$SCRIPT")
printf '%q ' qemu-system-x86_64 "${ARGS[@]}" "${EXTRA[@]}" >"$OUT/command"
python3 "$HERE/guest-console.py" --out "$OUT" --timeout "$TMO" "${CONSOLE[@]}" -- \
    qemu-system-x86_64 "${ARGS[@]}" "${EXTRA[@]}" 9>&- &
CONSOLEPID=$!
RC=0
wait "$CONSOLEPID" || RC=$?
CONSOLEPID=
[ $QUIET = yes ] || cat "$OUT/facts" "$OUT/script.out"
[ "$RC" = 0 ] || { log "the guest did not come up and power off; see $OUT/serial.log"; tail -5 "$OUT/qemu.err" >&2; }
exit "$RC"
