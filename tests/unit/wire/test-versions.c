/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/tap.h"
#include "wire/versions.h"

int main(void)
{
    ok(su_n_api_versions == 35, "35 versions");
    for (unsigned i = 1; i < su_n_api_versions; i++)
        if (strcmp(su_api_versions[i - 1], su_api_versions[i]) >= 0)
            ok(0, "%s stands before %s", su_api_versions[i - 1], su_api_versions[i]);
    is_str(su_api_versions[su_n_api_versions - 1], "2025-04-07");
    ok(su_api_version_index("2018-10-01") == 7);
    ok(su_api_version_of("2019-04-30") == 10);
    ok(su_api_version_index("2018-10-02") == -1 && su_api_version_index("") == -1);
    return tap_done();
}
