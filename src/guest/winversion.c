/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which Windows a SOFTWARE hive belongs to. */
#include "winsystem.h"
#include <stdio.h>
#include <string.h>

static int number(struct su_hive *h, su_hive_node key, const char *name, unsigned *out, bool *there, struct su_err *e)
{
    uint32_t v = 0;
    if (su_hive_get_dword(h, key, name, &v, there, e) < 0)
        return -1;
    if (*there)
        *out = v;
    return 0;
}

/* A number from 0 to 999999 at the front of text; 0: none */
static unsigned number_in(const char *text)
{
    unsigned v = 0;
    for (size_t i = 0; i < 6 && text[i] >= '0' && text[i] <= '9'; i++)
        v = v * 10 + (unsigned)(text[i] - '0');
    return v;
}

static int read_numbers(struct su_hive *h, su_hive_node key, struct su_winversion *v, struct su_err *e)
{
    char build[16], version[16];
    bool major = false, minor = false, ubr = false;
    if (su_hive_get_text(h, key, "CurrentBuildNumber", build, sizeof build, e) < 0 ||
        (!build[0] && su_hive_get_text(h, key, "CurrentBuild", build, sizeof build, e) < 0) ||
        su_hive_get_text(h, key, "CurrentVersion", version, sizeof version, e) < 0 ||
        number(h, key, "CurrentMajorVersionNumber", &v->major, &major, e) < 0 ||
        number(h, key, "CurrentMinorVersionNumber", &v->minor, &minor, e) < 0 ||
        number(h, key, "UBR", &v->ubr, &ubr, e) < 0)
        return -1;
    v->build = number_in(build);
    if (!major) { /* before Windows 10, which says 6.3 in the text */
        const char *dot = strchr(version, '.');
        v->major = number_in(version);
        v->minor = dot ? number_in(dot + 1) : 0;
    }
    return 0;
}

int su_winversion_read(struct su_hive *software, struct su_winversion *out, struct su_err *e)
{
    struct su_winversion v = {0};
    su_hive_node key = 0, crypto = 0;
    if (su_hive_find(software, su_hive_root(software), "Microsoft\\Windows NT\\CurrentVersion", &key, e) < 0 ||
        su_hive_find(software, su_hive_root(software), "Microsoft\\Cryptography", &crypto, e) < 0)
        return -1;
    if (!key)
        return su_fail(e, SU_E_FORMAT, "windows.version", "the SOFTWARE hive does not say which Windows it is of");
    if (read_numbers(software, key, &v, e) < 0 ||
        su_hive_get_text(software, key, "ProductName", v.product, sizeof v.product, e) < 0 ||
        su_hive_get_text(software, key, "EditionID", v.edition, sizeof v.edition, e) < 0 ||
        su_hive_get_text(software, key, "DisplayVersion", v.display, sizeof v.display, e) < 0 ||
        (!v.display[0] && su_hive_get_text(software, key, "ReleaseId", v.display, sizeof v.display, e) < 0) ||
        su_hive_get_text(software, key, "InstallationType", v.installation, sizeof v.installation, e) < 0 ||
        (crypto && su_hive_get_text(software, crypto, "MachineGuid", v.machine_guid, sizeof v.machine_guid, e) < 0))
        return -1;
    *out = v;
    return 0;
}

/* Newest first; the first row whose numbers are not above the version's counts.  Servers of a half-yearly channel have
 * builds of their own and no name of this kind. */
static const struct {
    unsigned major, minor, build;
    const char *client, *server;
} versions[] = {
    {10, 0, 26100, "11", "2025"}, {10, 0, 22000, "11", ""},     {10, 0, 20349, "10", ""}, {10, 0, 20348, "10", "2022"},
    {10, 0, 17764, "10", ""},     {10, 0, 17763, "10", "2019"}, {10, 0, 14394, "10", ""}, {10, 0, 14393, "10", "2016"},
    {10, 0, 0, "10", ""},         {6, 3, 0, "8.1", "2012 R2"},  {6, 2, 0, "8", "2012"},   {6, 1, 0, "7", "2008 R2"},
    {6, 0, 0, "Vista", "2008"},
};

const char *su_winversion_short(const struct su_winversion *v, bool server)
{
    const unsigned mine[3] = {v->major, v->minor, v->build};
    for (size_t i = 0; i < SU_ARRAY_LEN(versions); i++) {
        const unsigned row[3] = {versions[i].major, versions[i].minor, versions[i].build};
        size_t k = 0;
        while (k < 2 && row[k] == mine[k])
            k++;
        if (row[k] <= mine[k])
            return row[0] == mine[0] ? (server ? versions[i].server : versions[i].client) : "";
    }
    return "";
}
