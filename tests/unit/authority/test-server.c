/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The authority without HTTP: who gets a certificate, who does not, and why. */
#include "cmpclient.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct su_err e;
static char dir[256];
static struct su_authority *a;
static EVP_PKEY *key1, *key2, *key3;

static bool refused(const struct client *c, const char *id)
{
    bool good = c->outcome.id && strcmp(c->outcome.id, id) == 0;
    if (!good)
        printf("# outcome %s: %s; text %s\n", c->outcome.id ? c->outcome.id : "-", c->outcome.text, c->text);
    return good;
}

static const char *token(const char *host)
{
    static char text[SU_TOKEN_TEXT];
    uint64_t expires;
    return su_authority_token(dir, host, 0, test_now, "test", text, &expires, &e) == 0 ? strrchr(text, '_') + 1
                                                                                       : "none";
}

static unsigned long count(const char *table)
{
    SU_DB struct su_db *db = NULL;
    struct su_ledger_proof p;
    if (su_authority_ledger(dir, &db, &e) < 0 || su_ledger_verify(db, &p, &e) < 0)
        return 999999;
    return (unsigned long)(*table == 'c' ? p.certificates : *table == 'r' ? p.revocations : p.events);
}

static X509 *enrol(const char *host, EVP_PKEY *key)
{
    struct client c = {.a = a, .host = host, .secret = token(host)};
    X509 *x = client_request(&c, OSSL_CMP_IR, key);
    if (!x)
        printf("# %s %s\n", c.outcome.text, c.text);
    client_done(&c);
    return x;
}

static bool same(X509 *x, X509 *y)
{
    return x && y && X509_cmp(x, y) == 0;
}

/* First certificates --------------------------------------------------------- */

static void test_first(void)
{
    struct client c = {.a = a, .host = "node1", .secret = token("node1")};
    X509 *x = client_request(&c, OSSL_CMP_IR, key1);
    ok(x != NULL, "ir with a token: %s", c.text);
    ok(x && X509_check_host(x, "node1.metadata.example.org", 0, 0, NULL) == 1, "the name is the proved one");
    ok(x && (X509_get_extension_flags(x) & EXFLAG_CA) == 0 && X509_get_key_usage(x) == KU_DIGITAL_SIGNATURE, "a leaf");
    ok(x && ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), (time_t)test_now + 30 * 86400) == 0, "30 days");
    ok(count("certificates") == 1);

    X509 *y = client_request(&c, OSSL_CMP_IR, key1);
    ok(same(x, y) && count("certificates") == 1, "the same key again within minutes: the same certificate");
    X509_free(y);
    y = client_request(&c, OSSL_CMP_IR, key2);
    ok(!y && refused(&c, "authority.token.used"), "another key: the token is used");
    ok(strstr(c.text, "authority.token.used") != NULL, "the client is told the name: %s", c.text);
    test_now += SU_TOKEN_GRACE + 1;
    y = client_request(&c, OSSL_CMP_IR, key1);
    ok(!y && refused(&c, "authority.token.used"), "the same key later: the token is used");
    su_authority_tick(a);
    SU_DB struct su_db *db = NULL;
    struct su_token t;
    ok(su_authority_ledger(dir, &db, &e) == 0 && su_ledger_token(db, "node1", &t, &e) == 0 && t.wiped,
       "its secret is gone");
    X509_free(x);
    client_done(&c);
}

static void test_tokens(void)
{
    char first[SU_TOKEN_SECRET + 1];
    snprintf(first, sizeof first, "%s", token("node2"));
    struct client c = {.a = a, .host = "node2", .secret = first};
    (void)token("node2");
    ok(!client_request(&c, OSSL_CMP_IR, key2) && refused(&c, "authority.secret"), "an earlier token is withdrawn");
    c.secret = "0000000000000000000000000000000000000000000000000000000000000000";
    ok(!client_request(&c, OSSL_CMP_IR, key2) && refused(&c, "authority.secret"), "a wrong secret");
    c.secret = token("node2");
    test_now += 86401;
    ok(!client_request(&c, OSSL_CMP_IR, key2) && refused(&c, "authority.token.expired"), "a day later");
    c.host = "node3";
    ok(!client_request(&c, OSSL_CMP_IR, key2) && refused(&c, "authority.token.none"), "a host without one");
    c.host = "node2";
    c.secret = token("node2");
    ok(!client_request(&c, OSSL_CMP_KUR, key2), "kur needs a certificate");
    c.host = "Node2";
    ok(!client_request(&c, OSSL_CMP_IR, key2), "a name that is none");
    char text[SU_TOKEN_TEXT];
    uint64_t expires;
    ok(su_authority_token(dir, "a-very-long-name-that-does-not-fit-into-a-common-name", 0, test_now, "t", text,
                          &expires, &e) < 0);
    is_str(e.id, "authority.host");
    client_done(&c);
}

/* Next certificates ------------------------------------------------------------ */

static void test_update(void)
{
    X509 *x = enrol("up1", key2);
    struct client c = {.a = a, .host = "up1", .cert = x, .key = key2};
    X509 *y = client_request(&c, OSSL_CMP_KUR, key3);
    ok(y && !same(x, y), "kur with a new key: %s", c.text);
    c.implicit = true;
    X509 *z = client_request(&c, OSSL_CMP_CR, key2);
    ok(z && !same(x, z), "cr is the same, and implicit confirmation is granted");
    c.host = "up2";
    ok(!client_request(&c, OSSL_CMP_KUR, key2) && refused(&c, "authority.signer.foreign"), "at another host's URL");
    c.host = "up1";
    ok(!client_request(&c, OSSL_CMP_IR, key2) && refused(&c, "authority.body"), "ir needs a token");
    c.cert = z;
    test_now += 31 * 86400;
    ok(!client_request(&c, OSSL_CMP_CR, key2) && refused(&c, "authority.signer.expired"), "an expired one: %s", c.text);
    ok(strstr(c.text, "token") != NULL, "and the cure is named");
    c.cert = x;
    ok(!client_request(&c, OSSL_CMP_KUR, key2) && refused(&c, "authority.signer.expired"),
       "nor one that was followed by others: %s", c.text);
    c.cert = z;
    X509 *w = client_request(&c, OSSL_CMP_KUR, key3);
    ok(w && !same(w, z), "but its next one it may ask for, within a year: %s", c.text);
    X509_free(w);
    ok((w = client_request(&c, OSSL_CMP_KUR, key3)) != NULL, "and again, should that answer be lost: %s", c.text);
    X509_free(w);
    test_now += 32 * 86400;
    X509_free(enrol("up1", key2));
    ok(!client_request(&c, OSSL_CMP_KUR, key3) && refused(&c, "authority.signer.expired"),
       "but not after a new enrolment: %s", c.text);
    test_now += 366 * 86400;
    ok(!client_request(&c, OSSL_CMP_KUR, key2) && refused(&c, "authority.signer.expired"), "later not: %s", c.text);
    X509_free(x);
    X509_free(y);
    X509_free(z);
    client_done(&c);
}

static void test_revocation(void)
{
    EVP_PKEY *k = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509 *mine = enrol("rev2", k), *foreign = enrol("rev3", other);
    struct client c = {.a = a, .host = "rev2", .cert = mine, .key = k};
    ok(!client_revoke(&c, foreign, 1) && refused(&c, "authority.signer.foreign"), "another host's: %s", c.text);
    ok(client_revoke(&c, mine, 1), "its own: %s", c.text);
    ok(!client_request(&c, OSSL_CMP_KUR, k) && refused(&c, "authority.signer.revoked"), "kur with it: %s", c.text);
    SU_BUF struct su_buf crl = {0}, again = {0};
    ok(su_authority_crl(a, 0, &crl, &e) == 0 && su_authority_crl(a, 0, &again, &e) == 0 && crl.n == again.n &&
           memcmp(crl.p, again.p, crl.n) == 0,
       "the list is kept");
    const uint8_t *p = crl.p;
    X509_CRL *list = d2i_X509_CRL(NULL, &p, (long)crl.n);
    X509_REVOKED *r = NULL;
    ok(list && X509_CRL_get0_by_cert(list, &r, mine) == 1 && X509_CRL_get0_by_cert(list, &r, foreign) == 0,
       "and right");
    SU_DB struct su_db *db = NULL;
    unsigned n = 0;
    ok(su_authority_ledger(dir, &db, &e) == 0 && su_db_begin(db, &e) == 0 &&
       su_ledger_revoke_host(db, "rev3", 5, test_now, "test", &n, &e) == 0 && su_db_commit(db, &e) == 0 && n == 1);
    again.n = 0;
    ok(su_authority_crl(a, 0, &again, &e) == 0 && again.n > crl.n, "a new list after a revocation");
    crl.n = 0;
    test_now += 86401;
    ok(su_authority_crl(a, 0, &crl, &e) == 0 && (crl.n != again.n || memcmp(crl.p, again.p, crl.n) != 0),
       "and every day");
    ok(su_authority_crl(a, 7, &crl, &e) < 0 && !strcmp(e.id, "authority.issuer.none"));
    X509 *back = enrol("rev3", other);
    ok(back != NULL, "a new token lets a revoked host in again");
    X509_CRL_free(list);
    X509_free(mine), X509_free(foreign), X509_free(back);
    EVP_PKEY_free(k), EVP_PKEY_free(other);
    client_done(&c);
}

static void test_keys(void)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384"), *k = EVP_EC_gen("P-256");
    struct client c = {.a = a, .host = "key1", .secret = token("key1")};
    ok(!client_request(&c, OSSL_CMP_IR, weak) && refused(&c, "authority.key.weak"), "RSA-1024");
    ok(!client_request(&c, OSSL_CMP_IR, p384) && refused(&c, "authority.key.kind"), "P-384");
    X509 *x = client_request(&c, OSSL_CMP_IR, k);
    ok(x != NULL, "the token was not used up by that");
    struct client d = {.a = a, .host = "key2", .secret = token("key2")};
    ok(!client_request(&d, OSSL_CMP_IR, k) && refused(&d, "authority.key.taken"), "another host's key");
    X509_free(x);
    EVP_PKEY_free(weak), EVP_PKEY_free(p384), EVP_PKEY_free(k);
    client_done(&c);
    client_done(&d);
}

/* Messages ------------------------------------------------------------------------ */

static void test_replay(void)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    X509 *x = enrol("rep1", k);
    struct client c = {.a = a, .host = "rep1", .cert = x, .key = k, .only_build = true};
    struct su_authority_outcome o, o2;
    SU_BUF struct su_buf first = {0}, second = {0};
    (void)client_request(&c, OSSL_CMP_KUR, k);
    unsigned long before = count("certificates");
    ok(su_authority_cmp(a, "rep1", su_buf_bytes(&c.sent), &first, &o, &e) == 0 && !o.id, "kur: %s", o.text);
    ok(su_authority_cmp(a, "rep1", su_buf_bytes(&c.sent), &second, &o2, &e) == 0 && !o2.id, "the same bytes: %s",
       o2.text);
    ok(count("certificates") == before + 1 && strstr(o2.text, "again") && strncmp(o.text, o2.text, strlen(o.text)) == 0,
       "one certificate for one transaction");
    c.sent.p[c.sent.n - 20] ^= 1;
    second.n = 0;
    ok(su_authority_cmp(a, "rep1", su_buf_bytes(&c.sent), &second, &o2, &e) < 0 || o2.id, "altered: %s", o2.text);
    X509_free(x);
    EVP_PKEY_free(k);
    client_done(&c);
}

/* Every prefix and every flipped byte of a request: an answer or a refusal, and never a certificate. */
static void test_hostile(void)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    X509 *x = enrol("hos1", k);
    struct client c = {.a = a, .host = "hos1", .cert = x, .key = k, .only_build = true};
    (void)client_request(&c, OSSL_CMP_KUR, k);
    struct su_authority_outcome o;
    unsigned long before = count("certificates");
    bool granted = false;
    for (size_t i = 0; i < c.sent.n; i += 3) {
        SU_BUF struct su_buf answer = {0};
        struct su_bytes cut = {c.sent.p, i};
        granted = granted || (su_authority_cmp(a, "hos1", cut, &answer, &o, &e) == 0 && !o.id);
    }
    ok(!granted, "prefixes");
    for (size_t i = 0; i < c.sent.n; i += 5) {
        SU_BUF struct su_buf answer = {0};
        c.sent.p[i] ^= 0x20;
        (void)!su_authority_cmp(a, "hos1", su_buf_bytes(&c.sent), &answer, &o, &e);
        c.sent.p[i] ^= 0x20;
    }
    ok(count("certificates") <= before + 1, "flipped bytes outside what is protected may pass, once");
    SU_BUF struct su_buf answer = {0};
    ok(su_authority_cmp(a, "hos1", (struct su_bytes){(const uint8_t *)"", 0}, &answer, &o, &e) < 0);
    is_str(e.id, "authority.cmp.der");
    X509_free(x);
    EVP_PKEY_free(k);
    client_done(&c);
}

static void test_clock_back(void)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    X509 *x = enrol("clk1", k);
    struct client c = {.a = a, .host = "clk1", .cert = x, .key = k};
    unsigned long before = count("certificates");
    test_now -= 3600;
    X509 *y = client_request(&c, OSSL_CMP_KUR, k);
    ok(!y && refused(&c, "authority.clock") && c.outcome.unavailable && count("certificates") == before,
       "a clock an hour behind the ledger: nothing is issued");
    SU_BUF struct su_buf json = {0};
    ok(su_authority_health(a, &json, &e) < 0 && !strcmp(e.id, "authority.clock"), "and health says so");
    test_now += 3500;
    y = client_request(&c, OSSL_CMP_KUR, k);
    ok(y != NULL, "100 s behind: goes on");
    test_now += 200;
    X509_free(x), X509_free(y);
    EVP_PKEY_free(k);
    client_done(&c);
}

/* Keys of the authority ------------------------------------------------------------- */

static void test_rotation(void)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    X509 *x = enrol("rot1", k);
    struct su_authority_plan p = {.dir = dir, .now = test_now};
    struct su_authority_made m;
    ok(su_authority_rotate_root(&p, &m, &e) == 0 && su_authority_rotate_issuing(&p, &m, &e) == 0 && m.issuing == 2,
       "rotate");
    su_authority_close(&a);
    ok(su_authority_open(dir, test_time, &a, &e) == 0, "%s", e.msg);
    SU_BUF struct su_buf bundle = {0};
    ok(su_authority_bundle(a, &bundle, &e) == 0 && strstr(strstr(su_buf_str(&bundle), "BEGIN") + 5, "BEGIN"),
       "two roots");
    struct client c = {.a = a, .host = "rot1", .cert = x, .key = k};
    X509 *y = client_request(&c, OSSL_CMP_KUR, k);
    char issuer[128] = "";
    if (y)
        X509_NAME_get_text_by_NID(X509_get_issuer_name(y), NID_commonName, issuer, sizeof issuer);
    is_str(issuer, "example.org surety issuing 2");
    SU_BUF struct su_buf one = {0}, two = {0};
    ok(su_authority_crl(a, 1, &one, &e) == 0 && su_authority_crl(a, 2, &two, &e) == 0, "a list of each");
    X509_free(x), X509_free(y);
    EVP_PKEY_free(k);
    client_done(&c);
}

static void test_init(void)
{
    struct su_authority_plan p = {.dir = dir, .domain = "example.org", .algorithm = "p256", .now = test_now};
    struct su_authority_made m;
    p.domain = "example..org";
    ok(su_authority_init(&p, &m, &e) < 0 && !strcmp(e.id, "authority.domain"));
    p.domain = "example.org";
    p.url = "http://a,URI:http://b";
    ok(su_authority_init(&p, &m, &e) < 0 && !strcmp(e.id, "authority.url"));
    p.url = NULL;
    ok(su_authority_open(dir, test_time, &a, &e) < 0 && !strcmp(e.id, "authority.none"));
    ok(su_authority_init(&p, &m, &e) == 0 && strlen(m.bundle_fingerprint) == 64, "%s", e.msg);
    ok(su_authority_init(&p, &m, &e) < 0 && !strcmp(e.id, "authority.exists"), "once");
    ok(sh("mkdir other; echo >other/x") == 0);
    p.dir = sh_path("other");
    ok(su_authority_init(&p, &m, &e) < 0 && !strcmp(e.id, "authority.exists"), "not into something else");
    ok(sh("chmod 644 ca/issuing-1.key") == 0 && su_authority_open(dir, test_time, &a, &e) < 0 &&
       !strcmp(e.id, "authority.key.mode"));
    ok(sh("chmod 600 ca/issuing-1.key; cp ca/authority.conf c; echo 'garbage = 1' >>ca/authority.conf") == 0);
    ok(su_authority_open(dir, test_time, &a, &e) < 0 && !strncmp(e.id, "conf.", 5), "%s", e.msg);
    ok(sh("cp c ca/authority.conf; cp ca/token.key t; echo x >ca/token.key") == 0);
    ok(su_authority_open(dir, test_time, &a, &e) < 0 && !strcmp(e.id, "authority.token.sealed"));
    ok(sh("cp t ca/token.key; cp ca/ledger.db l; echo x >ca/ledger.db; rm -f ca/ledger.db-*") == 0);
    ok(su_authority_open(dir, test_time, &a, &e) < 0 && !strcmp(e.id, "authority.ledger.corrupt"), "%s", e.msg);
    ok(sh("cp l ca/ledger.db; rm -f ca/ledger.db-*") == 0);
}

int main(void)
{
    snprintf(dir, sizeof dir, "%s", sh_path("ca"));
    test_init();
    if (!ok(su_authority_open(dir, test_time, &a, &e) == 0, "open: %s", e.msg))
        return tap_done();
    key1 = EVP_RSA_gen(2048), key2 = EVP_EC_gen("P-256"), key3 = EVP_EC_gen("P-256");
    test_first();
    test_tokens();
    test_update();
    test_revocation();
    test_keys();
    test_replay();
    test_hostile();
    test_clock_back();
    test_rotation();
    su_authority_close(&a);
    EVP_PKEY_free(key1), EVP_PKEY_free(key2), EVP_PKEY_free(key3);
    return tap_done();
}
