/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "upgrade/agent.h"
#include "base/clock.h"
#include "upgrade/agent_answer.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CHUNK = 64 << 10, FILE_TIMEOUT_S = 10, POLL_FIRST_MS = 20, POLL_MOST_MS = 1000, PING_S = 2 };

/* Whom is asked. */
struct guest {
    struct su_hv *hv;
    const char *uuid;
    uint32_t timeout_s; /* of one command */
};

/* Takes arguments (NULL: none).  ret may be NULL. */
static int command(const struct guest *g, const char *name, json_t *arguments, json_t **ret, struct su_err *e)
{
    json_t *o = arguments ? json_pack("{s:s,s:o}", "execute", name, "arguments", arguments)
                          : json_pack("{s:s}", "execute", name);
    SU_FREE char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    SU_BUF struct su_buf answer = {0};
    json_t *value = NULL;
    json_decref(o);
    if (!text)
        return su_fail_nomem(e, 256);
    if (su_hv_agent(g->hv, g->uuid, text, g->timeout_s, &answer, e) < 0) {
        struct su_err was = *e;
        /* libvirt turns an agent's refusal into an error of its own, with the agent's words in it. */
        return strstr(was.msg, "agent command") && was.kind != SU_E_MISSING ? su_agent_refused(was.msg, e) : -1;
    }
    if (su_agent_return(su_buf_bytes(&answer), &value, e) < 0)
        return -1;
    if (ret)
        *ret = value;
    else
        json_decref(value);
    return 0;
}

/* Programs ------------------------------------------------------------------- */

static int start(const struct guest *g, const char *const *argv, json_int_t *pid, struct su_err *e)
{
    json_t *args = json_array(), *ret = NULL;
    for (size_t i = 1; argv[0] && argv[i]; i++)
        json_array_append_new(args, json_string(argv[i]));
    if (command(g, "guest-exec", json_pack("{s:s,s:o,s:b}", "path", argv[0], "arg", args, "capture-output", 1), &ret,
                e) < 0)
        return -1;
    const json_t *number = json_object_get(ret, "pid");
    bool good = json_is_integer(number);
    *pid = json_integer_value(number);
    json_decref(ret);
    return good ? 0
                : su_fail(e, SU_E_FORMAT, "vm.agent.answer", "the guest agent does not say which program it started");
}

static int ask_end(const struct guest *g, json_int_t pid, bool with_stderr, struct su_agent_end *end,
                   struct su_buf *printed, struct su_err *e)
{
    json_t *ret = NULL;
    if (command(g, "guest-exec-status", json_pack("{s:I}", "pid", pid), &ret, e) < 0)
        return -1;
    int rc = su_agent_take_end(ret, with_stderr, end, printed, e);
    json_decref(ret);
    return rc;
}

static int exec_program(const struct guest *g, const char *const *argv, uint32_t timeout_s, bool with_stderr,
                        int *status, struct su_buf *out, struct su_err *e)
{
    json_int_t pid;
    struct su_agent_end end = {0};
    SU_BUF struct su_buf printed = {0};
    int64_t deadline = su_monotonic_ms() + (int64_t)timeout_s * 1000;
    if (start(g, argv, &pid, e) < 0)
        return -1;
    for (unsigned wait = POLL_FIRST_MS;; wait = wait * 2 < POLL_MOST_MS ? wait * 2 : POLL_MOST_MS) {
        bool late = su_monotonic_ms() >= deadline;
        if (ask_end(g, pid, with_stderr, &end, &printed, e) < 0 && (late || strcmp(e->id, "vm.agent") != 0))
            return -1; /* a busy guest may leave one question without an answer */
        if (end.exited)
            break;
        if (late)
            return su_fail(e, SU_E_IO, "vm.agent.timeout", "%s in the guest has not ended after %u s", argv[0],
                           timeout_s);
        su_nap_ms(wait);
    }
    su_buf_add(out, printed.p, printed.n);
    if (su_buf_ok(out, e) < 0)
        return -1;
    *status = end.status;
    return 0;
}

int su_agent_exec(struct su_hv *hv, const char *uuid, const char *const *argv, uint32_t timeout_s, int *status,
                  struct su_buf *out, struct su_err *e)
{
    struct guest g = {hv, uuid, FILE_TIMEOUT_S};
    return exec_program(&g, argv, timeout_s, true, status, out, e);
}

/* Files ---------------------------------------------------------------------- */

/* One byte more than max is asked for: that there is one tells that the file is longer. */
static int read_all(const struct guest *g, json_int_t handle, size_t max, struct su_buf *out, struct su_err *e)
{
    bool eof = false;
    size_t rounds = max / CHUNK + 16; /* the agent reads until a chunk is full; one that gives less is no agent */
    for (size_t i = 0; i < rounds && !eof; i++) {
        json_t *ret = NULL;
        size_t left = max - out->n, before = out->n;
        size_t want = left + 1 < CHUNK ? left + 1 : CHUNK;
        if (command(g, "guest-file-read", json_pack("{s:I,s:I}", "handle", handle, "count", (json_int_t)want), &ret,
                    e) < 0)
            return -1;
        int rc = su_agent_take_chunk(ret, left, &eof, out, e);
        json_decref(ret);
        if (rc < 0)
            return -1;
        if (out->n == before)
            return 0;
    }
    return eof ? 0 : su_fail(e, SU_E_FORMAT, "vm.agent.answer", "the guest agent does not get to the end of a file");
}

static int read_file(const struct guest *g, const char *path, size_t max, struct su_buf *out, struct su_err *e)
{
    json_t *ret = NULL;
    struct su_err ignored = {0};
    if (command(g, "guest-file-open", json_pack("{s:s,s:s}", "path", path, "mode", "r"), &ret, e) < 0)
        return -1;
    bool number = json_is_integer(ret);
    json_int_t handle = json_integer_value(ret);
    json_decref(ret);
    if (!number)
        return su_fail(e, SU_E_FORMAT, "vm.agent.answer", "the guest agent gives no handle for a file");
    int rc = read_all(g, handle, max, out, e);
    (void)command(g, "guest-file-close", json_pack("{s:I}", "handle", handle), NULL, &ignored);
    return rc;
}

static int read_by_program(const struct guest *g, const char *path, size_t max, struct su_buf *out, struct su_err *e)
{
    char count[24];
    int status = 0;
    snprintf(count, sizeof count, "%zu", max + 1);
    const char *const argv[] = {"head", "-c", count, "--", path, NULL};
    if (exec_program(g, argv, FILE_TIMEOUT_S, false, &status, out, e) < 0)
        return -1;
    if (status != 0)
        return su_fail(e, SU_E_IO, "vm.agent.failed", "head in the guest cannot read %s", path);
    return out->n > max ? su_fail(e, SU_E_RANGE, "vm.agent.size", "%s in the guest has more than %zu bytes", path, max)
                        : 0;
}

static int get_file(const struct guest *g, const char *path, size_t max, struct su_buf *out, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    if (read_file(g, path, max, &b, e) < 0) {
        if (strcmp(e->id, "vm.agent.denied") != 0 || read_by_program(g, path, max, &b, e) < 0)
            return -1;
    }
    su_buf_add(out, b.p, b.n);
    return su_buf_ok(out, e);
}

int su_agent_file(struct su_hv *hv, const char *uuid, const char *path, size_t max, struct su_buf *out,
                  struct su_err *e)
{
    struct guest g = {hv, uuid, FILE_TIMEOUT_S};
    return get_file(&g, path, max, out, e);
}

/* Facts ---------------------------------------------------------------------- */

static int ping(const struct guest *g, struct su_err *e)
{
    return command(g, "guest-ping", NULL, NULL, e);
}

/* An agent that does not know a command has answered; only what it tells is missing. */
static int ask_for(const struct guest *g, const char *name, void (*take)(const json_t *, struct su_agent_facts *),
                   struct su_agent_facts *f, struct su_err *e)
{
    json_t *ret = NULL;
    if (command(g, name, NULL, &ret, e) < 0)
        return strcmp(e->id, "vm.agent.denied") == 0 || strcmp(e->id, "vm.agent.failed") == 0 ? 0 : -1;
    take(ret, f);
    json_decref(ret);
    return 0;
}

/* By the 64-bit view: an agent of 32 bits has another one. */
static void ask_machine_guid(const struct guest *g, struct su_agent_facts *f)
{
    static const char *const argv[] = {
        SU_AGENT_REG, "query", "HKLM\\SOFTWARE\\Microsoft\\Cryptography", "/v", "MachineGuid", "/reg:64", NULL};
    SU_BUF struct su_buf printed = {0};
    struct su_err ignored = {0};
    int status = 0;
    if (f->exec && exec_program(g, argv, g->timeout_s, false, &status, &printed, &ignored) == 0 && status == 0)
        su_agent_take_machine_guid(su_buf_bytes(&printed), f->machine_id);
}

static int ask(const struct guest *g, struct su_agent_facts *f, struct su_err *e)
{
    SU_BUF struct su_buf id = {0};
    if (ping(g, e) < 0 || ask_for(g, "guest-info", su_agent_take_info, f, e) < 0 ||
        ask_for(g, "guest-get-osinfo", su_agent_take_os, f, e) < 0 ||
        ask_for(g, "guest-get-host-name", su_agent_take_host, f, e) < 0)
        return -1;
    if (!f->windows && (f->files || f->exec) && get_file(g, "/etc/machine-id", 256, &id, e) == 0)
        su_agent_take_machine_id(su_buf_bytes(&id), f->machine_id);
    if (f->windows)
        ask_machine_guid(g, f);
    f->answered = true;
    return 0;
}

int su_agent_ask(struct su_hv *hv, const char *uuid, uint32_t timeout_s, struct su_agent_facts *out, struct su_err *e)
{
    struct guest g = {hv, uuid, timeout_s};
    struct su_agent_facts f = {0};
    struct su_err why = {0};
    if (ask(&g, &f, &why) < 0) {
        if (why.kind == SU_E_NOMEM) {
            *e = why;
            return -1;
        }
        f = (struct su_agent_facts){.why = why};
    }
    *out = f;
    return 0;
}

int su_agent_wait(struct su_hv *hv, const char *uuid, uint32_t timeout_s, bool *up, struct su_err *e)
{
    struct guest g = {hv, uuid, PING_S};
    int64_t deadline = su_monotonic_ms() + (int64_t)timeout_s * 1000;
    for (;;) {
        struct su_err why = {0};
        if (ping(&g, &why) == 0) {
            *up = true;
            return 0;
        }
        if (why.kind == SU_E_NOMEM || (why.kind == SU_E_MISSING && strcmp(why.id, "vm.none") == 0)) {
            *e = why;
            return -1;
        }
        if (su_monotonic_ms() + POLL_MOST_MS >= deadline)
            break;
        su_nap_ms(POLL_MOST_MS);
    }
    *up = false;
    return 0;
}

int su_agent_network(struct su_hv *hv, const char *uuid, uint32_t timeout_s, struct su_agent_net *out, struct su_err *e)
{
    struct guest g = {hv, uuid, timeout_s};
    json_t *ret = NULL;
    if (command(&g, "guest-network-get-interfaces", NULL, &ret, e) < 0)
        return -1;
    int rc = su_agent_take_network(ret, out, e);
    json_decref(ret);
    return rc;
}

int su_agent_filesystems(struct su_hv *hv, const char *uuid, uint32_t timeout_s, json_t **out, struct su_err *e)
{
    struct guest g = {hv, uuid, timeout_s};
    return command(&g, "guest-get-fsinfo", NULL, out, e);
}
