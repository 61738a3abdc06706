#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# get-kernel.sh DIR: puts Debian's kernel, its initramfs and one module into DIR (vmlinuz initrd.img virtio_blk.ko), as
# make-base.sh installed them, for tests against real files. Does nothing when the files are there.
. "$(dirname "$0")/lib.sh"
need tar
DIR=${1:?usage: get-kernel.sh DIR}

have_all() {
    local f
    for f in vmlinuz initrd.img virtio_blk.ko; do [ -s "$DIR/$f" ] || return 1; done
}

mkdir -p "$DIR"
if have_all; then exit 0; fi
BASE=$("$(dirname "$0")/make-base.sh")
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
tar -xf "$BASE" -C "$T" --wildcards './boot/vmlinuz-*' './boot/initrd.img-*' '*/drivers/block/virtio_blk.ko'
install -m 644 "$T"/boot/vmlinuz-* "$DIR/vmlinuz"
install -m 644 "$T"/boot/initrd.img-* "$DIR/initrd.img"
find "$T" -name virtio_blk.ko -exec install -m 644 {} "$DIR/virtio_blk.ko" \;
have_all || die "the base tree does not hold a kernel"
