# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Guests of the legacy network's tests, under TCG, that do what they are told, on a host of its own
# (tests/lib/libvirt.sh). Source me first: in_namespaces starts the script again; then tests/verify/lib.sh.
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/libvirt.sh"

# ---- guests ---------------------------------------------------------------------------------------------------------

# define_guest NAME UUID MACHINE [FEATURES] [DEVICES]
define_guest() {
    cat >"$T/$1.xml" <<X
<domain type='qemu'><name>$1</name><uuid>$2</uuid><memory unit='MiB'>160</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='$3'>hvm</type><kernel>/var/lib/libvirt/boot/vmlinuz</kernel>
<initrd>/var/lib/libvirt/boot/guest.img</initrd>
<cmdline>console=ttyS0 quiet panic=-1 random.trust_cpu=on tsc=reliable no_timer_check</cmdline></os>
<features>${4-<acpi/>}</features><on_poweroff>destroy</on_poweroff>
<devices>${5-}<serial type='file'><source path='/var/log/libvirt/$1.console'/></serial>
<serial type='pty'/><memballoon model='none'/></devices></domain>
X
    virsh define "$T/$1.xml" >/dev/null
}

console() { cat "/var/log/libvirt/$1.console" 2>/dev/null; }

says() { grep -q "$2" "/var/log/libvirt/$1.console" 2>/dev/null; }
console_says() { within 90 says "$@"; } # console_says GUEST REGEX

boot() { # boot GUEST...: started, until they take commands; not in a subshell, which would keep the serial ports
    local g
    for g in "$@"; do
        rm -f "/var/log/libvirt/$g.console"
        virsh start "$g" >/dev/null || return 1
    done
    for g in "$@"; do open_serial "$g"; done
    for g in "$@"; do console_says "$g" guest-ready || { note "$(console "$g" | tail -20)"; return 1; }; done
}

declare -A PTY
# QEMU reads a pty only while somebody has it open
open_serial() { # open_serial GUEST
    local pty fd
    pty=$(virsh dumpxml "$1" | sed -n "s/.*<source path='\(\/dev\/pts\/[0-9]*\)'.*/\1/p" | head -1)
    [ -z "${PTY[$1]:-}" ] || { fd=${PTY[$1]} && exec {fd}>&-; }
    exec {fd}<>"$pty"
    PTY[$1]=$fd
}

tell() { # tell GUEST COMMAND: does not wait; REPLY is the id
    REPLY=$BASHPID.$RANDOM.$RANDOM # asked from subshells, too
    printf '%s %s\n' "$REPLY" "${2//$'\n'/; }" >&"${PTY[$1]}"
}

ask() { # ask GUEST COMMAND: the command's output
    local id
    tell "$1" "$2"
    id=$REPLY
    console_says "$1" "<$id [0-9]*>" || { echo "no answer from $1"; return 1; } # all of the line: its status is read next
    console "$1" | tr -d '\r' | sed -n "/^<$id>\$/,/^<$id /{/^<$id/d;p}"
    console "$1" | finds -F "<$id 0>"
}
