#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# convert-guestfish.sh IMAGE EFI-DIR: a Debian disk (raw or qcow2) from MBR to GPT with an ESP, in place, through one
# libguestfs appliance. What surety is measured against; it does less (no BIOS boot partition, no fstab, no way back).
# The appliance runs without KVM, as on a host that cannot nest; LIBGUESTFS_BACKEND_SETTINGS= changes that.
set -euo pipefail
[ $# = 2 ] || { sed -n '3,5s/^# //p' "$0" >&2; exit 2; }
IMG=$1 EFI=$2
ESP_MIB=100
export LIBGUESTFS_BACKEND=${LIBGUESTFS_BACKEND-direct} LC_ALL=C.UTF-8
export LIBGUESTFS_BACKEND_SETTINGS=${LIBGUESTFS_BACKEND_SETTINGS-force_tcg}

W=$(mktemp -d)
GUESTFISH_PID=
finish() {
    [ -z "$GUESTFISH_PID" ] || gf exit || true
    rm -rf "$W"
}
trap finish EXIT

gf() { guestfish --remote="$GUESTFISH_PID" -- "$@"; }

# The appliance's own disk can be /dev/sda to its kernel, and debug sh, unlike the API, does not translate names.
GUEST=/dev/disk/guestfs/guest
in_appliance() { gf debug sh "$*" >"$W/log" 2>&1 || { cat "$W/log" >&2; exit 1; }; }

FORMAT=$(qemu-img info --output=json "$IMG" | sed -n 's/^    "format": "\(.*\)",*$/\1/p')
SIZE=$(qemu-img info --output=json "$IMG" | sed -n 's/^    "virtual-size": \([0-9]*\),*$/\1/p')
START=$(((SIZE / 512 + 2047) / 2048 * 2048))
qemu-img resize -q -f "$FORMAT" "$IMG" $(((START + ESP_MIB * 2048 + 2048) * 512))

eval "$(guestfish --listen)"
gf add-drive "$IMG" "format:$FORMAT" label:guest
gf run

# the file system that holds grub.cfg, and where in it
BOOT_UUID=
while IFS=': ' read -r dev type; do
    case $type in ext4|xfs|btrfs) ;; *) continue;; esac
    gf mount-ro "$dev" /
    for p in /boot/grub /grub /@rootfs/boot/grub; do
        if [ "$(gf is-file "$p/grub.cfg")" = true ]; then
            BOOT_UUID=$(gf vfs-uuid "$dev") PREFIX=$p
            break
        fi
    done
    gf umount-all
    [ -z "$BOOT_UUID" ] || break
done < <(gf list-filesystems)
[ -n "$BOOT_UUID" ] || { echo "no grub.cfg found" >&2; exit 1; }

in_appliance "sgdisk -g -e -n 15:$START:$((START + ESP_MIB * 2048 - 1)) -t 15:ef00 $GUEST"
in_appliance "blockdev --rereadpt $GUEST; udevadm settle"
in_appliance "mkfs.vfat -F 32 -s 1 -n EFI ${GUEST}15"

printf "search.fs_uuid %s root \nset prefix=(\$root)'%s'\nconfigfile \$prefix/grub.cfg\n" \
    "$BOOT_UUID" "$PREFIX" >"$W/grub.cfg"
gf mount /dev/sda15 /
gf mkdir-p /EFI/BOOT
gf mkdir-p /EFI/debian
gf upload "$EFI/shimx64.efi" /EFI/BOOT/BOOTX64.EFI
gf upload "$EFI/grubx64.efi" /EFI/BOOT/grubx64.efi
for f in shimx64 grubx64 mmx64; do gf upload "$EFI/$f.efi" "/EFI/debian/$f.efi"; done
gf upload "$W/grub.cfg" /EFI/debian/grub.cfg
gf umount-all
gf shutdown
