# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the conversions by hand share. IMG: a raw disk. Source me.
. "$(dirname "${BASH_SOURCE[0]}")/../images/lib.sh"
# shellcheck disable=SC2034 # for those who source this
ESP_MIB=100
export MTOOLS_SKIP_CHECK=1 LC_ALL=C.UTF-8

W=$(mktemp -d -p "${TMPDIR:-/dev/shm}") # in memory, as surety does
trap 'cleanup; rm -rf "$W"' EXIT
LAST=$EPOCHREALTIME

step() { # step NAME: the time since the last one
    local now=$EPOCHREALTIME us
    us=$((${now/./} - ${LAST/./}))
    printf '%s=%d.%01dms ' "$1" $((us / 1000)) $((us % 1000 / 100))
    LAST=$now
}

# Everything before the first partition, and the length: enough to get the table back.
keep_undo() {
    local first
    first=$(sfdisk -d "$IMG" | sed -n 's/.*start= *\([0-9]*\),.*/\1/p' | sort -n | head -1)
    dd if="$IMG" of="$IMG.undo" bs=512 count="$first" status=none
    stat -c %s "$IMG" >"$IMG.undo.size"
}

# sgdisk keeps the slot numbers; growing first, or it has no room for the backup table
convert_table() { # convert_table SLOT [SGDISK-OPTION...]: ESP in that slot, from sector START
    START=$((($(stat -c %s "$IMG") / 512 + 2047) / 2048 * 2048))
    truncate -s $(((START + ESP_MIB * 2048 + 2048) * 512)) "$IMG"
    quiet "$W/log" sgdisk -g -e -n "$1:$START:$((START + ESP_MIB * 2048 - 1))" -t "$1:ef00" \
        -c "$1:EFI system partition" "${@:2}" "$IMG"
}

# One sector a cluster: with more, 100 MiB are too few clusters for FAT32
format_esp() {
    quiet "$W/log" mkfs.vfat -F 32 -s 1 -n EFI --offset "$START" "$IMG" $((ESP_MIB * 1024))
    # shellcheck disable=SC2034 # as above
    I=$IMG@@$((START * 512))
}
