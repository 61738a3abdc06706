/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/lvm_text.h - the text LVM2 keeps its metadata in, as a tree.
 *
 *     text    = { item }          item  = key ( "{" { item } "}" | "=" value )
 *     value   = scalar | "[" [ scalar { "," scalar } [ "," ] ] "]"
 *     scalar  = integer | float | '"' { character or \" or \\ } '"'
 * Comments run from # to the end of the line.  A NUL ends the text.  Pure: no I/O.
 * Format: lvm2, lib/config and doc of metadata; see lvm.conf(5) for the syntax. */
#pragma once
#include "base/su.h"

enum {
    SU_LVM_TEXT_MAX = 1 << 20,  /* bytes */
    SU_LVM_MAX_DEPTH = 8,       /* sections within sections */
    SU_LVM_MAX_NODES = 1 << 17, /* sections, assignments and array members */
};

enum su_lvm_kind { SU_LVM_SECTION, SU_LVM_INT, SU_LVM_FLOAT, SU_LVM_STRING, SU_LVM_ARRAY };

/* Nodes name each other by index; 0 is the root, and "none" where a child or sibling is meant. */
struct su_lvm_node {
    enum su_lvm_kind kind;
    uint32_t child, next;
    struct su_bytes key;  /* borrowed; empty in an array */
    struct su_bytes text; /* borrowed; a string without its quotes, escapes as they stand */
    int64_t num;
};

struct su_lvm_tree {
    struct su_lvm_node *node; /* owned; node[0] is the root section */
    uint32_t n;
};

/* text is borrowed and must outlive *out.  Fails with "lvm.text.syntax" or "lvm.text.limit". */
int su_lvm_text_parse(struct su_bytes text, struct su_lvm_tree *out, struct su_err *e) SU_MUST_CHECK;
void su_lvm_tree_done(struct su_lvm_tree *t);

bool su_lvm_is(struct su_bytes b, const char *s);
/* The first node of that name in a section, 0 when there is none. */
uint32_t su_lvm_find(const struct su_lvm_tree *t, uint32_t section, const char *key);
/* A whole number from lo to hi, else "lvm.text.value". */
int su_lvm_number(const struct su_lvm_tree *t, uint32_t section, const char *key, uint64_t lo, uint64_t hi,
                  uint64_t *out, struct su_err *e);
