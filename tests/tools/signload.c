/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signload SOCKET UUID SECONDS WINDOW: asks sign.sock, WINDOW questions under way at once, several in a frame as
 * surety-imds does; prints how many documents came and how many a second. */
#include "wire/ipc.h"
#include "wire/sign.h"
#include "wire/versions.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fail(const struct su_err *e)
{
    fprintf(stderr, "signload: %s: %s\n", e->id, e->msg);
    return 1;
}

/* Returns how many of the wanted questions were sent. */
static int ask(int fd, struct su_bytes question, unsigned long wanted, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    int n = 0;
    for (; n < SU_SIGN_TOGETHER && (unsigned long)n < wanted; n++)
        su_sign_item_put(&b, &(struct su_sign_item){SU_SIGN_DOCUMENT, (uint32_t)n, question});
    if (su_ipc_send(fd, SU_SIGN_DOCUMENTS, 0, su_buf_bytes(&b), -1, e) == 0)
        return n;
    return strcmp(e->id, "ipc.full") == 0 ? 0 : -1;
}

/* How many these are; 0: there is something else among them. */
static unsigned documents(struct su_bytes answers)
{
    struct su_sign_item i;
    unsigned n = 0;
    for (; answers.n; n++)
        if (!su_sign_item_take(&answers, &i) || i.op != SU_SIGN_DOCUMENT)
            return 0;
    return n;
}

int main(int argc, char **argv)
{
    struct su_err e = {0};
    static uint8_t frame[SU_IPC_MAX];
    struct su_sign_request q = {.nonce = "load"};
    SU_BUF struct su_buf body = {0};
    SU_CLOSE int fd = -1;
    int rc = 0;
    if (argc != 5 || strlen(argv[2]) != SU_UUID_TEXT - 1)
        return 2;
    q.version = (uint16_t)su_api_version_of("2025-04-07");
    memcpy(q.uuid, argv[2], sizeof q.uuid);
    su_sign_request_put(&body, &q);
    if (su_ipc_connect(argv[1], &fd, &e) < 0)
        return fail(&e);
    unsigned long done = 0, window = strtoul(argv[4], NULL, 10), under_way = 0;
    double start = now(), seconds = strtod(argv[3], NULL);
    while (now() - start < seconds) {
        if (under_way < window && (rc = ask(fd, su_buf_bytes(&body), window - under_way, &e)) < 0)
            return fail(&e);
        under_way += (unsigned)rc;
        struct su_ipc_msg m = {.fd = -1};
        rc = su_ipc_recv(fd, frame, sizeof frame, &m, &e);
        if (rc < 0)
            return fail(&e);
        if (rc == 0) {
            poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000);
            continue;
        }
        rc = 0;
        unsigned n = m.op == SU_SIGN_ANSWERS ? documents(m.body) : 0;
        if (!n) {
            fprintf(stderr, "signload: an error came\n");
            return 1;
        }
        done += n;
        under_way -= n;
    }
    printf("%lu %.0f\n", done, (double)done / (now() - start));
    return 0;
}
