#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs inside the test guest. Once boot has settled it prints facts to the second serial port, one name=value per line,
# then does what the host asked for through fw_cfg: opt/org.surety/script, a shell script to run (it may call: send FILE
# NAME), and opt/org.surety/action, poweroff | reboot | stay. Without a second serial port all goes to the first one.

# The console's own line is hung up by its getty, and a session leader would make the line it opens its terminal: hence
# a subshell and ttyS1.
(
T=/dev/ttyS1
stty -F $T raw -echo 115200 2>/dev/null || T=/dev/ttyS0
exec >$T 2>&1 </dev/null
modprobe qemu_fw_cfg 2>/dev/null
F=/sys/firmware/qemu_fw_cfg/by_name/opt/org.surety
VARS=/sys/firmware/efi/efivars
PCRS=/sys/class/tpm/tpm0/pcr-sha256
GLOBAL=8be4df61-93ca-11d2-aa0d-00e098032b8c

# an EFI variable's first byte, after 4 bytes of attributes
efivar_byte() {
    if [ -e $VARS/"$1"-$GLOBAL ]; then od -An -tu1 -j4 -N1 $VARS/"$1"-$GLOBAL | tr -d ' '; else echo none; fi
}
efivar_hex() {
    if [ -e $VARS/"$1"-$GLOBAL ]; then od -An -tx1 -v -j4 $VARS/"$1"-$GLOBAL | tr -d ' \n'; echo; else echo none; fi
}
pcr() {
    if [ -e $PCRS/"$1" ]; then tr 'A-F' 'a-f' <$PCRS/"$1"; else echo none; fi
}
# the whole disk below a device, through volumes and encryption
disk_of() {
    [ -z "$1" ] || lsblk -srno NAME,TYPE "$1" 2>/dev/null | awk '$2 == "disk" { print "/dev/" $1; exit }'
}
eventlog() { cat /sys/kernel/security/tpm0/binary_bios_measurements 2>/dev/null; }
swaps() { awk 'NR > 1 { printf "%s%s", sep, $1; sep = " " }' /proc/swaps; }

state=$(timeout 120 systemctl is-system-running --wait)
root=$(findmnt -n -o SOURCE / | sed 's/\[.*//')
ls /boot/efi >/dev/null 2>&1                    # an automount would show itself now
esp=$(findmnt -n -t vfat -o SOURCE /boot/efi)
disk=$(disk_of "$root")

echo
echo "SURETY-FACTS-BEGIN"
if [ -d /sys/firmware/efi ]; then echo "firmware=uefi"; else echo "firmware=bios"; fi
echo "secureboot=$(efivar_byte SecureBoot)"
echo "setupmode=$(efivar_byte SetupMode)"
echo "lockdown=$(cat /sys/kernel/security/lockdown 2>/dev/null)"
echo "bootcurrent=$(efivar_hex BootCurrent)"
echo "tpm=$(cat /sys/class/tpm/tpm0/tpm_version_major 2>/dev/null || echo none)"
echo "pcr4=$(pcr 4)"
echo "pcr7=$(pcr 7)"
echo "eventlog_bytes=$(eventlog | wc -c)"
echo "product=$(cat /sys/class/dmi/id/product_name) $(cat /sys/class/dmi/id/product_version)"
echo "kernel=$(uname -r)"
echo "cmdline=$(cat /proc/cmdline)"
echo "root=$root"
echo "rootfs=$(findmnt -n -o FSTYPE /)"
echo "rootopts=$(findmnt -n -o OPTIONS /)"
echo "disk=$disk"
echo "pttype=$(blkid -p -s PTTYPE -o value "$disk")"
echo "ptuuid=$(blkid -p -s PTUUID -o value "$disk")"
echo "sector=$(cat /sys/block/"${disk#/dev/}"/queue/logical_block_size)"
echo "esp=${esp:-none}"
echo "espdisk=$(disk_of "$esp")"
echo "srv=$(findmnt -n -o SOURCE /srv || echo none)"
echo "swap=$(swaps)"
echo "resume=$(cat /sys/power/resume 2>/dev/null)"
echo "state=$state"
echo "failed=$(systemctl --failed --plain --no-legend | awk '{ printf "%s%s", sep, $1; sep = " " }')"
echo "nic=$(ip -br addr 2>/dev/null | awk '$1 != "lo" { printf "%s%s:%s", sep, $1, $2; sep = " " }')"
lsblk -o NAME,SIZE,TYPE,FSTYPE,PARTTYPE,PARTUUID,MOUNTPOINTS | sed 's/^/lsblk|/'
findmnt --real | sed 's/^/findmnt|/'
sed 's/^/fstab|/' /etc/fstab
systemctl --failed --plain --no-legend | awk '{ print $1 }' | while read -r unit; do
    systemctl status --no-pager --full "$unit" 2>&1 | sed "s/^/failed|/"
done
dmesg --level=emerg,alert,crit,err 2>/dev/null | head -20 | sed 's/^/dmesg|/'
echo "SURETY-FACTS-END"

if [ -e $F/script/raw ]; then                   # sysfs gives its size as 0: test -s would not do
    {
        # shellcheck disable=SC2016  # expanded by that script
        echo 'send() { echo "SURETY-FILE-BEGIN $2"; base64 -w 76 "$1"; echo "SURETY-FILE-END"; }'
        cat $F/script/raw
    } >/run/surety-script
    echo "SURETY-SCRIPT-BEGIN"
    sh /run/surety-script
    echo "SURETY-SCRIPT-END rc=$?"
fi
case $(cat $F/action/raw 2>/dev/null) in
poweroff*) systemctl poweroff;;
reboot*) systemctl reboot;;
esac
)
