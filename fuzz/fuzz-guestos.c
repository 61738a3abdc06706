/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A guest agent's answer, and the record made of it: what is taken is text, and is read back as it was. */
#include "benefit/guestos.h"
#include <string.h>

#define MUST(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            abort();                                                                                                   \
    } while (0)

static void check_back(const struct su_guest_os *os)
{
    struct su_guest_os back;
    struct su_err e = {0};
    json_t *o = su_guest_os_json(os);
    MUST(o); /* all of it is UTF-8 */
    char *text SU_FREE = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    MUST(text && su_guest_os_parse((struct su_bytes){(const uint8_t *)text, strlen(text)}, &back, &e) == 0);
    MUST(!su_guest_os_differ(os, &back) && os->at == back.at);
}

static void check_text(const char *s)
{
    MUST(!strstr(s, "\342\200\256") && !strstr(s, "\342\201\246"));
    for (; *s; s++)
        MUST((unsigned char)*s >= ' ' && *s != 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_guest_os os;
    struct su_err e = {0};
    struct su_bytes in = {data, n};
    if (su_guest_os_from_agent(in, 7, &os, &e) == 0) {
        check_text(os.name);
        check_text(os.id);
        check_back(&os);
    }
    if (su_guest_os_parse(in, &os, &e) == 0) {
        check_text(os.edition);
        check_back(&os);
    }
    return 0;
}
