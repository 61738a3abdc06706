/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After the first good boot: the distribution's own EFI packages, so that shim and GRUB are updated with the system.
 *
 * The order of things keeps the guest bootable wherever they end: what surety put on the ESP is copied first, is
 * replaced only by what packages put there, and comes back when anything fails, with nothing else beside it: shim acts
 * on what lies there.  Firmware that finds a boot entry without its files goes on to EFI/BOOT.  The one who reads the
 * lines and the guest agent get the same ones: all in parentheses, so that they leave a shell that they are pasted into
 * as it was. */
#include "base/clean.h"
#include "upgrade/verify.h"
#include <string.h>

/* $vendor: the directory below EFI.  Its end is in TAIL. */
#define HEAD                                                                                                           \
    "set -eu\n"                                                                                                        \
    "export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1\n"        \
    "test -d /sys/firmware/efi\n"                                                                                      \
    "if ! mountpoint -q /boot/efi; then\n"                                                                             \
    "    mkdir -p /boot/efi\n"                                                                                         \
    "    if ! grep -q '^[^#]*[[:space:]]/boot/efi[[:space:]]' /etc/fstab; then\n"                                      \
    "        esp=$(lsblk -nrpo NAME,PARTTYPE | awk '$2 == \"c12a7328-f81f-11d2-ba4b-00a0c93ec93b\" {print $1}')\n"     \
    "        test \"$(echo \"$esp\" | wc -w)\" = 1\n"                                                                  \
    "        echo \"UUID=$(blkid -s UUID -o value \"$esp\") /boot/efi vfat umask=0077,nofail 0 2\" >> /etc/fstab\n"    \
    "    fi\n"                                                                                                         \
    "    mount /boot/efi\n"                                                                                            \
    "fi\n"                                                                                                             \
    "test -s /boot/efi/EFI/BOOT/BOOTX64.EFI\n"                                                                         \
    "old=$(mktemp -d /var/tmp/esp.XXXXXX)\n"                                                                           \
    "back() {\n"                                                                                                       \
    "    cp -R \"$old/EFI\" /boot/efi/\n"                                                                              \
    "    cd /boot/efi && find EFI -type f | while read -r f; do [ -e \"$old/$f\" ] || rm -f \"$f\"; done\n"            \
    "}\n"                                                                                                              \
    "cp -R /boot/efi/EFI \"$old/\"\n"                                                                                  \
    "trap 'rc=$?; [ $rc = 0 ] || back; sync; rm -rf \"$old\"; exit $rc' EXIT\n"                                        \
    "trap 'exit 1' HUP INT TERM\n"

#define TAIL                                                                                                           \
    "for f in BOOT/BOOTX64.EFI \"$vendor/shimx64.efi\" \"$vendor/grub.cfg\"; do test -s \"/boot/efi/EFI/$f\"; "        \
    "done\n)\n"

/* Files that surety put there may be the packages' own already; the firmware's entry is made by grub-install alone.
 * grub-pc goes; its core and modules stay on the disk, so BIOS still starts what is there.  A grub-install that fails
 * in a package is but a warning of it, and is not tried again: what is on the ESP tells. */
#define APT                                                                                                            \
    "printf '%s boolean true\\n' 'grub-efi-amd64 grub2/force_efi_extra_removable' 'grub-efi-amd64 grub2/update_nvram'" \
    " | debconf-set-selections\n"                                                                                      \
    "apt-get -q update\n"                                                                                              \
    "apt-get -q -y install shim-signed grub-efi-amd64 grub-efi-amd64-signed efibootmgr\n"                              \
    "same() { cmp -s \"$1\" \"/boot/efi/EFI/$2\"; }\n"                                                                 \
    "either() { same \"$1\" \"$2\" || same \"$old/EFI/$2\" \"$2\"; }\n"                                                \
    "shim=/usr/lib/shim/shimx64.efi.signed grub=/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed\n"                  \
    "good() {\n"                                                                                                       \
    "    same $shim \"$vendor/shimx64.efi\" && same $grub \"$vendor/grubx64.efi\" &&\n"                                \
    "        either $shim BOOT/BOOTX64.EFI && either $grub BOOT/grubx64.efi &&\n"                                      \
    "        grep -q '^configfile ' \"/boot/efi/EFI/$vendor/grub.cfg\"\n"                                              \
    "}\n"                                                                                                              \
    "{ good && efibootmgr | grep -qi \" $vendor\"; } || dpkg-reconfigure grub-efi-amd64\n"                             \
    "good || { echo 'the EFI system partition has not what the packages should have put there'; exit 1; }\n"
#define DNF                                                                                                            \
    "if command -v dnf >/dev/null; then dnf=dnf; else dnf=yum; fi\n"                                                   \
    "$dnf -y install shim-x64 grub2-efi-x64 efibootmgr\n"                                                              \
    "test -s \"/boot/efi/EFI/$vendor/grubx64.efi\"\n"
#define ZYPPER                                                                                                         \
    "zypper --non-interactive install shim grub2-x86_64-efi efibootmgr\n"                                              \
    "sed -i 's/^LOADER_TYPE=.*/LOADER_TYPE=\"grub2-efi\"/; s/^SECURE_BOOT=.*/SECURE_BOOT=\"yes\"/' "                   \
    "/etc/sysconfig/bootloader\n"                                                                                      \
    "shim-install --config-file=/boot/grub2/grub.cfg\n"

#define SYSTEM(id, vendor, packages)                                                                                   \
    {                                                                                                                  \
        id, "(\nvendor=" vendor "\n" HEAD packages TAIL                                                                \
    }
static const struct {
    const char *os_id, *commands;
} systems[] = {
    SYSTEM("debian", "debian", APT),
    SYSTEM("ubuntu", "ubuntu", APT),
    SYSTEM("rhel", "redhat", DNF),
    SYSTEM("almalinux", "almalinux", DNF),
    SYSTEM("rocky", "rocky", DNF),
    SYSTEM("ol", "redhat", DNF),
    SYSTEM("centos", "centos", DNF),
    SYSTEM("fedora", "fedora", DNF),
    SYSTEM("sles", "sles", ZYPPER),
    SYSTEM("opensuse-leap", "opensuse", ZYPPER),
    SYSTEM("opensuse-tumbleweed", "opensuse", ZYPPER),
};

const char *su_finish_commands(const char *os_id)
{
    for (size_t i = 0; os_id && i < SU_ARRAY_LEN(systems); i++)
        if (strcmp(systems[i].os_id, os_id) == 0)
            return systems[i].commands;
    return NULL;
}

bool su_finish_needed(const char *os_id)
{
    return !os_id || strcmp(os_id, "windows") != 0;
}

/* Package managers print a lot, and an answer of the agent is bounded: the end of it is what tells. */
static const char runner[] = "log=$(mktemp) || exit 1\n"
                             "sh -c \"$1\" >\"$log\" 2>&1 </dev/null\n"
                             "rc=$?\n"
                             "tail -c 65536 \"$log\"\n"
                             "rm -f \"$log\"\n"
                             "exit $rc\n";

int su_finish_run(struct su_hv *hv, const char *uuid, const char *os_id, uint32_t timeout_s, struct su_buf *log,
                  struct su_err *e)
{
    char last[160];
    int status = 0;
    const char *commands = su_finish_commands(os_id);
    SU_BUF struct su_buf said = {0};
    if (!commands) {
        (void)su_fail(e, SU_E_MISSING, "vm.finish.unknown", "it is not known which EFI packages %.60s has",
                      os_id && *os_id ? os_id : "the guest's system");
        return su_remedy(e, "install the distribution's packages of shim and GRUB for EFI in the guest");
    }
    const char *const argv[] = {"/bin/sh", "-c", runner, "finish", commands, NULL};
    if (su_agent_exec(hv, uuid, argv, timeout_s, &status, &said, e) < 0)
        return su_context(e, "installing the EFI packages");
    su_buf_add(log, said.p, said.n);
    if (su_buf_ok(log, e) < 0)
        return -1;
    if (status == 0)
        return 0;
    su_clean_last_line(last, sizeof last, su_buf_bytes(&said));
    (void)su_fail(e, SU_E_IO, "vm.finish", "the EFI packages were not installed: exit status %d%s%s", status,
                  last[0] ? ": " : "", last);
    return su_remedy(e, "the guest starts as before; look at the log, and run the commands in the guest");
}
