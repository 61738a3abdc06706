#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# systemd-image.sh KERNEL-DIR
# Builds (once; cached) the disk of a host as an operator has one: Debian 12 with systemd, libvirtd without virtual
# machines, the libraries that surety's packages depend on, and the modules of the kernel in KERNEL-DIR. Prints the path
# of the ext4 image. Only apt uses the network.
# shellcheck disable=SC2016  # $1 in single quotes is for the shell that mmdebstrap starts
. "$(dirname "$0")/../../images/lib.sh"
need mmdebstrap apt-get flock mke2fs
KERNEL=${1:?usage: systemd-image.sh KERNEL-DIR}

PACKAGES=systemd-sysv,udev,kmod,dbus,iproute2,nftables,ebtables,procps,passwd,libpam-systemd
PACKAGES+=,libvirt-daemon-system,libvirt-daemon-driver-qemu
PACKAGES+=,libcurl4,libjansson4,libmicrohttpd12,libnettle8,libp11-3,libseccomp2,libsqlite3-0,libsystemd0,libvirt0,libxml2
PACKAGES+=,libblkid1,libcryptsetup12,libext2fs2,libhivex0,libisal2,liblz4-1,liblzma5,liblzo2-2,libnbd0,libntfs-3g89
PACKAGES+=,libyaml-0-2,libzstd1
PACKAGES+=,tpm2-openssl,tpm-udev,softhsm2,curl,jq,openssl,python3-minimal
PACKAGES+=,qemu-utils,dosfstools,mtools,cockpit-ws,cockpit-bridge

OUT=$SURETY_CACHE/systemd-$( (echo "$PACKAGES"; ls "$KERNEL/usr/lib/modules"; grep -v '^#' "$0") | sha256sum | cut -c1-8).ext4
mkdir -p "$SURETY_CACHE"
exec 9>"$OUT.lock"
flock 9
if [ -s "$OUT" ]; then echo "$OUT"; exit 0; fi
debian_sources
D=$(mktemp -d "$SURETY_CACHE/systemd.XXXXXX")
trap 'rm -rf "$D" "$OUT.tmp"' EXIT
make_tree --variant=apt --format=directory --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' "$D/root" 9>&-

R=$D/root
printf '5ce7a1d0f00d4c0d8e57000000000001\n' >"$R/etc/machine-id"
printf 'node1\n' >"$R/etc/hostname"
printf '127.0.0.1 localhost node1\n' >"$R/etc/hosts"
printf '/dev/vda / ext4 defaults 0 0\n' >"$R/etc/fstab"
# What a boot has to wait for under software emulation, and no test looks at.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer getty@tty1.service libvirt-guests.service libvirtd.service libvirtd.socket libvirtd-ro.socket \
    libvirtd-admin.socket virtlogd.service virtlogd.socket virtlogd-admin.socket virtlockd.service virtlockd.socket \
    virtlockd-admin.socket cockpit.socket networking.service remote-fs.target systemd-timesyncd.service; do
    systemctl --root="$R" disable "$unit" >&2 || true
done
for unit in serial-getty@ttyS0.service getty.target systemd-udev-settle.service systemd-networkd-wait-online.service \
    systemd-update-utmp.service systemd-random-seed.service systemd-binfmt.service \
    proc-sys-fs-binfmt_misc.automount; do
    systemctl --root="$R" mask "$unit" >&2 || true
done
mkdir -p "$R/etc/systemd/journald.conf.d" "$R/lib/modules"
printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >"$R/etc/systemd/journald.conf.d/test.conf"
cp -a "$KERNEL/usr/lib/modules/." "$R/lib/modules/"
# the part of the kernel's modules that such a host loads
KEEP='^\./(crypto|lib|arch|fs/(ext4|jbd2|fuse|autofs)|net/(vmw_vsock|bridge|netfilter|ipv4|ipv6|802|llc|core)'
KEEP+='|drivers/(vhost|char|virtio|net/(tun|veth|dummy|tap)|block/virtio))'
(cd "$R"/lib/modules/*/kernel && find . -name '*.ko' | grep -vE "$KEEP" | xargs rm -f)
depmod -b "$R" "$(ls "$KERNEL/usr/lib/modules")"

mke2fs -q -t ext4 -O ^has_journal -d "$R" "$OUT.tmp" 900M >&2
mv "$OUT.tmp" "$OUT"
echo "$OUT"
