/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys of PKCS#11 tokens.  libp11 finds them and gives them to OpenSSL; making and destroying them goes through the
 * module's own functions, because libp11 makes RSA keys only and lets us set no attributes. */
#include "base/secret.h"
#include "cert.h"
#include "key_int.h"
#include <dlfcn.h>
#include <libp11.h>
#include <openssl/err.h>
#include <p11-kit/pkcs11.h>
#include <string.h>

#define DEFAULT_MODULE "p11-kit-proxy.so"
enum { MAX_SLOTS = 64, PIN_MAX = 255 };

struct token {
    PKCS11_CTX *ctx;
    PKCS11_SLOT *slots, *slot;
    unsigned n_slots;
    void *module; /* the same module that libp11 has open */
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID id;
};
struct want {
    const struct su_key_name *n;
    const struct su_key_options *o;
};

static void token_close(struct su_key_device *d)
{
    struct token *t = d->token;
    if (!t)
        return;
    if (t->slots)
        PKCS11_release_all_slots(t->ctx, t->slots, t->n_slots);
    if (t->ctx) {
        PKCS11_CTX_unload(t->ctx);
        PKCS11_CTX_free(t->ctx);
    }
    if (t->module)
        dlclose(t->module);
    free(t);
}

/* The PIN as a string in locked memory. */
static int read_pin(const char *path, struct su_secret *out, struct su_err *e)
{
    SU_SECRET struct su_secret file = {0};
    if (su_secret_from_file(path, &file, e) < 0)
        return su_context(e, "the PIN");
    size_t n = file.n;
    while (n && (file.p[n - 1] == '\n' || file.p[n - 1] == '\r'))
        n--;
    if (n == 0 || n > PIN_MAX || memchr(file.p, 0, n))
        return su_fail(e, SU_E_REFUSED, "key.pin", "there is no PIN in %s", path);
    if (su_secret_new(n + 1, out, e) < 0)
        return -1;
    memcpy(out->p, file.p, n);
    return 0;
}

static int login(struct token *t, const char *pin_file, struct su_err *e)
{
    static const unsigned long pin_errors[] = {CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE,
                                               CKR_PIN_EXPIRED};
    SU_SECRET struct su_secret pin = {0};
    if (!pin_file || !*pin_file)
        return 0;
    if (read_pin(pin_file, &pin, e) < 0)
        return -1;
    if (PKCS11_login(t->slot, 0, (const char *)pin.p) == 0)
        return 0;
    unsigned long why = (unsigned long)ERR_GET_REASON(ERR_peek_last_error());
    for (size_t i = 0; i < SU_ARRAY_LEN(pin_errors); i++)
        if (why == pin_errors[i]) {
            su_fail_ssl(e, SU_E_REFUSED, "key.pin", "the token refuses the PIN");
            return su_remedy(e, "correct the PIN file; surety-signer does not try again until the file has changed");
        }
    return su_fail_ssl(e, SU_E_IO, "key.token", "logging in to the token");
}

/* The slot with the wanted label, in the module's own numbers. */
static int find_slot_id(struct token *t, const char *label, struct su_err *e)
{
    CK_SLOT_ID ids[MAX_SLOTS];
    CK_ULONG n = MAX_SLOTS;
    if (t->f->C_GetSlotList(CK_TRUE, ids, &n) != CKR_OK)
        return su_fail(e, SU_E_IO, "key.token", "the PKCS#11 module does not list its slots");
    for (CK_ULONG i = 0; i < n; i++) {
        CK_TOKEN_INFO info;
        if (t->f->C_GetTokenInfo(ids[i], &info) != CKR_OK)
            continue;
        size_t len = sizeof info.label;
        while (len && info.label[len - 1] == ' ')
            len--;
        if (len == strlen(label) && memcmp(info.label, label, len) == 0) {
            t->id = ids[i];
            return 0;
        }
    }
    return su_fail(e, SU_E_MISSING, "key.none", "there is no token \"%s\"", label);
}

static int find_slot(struct token *t, const char *label, struct su_err *e)
{
    if (PKCS11_enumerate_slots(t->ctx, &t->slots, &t->n_slots) < 0)
        return su_fail_ssl(e, SU_E_IO, "key.token", "the PKCS#11 module does not list its slots");
    for (unsigned i = 0; i < t->n_slots && !t->slot; i++) {
        const PKCS11_TOKEN *k = t->slots[i].token;
        if (k && k->initialized && k->label && strcmp(k->label, label) == 0)
            t->slot = &t->slots[i];
    }
    if (!t->slot)
        return su_fail(e, SU_E_MISSING, "key.none", "there is no token \"%s\"", label);
    return find_slot_id(t, label, e);
}

static int token_make_device(struct su_key_device *d, const void *arg, struct su_err *e)
{
    const struct want *w = arg;
    const char *module = w->o->module && *w->o->module ? w->o->module : DEFAULT_MODULE;
    struct token *t = calloc(1, sizeof *t);
    if (!t)
        return su_fail_nomem(e, sizeof *t);
    d->token = t;
    d->close = token_close;
    t->ctx = PKCS11_CTX_new();
    if (!t->ctx)
        return su_fail_nomem(e, 0);
    if (PKCS11_CTX_load(t->ctx, module) < 0) {
        PKCS11_CTX_free(su_steal(&t->ctx));
        return su_fail_ssl(e, SU_E_IO, "key.provider", "the PKCS#11 module does not load");
    }
    CK_C_GetFunctionList get = NULL;
    t->module = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    if (t->module)
        *(void **)&get = dlsym(t->module, "C_GetFunctionList");
    if (!get || get(&t->f) != CKR_OK)
        return su_fail(e, SU_E_IO, "key.provider", "%s is no PKCS#11 module", module);
    return find_slot(t, w->n->token, e) < 0 ? -1 : login(t, w->o->pin_file, e);
}

static int token_device(const struct su_key_name *n, const struct su_key_options *o, struct su_key_device **out,
                        struct su_err *e)
{
    char id[SU_KEY_DEVICE];
    struct want w = {n, o};
    SU_BUF struct su_buf b = {0};
    su_buf_printf(&b, "%s %s", n->token, o->module ? o->module : "");
    if (su_buf_ok(&b, e) < 0)
        return -1;
    su_snprint(id, sizeof id, su_buf_str(&b));
    return su_key_device_get(id, token_make_device, &w, out, e);
}

static int ck_fail(struct su_err *e, CK_RV rv, const char *what)
{
    return su_fail(e, SU_E_IO, "key.token", "%s: PKCS#11 error 0x%lx", what, (unsigned long)rv);
}

static CK_RV find_objects(const struct token *t, CK_SESSION_HANDLE s, const char *label, CK_OBJECT_HANDLE *found,
                          CK_ULONG max, CK_ULONG *n)
{
    CK_ATTRIBUTE by_label[] = {{CKA_LABEL, (CK_UTF8CHAR *)label, strlen(label)}};
    CK_RV rv = t->f->C_FindObjectsInit(s, by_label, 1);
    if (rv == CKR_OK) {
        rv = t->f->C_FindObjects(s, found, max, n);
        t->f->C_FindObjectsFinal(s);
    }
    return rv;
}

/* Asks the token: libp11 remembers keys that are destroyed since. */
static int still_there(const struct token *t, const char *label, struct su_err *e)
{
    CK_SESSION_HANDLE s;
    CK_OBJECT_HANDLE found[1];
    CK_ULONG n = 0;
    CK_RV rv = t->f->C_OpenSession(t->id, CKF_SERIAL_SESSION, NULL, NULL, &s);
    if (rv == CKR_OK) {
        rv = find_objects(t, s, label, found, 1, &n);
        t->f->C_CloseSession(s);
    }
    if (rv != CKR_OK)
        return ck_fail(e, rv, "looking for the key in the token");
    return n ? 0 : su_fail(e, SU_E_MISSING, "key.none", "there is no key \"%s\" in the token", label);
}

static int find_key(const struct token *t, const char *label, EVP_PKEY **out, struct su_err *e)
{
    if (still_there(t, label, e) < 0)
        return -1;
    PKCS11_KEY *keys;
    unsigned n;
    if (PKCS11_enumerate_keys(t->slot->token, &keys, &n) < 0)
        return su_fail_ssl(e, SU_E_IO, "key.token", "the token does not list its keys");
    for (unsigned i = 0; i < n; i++)
        if (keys[i].label && strcmp(keys[i].label, label) == 0) {
            *out = PKCS11_get_private_key(&keys[i]);
            return *out ? 0 : su_fail_ssl(e, SU_E_IO, "key.token", "the token does not give its key");
        }
    return su_fail(e, SU_E_MISSING, "key.none", "there is no key \"%s\" in the token", label);
}

int su_key_token_open(const struct su_key_name *n, const struct su_key_options *o, struct su_key *k, struct su_err *e)
{
    if (token_device(n, o, &k->device, e) < 0 || su_key_lock(k, e) < 0)
        return -1;
    int rc = find_key(k->device->token, n->name, &k->pkey, e);
    if (rc < 0 && e->kind != SU_E_MISSING)
        k->device->dead = true;
    su_key_unlock(k);
    return rc;
}

static int generate(const struct token *t, CK_SESSION_HANDLE s, const char *label, enum su_key_algorithm a,
                    struct su_err *e)
{
    static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, f4[] = {1, 0, 1};
    CK_ULONG bits = a == SU_KEY_RSA3072 ? 3072 : 2048;
    CK_UTF8CHAR *name = (CK_UTF8CHAR *)label;
    CK_ULONG len = strlen(label);
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1},      {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1},
                              {CKA_EXTRACTABLE, &no, 1}, {CKA_SIGN, &yes, 1},    {CKA_LABEL, name, len},
                              {CKA_ID, name, len},       {CKA_DECRYPT, &no, 1},  {CKA_UNWRAP, &no, 1}};
    CK_ATTRIBUTE ec[] = {{CKA_TOKEN, &yes, 1},
                         {CKA_VERIFY, &yes, 1},
                         {CKA_LABEL, name, len},
                         {CKA_ID, name, len},
                         {CKA_EC_PARAMS, p256, sizeof p256}};
    CK_ATTRIBUTE rsa[] = {{CKA_TOKEN, &yes, 1},
                          {CKA_VERIFY, &yes, 1},
                          {CKA_LABEL, name, len},
                          {CKA_ID, name, len},
                          {CKA_ENCRYPT, &no, 1},
                          {CKA_WRAP, &no, 1},
                          {CKA_MODULUS_BITS, &bits, sizeof bits},
                          {CKA_PUBLIC_EXPONENT, f4, sizeof f4}};
    bool is_ec = a == SU_KEY_P256;
    CK_MECHANISM m = {is_ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE pub, priv;
    /* decrypting and unwrapping are attributes of RSA keys only */
    CK_RV rv = t->f->C_GenerateKeyPair(s, &m, is_ec ? ec : rsa, is_ec ? SU_ARRAY_LEN(ec) : SU_ARRAY_LEN(rsa), private,
                                       is_ec ? SU_ARRAY_LEN(private) - 2 : SU_ARRAY_LEN(private), &pub, &priv);
    return rv == CKR_OK ? 0 : ck_fail(e, rv, "making a key in the token");
}

static int destroy(const struct token *t, CK_SESSION_HANDLE s, const char *label, enum su_key_algorithm a,
                   struct su_err *e)
{
    (void)a;
    CK_OBJECT_HANDLE found[8];
    CK_ULONG n = 0;
    CK_RV rv = find_objects(t, s, label, found, SU_ARRAY_LEN(found), &n);
    for (CK_ULONG i = 0; i < n && rv == CKR_OK; i++)
        rv = t->f->C_DestroyObject(s, found[i]);
    return rv == CKR_OK ? 0 : ck_fail(e, rv, "destroying a key in the token");
}

/* Runs one operation in a session of its own that may write; the login is the application's. */
static int in_session(const struct su_key_name *n, const struct su_key_options *o, enum su_key_algorithm a,
                      int (*run)(const struct token *, CK_SESSION_HANDLE, const char *, enum su_key_algorithm,
                                 struct su_err *),
                      struct su_err *e)
{
    struct su_key k = {0};
    CK_SESSION_HANDLE s;
    if (token_device(n, o, &k.device, e) < 0)
        return -1;
    int rc = su_key_lock(&k, e);
    if (rc == 0) {
        const struct token *t = k.device->token;
        CK_RV rv = t->f->C_OpenSession(t->id, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s);
        if (rv != CKR_OK) {
            rc = ck_fail(e, rv, "opening a session of the token");
        } else {
            rc = run(t, s, n->name, a, e);
            t->f->C_CloseSession(s);
        }
        if (rc < 0)
            k.device->dead = true;
        su_key_unlock(&k);
    }
    su_key_device_put(&k.device);
    return rc;
}

int su_key_token_make(const struct su_key_name *n, enum su_key_algorithm a, const struct su_key_options *o,
                      struct su_err *e)
{
    return in_session(n, o, a, generate, e);
}

int su_key_token_destroy(const struct su_key_name *n, const struct su_key_options *o, struct su_err *e)
{
    return in_session(n, o, SU_KEY_RSA2048, destroy, e);
}
