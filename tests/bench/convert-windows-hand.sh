#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# convert-windows-hand.sh RAW: a Windows disk (System Reserved, C:) from MBR to GPT with an ESP, in place, by the usual
# tools on loop devices; C: is mounted through FUSE to read boot files from it. What surety is measured against; it does
# less: trusts the disk, looks at no signature, knows these two partitions only, and cannot recover from a crash. As root.
. "$(dirname "$0")/hand.sh"
need sgdisk sfdisk mkfs.vfat mmd mcopy losetup ntfs-3g ntfscat ntfscp ntfsresize hivexregedit hivexsh xxd
[ $# = 1 ] || { sed -n '3,5s/^# //p' "$0" >&2; exit 2; }
IMG=$1

hex() { xxd -p -c 256 | sed 's/../&,/g; s/,$//'; }      # as in a .reg file
le() { printf "%0$((2 * $2))x" "$1" | xxd -r -p | xxd -p -c 64 | fold -w 2 | tac | paste -sd,; } # le NUMBER BYTES
zeros() { printf '00,%.0s' $(seq "$1") | sed 's/,$//'; }
utf16() { printf '%s' "$1" | iconv -t UTF-16LE | hex; }
guid_at() { dd if="$IMG" bs=1 skip="$1" count=16 status=none | hex; } # guid_at BYTE

look() {
    local starts sizes
    mapfile -t starts < <(sfdisk -d "$IMG" | sed -n 's/.*start= *\([0-9]*\),.*/\1/p')
    mapfile -t sizes < <(sfdisk -d "$IMG" | sed -n 's/.*size= *\([0-9]*\),.*/\1/p')
    SYSTEM_AT=$((starts[0] * 512)) OS_AT=$((starts[1] * 512)) OS_SIZE=$((sizes[1] * 512))
    SIGNATURE=$(dd if="$IMG" bs=1 skip=440 count=4 status=none | hex)
    attach_range "$IMG" $SYSTEM_AT $((sizes[0] * 512)); SYSTEM=$REPLY
    attach_range "$IMG" $OS_AT $OS_SIZE; OS=$REPLY
}

# Whether NTFS is sound and could be made smaller, as MBR2GPT would; it reads every record of the MFT
check() { quiet "$W/log" ntfsresize --no-action --force --size $((OS_SIZE - (ESP_MIB << 20))) "$OS"; }

read_files() {
    mkdir "$W/c" "$W/EFI" "$W/EFI/Microsoft" "$W/EFI/Microsoft/Boot" "$W/EFI/Boot"
    ntfs-3g -o ro,no_def_opts "$OS" "$W/c"
    MOUNTS+=("$W/c")
    cp -r "$W"/c/Windows/Boot/EFI/. "$W"/c/Windows/Boot/Fonts "$W"/c/Windows/Boot/Resources "$W/EFI/Microsoft/Boot"
    cp "$W/c/Windows/Boot/EFI/bootmgfw.efi" "$W/EFI/Boot/bootx64.efi"
    cp "$W/c/Windows/System32/config/SYSTEM" "$W/SYSTEM"
    umount_all
    ntfscat "$SYSTEM" /Boot/BCD >"$W/EFI/Microsoft/Boot/BCD"
}

# A partition as the store names it: by offset and signature, and by GUIDs
old_device() { echo "$(le "$1" 8),$(zeros 12),01,00,00,00,$SIGNATURE,$(zeros 12)"; }
new_device() { echo "$1,$(zeros 8),$DISK"; }

convert_store() {
    local bcd=$W/EFI/Microsoft/Boot/BCD bootmgr='\Objects\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\Elements'
    hivexregedit --export "$bcd" '\Objects' | sed \
        -e "s/$(old_device "$SYSTEM_AT")/$(new_device "$ESP")/; s/$(old_device "$OS_AT")/$(new_device "$C")/" \
        -e "s/$(utf16 '\boot\memtest.exe')/$(utf16 '\EFI\Microsoft\Boot\memtest.efi')/" \
        -e "s/$(utf16 .exe),00,00\$/$(utf16 .efi),00,00/" >"$W/bcd.reg"
    printf '\n[%s\\12000002]\n"Element"=hex(1):%s,00,00\n' "$bootmgr" "$(utf16 '\EFI\Microsoft\Boot\bootmgfw.efi')" \
        >>"$W/bcd.reg"
    hivexregedit --merge "$bcd" "$W/bcd.reg"
    printf 'cd %s\\12000002\nlsval Element\n' "$bootmgr" | hivexsh "$bcd" >"$W/log"
    grep -q bootmgfw "$W/log" || die "the store was not converted"
}

# Letters: C: by its GUID; the one of the old system partition goes
convert_letters() {
    local entry
    entry="$SIGNATURE,$(le "$OS_AT" 8)"
    hivexregedit --export "$W/SYSTEM" '\MountedDevices' >"$W/mounted.reg"
    sed -i -e "s/hex(3):$entry\$/hex(3):$(printf DMIO:ID: | hex),$C/" \
        -e "/DosDevices/s/=hex(3):$SIGNATURE,$(le "$SYSTEM_AT" 8)\$/=-/" "$W/mounted.reg"
    hivexregedit --merge "$W/SYSTEM" "$W/mounted.reg"
    quiet "$W/log" ntfscp -f "$OS" "$W/SYSTEM" /Windows/System32/config/SYSTEM
}

keep_undo; look; step look
check; step ntfsresize
read_files; step read
convert_table 3 -t 1:2700 -A 1:set:0 -A 1:set:63
DISK=$(guid_at $((512 + 56))) C=$(guid_at $((1024 + 128 + 16))) ESP=$(guid_at $((1024 + 256 + 16)))
step table
convert_store; step store
convert_letters; step letters
format_esp
mcopy -s -i "$I" "$W/EFI" ::/
step esp-files
sync "$IMG"; step sync
echo
