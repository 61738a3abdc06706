/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signload SOCKET UUID SECONDS WINDOW: asks sign.sock, WINDOW questions under way at once; prints how many documents
 * came and how many a second. */
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

int main(int argc, char **argv)
{
    struct su_err e = {0};
    static uint8_t frame[SU_IPC_MAX];
    struct su_sign_request q = {.nonce = "load"};
    SU_BUF struct su_buf body = {0};
    SU_CLOSE int fd = -1;
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
        while (under_way < window &&
               su_ipc_send(fd, SU_SIGN_DOCUMENT, (uint32_t)done, su_buf_bytes(&body), -1, &e) == 0)
            under_way++;
        struct su_ipc_msg m = {.fd = -1};
        int rc = su_ipc_recv(fd, frame, sizeof frame, &m, &e);
        if (rc < 0)
            return fail(&e);
        if (rc == 0) {
            poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000);
            continue;
        }
        if (m.op != SU_SIGN_DOCUMENT) {
            fprintf(stderr, "signload: an error came\n");
            return 1;
        }
        done++;
        under_way--;
    }
    printf("%lu %.0f\n", done, (double)done / (now() - start));
    return 0;
}
