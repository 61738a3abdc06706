/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety document get": a VM's document, for its operator. */
#include "api.h"
#include "cli.h"

enum { WAIT_S = 40 };

static const char *given(const struct su_args *a, const char *option)
{
    const char *v = su_args_get(a, option);
    return v ? v : "";
}

/* Prints what a guest would get, so it can be stored and verified. */
int su_document_get(const struct su_args *a, struct su_err *e)
{
    json_t *o SU_JSON = NULL;
    json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "nonce", given(a, "--nonce"), "audience", given(a, "--audience"),
                             "key", given(a, "--key"), "apiVersion", given(a, "--api-version"));
    if (!body)
        return su_fail(e, SU_E_USAGE, "cli.operand", "what was given is not UTF-8");
    if (su_api_call(a, "POST", "/v1/vms/%s/document", a->operand[0], body, WAIT_S, &o, e) < 0)
        return -1;
    return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
}
