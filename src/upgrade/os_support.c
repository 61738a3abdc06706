/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which systems were seen to work: a file of lines "ID VERSION STATUS NOTE". */
#include "base/clean.h"
#include "guest/text.h"
#include "upgrade/checks.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#ifndef SURETY_DATADIR
#define SURETY_DATADIR "/usr/share/surety"
#endif

enum { FILE_MAX = 64 << 10 };

static const struct {
    const char *word;
    enum su_os_support support;
} words[] = {{"yes", SU_OS_SUPPORTED}, {"untried", SU_OS_UNTRIED}, {"no", SU_OS_UNSUPPORTED}};

/* "12" is in 12, in 12.4 and not in 120; "*" is in all. */
static bool version_is(struct su_bytes pattern, const char *version)
{
    size_t n = strlen(version);
    if (su_text_is(pattern, "*"))
        return true;
    return pattern.n <= n && memcmp(pattern.p, version, pattern.n) == 0 &&
           (pattern.n == n || version[pattern.n] == '.');
}

/* The line says something about this system. */
static bool match(struct su_bytes line, const char *id, const char *version, enum su_os_support *out, char *why,
                  size_t cap)
{
    struct su_bytes os, pattern, word;
    if (!su_text_word(&line, &os) || os.p[0] == '#' || !su_text_word(&line, &pattern) || !su_text_word(&line, &word) ||
        !su_text_is(os, id) || !version_is(pattern, version))
        return false;
    for (size_t i = 0; i < SU_ARRAY_LEN(words); i++) {
        if (!su_text_is(word, words[i].word))
            continue;
        while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
            (void)su_skip(&line, 1);
        *out = words[i].support;
        su_clean_bytes(why, cap, line);
        return true;
    }
    return false;
}

/* The first line that fits decides. */
static bool look_in(const char *path, const char *id, const char *version, enum su_os_support *out, char *why,
                    size_t cap)
{
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    SU_FREE uint8_t *buf = fd < 0 ? NULL : malloc(FILE_MAX);
    ssize_t n = buf ? pread(fd, buf, FILE_MAX, 0) : 0;
    struct su_bytes text = {buf, n > 0 ? (size_t)n : 0}, line;
    while (su_text_line(&text, &line))
        if (match(line, id, version, out, why, cap))
            return true;
    return false;
}

enum su_os_support su_os_support(const char *os_id, const char *version, char *why, size_t cap)
{
    static const char *const places[] = {"/etc/surety/os-support.conf", SURETY_DATADIR "/os-support.conf"};
    const char *named = getenv("SURETY_OS_SUPPORT"); /* for tests: instead of both */
    enum su_os_support s = SU_OS_UNTRIED;
    why[0] = 0;
    if (named) {
        (void)look_in(named, os_id, version, &s, why, cap);
        return s;
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(places); i++)
        if (look_in(places[i], os_id, version, &s, why, cap))
            break;
    return s;
}
