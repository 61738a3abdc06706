/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "secureboot.h"
#include "efivars.h"
#include "sbat.h"
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

static const char *const verdict_names[] = {
    [SU_SB_TRUSTED_BY_FIRMWARE] = "trusted-by-firmware",
    [SU_SB_TRUSTED_BY_SHIM] = "trusted-by-shim",
    [SU_SB_UNSIGNED] = "unsigned",
    [SU_SB_UNTRUSTED] = "untrusted",
    [SU_SB_REVOKED] = "revoked",
    [SU_SB_DAMAGED] = "damaged",
};
_Static_assert(SU_ARRAY_LEN(verdict_names) == SU_SB_VERDICT_COUNT, "a verdict without a name");

const char *su_sb_verdict_name(enum su_sb_verdict v)
{
    return v < SU_SB_VERDICT_COUNT ? verdict_names[v] : "?";
}

int su_sb_vendor(struct su_bytes section, struct su_bytes *db, struct su_bytes *dbx, struct su_err *e)
{
    struct su_bytes b = section;
    uint32_t db_size, dbx_size, db_at, dbx_at;
    if (!su_take_le32(&b, &db_size) || !su_take_le32(&b, &dbx_size) || !su_take_le32(&b, &db_at) ||
        !su_take_le32(&b, &dbx_at))
        return su_fail(e, SU_E_FORMAT, "secureboot.vendor", "shim's certificate section is too short");
    if ((db_size && (db_at > section.n || db_size > section.n - db_at)) ||
        (dbx_size && (dbx_at > section.n || dbx_size > section.n - dbx_at)))
        return su_fail(e, SU_E_FORMAT, "secureboot.vendor", "shim's certificates do not fit into their section");
    *db = db_size ? (struct su_bytes){section.p + db_at, db_size} : (struct su_bytes){NULL, 0};
    *dbx = dbx_size ? (struct su_bytes){section.p + dbx_at, dbx_size} : (struct su_bytes){NULL, 0};
    return 0;
}

/* One of the four key sets, looked at once. */
struct set {
    struct su_bytes list;
    X509_STORE *certs; /* NULL when it has none */
};
enum { DB, DBX, VENDOR_DB, VENDOR_DBX, SETS };

static bool is_certificate(struct su_bytes list) /* a SEQUENCE; a signature list starts with a GUID we know */
{
    return list.n && list.p[0] == 0x30;
}

/* Firmware passes over certificates it cannot parse, and so does this. */
static int add_cert(struct set *s, struct su_bytes der, struct su_err *e)
{
    const unsigned char *p = der.p;
    ERR_set_mark();
    X509 *cert = d2i_X509(NULL, &p, (long)der.n);
    if (cert && !s->certs)
        s->certs = X509_STORE_new();
    bool added = !cert || (s->certs && X509_STORE_add_cert(s->certs, cert) == 1);
    X509_free(cert);
    ERR_pop_to_mark();
    return added ? 0 : su_fail_nomem(e, der.n);
}

static int open_set(struct set *s, struct su_err *e)
{
    struct su_siglist l = su_siglist_open(s->list);
    struct su_sig sig;
    int more;
    if (is_certificate(s->list))
        return add_cert(s, s->list, e);
    while ((more = su_siglist_next(&l, &sig, e)) > 0)
        if (sig.kind == SU_SIG_X509 && add_cert(s, sig.data, e) < 0)
            return -1;
    return more;
}

static bool listed(const struct set *s, enum su_sig_kind kind, const uint8_t *sha256)
{
    struct su_siglist l = su_siglist_open(s->list);
    struct su_sig sig;
    struct su_err ignored = {0}; /* open_set() walked the whole list before */
    if (is_certificate(s->list))
        return false;
    while (su_siglist_next(&l, &sig, &ignored) > 0)
        if (sig.kind == kind && memcmp(sig.data.p, sha256, SU_SHA256) == 0)
            return true;
    return false;
}

static bool cert_listed(const void *set, const uint8_t *sha256)
{
    return listed(set, SU_SIG_X509_SHA256, sha256);
}

/* A revocation that counts only from some time on is taken as one: without trusted timestamps firmware does too. */
static bool forbids(const struct set *s, const struct su_authenticode *a, char anchor[SU_AC_NAME])
{
    return (s->certs && su_authenticode_chains(a, s->certs, anchor)) || su_authenticode_any_cert(a, cert_listed, s);
}

struct judge {
    struct set set[SETS];
    struct su_sb_result r;
    bool good;            /* some signature is one over these bytes */
    bool firmware, shim;  /* somebody trusts it */
    const char *revoked;  /* id, or NULL */
    const char *first_bad; /* id, or NULL: what was wrong with the first signature that was not good */
};

static void free_sets(struct judge *j)
{
    for (int i = 0; i < SETS; i++)
        X509_STORE_free(j->set[i].certs);
}

static void decided(struct judge *j, const struct su_authenticode *a, const char *anchor)
{
    su_authenticode_signer(a, j->r.signer);
    memcpy(j->r.anchor, anchor, SU_AC_NAME);
}

static void judge_good(struct judge *j, const struct su_authenticode *a)
{
    char anchor[SU_AC_NAME] = "";
    j->good = true;
    if (j->revoked)
        return;
    if (forbids(&j->set[DBX], a, anchor) || forbids(&j->set[VENDOR_DBX], a, anchor)) {
        j->revoked = "secureboot.revoked.certificate";
        decided(j, a, anchor);
    } else if (j->firmware) {
        return;
    } else if (j->set[DB].certs && su_authenticode_chains(a, j->set[DB].certs, anchor)) {
        j->firmware = true;
        decided(j, a, anchor);
    } else if (!j->shim && j->set[VENDOR_DB].certs && su_authenticode_chains(a, j->set[VENDOR_DB].certs, anchor)) {
        j->shim = true;
        decided(j, a, anchor);
    }
}

static int judge_signature(struct judge *j, struct su_bytes der, struct su_err *e)
{
    SU_AUTHENTICODE struct su_authenticode *a = NULL;
    struct su_err why = {0};
    const char *id = NULL;
    if (su_authenticode_parse(der, &a, &why) < 0) {
        if (why.kind == SU_E_NOMEM)
            return *e = why, -1;
        id = why.id;
    } else if (!su_authenticode_digest(a)) {
        id = "secureboot.algorithm";
    } else if (memcmp(su_authenticode_digest(a), j->r.digest, SU_SHA256) != 0) {
        id = "secureboot.digest";
    } else if (su_authenticode_verify(a, &why) < 0) {
        id = why.id;
    }
    if (a && !j->r.signer[0])
        su_authenticode_signer(a, j->r.signer);
    if (!id)
        judge_good(j, a);
    else if (!j->first_bad)
        j->first_bad = id;
    return 0;
}

static int judge_signatures(struct judge *j, const struct su_pe *pe, struct su_err *e)
{
    SU_BUF struct su_buf table = {0};
    struct su_pe_cert c;
    struct su_err why = {0};
    int more;
    if (su_pe_read_certs(pe, &table, e) < 0)
        return -1;
    struct su_bytes rest = su_buf_bytes(&table);
    while ((more = su_pe_next_cert(&rest, &c, &why)) > 0) {
        if (c.type != SU_PE_CERT_PKCS7)
            continue;
        if (++j->r.signatures > SU_SB_MAX_SIGNATURES) {
            j->first_bad = "secureboot.signatures";
            break;
        }
        if (judge_signature(j, c.data, e) < 0)
            return -1;
    }
    if (more < 0 && !j->first_bad)
        j->first_bad = why.id;
    return 0;
}

static int judge_sbat(struct judge *j, const struct su_pe *pe, struct su_bytes level, struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    struct su_err why = {0};
    char name[SU_SBAT_NAME];
    bool revoked = false;
    j->r.has_sbat = su_pe_find(pe, ".sbat") != NULL;
    if (level.n == 0)
        return 0;
    if (su_sbat_check(level, (struct su_bytes){NULL, 0}, &revoked, name, e) < 0) /* is the level itself sound? */
        return -1;
    if (!j->r.has_sbat)
        return 0;
    if (su_pe_read_section(pe, ".sbat", SU_SBAT_MAX, &text, &why) < 0 && why.kind != SU_E_RANGE)
        return *e = why, -1;
    /* an empty section is a damaged one too */
    if (su_sbat_check(su_buf_bytes(&text), level, &revoked, name, &why) < 0)
        revoked = true;
    if (revoked && !j->revoked)
        j->revoked = "secureboot.revoked.sbat";
    return 0;
}

static void conclude(struct judge *j)
{
    struct su_sb_result *r = &j->r;
    r->why = "";
    if (j->revoked) {
        r->verdict = SU_SB_REVOKED;
        r->why = j->revoked;
    } else if (j->firmware || listed(&j->set[DB], SU_SIG_SHA256, r->digest)) {
        r->verdict = SU_SB_TRUSTED_BY_FIRMWARE;
    } else if (j->shim || listed(&j->set[VENDOR_DB], SU_SIG_SHA256, r->digest)) {
        r->verdict = SU_SB_TRUSTED_BY_SHIM;
    } else if (j->good) {
        r->verdict = SU_SB_UNTRUSTED;
    } else if (j->first_bad && strcmp(j->first_bad, "secureboot.algorithm") == 0) {
        r->verdict = SU_SB_UNTRUSTED;
        r->why = j->first_bad;
    } else if (j->first_bad) {
        r->verdict = SU_SB_DAMAGED;
        r->why = j->first_bad;
    } else {
        r->verdict = SU_SB_UNSIGNED;
    }
}

static int judge_image(struct judge *j, const struct su_pe *pe, const struct su_sb_keys *keys, struct su_err *e)
{
    if (su_pe_digest(pe, j->r.digest, e) < 0)
        return -1;
    if (listed(&j->set[DBX], SU_SIG_SHA256, j->r.digest) || listed(&j->set[VENDOR_DBX], SU_SIG_SHA256, j->r.digest))
        j->revoked = "secureboot.revoked.digest";
    if (judge_signatures(j, pe, e) < 0 || judge_sbat(j, pe, keys->sbat_level, e) < 0)
        return -1;
    conclude(j);
    return 0;
}

int su_sb_check(const struct su_source *image, const struct su_sb_keys *keys, struct su_sb_result *out,
                struct su_err *e)
{
    SU_AUTO(free_sets) struct judge j = {
        .set = {[DB] = {.list = keys->db},
                [DBX] = {.list = keys->dbx},
                [VENDOR_DB] = {.list = keys->vendor_db},
                [VENDOR_DBX] = {.list = keys->vendor_dbx}},
    };
    struct su_err why = {0};
    struct su_pe pe;
    for (int i = 0; i < SETS; i++)
        if (open_set(&j.set[i], e) < 0)
            return -1;
    if (su_pe_parse(image, &pe, &why) == 0) {
        if (judge_image(&j, &pe, keys, e) < 0)
            return -1;
    } else if (why.kind == SU_E_FORMAT) {
        j.r.verdict = SU_SB_DAMAGED;
        j.r.why = why.id;
    } else {
        *e = why;
        return -1;
    }
    *out = j.r;
    return 0;
}
