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
exec 9>"$DIR.lock"
flock 9
if have_all; then exit 0; fi
BASE=$("$(dirname "$0")/make-base.sh")
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
tar -xf "$BASE" -C "$T" --wildcards './boot/vmlinuz-*' './boot/initrd.img-*' '*/drivers/block/virtio_blk.ko'
put() { install -m 644 "$1" "$DIR/$2.new" && mv "$DIR/$2.new" "$DIR/$2"; }   # whole at once, for those beside
put "$T"/boot/vmlinuz-* vmlinuz
put "$T"/boot/initrd.img-* initrd.img
put "$(find "$T" -name virtio_blk.ko)" virtio_blk.ko
have_all || die "the base tree does not hold a kernel"
