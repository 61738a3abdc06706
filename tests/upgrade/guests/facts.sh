#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs in a guest, by its agent: what an upgrade promises, as the guest itself sees it, one name=value per line.
VARS=/sys/firmware/efi/efivars
GLOBAL=8be4df61-93ca-11d2-aa0d-00e098032b8c
byte() { od -An -tu1 -j4 -N1 "$VARS/$1-$GLOBAL" 2>/dev/null | tr -d ' '; }
disk_of() { [ -z "$1" ] || lsblk -srno NAME,TYPE "$1" | awk '$2 == "disk" { print $1; exit }'; }

# shellcheck disable=SC2034
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do # a lease may come later than the agent
    ip -4 -o addr show dev ens3 scope global 2>/dev/null | grep -q inet && break
    sleep 1
done
root=$(findmnt -n -o SOURCE /)
ls /boot/efi >/dev/null 2>&1 # an automount would show itself now
if [ -d /sys/firmware/efi ]; then echo "firmware=uefi"; else echo "firmware=bios"; fi
echo "secureboot=$(byte SecureBoot)"
echo "setupmode=$(byte SetupMode)"
echo "tpm=$(cat /sys/class/tpm/tpm0/tpm_version_major 2>/dev/null)"
echo "pcr4=$(tr 'A-F' 'a-f' 2>/dev/null </sys/class/tpm/tpm0/pcr-sha256/4)"
echo "product=$(cat /sys/class/dmi/id/product_name /sys/class/dmi/id/product_version | xargs)"
echo "uuid=$(cat /sys/class/dmi/id/product_uuid)"
echo "machineid=$(cat /etc/machine-id)"
echo "mac=$(cat /sys/class/net/ens3/address)"
echo "ens3=$(cat /sys/class/net/ens3/operstate)"
echo "address=$(ip -4 -o addr show dev ens3 | awk '{ print $4 }')"
echo "disk=$(disk_of "$root")"
echo "espdisk=$(disk_of "$(findmnt -n -t vfat -o SOURCE /boot/efi)")"
echo "pttype=$(blkid -p -s PTTYPE -o value "/dev/$(disk_of "$root")")"
echo "failed=$(systemctl --failed --plain --no-legend | awk '{ print $1 }' | xargs)"
