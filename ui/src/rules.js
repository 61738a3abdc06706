/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What suretyd's rules say, through _: of each what is good, and the remedy.  Made by tools/check-docs from the tables
 * in src/convert and src/upgrade. */
export const rules = _ => ({
    "boot.files.missing": {
        title: _("the distribution's signed boot files are at hand"),
        remedy: _(
            "put shimx64.efi, grubx64.efi and mmx64.efi of the guest's distribution into a directory and say " +
                "--boot-files DIR (Debian: packages shim-signed, shim-helpers-amd64-signed, grub-efi-amd64-signed)",
        ),
    },
    "boot.firmware.vars": {
        title: _("the firmware's keys are known"),
        remedy: _("install the ovmf package, or name the VM's variable store with --firmware-vars FILE"),
    },
    "boot.secureboot.loader": {
        title: _("the firmware starts shim, and shim starts GRUB"),
        remedy: _("use boot files of the guest's distribution that the firmware's keys accept (--boot-files DIR)"),
    },
    "boot.secureboot.kernel": {
        title: _("shim accepts the signature of every kernel"),
        remedy: _(
            "install the distribution's signed kernel in the guest, or say --allow-unsigned and run the VM " +
                "without Secure Boot",
        ),
    },
    "boot.secureboot.modules": {
        title: _("every kernel module outside the kernel's own tree is signed"),
        remedy: _("sign the modules with a machine owner key (mokutil), or run the VM without Secure Boot"),
    },
    "boot.bios": {
        title: _("after conversion the disk boots under BIOS and under UEFI"),
        remedy: _("going back to BIOS then needs surety disk rollback"),
    },
    "linux.boot.missing": {
        title: _("the disk has a system that it boots"),
        remedy: _("name the disk the VM boots from; data disks need no conversion"),
    },
    "linux.boot.loader": {
        title: _("the system is started by GRUB 2"),
        remedy: _(
            "if /boot is on another disk, convert that one; other boot loaders than GRUB 2 must be replaced first",
        ),
    },
    "linux.grub.menu": {
        title: _("GRUB's menu is understood"),
        remedy: _("run update-grub in the guest; without it PCR 4 cannot be predicted"),
    },
    "linux.kernel.missing": {
        title: _("the default kernel exists"),
        remedy: _("run update-grub in the guest"),
    },
    "linux.kernel.efi": {
        title: _("the default kernel can be started by UEFI"),
        remedy: _("install the distribution's 64-bit kernel in the guest"),
    },
    "linux.partuuid": {
        title: _("references by PARTUUID can be rewritten"),
        remedy: _("say --engine appliance (needs libguestfs), or change them to UUID= in the guest"),
    },
    "linux.fstab.esp": {
        title: _("the ESP can be added to fstab"),
        remedy: _(
            "say --engine appliance (needs libguestfs), or --key-file for an encrypted root, or add the line in " +
                "the guest",
        ),
    },
    "linux.fstab.names": {
        title: _("fstab names volumes by what is on them"),
        remedy: _("change the entry to UUID= in the guest"),
    },
    "linux.resume": {
        title: _("the initramfs finds its swap"),
        remedy: _("run update-initramfs -u in the guest after the first start"),
    },
    "linux.initramfs.drivers": {
        title: _("the initramfs has a driver for the disk of a q35 machine"),
        remedy: _("set MODULES=most in /etc/initramfs-tools/initramfs.conf and run update-initramfs -u in the guest"),
    },
    "linux.network.names": {
        title: _("the network does not depend on PCI slots"),
        remedy: _("keep the PCI slot of the network card in the new machine, or configure the network by MAC address"),
    },
    "linux.hibernation": {
        title: _("the system does not hibernate"),
    },
    "linux.grub.bls": {
        title: _("GRUB's menu comes from boot loader entry files, so the default kernel is not known in advance"),
    },
    "linux.fstab.efi": {
        title: _("fstab mounts something on /boot/efi already and stays as it is"),
    },
    "disk.mbr.missing": {
        title: _("the disk has a partition table"),
        remedy: _("name the right disk, and its --format"),
    },
    "disk.mbr.outside": {
        title: _("every partition lies inside the disk"),
        remedy: _("repair the partition table in the guest or with fdisk, then run validate again"),
    },
    "disk.mbr.overlap": {
        title: _("no two partitions overlap"),
        remedy: _("repair the partition table in the guest or with fdisk, then run validate again"),
    },
    "disk.mbr.logical": {
        title: _("logical partitions lie inside the extended one"),
        remedy: _("repair the partition table in the guest or with fdisk, then run validate again"),
    },
    "disk.mbr.chain": {
        title: _("the chain of logical partitions is sound"),
        remedy: _("repair the partition table in the guest or with fdisk, then run validate again"),
    },
    "disk.mbr.extended": {
        title: _("there is at most one extended partition"),
        remedy: _("repair the partition table in the guest or with fdisk, then run validate again"),
    },
    "disk.mbr.record": {
        title: _("no partition covers an extended boot record"),
        remedy: _("repair the partition table in the guest or with fdisk, then run validate again"),
    },
    "disk.mbr.dynamic": {
        title: _("it is not a dynamic disk"),
        remedy: _("turn the dynamic disk back into a basic one in the guest, then run validate again"),
    },
    "disk.mbr.esp": {
        title: _("there is no EFI system partition yet"),
        remedy: _(
            "if that partition is not needed, say --map ef=0fc63daf-8483-4772-8e79-3d69d8477de4 (Linux data), or " +
                "ef=ebd0a0a2-b9e5-4433-87c0-68b6b72699c7 (of Windows)",
        ),
    },
    "disk.mbr.type": {
        title: _("every partition type has a GPT counterpart"),
        remedy: _("say which GPT type it becomes, with --map TYPE=GUID"),
    },
    "disk.gpt.head": {
        title: _("the primary GPT has room before the first partition"),
        remedy: _("move the first partition (for example with gparted) to sector 2048"),
    },
    "disk.gpt.tail": {
        title: _("the backup GPT has room after the last partition"),
        remedy: _(
            "make the device at least 102 MiB larger (on 4096-byte sectors 262 MiB), or free such a gap, or copy " +
                "the disk into a qcow2 or raw image with qemu-img convert",
        ),
    },
    "disk.gpt.room": {
        title: _("there is room for an EFI system partition"),
        remedy: _(
            "make the device at least 102 MiB larger (on 4096-byte sectors 262 MiB), or free such a gap, or copy " +
                "the disk into a qcow2 or raw image with qemu-img convert",
        ),
    },
    "disk.gpt.slots": {
        title: _("the GPT has an entry for every partition"),
        remedy: _("remove a partition that is not needed"),
    },
    "volume.encrypted.bitlocker": {
        title: _("no volume is encrypted with BitLocker"),
        remedy: _(
            "turn BitLocker off in the guest and wait until the volume is decrypted, convert, then turn it on " +
                "again",
        ),
    },
    "os.two": {
        title: _("there is one system on the disk"),
        remedy: _("move one of the two systems to a disk of its own, then convert this one"),
    },
    "volume.hibernated": {
        title: _("the system is not hibernated"),
        remedy: _("start the guest and shut it down fully"),
    },
    "volume.dirty": {
        title: _("file systems that will be edited were unmounted cleanly"),
        remedy: _("start the guest and shut it down cleanly"),
    },
    "volume.ambiguous": {
        title: _("every volume is of one kind"),
        remedy: _("remove the stale signature with wipefs in the guest"),
    },
    "volume.closed": {
        title: _("every volume could be read"),
    },
    "volume.errors": {
        remedy: _("run e2fsck in the guest or from a rescue system"),
    },
    "windows.active": {
        title: _("one partition is active, and it is the system partition"),
        remedy: _(
            "mark the partition with \\bootmgr and \\Boot\\BCD active, in Windows' disk management or with " +
                "diskpart",
        ),
    },
    "windows.primaries": {
        title: _("there are at most 3 primary partitions"),
    },
    "windows.logical": {
        title: _("there are no logical partitions"),
    },
    "windows.store": {
        title: _("the boot store's default entry is a Windows on this disk"),
        remedy: _("repair the boot store in the guest: bcdboot C:\\Windows /f BIOS"),
    },
    "windows.store.notes": {
        title: _("every entry of the boot store goes with UEFI"),
        remedy: _("look at the start menu after the first start (bcdedit /enum all)"),
    },
    "windows.volume-ids": {
        title: _("the system's volume has its drive letter on record"),
        remedy: _("a drive letter is set in Windows' disk management, before or after"),
    },
    "windows.letter": {
        title: _("the system partition has no drive letter"),
        remedy: _("a drive letter is set in Windows' disk management, before or after"),
    },
    "windows.type": {
        title: _("the system's partition becomes one of Microsoft basic data"),
        remedy: _("leave its MBR type out of --map, or map it to ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"),
    },
    "windows.hidden": {
        title: _("no system partition stays behind"),
    },
    "windows.dirty": {
        title: _("the volumes that Windows starts from were shut down cleanly"),
        remedy: _("start Windows, let chkdsk run, and shut it down fully: shutdown /s /t 0"),
    },
    "windows.hibernated": {
        title: _("Windows is not hibernated"),
        remedy: _("start Windows and shut it down fully: shutdown /s /t 0"),
    },
    "windows.faststartup": {
        title: _("Windows was not shut down with Fast Startup"),
        remedy: _(
            "start Windows and shut it down fully: shutdown /s /t 0 (which ends Fast Startup's sleep); to be rid " +
                "of it: powercfg /h off",
        ),
    },
    "windows.faststartup-on": {
        title: _("Fast Startup is off"),
        remedy: _("shut Windows down with: shutdown /s /t 0"),
    },
    "windows.hive": {
        title: _("the SYSTEM hive is complete"),
        remedy: _("start Windows and shut it down fully: shutdown /s /t 0"),
    },
    "windows.data": {
        title: _("other volumes are in order"),
        remedy: _("start Windows, let chkdsk run on that volume, and shut it down fully"),
    },
    "windows.bits": {
        title: _("Windows is of 64 bits"),
        remedy: _("install Windows anew, in its edition for 64-bit x86 machines (x64)"),
    },
    "windows.bootfiles": {
        title: _("Windows has its boot files for UEFI"),
        remedy: _("restore them in the guest: sfc /scannow, or DISM /Online /Cleanup-Image /RestoreHealth"),
    },
    "windows.names": {
        title: _("every boot file has a name that goes onto an ESP"),
    },
    "windows.esp": {
        title: _("the boot files fit into the EFI system partition"),
        remedy: _("say a larger --esp-size, or none"),
    },
    "windows.old": {
        title: _("Windows is 8, Server 2012 or newer"),
        remedy: _("upgrade Windows first, or say --allow-unsigned and run the VM without Secure Boot"),
    },
    "windows.secureboot": {
        title: _("the firmware's keys accept the boot manager"),
        remedy: _(
            "install the guest's updates, or a firmware whose keys accept it (--firmware-vars), or say " +
                "--allow-unsigned and run the VM without Secure Boot",
        ),
    },
    "windows.driver": {
        title: _("the driver for the bus it will boot from starts at boot"),
        remedy: _("install the driver in the guest first (virtio-win for virtio and scsi), or name another bus"),
    },
    "windows.winre": {
        title: _("the recovery environment is where the boot store says"),
        remedy: _("run reagentc /disable and reagentc /enable in the guest after the first start"),
    },
    "windows.reuse": {
        title: _("--reuse-esp is possible, or not asked for"),
        remedy: _("leave --reuse-esp away"),
    },
    "windows.bios": {
        title: _("it is known what the disk boots under"),
        remedy: _("going back to BIOS then needs surety disk rollback"),
    },
    "vm.devices.pci": {
        title: _("no PCI device of the host is passed through"),
        remedy: _("see that the device has a signed UEFI option ROM, or needs none (rom bar='off')"),
    },
    "vm.devices.rom": {
        title: _("no device brings an option ROM as a file"),
        remedy: _("remove <rom file='...'/>, or give a signed UEFI image"),
    },
    "vm.devices.usb": {
        title: _("no USB device of the host is passed through"),
    },
    "vm.devices.shmem": {
        title: _("no memory is shared with others"),
        remedy: _("what finds it by its PCI address has to be told"),
    },
    "vm.devices.tpm": {
        title: _("there is no TPM yet, or an emulated TPM 2.0"),
        remedy: _(
            "remove <tpm> from the definition, or say --vtpm off; what the guest sealed with it has to be " +
                "unsealed first",
        ),
    },
    "vm.devices.arguments": {
        title: _("QEMU gets no arguments but libvirt's"),
        remedy: _("see that <qemu:commandline> fits a q35 machine with UEFI"),
    },
    "vm.devices.arguments-bus": {
        title: _("no argument names buses of i440fx"),
        remedy: _("change <qemu:commandline>, or say --machine i440fx (UEFI and vTPM without Secure Boot)"),
    },
    "vm.devices.bridges": {
        title: _("there are no PCI bridges"),
    },
    "vm.devices.nics": {
        title: _("network cards keep their slots"),
        remedy: _("configure the network in the guest by MAC address"),
    },
    "vm.devices.more": {
        title: _("all disks and network cards can be looked at"),
        remedy: _("remove disks or cards that are not needed"),
    },
    "vm.devices.floppy": {
        title: _("there is no floppy drive"),
        remedy: _("remove it if it is not needed"),
    },
    "vm.devices.ide": {
        title: _("there are no IDE drives"),
        remedy: _("after the upgrade see that no file in the guest names /dev/hdX"),
    },
    "vm.devices.sound": {
        title: _("there is no ISA sound card"),
        remedy: _("use model ich9"),
    },
    "vm.devices.memory": {
        title: _("no memory is to be added while it runs"),
    },
    "vm.devices.iommu": {
        title: _("there is no IOMMU"),
    },
    "vm.devices.serial": {
        title: _("no serial port carries data"),
        remedy: _("what reads a serial port for data has to live with the firmware's text"),
    },
    "vm.devices.console": {
        title: _("there is a serial port for the console"),
        remedy: _("add a serial port before the upgrade, so that firmware and boot loader can be watched"),
    },
    "vm.devices.network-first": {
        title: _("the disk is tried before the network"),
        remedy: _("put the disk first in the boot order"),
    },
    "vm.devices.cdrom-first": {
        title: _("the disk is tried before a CD in the drive"),
        remedy: _("eject the CD, or put the disk first in the boot order"),
    },
    "vm.devices.reboot": {
        title: _("it goes on when its guest restarts"),
        remedy: _("set <on_reboot>restart</on_reboot>"),
    },
    "vm.devices.acpi": {
        title: _("it has ACPI"),
        remedy: _("libvirt adds <acpi/> with UEFI firmware"),
    },
    "vm.disk.boot": {
        title: _("it is known which disk it boots from"),
        remedy: _("say so in the definition: <boot order='1'/> on that disk"),
    },
    "vm.disk.kind": {
        title: _("it boots from a hard disk"),
        remedy: _("put the disk with the system first in the boot order"),
    },
    "vm.disk.local": {
        title: _("the boot disk is a file or device of this host"),
        remedy: _("copy it to this host (qemu-img convert), or attach it as a block device"),
    },
    "vm.disk.missing": {
        title: _("the boot disk is there"),
        remedy: _("mount or activate what it lies on"),
    },
    "vm.disk.readable": {
        title: _("the boot disk can be read"),
        remedy: _("run surety as root"),
    },
    "vm.disk.read-only": {
        title: _("the boot disk may be written"),
        remedy: _("remove <readonly/>"),
    },
    "vm.disk.transient": {
        title: _("what is written to the boot disk stays"),
        remedy: _("remove <transient/>"),
    },
    "vm.disk.shareable": {
        title: _("the boot disk is not shareable"),
        remedy: _("remove <shareable/>"),
    },
    "vm.disk.used": {
        title: _("no other VM uses the boot disk"),
        remedy: _("give each VM a disk of its own"),
    },
    "vm.disk.base": {
        title: _("no other disk lies on the boot disk"),
        remedy: _("make the other disk independent: virsh blockpull, or qemu-img rebase -b ''"),
    },
    "vm.inventory": {
        title: _("the disks of all other VMs are known"),
        remedy: _("see that virsh dumpxml shows them, and that they are disks of their own"),
    },
    "vm.nvram.used": {
        title: _("no other VM keeps its UEFI variables where this one would"),
        remedy: _("name another file for them in the other VM's <nvram>, and move them there while it is off"),
    },
    "vm.disk.data-shared": {
        title: _("no data disk is shared with others"),
    },
    "vm.disk.chain": {
        title: _("the chain of files below the boot disk is known"),
        remedy: _("see qemu-img info --backing-chain"),
    },
    "vm.disk.overlay": {
        title: _("the boot disk stands alone"),
    },
    "vm.disk.format": {
        title: _("the boot disk's format can be written"),
        remedy: _("convert it: qemu-img convert -O qcow2"),
    },
    "vm.disk.qcow2-v2": {
        title: _("the boot disk can grow"),
        remedy: _("run, with the VM off: qemu-img amend -o compat=1.1"),
    },
    "vm.disk.snapshots": {
        title: _("the boot disk holds no snapshots"),
        remedy: _("delete those that are not needed"),
    },
    "vm.disk.encrypted": {
        title: _("the boot disk is not encrypted by QEMU"),
        remedy: _("copy it into an image without encryption, upgrade, then encrypt it again"),
    },
    "vm.disk.data-file": {
        title: _("the boot disk holds its data itself"),
        remedy: _("copy it into an image that does: qemu-img convert -O qcow2"),
    },
    "vm.disk.dirty": {
        title: _("the boot disk's image is sound"),
        remedy: _("run, with the VM off: qemu-img check IMAGE, and read its report"),
    },
    "vm.disk.locked": {
        title: _("no other program writes the VM's disks"),
        remedy: _("end the program: a backup, qemu-nbd, or a VM that libvirt does not know"),
    },
    "vm.disk.space": {
        title: _("there is room beside the boot disk"),
        remedy: _("free some space, or say --overlay-dir"),
    },
    "vm.restore.possible": {
        title: _("a restore point can be taken"),
        remedy: _("say --restore-point overlay or none"),
    },
    "vm.disk.copies": {
        title: _("no other disk looks like a copy of the boot disk"),
        remedy: _("detach the copy; surety vm verify compares root's disk with that of the EFI system partition"),
    },
    "vm.disk.growth": {
        title: _("the last partition can be extended later"),
        remedy: _("extend the system's volume before the upgrade if it will need more"),
    },
    "vm.disk.gpt": {
        title: _("the disk is to be converted"),
        remedy: _("see surety disk inspect; when it does not boot under UEFI, all is put back"),
    },
    "vm.disk.looked": {
        title: _("the disk was looked into"),
        remedy: _("see what surety disk inspect says with the VM off"),
    },
    "vm.os.support": {
        title: _("the system is one that was upgraded before"),
        remedy: _("try it with a copy of the VM; os-support.conf in share/surety tells which systems are known"),
    },
    "vm.os.same": {
        title: _("the system that runs is the one on the boot disk"),
        remedy: _("put the disk that it boots from first in the boot order"),
    },
    "vm.disk.rules": {
        title: _("the disk's own rules are met (docs/rules.md)"),
    },
    "vm.guest.nics": {
        title: _("the names of network cards stay as the guest knows them"),
        remedy: _("configure the network in the guest by MAC address, or without names of cards"),
    },
    "vm.guest.drivers": {
        title: _("the initramfs has the drivers for its new bus"),
        remedy: _(
            "say --machine i440fx (UEFI and vTPM without Secure Boot), or in the guest set MODULES=most and run " +
                "update-initramfs -u",
        ),
    },
    "vm.guest.secure-boot": {
        title: _("Secure Boot starts shim, GRUB and the kernel"),
        remedy: _("install the distribution's signed kernel and boot loader, or say --secure-boot off"),
    },
    "vm.guest.modules": {
        title: _("no kernel module is without a signature"),
        remedy: _("sign the modules with a machine owner key (mokutil), or say --secure-boot off"),
    },
    "vm.guest.hibernation": {
        title: _("the guest does not hibernate"),
        remedy: _("do not rely on hibernation after the upgrade, or say --secure-boot off"),
    },
    "vm.guest.pcr4": {
        title: _("PCR 4 of the first boot can be predicted"),
        remedy: _("see linux.grub.menu among the disk's own rules"),
    },
    "vm.guest.luks": {
        title: _("no volume is encrypted with LUKS, or a key file is named"),
        remedy: _("say --key-dir, and be at the console when it starts"),
    },
    "vm.agent.channel": {
        title: _("there is a channel for the guest agent"),
        remedy: _("add a channel org.qemu.guest_agent.0, and install qemu-guest-agent in the guest"),
    },
    "vm.agent.answers": {
        title: _("the guest agent answers"),
        remedy: _("start qemu-guest-agent in the guest; without it the result is proved from outside only"),
    },
    "vm.guest.finish": {
        title: _("the guest keeps its boot loader up to date"),
        remedy: _(
            "say --finish, or afterwards surety vm finish NAME, which prints the commands when there is no agent",
        ),
    },
    "vm.host.caps": {
        title: _("libvirt says what this host can"),
        remedy: _("see what virsh domcapabilities says"),
    },
    "vm.host.q35": {
        title: _("this host's QEMU has q35 machines"),
        remedy: _("install a newer QEMU, or move the VM to another host"),
    },
    "vm.host.uefi": {
        title: _("this host has UEFI firmware"),
        remedy: _("install the Debian package ovmf (edk2-ovmf elsewhere), then restart libvirtd"),
    },
    "vm.host.secure-boot": {
        title: _("this host has UEFI firmware with Secure Boot"),
        remedy: _("install the Debian package ovmf (edk2-ovmf elsewhere), then restart libvirtd"),
    },
    "vm.host.tpm": {
        title: _("this host can emulate a TPM"),
        remedy: _("install the Debian packages swtpm and swtpm-tools, then restart libvirtd"),
    },
    "vm.host.tpm-crb": {
        title: _("this host's QEMU has the tpm-crb device"),
        remedy: _("install a newer QEMU"),
    },
    "vm.host.swtpm": {
        title: _("swtpm is installed"),
        remedy: _("install the Debian package swtpm"),
    },
    "vm.host.swtpm-setup": {
        title: _("swtpm_setup is installed"),
        remedy: _("install the Debian package swtpm-tools"),
    },
    "vm.host.qemu-img": {
        title: _("qemu-img is installed"),
        remedy: _("install the Debian package qemu-utils, or say --restore-point none"),
    },
    "vm.host.firmware": {
        title: _("a firmware descriptor offers what is asked for"),
        remedy: _("install the Debian package ovmf (edk2-ovmf elsewhere), then restart libvirtd"),
    },
    "vm.host.loader": {
        title: _("the firmware's file can be read"),
        remedy: _("install the Debian package ovmf (edk2-ovmf elsewhere), then restart libvirtd"),
    },
    "vm.host.nvram-template": {
        title: _("the template of the UEFI variables can be read"),
        remedy: _("install the Debian package ovmf (edk2-ovmf elsewhere), then restart libvirtd"),
    },
    "vm.practice.test": {
        title: _("a VM that matters less goes first"),
        remedy: _("upgrade a copy or a test VM first, or say --canary 1"),
    },
    "vm.practice.restore-point": {
        title: _("a restore point is taken"),
        remedy: _("say --restore-point auto, or have a backup of the VM that was tested"),
    },
    "vm.practice.rollback": {
        title: _("going back loses nothing"),
        remedy: _(
            "say rollback --keep-data to bring back the layout alone; give the restore point up with surety vm " +
                "commit",
        ),
    },
    "vm.practice.image": {
        title: _("what it was made from fits what it is"),
        remedy: _("do not install it anew from there without changing the definition back; the metadata records both"),
    },
    "vm.practice.backup": {
        title: _("backups survive the upgrade"),
        remedy: _("suspend replication, take a full backup after the upgrade, and test restoring it"),
    },
    "vm.practice.state": {
        title: _("the disk is all there is of the VM"),
        remedy: _("copy or move NVRAM file and swtpm directory together with the disk"),
    },
    "vm.practice.no-start": {
        title: _("the VM is started to prove that it starts"),
        remedy: _("leave --no-start out, or start it soon and say surety vm verify"),
    },
    "vm.practice.switch": {
        title: _("the disk is converted"),
    },
    "vm.practice.unsigned": {
        title: _("kernels without a signature are refused"),
        remedy: _("say --secure-boot off with --allow-unsigned, or leave it out"),
    },
    "vm.practice.force": {
        title: _("the guest is only asked to shut down"),
        remedy: _("leave --force out, and shut the guest down by hand"),
    },
    "vm.practice.test-driver": {
        title: _("guests run here"),
    },
    "vm.practice.attestation": {
        title: _("somebody looks at what was started"),
        remedy: _("look at it with surety vm verify from time to time, and install surety-guest in the guest"),
    },
    "vm.already": {
        title: _("the VM is not Trusted Launch yet"),
        remedy: _("nothing has to be done; surety vm verify proves it"),
    },
    "vm.remote": {
        title: _("libvirt runs on this host, where the disks are"),
        remedy: _("run surety on the host of the VM"),
    },
    "vm.persistent": {
        title: _("the VM has a persistent definition"),
        remedy: _("make it persistent: virsh dumpxml NAME > FILE, then virsh define FILE"),
    },
    "vm.virt-type": {
        title: _("the hypervisor is QEMU, with KVM or without"),
        remedy: _("move the VM to KVM first"),
    },
    "vm.os-type": {
        title: _("it is a fully virtualized machine"),
        remedy: _("move the VM to KVM first"),
    },
    "vm.arch": {
        title: _("the architecture is x86_64"),
        remedy: _("an upgrade keeps the architecture: install a new 64-bit VM"),
    },
    "vm.machine": {
        title: _("the machine type is i440fx (pc) or q35"),
        remedy: _("change the machine type to pc or q35 first"),
    },
    "vm.machine.asked": {
        title: _("the machine asked for can be had"),
        remedy: _("leave --machine out"),
    },
    "vm.secure-boot.off": {
        title: _("Secure Boot is to be on"),
        remedy: _("leave --secure-boot off out, unless the guest needs kernels or drivers that nobody signed"),
    },
    "vm.vtpm.off": {
        title: _("the vTPM is to be there"),
        remedy: _("leave --vtpm off out"),
    },
    "vm.kernel-boot": {
        title: _("it boots from its disk"),
        remedy: _("remove <kernel>, <initrd> and <cmdline> from the definition, and see that it boots from its disk"),
    },
    "vm.launch-security": {
        title: _("it has no launch security of its own"),
        remedy: _("confidential VMs have a firmware of their own, and need no upgrade"),
    },
    "vm.run-state": {
        title: _("the VM runs, or is off"),
        remedy: _("resume it or shut it off, then ask again"),
    },
    "vm.managed-save": {
        title: _("there is no saved memory of the VM"),
        remedy: _("start it and shut it down, or give the memory up: virsh managedsave-remove NAME"),
    },
    "vm.updated": {
        title: _("the VM runs as it is defined"),
        remedy: _("compare virsh dumpxml NAME with virsh dumpxml --inactive NAME"),
    },
    "vm.job": {
        title: _("no job of libvirt runs on the VM"),
        remedy: _("wait for it, or end it: virsh domjobinfo NAME, virsh domjobabort NAME"),
    },
    "vm.snapshots": {
        title: _("the VM has no snapshots"),
        remedy: _("delete the snapshots that are not needed any more: virsh snapshot-list NAME"),
    },
    "vm.checkpoints": {
        title: _("the VM has no checkpoints of incremental backups"),
        remedy: _(
            "delete them (virsh checkpoint-list NAME, checkpoint-delete), upgrade, then begin with a full backup",
        ),
    },
    "vm.autostart": {
        title: _("libvirt does not start the VM by itself"),
        remedy: _("do not restart the host during an upgrade, or say virsh autostart --disable NAME until it is done"),
    },
    "vm.unfinished": {
        title: _("no upgrade of the VM is unfinished"),
        remedy: _("surety goes on where it stopped; see surety job list"),
    },
    "vm.memory": {
        title: _("the memory is enough for UEFI"),
        remedy: _("give the VM 512 MiB or more"),
    },
    "vm.vcpus": {
        title: _("the vCPUs are not too many for q35 and SMM"),
        remedy: _("add <iommu model='intel'> with eim='on', or give the VM fewer vCPUs; for SMM set <tseg> to 48 MiB"),
    },
    "vm.cpu": {
        title: _("the CPU has a 64-bit mode"),
        remedy: _("choose another CPU model, for example qemu64 or host-model"),
    },
    "vm.transform": {
        title: _("the definition can be carried over"),
    },
    "vm.windows.bitlocker": {
        title: _("the system's volume is not encrypted with BitLocker"),
        remedy: _(
            "turn BitLocker or what does the same off before, wait until the volume is decrypted, and turn it on " +
                "after",
        ),
    },
    "vm.windows.encryption": {
        title: _(
            "BitLocker and device encryption are seen on the disk, also where they are called off and the volume " +
                "is still encrypted; other products are not recognised",
        ),
        remedy: _("see manage-bde -status in the guest; data disks may stay encrypted"),
    },
    "vm.windows.driver": {
        title: _("Windows has the driver of the bus it will boot from, and starts it first"),
        remedy: _(
            "install the driver in the guest first (virtio-win; AHCI is Windows' own storahci), or say --machine " +
                "i440fx (UEFI and vTPM without Secure Boot)",
        ),
    },
    "vm.windows.network": {
        title: _("network cards stay where Windows knows them"),
        remedy: _(
            "write down fixed addresses, and set them again after the upgrade at the console; or have DHCP give " +
                "them",
        ),
    },
    "vm.windows.faststartup": {
        title: _("Windows shuts down fully when it is asked to"),
        remedy: _(
            "switch Fast Startup off in the guest (powercfg /h off), or install the guest agent, or shut it down " +
                "with: shutdown /s /t 0",
        ),
    },
    "vm.windows.2016": {
        title: _("Windows Server 2016 is converted like the others"),
    },
    "vm.windows.old": {
        title: _("Windows is 8, Server 2012 or newer, of 64 bits"),
        remedy: _("upgrade the guest's Windows first"),
    },
    "vm.windows.2022": {
        title: _("it is not Windows Server 2022"),
        remedy: _("go to Windows Server 2025 when you upgrade in place"),
    },
    "vm.windows.11": {
        title: _("it is neither Windows 10 nor an older 11"),
        remedy: _("upgrade to Windows 11 with media of these builds or newer ones"),
    },
    "vm.windows.keys": {
        title: _("the firmware's keys accept the boot manager"),
        remedy: _("use a firmware package with the Windows UEFI CA 2023, or --firmware-vars"),
    },
    "vm.windows.volume": {
        title: _("the system's volume cannot be extended afterwards: what comes behind it is in the way"),
        remedy: _("extend it before the upgrade"),
    },
    "vm.windows.defrag": {
        title: _("nothing has to be defragmented before: no volume is shrunk, the disk grows"),
    },
    "vm.windows.validate": {
        title: _(
            "MBR2GPT /validate need not be run: the disk's rules hold what it looks at, each by name, and the " +
                "conversion can be taken back",
        ),
    },
    "vm.windows.room": {
        title: _(
            "no room for the EFI system partition has to be found on the system's volume, and four partitions " +
                "are no obstacle: it lies at the end of the disk, which grows",
        ),
    },
    "vm.windows.services": {
        title: _(
            "the services Virtual Disk and Optimize Drives are not needed: the guest is off when its disk is " +
                "converted",
        ),
    },
    "vm.windows.winre": {
        title: _("ReAgent.xml finds the recovery environment by its new names"),
        remedy: _("run reagentc /disable, then reagentc /enable"),
    },
    "vm.windows.letter": {
        title: _("the partition reserved for the system cannot take the drive letter D:, its letter is removed"),
        remedy: _("move the page file from D: to C:, restart, remove the letter D: from that partition, restart"),
    },
});
