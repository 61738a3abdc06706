# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the suites of packages share. Source me; DEBS is the directory with the packages.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../lib/tap.sh"
: "${SURETY_CACHE:=/var/cache/surety-test}"
export SURETY_CACHE DEBS

# deb NAME: the file of a package
deb() { echo "$DEBS/$1"_*.deb; }
# The packages that are installed on machines; -dev and -dbgsym are not among them.
# shellcheck disable=SC2034
INSTALLED=(surety surety-cli surety-authority surety-guest libsurety0)
# packages: all that were built, by name
packages() { for f in "$DEBS"/*.deb; do dpkg-deb -f "$f" Package; done | grep -v -- '-dbgsym$' | sort; }

# next_version NAME DIR: the package again in DIR, as a later version whose configuration has one more line
next_version() {
    local root=$T/next.$1 version conf
    dpkg-deb -R "$(deb "$1")" "$root" || return
    version=$(dpkg-deb -f "$(deb "$1")" Version)+next
    # in this package's own version, and in those of the others that it wants
    sed -i -E "s/^Version: .*/Version: $version/; s/\(= [^)]*\)/(= $version)/g" "$root/DEBIAN/control"
    if [ -f "$root/DEBIAN/conffiles" ]; then
        while read -r conf; do echo '# of the next version' >>"$root$conf"; done <"$root/DEBIAN/conffiles"
        (cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | xargs -0 md5sum) |
            grep -v ' etc/' >"$root/DEBIAN/md5sums"
    fi
    mkdir -p "$2"
    dpkg-deb --root-owner-group -Znone -b "$root" "$2" >/dev/null
}
