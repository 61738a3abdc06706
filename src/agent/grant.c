/* SPDX-License-Identifier: GPL-3.0-or-later */
/* grant.c - RUN/NAME.json, whole or not at all.
 *
 *   {"encoding":"pkcs7","signature":"...","surety":{"chain":["..."]},
 *    "grant":{"activatedOn":N,"benefit":"NAME","expiresOn":N,"facts":{...}}}
 *
 * The first three members are the host's answer, so whoever wants more than the word of this file verifies it again. */
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

static int path_of(const struct su_guest_conf *c, const struct su_benefit *b, const char *end, char *out, size_t cap,
                   struct su_err *e)
{
    if (snprintf(out, cap, "%s/%s%s", c->run_dir, b->id, end) >= (int)cap)
        return su_fail(e, SU_E_RANGE, "grant.path", "%.200s: the path is too long", c->run_dir);
    return 0;
}

static void add_base64(struct su_buf *b, const void *p, size_t n)
{
    uint8_t *to = su_buf_room(b, (n + 2) / 3 * 4 + 1); /* and its NUL */
    if (!to)
        return;
    EVP_EncodeBlock(to, p, (int)n);
    b->n--;
}

static void compose(const struct su_benefit *b, const struct su_proof *p, struct su_buf *out)
{
    size_t n = 0;
    const void *der = surety_answer_der(p->answer, &n);
    su_buf_text(out, "{\"encoding\":\"pkcs7\",\"signature\":\"");
    add_base64(out, der, n);
    su_buf_text(out, "\",\"surety\":{\"chain\":[");
    for (size_t i = 0; (der = surety_answer_chain(p->answer, i, &n)); i++) {
        su_buf_text(out, i ? ",\"" : "\"");
        add_base64(out, der, n);
        su_buf_text(out, "\"");
    }
    su_buf_printf(out, "]},\"grant\":{\"activatedOn\":%lld,\"benefit\":", (long long)time(NULL));
    su_json_string(out, b->id);
    su_buf_printf(out, ",\"expiresOn\":%lld,\"facts\":", (long long)surety_document_expires(p->document));
    su_json_facts_of(out, p->document);
    su_buf_text(out, "}}\n");
}

/* Every directory of the path that is not there yet. */
static int make_dirs(const char *path, struct su_err *e)
{
    char part[512];
    size_t n = strlen(path);
    if (n >= sizeof part)
        return su_fail(e, SU_E_RANGE, "grant.path", "%.200s: the path is too long", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return su_fail_os(e, "grant.write", "%s", part);
    }
    return 0;
}

static int write_file(const char *path, const struct su_buf *text, struct su_err *e)
{
    SU_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return su_fail_os(e, "grant.write", "%s", path);
    for (size_t n = 0; n < text->n;) {
        ssize_t k = write(fd, text->p + n, text->n - n);
        if (k < 0 && errno != EINTR)
            return su_fail_os(e, "grant.write", "%s", path);
        n += k > 0 ? (size_t)k : 0;
    }
    if (fchmod(fd, 0644) < 0) /* whatever the umask: others are to read it */
        return su_fail_os(e, "grant.write", "%s", path);
    return 0;
}

int su_grant_lock(const struct su_guest_conf *c, int *out, struct su_err *e)
{
    char path[1024];
    if (snprintf(path, sizeof path, "%s/lock", c->run_dir) >= (int)sizeof path)
        return su_fail(e, SU_E_RANGE, "grant.path", "%.200s: the path is too long", c->run_dir);
    if (make_dirs(c->run_dir, e) < 0)
        return -1;
    SU_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return su_fail_os(e, "grant.write", "%s", path);
    int r;
    while ((r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
        ;
    if (r < 0)
        return su_fail_os(e, "grant.write", "%s", path);
    *out = fd;
    fd = -1;
    return 0;
}

int su_grant_write(const struct su_guest_conf *c, const struct su_benefit *b, const struct su_proof *p,
                   struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    char path[1024], fresh[1024];
    compose(b, p, &text);
    if (su_buf_ok(&text, e) < 0 || path_of(c, b, ".json", path, sizeof path, e) < 0 ||
        path_of(c, b, ".new", fresh, sizeof fresh, e) < 0)
        return -1;
    if (unlink(fresh) < 0 && errno != ENOENT) /* of one that was killed */
        return su_fail_os(e, "grant.write", "%s", fresh);
    su_vm_id_note(c);
    if (write_file(fresh, &text, e) < 0) {
        unlink(fresh);
        return -1;
    }
    if (rename(fresh, path) < 0) {
        su_fail_os(e, "grant.write", "%s", path);
        unlink(fresh);
        return -1;
    }
    return 0;
}

int su_grant_remove(const struct su_guest_conf *c, const struct su_benefit *b, struct su_err *e)
{
    char path[1024];
    if (path_of(c, b, ".json", path, sizeof path, e) < 0)
        return -1;
    if (unlink(path) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : su_fail_os(e, "grant.remove", "%s", path);
}

bool su_grant_exists(const struct su_guest_conf *c, const struct su_benefit *b)
{
    struct su_err ignored = {0};
    struct stat st;
    char path[1024];
    return path_of(c, b, ".json", path, sizeof path, &ignored) == 0 && lstat(path, &st) == 0;
}

static int read_grant(const char *path, struct su_buf *out, struct su_err *e)
{
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return su_fail_os(e, "grant.read", "%s", path);
    for (ssize_t k = 1; k > 0 && out->n <= SURETY_ANSWER_MAX;) {
        uint8_t *p = su_buf_room(out, 4096);
        if (!p)
            return su_buf_ok(out, e);
        k = read(fd, p, 4096);
        if (k < 0)
            return su_fail_os(e, "grant.read", "%s", path);
        out->n -= 4096 - (size_t)k;
    }
    return 0;
}

void su_grant_look(const struct su_guest_conf *c, const struct su_benefit *b, struct su_grant *out)
{
    struct su_guest_ask a = {.any_audience = true,
                             .secure_boot = b->secure_boot,
                             .vtpm = b->vtpm,
                             .security_type = b->security_type,
                             .cluster = b->cluster};
    SU_PROOF struct su_proof p = {NULL, NULL};
    SU_BUF struct su_buf text = {0};
    char path[1024];
    *out = (struct su_grant){0};
    if (!su_grant_exists(c, b))
        return;
    if (path_of(c, b, ".json", path, sizeof path, &out->why) < 0 || read_grant(path, &text, &out->why) < 0 ||
        su_guest_judge(c, &a, su_buf_bytes(&text), &p, &out->why) < 0)
        return;
    const char *audience = surety_document_get(p.document, SURETY_F_AUDIENCE);
    if (strcmp(audience ? audience : "", b->audience) != 0) {
        su_fail(&out->why, SU_E_REFUSED, surety_reason_name(SURETY_AUDIENCE_DIFFERS),
                "the grant is for another audience");
        return;
    }
    out->there = true;
    out->expires = surety_document_expires(p.document);
}
