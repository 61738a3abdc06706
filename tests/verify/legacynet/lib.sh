# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# A host of its own for tests of the legacy network: libvirtd in mount, network, UTS and process namespaces, with
# private directories, and guests under TCG that do what they are told. Source me after tests/verify/lib.sh.
# in_namespaces must come first: it starts the script again.

in_namespaces() { # in_namespaces "$0" "$@"
    [ -z "${SURETY_NAMESPACES:-}" ] || return 0
    exec env SURETY_NAMESPACES=1 unshare --mount --net --uts --pid --fork --kill-child --mount-proc \
        --propagation private "$@"
}

# libvirt writes into /sys/class/net of its own network namespace, so /sys has to show that one
private_host() {
    local d
    mkdir -p "$T"/{etc,run,lib,log}
    chmod 755 "$T" "$T"/{etc,run,lib,log}
    mount --rbind /sys/fs/cgroup /mnt # not below T, which is removed in the end
    mount -t sysfs sysfs /sys
    mount --rbind /mnt /sys/fs/cgroup
    umount -R -l /mnt
    hostname legacy-host
    ip link set lo up
    cp -a /etc/libvirt/. "$T/etc/"
    rm -rf "$T"/etc/qemu/networks/* "$T"/etc/qemu/*.xml
    mkdir -p /run/libvirt /var/log/libvirt
    for d in etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt; do
        mount --bind "$T/${d%%:*}" "${d#*:}"
    done
    mkdir -p /var/lib/libvirt/{boot,qemu/nvram} /var/log/libvirt/qemu
    chown libvirt-qemu:libvirt-qemu /var/lib/libvirt/qemu /var/lib/libvirt/qemu/nvram
    printf 'unix_sock_dir="/run/libvirt"\nauth_unix_rw="none"\nhost_uuid="%s"\n' \
        00000000-1111-2222-3333-000000000042 >>/etc/libvirt/libvirtd.conf
}

start_libvirtd() {
    virtlogd -p /run/libvirt/virtlogd.pid >"$T/virtlogd.log" 2>&1 </dev/null &
    CHILDREN+=($!)
    wait_for test -S /run/libvirt/virtlogd-sock
    restart_libvirtd
}

LIBVIRTD=
restart_libvirtd() { # domains go on
    local i
    if [ -n "$LIBVIRTD" ]; then stop "$LIBVIRTD"; fi
    libvirtd -p /run/libvirt/libvirtd.pid >>"$T/libvirtd.log" 2>&1 </dev/null &
    LIBVIRTD=$!
    CHILDREN+=("$LIBVIRTD")
    for ((i = 0; i < 300; i++)); do
        virsh uri >/dev/null 2>&1 && return
        sleep 0.1
    done
    return 1
}

stop_host() {
    local d pid
    for d in $(virsh list --name 2>/dev/null); do
        pid=$(cat "/run/libvirt/qemu/$d.pid" 2>/dev/null)
        virsh destroy "$d" >/dev/null 2>&1 || { [ -z "$pid" ] || kill -9 "$pid"; }
    done
}

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

console_says() { # console_says GUEST TEXT [SECONDS]
    local i
    for ((i = 0; i < ${3:-60} * 10; i++)); do
        if grep -qF "$2" "/var/log/libvirt/$1.console" 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    return 1
}

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

ask() { # ask GUEST COMMAND [SECONDS]: the command's output
    local id
    tell "$1" "$2"
    id=$REPLY
    console_says "$1" "<$id " "${3:-30}" || { echo "no answer from $1"; return 1; }
    console "$1" | tr -d '\r' | sed -n "/^<$id>\$/,/^<$id /{/^<$id/d;p}"
    console "$1" | grep -qF "<$id 0>"
}
