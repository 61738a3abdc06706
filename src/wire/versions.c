/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "versions.h"
#include <string.h>

const char *const su_api_versions[] = {
    "2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01", "2018-04-02",
    "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01",
    "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
    "2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01",
    "2021-11-15", "2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
};
const unsigned su_n_api_versions = SU_ARRAY_LEN(su_api_versions);

int su_api_version_index(const char *text)
{
    for (unsigned i = 0; i < su_n_api_versions; i++)
        if (strcmp(text, su_api_versions[i]) == 0)
            return (int)i;
    return -1;
}

unsigned su_api_version_of(const char *text)
{
    int i = su_api_version_index(text);
    if (i < 0)
        abort();
    return (unsigned)i;
}
