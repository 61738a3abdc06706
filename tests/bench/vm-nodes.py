#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm-nodes.py N TYPE DISKS: a host of N legacy VMs as XML, for libvirt's test driver (one <node>, all off; TYPE test,
or bare: without devices, of which that driver keeps most), or one domain a file for others (TYPE qemu: vmNNNN.xml in
the current directory). Disk N is DISKS/vmNNNN.qcow2."""
import re
import sys
import uuid

DOMAIN = """<domain type='{type}' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
<name>{name}</name><uuid>{uuid}</uuid>
<memory unit='MiB'>2048</memory><vcpu>2</vcpu><os><type arch='x86_64' machine='{machine}'>hvm</type></os>
<features><acpi/><apic/></features><clock offset='utc'/><on_reboot>restart</on_reboot><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/><source file='{disks}/{name}.qcow2'/>
<target dev='vda' bus='virtio'/><boot order='1'/></disk>
<interface type='network'><mac address='52:54:00:{high:02x}:{low:02x}:01'/><source network='default'/>
<model type='virtio'/><address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/></interface>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel><serial type='pty'/>
<graphics type='vnc' port='-1'/><video><model type='cirrus'/></video></devices>{more}</domain>
"""


def domain(i, kind, disks):
    test = kind != "qemu"
    xml = re.sub("<devices>.*</devices>", "", DOMAIN, flags=re.DOTALL) if kind == "bare" else DOMAIN
    return xml.format(type="test" if test else "qemu", name=f"vm{i:04d}",
                      uuid=uuid.uuid5(uuid.NAMESPACE_DNS, f"{i}.example.org"),
                      machine="pc-i440fx-7.2" if test else "pc", disks=disks, high=i // 256, low=i % 256,
                      more="<test:runstate>5</test:runstate>" if test else "")


def main():
    n, kind, disks = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if kind != "qemu":
        print("<node>" + "".join(domain(i, kind, disks) for i in range(n)) + "</node>")
        return
    for i in range(n):
        with open(f"vm{i:04d}.xml", "w", encoding="utf-8") as out:
            out.write(domain(i, kind, disks))


main()
