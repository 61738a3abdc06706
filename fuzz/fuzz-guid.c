/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is accepted prints as itself in lower case; what is refused leaves the output alone. */
#include "disk/guid.h"
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t g[SU_GUID_SIZE] = {0};
    char text[SU_GUID_TEXT];
    struct su_err e = {0};
    if (su_guid_parse((const char *)data, n, g, &e) < 0) {
        if (!e.id || !su_all_zero(g, sizeof g))
            abort();
        return 0;
    }
    su_guid_text(g, text);
    if (n != 36 || strncasecmp(text, (const char *)data, n) != 0)
        abort();
    return 0;
}
