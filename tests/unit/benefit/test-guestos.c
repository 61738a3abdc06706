/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a guest's agent says of its system, and the record of it. */
#include "benefit/guestos.h"
#include "tests/lib/tap.h"

static struct su_err e;

static int take(const char *text, struct su_guest_os *os)
{
    e = (struct su_err){0};
    return su_guest_os_from_agent((struct su_bytes){(const uint8_t *)text, strlen(text)}, 77, os, &e);
}

static void refused(const char *what, const char *text)
{
    struct su_guest_os os, was;
    memset(&os, 0x5a, sizeof os);
    was = os;
    ok(take(text, &os) == -1 && strcmp(e.id, "guest.answer") == 0 && memcmp(&os, &was, sizeof os) == 0, "%s", what);
}

static void test_record(void)
{
    struct su_guest_os os = {.build = 22631, .revision = 3447, .revision_known = true}, back;
    su_guest_os_from_disk("windows", "11", "Windows 11 Enterprise multi-session", "ServerRdsh", 99, &os);
    os.build = 22631;
    os.revision = 3447;
    os.revision_known = true;
    json_t *o = su_guest_os_json(&os);
    char *text SU_FREE = o ? json_dumps(o, 0) : NULL;
    json_decref(o);
    if (!ok(text, "a record"))
        return;
    ok(su_guest_os_parse((struct su_bytes){(const uint8_t *)text, strlen(text)}, &back, &e) == 0 &&
           !su_guest_os_differ(&os, &back) && back.at == 99,
       "is read as it was written");
    back.revision_known = false;
    ok(su_guest_os_differ(&os, &back));
    ok(su_guest_os_parse((struct su_bytes){(const uint8_t *)"{}", 2}, &back, &e) == -1 &&
           strcmp(e.id, "guest.record") == 0,
       "an empty record is damaged");
    const char *odd = "{\"id\":\"x\",\"source\":\"agent\",\"build\":-1,\"revision\":1e99,\"at\":\"now\"}";
    ok(su_guest_os_parse((struct su_bytes){(const uint8_t *)odd, strlen(odd)}, &back, &e) == 0 && back.build == 0 &&
           !back.revision_known && back.at == 0,
       "numbers that are none");
}

int main(void)
{
    struct su_guest_os os;
    ok(take("{\"return\":{\"id\":\"debian\",\"version-id\":\"12\",\"pretty-name\":\"Debian GNU/Linux 12 (bookworm)\","
            "\"kernel-release\":\"6.1.0-18-amd64\"}}",
            &os) == 0);
    is_str(os.id, "debian");
    is_str(os.version, "12");
    is_str(os.name, "Debian GNU/Linux 12 (bookworm)");
    is_str(os.source, "agent");
    ok(os.build == 0 && os.at == 77);
    ok(take("{\"return\":{\"id\":\"mswindows\",\"version-id\":\"2012 R2\",\"pretty-name\":\"Windows Server 2012 R2\","
            "\"kernel-release\":\"9600\"}}",
            &os) == 0);
    is_str(os.id, "windows");
    is_str(os.version, "2012r2");
    ok(os.build == 9600 && !os.revision_known);
    ok(take("{\"return\":{\"id\":\"x\",\"pretty-name\":\"a\\u001b[2J\\u009bb\\u00e4\"}}", &os) == 0);
    is_str(os.name, "a?[2J??b\303\244");
    refused("an error", "{\"error\":{\"class\":\"CommandNotFound\"}}");
    refused("no JSON", "return");
    refused("nothing", "");
    refused("no id", "{\"return\":{\"name\":\"x\"}}");
    refused("an id of another type", "{\"return\":{\"id\":7}}");
    refused("an id of blanks", "{\"return\":{\"id\":\"  \"}}");
    char *large SU_FREE = malloc(SU_GUEST_ANSWER + 100);
    if (large) {
        snprintf(large, SU_GUEST_ANSWER + 100, "{\"return\":{\"id\":\"x\",\"name\":\"%*s\"}}", SU_GUEST_ANSWER, "");
        refused("an answer that is too long", large);
    }
    char text[400];
    snprintf(text, sizeof text, "{\"return\":{\"id\":\"%0100d\",\"pretty-name\":\"%126s\303\244\"}}", 7, "");
    ok(take(text, &os) == 0 && strlen(os.id) == sizeof os.id - 1 && strlen(os.name) == 126,
       "long texts are cut between characters");
    test_record();
    return tap_done();
}
