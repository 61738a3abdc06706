/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of suretyd, and what is made of them once for all answers; audit records. */
#include "imds/audit.h"
#include "imds/state.h"
#include "tests/lib/tap.h"
#include "wire/fields.h"
#include <fcntl.h>
#include <sys/socket.h>

static struct su_imds_state s;

static uint8_t say(uint8_t op, const struct su_buf *body, int fd, struct su_wire_error *why)
{
    SU_BUF struct su_buf out = {0};
    uint8_t rc = su_imds_control(&s, op, body ? su_buf_bytes(body) : (struct su_bytes){0}, fd, &out);
    struct su_bytes at = su_buf_bytes(&out);
    if (rc == SU_IMDS_ERROR && !su_wire_error_take(&at, why))
        ok(0, "an error that is none");
    return rc;
}

static void host(void)
{
    struct su_wire_error why = {0};
    static const uint8_t chain[] = {0x30, 1, 'a', 0x30, 0x81, 2, 'b', 'c', 0x30, 0x82, 0, 0};
    struct su_imds_host h = {.host = "h\"1", .serving = 1, .chain = {chain, sizeof chain}, .rate = 5, .burst = 10};
    SU_BUF struct su_buf b = {0};
    su_imds_host_put(&b, &h);
    ok(say(SU_IMDS_HOST, &b, -1, &why) == SU_IMDS_DONE && s.told);
    is_str(
        s.tail[SU_OVER_VSOCK],
        "\",\"surety\":{\"chain\":[\"MAFh\",\"MIECYmM=\",\"MIIAAA==\"],\"host\":\"h\\\"1\",\"transport\":\"vsock\"}}");
    b.n = 0;
    h.chain.n--;
    su_imds_host_put(&b, &h);
    ok(say(SU_IMDS_HOST, &b, -1, &why) == SU_IMDS_ERROR, "a chain that is cut");
    is_str(why.id, "imds.chain");
    ok(s.told && s.tail[SU_OVER_VSOCK], "and what was told before stays");
    b.n--;
    ok(say(SU_IMDS_HOST, &b, -1, &why) == SU_IMDS_ERROR && strcmp(why.id, "imds.message") == 0, "a body that is cut");
    ok(say(SU_IMDS_CLEAR, NULL, -1, &why) == SU_IMDS_DONE && !s.told && !s.tail[SU_OVER_HTTP], "all is forgotten");
}

static void others(void)
{
    struct su_wire_error why = {0};
    static const uint8_t ops[] = {0, SU_IMDS_AUDIT, SU_IMDS_DONE, SU_IMDS_ERROR, 255};
    for (size_t i = 0; i < SU_ARRAY_LEN(ops); i++)
        ok(say(ops[i], NULL, -1, &why) == SU_IMDS_ERROR && strcmp(why.id, "imds.message") == 0, "operation %u", ops[i]);
    SU_BUF struct su_buf b = {0};
    su_put_str(&b, "x");
    ok(say(SU_IMDS_CLEAR, &b, -1, &why) == SU_IMDS_ERROR, "CLEAR with a body");
    ok(say(SU_IMDS_VM_DEL, &b, -1, &why) == SU_IMDS_ERROR && why.kind == SU_E_MISSING, "a VM that is not there");
    ok(say(SU_IMDS_UNLISTEN, &b, -1, &why) == SU_IMDS_ERROR && why.kind == SU_E_MISSING,
       "a listener that is not there");
    ok(say(SU_IMDS_LISTEN, &b, -1, &why) == SU_IMDS_ERROR, "a listener without a socket");
    ok(say(SU_IMDS_STATUS, NULL, -1, &why) == SU_IMDS_STATUS);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ok(say(SU_IMDS_STATUS, NULL, fd, &why) == SU_IMDS_STATUS && fcntl(fd, F_GETFD) < 0,
       "a descriptor that nobody asked for is closed");
}

static void base64(void)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    char out[16];
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        out[su_base64_put((const uint8_t *)rows[i][0], strlen(rows[i][0]), out)] = '\0';
        is_str(out, rows[i][1]);
    }
}

static void audit(void)
{
    static struct su_audit a;
    struct su_imds_audit r = {.kind = SU_AUDIT_REQUEST, .transport = SU_OVER_UNIX, .status = 200}, back;
    char hash[65], path[8];
    uint8_t frame[1024];
    int pair[2];
    su_audit_hash("abc", hash);
    is_str(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    su_audit_hash("", hash);
    is_str(hash, "");
    su_audit_path("/a\n\x80?x", path, sizeof path);
    is_str(path, "/a??");
    su_audit_path("/123456789", path, sizeof path);
    is_str(path, "/123456");
    if (!ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0))
        return;
    for (int i = 0; i < SU_AUDIT_BATCH + 1; i++)
        su_audit_put(&a, pair[0], &r);
    ssize_t n = recv(pair[1], frame, sizeof frame, MSG_DONTWAIT);
    struct su_bytes body = {frame + 8, (size_t)n - 8};
    ok(n > 8 && frame[0] == SU_IMDS_AUDIT && su_imds_audit_take(&body, &back) && back.status == 200 && a.lost == 0,
       "a full batch goes out by itself");
    for (int i = 0; i < 5000; i++)
        su_audit_put(&a, pair[0], &r);
    ok(a.lost > 0, "nobody reads: %llu are lost and nothing waits", (unsigned long long)a.lost);
    uint64_t lost = a.lost;
    su_audit_put(&a, -1, &r);
    su_audit_flush(&a, -1);
    ok(a.lost > lost, "nobody is there: lost");
    close(pair[0]);
    close(pair[1]);
    su_audit_done(&a);
}

int main(void)
{
    host();
    others();
    base64();
    audit();
    su_imds_state_clear(&s);
    return tap_done();
}
