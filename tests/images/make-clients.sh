#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# make-clients.sh
# Builds (once; cached) a tree of Debian 12 with the programs that ask a cloud's metadata service, as Debian ships them:
# cloud-init, waagent, facter, ohai. Prints the path of the tarball. Only apt uses the network.
# shellcheck disable=SC2016  # $1 in single quotes is for the shell that mmdebstrap starts
. "$(dirname "$0")/lib.sh"
need mmdebstrap apt-get flock

PACKAGES=cloud-init,waagent,facter,ohai,isc-dhcp-client,iproute2,iputils-ping,curl,jq,openssl,ca-certificates,kmod,udev
PACKAGES+=,netbase,procps,passwd,openssh-server,e2fsprogs,fdisk,sudo,ifupdown

OUT=$SURETY_CACHE/clients-$(echo "$PACKAGES" | sha256sum | cut -c1-8).tar
mkdir -p "$SURETY_CACHE"
exec 9>"$OUT.lock"
flock 9
if [ -s "$OUT" ]; then echo "$OUT"; exit 0; fi
debian_sources
trap 'rm -f "$OUT.tmp"' EXIT
mmdebstrap --variant=apt --mode=root --format=tar --components=main --include="$PACKAGES" \
    --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*; : > "$1"/etc/machine-id' \
    --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' \
    bookworm "$OUT.tmp" "${SOURCES[@]}" >&2 9>&-
mv "$OUT.tmp" "$OUT"
echo "$OUT"
