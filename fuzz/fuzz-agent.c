/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of a guest agent: the first byte says to which question, the rest is the answer.
 *
 * Texts end inside their arrays and have no control characters, names of cards fit into a path, output keeps its
 * bounds. */
#include "fuzz/text_check.h"
#include "upgrade/agent_answer.h"
#include <string.h>

static void facts(const json_t *ret)
{
    struct su_agent_facts f = {0};
    su_agent_take_info(ret, &f);
    su_agent_take_os(ret, &f);
    su_agent_take_host(ret, &f);
    check_text(f.version, sizeof f.version);
    check_text(f.os_id, sizeof f.os_id);
    check_text(f.os_version, sizeof f.os_version);
    check_text(f.os_name, sizeof f.os_name);
    check_text(f.kernel, sizeof f.kernel);
    check_text(f.machine, sizeof f.machine);
    check_text(f.hostname, sizeof f.hostname);
}

static void network(const json_t *ret)
{
    struct su_agent_net n = {0};
    struct su_err e = {0};
    if (su_agent_take_network(ret, &n, &e) < 0)
        return;
    if (n.n > SU_AGENT_NICS || n.n_addresses > SU_AGENT_NICS * 256)
        abort();
    for (uint32_t i = 0; i < n.n; i++) {
        check_text(n.nic[i].name, sizeof n.nic[i].name);
        check_text(n.nic[i].mac, sizeof n.nic[i].mac);
        if (strchr(n.nic[i].name, '/') || strcmp(n.nic[i].name, "..") == 0)
            abort();
    }
}

static void outputs(const json_t *ret)
{
    SU_BUF struct su_buf a = {0}, b = {0};
    struct su_agent_end end = {0};
    struct su_err e = {0};
    bool eof = false;
    if (su_agent_take_end(ret, true, &end, &a, &e) == 0 && (end.status < 0 || end.status > 255))
        abort();
    if (a.n > 2 * SU_AGENT_OUTPUT)
        abort();
    if (su_agent_take_chunk(ret, 1000, &eof, &b, &e) < 0 ? b.n != 0 : b.n > 1000)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct su_err e = {0};
    json_t *ret = NULL;
    char id[40] = "";
    if (size == 0)
        return 0;
    struct su_bytes answer = {data + 1, size - 1};
    su_agent_take_machine_id(answer, id);
    check_text(id, sizeof id);
    su_agent_take_machine_guid(answer, id);
    check_text(id, sizeof id);
    if (id[0] && strlen(id) != 36)
        abort();
    if (su_agent_return(answer, &ret, &e) < 0) {
        if (!e.id || !e.msg[0])
            abort();
        check_text(e.msg, sizeof e.msg);
        return 0;
    }
    static void (*const what[])(const json_t *) = {facts, network, outputs};
    what[data[0] % SU_ARRAY_LEN(what)](ret);
    json_decref(ret);
    return 0;
}
