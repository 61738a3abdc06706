# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# A host of its own for tests: libvirtd and virtlogd in mount, network, UTS and process namespaces, with private
# directories. Source me after tests/lib/tap.sh; in_namespaces must come before it: it starts the script again.

in_namespaces() { # in_namespaces "$0" "$@"
    [ -z "${SURETY_NAMESPACES:-}" ] || return 0
    exec env SURETY_NAMESPACES=1 unshare --mount --net --uts --pid --fork --kill-child --mount-proc \
        --propagation private "$@"
}

own_place() { # own_place DIR-IN-T PLACE: the tests' own, where the host has its own
    mkdir -p "$T/$1" "$2"
    mount --bind "$T/$1" "$2"
}

# libvirt writes into /sys/class/net of its own network namespace, so /sys has to show that one
private_host() { # private_host HOSTNAME HOST-UUID
    mkdir -p "$T"/{etc,run,lib,log}
    chmod 755 "$T" "$T"/{etc,run,lib,log}
    mount --rbind /sys/fs/cgroup /mnt # not below T, which is removed in the end
    mount -t sysfs sysfs /sys
    mount --rbind /mnt /sys/fs/cgroup
    umount -R -l /mnt
    hostname "$1"
    ip link set lo up
    # A KVM that QEMU's probe may open, and libvirt-qemu may not, makes libvirtd probe again at every call, for seconds
    : >"$T/kvm"
    [ ! -e /dev/kvm ] || mount --bind "$T/kvm" /dev/kvm
    cp -a /etc/libvirt/. "$T/etc/"
    rm -rf "$T"/etc/qemu/networks/* "$T"/etc/qemu/*.xml
    own_place etc /etc/libvirt
    own_place run /run/libvirt
    own_place lib /var/lib/libvirt
    own_place log /var/log/libvirt
    mkdir -p /var/lib/libvirt/{boot,images,dnsmasq,qemu/nvram} /var/log/libvirt/qemu
    chown libvirt-qemu:libvirt-qemu /var/lib/libvirt/qemu /var/lib/libvirt/qemu/nvram
    echo 'namespaces = []' >>/etc/libvirt/qemu.conf # libvirt's own /dev for QEMU cannot have that mount in it
    printf 'unix_sock_dir="/run/libvirt"\nauth_unix_rw="none"\nhost_uuid="%s"\n' "$2" >>/etc/libvirt/libvirtd.conf
}

# swtpm_setup runs as tss and makes an authority for the TPMs' certificates
private_tpm() {
    local d
    for d in localca:/var/lib/swtpm-localca tpmlog:/var/log/swtpm; do
        own_place "${d%%:*}" "${d#*:}"
    done
    mkdir -p /var/log/swtpm/libvirt/qemu
    chown tss:tss /var/lib/swtpm-localca /var/log/swtpm/libvirt/qemu
    chmod 750 /var/lib/swtpm-localca
    chmod 755 /var/log/swtpm /var/log/swtpm/libvirt
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
    for ((i = 0; i < 1200; i++)); do
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
