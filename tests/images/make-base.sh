#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# make-base.sh [--kernel cloud|generic] [--extra PKG,PKG]
# Builds (once; cached) the tree every legacy image is laid out from: Debian 12 with systemd and grub-pc and without any
# EFI package, as an installer leaves it on a BIOS machine. Prints the path of the tarball. Only apt uses the network.
# shellcheck disable=SC2016  # $1 in single quotes is for the shell that mmdebstrap starts
. "$(dirname "$0")/lib.sh"
need mmdebstrap apt-get flock

KERNEL=cloud
EXTRA=
while [ $# -gt 0 ]; do
    case $1 in
    --kernel) KERNEL=$2; shift 2;;
    --extra) EXTRA=$2; shift 2;;
    *) die "unknown option $1";;
    esac
done
case $KERNEL in
cloud) IMAGE=linux-image-cloud-amd64;;
generic) IMAGE=linux-image-amd64;;
*) die "kernel: cloud or generic";;
esac
PACKAGES=$IMAGE,systemd-sysv,dbus,udev,kmod,initramfs-tools,grub-pc,lvm2,xfsprogs,btrfs-progs,e2fsprogs,fdisk
PACKAGES+=,openssh-server,qemu-guest-agent,ifupdown,isc-dhcp-client,tpm2-tools${EXTRA:+,$EXTRA}

OUT=$SURETY_CACHE/base-$KERNEL-$(echo "$PACKAGES" | sha256sum | cut -c1-8).tar
mkdir -p "$SURETY_CACHE"
exec 9>"$OUT.lock"
flock 9
if [ -s "$OUT" ]; then echo "$OUT"; exit 0; fi

debian_sources

# grub-pc asks debconf where to install itself: an empty answer that is meant keeps its postinst away from every disk.
ANSWERS='grub-pc grub-pc/install_devices multiselect\ngrub-pc grub-pc/install_devices_empty boolean true\n'
trap 'rm -f "$OUT.tmp"' EXIT
make_tree --variant=important --format=tar --include="$PACKAGES" \
    --essential-hook="printf '$ANSWERS' | chroot \"\$1\" debconf-set-selections" \
    --customize-hook='echo root:surety | chroot "$1" chpasswd' \
    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*; : > "$1"/etc/machine-id' \
    --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' "$OUT.tmp" 9>&-
mv "$OUT.tmp" "$OUT"
echo "$OUT"
