/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes: an accepted image keeps what guest/pe.h promises, a refused one has a name. */
#include "must.h"
#include "guest/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct su_pe *pe, size_t n)
{
    uint64_t end = pe->headers;
    MUST(pe->headers <= n && pe->sections <= SU_PE_MAX_SECTIONS && pe->checksum_at + 4 <= pe->headers);
    MUST(pe->certdir_at == 0 || (pe->certdir_at >= pe->checksum_at + 4 && pe->certdir_at + 8 <= pe->headers));
    for (unsigned i = 0; i < pe->sections; i++) {
        if (pe->section[i].size == 0)
            continue;
        MUST(pe->section[i].off >= end);
        end = (uint64_t)pe->section[i].off + pe->section[i].size;
    }
    MUST(end + pe->certs_size <= n);
    MUST(pe->certs_size == 0 || (pe->certs_off >= end && (uint64_t)pe->certs_off + pe->certs_size == n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_bytes b = {data, n};
    struct su_source src = su_source_bytes(&b);
    struct su_pe pe;
    struct su_err e = {0};
    if (su_pe_parse(&src, &pe, &e) < 0) {
        MUST(e.kind == SU_E_FORMAT && e.id);
        return 0;
    }
    check(&pe, n);
    uint8_t digest[SU_SHA256];
    SU_BUF struct su_buf table = {0}, section = {0};
    MUST(su_pe_digest(&pe, digest, &e) == 0);
    (void)!su_pe_read_section(&pe, ".sbat", 4096, &section, &e);
    MUST(section.n <= 4096);
    MUST(su_pe_read_certs(&pe, &table, &e) == 0 && table.n == pe.certs_size);
    struct su_bytes rest = su_buf_bytes(&table);
    struct su_pe_cert c;
    for (size_t left = rest.n + 1; rest.n < left && su_pe_next_cert(&rest, &c, &e) == 1; left = rest.n + 1)
        MUST(rest.n + 8 <= left); /* each step eats at least its header */
    return 0;
}
