#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes fuzz/corpus/xfs and fuzz/corpus/btrfs: small volumes written by the kernel's drivers, with the
# forms mkfs alone cannot make.  Needs root (loop mounts); run from the top of the tree with the
# program fs-corpus as argument.  Unit tests use the same files.
set -eu
tool=$(realpath "$1")
top=$(pwd)
tmp=$(mktemp -d)
trap 'umount "$tmp/m" 2>/dev/null || :; rm -rf "$tmp"' EXIT
mkdir -p "$tmp/m" fuzz/corpus/xfs fuzz/corpus/btrfs
cd "$tmp"

# etc/fstab, links of both kinds, a file of so many extents that they form a tree, a long directory
# and one whose middle blocks became empty
fill() {
    mkdir -p m/etc m/many m/gone
    echo 'LABEL=root / auto defaults 0 1' >m/etc/fstab
    ln -s etc/fstab m/link
    ln -s "$(printf '%01000d' 7)" m/long
    for i in $(seq "$1"); do printf x | dd of=m/tree bs=1 seek=$((i * 8192)) conv=notrunc; done 2>/dev/null
    for i in $(seq "$2"); do : >"m/many/$(printf 'a-long-name-so-that-few-fit-a-block-%0160d' "$i")"; done
    for i in $(seq "$2"); do : >"m/gone/$(printf 'a-long-name-so-that-few-fit-a-block-%0160d' "$i")"; done
    for i in $(seq 3 $(($2 - 3))); do rm "m/gone/$(printf 'a-long-name-so-that-few-fit-a-block-%0160d' "$i")"; done
}

xfs() { # NAME MKFS-OPTIONS
    name=$1
    shift
    rm -f x && truncate -s 48M x
    mkfs.xfs -q --unsupported "$@" x >/dev/null 2>&1
    mount -o loop x m
    fill 40 60
    umount m
    "$tool" xfs x /tree >"$top/fuzz/corpus/xfs/$name"
}
xfs v5-4k -d agcount=1 -l size=1368b
xfs v5-1k-nrext64 -b size=1024 -i nrext64=1
xfs v5-dir8k -b size=1024 -n size=8192

# the kernel no longer writes version 4
truncate -s 48M v4
mkdir p && echo 'LABEL=root / auto defaults 0 1' >p/fstab
{
    printf '/\n0 0\nd--755 0 0\netc d--755 0 0\n fstab ---644 0 0 %s\n $\nlink l--777 0 0 etc/fstab\n' "$tmp/p/fstab"
    printf 'long l--777 0 0 %0300d\nmany d--755 0 0\n' 7
    for i in $(seq 30); do printf ' a-long-name-%0100d ---644 0 0 /dev/null\n' "$i"; done
    printf ' $\n$\n'
} >proto
mkfs.xfs -q --unsupported -m crc=0 -b size=512 -n ftype=0 -p proto v4 >/dev/null 2>&1
"$tool" xfs v4 >"$top/fuzz/corpus/xfs/v4-512"

btrfs_() { # NAME MOUNT-OPTION
    rm -f b && truncate -s 48M b
    mkfs.btrfs -q -M -n 4096 -s 4096 b >/dev/null
    mount -o "loop,$2" b m
    btrfs subvolume create m/@rootfs >/dev/null
    fill 4 20
    mkdir m/@rootfs/etc
    echo 'UUID=1 / btrfs subvol=@rootfs 0 1' >m/@rootfs/etc/fstab
    btrfs subvolume create m/@rootfs/nested >/dev/null
    echo inside >m/@rootfs/nested/file
    btrfs subvolume snapshot m/@rootfs m/snap >/dev/null
    : >m/many/name-1371838
    : >m/many/name-2000402 # the same hash as the one before
    seq 3000 >m/numbers
    echo 'short, and so in the tree itself' | tee -a m/inline m/inline m/inline m/inline m/inline >/dev/null
    fallocate -l 65536 m/prealloc
    echo written | dd of=m/prealloc bs=1 seek=20000 conv=notrunc 2>/dev/null
    umount m
    "$tool" btrfs b /tree /numbers /inline /prealloc /@rootfs/etc/fstab /@rootfs/nested/file /snap/etc/fstab >"$top/fuzz/corpus/btrfs/$1"
}
btrfs_ plain compress=no
btrfs_ zlib compress-force=zlib
btrfs_ lzo compress-force=lzo
btrfs_ zstd compress-force=zstd
