/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire/versions.h - the api-versions of the metadata service, oldest first, as Azure lists them
 * (azure-compute-docs, instance-metadata-service.md). */
#pragma once
#include "base/su.h"

extern const char *const su_api_versions[];
extern const unsigned su_n_api_versions;

int su_api_version_index(const char *text); /* -1: no such version */
/* The index of a version that is in the table; for rows like "since 2019-11-01".  Aborts when it is not. */
unsigned su_api_version_of(const char *text);
