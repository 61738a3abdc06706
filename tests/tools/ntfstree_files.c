/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files, with libntfs-3g. */
#include "guest/utf16.h"
#include "ntfstree.h"
#include <ntfs-3g/index.h>
#include <ntfs-3g/logfile.h>
#include <ntfs-3g/mst.h>
#include <ntfs-3g/reparse.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

enum { PIECE = 1 << 20, FILES_A_DIR = 500 };

int ntfstree_fail(const char *fmt, ...)
{
    int no = errno;
    va_list ap;
    va_start(ap, fmt);
    fputs("surety-ntfstree: ", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s%s\n", no ? ": " : "", no ? strerror(no) : "");
    return -1;
}

/* Paths ---------------------------------------------------------------------------*/

struct name {
    struct su_buf utf16;
    ntfschar *p;
    u8 n;
};

static int name_of(const char *s, size_t len, struct name *out)
{
    struct su_err e = {0};
    *out = (struct name){0};
    if (su_utf8_to_utf16(s, len, &out->utf16, &e) < 0 || out->utf16.n == 0 || out->utf16.n > 2 * 255) {
        su_buf_done(&out->utf16);
        errno = EILSEQ;
        return ntfstree_fail("%.*s", (int)len, s);
    }
    out->p = (ntfschar *)(void *)out->utf16.p;
    out->n = (u8)(out->utf16.n / 2);
    return 0;
}

/* NULL with errno when there is none.  Closes dir. */
static ntfs_inode *step(ntfs_volume *vol, ntfs_inode *dir, const char *s, size_t len)
{
    struct name nm;
    u64 ref = (u64)-1;
    if (name_of(s, len, &nm) == 0) {
        ref = ntfs_inode_lookup_by_name(dir, nm.p, nm.n);
        su_buf_done(&nm.utf16);
    }
    int no = errno;
    ntfs_inode_close(dir);
    errno = no;
    return ref == (u64)-1 ? NULL : ntfs_inode_open(vol, ref & MFT_REF_MASK_CPU);
}

static ntfs_inode *find(ntfs_volume *vol, const char *path, size_t len)
{
    ntfs_inode *at = ntfs_inode_open(vol, FILE_root);
    for (const char *end = path + len; at && path < end;) {
        path += *path == '/';
        const char *next = memchr(path, '/', (size_t)(end - path));
        size_t n = (size_t)((next ? next : end) - path);
        if (n)
            at = step(vol, at, path, n);
        path += n;
    }
    return at;
}

static const char *last_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static ntfs_inode *parent_of(ntfs_volume *vol, const char *path)
{
    return find(vol, path, (size_t)(last_of(path) - path));
}

static ntfs_inode *make(ntfs_volume *vol, const char *path, mode_t type, bool compressed)
{
    struct name nm;
    ntfs_inode *dir = parent_of(vol, path), *ni = NULL;
    if (!dir || name_of(last_of(path), strlen(last_of(path)), &nm) < 0)
        return NULL;
    FILE_ATTR_FLAGS before = dir->flags;
    if (compressed) /* a new file inherits it */
        dir->flags |= FILE_ATTR_COMPRESSED;
    ni = ntfs_create(dir, 0, nm.p, nm.n, type);
    int no = errno;
    dir->flags = before;
    su_buf_done(&nm.utf16);
    ntfs_inode_close(dir);
    errno = no;
    return ni;
}

int ntfstree_mkdir(ntfs_volume *vol, char **arg)
{
    for (char *p = arg[0]; (p = strchr(p + 1, '/')) || (p = arg[0] + strlen(arg[0]));) {
        char c = *p;
        *p = '\0';
        ntfs_inode *ni = find(vol, arg[0], strlen(arg[0]));
        if (!ni)
            ni = make(vol, arg[0], S_IFDIR, false);
        if (!ni || ntfs_inode_close(ni) != 0)
            return ntfstree_fail("mkdir %s", arg[0]);
        *p = c;
        if (!c)
            break;
    }
    return 0;
}

/* Contents ------------------------------------------------------------------------*/

static int fill_data(ntfs_inode *ni, const uint8_t *p, size_t n)
{
    ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0);
    if (!na)
        return -1;
    int r = ntfs_attr_truncate_solid(na, 0);
    for (size_t at = 0; r == 0 && at < n;) {
        s64 want = (s64)(n - at < PIECE ? n - at : PIECE), got = ntfs_attr_pwrite(na, (s64)at, want, p + at);
        if (got <= 0)
            r = -1;
        else
            at += (size_t)got;
    }
    if (r == 0 && NAttrCompressed(na))
        r = ntfs_attr_pclose(na);
    ntfs_attr_close(na);
    return r;
}

static int mark_encrypted(ntfs_inode *ni)
{
    ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(ni, NULL);
    if (!ctx || ntfs_attr_lookup(AT_DATA, AT_UNNAMED, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) != 0)
        return -1;
    ctx->attr->flags |= ATTR_IS_ENCRYPTED;
    ni->flags |= FILE_ATTR_ENCRYPTED;
    ntfs_inode_mark_dirty(ctx->ntfs_ino);
    ntfs_attr_put_search_ctx(ctx);
    return 0;
}

static int finish(ntfs_inode *ni, int r, const char *path)
{
    int no = errno;
    if (ni) {
        ntfs_inode_update_times(ni, NTFS_UPDATE_MCTIME);
        NInoFileNameSetDirty(ni);
        if (ntfs_inode_close(ni) != 0 && r == 0)
            return ntfstree_fail("closing %s", path);
    }
    errno = no;
    return r == 0 ? 0 : ntfstree_fail("%s", path);
}

int ntfstree_store(ntfs_volume *vol, const char *path, const void *p, size_t n, enum tree_kind kind)
{
    ntfs_inode *ni = find(vol, path, strlen(path));
    if (!ni)
        ni = make(vol, path, S_IFREG, kind == TREE_COMPRESSED);
    int r = ni ? fill_data(ni, p, n) : -1;
    if (r == 0 && kind == TREE_ENCRYPTED)
        r = mark_encrypted(ni);
    return finish(ni, r, path);
}

int ntfstree_get(ntfs_volume *vol, const char *path, FILE *to)
{
    ntfs_inode *ni = find(vol, path, strlen(path));
    ntfs_attr *na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
    static uint8_t buf[PIECE];
    s64 at = 0, got = -1;
    while (na && (got = ntfs_attr_pread(na, at, PIECE, buf)) > 0 && fwrite(buf, 1, (size_t)got, to) == (size_t)got)
        at += got;
    int r = na && got == 0 ? 0 : ntfstree_fail("reading %s", path);
    if (na)
        ntfs_attr_close(na);
    if (ni)
        ntfs_inode_close(ni);
    return r;
}

int ntfstree_fill(ntfs_volume *vol, char **arg)
{
    unsigned long n = strtoul(arg[1], NULL, 10), size = strtoul(arg[2], NULL, 10);
    SU_FREE uint8_t *p = malloc(size ? size : 1);
    char path[4200], *dir = path;
    ntfs_inode *at = NULL;
    if (!p)
        return ntfstree_fail("fill");
    for (unsigned long i = 0; i < n; i++) {
        if (i % FILES_A_DIR == 0) {
            ntfs_inode_close(at);
            snprintf(path, sizeof path, "%s/dir-%05lu", arg[0], i / FILES_A_DIR);
            if (ntfstree_mkdir(vol, &dir) < 0 || !(at = find(vol, path, strlen(path))))
                return -1;
        }
        char leaf[40];
        struct name nm;
        memset(p, (int)('a' + i % 26), size);
        int len = snprintf(leaf, sizeof leaf, "file-%07lu.txt", i);
        if (name_of(leaf, (size_t)len, &nm) < 0)
            return -1;
        ntfs_inode *ni = ntfs_create(at, 0, nm.p, nm.n, S_IFREG);
        su_buf_done(&nm.utf16);
        if (!ni || fill_data(ni, p, size) < 0 || ntfs_inode_close_in_dir(ni, at) != 0)
            return ntfstree_fail("%s/%s", path, leaf);
    }
    return ntfs_inode_close(at) == 0 ? 0 : ntfstree_fail("closing %s", path);
}

int ntfstree_sparse(ntfs_volume *vol, char **arg)
{
    ntfs_inode *ni = make(vol, arg[0], S_IFREG, false);
    ntfs_attr *na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
    int r = na ? ntfs_attr_truncate(na, (s64)strtoull(arg[1], NULL, 0)) : -1;
    if (na)
        ntfs_attr_close(na);
    return finish(ni, r, arg[0]);
}

/* A hole, filled from its end: the allocator goes forward. */
static int fill_backwards(ntfs_attr *na, uint64_t size, uint64_t cluster)
{
    SU_FREE uint8_t *p = malloc(cluster);
    if (!p || ntfs_attr_truncate(na, (s64)size) != 0)
        return -1;
    for (uint64_t n = (size + cluster - 1) / cluster; n-- > 0;) {
        s64 want = (s64)(size - n * cluster < cluster ? size - n * cluster : cluster);
        memset(p, (int)('A' + n % 26), cluster);
        if (ntfs_attr_pwrite(na, (s64)(n * cluster), want, p) != want)
            return -1;
    }
    return 0;
}

int ntfstree_fragmented(ntfs_volume *vol, char **arg)
{
    ntfs_inode *ni = make(vol, arg[0], S_IFREG, false);
    ntfs_attr *na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
    int r = na ? fill_backwards(na, strtoull(arg[1], NULL, 0), vol->cluster_size) : -1;
    if (na)
        ntfs_attr_close(na);
    return finish(ni, r, arg[0]);
}

int ntfstree_full(ntfs_volume *vol, char **arg)
{
    SU_FREE uint8_t *p = calloc(1, PIECE);
    ntfs_inode *ni = make(vol, arg[0], S_IFREG, false);
    ntfs_attr *na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
    if (!na || !p)
        return finish(ni, -1, arg[0]);
    for (s64 step_size = PIECE; step_size >= (s64)vol->cluster_size;) {
        s64 size = na->allocated_size + step_size;
        if (ntfs_attr_truncate_solid(na, size) != 0)
            step_size /= 2;
    }
    ntfs_attr_close(na);
    return finish(ni, 0, arg[0]);
}

/* Names and attributes ------------------------------------------------------------*/

int ntfstree_reparse(ntfs_volume *vol, char **arg)
{
    uint8_t point[24] = {0};
    su_put_le32(point, (uint32_t)strtoul(arg[1], NULL, 16));
    su_put_le16(point + 4, sizeof point - 8);
    ntfs_inode *ni = find(vol, arg[0], strlen(arg[0]));
    if (!ni)
        ni = make(vol, arg[0], S_IFREG, false);
    int r = ni ? ntfs_set_ntfs_reparse_data(ni, (const char *)point, sizeof point, 0) : -1;
    return finish(ni, r, arg[0]);
}

int ntfstree_link(ntfs_volume *vol, char **arg)
{
    struct name nm;
    ntfs_inode *ni = find(vol, arg[0], strlen(arg[0])), *dir = parent_of(vol, arg[1]);
    if (!ni || !dir || name_of(last_of(arg[1]), strlen(last_of(arg[1])), &nm) < 0)
        return ntfstree_fail("link %s", arg[0]);
    int r = ntfs_link(ni, dir, nm.p, nm.n);
    su_buf_done(&nm.utf16);
    ntfs_inode_close(dir);
    return finish(ni, r, arg[1]);
}

int ntfstree_dosname(ntfs_volume *vol, char **arg)
{
    ntfs_inode *ni = find(vol, arg[0], strlen(arg[0])), *dir = parent_of(vol, arg[0]);
    if (!ni || !dir)
        return ntfstree_fail("%s", arg[0]);
    /* takes both inodes */
    return ntfs_set_ntfs_dos_name(ni, dir, arg[1], strlen(arg[1]), 0) ? ntfstree_fail("dosname %s", arg[0]) : 0;
}

int ntfstree_attr(ntfs_volume *vol, char **arg)
{
    ntfs_inode *ni = find(vol, arg[0], strlen(arg[0]));
    if (ni)
        ni->flags = cpu_to_le32((uint32_t)strtoul(arg[1], NULL, 16));
    return finish(ni, ni ? 0 : -1, arg[0]);
}

int ntfstree_rm(ntfs_volume *vol, char **arg)
{
    struct name nm;
    ntfs_inode *ni = find(vol, arg[0], strlen(arg[0])), *dir = parent_of(vol, arg[0]);
    if (!ni || !dir || name_of(last_of(arg[0]), strlen(last_of(arg[0])), &nm) < 0)
        return ntfstree_fail("%s", arg[0]);
    int r = ntfs_delete(vol, arg[0], ni, dir, nm.p, nm.n); /* takes both inodes */
    su_buf_done(&nm.utf16);
    return r ? ntfstree_fail("rm %s", arg[0]) : 0;
}

static int print_entry(void *arg, const ntfschar *name, const int len, const int type, const s64 pos, const MFT_REF ref,
                       const unsigned kind)
{
    (void)arg, (void)pos;
    SU_BUF struct su_buf s = {0};
    su_utf16_to_utf8((struct su_bytes){(const uint8_t *)name, (size_t)len * 2}, false, &s);
    printf("%llu %u %d %s\n", (unsigned long long)(ref & MFT_REF_MASK_CPU), kind, type, su_buf_str(&s));
    return 0;
}

/* What the directory entry for one of the file's names says: NAMESPACE SIZE ALLOCATED CHANGED RECORD-CHANGED, times in
 * seconds since 1970. */
static int print_indexed(ntfs_volume *vol, const FILE_NAME_ATTR *fn)
{
    ntfs_inode *dir = ntfs_inode_open(vol, le64_to_cpu(fn->parent_directory) & MFT_REF_MASK_CPU);
    ntfs_index_context *ix = dir ? ntfs_index_ctx_get(dir, NTFS_INDEX_I30, 4) : NULL;
    int r = ix && ntfs_index_lookup(fn, sizeof *fn, ix) == 0 ? 0 : -1;
    if (r == 0) {
        const FILE_NAME_ATTR *f = ix->data;
        printf("%d %lld %lld %lld %lld\n", f->file_name_type, (long long)sle64_to_cpu(f->data_size),
               (long long)sle64_to_cpu(f->allocated_size), (long long)ntfs2timespec(f->last_data_change_time).tv_sec,
               (long long)ntfs2timespec(f->last_mft_change_time).tv_sec);
    }
    if (ix)
        ntfs_index_ctx_put(ix);
    if (dir)
        ntfs_inode_close(dir);
    return r;
}

int ntfstree_stat(ntfs_volume *vol, char **arg)
{
    ntfs_inode *ni = find(vol, arg[0], strlen(arg[0]));
    ntfs_attr_search_ctx *ctx = ni ? ntfs_attr_get_search_ctx(ni, NULL) : NULL;
    if (!ctx)
        return ntfstree_fail("%s", arg[0]);
    printf("record %llu attributes %x created %lld changed %lld record-changed %lld\n", (unsigned long long)ni->mft_no,
           le32_to_cpu(ni->flags), (long long)ntfs2timespec(ni->creation_time).tv_sec,
           (long long)ntfs2timespec(ni->last_data_change_time).tv_sec,
           (long long)ntfs2timespec(ni->last_mft_change_time).tv_sec);
    int r = 0;
    while (r == 0 && ntfs_attr_lookup(AT_FILE_NAME, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0)
        r = print_indexed(vol, (const void *)((const char *)ctx->attr + le16_to_cpu(ctx->attr->value_offset)));
    ntfs_attr_put_search_ctx(ctx);
    ntfs_inode_close(ni);
    return r == 0 ? 0 : ntfstree_fail("stat %s", arg[0]);
}

/* RECORD KIND NAMESPACE NAME, as in dir.h and layout.h of libntfs-3g */
int ntfstree_ls(ntfs_volume *vol, char **arg)
{
    s64 pos = 0;
    ntfs_inode *ni = find(vol, arg[0], strlen(arg[0]));
    int r = ni ? ntfs_readdir(ni, &pos, NULL, print_entry) : -1;
    if (ni)
        ntfs_inode_close(ni);
    return r == 0 ? 0 : ntfstree_fail("ls %s", arg[0]);
}

/* $LogFile ------------------------------------------------------------------------*/

enum { LOG_PAGE = 4096, USA_AT = 30, AREA_AT = 64, AREA_SIZE = 48 + 160 };

static void restart_page(uint8_t *page, uint64_t log_size, bool clean)
{
    RESTART_PAGE_HEADER *h = (void *)page;
    RESTART_AREA *a = (void *)(page + AREA_AT);
    LOG_CLIENT_RECORD *c = (void *)(page + AREA_AT + 48);
    memset(page, 0, LOG_PAGE);
    h->magic = magic_RSTR;
    h->usa_ofs = cpu_to_le16(USA_AT);
    h->usa_count = cpu_to_le16(LOG_PAGE / 512 + 1);
    h->system_page_size = h->log_page_size = cpu_to_le32(LOG_PAGE);
    h->restart_area_offset = cpu_to_le16(AREA_AT);
    h->major_ver = h->minor_ver = cpu_to_sle16(1);
    a->current_lsn = cpu_to_sle64(0x1000);
    a->log_clients = cpu_to_le16(1);
    a->client_free_list = clean ? cpu_to_le16(0) : LOGFILE_NO_CLIENT;
    a->client_in_use_list = clean ? LOGFILE_NO_CLIENT : cpu_to_le16(0);
    a->flags = clean ? RESTART_VOLUME_IS_CLEAN : cpu_to_le16(0);
    int bits = 67;
    for (uint64_t n = log_size; n; n >>= 1)
        bits--;
    a->seq_number_bits = cpu_to_le32((uint32_t)bits);
    a->restart_area_length = cpu_to_le16(AREA_SIZE);
    a->client_array_offset = cpu_to_le16(48);
    a->file_size = cpu_to_sle64((int64_t)log_size);
    a->log_record_header_length = cpu_to_le16(48);
    a->log_page_data_offset = cpu_to_le16(64);
    c->oldest_lsn = c->client_restart_lsn = cpu_to_sle64(0x1000);
    c->prev_client = c->next_client = LOGFILE_NO_CLIENT;
    c->client_name_length = cpu_to_le32(8);
    memcpy(c->client_name, "N\0T\0F\0S", 8);
    ntfs_mst_pre_write_fixup((NTFS_RECORD *)(void *)page, LOG_PAGE);
}

static int write_log(ntfs_volume *vol, bool clean)
{
    static uint8_t page[LOG_PAGE];
    ntfs_inode *ni = ntfs_inode_open(vol, FILE_LogFile);
    ntfs_attr *na = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
    int r = -1;
    if (na) {
        restart_page(page, (uint64_t)na->data_size, clean);
        bool good = ntfs_attr_pwrite(na, 0, LOG_PAGE, page) == LOG_PAGE;
        r = good && ntfs_attr_pwrite(na, LOG_PAGE, LOG_PAGE, page) == LOG_PAGE ? 0 : -1;
        ntfs_attr_close(na);
    }
    if (ni && ntfs_inode_close(ni) != 0)
        r = -1;
    return r == 0 ? 0 : ntfstree_fail("writing $LogFile");
}

int ntfstree_log_dirty(ntfs_volume *vol, char **arg)
{
    (void)arg;
    return write_log(vol, false);
}

int ntfstree_log_clean(ntfs_volume *vol, char **arg)
{
    (void)arg;
    return write_log(vol, true);
}
