#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds a real Debian 12 disk for a BIOS machine: MBR, grub-pc in the gap, laid out as the Debian installer does it.
. "$(dirname "$0")/lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
E2E=$(cd "$HERE/../e2e" && pwd)
# A mount that another namespace has copied lives on there when it is unmounted here, and its last changes with it.
if [ -z "${SURETY_OWN_MOUNTS:-}" ]; then
    SURETY_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
fi
unset SURETY_OWN_MOUNTS

usage() {
    cat <<'U'
make-legacy-image.sh --variant V --raw FILE [--data FILE] [--qcow2 FILE] [--size N] [--tail-gap MIB]
                     [--kernel cloud|generic] [--no-cache]
  a   sda1 ext4 /, sda2 extended, sda5 logical swap; 1 MiB free at the end (the installer's default)
  b   one ext4 / up to the last sector of the disk
  c   sda1 ext4 /boot, sda2 extended, sda5 LVM with root and swap_1
  d   as a, with an XFS root
  e   as a, with fstab, kernel command line and resume by PARTUUID
  f   as a, with a btrfs root in the subvolume @rootfs
  g   four primaries: /boot, /, swap, /srv
  h   as a, with the first partition at sector 63
  i1  ext4 /boot, then extended with sda5 / and sda6 swap: the path is /grub/grub.cfg in its own file system
  i2  as a, with a stale /grub/grub.cfg beside the one in use, /boot/grub/grub.cfg
  j   as a, on a disk with 4096-byte sectors (no BIOS boots it)
  k   as a, with /srv on a second disk, which is made as well (--data, default FILE.data): MBR, one ext4 partition
  l   sda1 ext4 /boot, sda2 extended, sda5 LUKS2 with an ext4 root (passphrase: surety)
  m   one primary LVM partition, /boot inside the root volume
--size N (4G)   --tail-gap MIB: leave that much free at the end   --no-cache: build it anew
U
}

VAR='' RAW='' DATA='' QCOW='' SIZE=4G GAP=0 KERNEL=cloud CACHE=yes
while [ $# -gt 0 ]; do
    case $1 in
    --variant) VAR=$2; shift 2;;
    --raw) RAW=$2; shift 2;;
    --data) DATA=$2; shift 2;;
    --qcow2) QCOW=$2; shift 2;;
    --size) SIZE=$2; shift 2;;
    --tail-gap) GAP=$2; shift 2;;
    --kernel) KERNEL=$2; shift 2;;
    --no-cache) CACHE=no; shift;;
    --help) usage; exit 0;;
    *) usage >&2; exit 2;;
    esac
done
if ! [[ $VAR =~ ^([a-hj-m]|i1|i2)$ ]] || [ -z "$RAW$QCOW" ]; then usage >&2; exit 2; fi
need unshare losetup partx sfdisk mkfs.ext4 qemu-img blkid tar chroot flock sha256sum

SECTOR=512 FIRST_MIB=1 ROOTTYPE=ext4 ROOTOPTS=errors=remount-ro
case $VAR in
d) ROOTTYPE=xfs ROOTOPTS=defaults; need mkfs.xfs;;
f) ROOTTYPE=btrfs ROOTOPTS=defaults,subvol=@rootfs; need mkfs.btrfs btrfs;;
j) SECTOR=4096;;
c|m) need pvcreate qemu-system-x86_64;;
l) need cryptsetup;;
esac

# ---- partition table ------------------------------------------------------------------------------------------------

# layout TOTAL: "number start size type [bootable]" for each partition, in sectors of the disk
layout() {
    local mib=$((1048576 / SECTOR)) total=$1 first end swap boot s5 s6 s3
    first=$((FIRST_MIB * mib)) swap=$((256 * mib)) boot=$((512 * mib))
    [ "$VAR" != h ] || first=63
    end=$((total - GAP * mib - mib))                # the installer leaves 1 MiB free at the end, too
    s5=$((end - swap))
    case $VAR in
    a|d|e|f|h|i2|j|k)                               # and 1 MiB before the extended partition
        echo "1 $first $((s5 - mib - first)) 83 bootable"
        echo "2 $((s5 - 2)) $((swap + 2)) 5"
        echo "5 $s5 $swap 82";;
    b)
        echo "1 $first $((total - GAP * mib - first)) 83 bootable";;
    m)
        echo "1 $first $((end - first)) 8e bootable";;
    c|l)
        s5=$((first + boot + mib))
        echo "1 $first $boot 83 bootable"
        echo "2 $((s5 - 2)) $((end - s5 + 2)) 5"
        echo "5 $s5 $((end - s5)) $([ "$VAR" = c ] && echo 8e || echo 83)";;
    i1)
        s5=$((first + boot + mib)) s6=$((end - swap))
        echo "1 $first $boot 83 bootable"
        echo "2 $((s5 - 2)) $((end - s5 + 2)) 5"
        echo "5 $s5 $((s6 - mib - s5)) 83"
        echo "6 $s6 $swap 82";;
    g)
        s3=$((end - 2 * swap))
        echo "1 $first $boot 83 bootable"
        echo "2 $((first + boot)) $((s3 - first - boot)) 83"
        echo "3 $s3 $swap 82"
        echo "4 $((end - swap)) $swap 83";;
    esac
}

write_table() { # write_table DEVICE < layout
    local n start size type boot
    {
        printf 'label: dos\nunit: sectors\n'
        while read -r n start size type boot; do
            printf 'disk%s : start=%s, size=%s, type=%s%s\n' "$n" "$start" "$size" "$type" "${boot:+, $boot}"
        done
    } | sfdisk -q --no-reread --no-tell-kernel "$1"
}

# ---- file systems ---------------------------------------------------------------------------------------------------

ROOTDEV='' BOOTDEV='' SWAPDEV='' SRVDEV='' ROOTSPEC='' SWAPSPEC='' LUKSUUID=''

make_volumes() { # make_volumes PV
    local pv=$1 v o s
    {
        lvm_on "$pv" pvcreate -q -ff -y "$pv" && lvm_on "$pv" vgcreate -q debian-vg "$pv" &&
        lvm_on "$pv" lvcreate -q -an -Zn -Wn -y -l 85%VG -n root debian-vg &&
        lvm_on "$pv" lvcreate -q -an -Zn -Wn -y -l 100%FREE -n swap_1 debian-vg
    } >"$W/log" 2>&1 || { cat "$W/log" >&2; die "making the volumes failed"; }
    for v in root swap_1; do
        read -r o s < <(volume_range "$pv" debian-vg/$v)
        attach_range "$IMG" $(($(start_of "$pv") + o)) "$s"
        if [ $v = root ]; then ROOTDEV=$REPLY; else SWAPDEV=$REPLY; fi
    done
    ROOTSPEC=/dev/mapper/debian--vg-root SWAPSPEC=/dev/mapper/debian--vg-swap_1
}

assign_devices() { # assign_devices DISK
    local d=$1
    case $VAR in
    b) ROOTDEV=${d}p1;;
    g) BOOTDEV=${d}p1 ROOTDEV=${d}p2 SWAPDEV=${d}p3 SRVDEV=${d}p4;;
    i1) BOOTDEV=${d}p1 ROOTDEV=${d}p5 SWAPDEV=${d}p6;;
    c) BOOTDEV=${d}p1; make_volumes "${d}p5";;
    m) make_volumes "${d}p1";;
    l) BOOTDEV=${d}p1 ROOTDEV=${d}p5 ROOTSPEC=/dev/mapper/sda5_crypt LUKSUUID=$(cat /proc/sys/kernel/random/uuid);;
    *) ROOTDEV=${d}p1 SWAPDEV=${d}p5;;
    esac
}

make_filesystems() {
    case $VAR in
    d) mkfs.xfs -q -f "$ROOTDEV";;
    f) quiet "$W/log" mkfs.btrfs -q -f "$ROOTDEV"
       do_mount "$ROOTDEV" "$M"
       btrfs -q subvolume create "$M/@rootfs"
       umount_all;;
    l) # encrypted in place when all is done: leave 32 MiB for the LUKS header
       mkfs.ext4 -q -F "$ROOTDEV" $((($(blockdev --getsize64 "$ROOTDEV") - (32 << 20)) / 1024))K;;
    *) mkfs.ext4 -q -F "$ROOTDEV";;
    esac
    if [ "$VAR" = f ]; then do_mount -o subvol=@rootfs "$ROOTDEV" "$M"; else do_mount "$ROOTDEV" "$M"; fi
    [ -z "$BOOTDEV" ] || { mkfs.ext4 -q -F "$BOOTDEV"; mkdir "$M/boot"; do_mount "$BOOTDEV" "$M/boot"; }
    [ -z "$SRVDEV" ] || { mkfs.ext4 -q -F "$SRVDEV"; mkdir "$M/srv"; do_mount "$SRVDEV" "$M/srv"; }
    [ -z "$SWAPDEV" ] || mkswap -q "$SWAPDEV"
}

make_data_disk() { # make_data_disk FILE: the second disk of k
    truncate -s 512M "$1"
    echo "1 2048 $((512 * 2048 - 2 * 2048)) 83" | write_table "$1"
    attach_disk "$1"
    SRVDEV=${REPLY}p1
}

# ---- contents -------------------------------------------------------------------------------------------------------

spec() { if [ "$VAR" = e ]; then echo "PARTUUID=$(partuuid_of "$1")"; else echo "UUID=$(uuid_of "$1")"; fi; }

write_fstab() {
    local pass=0
    [ $ROOTTYPE != ext4 ] || pass=1
    {
        echo '# /etc/fstab: static file system information.'
        echo '#'
        printf '# <file system>\t<mount point>\t<type>\t<options>\t<dump>\t<pass>\n'
        printf '%s\t/\t%s\t%s\t0\t%s\n' "$ROOTSPEC" $ROOTTYPE $ROOTOPTS $pass
        [ -z "$BOOTDEV" ] || printf '%s\t/boot\text4\tdefaults\t0\t2\n' "$(spec "$BOOTDEV")"
        [ -z "$SRVDEV" ] || printf '%s\t/srv\text4\tdefaults\t0\t2\n' "$(spec "$SRVDEV")"
        [ -z "$SWAPDEV" ] || printf '%s\tnone\tswap\tsw\t0\t0\n' "$SWAPSPEC"
    } >"$M/etc/fstab"
    [ "$VAR" != l ] || printf 'sda5_crypt UUID=%s none luks,discard,initramfs\n' "$LUKSUUID" >"$M/etc/crypttab"
    [ -z "$SWAPDEV" ] || echo "RESUME=$SWAPSPEC" >"$M/etc/initramfs-tools/conf.d/resume"
}

write_grub_defaults() {
    # a guest emulated on a busy machine loses timer interrupts, and would take its timer for broken and panic
    local line='console=tty0 console=ttyS0,115200n8 no_timer_check'
    [ "$VAR" != e ] || line+=" resume=$SWAPSPEC"
    sed -i -e 's/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=1/' -e "s|^GRUB_CMDLINE_LINUX=.*|GRUB_CMDLINE_LINUX=\"$line\"|" \
        -e 's/^GRUB_CMDLINE_LINUX_DEFAULT=.*/GRUB_CMDLINE_LINUX_DEFAULT=""/' "$M/etc/default/grub"
    {
        printf 'GRUB_TERMINAL="console serial"\nGRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"\n'
        [ "$VAR" != e ] || printf 'GRUB_DISABLE_LINUX_UUID=true\nGRUB_DISABLE_LINUX_PARTUUID=false\n'
    } >>"$M/etc/default/grub"
}

write_identity() {
    echo "legacy-$VAR" >"$M/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\tlegacy-%s\n' "$VAR" >"$M/etc/hosts"
    printf 'auto lo\niface lo inet loopback\n\nallow-hotplug ens3\niface ens3 inet dhcp\n' >"$M/etc/network/interfaces"
    sed -i 's/^MODULES=.*/MODULES=most/' "$M/etc/initramfs-tools/initramfs.conf"
    install -D -m 755 "$E2E/guest-facts.sh" "$M/usr/local/sbin/surety-facts"
    cat >"$M/etc/systemd/system/surety-facts.service" <<'U'
[Unit]
Description=Print boot facts on the second serial port
[Service]
Type=simple
ExecStart=/usr/local/sbin/surety-facts
[Install]
WantedBy=multi-user.target
U
    mkdir -p "$M/etc/systemd/system/multi-user.target.wants"
    ln -sf ../surety-facts.service "$M/etc/systemd/system/multi-user.target.wants/"
    chroot "$M" ssh-keygen -A >/dev/null
}

# An older installation's leftovers, in the place where a separate /boot would have its configuration.
write_stale_grub() {
    mkdir -p "$M/grub/i386-pc"
    cat >"$M/grub/grub.cfg" <<'U'
# left behind when /boot was moved into the root file system
set default="0"
set timeout=1
menuentry 'Debian GNU/Linux 9 (stretch)' {
	search --no-floppy --fs-uuid --set=root 00000000-dead-4bad-8bad-000000000000
	linux /vmlinuz-4.9.0-19-amd64 root=/dev/sda9 ro quiet
	initrd /initrd.img-4.9.0-19-amd64
}
U
    touch -d 2019-03-01 "$M/grub/grub.cfg" "$M/grub/i386-pc" "$M/grub"
}

# ---- boot loader ----------------------------------------------------------------------------------------------------

# A private /dev with just these disks, so that grub and initramfs-tools see what the installer's target sees.
private_dev() { # private_dev DISK
    local n a b c d u
    do_mount -t tmpfs -o mode=755 none "$M/dev"
    do_mount -t proc proc "$M/proc"
    do_mount -t sysfs sysfs "$M/sys"
    for n in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9; do
        IFS=: read -r a b c <<<"$n"
        mknod -m 666 "$M/dev/$a" c "$b" "$c"
    done
    mkdir -p "$M/dev/disk/by-uuid" "$M/dev/disk/by-partuuid" "$M/dev/pts"
    for d in "$1" "$1"p? $ROOTDEV $SWAPDEV $SRVDEV; do
        if [ ! -b "$d" ] || [ -e "$M$d" ]; then continue; fi
        mknod -m 660 "$M$d" b "0x$(stat -c %t "$d")" "0x$(stat -c %T "$d")"
        u=$(uuid_of "$d" || true)
        [ -z "$u" ] || ln -sf "../../${d#/dev/}" "$M/dev/disk/by-uuid/$u"
        u=$(partuuid_of "$d" || true)
        [ -z "$u" ] || ln -sf "../../${d#/dev/}" "$M/dev/disk/by-partuuid/$u"
    done
}

install_grub() { # install_grub DISK
    local k args=(--target=i386-pc --no-floppy)
    mkdir -p "$M/boot/grub"
    echo "(hd0) $1" >"$M/boot/grub/device.map"
    [ "$VAR" != j ] || args+=(--grub-setup=/bin/true)       # the modules, but nothing in the gap
    [ "$VAR" = m ] || quiet "$W/log" chroot "$M" grub-install "${args[@]}" "$1"
    case $VAR in
    c)  # grub-probe sees no volume without device mapper: a first grub.cfg, replaced by the guest's own update-grub
        k=$(basename "$M"/boot/vmlinuz-*)
        k=${k#vmlinuz-}
        printf 'search --no-floppy --fs-uuid --set=root %s\nlinux /vmlinuz-%s root=%s ro %s\n' \
            "$(uuid_of "$BOOTDEV")" "$k" "$ROOTSPEC" 'console=ttyS0,115200n8 no_timer_check' >"$M/boot/grub/grub.cfg"
        printf 'initrd /initrd.img-%s\nboot\n' "$k" >>"$M/boot/grub/grub.cfg";;
    m)  cp "$M"/boot/vmlinuz-* "$W/vmlinuz"
        cp "$M"/boot/initrd.img-* "$W/initrd";;
    *)  quiet "$W/log" chroot "$M" update-grub;;
    esac
    [ "$VAR" != l ] || sed -i "s|root=UUID=[0-9a-f-]*|root=$ROOTSPEC|" "$M/boot/grub/grub.cfg"
    rm -f "$M/boot/grub/device.map"
    echo 'grub-pc grub-pc/install_devices multiselect /dev/vda' | chroot "$M" debconf-set-selections
}

encrypt_root() {
    printf surety >"$W/key"
    quiet "$W/log" cryptsetup reencrypt --encrypt --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
        --reduce-device-size 32M -q --key-file "$W/key" "$ROOTDEV"
    cryptsetup luksUUID -q --uuid "$LUKSUUID" "$ROOTDEV"
}

# One boot in which the guest, which has device mapper, runs its own grub-install and update-grub.
finishing_boot() {
    local extra=()
    printf 'set -e\n%s\nupdate-grub 2>&1\nsync\n' \
        "$([ "$VAR" = c ] || echo 'grub-install --target=i386-pc /dev/vda 2>&1')" >"$W/script"
    [ "$VAR" = c ] || extra=(-- -kernel "$W/vmlinuz" -initrd "$W/initrd"
                             -append "root=$ROOTSPEC ro console=ttyS0,115200n8 no_timer_check")
    if ! "$E2E/boot-guest.sh" --image "$IMG" --format raw --firmware bios --script "$W/script" --out "$W/run" --write \
            "${extra[@]}" >"$W/log" 2>&1 || ! grep -q 'SURETY-SCRIPT-END rc=0' "$W/run/script.out"; then
        cat "$W/log" "$W/run/serial.log" >&2
        die "the finishing boot failed"
    fi
}

# ---- putting it together --------------------------------------------------------------------------------------------

build() { # build FILE [DATAFILE]
    local base extra=() disk
    IMG=$1
    [ "$VAR" != l ] || extra=(--extra cryptsetup-initramfs)
    base=$("$HERE/make-base.sh" --kernel "$KERNEL" "${extra[@]}")
    truncate -s "$SIZE" "$IMG"
    attach_disk "$IMG" $SECTOR
    disk=$REPLY
    layout $(($(stat -c %s "$IMG") / SECTOR)) | write_table "$disk"
    reread_table "$disk"
    assign_devices "$disk"
    [ "$VAR" != k ] || make_data_disk "$2"
    make_filesystems
    tar -C "$M" --numeric-owner --xattrs --xattrs-include='*' -xf "$base"
    [ -n "$ROOTSPEC" ] || ROOTSPEC=$(spec "$ROOTDEV")
    [ -z "$SWAPDEV" ] || [ -n "$SWAPSPEC" ] || SWAPSPEC=$(spec "$SWAPDEV")
    write_fstab
    write_grub_defaults
    write_identity
    private_dev "$disk"
    quiet "$W/log" chroot "$M" update-initramfs -u -k all
    install_grub "$disk"
    [ "$VAR" != i2 ] || write_stale_grub
    umount_all
    [ "$VAR" != l ] || encrypt_root
    cleanup
    [ -z "$(losetup -j "$IMG")" ] || die "$IMG is still in use: something mounts it"
    case $VAR in c|m) finishing_boot;; esac
    sync "$IMG"
}

W=$(mktemp -d)
M=$W/mnt
mkdir "$M"
trap 'cleanup; rm -rf "$W"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export LC_ALL=C.UTF-8

STORE=$SURETY_CACHE/images
KEY=$(cat "$HERE/lib.sh" "$HERE/make-base.sh" "$0" "$E2E/guest-facts.sh" |
      { cat; echo "$VAR $SIZE $GAP $KERNEL"; } | sha256sum | cut -c1-12)
KIND=$VAR-$SIZE-$GAP-$KERNEL
KEPT=$STORE/$KIND-$KEY.raw
mkdir -p "$STORE"
exec 8>"$STORE/$VAR.lock"
flock 8
if [ $CACHE = no ] || [ ! -s "$KEPT" ]; then
    rm -f "$STORE/$KIND"-*.raw*         # what older scripts made
    build "$KEPT.tmp" "$KEPT.tmp.data" 8>&-
    [ "$VAR" != k ] || mv "$KEPT.tmp.data" "$KEPT.data"
    mv "$KEPT.tmp" "$KEPT"
    BUILT=built
fi
if [ -n "$RAW" ]; then
    copy_sparse "$KEPT" "$RAW"
    [ "$VAR" != k ] || copy_sparse "$KEPT.data" "${DATA:-$RAW.data}"
fi
[ -z "$QCOW" ] || qemu-img convert -f raw -O qcow2 "$KEPT" "$QCOW"
log "${BUILT:-taken from the cache}: variant $VAR ($(du -h "$KEPT" | cut -f1) used)${RAW:+, $RAW}${QCOW:+, $QCOW}"
