#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# convert-hand.sh RAW EFI-DIR: a Debian disk from MBR to GPT with an ESP, in place, by the usual tools on a loop device.
# What surety is measured against; it does less: no BIOS boot partition, no fstab, no recovery after a crash. As root.
. "$(dirname "$0")/../images/lib.sh"
need sgdisk sfdisk mkfs.vfat mmd mcopy blkid losetup partx
[ $# = 2 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
IMG=$1 EFI=$2
ESP_MIB=100
export MTOOLS_SKIP_CHECK=1 LC_ALL=C.UTF-8

W=$(mktemp -d)
trap 'cleanup; rm -rf "$W"' EXIT
LAST=$EPOCHREALTIME

step() { # step NAME: the time since the last one
    local now=$EPOCHREALTIME us
    us=$((${now/./} - ${LAST/./}))
    printf '%s=%d.%01dms ' "$1" $((us / 1000)) $((us % 1000 / 100))
    LAST=$now
}

# Everything before the first partition, and the length: enough to go back.
keep_undo() {
    local first
    first=$(sfdisk -d "$IMG" | sed -n 's/.*start= *\([0-9]*\),.*/\1/p' | sort -n | head -1)
    dd if="$IMG" of="$IMG.undo" bs=512 count="$first" status=none
    stat -c %s "$IMG" >"$IMG.undo.size"
}

# Sets BOOT_UUID and PREFIX: the file system that holds grub.cfg, and where in it
find_boot() {
    local dev opt p disk
    attach_disk "$IMG"
    disk=$REPLY
    mkdir "$W/m"
    for dev in "$disk"p*; do
        case $(blkid -p -s TYPE -o value "$dev" || true) in
        ext4) opt=ro,noload;;
        xfs) opt=ro,norecovery;;
        btrfs) opt=ro;;
        *) continue;;
        esac
        do_mount -o $opt "$dev" "$W/m"
        for p in /boot/grub /grub /@rootfs/boot/grub; do
            [ ! -f "$W/m$p/grub.cfg" ] || { BOOT_UUID=$(uuid_of "$dev") PREFIX=$p; break; }
        done
        umount_all
        [ -z "${BOOT_UUID:-}" ] || break
    done
    detach "$disk"
    [ -n "${BOOT_UUID:-}" ] || die "no grub.cfg found"
}

# sgdisk keeps the slot numbers; growing first, or it has no room for the backup table
convert_table() {
    START=$((($(stat -c %s "$IMG") / 512 + 2047) / 2048 * 2048))
    truncate -s $(((START + ESP_MIB * 2048 + 2048) * 512)) "$IMG"
    quiet "$W/log" sgdisk -g -e -n "15:$START:$((START + ESP_MIB * 2048 - 1))" -t 15:ef00 \
        -c '15:EFI system partition' "$IMG"
}

# One sector a cluster: with more, 100 MiB are too few clusters for FAT32
make_esp() {
    quiet "$W/log" mkfs.vfat -F 32 -s 1 -n EFI --offset "$START" "$IMG" $((ESP_MIB * 1024))
    step mkfs
    I=$IMG@@$((START * 512))
    printf "search.fs_uuid %s root \nset prefix=(\$root)'%s'\nconfigfile \$prefix/grub.cfg\n" \
        "$BOOT_UUID" "$PREFIX" >"$W/grub.cfg"
    mmd -i "$I" ::/EFI ::/EFI/BOOT ::/EFI/debian
    mcopy -i "$I" "$EFI/shimx64.efi" ::/EFI/BOOT/BOOTX64.EFI
    mcopy -i "$I" "$EFI/grubx64.efi" ::/EFI/BOOT/grubx64.efi
    mcopy -i "$I" "$EFI/shimx64.efi" "$EFI/grubx64.efi" "$EFI/mmx64.efi" "$W/grub.cfg" ::/EFI/debian
}

keep_undo; step undo
find_boot; step find-boot
convert_table; step table
make_esp; step esp-files
sync "$IMG"; step sync
echo
