#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# get-repository.sh DIR: makes DIR an apt repository (deb [trusted=yes] URL ./) with what a Debian guest of BIOS needs to
# keep its EFI boot loader by itself. Through apt, with nothing installed; does nothing when it is there.
. "$(dirname "$0")/lib.sh"
need apt-get dpkg-scanpackages flock
DIR=${1:?usage: get-repository.sh DIR}
PACKAGES=(shim-signed shim-signed-common shim-unsigned shim-helpers-amd64-signed grub-efi-amd64 grub-efi-amd64-bin
    grub-efi-amd64-signed grub-common grub2-common efibootmgr libefiboot1 libefivar1 libkeyutils1 libpopt0 mokutil)

if [ -s "$DIR/Packages" ]; then exit 0; fi
mkdir -p "$DIR"
exec 9>"$DIR.lock"
flock 9
if [ -s "$DIR/Packages" ]; then exit 0; fi
cd "$DIR"
rm -f ./*.deb
download "${PACKAGES[@]}" 9>&-
dpkg-scanpackages -m . >Packages.new 2>/dev/null
# a package may be there twice: the mirror got a newer one between two tries
[ "$(grep '^Package: ' Packages.new | sort -u | wc -l)" = ${#PACKAGES[@]} ] || die "the repository is not whole"
mv Packages.new Packages
