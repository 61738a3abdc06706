/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Search in trees of checksummed nodes.
 *
 * A hostile tree could share nodes so that a walk over it never ends.  It cannot here: a node's
 * first key must be the key its parent names it by, a node names its own address, and the walk only
 * ever moves to larger keys.  So no walk reads more nodes than the volume holds. */
#include "fs_btrfs.h"
#include <inttypes.h>

enum {
    HEAD = SU_BTRFS_NODE_HEAD,
    ITEM = 25, /* in a leaf: key, offset, size */
    PTR = 33,  /* above: key, address, generation */
};

static struct su_btrfs_key load_key(const uint8_t *p)
{
    return (struct su_btrfs_key){su_le64(p), p[8], su_le64(p + 9)};
}

static int compare(struct su_btrfs_key a, struct su_btrfs_key b)
{
    if (a.id != b.id)
        return a.id < b.id ? -1 : 1;
    if (a.type != b.type)
        return a.type < b.type ? -1 : 1;
    return (a.off > b.off) - (a.off < b.off);
}

static struct su_btrfs_key key_at(const uint8_t *node, size_t i)
{
    return load_key(node + HEAD + i * (node[100] ? PTR : ITEM));
}

/* Entries in ascending order, and the items of a leaf inside it and behind the table of them. */
static const char *check_entries(const struct su_btrfs *b, const uint8_t *p, size_t n)
{
    size_t room = b->node_size - HEAD;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && compare(key_at(p, i - 1), key_at(p, i)) >= 0)
            return "its keys are not in order";
        const uint8_t *item = p + HEAD + i * ITEM;
        if (p[100] == 0 && ((uint64_t)su_le32(item + 17) + su_le32(item + 21) > room || su_le32(item + 17) < n * ITEM))
            return "an item leaves it";
    }
    return NULL;
}

/* NULL, or what is wrong with the node. */
static const char *check_node(const struct su_btrfs *b, uint64_t logical, const uint8_t *p)
{
    size_t n = su_le32(p + 96), step = p[100] ? PTR : ITEM;
    if (b->csum_type == 0 && SU_FS_CRC_MATTERS &&
        ~ext2fs_crc32c_le(~UINT32_C(0), p + 32, b->node_size - 32) != su_le32(p))
        return "its checksum is wrong";
    if (memcmp(p + 32, b->meta_uuid, sizeof b->meta_uuid) != 0 || su_le64(p + 48) != logical)
        return "it belongs elsewhere";
    if (n > (b->node_size - HEAD) / step || (n == 0 && p[100]) || p[100] >= SU_BTRFS_LEVELS)
        return "its head is impossible";
    return check_entries(b, p, n);
}

static int fill(struct su_btrfs *b, struct su_btrfs_node *slot, uint64_t logical, struct su_err *e)
{
    const struct su_btrfs_chunk *c;
    const char *wrong = NULL;
    slot->logical = 0;
    if (su_btrfs_chunk_find(b, logical, b->node_size, &c, e) < 0)
        return -1;
    if (!slot->p && !(slot->p = malloc(b->node_size)))
        return su_fail_nomem(e, b->node_size);
    for (unsigned i = 0; i < c->copies; i++) {
        if (su_blk_read(b->blk, c->at[i] + (logical - c->logical), slot->p, b->node_size, e) < 0)
            return -1;
        if (!(wrong = check_node(b, logical, slot->p))) {
            slot->logical = logical;
            return 0;
        }
    }
    return su_fail(e, SU_E_FORMAT, "fs.btrfs.node", "btrfs node %" PRIu64 ": %s", logical, wrong);
}

/* *out is borrowed until the next call. */
static int get_node(struct su_btrfs *b, uint64_t logical, unsigned level, const struct su_btrfs_key *first,
                    const uint8_t **out, struct su_err *e)
{
    struct su_btrfs_node *slot = &b->cache[0];
    for (size_t i = 0; i < SU_BTRFS_CACHE; i++) {
        if (b->cache[i].logical == logical) {
            slot = &b->cache[i];
            break;
        }
        if (b->cache[i].used < slot->used)
            slot = &b->cache[i];
    }
    if ((slot->logical != logical || logical == 0) && fill(b, slot, logical, e) < 0)
        return -1;
    slot->used = ++b->clock;
    bool empty = su_le32(slot->p + 96) == 0;
    if (slot->p[100] != level || (first && (empty || compare(key_at(slot->p, 0), *first) != 0)))
        return su_fail(e, SU_E_FORMAT, "fs.btrfs.node", "btrfs node %" PRIu64 ": not what the tree says", logical);
    *out = slot->p;
    return 0;
}

/* Index of the last key not above key, or 0. */
static uint32_t last_slot(const uint8_t *node, struct su_btrfs_key key)
{
    uint32_t lo = 0, hi = su_le32(node + 96); /* the first key above is at lo or later, and before hi or there */
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (compare(key_at(node, mid), key) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : 0;
}

static int settle(struct su_btrfs_cursor *c, uint32_t slot)
{
    const uint8_t *item = c->leaf + HEAD + (size_t)slot * ITEM;
    c->slot = slot;
    c->key = load_key(item);
    c->item = c->leaf + HEAD + su_le32(item + 17);
    c->size = su_le32(item + 21);
    return 1;
}

/* On the last item not above key, or the tree's first; 0: the tree is empty. */
static int seek(struct su_btrfs *b, struct su_btrfs_key key, struct su_btrfs_cursor *c, struct su_err *e)
{
    const uint8_t *node = NULL;
    struct su_btrfs_key first;
    uint64_t logical = c->root.logical;
    c->has_next = false;
    if (!c->leaf && !(c->leaf = malloc(b->node_size)))
        return su_fail_nomem(e, b->node_size);
    for (unsigned level = c->root.level;; level--) {
        if (get_node(b, logical, level, level == c->root.level ? NULL : &first, &node, e) < 0)
            return -1;
        uint32_t n = su_le32(node + 96), i = last_slot(node, key);
        if (level == 0)
            break;
        if (i + 1 < n) {
            c->next = key_at(node, i + 1);
            c->has_next = true;
        }
        first = key_at(node, i);
        logical = su_le64(node + HEAD + (size_t)i * PTR + 17);
    }
    c->n = su_le32(node + 96);
    if (c->n == 0) /* only a tree's one leaf: below a parent, it lacks the key it is named by */
        return 0;
    memcpy(c->leaf, node, b->node_size);
    if (c->has_next && compare(key_at(c->leaf, c->n - 1), c->next) >= 0)
        return su_fail(e, SU_E_FORMAT, "fs.btrfs.node", "btrfs node %" PRIu64 ": its keys pass its neighbour's",
                       logical);
    return settle(c, last_slot(c->leaf, key));
}

void su_btrfs_cursor_done(struct su_btrfs_cursor *c)
{
    free(c->leaf);
}

int su_btrfs_next(struct su_btrfs *b, struct su_btrfs_cursor *c, struct su_err *e)
{
    if (c->slot + 1 < c->n)
        return settle(c, c->slot + 1);
    return c->has_next ? seek(b, c->next, c, e) : 0;
}

int su_btrfs_at_or_before(struct su_btrfs *b, struct su_btrfs_root root, struct su_btrfs_key key,
                          struct su_btrfs_cursor *c, struct su_err *e)
{
    c->root = root;
    int rc = seek(b, key, c, e);
    return rc == 1 && compare(c->key, key) > 0 ? 0 : rc;
}

int su_btrfs_at_or_after(struct su_btrfs *b, struct su_btrfs_root root, struct su_btrfs_key key,
                         struct su_btrfs_cursor *c, struct su_err *e)
{
    c->root = root;
    int rc = seek(b, key, c, e);
    return rc == 1 && compare(c->key, key) < 0 ? su_btrfs_next(b, c, e) : rc;
}

int su_btrfs_find(struct su_btrfs *b, struct su_btrfs_root root, struct su_btrfs_key key, struct su_btrfs_cursor *c,
                  struct su_err *e)
{
    int rc = su_btrfs_at_or_before(b, root, key, c, e);
    return rc == 1 && compare(c->key, key) != 0 ? 0 : rc;
}

int su_btrfs_tree(struct su_btrfs *b, uint64_t tree, struct su_btrfs_root *out, struct su_err *e)
{
    enum { ROOT_ITEM_SIZE = 239 };
    if (b->last.tree != tree) {
        SU_BTRFS_CURSOR struct su_btrfs_cursor c = {0};
        int rc = su_btrfs_at_or_after(b, b->root_tree, (struct su_btrfs_key){tree, SU_BTRFS_ROOT_ITEM, 0}, &c, e);
        if (rc <= 0)
            return rc;
        if (c.key.id != tree || c.key.type != SU_BTRFS_ROOT_ITEM)
            return 0;
        if (c.size < ROOT_ITEM_SIZE || c.item[238] >= SU_BTRFS_LEVELS)
            return su_fail(e, SU_E_FORMAT, "fs.btrfs.root", "btrfs root %" PRIu64 " is damaged", tree);
        b->last = (struct su_btrfs_root){tree, su_le64(c.item + 176), c.item[238]};
    }
    *out = b->last;
    return 1;
}
