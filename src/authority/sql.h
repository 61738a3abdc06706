/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/sql.h - the ledger's statements by name; only ledger*.c include this. */
#pragma once
#include "ledger.h"
#include <sqlite3.h>

enum su_query {
    Q_BEGIN,
    Q_COMMIT,
    Q_ROLLBACK,
    Q_SAVE,
    Q_RELEASE,
    Q_UNDO,
    Q_LAST_EVENT,
    Q_EVENT_ADD,
    Q_HOST,
    Q_HOST_ADD,
    Q_TOKEN,
    Q_TOKEN_ADD,
    Q_SECRET_ADD,
    Q_TOKEN_END,
    Q_SECRET_UNTIL,
    Q_WIPE,
    Q_WIPE_COUNT,
    Q_BY_SERIAL,
    Q_BY_ID,
    Q_BY_TRANSACTION,
    Q_KEY_TAKEN,
    Q_CERT_ADD,
    Q_REVOKED,
    Q_REVOKE_ADD,
    Q_HOST_LIVE,
    Q_NEWER,
    Q_CRL_LIST,
    Q_LAST_REVOCATION,
    Q_CRL_LAST,
    Q_CRL_ADD,
    Q_LIST_HOSTS,
    Q_LIST_CERTS,
    Q_LIST_EVENTS,
    Q_V_EVENTS,
    Q_V_CERTS,
    Q_V_REVOCATIONS,
    Q_V_TOKENS,
    Q_COUNT
};

struct su_db {
    sqlite3 *db;
    sqlite3_stmt *st[Q_COUNT];
};

int su_sql_fail(struct su_db *db, struct su_err *e, const char *doing);
/* Resets, binds and steps.  format, one letter a parameter: i int64_t, t const char *, b struct su_bytes.
 * 1: a row, 0: done, -1. */
int su_sql(struct su_db *db, enum su_query q, struct su_err *e, const char *format, ...);
int su_sql_next(struct su_db *db, enum su_query q, struct su_err *e); /* the next row */
void su_sql_end(struct su_db *db, enum su_query q);                   /* lets go of a row that was read */
int su_event_hash(const uint8_t previous[SU_HASH], int64_t id, uint64_t at, const char *kind, const char *host,
                  const char *detail, uint8_t out[SU_HASH], struct su_err *e);
