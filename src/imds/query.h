/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/query.h - what a guest asks for: the request line and the headers, judged by the rules of the metadata service.
 *
 * Pure: no memory, no system calls, no state.  Everything that comes in is hostile; what comes out holds only
 * characters that may be written into JSON and logs as they are.  docs/formats/metadata.md states the rules. */
#pragma once
#include "wire/sign.h"

enum {
    SU_TARGET_MAX = 2047,  /* bytes of the request target */
    SU_SEGMENTS_MAX = 12,  /* of a path; a deeper path leads nowhere */
    SU_PARAMETERS_MAX = 16 /* of a query */
};

enum su_route {
    SU_ROUTE_NONE,
    SU_ROUTE_VERSIONS,
    SU_ROUTE_INSTANCE,
    SU_ROUTE_DOCUMENT,
    SU_ROUTE_IDENTITY,
    SU_ROUTE_REPORT,        /* POST: the guest's own verdict on a document */
    SU_ROUTE_WIRE_VERSIONS, /* what agents ask the "wire server" at boot */
    SU_ROUTE_WIRE_GOAL,
    SU_ROUTE_WIRE_HEALTH
};

/* Why a request is not answered with 200; rows of one table. */
struct su_refusal {
    unsigned status;
    const char *id;    /* for the audit: "query.nonce" */
    const char *error; /* the "error" member */
    const char *also;  /* further members, as JSON with a leading comma; or NULL */
    unsigned retry;    /* Retry-After in seconds; 0: none */
};
enum su_refusal_row {
    SU_NO_TARGET,
    SU_LONG_TARGET,
    SU_NO_METADATA,
    SU_FORWARDED,
    SU_BAD_HEADER,
    SU_BAD_ESCAPE,
    SU_MANY_PARAMETERS,
    SU_TWICE,
    SU_NO_VERSION,
    SU_BAD_NONCE,
    SU_BAD_AUDIENCE,
    SU_BAD_KEY,
    SU_BAD_FORMAT,
    SU_BAD_RESULT,
    SU_IS_LEAF,
    SU_NO_IDENTITY,
    SU_BIG_BODY,
    SU_NOT_FOUND,
    SU_NOT_ISSUED,
    SU_NOT_GET,
    SU_NOT_POST,
    SU_TOO_MANY,
    SU_NO_SIGNER,
    SU_SIGNER_FAILED,
    SU_NO_HOST,
    SU_NO_MEMORY,
    SU_REFUSALS
};
extern const struct su_refusal su_refusals[SU_REFUSALS];

/* The parts of a request that rules look at; all borrowed. */
struct su_head {
    const char *method, *target; /* target: as on the wire, with the query; NULL: none */
    unsigned n_metadata;         /* how many Metadata headers */
    const char *metadata;        /* the value of one of them */
    bool forwarded;              /* an X-Forwarded-For header is there */
    bool malformed;              /* a header that another reader could take for a different one */
};

struct su_query {
    enum su_route route;
    bool post;
    bool text;   /* format=text */
    int version; /* index into su_api_versions; -1: none */
    char nonce[SU_NONCE_MAX + 1], audience[SU_AUDIENCE_MAX + 1], key[SU_THUMBPRINT_MAX + 1];
    char result[64];
    char comp[16];
    unsigned n_segments;               /* of the path, decoded, without empty ones at the end */
    uint16_t segment[SU_SEGMENTS_MAX]; /* offsets into path */
    char path[SU_TARGET_MAX + 1];
};

/* Returns the refusal, or NULL when *out may be answered.  *out is filled as far as was understood, always valid. */
const struct su_refusal *su_query_judge(const struct su_head *h, struct su_query *out);
static inline const char *su_query_segment(const struct su_query *q, unsigned i)
{
    return q->path + q->segment[i];
}
