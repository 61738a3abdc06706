/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What suretyd says, through _.  Made by tools/check-docs: of each rule what is good, and the remedy, from the tables in
 * src/convert and src/upgrade; what errors and proofs are called, and their ids, from docs/rules.md; and the remedies of
 * errors. */
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

export const errors = _ => ({
    "api.body": {
        title: _("the request is malformed"),
    },
    "api.query": {
        title: _("the request is malformed"),
    },
    "api.refused": {
        title: _("the user may not do that"),
    },
    "api.version": {
        title: _("the request is malformed"),
    },
    "authority.answer": {
        title: _("the authority answered with another HTTP status than 200"),
    },
    "authority.refused": {
        title: _("the authority refused, with its own id in the message"),
    },
    "benefit.file": {
        title: _(
            "a file of a benefit has a name or a value that is none, or cannot be read, or is one of more than " +
                "256 in its directory; the others count",
        ),
    },
    "benefit.id": {
        title: _(
            "a file of a benefit has a name or a value that is none, or cannot be read, or is one of more than " +
                "256 in its directory; the others count",
        ),
    },
    "benefit.none": {
        title: _("there is no such benefit"),
    },
    "benefit.value": {
        title: _(
            "a file of a benefit has a name or a value that is none, or cannot be read, or is one of more than " +
                "256 in its directory; the others count",
        ),
    },
    "bundle.format": {
        title: _("what the authority publishes is malformed, or older than what is known"),
    },
    "cmp.answer": {
        title: _("the answer is no CMP message, or not protected by the token's secret or the authority's key"),
    },
    "cmp.clock": {
        title: _("the certificate that came is not valid at this host's time"),
    },
    "cmp.refused": {
        title: _("the authority refused in CMP; the message is its text"),
    },
    "conf.host": {
        title: _(
            "a configuration file cannot be read, or a line of it is wrong; the message begins with the file and " +
                "the line",
        ),
    },
    "conf.value": {
        title: _(
            "a configuration file cannot be read, or a line of it is wrong; the message begins with the file and " +
                "the line",
        ),
    },
    "crl.format": {
        title: _("what the authority publishes is malformed, or older than what is known"),
    },
    "crl.signature": {
        title: _("the list of revoked certificates is not signed by the issuer"),
    },
    "daemon.dir": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.event": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.file": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.harden": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.launch": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.libvirt": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.listen": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.path": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.running": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.thread": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.vms": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "daemon.vsock": {
        title: _("suretyd cannot get what it needs of the system"),
    },
    "disk.in-use": {
        title: _("QEMU's image lock is held: a VM runs on the disk, or another program has it open"),
    },
    "document.refused": {
        title: _("surety-signer refused a document"),
    },
    "guest.answer": {
        title: _("the guest agent does not say which system it runs on"),
    },
    "guest.record": {
        title: _("the record of what a guest runs is damaged"),
    },
    "http.address": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.answer": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.connect": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.listen": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.method": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.path": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.served": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.size": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.start": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "http.timeout": {
        title: _("a server of surety cannot be reached or does not answer, or the request fits nothing that it offers"),
    },
    "imds.refused": {
        title: _(
            "surety-imds cannot start or shut itself in, or a message of suretyd is not understood or does not " +
                "fit",
        ),
    },
    "ipc.closed": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "ipc.frame": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "ipc.full": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "ipc.io": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "ipc.path": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "ipc.peer": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "ipc.served": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "ipc.size": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "ipc.timeout": {
        title: _("another of surety's programs does not run, does not answer, or is not allowed to ask"),
    },
    "job.canary": {
        title: _("the VM's turn did not come: one that went first did not end well"),
    },
    "job.cancelled": {
        title: _("the VM's turn did not come: the batch was cancelled"),
    },
    "job.connect": {
        title: _("suretyd works with another libvirt than was asked for"),
    },
    "job.ended": {
        title: _("the job has ended already"),
    },
    "job.lock-name": {
        title: _("what is to be locked has a name that is none"),
    },
    "job.max-failures": {
        title: _("the VM's turn did not come: too many failed before"),
    },
    "job.none": {
        title: _("no job has this ID, or none of its VMs this number"),
    },
    "job.option": {
        title: _("an option that is not known, not to this operation, or whose value is none"),
    },
    "job.record": {
        title: _("the records of jobs cannot be read or written, others may write there, or one is damaged"),
    },
    "job.report": {
        title: _("the job has no report yet"),
    },
    "job.report.write": {
        title: _("the report cannot be written"),
    },
    "job.running": {
        title: _("another process runs the batch"),
    },
    "job.state": {
        title: _("the records of jobs cannot be read or written, others may write there, or one is damaged"),
    },
    "job.state.open": {
        title: _("the records of jobs cannot be read or written, others may write there, or one is damaged"),
    },
    "job.thread": {
        title: _("the system gave no thread"),
    },
    "job.twice": {
        title: _("a VM is named twice"),
    },
    "job.vms": {
        title: _(
            "no VM or more than 4096 are named, or one by something that is no name or cannot be shown (its UUID " +
                "can)",
        ),
    },
    "key.opening": {
        title: _("the host's key is being opened"),
    },
    "legacy.address": {
        title: _("legacy OS support cannot be enabled: its address is in use"),
    },
    "legacy.attached": {
        title: _("legacy OS support cannot be disabled: VMs are attached"),
    },
    "legacy.bridge": {
        title: _("legacy OS support cannot be enabled: its bridge is in use"),
    },
    "legacy.clash": {
        title: _("the VM's interface on the legacy network is a copy made by hand"),
    },
    "legacy.cloud": {
        title: _("legacy OS support cannot be enabled: the host is a cloud's VM"),
    },
    "legacy.disabled": {
        title: _("legacy OS support is off"),
    },
    "legacy.enrolled": {
        title: _("legacy OS support cannot be enabled: the host is not enrolled"),
    },
    "legacy.filter": {
        title: _("a part of the legacy network is not as it must be"),
    },
    "legacy.firewall": {
        title: _("a part of the legacy network is not as it must be"),
    },
    "legacy.full": {
        title: _("the legacy network has as many VMs as there can be"),
    },
    "legacy.ipv6": {
        title: _("a part of the legacy network is not as it must be"),
    },
    "legacy.kernel": {
        title: _("the kernel lacks what the legacy network needs"),
    },
    "legacy.leftover": {
        title: _("a part of the legacy network is not as it must be"),
    },
    "legacy.libvirt": {
        title: _("libvirt refused a part of the legacy network"),
    },
    "legacy.listen": {
        title: _("port 80 of the legacy network cannot be had"),
    },
    "legacy.mode": {
        title: _("surety.conf names a mode or a bridge of legacy OS support that there is not"),
    },
    "legacy.network": {
        title: _("a part of the legacy network is not as it must be"),
    },
    "legacy.nftables": {
        title: _("a part of the legacy network is not as it must be"),
    },
    "legacy.offline": {
        title: _("there is no connection to libvirt"),
    },
    "legacy.poweroff": {
        title: _("the VM cannot take or lose a network card while it runs"),
    },
    "legacy.sysctl": {
        title: _("a part of the legacy network is not as it must be"),
    },
    "legacy.tool": {
        title: _("nft or ip failed"),
    },
    "legacy.uplink": {
        title: _("a part of the legacy network is not as it must be"),
    },
    "legacy.vm": {
        title: _("there is no such VM"),
    },
    "legacy.vm.broken": {
        title: _("the VM's grant to the legacy network is not whole"),
    },
    "legacy.xml": {
        title: _("libvirt's XML cannot be read"),
    },
    "server.active": {
        title: _("VMs are attested"),
    },
    "server.authority": {
        title: _("the authority cannot be reached"),
    },
    "server.authority-url": {
        title: _("no URL of an authority is known, it is none, or surety.conf names another one"),
    },
    "server.busy": {
        title: _("another enrolment or sync is under way"),
    },
    "server.clock": {
        title: _("the host's clock stands before its certificate's beginning, or before the last sync"),
    },
    "server.expired": {
        title: _("the host's certificate has ended"),
    },
    "server.expires-soon": {
        title: _("the certificate ends soon"),
    },
    "server.imds": {
        title: _("surety-imds cannot be reached, so that guests get no answer"),
    },
    "server.key": {
        title: _("surety-signer cannot use its key"),
    },
    "server.libvirt": {
        title: _("libvirt cannot be reached; the VMs that are known stay"),
    },
    "server.not-enrolled": {
        title: _("the host has no certificate"),
    },
    "server.refused": {
        title: _("the authority refused this host's last sync"),
    },
    "server.remove": {
        title: _("surety-signer could not destroy the key"),
    },
    "server.revoked": {
        title: _("the authority has revoked this host"),
    },
    "server.signer": {
        title: _("surety-signer cannot be reached"),
    },
    "server.stopping": {
        title: _("suretyd is ending"),
    },
    "server.store": {
        title: _("suretyd's own state cannot be written: what it learns is kept in memory"),
    },
    "server.sync": {
        title: _("the last sync failed"),
    },
    "server.sync-failed": {
        title: _("enrolment or sync failed; the message holds the id of the cause"),
    },
    "server.sync-late": {
        title: _("the next sync is late"),
    },
    "server.sync-overdue": {
        title: _("the last sync was more than 30 days ago"),
    },
    "server.token": {
        title: _("this is no token"),
    },
    "server.token-host": {
        title: _("the token is for another host"),
    },
    "server.token-refused": {
        title: _("the authority does not take the token: wrong, used, or too old"),
    },
    "server.vm-collision": {
        title: _("VMs claim the same identity, and are cut off"),
    },
    "server.vsock": {
        title: _("there is no listener on vsock"),
    },
    "signer.refused": {
        title: _("surety-signer refused what suretyd asked"),
    },
    "store.format": {
        title: _("the state of suretyd or of surety-signer cannot be read or written, or was changed by another"),
    },
    "store.io": {
        title: _("the state of suretyd or of surety-signer cannot be read or written, or was changed by another"),
    },
    "store.none": {
        title: _("the state of suretyd or of surety-signer cannot be read or written, or was changed by another"),
    },
    "store.revision": {
        title: _("the state of suretyd or of surety-signer cannot be read or written, or was changed by another"),
    },
    "store.size": {
        title: _("the state of suretyd or of surety-signer cannot be read or written, or was changed by another"),
    },
    "verify.agent": {
        title: _("the guest agent answers"),
    },
    "verify.alive": {
        title: _("the guest has started: its agent answers, or shim has run and frames were sent"),
    },
    "verify.firmware": {
        title: _("UEFI, by the running definition and by the guest"),
    },
    "verify.log": {
        title: _("the event log replays to PCR 0, 2, 4 and 7"),
    },
    "verify.network": {
        title: _("the guest has an address; else its cards have sent something"),
    },
    "verify.network-names": {
        title: _("each network card has the name in the guest that it had before"),
    },
    "verify.os": {
        title: _("the same distribution and machine-id as before"),
    },
    "verify.pcr4": {
        title: _(
            "PCR 4 is what was predicted from the boot files before the first start; later also what the boot " +
                "files give that are on the disk now",
        ),
    },
    "verify.root-disk": {
        title: _("root is on the disk of the EFI system partition, and no copy of the old disk"),
    },
    "verify.running": {
        title: _("the VM runs"),
    },
    "verify.secure-boot": {
        title: _("Secure Boot is on, as the guest's firmware says; else as NVRAM and the firmware in use show"),
    },
    "verify.setup-mode": {
        title: _("the firmware has a platform key"),
    },
    "verify.tpm": {
        title: _("the guest sees a TPM 2.0; else the running definition has one, and swtpm keeps its state"),
    },
    "verify.units": {
        title: _("systemd says that nothing has failed"),
    },
    "vm.action.libvirt": {
        title: _("libvirt does not add the device"),
    },
    "vm.action.source": {
        title: _("a device is wanted for a VM that is not libvirt's"),
    },
    "vm.action.vsock": {
        title: _("a vsock device is wanted where the host cannot serve it: vhost_vsock is missing, or vsock-port is 0"),
    },
    "vm.agent": {
        title: _("no guest agent answers"),
    },
    "vm.agent.answer": {
        title: _("the guest agent's answer is none"),
    },
    "vm.agent.denied": {
        title: _("the guest's agent does not do that: it is switched off there, or too old"),
    },
    "vm.agent.failed": {
        title: _("the guest's agent tried, and could not: there is no such file, for one"),
    },
    "vm.agent.size": {
        title: _("the guest agent's answer is too long"),
    },
    "vm.agent.timeout": {
        title: _("what the guest agent was asked to run has not ended in time"),
    },
    "vm.ambiguous": {
        title: _("several VMs have that name"),
    },
    "vm.bios": {
        title: _("there is nothing to verify: the VM boots under BIOS"),
    },
    "vm.cancelled": {
        title: _("verification was asked to stop"),
    },
    "vm.changed": {
        title: _("somebody changed the VM while it was upgraded"),
    },
    "vm.check": {
        title: _("a check stops the upgrade with the guest at rest; the message begins with the check's id"),
    },
    "vm.cid-collision": {
        title: _("running VMs claim the same identity: none of them gets an answer"),
    },
    "vm.connect": {
        title: _("libvirt cannot be reached"),
    },
    "vm.convert": {
        title: _("the disk cannot be converted; the message has the rule's id"),
    },
    "vm.dir": {
        title: _("the VM's directory in the job state cannot be used"),
    },
    "vm.disk.job": {
        title: _("another block job runs on the VM's disk"),
    },
    "vm.disk.none": {
        title: _("the VM has no such disk"),
    },
    "vm.disk.qcow2": {
        title: _("a file that is said to be qcow2 does not begin like one"),
    },
    "vm.disk.timeout": {
        title: _(
            "surety disk could not be run on the VM's disk, gave no answer, or took too long; its own errors " +
                "keep their ids",
        ),
    },
    "vm.disk.worker": {
        title: _(
            "surety disk could not be run on the VM's disk, gave no answer, or took too long; its own errors " +
                "keep their ids",
        ),
    },
    "vm.expect": {
        title: _("what the record expects of the VM cannot be read"),
    },
    "vm.file": {
        title: _("a file of vms.d is wrong, or others can write it"),
    },
    "vm.finish": {
        title: _("the distribution's EFI packages were not installed"),
    },
    "vm.finish.unknown": {
        title: _("the distribution's EFI packages are not known"),
    },
    "vm.gone": {
        title: _("somebody undefined the VM while it was upgraded"),
    },
    "vm.instance": {
        title: _("libvirt's description of the VM cannot be used"),
    },
    "vm.journal": {
        title: _("an undo journal of which no record tells is in the way"),
    },
    "vm.libvirt": {
        title: _("libvirt refuses; the message has its own sentence"),
    },
    "vm.locked": {
        title: _("another job works on the VM"),
    },
    "vm.look": {
        title: _("there is no disk of the VM that can be looked at from here, or no known system on it"),
    },
    "vm.mark-collision": {
        title: _("running VMs claim the same identity: none of them gets an answer"),
    },
    "vm.name": {
        title: _("the VM's name is too long"),
    },
    "vm.net": {
        title: _("libvirt counts no bytes of the VM's network cards"),
    },
    "vm.none": {
        title: _("no VM has that name or UUID"),
    },
    "vm.not-served": {
        title: _("the VM gets no answers: it does not run, or has no way to ask"),
    },
    "vm.not-upgraded": {
        title: _("surety has not upgraded this VM"),
    },
    "vm.off": {
        title: _("there is nothing to verify: the VM is off"),
    },
    "vm.record": {
        title: _("the record of the VM's upgrade is damaged, or another version's"),
    },
    "vm.record.move": {
        title: _("a step was to be taken that does not follow: a bug, please report it"),
    },
    "vm.record.size": {
        title: _("the record of the VM's upgrade is too large"),
    },
    "vm.redefine": {
        title: _("libvirt did not keep the new definition as it was given"),
    },
    "vm.refused": {
        title: _("the VM gets no answers: a service did not take it"),
    },
    "vm.renamed": {
        title: _("the VM has another name than when it was upgraded"),
    },
    "vm.restore-point": {
        title: _("the VM was upgraded before and has a restore point of that"),
    },
    "vm.restore.block": {
        title: _("no restore point can be taken of a disk that is no file"),
    },
    "vm.restore.disks": {
        title: _("no restore point can be taken of so many disks"),
    },
    "vm.restore.exists": {
        title: _("the VM has a restore point of an earlier upgrade, or a file of its name is somebody's"),
    },
    "vm.restore.format": {
        title: _("no restore point can be taken of a disk of this format"),
    },
    "vm.restore.gone": {
        title: _("the restore point is not whole any more, was used, or is being given up"),
    },
    "vm.restore.io": {
        title: _("reading or writing the files of a restore point failed; nothing of it is left"),
    },
    "vm.restore.name": {
        title: _("no restore point can be taken beside such a path"),
    },
    "vm.restore.path": {
        title: _("no restore point can be taken beside such a path"),
    },
    "vm.restore.record": {
        title: _("what was written down about the restore point is damaged"),
    },
    "vm.restore.running": {
        title: _("a snapshot cannot be deleted while the VM runs"),
    },
    "vm.restore.shared": {
        title: _("no restore point can be taken of a disk that is somebody else's, too"),
    },
    "vm.restore.space": {
        title: _("there is no room for a restore point; nothing of it is left"),
    },
    "vm.restore.stage": {
        title: _("what was written down about the restore point is damaged"),
    },
    "vm.restore.state": {
        title: _("the state of NVRAM or of the vTPM is not plain files, or somebody else's link leads to it"),
    },
    "vm.rollback.journal": {
        title: _("the undo journal is gone"),
    },
    "vm.rollback.newer": {
        title: _("a full rollback would lose newer data"),
    },
    "vm.shutdown": {
        title: _("the guest does not shut down"),
    },
    "vm.socket": {
        title: _("the VM's socket cannot be made"),
    },
    "vm.socket-collision": {
        title: _("running VMs claim the same identity: none of them gets an answer"),
    },
    "vm.started": {
        title: _("somebody started the VM while it was upgraded"),
    },
    "vm.state": {
        title: _("the VM is not in the state that this needs: off, or running"),
    },
    "vm.too-many": {
        title: _("there are too many VMs"),
    },
    "vm.undo": {
        title: _("the disk worker could not take the layout back"),
    },
    "vm.upgrade.undoing": {
        title: _("an upgrade is being taken back, or could not be"),
    },
    "vm.uuid-collision": {
        title: _("running VMs claim the same identity: none of them gets an answer"),
    },
    "vm.verify": {
        title: _("a required proof says no; the message begins with its id"),
    },
    "vm.xml": {
        title: _("libvirt's description of the VM cannot be used"),
    },
    "vm.xml-size": {
        title: _("libvirt's description of the VM cannot be used"),
    },
    "vm.xml.arch": {
        title: _("this kind of VM cannot become Trusted Launch"),
    },
    "vm.xml.launch-security": {
        title: _("this kind of VM cannot become Trusted Launch"),
    },
    "vm.xml.machine": {
        title: _("this kind of VM cannot become Trusted Launch"),
    },
    "vm.xml.os": {
        title: _("this kind of VM cannot become Trusted Launch"),
    },
    "vm.xml.source": {
        title: _("a disk whose source is to change is not there, or its source is no plain file or device"),
    },
    "vm.xml.type": {
        title: _("this kind of VM cannot become Trusted Launch"),
    },
    "volume.encrypted.luks": {
        title: _("a LUKS volume, and no --key-file"),
    },
});

export const remedies = _ => [
    _("A token looks like sut1_HOST_SECRET: surety authority token HOST"),
    _("Add the device where the VM is defined"),
    _("Be root or in group surety"),
    _("Change or remove url in section [authority] of surety.conf, and restart suretyd"),
    _(
        "Compare the clocks of this host and of the authority; if they agree, enrol again with a new token: " +
            "surety server enrol",
    ),
    _("Give --authority URL, or set url in section [authority] of surety.conf"),
    _("Give it like http://authority.example.org:8829"),
    _("Give its UUID instead: surety vm list prints it"),
    _("Give the UUID instead of the name"),
    _("If that was a mistake, enrol again with a new token: surety server enrol"),
    _("Install the program surety, or name it: suretyd --surety PATH"),
    _("It is written when the job ends"),
    _("It is wrong, used or too old: make another one, surety authority token HOST"),
    _("Leave out --connect, or do it without suretyd: --local"),
    _("Let the guest agent tell: install it in the VM, and give the VM its channel"),
    _("Load vhost_vsock, or set vsock-port = 0 in surety.conf and use the legacy network"),
    _("Look for the host at the authority (surety authority list), then: surety server enrol"),
    _("Make a token at the authority (surety authority token HOST), then: surety server enrol"),
    _("Make a token for this name, or set name in section [host] of surety.conf"),
    _("Make room in the state directory, or let it be written to"),
    _("Make room where surety-signer keeps its state, or make that writable, and try again"),
    _("Move the state file away, start suretyd, and sync: only the audit log is lost"),
    _("Repair the key's token, or enrol again: surety server enrol"),
    _("Repair the way to the authority; suretyd tries again by itself"),
    _("Run this batch again to go on: surety job run ID"),
    _("Run: surety server enrol --authority URL --token-file FILE"),
    _("Run: surety server sync"),
    _("See what the report says about the first VMs, then begin a new batch with the others"),
    _("See what the report says about them, then run this batch again: surety job run ID"),
    _("See: surety benefit list"),
    _("See: surety job list"),
    _("See: surety vm list"),
    _("Set the clock (chronyc makestep, or timedatectl), then: surety server sync"),
    _("Set the clock that is wrong, this host's or the authority's (timedatectl, chronyc makestep), and try again"),
    _("Set vsock-port in surety.conf and restart suretyd; or use the legacy network"),
    _("Start it, or see what it lacks: surety benefit status"),
    _("Start it: systemctl start surety-imds; its log says why it ended"),
    _("Start it: systemctl start surety-signer; its log says why it ended"),
    _("Start libvirt's daemon; suretyd connects by itself"),
    _("Start libvirt: systemctl start libvirtd, or virtqemud"),
    _("Start surety-authority there, or repair the way to it, and try again"),
    _("Stop it, or give this one a --state of its own"),
    _("The file's first line is vmName,vmResourceGroupName,enableSecureBoot, and then one line a VM"),
    _("Try again when it has ended: surety server show"),
    _("Wait for it, or look with: surety job show"),
    _("Wait until that job has ended"),
    _("allow guest-file-* and guest-exec in the guest's qemu-ga configuration, or do without"),
    _("check --connect, that libvirtd runs, and that you may use it"),
    _("chown root: it, and chmod go-w"),
    _("end the program: a backup, qemu-nbd, or a VM that libvirt does not know; then try again"),
    _("enrol it first: surety server enrol"),
    _("find the program that listens there: ss -ltnp 'sport = :80'"),
    _(
        "firewall-cmd --permanent --zone=libvirt --add-port=80/tcp, then firewall-cmd --reload; the rules of " +
            "surety keep everything else out",
    ),
    _("give it its old name for the rollback (virsh domrename)"),
    _("give the VMs a vsock device instead: they need no network then"),
    _(
        "if the message tells of firewall rules: something flushed libvirt's own; restart libvirtd (or " +
            "virtnetworkd), which makes them anew",
    ),
    _("install and start libvirt's network and nwfilter drivers"),
    _("install qemu-guest-agent in the VM and give it the channel org.qemu.guest_agent.0"),
    _("install the distribution's packages of shim and GRUB for EFI in the guest"),
    _("install the package iproute2"),
    _("install the package nftables"),
    _("it has very many disks with long paths: use shorter ones"),
    _("it is a copy made by hand: remove that interface from it (virsh detach-interface)"),
    _("its disk is as it was before; before.xml in the directory of the report defines it again"),
    _("look at it with virsh net-dumpxml or nwfilter-dumpxml, and undefine it"),
    _("look at the disk's storage; then run the command again, which goes on where this ended"),
    _("look who put it there; a VM's state is plain files in plain directories"),
    _("make room, or name another place with --overlay-dir"),
    _("make room, then run the same command again"),
    _("make that VM independent of it first: virsh blockpull, or qemu-img rebase -b ''"),
    _("modprobe vhost_vsock, and keep it in /etc/modules-load.d; or use the legacy network"),
    _("name a directory that exists with --overlay-dir, or leave that out"),
    _("remove it, or choose another name: bridge in section [legacy] of surety.conf"),
    _("revoke them (surety legacy revoke), or say --remove-vms"),
    _("run surety vm rollback, or give the restore point up with surety vm commit; then upgrade again"),
    _("run surety vm upgrade to go on with it, or surety vm rollback to take it back"),
    _("run: surety disk recover IMAGE --undo FILE; then move that file away"),
    _(
        "see /var/log/libvirt/qemu/ for the last words of QEMU and swtpm, and what surety vm assess says of the " +
            "host; then upgrade it again",
    ),
    _("see surety disk validate for the remedy"),
    _("see that nobody else works on this VM, then upgrade it again"),
    _("see the journal of suretyd and of libvirt"),
    _("see the rows of the report, and the console of the guest while it starts"),
    _("see what the check says in the report; surety vm assess shows it, too"),
    _("shut it down yourself, or use --force or a longer --shutdown-timeout"),
    _("shut the VM down, then run the same command again"),
    _("start it, then verify it"),
    _("start libvirtd (or virtqemud, virtnetworkd and virtnwfilterd); suretyd connects by itself"),
    _("start libvirtd, then run the same command again"),
    _("stop the program that runs already"),
    _("surety legacy disable removes it"),
    _("surety legacy enable"),
    _("surety legacy enable repairs it; if it does not: surety legacy disable --remove-vms, then enable again"),
    _("surety legacy grant --config NAME, then power the VM off and start it (a restart from inside is not enough)"),
    _("surety legacy grant repairs it, surety legacy revoke takes it away"),
    _("surety vm list prints the names and UUIDs"),
    _("surety vm rollback --keep-data goes back without it"),
    _("surety vm rollback goes back to it, surety vm commit gives it up"),
    _("suretyd tries again by itself; now: surety server sync"),
    _("take it out: ip link set dev NAME nomaster"),
    _(
        "take that address or route away (a cloud's metadata service, a link-local route such as NOZEROCONF=yes " +
            "prevents), or give the VMs a vsock device instead",
    ),
    _("the guest starts as before; look at the log, and run the commands in the guest"),
    _("the layout cannot be taken back any more; where there is a backup, use that"),
    _("their ports are closed already; power them off, then disable again"),
    _("upgrade it first: surety vm upgrade NAME"),
    _("use --keep-data to take back the layout alone, or --yes to lose what is newer"),
    _("use --restore-point none and take your own backup first"),
    _("use --restore-point overlay"),
    _("use Linux 5.10 and nftables 1.0 or later, with nf_tables for the bridge family"),
    _("use a kernel from 3.16 on, in a network namespace with this setting"),
    _("use the version of surety that wrote it"),
    _("write mode = bridge into surety.conf"),
];
