# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# A host and a VM for programs that ask a cloud's metadata service: two network namespaces and a tree of Debian.
# Source me after tests/verify/lib.sh, in mount, network and UTS namespaces of one's own.
CLOUDS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
VM_UUID=11111111-2222-4333-8444-555555555501
VM_MAC=52:54:00:aa:00:09
VM_USER=shopkeeper
VM_KEY="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMrM2mOyhCpeUKVEZ6N2DqbSwLShTqVqhQ5eHqpWmHVu tester"

# the VM as its operator describes it to libvirt
vm_xml() {
    cat <<X
<node><domain type='test'><name>web1</name><uuid>$VM_UUID</uuid><memory unit='MiB'>512</memory><vcpu>2</vcpu>
<metadata><surety:vm xmlns:surety='urn:surety:domain:1'>
<surety:location>rack 7</surety:location><surety:resource-group>shop</surety:resource-group>
<surety:admin-user>$VM_USER</surety:admin-user><surety:vm-size>small</surety:vm-size>
<surety:address mac='$VM_MAC' ip='10.99.0.50' prefix='24' public=''/>
<surety:tag name='team'>shop</surety:tag>
<surety:public-key path='/home/$VM_USER/.ssh/authorized_keys'>$VM_KEY</surety:public-key>
<surety:user-data>$(printf '#!/bin/sh\ntouch /run/user-data-ran\n' | base64 -w 0)</surety:user-data>
</surety:vm></metadata>
<os><type arch='x86_64'>hvm</type></os>
<devices><disk type='file'><source file='/none'/><target dev='vda'/></disk>
<interface type='network'><mac address='$VM_MAC'/><source network='default'/></interface>
<vsock model='virtio'><cid auto='no' address='42'/></vsock></devices></domain></node>
X
}

# make_networks: up0 here is the host's end, eth0 in the namespace "vm" the guest's; DHCP tells the guest its address,
# the routes (option 121) and the address of Azure's host agent (option 245)
make_networks() {
    mount -t tmpfs none /run && mkdir -p /run/netns
    ip link set lo up
    ip netns add vm && ip netns exec vm ip link set lo up
    ip link add eth0 netns vm address "$VM_MAC" type veth peer name up0
    ip addr add 10.99.0.1/24 dev up0
    ip addr add 169.254.169.254/32 dev up0
    ip addr add 168.63.129.16/32 dev up0
    ip link set up0 up
    ip -n vm link set eth0 up
    dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=up0 --bind-interfaces --user=root \
        --dhcp-range=10.99.0.50,10.99.0.50,255.255.255.0,1h --dhcp-option=3,10.99.0.1 --pid-file= \
        --dhcp-option=121,168.63.129.16/32,10.99.0.1,169.254.169.254/32,10.99.0.1,0.0.0.0/0,10.99.0.1 \
        --dhcp-option-force=245,a8:3f:81:10 --dhcp-leasefile="$T/leases" >"$T/dnsmasq.log" 2>&1 </dev/null &
    CHILDREN+=($!)
    python3 -B "$CLOUDS/wireserver.py" "$T/wireserver.log" >"$T/wireserver.out" 2>&1 </dev/null &
    CHILDREN+=($!)
}

# make_vm: the tree is $T/root; what its firmware says is that of an Azure VM, which is how cloud-init knows one
make_vm() {
    local r=$T/root f tarball
    tarball=$("$HERE/../images/make-clients.sh") || return
    mkdir -p "$r" "$T/dmi" && tar -xf "$tarball" -C "$r" || return
    printf '%s\n' "$VM_UUID" >"$T/dmi/product_uuid"
    printf '7783-7084-3265-9085-8269-3286-77\n' >"$T/dmi/chassis_asset_tag"
    for f in sys_vendor bios_vendor board_vendor chassis_vendor; do echo "Microsoft Corporation" >"$T/dmi/$f"; done
    echo "Virtual Machine" >"$T/dmi/product_name"
    install -m 755 "$CLOUDS/dmidecode" "$r/usr/sbin/dmidecode"
    mkdir -p "$r/etc/dmi" && cp "$T"/dmi/* "$r/etc/dmi/"
    # shellcheck disable=SC2016  # for the inner shell
    ip netns exec vm unshare --mount --uts --propagation private sh -c '
        r=$1
        hostname not-yet
        mount --bind "$r" "$r"                  # cloud-init wants / to be a mount point
        mount -t proc proc "$r/proc" && mount -t sysfs sysfs "$r/sys" && mount -t tmpfs run "$r/run"
        mount -t tmpfs dev "$r/dev"             # no disk of this machine: cloud-init would resize it
        for d in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
            set -- "$r" $d
            mknod -m 666 "$r/dev/$2" c "$3" "$4"
        done
        mkdir "$r/dev/pts" "$r/dev/shm"
        if [ -d /sys/class/dmi/id ]; then mount --bind "$r/etc/dmi" "$r/sys/class/dmi/id"; fi
        mkdir -p "$r/run/systemd/system"        # as on a system that systemd has started
        touch "$r/run/ready"
        exec sleep 100000' sh "$r" >"$T/vm.log" 2>&1 </dev/null &
    VM_PID=$!
    CHILDREN+=("$VM_PID")
    wait_for in_vm test -e /run/ready
}

in_vm() { # in_vm COMMAND...: as root inside
    nsenter -t "$VM_PID" --mount --net --uts chroot "$T/root" /usr/bin/env -i \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}
