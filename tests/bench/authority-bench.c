/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority-bench DIR HOSTS...: key updates a second of an authority, and what the bare signature costs.
 *
 * DIR is an empty directory.  The ledger is grown to each number of hosts in turn: a few of them are real ones whose
 * signed requests are made beforehand (making them is the hosts' work), the others are rows.  Then the requests are
 * answered by THREADS threads, as HTTP would have it, and the clock is stopped when the last answer is there, so when
 * its ledger row is on stable storage.  Run it with taskset on one core.  Prints JSON lines. */
#include "authority/authority.h"
#include "tests/unit/authority/cmpclient.h"
#include <errno.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { REAL = 40, PER_HOST = 40, THREADS = 16, REQUESTS = REAL * PER_HOST };

static char dir[400];
static struct su_authority *a;
static struct su_buf request[REQUESTS];
static char host[REAL][32];
static X509 *cert[REAL];
static EVP_PKEY *key[REAL];
static atomic_int next_request, failures;

static void die(const char *what, const struct su_err *e)
{
    fprintf(stderr, "authority-bench: %s: %s\n", what, e ? e->msg : strerror(errno));
    exit(1);
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Rows ------------------------------------------------------------------------- */

struct fill {
    uint64_t from, to;
};

static int fill_some(struct su_db *db, void *arg, struct su_err *e)
{
    const struct fill *f = arg;
    static const uint8_t sealed[SU_TOKEN_SEALED];
    uint8_t der[1150], txn[16];
    for (uint64_t i = f->from; i < f->to; i++) {
        struct su_entry again = {0};
        struct su_token t;
        char name[32];
        int64_t id;
        snprintf(name, sizeof name, "filler%06llu", (unsigned long long)i);
        RAND_bytes(der, sizeof der);
        RAND_bytes(txn, sizeof txn);
        if (su_ledger_token_new(db, name, sealed, test_now, test_now + 100, "bench", e) < 0 ||
            su_ledger_token(db, name, &t, e) < 0)
            return -1;
        struct su_issue n = {.host = name,
                             .token = t.id,
                             .now = test_now,
                             .not_before = test_now,
                             .issuer = 1,
                             .not_after = test_now + 30 * 86400,
                             .transaction = {txn, sizeof txn},
                             .der = {der, sizeof der}};
        memcpy(n.serial, der, sizeof n.serial);
        memcpy(n.key, der + 16, sizeof n.key);
        if (su_ledger_issue(db, &n, &again, &id, e) < 0)
            return -1;
    }
    return 0;
}

static void fill(uint64_t from, uint64_t to)
{
    struct su_db *db = NULL;
    struct su_err e = {0};
    if (su_authority_ledger(dir, &db, &e) < 0)
        die("ledger", &e);
    while (from < to) {
        struct fill f = {from, from + 1000 < to ? from + 1000 : to};
        if (su_db_change(db, fill_some, &f, &e) < 0)
            die("filling", &e);
        from = f.to;
    }
    su_db_close(&db);
}

/* Requests ----------------------------------------------------------------------- */

static void enrol(int i)
{
    char token[SU_TOKEN_TEXT];
    uint64_t expires;
    struct su_err e = {0};
    snprintf(host[i], sizeof host[i], "real%02d", i);
    if (su_authority_token(dir, host[i], 0, test_now, "bench", token, &expires, &e) < 0)
        die("token", &e);
    key[i] = EVP_RSA_gen(2048);
    struct client c = {.a = a, .host = host[i], .secret = strrchr(token, '_') + 1, .implicit = true};
    if (!(cert[i] = client_request(&c, OSSL_CMP_IR, key[i])))
        die("enrolment", NULL);
    client_done(&c);
}

static void make_requests(void)
{
    for (int i = 0; i < REQUESTS; i++) {
        int h = i % REAL;
        struct client c = {
            .a = a, .host = host[h], .cert = cert[h], .key = key[h], .implicit = true, .only_build = true};
        (void)client_request(&c, OSSL_CMP_KUR, key[h]);
        su_buf_done(&request[i]);
        request[i] = c.sent;
        su_buf_done(&c.received);
    }
}

static void *answer(void *arg)
{
    struct su_authority_outcome o;
    struct su_err e = {0};
    for (int i; (i = atomic_fetch_add(&next_request, 1)) < REQUESTS;) {
        SU_BUF struct su_buf out = {0};
        if (su_authority_cmp(a, host[i % REAL], su_buf_bytes(&request[i]), &out, &o, &e) < 0 || o.id)
            atomic_fetch_add(&failures, 1);
    }
    return arg;
}

static double updates(double *cpu)
{
    pthread_t t[THREADS];
    double from = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID);
    atomic_store(&next_request, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, answer, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    *cpu = (now(CLOCK_PROCESS_CPUTIME_ID) - used) / REQUESTS;
    return REQUESTS / (now(CLOCK_MONOTONIC) - from);
}

/* What openssl speed does: signing, with nothing around it. */
static double bare(const char *path, double *cpu)
{
    uint8_t hash[32] = {1}, sig[1024];
    FILE *f = fopen(path, "re");
    EVP_PKEY *k = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (!k)
        die(path, NULL);
    fclose(f);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
    EVP_PKEY_sign_init(c);
    double from = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID), t;
    int n = 0;
    do {
        size_t len = sizeof sig;
        if (EVP_PKEY_sign(c, sig, &len, hash, sizeof hash) != 1)
            die("signing", NULL);
        n++;
    } while ((t = now(CLOCK_MONOTONIC) - from) < 3);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(k);
    *cpu = (now(CLOCK_PROCESS_CPUTIME_ID) - used) / n;
    return n / t;
}

int main(int argc, char **argv)
{
    struct su_err e = {0};
    struct su_authority_made made;
    uint64_t have = 0;
    test_now = (uint64_t)time(NULL);
    if (argc < 3)
        return fprintf(stderr, "usage: authority-bench DIR HOSTS...\n"), 2;
    snprintf(dir, sizeof dir, "%s", argv[1]);
    struct su_authority_plan p = {
        .dir = dir, .domain = "example.org", .algorithm = getenv("ALGORITHM"), .now = test_now};
    if (su_authority_init(&p, &made, &e) < 0 || su_authority_open(dir, test_time, &a, &e) < 0)
        die("init", &e);
    for (int i = 0; i < REAL; i++)
        enrol(i);
    char path[500];
    snprintf(path, sizeof path, "%s/issuing-1.key", dir);
    for (int i = 2; i < argc; i++) {
        uint64_t hosts = strtoull(argv[i], NULL, 10);
        fill(have, hosts);
        have = hosts;
        make_requests();
        double cpu1, cpu2, cpu, sign1 = bare(path, &cpu1), rate = updates(&cpu), sign2 = bare(path, &cpu2);
        double sign = (sign1 + sign2) / 2, sign_cpu = (cpu1 + cpu2) / 2;
        printf("{\"hosts\":%llu,\"updatesPerSecond\":%.0f,\"signPerSecond\":%.0f,\"wallRatio\":%.3f,"
               "\"updateMicroseconds\":%.0f,\"signMicroseconds\":%.0f,\"ratio\":%.3f,\"failures\":%d}\n",
               (unsigned long long)hosts, rate, sign, rate / sign, cpu * 1e6, sign_cpu * 1e6, sign_cpu / cpu,
               atomic_load(&failures));
        fflush(stdout);
    }
    su_authority_close(&a);
    return atomic_load(&failures) != 0;
}
