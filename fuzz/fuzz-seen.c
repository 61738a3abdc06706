/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of a guest's /proc, /sys and /run, its event log, and NVRAM: the first byte chooses.  Texts are clean and end
 * inside their arrays; names of devices fit into a path. */
#include "fuzz/text_check.h"
#include "upgrade/verify_parse.h"
#include <string.h>

static void lines(struct su_bytes b)
{
    char s[24], pcr[65];
    su_seen_mount(b, "/", NULL, s, sizeof s);
    check_text(s, sizeof s);
    if (s[strspn(s, "0123456789:")] != 0)
        abort();
    su_seen_var(b, "E:", "ID_FS_UUID", s, sizeof s);
    check_text(s, sizeof s);
    su_seen_pcr(b, pcr);
    if (pcr[0] && (strlen(pcr) != 64 || strspn(pcr, "0123456789abcdef") != 64))
        abort();
    (void)su_seen_flag(b);
    (void)su_seen_dword(0, b, "PEFirmwareType", 2, 1);
    (void)su_seen_tpm2(b);
}

static void event_log(struct su_bytes b)
{
    char known[SU_SEEN_PCRS][65] = {{0}}, pcr4[65] = "";
    enum su_tri same = SU_UNKNOWN;
    memset(known[4], '0', 64);
    su_seen_log(b, known, pcr4, &same);
    if (pcr4[0] && strlen(pcr4) != 64)
        abort();
}

static void boot_entry(struct su_bytes b)
{
    if (su_seen_bootmgr_entry(b) && b.n < 60) /* that path alone is longer */
        abort();
}

static void nvram(struct su_bytes b)
{
    static struct su_evidence ev;
    ev = (struct su_evidence){0};
    su_seen_nvram(b, &ev);
    if (!ev.nvram_read && (ev.nvram_keys || ev.nvram_shim || ev.nvram_bootmgr))
        abort();
}

static void fsinfo(struct su_bytes b)
{
    struct su_seen_devs d;
    json_t *o = json_loadb((const char *)b.p, b.n, 0, NULL);
    su_seen_fsinfo(o, "/", &d);
    for (uint32_t i = 0; i < d.n; i++)
        if (i == SU_SEEN_DEVS || !su_seen_is_dev(d.name[i]))
            abort();
    json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const what[])(struct su_bytes) = {lines, event_log, nvram, fsinfo, boot_entry};
    if (size > 0)
        what[data[0] % SU_ARRAY_LEN(what)]((struct su_bytes){data + 1, size - 1});
    return 0;
}
