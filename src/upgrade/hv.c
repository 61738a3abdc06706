/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection: made, shared by threads, and made again after libvirtd was restarted.
 *
 * No event loop runs here.  Without one libvirt notices a broken connection at the next call, which is when we look. */
#include "base/clock.h"
#include "upgrade/hv_int.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RETRY_NAP_MS = 250 };

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void quiet(void *arg, virErrorPtr err)
{
    (void)arg, (void)err; /* libvirt would print it */
}

static void begin(void)
{
    virInitialize();
    virSetErrorFunc(NULL, quiet);
}

void su_hv_nap(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) < 0)
        ;
}

/* libvirt writes to its socket as to a file: when libvirtd is gone that is a SIGPIPE, which must not end us.  Here it
 * is blocked for the call, and what came of it is taken away. */
struct pipes {
    sigset_t set, old;
    bool pending;
};

static void pipes_block(struct pipes *p)
{
    sigset_t now;
    sigemptyset(&p->set);
    sigaddset(&p->set, SIGPIPE);
    p->pending = sigpending(&now) == 0 && sigismember(&now, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &p->set, &p->old);
}

static void pipes_restore(struct pipes *p)
{
    struct timespec none = {0};
    if (!p->pending)
        (void)sigtimedwait(&p->set, NULL, &none);
    pthread_sigmask(SIG_SETMASK, &p->old, NULL);
}

/* Errors ------------------------------------------------------------------- */

static const struct {
    int code;
    enum su_kind kind;
    const char *id;
} kinds[] = {
    {VIR_ERR_NO_DOMAIN, SU_E_MISSING, "vm.none"},
    {VIR_ERR_OPERATION_INVALID, SU_E_CONFLICT, "vm.state"},
};

int su_hv_fail(struct su_err *e, const char *what, virDomainPtr dom)
{
    char said[160];
    int code = virGetLastErrorCode();
    enum su_kind kind = SU_E_IO;
    const char *id = "vm.libvirt";
    snprintf(said, sizeof said, "%s", virGetLastErrorMessage());
    const char *name = dom ? virDomainGetName(dom) : NULL; /* resets the last error */
    for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++)
        if (kinds[i].code == code) {
            kind = kinds[i].kind;
            id = kinds[i].id;
        }
    return su_fail(e, kind, id, "%s%s%.40s: libvirt: %s", what, name ? " of " : "", name ? name : "", said);
}

/* A call failed because the connection is gone, and was not refused.  Resets the last error. */
static bool broke(virConnectPtr conn)
{
    virErrorPtr err = virGetLastError();
    return (err && (err->domain == VIR_FROM_RPC || err->code == VIR_ERR_RPC || err->code == VIR_ERR_NO_CONNECT ||
                    err->code == VIR_ERR_INVALID_CONN)) ||
           virConnectIsAlive(conn) == 0;
}

/* The address --------------------------------------------------------------- */

/* driver[+transport]://[host]/path: without a transport and a host, or by a socket of this machine, it is local. */
static bool uri_is_local(const char *uri)
{
    const char *colon = strstr(uri, "://");
    if (!colon)
        return false;
    const char *plus = memchr(uri, '+', (size_t)(colon - uri));
    bool unix_socket = plus && colon - plus == 5 && memcmp(plus, "+unix", 5) == 0;
    return (!plus || unix_socket) && (colon[3] == '/' || colon[3] == 0);
}

static void learn_uri(struct su_hv *hv)
{
    char *real SU_FREE = virConnectGetURI(hv->conn);
    const char *uri = real ? real : hv->uri; /* an alias of libvirt.conf has another one */
    const char *path = strstr(uri, "://");
    path = path ? strchr(path + 3, '/') : NULL;
    hv->local = uri_is_local(uri);
    hv->test = strncmp(uri, "test:", 5) == 0;
    hv->session = path && strncmp(path, "/session", 8) == 0;
}

int su_hv_open(const char *uri, struct su_hv **out, struct su_err *e)
{
    pthread_once(&once, begin);
    uri = uri && *uri ? uri : "qemu:///system";
    struct su_hv *hv = calloc(1, sizeof *hv);
    if (!hv)
        return su_fail_nomem(e, sizeof *hv);
    pthread_mutex_init(&hv->lock, NULL);
    pthread_mutex_init(&hv->caps_lock, NULL);
    int n = snprintf(hv->uri, sizeof hv->uri, "%s", uri);
    hv->conn = n > 0 && (size_t)n < sizeof hv->uri ? virConnectOpen(uri) : NULL;
    if (!hv->conn) {
        su_hv_close(&hv);
        su_fail(e, SU_E_IO, "vm.connect", "no connection to libvirt at %.80s: %.130s", uri, virGetLastErrorMessage());
        return su_remedy(e, "check --connect, that libvirtd runs, and that you may use it");
    }
    learn_uri(hv);
    *out = hv;
    return 0;
}

void su_hv_close(struct su_hv **hv)
{
    if (!*hv)
        return;
    struct pipes pipes SU_AUTO(pipes_restore);
    pipes_block(&pipes);
    if ((*hv)->conn)
        virConnectClose((*hv)->conn);
    pthread_mutex_destroy(&(*hv)->caps_lock);
    pthread_mutex_destroy(&(*hv)->lock);
    free(*hv);
    *hv = NULL;
}

bool su_hv_is_local(const struct su_hv *hv)
{
    return hv->local;
}

bool su_hv_is_test(const struct su_hv *hv)
{
    return hv->test;
}

/* Calls -------------------------------------------------------------------- */

static virConnectPtr borrow(struct su_hv *hv)
{
    pthread_mutex_lock(&hv->lock);
    virConnectPtr conn = hv->conn;
    if (conn)
        virConnectRef(conn);
    pthread_mutex_unlock(&hv->lock);
    return conn;
}

/* Whoever sees first that old broke makes the new one; the others wait for it. */
static int reconnect(struct su_hv *hv, virConnectPtr old, struct su_err *e)
{
    int64_t until = su_monotonic_ms() + SU_HV_RETRY_S * 1000;
    pthread_mutex_lock(&hv->lock);
    if (hv->conn && hv->conn == old) {
        virConnectClose(hv->conn);
        hv->conn = NULL;
    }
    while (!hv->conn && !(hv->conn = virConnectOpen(hv->uri)) && su_monotonic_ms() < until)
        su_hv_nap(RETRY_NAP_MS);
    bool good = hv->conn != NULL;
    pthread_mutex_unlock(&hv->lock);
    if (good)
        return 0;
    su_fail(e, SU_E_IO, "vm.connect",
            "the connection to libvirt at %.80s broke, and none was to be had for %d s: %.80s", hv->uri, SU_HV_RETRY_S,
            virGetLastErrorMessage());
    return su_remedy(e, "start libvirtd, then run the same command again");
}

/* One attempt.  *lost: the connection broke; *begun: the call itself was reached. */
static int attempt(virConnectPtr conn, const char *uuid, su_hv_call call, void *arg, bool *lost, bool *begun,
                   struct su_err *e)
{
    virDomainPtr dom SU_HV_DOMAIN = NULL;
    virResetLastError();
    if (uuid && !(dom = virDomainLookupByUUIDString(conn, uuid))) {
        su_hv_fail(e, "looking for the VM", NULL);
        *lost = broke(conn);
        return -1;
    }
    *begun = true;
    int r = call(conn, dom, arg, e);
    *lost = r < 0 && broke(conn);
    return r;
}

int su_hv_do(struct su_hv *hv, const char *uuid, enum su_hv_again again, su_hv_call call, void *arg, struct su_err *e)
{
    struct pipes pipes SU_AUTO(pipes_restore);
    pipes_block(&pipes);
    for (unsigned tries = 0;; tries++) {
        bool lost = false, begun = false;
        virConnectPtr conn = borrow(hv);
        int r = conn ? attempt(conn, uuid, call, arg, &lost, &begun, e) : -1;
        bool retry = !conn || (r < 0 && lost && !hv->test && tries < 3);
        if (retry && reconnect(hv, conn, e) < 0)
            r = -1, retry = false;
        if (conn)
            virConnectClose(conn);
        if (!retry || (begun && again == SU_HV_ONCE))
            return r;
    }
}
