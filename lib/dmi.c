/* SPDX-License-Identifier: Apache-2.0 */
/* dmi.c - this machine's UUID: SMBIOS structure 1 (DSP0134), as Linux or Windows shows it. */
#include "internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32
#include <windows.h>

/* The table comes whole: RawSMBIOSData, 8 bytes in front of the structures.  The first three fields are little endian
 * since SMBIOS 2.6. */
static bool find_uuid(const unsigned char *p, size_t n, char out[SURETY_UUID_TEXT])
{
    static const unsigned char order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (size_t i = 8; i + 4 <= n;) {
        size_t len = p[i + 1];
        if (len < 4 || i + len > n)
            return false;
        if (p[i] == 1 && len >= 24) {
            for (int k = 0, at = 0; k < 16; k++) {
                bool dash = k == 4 || k == 6 || k == 8 || k == 10;
                at += snprintf(out + at, (size_t)(SURETY_UUID_TEXT - at), dash ? "-%02x" : "%02x", p[i + 8 + order[k]]);
            }
            return true;
        }
        i += len; /* the strings, ended by two NULs */
        while (i + 1 < n && (p[i] || p[i + 1]))
            i++;
        i += 2;
    }
    return false;
}

static int read_uuid(char out[SURETY_UUID_TEXT], struct surety_error *e)
{
    const DWORD rsmb = 0x52534D42; /* 'RSMB' */
    UINT n = GetSystemFirmwareTable(rsmb, 0, NULL, 0);
    unsigned char *p = n && n <= (1u << 20) ? malloc(n) : NULL;
    bool found = p && GetSystemFirmwareTable(rsmb, 0, p, n) == n && find_uuid(p, n, out);
    free(p);
    return found ? SURETY_OK : surety_fail(e, SURETY_DMI, "no SMBIOS system information");
}
#else
static int read_uuid(char out[SURETY_UUID_TEXT], struct surety_error *e)
{
    char text[SURETY_UUID_TEXT + 1] = "";
    FILE *f = fopen("/sys/class/dmi/id/product_uuid", "rbe");
    if (!f)
        return surety_fail_os(e, SURETY_DMI, errno, "/sys/class/dmi/id/product_uuid");
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    if (n >= 36 && surety_uuid_parse(text, 36, out))
        return SURETY_OK;
    return surety_fail(e, SURETY_DMI, "/sys/class/dmi/id/product_uuid has none");
}
#endif

int surety_dmi_uuid(char out[SURETY_UUID_TEXT], struct surety_error *e)
{
    char uuid[SURETY_UUID_TEXT];
    int r = read_uuid(uuid, e);
    if (r)
        return r;
    /* what firmware says when it does not know */
    if (strspn(uuid, "0-") == 36 || strspn(uuid, "f-") == 36)
        return surety_fail(e, SURETY_DMI, "%s", uuid);
    memcpy(out, uuid, sizeof uuid);
    return SURETY_OK;
}
