/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers by name, put into the socket before the question is asked. */
#include "disk/qmp.h"
#include "tests/lib/tap.h"
#include <fcntl.h>
#include <sys/socket.h>

static const struct {
    const char *name, *answers, *id, *text; /* id NULL: good; text: in the message */
} cases[] = {
    {"an answer", "{\"return\": {\"x\": 1}}\r\n", NULL, NULL},
    {"events before it", "{\"event\": \"A\", \"data\": {}}\n{\"event\": \"B\"}\n{\"return\": {\"x\": 1}}\n", NULL,
     NULL},
    {"a refusal", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such node\"}}\n", "qmp.failed",
     "ask: no such node"},
    {"a refusal without reason", "{\"error\": 7}\n", "qmp.failed", "ask: failed"},
    {"not JSON", "hello\n", "qmp.failed", NULL},
    {"an empty line", "\n", "qmp.failed", NULL},
    {"not an object", "[1, 2]\n", "qmp.failed", NULL},
    {"two objects in a line", "{\"return\": 1} {\"return\": 2}\n", "qmp.failed", NULL},
    {"nothing at all", "", "qmp.lost", NULL},
    {"half a line", "{\"return\": {", "qmp.lost", NULL},
    {"only events", "{\"event\": \"A\"}\n", "qmp.lost", NULL},
    {"nesting without end", NULL, "qmp.failed", NULL},
};

static void answers(void)
{
    static char deep[8192];
    memset(deep, '[', sizeof deep - 2);
    deep[sizeof deep - 2] = '\n';
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        struct su_err e = {0};
        int s[2];
        const char *text = cases[i].answers ? cases[i].answers : deep;
        json_t *answer = NULL;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0 || write(s[1], text, strlen(text)) != (ssize_t)strlen(text) ||
            shutdown(s[1], SHUT_WR) < 0)
            exit(99);
        int rc = su_qmp_run(s[0], "ask", json_pack("{s:i}", "a", 5), &answer, &e);
        ok((rc == 0) == !cases[i].id && !answer == (rc < 0), "%s", cases[i].name);
        if (cases[i].id)
            is_str(e.id ? e.id : "", cases[i].id);
        if (cases[i].text)
            is_str(e.msg, cases[i].text);
        json_decref(answer);
        close(s[0]);
        close(s[1]);
    }
}

static void question(void)
{
    struct su_err e = {0};
    int s[2];
    char got[256] = "";
    static const char both[] = "{\"QMP\": {}}\n{\"return\": {}}\nrest";
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0 || write(s[1], both, sizeof both - 1) < 0)
        exit(99);
    ok(su_qmp_hello(s[0], &e) == 0, "hello");
    ok(read(s[1], got, sizeof got - 1) > 0 && strcmp(got, "{\"execute\":\"qmp_capabilities\"}\n") == 0,
       "is what leaves negotiation");
    memset(got, 0, sizeof got);
    ok(read(s[0], got, sizeof got - 1) == 4 && strcmp(got, "rest") == 0, "nothing behind the answer is taken");
    close(s[1]);
    ok(su_qmp_run(s[0], "x", NULL, NULL, &e) < 0 && strcmp(e.id, "qmp.lost") == 0, "the other side is gone");
    close(s[0]);
}

/* A megabyte without a line's end is no answer. */
static void flood(void)
{
    struct su_err e = {0};
    int s[2], size = 4 << 20;
    static char big[1 << 20];
    memset(big, ' ', sizeof big);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0 || setsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) < 0 ||
        fcntl(s[1], F_SETFL, O_NONBLOCK) < 0)
        exit(99);
    ssize_t put = write(s[1], big, sizeof big);
    shutdown(s[1], SHUT_WR);
    ok(put > 0 && su_qmp_run(s[0], "x", NULL, NULL, &e) < 0, "%zd blanks", put);
    is_str(e.id, "qmp.lost");
    close(s[0]);
    close(s[1]);
}

int main(void)
{
    answers();
    question();
    flood();
    return tap_done();
}
