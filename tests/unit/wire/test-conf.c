/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/conf.h"
#include "tests/lib/tap.h"
#include "wire/hostconf.h"
#include <unistd.h>

static const char *const colours[] = {"red", "green", NULL};
struct sample {
    char name[8], colour[8], must[8];
    bool on;
    uint32_t n, time;
};
#define AT(f) .offset = offsetof(struct sample, f)
static const struct su_conf_row rows[] = {
    {.section = "a", .key = "name", AT(name), .size = 8, .value = "def"},
    {.section = "a", .key = "colour", AT(colour), .size = 8, .value = "red", .words = colours},
    {.section = "a", .key = "must", AT(must), .size = 8},
    {.section = "b", .key = "on", .type = SU_CONF_BOOL, AT(on), .value = "no"},
    {.section = "b", .key = "n", .type = SU_CONF_UINT, AT(n), .value = "5", .min = 1, .max = 9},
    {.section = "b", .key = "time", .type = SU_CONF_SECONDS, AT(time), .value = "12h"},
};

static int parse(const char *text, struct sample *s, struct su_err *e)
{
    return su_conf_parse(rows, SU_ARRAY_LEN(rows), (struct su_bytes){(const uint8_t *)text, strlen(text)}, "f", s,
                         sizeof *s, e);
}

static void good(void)
{
    struct sample s = {0};
    struct su_err e = {0};
    ok(parse("# c\n[a]\n must =  x y \t\r\ncolour=green\n\n; c\n[b]\non = Yes\nn=9\ntime = 90\n", &s, &e) == 0, "%s",
       e.msg);
    is_str(s.must, "x y");
    is_str(s.name, "def");
    is_str(s.colour, "green");
    ok(s.on && s.n == 9 && s.time == 90);
    ok(parse("[a]\nmust=\n[b]\ntime=30d", &s, &e) == 0 && s.time == 2592000 && s.n == 5, "no line break at the end");
}

static void bad(void)
{
    static const struct {
        const char *text, *id, *msg;
    } cases[] = {
        {"", "conf.missing", "f: [a] lacks must"},
        {"must = 1\n", "conf.syntax", "f:1: a key before the first [section]"},
        {"[a]\nmust = 1\nmust = 2\n", "conf.syntax", "f:3: must stands there twice"},
        {"[a]\nmist = 1\n", "conf.unknown", "f:2: [a] has no key mist"},
        {"[c]\n", "conf.unknown", "f:1: there is no section [c]"},
        {"[a\n", "conf.syntax", "f:1: a section is [name]"},
        {"[]\n", "conf.syntax", "f:1: a section is [name]"},
        {"[a]\nmust\n", "conf.syntax", "f:2: neither [section] nor key = value"},
        {"[a]\n= 1\n", "conf.syntax", "f:2: neither [section] nor key = value"},
        {"[a]\nmust = 12345678\n", "conf.value", "f:2: must is longer than 7 bytes"},
        {"[a]\ncolour = blue\n", "conf.value", "f:2: colour may not be \"blue\""},
        {"[a]\nmust = a\x01\n", "conf.syntax", "f:2: a control character"},
        {"[b]\non = maybe\n", "conf.value", "f:2: on is yes or no"},
        {"[b]\nn = 0\n", "conf.value", "f:2: n lies outside 1 to 9"},
        {"[b]\nn = 10\n", "conf.value", "f:2: n lies outside 1 to 9"},
        {"[b]\nn = 5s\n", "conf.value", "f:2: n is no number"},
        {"[b]\nn = -1\n", "conf.value", "f:2: n is no number"},
        {"[b]\nn =\n", "conf.value", "f:2: n is no number"},
        {"[b]\ntime = 1w\n", "conf.value", "f:2: time is no time: 90s, 15m, 12h, 30d"},
        {"[b]\ntime = 4294967295d\n", "conf.value", "f:2: time lies outside 0 to 4294967295"},
        {"[b]\ntime = 99999999999999999999\n", "conf.value", "f:2: time is no time: 90s, 15m, 12h, 30d"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        struct sample s, mark;
        struct su_err e = {0};
        memset(&s, 0x5a, sizeof s);
        memset(&mark, 0x5a, sizeof mark);
        ok(parse(cases[i].text, &s, &e) < 0 && memcmp(&s, &mark, sizeof s) == 0, "refused: %s", cases[i].msg);
        is_str(e.id, cases[i].id);
        is_str(e.msg, cases[i].msg);
    }
}

static int host(const char *text, struct su_host_conf *c, struct su_err *e)
{
    char path[] = "/tmp/surety-conf.XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return -2;
    close(fd);
    int rc = su_host_conf_load(path, c, e);
    unlink(path);
    return rc;
}

static void host_conf(void)
{
    struct su_host_conf c;
    struct su_err e = {0};
    ok(su_host_conf_load("/nonexistent/surety.conf", &c, &e) == 0 && c.rate == 5 && c.burst == 10 && *c.host,
       "no file: the defaults");
    ok(c.vsock_port == 169 && c.lifetime == 21600 && c.sync_interval == 43200);
    ok(host("[host]\nname = node1\ncluster = c1\n", &c, &e) == 0);
    is_str(c.host, "node1");
    is_str(c.location, "c1");
    ok(host("[host]\ncluster = a\"b\n", &c, &e) < 0 && !strcmp(e.id, "conf.value"), "a quote in a name");
    ok(host("[document]\nsubscription = x\n", &c, &e) < 0 && !strcmp(e.id, "conf.value"), "no UUID");
    ok(host("[authority]\nurl = http://u:s3cret@h\n", &c, &e) < 0 && !strcmp(e.id, "conf.value") &&
           !strstr(e.msg, "s3cret"),
       "a password in a URL");
    ok(host("[document]\nlifetime = 59\n", &c, &e) < 0, "a lifetime under a minute");
    ok(su_host_conf_load("/", &c, &e) < 0 && !strcmp(e.id, "conf.read"), "a directory is no file");
}

int main(void)
{
    good();
    bad();
    host_conf();
    return tap_done();
}
