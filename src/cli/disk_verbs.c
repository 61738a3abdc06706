/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of "surety disk". */
#include "cli.h"

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_format, "--format", "FORMAT", "the image's format, instead of looking", "raw qcow2 vmdk vhdx vdi vpc qed");
OPT(o_sector, "--sector-size", "N", "logical sectors of the disk, instead of finding out", "512 4096");
OPT(o_key, "--key-file", "FILE", "key of a LUKS volume, as for cryptsetup", NULL);
OPT(o_vars, "--firmware-vars", "FILE", "variable store whose Secure Boot keys count", NULL);
OPT(o_boot, "--boot-files", "DIR", "signed shimx64.efi, grubx64.efi, mmx64.efi to use", NULL);
OPT(o_esp, "--esp-size", "SIZE", "of the EFI system partition (default 100M, 260M on 4096-byte sectors)",
    "100M 260M 512M");
OPT(o_map, "--map", "TYPE=GUID", "what an MBR type (hex) becomes; may be repeated", "");
OPT(o_grow, "--no-grow", NULL, "use free space, never grow the image", NULL);
OPT(o_dual, "--dual", "WHEN", "stay bootable under BIOS: auto (default), on, off", "auto on off");
OPT(o_engine, "--engine", "ENGINE", "who edits files: native (default), appliance", "native appliance");
OPT(o_unsigned, "--allow-unsigned", NULL, "convert although Secure Boot would refuse the system", NULL);
OPT(o_bus, "--boot-bus", "BUS", "Windows: the bus it will boot from", "ide sata virtio scsi nvme");
OPT(o_msr, "--msr", NULL, "Windows: with a Microsoft reserved partition", NULL);
OPT(o_reuse, "--reuse-esp", NULL, "Windows: the old system partition becomes the EFI system partition", NULL);
OPT(o_guids, "--guids", "KIND", "derived from the disk (default) or random", "derived random");
OPT(o_dry, "--dry-run", NULL, "print the plan, write nothing", NULL);
OPT(o_undo, "--undo", "FILE", "the undo journal (default IMAGE.surety-undo, or in /var/lib/surety/undo)", NULL);
OPT(o_share, "--force-share", NULL, "look at a disk that a VM is running on", NULL);
OPT(o_quiet, "--quiet", NULL, "no progress", NULL);

#define CHOICES &o_esp, &o_map, &o_grow, &o_dual, &o_engine, &o_unsigned, &o_boot, &o_guids, &o_bus, &o_msr, &o_reuse
static const struct su_option *const inspect_options[] = {&o_json, &o_share, &o_format, &o_sector,
                                                          &o_key,  &o_vars,  CHOICES,   NULL};
static const struct su_option *const convert_options[] = {&o_dry,    &o_undo, &o_quiet, &o_json, &o_format,
                                                          &o_sector, &o_key,  &o_vars,  CHOICES, NULL};
static const struct su_option *const back_options[] = {&o_undo, &o_quiet, &o_json, &o_format, &o_key, &o_engine, NULL};
static const struct su_option *const recover_options[] = {&o_undo, &o_json, &o_format, NULL};

static const struct su_verb verbs[] = {
    {"disk", "inspect", "IMAGE", "what is on a disk, and what would change", 1, 1, inspect_options, su_disk_inspect},
    {"disk", "validate", "IMAGE", "every rule by name: may it be converted?", 1, 1, inspect_options, su_disk_validate},
    {"disk", "convert", "IMAGE", "BIOS and MBR become UEFI and GPT, in place", 1, 1, convert_options, su_disk_convert},
    {"disk", "rollback", "IMAGE", "back to the old table; newer files stay", 1, 1, back_options, su_disk_rollback_verb},
    {"disk", "recover", "IMAGE", "after a crash: finish or undo", 1, 1, recover_options, su_disk_recover_verb},
};
const struct su_noun su_disk_noun = {verbs, SU_ARRAY_LEN(verbs)};
