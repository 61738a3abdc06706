#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# convert-hand.sh RAW EFI-DIR: a Debian disk from MBR to GPT with an ESP, in place, by the usual tools on a loop device.
# What surety is measured against; it does less: no BIOS boot partition, no fstab, no recovery after a crash. As root.
. "$(dirname "$0")/hand.sh"
need sgdisk sfdisk mkfs.vfat mmd mcopy blkid losetup partx
[ $# = 2 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
IMG=$1 EFI=$2

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

make_esp() {
    format_esp; step mkfs
    printf "search.fs_uuid %s root \nset prefix=(\$root)'%s'\nconfigfile \$prefix/grub.cfg\n" \
        "$BOOT_UUID" "$PREFIX" >"$W/grub.cfg"
    mmd -i "$I" ::/EFI ::/EFI/BOOT ::/EFI/debian
    mcopy -i "$I" "$EFI/shimx64.efi" ::/EFI/BOOT/BOOTX64.EFI
    mcopy -i "$I" "$EFI/grubx64.efi" ::/EFI/BOOT/grubx64.efi
    mcopy -i "$I" "$EFI/shimx64.efi" "$EFI/grubx64.efi" "$EFI/mmx64.efi" "$W/grub.cfg" ::/EFI/debian
}

keep_undo; step undo
find_boot; step find-boot
convert_table 15; step table
make_esp; step esp-files
sync "$IMG"; step sync
echo
