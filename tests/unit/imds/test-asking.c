/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client of the signer, and the connector. */
#include "imds/connector.h"
#include "imds/signer.h"
#include "tests/lib/tap.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

static unsigned n_answers, n_gone;
static uint32_t last_seq;
static bool last_ok;

static void on_answer(void *ctx, uint32_t seq, const struct su_signer_answer *a)
{
    (void)ctx;
    n_answers++;
    last_seq = seq;
    last_ok = a->ok;
}

static void on_gone(void *ctx)
{
    (void)ctx;
    n_gone++;
}

static struct su_signer s = {.fd = -1, .connector = -1, .answer = on_answer, .gone = on_gone};
static const struct su_sign_request question = {.uuid = "00000000-0000-4000-8000-000000000001", .nonce = "n"};

static void say(int fd, uint8_t op, uint32_t seq, size_t der)
{
    static uint8_t bytes[SU_DOCUMENT_MAX];
    struct su_err e = {0};
    struct su_sign_reply r = {.der = {bytes, der}, .nonce = "n"};
    SU_BUF struct su_buf b = {0};
    if (op == SU_SIGN_ERROR) {
        su_fail(&e, SU_E_IO, "x.y", "z");
        su_wire_error_put(&b, &e);
    } else
        su_sign_reply_put(&b, &r);
    ok(su_ipc_send(fd, op, seq, su_buf_bytes(&b), -1, &e) == 0);
}

static void say_together(int fd, uint32_t seq, unsigned n)
{
    static uint8_t bytes[2000];
    struct su_err e = {0};
    struct su_sign_reply r = {.der = {bytes, sizeof bytes}, .nonce = "n"};
    SU_BUF struct su_buf one = {0}, all = {0};
    su_sign_reply_put(&one, &r);
    for (unsigned i = 0; i < n; i++)
        su_sign_item_put(&all, &(struct su_sign_item){SU_SIGN_DOCUMENT, seq + i, su_buf_bytes(&one)});
    ok(su_ipc_send(fd, SU_SIGN_ANSWERS, 0, su_buf_bytes(&all), -1, &e) == 0);
}

static int connected(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        abort();
    s.fd = pair[0];
    s.first = s.n = 0;
    return pair[1];
}

static void asking(void)
{
    uint8_t frame[4096];
    ok(!su_signer_ask(&s, 1, &question), "nobody is there");
    int fd = connected();
    for (uint32_t i = 1; i <= 40; i++)
        if (!su_signer_ask(&s, i, &question))
            ok(0, "question %u", i);
    su_signer_flush(&s);
    ssize_t n = recv(fd, frame, sizeof frame, 0);
    struct su_bytes body = {frame + 8, (size_t)n - 8};
    struct su_sign_item item;
    struct su_sign_request got;
    ok(n > 8 && frame[0] == SU_SIGN_DOCUMENTS && su_be32(frame + 4) == 0 && su_sign_items(body) == SU_SIGN_TOGETHER);
    ok(su_sign_item_take(&body, &item) && item.op == SU_SIGN_DOCUMENT && item.seq == 1 &&
       su_sign_request_take(&item.body, &got) && strcmp(got.uuid, question.uuid) == 0 && item.body.n == 0 && s.n == 0);
    unsigned more = 0;
    while ((n = recv(fd, frame, sizeof frame, MSG_DONTWAIT)) > 8)
        more += su_sign_items((struct su_bytes){frame + 8, (size_t)n - 8});
    ok(more == 40 - SU_SIGN_TOGETHER, "all were asked, in a few frames");
    say(fd, SU_SIGN_DOCUMENT, 17, 2000);
    say(fd, SU_SIGN_DOCUMENT, 18, SU_DOCUMENT_MAX);
    say(fd, SU_SIGN_ERROR, 19, 0);
    su_signer_readable(&s);
    ok(n_answers == 3 && last_seq == 19 && !last_ok && n_gone == 0, "three answers in one call");
    su_signer_readable(&s);
    ok(n_gone == 0, "nothing there is no end");
    say_together(fd, 20, 3);
    su_signer_readable(&s);
    ok(n_answers == 6 && last_seq == 22 && last_ok && n_gone == 0, "three answers in one frame");
    unsigned asked = 0;
    while (asked < 100000 && su_signer_ask(&s, 5, &question))
        asked++;
    ok(asked > SU_SIGNER_QUEUE * SU_SIGN_TOGETHER && asked < 100000 && s.n == SU_SIGNER_QUEUE,
       "who does not read is asked %u times", asked);
    close(fd);
    su_signer_readable(&s);
    ok(n_gone == 1 && s.fd < 0 && s.n == 0, "the end is told once");
    su_signer_readable(&s);
    su_signer_flush(&s);
    ok(n_gone == 1);
}

static void garbage(void)
{
    static const struct {
        uint8_t bytes[16];
        size_t n;
    } rows[] = {{{SU_SIGN_DOCUMENT}, 1},
                {{SU_SIGN_DOCUMENT, 1, 0, 0, 0, 0, 0, 1}, 8},
                {{SU_SIGN_DOCUMENT, 2, 0, 0, 0, 0, 0, 1, 0, 0}, 10},
                {{SU_SIGN_DONE, 1, 0, 0, 0, 0, 0, 1}, 8},
                {{SU_SIGN_ERROR, 1, 0, 0, 0, 0, 0, 1, 99, 0, 0, 0, 0}, 13},
                {{SU_SIGN_DOCUMENT, 1, 0, 1, 0, 0, 0, 1}, 8},
                {{SU_SIGN_ANSWERS, 1, 0, 0, 0, 0, 0, 0}, 8},
                {{SU_SIGN_ANSWERS, 1, 0, 0, 0, 0, 0, 0, SU_SIGN_DOCUMENT, 0, 0, 0, 1, 0, 0}, 15},
                {{SU_SIGN_ANSWERS, 1, 0, 0, 0, 0, 0, 0, SU_SIGN_DONE, 0, 0, 0, 1, 0, 0}, 15},
                {{SU_SIGN_ANSWERS, 1, 0, 0, 0, 0, 0, 0, SU_SIGN_ERROR, 0, 0, 0, 1, 0, 9}, 15}};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        int fd = connected();
        unsigned gone = n_gone, answers = n_answers;
        ok(send(fd, rows[i].bytes, rows[i].n, 0) == (ssize_t)rows[i].n);
        su_signer_readable(&s);
        ok(n_gone == gone + 1 && n_answers == answers && s.fd < 0, "garbage %zu ends the connection", i);
        close(fd);
    }
    int fd = connected();
    say(fd, SU_SIGN_DOCUMENT, 1, 0);
    unsigned gone = n_gone;
    su_signer_readable(&s);
    ok(n_gone == gone + 1, "a document of no bytes");
    close(fd);
}

static bool wait_in(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 60000) == 1;
}

static void connecting(void)
{
    char dir[] = "/tmp/surety-asking.XXXXXX", path[64];
    struct su_err e = {0};
    int listener = -1, peer = -1;
    if (!ok(mkdtemp(dir) != NULL))
        return;
    snprintf(path, sizeof path, "%s/s", dir);
    ok(su_connector_start(path, &s.connector, &e) == 0, "%s", e.msg);
    su_signer_connect(&s, 1);
    ok(s.asked && wait_in(s.connector) && !su_signer_connected(&s) && !s.asked && s.fd < 0, "nobody listens");
    su_signer_connect(&s, 2);
    ok(!s.asked, "it is not asked again at once");
    ok(su_ipc_listen(path, 0600, &listener, &e) == 0);
    su_signer_connect(&s, 1000000);
    ok(s.asked && wait_in(s.connector) && su_signer_connected(&s) && s.fd >= 0, "connected");
    ok(su_ipc_accept(listener, (uid_t)-1, &peer, &e) == 0 && peer >= 0);
    ok((fcntl(s.fd, F_GETFL) & O_NONBLOCK) && (fcntl(s.fd, F_GETFD) & FD_CLOEXEC));
    ok(su_signer_ask(&s, 1, &question));
    su_signer_flush(&s);
    ok(wait_in(peer), "the question arrives");
    close(peer);
    close(listener);
    unlink(path);
    rmdir(dir);
    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    int fd = -1;
    ok(su_connector_start(longer, &fd, &e) < 0 && strcmp(e.id, "ipc.size") == 0);
}

int main(void)
{
    asking();
    garbage();
    connecting();
    su_signer_done(&s);
    return tap_done();
}
