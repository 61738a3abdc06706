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
    struct su_guest_os os, back;
    su_guest_os_from_disk("windows", "", "Windows 10 Enterprise multi-session", "ServerRdsh", 22631, 3447, 99, &os);
    is_str(os.version, "11"); /* multi-session Windows has the build of a client */
    ok(os.revision == 3447 && os.revision_known && !os.revision_old);
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

/* As QEMU's agent answers: its version-id is of the newest system that it knows, by build and product type. */
static void test_windows(void)
{
    static const struct {
        const char *version, *name, *variant;
        int build;
        const char *is;
    } rows[] = {
        {"2022", "Windows 10 Enterprise multi-session", "server", 22631, "11"},
        {"2019", "Windows 10 Enterprise multi-session", "server", 19045, "10"},
        {"2019", "Windows 10 Enterprise for Virtual Desktops", "server", 19044, "10"},
        {"10", "Windows 10 Pro", "client", 22621, "11"},
        {"11", "Windows 11 Pro", "client", 26100, "11"},
        {"2019", "Windows Server 2022 Datacenter Azure Edition", "server", 20348, "2022"},
        {"2022", "Windows Server 2025 Datacenter Azure Edition", "server", 26100, "2025"},
        {"2022", "Windows Server Datacenter", "server", 25398, "2022"},
        {"2016", "Windows Server 2016 Standard", "server", 14393, "2016"},
        {"2012 R2", "Windows Server 2012 R2 Datacenter", "server", 9600, "2012r2"},
        {"2012", "Windows Server 2012 Datacenter", "server", 9200, "2012"},
        {"8.1", "Windows 8.1 Pro", "client", 9600, "8.1"},
        {"x", "", "server", 26100, "x"},
        {"x", "", "client", 0, "x"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        char text[400];
        struct su_guest_os os = {0};
        snprintf(text, sizeof text,
                 "{\"return\":{\"id\":\"mswindows\",\"version-id\":\"%s\",\"pretty-name\":\"%s\",\"variant-id\":\"%s\","
                 "\"kernel-release\":\"%d\"}}",
                 rows[i].version, rows[i].name, rows[i].variant, rows[i].build);
        ok(take(text, &os) == 0);
        ok(strcmp(os.version, rows[i].is) == 0, "%s %s, build %d: %s", rows[i].variant, rows[i].name, rows[i].build,
           os.version);
    }
}

static void test_hidden(void)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"a\\u202eb", "a?b"},       {"a\\u2066b\\u2069", "a?b?"},
        {"\\u200b\\u200fx", "??x"}, {"\\ufeffx", "?x"},
        {"x\\u2028", "x?"},         {"\\u061cx", "?x"},
        {"x\\u00ad", "x?"},         {"x\\u2026\\u00e4", "x\342\200\246\303\244"},
        {"\\u007f\\t", "??"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        char text[200];
        struct su_guest_os os = {0};
        snprintf(text, sizeof text, "{\"return\":{\"id\":\"x\",\"pretty-name\":\"%s\"}}", rows[i].in);
        ok(take(text, &os) == 0);
        ok(strcmp(os.name, rows[i].out) == 0, "%s", rows[i].in);
    }
}

static void test_keep(void)
{
    struct su_guest_os disk, is = {.id = "windows", .name = "Windows 11", .build = 22631, .source = "agent"}, was = is;
    su_guest_os_from_disk("windows", "11", "Windows 11", "ServerRdsh", 22631, 5, 1, &disk);
    su_guest_os_keep(&disk, &is);
    ok(strcmp(is.edition, "ServerRdsh") == 0 && is.revision == 5 && is.revision_known && is.revision_old,
       "edition and revision are kept, as old ones");
    disk = is;
    is = was;
    su_guest_os_keep(&disk, &is);
    ok(is.revision_old && !su_guest_os_differ(&disk, &is), "and stay so: nothing is another from answer to answer");
    is = was;
    is.build = 26100;
    su_guest_os_keep(&disk, &is);
    ok(!is.revision_known && is.edition[0], "a revision is of its build");
    is = was;
    memcpy(is.name, "Windows 10", 11);
    su_guest_os_keep(&disk, &is);
    ok(!is.edition[0], "an edition of its name");
    is = was;
    memcpy(is.id, "debian", 7);
    su_guest_os_keep(&disk, &is);
    ok(!is.edition[0] && !is.revision_known, "and nothing is kept of another system");
}

int main(void)
{
    struct su_guest_os os;
    test_windows();
    test_hidden();
    test_keep();
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
    is_str(os.name, "a?[2J?b\303\244");
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
