#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# base.sh DEB...
# Builds (once; cached) a small Debian 12 with what the packages depend on and without them. Prints the path of the
# tarball. Only apt uses the network: that what they depend on is in Debian 12 is what this shows.
. "$(dirname "$0")/../images/lib.sh"
need mmdebstrap apt-get flock dpkg-deb

# of "a | b" the first, as apt does it; none of the packages themselves
own=$(for f; do dpkg-deb -f "$f" Package; done)
PACKAGES=$(for f; do dpkg-deb -f "$f" Depends Pre-Depends; done |
    sed -E 's/^[A-Za-z-]+: //; s/\([^)]*\)//g; s/\|[^,]*//g; s/ //g' | tr ',' '\n' | grep . | grep -vxF "$own" | sort -u |
    paste -sd,)
# its postinst scripts call them
PACKAGES+=,systemd,bash-completion

OUT=$SURETY_CACHE/packages-$(echo "$PACKAGES" | sha256sum | cut -c1-8).tar
mkdir -p "$SURETY_CACHE"
exec 9>"$OUT.lock"
flock 9
if [ -s "$OUT" ]; then echo "$OUT"; exit 0; fi
debian_sources
trap 'rm -f "$OUT.tmp"' EXIT
# shellcheck disable=SC2016
mmdebstrap --variant=apt --mode=root --format=tar --components=main --include="$PACKAGES" \
    --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --customize-hook=': > "$1"/etc/machine-id' \
    --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' \
    bookworm "$OUT.tmp" "${SOURCES[@]}" >&2 9>&-
mv "$OUT.tmp" "$OUT"
echo "$OUT"
