/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "secret.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* A secret's mapping: guard page, the bytes rounded up to pages, guard page. */
static size_t page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t body(size_t n)
{
    return (size_t)su_round_up(n ? n : 1, page());
}

int su_secret_new(size_t n, struct su_secret *out, struct su_err *e)
{
    if (n > SU_SECRET_MAX)
        return su_fail(e, SU_E_RANGE, "secret.size", "a secret of more than %d bytes", SU_SECRET_MAX);
    size_t all = body(n) + 2 * page();
    uint8_t *map = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return su_fail_nomem(e, all);
    uint8_t *p = map + page();
    if (mprotect(p, body(n), PROT_READ | PROT_WRITE) < 0) {
        munmap(map, all);
        return su_fail_nomem(e, all);
    }
    /* Best effort: RLIMIT_MEMLOCK is small for ordinary users, and an old kernel may know less. */
    (void)mlock(p, body(n));
    (void)madvise(p, body(n), MADV_DONTDUMP);
    (void)madvise(p, body(n), MADV_WIPEONFORK);
    *out = (struct su_secret){p, n};
    return 0;
}

void su_secret_done(struct su_secret *s)
{
    if (!s->p)
        return;
    size_t n = body(s->n);
    explicit_bzero(s->p, n);
    munlock(s->p, n);
    munmap(s->p - page(), n + 2 * page());
    *s = (struct su_secret){0};
}

/* The mapping is as long as s->n says, so pages that are no longer needed go, and the guard moves. */
void su_secret_cut(struct su_secret *s, size_t n)
{
    if (!s->p || n >= s->n)
        return;
    size_t was = body(s->n), now = body(n);
    explicit_bzero(s->p + n, was - n);
    if (was > now) {
        munlock(s->p + now, was - now);
        mprotect(s->p + now, page(), PROT_NONE);
        munmap(s->p + now + page(), was - now);
    }
    s->n = n;
}

int su_secret_from_fd(int fd, struct su_secret *out, struct su_err *e)
{
    SU_SECRET struct su_secret s = {0};
    size_t n = 0;
    if (su_secret_new(SU_SECRET_MAX, &s, e) < 0)
        return -1;
    for (;;) {
        uint8_t more;
        ssize_t got = n < s.n ? read(fd, s.p + n, s.n - n) : read(fd, &more, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return su_fail_os(e, "secret.read", "reading a key file");
        if (got == 0)
            break;
        if (n == s.n)
            return su_fail(e, SU_E_RANGE, "secret.size", "the key file holds more than %d bytes", SU_SECRET_MAX);
        n += (size_t)got;
    }
    if (n == 0)
        return su_fail(e, SU_E_FORMAT, "secret.empty", "the key file is empty");
    su_secret_cut(&s, n);
    *out = s;
    s = (struct su_secret){0};
    return 0;
}

int su_secret_from_file(const char *path, struct su_secret *out, struct su_err *e)
{
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return su_fail_os(e, "secret.open", "%s", path);
    return su_secret_from_fd(fd, out, e) < 0 ? su_context(e, "%s", path) : 0;
}
