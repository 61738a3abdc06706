/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "upgrade/agent_answer.h"
#include "base/clean.h"
#include "guest/text.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

static int bad(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "vm.agent.answer", "the guest agent's answer is not what it should be: %s", what);
}

int su_agent_refused(const char *words, struct su_err *e)
{
    static const char *const denials[] = {"has been disabled", "has not been found", "CommandNotFound", "not allowed",
                                          "CommandDisabled"};
    char said[sizeof e->msg];
    su_clean(said, sizeof said, words);
    for (size_t i = 0; i < SU_ARRAY_LEN(denials); i++) {
        if (!strstr(said, denials[i]))
            continue;
        (void)su_fail(e, SU_E_REFUSED, "vm.agent.denied", "the guest agent does not do that: %.180s", said);
        return su_remedy(e, "allow guest-file-* and guest-exec in the guest's qemu-ga configuration, or do without");
    }
    return su_fail(e, SU_E_IO, "vm.agent.failed", "the guest agent: %.200s", said[0] ? said : "an error without words");
}

/* A tree of JSON takes up to a hundred times its text: each value that begins one or stands in one counts. */
static bool too_many_values(struct su_bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '{' || text.p[i] == '[' || text.p[i] == ',';
    return n > SU_AGENT_VALUES;
}

int su_agent_return(struct su_bytes answer, json_t **ret, struct su_err *e)
{
    json_error_t why;
    if (answer.n > SU_AGENT_ANSWER)
        return su_fail(e, SU_E_RANGE, "vm.agent.size", "the guest agent's answer has more than %d bytes",
                       SU_AGENT_ANSWER);
    if (too_many_values(answer))
        return su_fail(e, SU_E_RANGE, "vm.agent.size", "the guest agent's answer has more than %d values",
                       SU_AGENT_VALUES);
    json_t *o = json_loadb((const char *)answer.p, answer.n, JSON_REJECT_DUPLICATES, &why);
    json_t *value = json_object_get(o, "return");
    const json_t *error = json_object_get(o, "error");
    const char *words = json_string_value(json_object_get(error, "desc"));
    int rc = 0;
    if (error)
        rc = su_agent_refused(words ? words : json_string_value(json_object_get(error, "class")), e);
    else if (!value)
        rc = bad(e, "it has no \"return\"");
    else
        *ret = json_incref(value);
    json_decref(o);
    return rc;
}

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

int su_agent_base64(const char *text, size_t n, size_t max, struct su_buf *out, struct su_err *e)
{
    size_t pad = n >= 4 ? (size_t)(text[n - 1] == '=') + (size_t)(text[n - 1] == '=' && text[n - 2] == '=') : 0;
    size_t bytes = n / 4 * 3 - pad;
    if (n % 4 != 0)
        return bad(e, "base64 of a length that it cannot have");
    if (bytes > max)
        return su_fail(e, SU_E_RANGE, "vm.agent.size", "the guest has more than %zu bytes there", max);
    SU_BUF struct su_buf b = {0};
    for (size_t at = 0; at < n; at += 4) {
        bool last = at + 4 == n;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = last && k >= 4 - pad ? 0 : digit_of(text[at + k]);
            if (d < 0)
                return bad(e, "a character that base64 has not");
            v = v << 6 | (uint32_t)d;
        }
        const uint8_t three[] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        su_buf_add(&b, three, last ? 3 - pad : 3);
    }
    if (su_buf_ok(&b, e) < 0)
        return -1;
    su_buf_add(out, b.p, b.n);
    return su_buf_ok(out, e);
}

static void take(const json_t *o, const char *member, char *out, size_t cap)
{
    const char *s = json_string_value(json_object_get(o, member));
    if (s)
        su_clean(out, cap, s);
}

void su_agent_take_info(const json_t *ret, struct su_agent_facts *out)
{
    const json_t *list = json_object_get(ret, "supported_commands");
    unsigned files = 0;
    take(ret, "version", out->version, sizeof out->version);
    out->exec = false;
    for (size_t i = 0; i < json_array_size(list) && i < 512; i++) {
        const json_t *o = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(o, "name"));
        if (!name || !json_is_true(json_object_get(o, "enabled")))
            continue;
        files |= strcmp(name, "guest-file-open") == 0 ? 1 : 0;
        files |= strcmp(name, "guest-file-read") == 0 ? 2 : 0;
        out->exec |= strcmp(name, "guest-exec") == 0;
    }
    out->files = files == 3;
}

void su_agent_take_os(const json_t *ret, struct su_agent_facts *out)
{
    take(ret, "id", out->os_id, sizeof out->os_id);
    take(ret, "version-id", out->os_version, sizeof out->os_version);
    take(ret, "pretty-name", out->os_name, sizeof out->os_name);
    take(ret, "kernel-release", out->kernel, sizeof out->kernel);
    take(ret, "machine", out->machine, sizeof out->machine);
    out->windows = strcmp(out->os_id, "mswindows") == 0;
    if (out->windows)
        snprintf(out->os_id, sizeof out->os_id, "windows");
}

void su_agent_take_host(const json_t *ret, struct su_agent_facts *out)
{
    take(ret, "host-name", out->hostname, sizeof out->hostname);
}

void su_agent_take_machine_id(struct su_bytes file, char out[40])
{
    size_t n = 0;
    while (n < file.n && n < 33 && isxdigit(file.p[n]))
        n++;
    out[0] = 0;
    if (n == 32 && (file.n == 32 || file.p[32] == '\n'))
        su_clean_bytes(out, 40, (struct su_bytes){file.p, 32});
}

bool su_agent_reg_value(struct su_bytes printed, const char *value, const char *type, char *out, size_t cap)
{
    struct su_bytes line, word;
    out[0] = 0;
    while (su_text_line(&printed, &line)) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (!su_text_word(&line, &word) || !su_text_is(word, value) || !su_text_word(&line, &word) ||
            !su_text_is(word, type) || !su_text_word(&line, &word))
            continue;
        su_clean_bytes(out, cap, word);
        return true;
    }
    return false;
}

void su_agent_take_machine_guid(struct su_bytes printed, char out[40])
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    char text[40];
    bool good = su_agent_reg_value(printed, "MachineGuid", "REG_SZ", text, sizeof text) && strlen(text) == strlen(form);
    for (size_t i = 0; good && form[i]; i++)
        good = form[i] == '-' ? text[i] == '-' : isxdigit((unsigned char)text[i]) != 0;
    snprintf(out, 40, "%s", good ? text : "");
}

/* A name that may be part of a path of sysfs; the kernel's own are at most 15 bytes. */
static bool is_card(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n < 16 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == 0;
}

/* Link-local and loopback: RFC 3927, RFC 4291. */
static bool reaches_others(const char *address)
{
    static const char *const local[] = {"169.254.", "127.", "fe8", "fe9", "fea", "feb", "0.0.0.0"};
    for (size_t i = 0; i < SU_ARRAY_LEN(local); i++)
        if (strncasecmp(address, local[i], strlen(local[i])) == 0)
            return false;
    return *address && strcmp(address, "::1") != 0 && strcmp(address, "::") != 0;
}

static uint32_t count_addresses(const json_t *list)
{
    uint32_t n = 0;
    for (size_t i = 0; i < json_array_size(list) && i < 256; i++) {
        const char *a = json_string_value(json_object_get(json_array_get(list, i), "ip-address"));
        n += a && reaches_others(a);
    }
    return n;
}

int su_agent_take_network(const json_t *ret, struct su_agent_net *out, struct su_err *e)
{
    if (!json_is_array(ret))
        return bad(e, "no list of network cards");
    *out = (struct su_agent_net){0};
    for (size_t i = 0; i < json_array_size(ret) && out->n < SU_AGENT_NICS; i++) {
        const json_t *o = json_array_get(ret, i);
        const char *name = json_string_value(json_object_get(o, "name"));
        if (!name || strcmp(name, "lo") == 0 || strncmp(name, "Loopback", 8) == 0)
            continue;
        uint32_t n = count_addresses(json_object_get(o, "ip-addresses"));
        su_clean(out->nic[out->n].name, sizeof out->nic[0].name, is_card(name) ? name : "");
        take(o, "hardware-address", out->nic[out->n].mac, sizeof out->nic[0].mac);
        out->nic[out->n++].addresses = n;
        out->n_addresses += n;
    }
    return 0;
}

static int take_output(const json_t *ret, const char *member, struct su_buf *out, struct su_err *e)
{
    const json_t *o = json_object_get(ret, member);
    if (!o)
        return 0;
    if (!json_is_string(o))
        return bad(e, "output that is no text");
    return su_agent_base64(json_string_value(o), json_string_length(o), SU_AGENT_OUTPUT, out, e);
}

int su_agent_take_end(const json_t *ret, bool with_stderr, struct su_agent_end *out, struct su_buf *printed,
                      struct su_err *e)
{
    const json_t *exited = json_object_get(ret, "exited"), *code = json_object_get(ret, "exitcode");
    const json_t *sig = json_object_get(ret, "signal");
    json_int_t n = json_integer_value(code), s = json_integer_value(sig);
    if (!json_is_boolean(exited) || (code && !json_is_integer(code)) || (sig && !json_is_integer(sig)))
        return bad(e, "no end of a program");
    if (!json_is_true(exited)) {
        *out = (struct su_agent_end){0};
        return 0;
    }
    if (take_output(ret, "out-data", printed, e) < 0 || (with_stderr && take_output(ret, "err-data", printed, e) < 0))
        return -1;
    bool by_signal = sig && s > 0 && s < 128;
    *out = (struct su_agent_end){.exited = true, .status = by_signal ? 128 + (int)s : n >= 0 && n < 256 ? (int)n : 255};
    return 0;
}

int su_agent_take_chunk(const json_t *ret, size_t max, bool *eof, struct su_buf *out, struct su_err *e)
{
    const json_t *data = json_object_get(ret, "buf-b64"), *end = json_object_get(ret, "eof");
    if (!json_is_string(data) || !json_is_boolean(end))
        return bad(e, "no part of a file");
    if (su_agent_base64(json_string_value(data), json_string_length(data), max, out, e) < 0)
        return -1;
    *eof = json_is_true(end);
    return 0;
}
