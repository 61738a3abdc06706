/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/tcglog.h - the event log a measured start leaves (/sys/kernel/security/tpm0/binary_bios_measurements).
 *
 * Format: TCG PC Client Platform Firmware Profile 1.05, section 10 ("crypto agile" log: little-endian, a SHA-1
 * style header event, then events with one digest per bank).  Only the SHA-256 bank is looked at.
 *
 * Promise: whatever the bytes are, each call of su_tcglog_next() takes at least one byte off the log or ends it,
 * and everything it hands out lies inside the log.  A log that is cut anywhere but between two events, and a
 * file that is no log, is SU_E_FORMAT with an id "tcglog....".  Pure and thread safe on separate structs. */
#pragma once
#include "pcr4.h"

enum {
    SU_TCGLOG_PCRS = 24,
    SU_TCGLOG_MAX_BANKS = 8,
    SU_TCGLOG_NO_ACTION = 3, /* event type: information only, extends nothing */
};

struct su_tcglog {
    struct su_bytes rest; /* borrowed */
    unsigned banks;
    struct {
        uint16_t alg, size; /* TPM_ALG_ID; bytes of a digest */
    } bank[SU_TCGLOG_MAX_BANKS];
};

struct su_tcglog_event {
    uint32_t pcr, type;
    const uint8_t *sha256; /* borrowed from the log, SU_PCR_SIZE bytes */
    struct su_bytes data;  /* borrowed from the log */
};

/* Reads the header event.  The log is borrowed. */
int su_tcglog_open(struct su_bytes log, struct su_tcglog *out, struct su_err *e) SU_MUST_CHECK;
/* 1 and *out, 0 at the end, -1 when the log is damaged here. */
int su_tcglog_next(struct su_tcglog *log, struct su_tcglog_event *out, struct su_err *e) SU_MUST_CHECK;

struct su_tcglog_pcrs {
    uint8_t value[SU_TCGLOG_PCRS][SU_PCR_SIZE];
    uint32_t extended; /* bit n: the log extends PCR n */
    size_t events;     /* without the header event */
};

/* What the PCRs of the SHA-256 bank hold when the log is true. */
int su_tcglog_replay(struct su_bytes log, struct su_tcglog_pcrs *out, struct su_err *e) SU_MUST_CHECK;
