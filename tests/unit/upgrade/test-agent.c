/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest agent, played by this file: answers in the form of QEMU's qemu-ga-ref, and of guests that mean harm. */
#include "tests/lib/tap.h"
#include "upgrade/agent.h"
#include "upgrade/agent_answer.h"
#include <stdio.h>

/* The agent: the first row whose word is in the command answers; NULL: nobody does. */
struct says {
    const char *word, *answer;
};
static const struct says *script;
static char asked[4096];
static unsigned n_asked;

int su_hv_agent(struct su_hv *hv, const char *uuid, const char *command, uint32_t timeout_s, struct su_buf *answer,
                struct su_err *e)
{
    (void)hv, (void)timeout_s;
    ok(strcmp(uuid, "u") == 0 && timeout_s > 0, "asked: %.90s", command);
    snprintf(asked, sizeof asked, "%s", command);
    n_asked++;
    for (const struct says *s = script; s->word; s++) {
        if (!strstr(command, s->word))
            continue;
        if (!s->answer)
            break;
        if (strncmp(s->answer, "libvirt:", 8) == 0)
            return su_fail(e, SU_E_IO, "vm.libvirt", "%s", s->answer + 8);
        su_buf_text(answer, s->answer);
        return su_buf_ok(answer, e);
    }
    return su_fail(e, SU_E_MISSING, "vm.agent", "no guest agent answers");
}

#define INFO(files, exec)                                                                                              \
    "{\"return\":{\"version\":\"7.2.0\",\"supported_commands\":[{\"name\":\"guest-exec\",\"enabled\":" exec            \
    ",\"success-response\":true},{\"name\":\"guest-file-open\",\"enabled\":" files                                     \
    "},{\"name\":\"guest-file-read\",\"enabled\":" files "}]}}"
#define OSINFO                                                                                                         \
    "{\"return\":{\"name\":\"Debian GNU/Linux\",\"kernel-release\":\"6.1.0-21-amd64\",\"version\":\"12 (bookworm)\","  \
    "\"pretty-name\":\"Debian GNU/Linux 12 (bookworm)\",\"version-id\":\"12\",\"kernel-version\":\"#1 SMP\","          \
    "\"machine\":\"x86_64\",\"id\":\"debian\"}}"
#define MACHINE_ID "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYK"

static void who(void)
{
    static const struct says rows[] = {
        {"guest-ping", "{\"return\":{}}"},
        {"guest-info", INFO("true", "false")},
        {"guest-get-osinfo", OSINFO},
        {"guest-get-host-name", "{\"return\":{\"host-name\":\"web1\"}}"},
        {"guest-file-open", "{\"return\":1000}"},
        {"guest-file-read", "{\"return\":{\"count\":33,\"buf-b64\":\"" MACHINE_ID "\",\"eof\":true}}"},
        {"guest-file-close", "{\"return\":{}}"},
        {NULL, NULL},
    };
    struct su_agent_facts f;
    struct su_err e = {0};
    script = rows;
    ok(su_agent_ask(NULL, "u", 5, &f, &e) == 0 && f.answered && !f.windows, "it answers");
    is_str(f.version, "7.2.0");
    is_str(f.os_id, "debian");
    is_str(f.os_version, "12");
    is_str(f.os_name, "Debian GNU/Linux 12 (bookworm)");
    is_str(f.kernel, "6.1.0-21-amd64");
    is_str(f.machine, "x86_64");
    is_str(f.hostname, "web1");
    is_str(f.machine_id, "0123456789abcdef0123456789abcdef");
    ok(f.files && !f.exec, "files, but no programs");
    is_str(asked, "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":1000}}");

    static const struct says windows[] = {
        {"guest-ping", "{\"return\":{}}"},
        {"guest-info",
         "libvirt:internal error: unable to execute QEMU agent command 'guest-info': Command guest-info has "
         "been disabled"},
        {"guest-get-osinfo", "{\"return\":{\"id\":\"mswindows\",\"pretty-name\":\"Windows Server 2022\"}}"},
        {"guest-get-host-name",
         "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command guest-get-host-name has "
         "not been found\"}}"},
        {NULL, NULL},
    };
    script = windows;
    ok(su_agent_ask(NULL, "u", 5, &f, &e) == 0 && f.answered && f.windows && !f.files, "Windows, of few words");
    is_str(f.hostname, "");

    static const struct says nobody[] = {{NULL, NULL}};
    script = nobody;
    ok(su_agent_ask(NULL, "u", 5, &f, &e) == 0 && !f.answered && strcmp(f.why.id, "vm.agent") == 0, "nobody");
    static const struct says nonsense[] = {{"guest-ping", "{\"return\":{}}"}, {"guest", "[["}, {NULL, NULL}};
    script = nonsense;
    ok(su_agent_ask(NULL, "u", 5, &f, &e) == 0 && !f.answered && strcmp(f.why.id, "vm.agent.answer") == 0, "nonsense");
    bool up = true;
    script = nobody;
    ok(su_agent_wait(NULL, "u", 0, &up, &e) == 0 && !up, "nobody in no time");
    script = rows;
    ok(su_agent_wait(NULL, "u", 0, &up, &e) == 0 && up, "it is up");
}

static void file_of(const struct says *rows, size_t max, int rc, const char *id, const char *want)
{
    SU_BUF struct su_buf b = {0};
    struct su_err e = {0};
    script = rows;
    ok(su_agent_file(NULL, "u", "/sys/f", max, &b, &e) == rc, "%s: %s", want ? want : id, e.msg);
    if (rc == 0)
        is_str(su_buf_str(&b), want);
    else
        ok(strcmp(e.id, id) == 0 && b.n == 0, "%s, and nothing was added", e.id);
}

#define OPEN                                                                                                           \
    {"guest-file-open", "{\"return\":7}"},                                                                             \
    {                                                                                                                  \
        "guest-file-close", "{\"return\":{}}"                                                                          \
    }
#define CHUNK_OF(b64, eof)                                                                                             \
    {                                                                                                                  \
        "guest-file-read", "{\"return\":{\"count\":1,\"buf-b64\":\"" b64 "\",\"eof\":" eof "}}"                        \
    }
#define DENIED                                                                                                         \
    {                                                                                                                  \
        "guest-file-open",                                                                                             \
            "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Command guest-file-open has been disabled\"}}"          \
    }

static void files(void)
{
    file_of((const struct says[]){OPEN, CHUNK_OF("YWJj", "true"), {NULL, NULL}}, 3, 0, NULL, "abc");
    file_of((const struct says[]){OPEN, CHUNK_OF("", "true"), {NULL, NULL}}, 3, 0, NULL, "");
    file_of((const struct says[]){OPEN, CHUNK_OF("YWJjZA==", "true"), {NULL, NULL}}, 3, -1, "vm.agent.size", NULL);
    file_of((const struct says[]){OPEN, CHUNK_OF("YW==Jj", "true"), {NULL, NULL}}, 9, -1, "vm.agent.answer", NULL);
    file_of((const struct says[]){OPEN, CHUNK_OF("Y*Jj", "true"), {NULL, NULL}}, 9, -1, "vm.agent.answer", NULL);
    file_of((const struct says[]){OPEN, CHUNK_OF("YQ==", "false"), {NULL, NULL}}, 1 << 20, -1, "vm.agent.answer", NULL);
    ok(n_asked < 200, "a file without an end is given up soon");
    file_of((const struct says[]){OPEN, {"guest-file-read", "{\"return\":{\"eof\":true}}"}, {NULL, NULL}}, 9, -1,
            "vm.agent.answer", NULL);
    file_of((const struct says[]){{"guest-file-open", "{\"return\":\"7\"}"}, {NULL, NULL}}, 9, -1, "vm.agent.answer",
            NULL);
    file_of(
        (const struct says[]){{"guest-file-open", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"failed to open "
                                                  "file '/sys/f' (mode: 'r'): No such file or directory\"}}"},
                              {NULL, NULL}},
        9, -1, "vm.agent.failed", NULL);
    file_of((const struct says[]){DENIED,
                                  {"guest-exec-status", "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":"
                                                        "\"YWJj\",\"err-data\":\"eHg=\"}}"},
                                  {"guest-exec", "{\"return\":{\"pid\":9}}"},
                                  {NULL, NULL}},
            3, 0, NULL, "abc");
    file_of((const struct says[]){DENIED,
                                  {"guest-exec-status", "{\"return\":{\"exited\":true,\"exitcode\":1}}"},
                                  {"guest-exec", "{\"return\":{\"pid\":9}}"},
                                  {NULL, NULL}},
            3, -1, "vm.agent.failed", NULL);
    file_of((const struct says[]){DENIED,
                                  {"guest-exec", "libvirt:unable to execute QEMU agent command 'guest-exec': "
                                                 "Command guest-exec has been disabled"},
                                  {NULL, NULL}},
            3, -1, "vm.agent.denied", NULL);
    file_of((const struct says[]){{NULL, NULL}}, 3, -1, "vm.agent", NULL);
}

static void programs(void)
{
    static const struct {
        const char *end;
        int rc, status;
        const char *printed;
    } rows[] = {
        {"{\"exited\":true,\"exitcode\":3,\"out-data\":\"YWJj\",\"err-data\":\"eHg=\"}", 0, 3, "abcxx"},
        {"{\"exited\":true,\"signal\":9}", 0, 137, ""},
        {"{\"exited\":true,\"exitcode\":-1}", 0, 255, ""},
        {"{\"exited\":true,\"exitcode\":99999999999}", 0, 255, ""},
        {"{\"exited\":1}", -1, 0, ""},
        {"{\"exited\":true,\"exitcode\":\"0\"}", -1, 0, ""},
        {"{\"exited\":true,\"exitcode\":0,\"out-data\":5}", -1, 0, ""},
        {"[]", -1, 0, ""},
        {"{\"exited\":false}", -1, 0, ""},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        char answer[256];
        int status = -5;
        SU_BUF struct su_buf b = {0};
        struct su_err e = {0};
        snprintf(answer, sizeof answer, "{\"return\":%s}", rows[i].end);
        const struct says says[] = {{"guest-exec-status", answer}, {"guest-exec", "{\"return\":{\"pid\":9}}"}, {0}};
        script = says;
        ok(su_agent_exec(NULL, "u", (const char *const[]){"/bin/x", "a b", NULL}, 0, &status, &b, &e) == rows[i].rc,
           "%s: %s", rows[i].end, e.msg);
        ok(status == (rows[i].rc ? -5 : rows[i].status), "its status");
        is_str(su_buf_str(&b), rows[i].printed);
    }
    static const struct says says[] = {{"guest-exec", "{\"return\":{\"pid\":\"9\"}}"}, {0}};
    int status;
    struct su_err e = {0};
    script = says;
    ok(su_agent_exec(NULL, "u", (const char *const[]){"/bin/x", "\"$(a)\"", NULL}, 1, &status, NULL, &e) < 0, "no pid");
    is_str(asked, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/x\",\"arg\":[\"\\\"$(a)\\\"\"],"
                  "\"capture-output\":true}}");
}

static void network(void)
{
    static const struct says says[] = {
        {"guest-network",
         "{\"return\":[{\"name\":\"lo\",\"ip-addresses\":[{\"ip-address-type\":\"ipv4\",\"ip-address\":\"127.0.0.1\","
         "\"prefix\":8}],\"hardware-address\":\"00:00:00:00:00:00\"},{\"name\":\"ens3\",\"hardware-address\":"
         "\"52:54:00:12:34:56\",\"ip-addresses\":[{\"ip-address\":\"192.0.2.7\"},{\"ip-address\":\"fe80::5054:ff:"
         "fe12\"},"
         "{\"ip-address\":\"2001:db8::7\"},{\"ip-address\":\"169.254.3.4\"},{}]},{\"name\":\"../../etc\"},{\"name\":5},"
         "7]}"},
        {0}};
    struct su_agent_net n;
    struct su_err e = {0};
    script = says;
    ok(su_agent_network(NULL, "u", 5, &n, &e) == 0 && n.n == 2 && n.n_addresses == 2, "two cards, two addresses");
    is_str(n.nic[0].name, "ens3");
    is_str(n.nic[0].mac, "52:54:00:12:34:56");
    is_str(n.nic[1].name, "");
    script = (const struct says[]){{"guest", "{\"return\":{}}"}, {0}};
    ok(su_agent_network(NULL, "u", 5, &n, &e) < 0 && strcmp(e.id, "vm.agent.answer") == 0, "no list");
}

static void hostile(void)
{
    struct su_err e = {0};
    json_t *ret = NULL;
    SU_BUF struct su_buf b = {0};
    SU_BUF struct su_buf bomb = {0};
    su_buf_text(&bomb, "{\"return\":[");
    for (int i = 0; i < SU_AGENT_VALUES / 2; i++)
        su_buf_text(&bomb, "{},");
    su_buf_text(&bomb, "{}]}");
    ok(bomb.n < SU_AGENT_ANSWER && su_agent_return(su_buf_bytes(&bomb), &ret, &e) < 0 &&
           strcmp(e.id, "vm.agent.size") == 0,
       "more memory than text");
    su_buf_zero(&b, SU_AGENT_ANSWER + 1);
    ok(su_agent_return(su_buf_bytes(&b), &ret, &e) < 0 && strcmp(e.id, "vm.agent.size") == 0, "too long");
    ok(su_agent_return((struct su_bytes){(const uint8_t *)"{\"error\":7}", 11}, &ret, &e) < 0,
       "an error without words");
    is_str(e.id, "vm.agent.failed");
    b.n = 0;
    for (int i = 0; i < 5000; i++)
        su_buf_text(&b, "[");
    ok(su_agent_return(su_buf_bytes(&b), &ret, &e) < 0, "deep");
    char id[40];
    su_agent_take_machine_id((struct su_bytes){(const uint8_t *)"0123456789abcdef0123456789abcdef", 32}, id);
    ok(id[0] != 0, "a machine-id");
    su_agent_take_machine_id((struct su_bytes){(const uint8_t *)"0123456789abcdef0123456789abcdef0", 33}, id);
    is_str(id, "");
    su_agent_take_machine_id((struct su_bytes){(const uint8_t *)"uninitialized\n", 14}, id);
    is_str(id, "");
    su_agent_take_machine_id((struct su_bytes){NULL, 0}, id);
    is_str(id, "");
}

int main(void)
{
    who();
    files();
    programs();
    network();
    hostile();
    return tap_done();
}
