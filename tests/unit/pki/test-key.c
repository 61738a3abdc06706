/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys: their names, files, and tokens where softhsm is installed.  TPMs: tests/verify/signer. */
#include "pki/key_int.h"
#include "pki_sample.h"
#include <fcntl.h>
#include <sys/stat.h>

static const char *parse(const char *uri, struct su_key_name *n)
{
    struct su_err e = {0};
    return su_key_name_parse(uri, n, &e) == 0 ? "ok" : e.id;
}

static void uris(void)
{
    struct su_key_name n;
    is_str(parse("file:", &n), "ok");
    is_str(n.name, "key");
    is_str(parse("file:doc-1", &n), "ok");
    is_str(n.name, "doc-1");
    is_str(parse("tpm2:", &n), "ok");
    is_str(n.tcti, "");
    is_str(parse("tpm2:tcti=swtpm:host=127.0.0.1,port=2321", &n), "ok");
    is_str(n.name, "key");
    is_str(n.tcti, "swtpm:host=127.0.0.1,port=2321");
    is_str(parse("tpm2:a;tcti=device:/dev/tpmrm0", &n), "ok");
    is_str(n.name, "a");
    is_str(parse("pkcs11:token=my%20token;object=k", &n), "ok");
    is_str(n.token, "my token");
    static const char *const bad[] = {"",
                                      "key",
                                      "file",
                                      "file:../x",
                                      "file:.x",
                                      "file:a/b",
                                      "file:a;b",
                                      "file:a;",
                                      "tpm2:tcti=a;tcti=b",
                                      "tpm2:pin=1",
                                      "pkcs11:",
                                      "pkcs11:token=a",
                                      "pkcs11:object=a",
                                      "pkcs11:token=a;object=b;pin-value=1",
                                      "pkcs11:token=a%0;object=b",
                                      "pkcs11:token=a%00;object=b",
                                      "pkcs11:token=0123456789012345678901234567890123;object=b"};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        ok(strcmp(parse(bad[i], &n), "key.uri") == 0, "refused: %s", bad[i]);
    struct su_err e = {0};
    ok(su_key_name_parse("pkcs11:token=a;object=b?pin-value=4711", &n, &e) < 0 && !strstr(e.msg, "4711"), "%s", e.msg);
}

static bool signs(struct su_key *k)
{
    uint8_t sig[512];
    size_t n = 0;
    struct su_err e = {0};
    static const uint8_t data[] = "{\"a\":1}";
    if (su_key_sign(k, (struct su_bytes){data, sizeof data - 1}, sig, sizeof sig, &n, &e) < 0) {
        printf("# %s: %s\n", e.id, e.msg);
        return false;
    }
    /* verified with the public key alone */
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(su_key_pkey(k), &der);
    const uint8_t *p = der;
    EVP_PKEY *pub = len > 0 ? d2i_PUBKEY(NULL, &p, len) : NULL;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = pub && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, pub) > 0 &&
                EVP_DigestVerify(c, sig, n, data, sizeof data - 1) == 1;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(pub);
    OPENSSL_free(der);
    return good;
}

static void life(const char *uri, enum su_key_algorithm a, const char *what)
{
    struct su_err e = {0};
    SU_KEY struct su_key *k = NULL, *again = NULL, *second = NULL;
    char made[512] = "", other[512] = "";
    ok(su_key_generate(uri, a, &sample_options, &k, made, sizeof made, &e) == 0, "%s: made (%s)", what, e.msg);
    if (!k)
        return;
    ok(signs(k), "%s: signs", what);
    ok(su_key_generate(uri, a, &sample_options, &second, other, sizeof other, &e) == 0 && strcmp(made, other) != 0,
       "%s: a second one beside it", what);
    ok(signs(k) && second && signs(second), "%s: both sign", what);
    ok(su_key_open(made, &sample_options, &again, &e) == 0 && signs(again), "%s: opened by its name", what);
    ok(again && EVP_PKEY_eq(su_key_pkey(again), su_key_pkey(k)) == 1, "%s: the same key", what);
    su_key_free(&second);
    ok(su_key_destroy(other, &sample_options, &e) == 0, "%s: destroyed", what);
    ok(su_key_open(other, &sample_options, &second, &e) < 0 && !second, "%s: gone", what);
    is_str(e.id, "key.none");
    ok(su_key_destroy(other, &sample_options, &e) == 0, "%s: destroying it twice is no error", what);
    ok(signs(k), "%s: the first signs on", what);
}

static void put_file(const char *name, const char *text, mode_t mode)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", sample_dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0 || fchmod(fd, mode) < 0 || write(fd, text, strlen(text)) < 0)
        abort();
    close(fd);
}

static void files(void)
{
    struct su_err e = {0};
    SU_KEY struct su_key *k = NULL;
    char path[400];
    put_file("bad.pem", "no key\n", 0600);
    ok(su_key_open("file:bad", &sample_options, &k, &e) < 0 && !k);
    is_str(e.id, "key.file");
    put_file("open.pem", "no key\n", 0644);
    ok(su_key_open("file:open", &sample_options, &k, &e) < 0 && !k, "a file that others may read");
    is_str(e.id, "key.mode");
    put_file("empty.pem", "", 0600);
    ok(su_key_open("file:empty", &sample_options, &k, &e) < 0 && !k);
    snprintf(path, sizeof path, "%s/link.pem", sample_dir);
    ok(symlink("bad.pem", path) == 0 && su_key_open("file:link", &sample_options, &k, &e) < 0, "no links");
    put_file("small.pem",
             "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
             "-----END PRIVATE KEY-----\n",
             0600);
    ok(su_key_open("file:small", &sample_options, &k, &e) < 0 && !k, "Ed25519 is no key for documents");
    is_str(e.id, "key.kind");
}

static void tokens(void)
{
    char cmd[800], conf[300], pin[300];
    struct su_err e = {0};
    SU_KEY struct su_key *k = NULL;
    snprintf(conf, sizeof conf, "%s/softhsm.conf", sample_dir);
    snprintf(cmd, sizeof cmd,
             "mkdir %s/tokens && printf 'directories.tokendir = %s/tokens\\nlog.level = ERROR\\n' >%s && "
             "softhsm2-util --init-token --free --label 'a token' --pin 1234 --so-pin 4321 >%s/out 2>&1",
             sample_dir, sample_dir, conf, sample_dir);
    setenv("SOFTHSM2_CONF", conf, 1);
    sample_options.module = "/usr/lib/softhsm/libsofthsm2.so";
    if (access(sample_options.module, R_OK) < 0 || system(cmd) != 0) {
        ok(true, "tokens # SKIP no softhsm");
        return;
    }
    put_file("pin", "1234\n", 0600);
    put_file("wrong", "9999\n", 0600);
    snprintf(pin, sizeof pin, "%s/wrong", sample_dir);
    sample_options.pin_file = pin;
    ok(su_key_open("pkcs11:token=a%20token;object=k", &sample_options, &k, &e) < 0 && !k);
    is_str(e.id, "key.pin");
    ok(strstr(e.msg, "9999") == NULL && strstr(e.msg, "1234") == NULL, "the PIN is not told");
    snprintf(pin, sizeof pin, "%s/pin", sample_dir);
    ok(su_key_open("pkcs11:token=a%20token;object=k", &sample_options, &k, &e) < 0 && !k);
    is_str(e.id, "key.none");
    ok(su_key_open("pkcs11:token=another;object=k", &sample_options, &k, &e) < 0 && !k);
    is_str(e.id, "key.none");
    life("pkcs11:token=a%20token;object=k", SU_KEY_RSA2048, "RSA-2048 in a token");
    life("pkcs11:token=a%20token;object=k", SU_KEY_P256, "P-256 in a token");
    life("pkcs11:token=a%20token;object=k", SU_KEY_RSA3072, "RSA-3072 in a token");
    sample_options.module = "/nonexistent.so";
    ok(su_key_open("pkcs11:token=a%20token;object=k", &sample_options, &k, &e) < 0 && !k);
    is_str(e.id, "key.provider");
}

int main(void)
{
    sample_begin();
    uris();
    life("file:", SU_KEY_RSA2048, "RSA-2048 in a file");
    life("file:ec", SU_KEY_P256, "P-256 in a file");
    files();
    tokens();
    sample_end();
    return tap_done();
}
