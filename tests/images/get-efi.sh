#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# get-efi.sh DIR: puts Debian's signed boot chain (shimx64.efi grubx64.efi mmx64.efi fbx64.efi) into DIR: --boot-files.
# Through apt, with nothing installed; does nothing when the files are there.
. "$(dirname "$0")/lib.sh"
need apt-get dpkg-deb flock
DIR=${1:?usage: get-efi.sh DIR}
FILES=(shimx64.efi grubx64.efi mmx64.efi fbx64.efi)

have_all() {
    local f
    for f in "${FILES[@]}"; do [ -s "$DIR/$f" ] || return 1; done
}

mkdir -p "$DIR"
if have_all; then exit 0; fi
exec 9>"$DIR.lock"
flock 9
if have_all; then exit 0; fi
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
chmod 755 "$T"
(cd "$T" && download shim-signed shim-helpers-amd64-signed grub-efi-amd64-signed 9>&-)
for p in "$T"/*.deb; do dpkg-deb -x "$p" "$T/x"; done
put() { install -m 644 "$1" "$DIR/$2.new" && mv "$DIR/$2.new" "$DIR/$2"; }   # whole at once, for those beside
for f in shimx64 mmx64 fbx64; do put "$T/x/usr/lib/shim/$f.efi.signed" $f.efi; done
put "$T/x/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" grubx64.efi
have_all || die "the packages do not hold the signed boot chain"
