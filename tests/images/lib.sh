# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the image and boot scripts share: messages, loop devices, mounts, cleaning up. Source me; do not run me.
# Loop devices and mounts need root.
set -euo pipefail

: "${SURETY_CACHE:=/var/cache/surety-test}"
export SURETY_CACHE
LOOPS=()
MOUNTS=()

log() { printf '%s\n' "$*" >&2; }
die() { log "error: $*"; exit 1; }

need() { # need TOOL...
    local t missing=()
    for t in "$@"; do command -v "$t" >/dev/null || missing+=("$t"); done
    [ ${#missing[@]} -eq 0 ] || die "missing: ${missing[*]} (tools/install-deps installs them)"
}

# quiet LOG COMMAND...: the command's output only when it fails
quiet() {
    local out=$1
    shift
    "$@" >"$out" 2>&1 || { cat "$out" >&2; die "$1 failed"; }
}

# attach_disk FILE [SECTOR]: a loop device with partition nodes, its name in REPLY. The running kernel may have no
# partition table support at all; partx reads the table in user space and hands it over with BLKPG, which every kernel
# has. losetup -P is needed all the same, or the kernel refuses partitions on the loop device.
attach_disk() {
    REPLY=$(losetup -f --show -P -b "${2:-512}" "$1")
    LOOPS+=("$REPLY")
    reread_table "$REPLY"
}

# -a and not -u: the latter stops before logical partitions, with status 0
reread_table() { partx -a "$1" 2>/dev/null || true; }

attach_range() { # attach_range FILE OFFSET SIZE, in bytes; the device's name in REPLY
    REPLY=$(losetup -f --show -o "$2" --sizelimit "$3" "$1")
    LOOPS+=("$REPLY")
}

detach() { # detach DEVICE
    local d keep=()
    partx -d "$1" 2>/dev/null || true
    losetup -d "$1"
    for d in "${LOOPS[@]}"; do [ "$d" = "$1" ] || keep+=("$d"); done
    LOOPS=("${keep[@]}")
}

do_mount() {
    mount "$@"
    MOUNTS+=("${*: -1}")
}

umount_all() {
    local i
    for ((i = ${#MOUNTS[@]} - 1; i >= 0; i--)); do
        umount "${MOUNTS[i]}" 2>/dev/null || umount -l "${MOUNTS[i]}" || true
    done
    MOUNTS=()
}

cleanup() {
    local d
    umount_all
    for d in "${LOOPS[@]}"; do
        partx -d "$d" 2>/dev/null || true
        losetup -d "$d" 2>/dev/null || true
    done
    LOOPS=()
}

uuid_of() { blkid -p -s UUID -o value "$1"; }
partuuid_of() { blkid -p -s PART_ENTRY_UUID -o value "$1"; }

# LVM without device mapper: metadata is read and written through PV alone, and a volume of one linear segment is a
# range of it. lvm_on PV COMMAND...
lvm_on() {
    local pv=$1 cmd=$2 conf
    shift 2
    conf="global{activation=0 use_lvmlockd=0} activation{udev_sync=0 udev_rules=0 monitoring=0}"
    conf+=" backup{backup=0 archive=0} devices{use_devicesfile=0 filter=[\"a|^$pv\$|\",\"r|.*|\"]}"
    LVM_SUPPRESS_FD_WARNINGS=1 "$cmd" --config "$conf" "$@"
}
volume_range() { # volume_range PV VG/LV: offset in PV and size, in bytes
    local pe0 size extent range first
    pe0=$(lvm_on "$1" pvs --noheadings --nosuffix --units b -o pe_start "$1" 2>/dev/null | tr -d ' ')
    read -r size extent range < <(lvm_on "$1" lvs --noheadings --nosuffix --units b \
        -o lv_size,vg_extent_size,seg_pe_ranges "$2" 2>/dev/null)
    first=${range##*:}
    echo $((pe0 + ${first%%-*} * extent)) "$size"
}
start_of() { echo $(($(cat "/sys/class/block/${1#/dev/}/start") * 512)); }  # in bytes; sysfs counts 512-byte sectors

copy_sparse() { cp --sparse=always --reflink=auto "$1" "$2"; }

# What fails for the moment, as mirrors do, is tried once more.
update_lists() { timeout -k 30 900 apt-get -q -o Acquire::Retries=3 update >&2 || log "apt-get update failed"; }

download() { # download PACKAGE...: Debian's packages, into the working directory
    local try
    for try in 1 2; do
        [ $try = 1 ] || { sleep 10; update_lists; }
        timeout -k 30 900 apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$@" >&2 && return
    done
    return 1
}

make_tree() { # make_tree MMDEBSTRAP-OPTION... TARGET: Debian 12 from SOURCES
    local try target=${*: -1}
    for try in 1 2; do
        [ $try = 1 ] || { sleep 20; log "mmdebstrap failed: once more"; }
        rm -rf "$target"
        timeout -k 60 1800 mmdebstrap --mode=root --components=main --aptopt='Apt::Install-Recommends "false"' \
            --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' "${@:1:$#-1}" bookworm "$target" \
            "${SOURCES[@]}" >&2 && return
    done
    return 1
}

# debian_sources: the archive and the security updates of Debian 12, where this machine's own apt finds them, as lines of
# a sources.list in SOURCES
debian_sources() {
    local archive security
    archive=$(archive_of bookworm)
    if [ -z "$archive" ]; then                              # no lists yet
        update_lists
        archive=$(archive_of bookworm)
    fi
    security=$(archive_of bookworm-security)
    [ -n "$archive" ] || die "apt knows no Debian 12 archive here: run apt-get update, and look at its sources"
    SOURCES=("deb $archive bookworm main" "deb $archive bookworm-updates main")
    [ -z "$security" ] || SOURCES+=("deb $security bookworm-security main")
}

# debian_tar NAME PACKAGES [OPTION...]: a tree of Debian 12 with these packages, made once, with mmdebstrap's OPTIONs;
# prints the path of the tarball
# shellcheck disable=SC2016  # $1 is for the shell that mmdebstrap starts
debian_tar() {
    local packages=$2
    OUT=$SURETY_CACHE/$1-$(echo "$packages" | sha256sum | cut -c1-8).tar
    shift 2
    mkdir -p "$SURETY_CACHE"
    exec 9>"$OUT.lock"
    flock 9
    if [ -s "$OUT" ]; then echo "$OUT"; return; fi
    debian_sources
    trap 'rm -f "$OUT.tmp"' EXIT
    make_tree --variant=apt --format=tar --include="$packages" "$@" --customize-hook=': > "$1"/etc/machine-id' \
        --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' "$OUT.tmp" 9>&-
    mv "$OUT.tmp" "$OUT"
    echo "$OUT"
}

# shellcheck disable=SC2016  # $(ORIGIN) is for apt
archive_of() {
    apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)' 2>/dev/null |
        awk -F'|' -v want="$1" '$1 == "Debian" && $2 == want && !seen++ { print $3 }'
}
