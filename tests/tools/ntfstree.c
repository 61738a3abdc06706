/* SPDX-License-Identifier: GPL-3.0-or-later */
/* surety-ntfstree [--offset BYTES] [--size BYTES] FILE < SCRIPT: puts files into an NTFS volume that mkntfs made.
 *
 * One command a line; words are separated by blanks, "double quotes" hold them together.  Paths are absolute and UTF-8.
 * HOSTFILE "-" is standard output where something is read.
 *   mkdir PATH                     and the directories above it
 *   put PATH HOSTFILE              new file, or new contents
 *   text PATH STRING               the same from the script; \n, \t, \0, \\ and \xHH
 *   fill DIR COUNT SIZE            many files, 500 to a directory
 *   compressed PATH HOSTFILE       by NTFS itself (LZNT1)
 *   sparse PATH SIZE               no cluster is allocated
 *   encrypted PATH STRING          looks like a file of EFS
 *   fragmented PATH SIZE           its clusters in falling order, each a run of its own
 *   full PATH                      takes all free clusters
 *   reparse PATH TAGHEX            a reparse point with 16 bytes of nothing
 *   link PATH NEWPATH              another name
 *   dosname PATH NAME              an 8.3 name beside the long one
 *   attr PATH HEX                  FILE_ATTRIBUTE_... as Windows counts them
 *   rm PATH
 *   get PATH HOSTFILE | cat PATH | ls DIR | stat PATH
 *   dirty on|off                   the flag that asks for chkdsk
 *   logdirty | logclean            the restart pages of $LogFile, as a crash or a shutdown leaves them
 *   damage-mirror                  $MFTMirr differs from $MFT in the record of $Volume
 *   serial HEX                     of the boot sector
 *   now SECONDS                    the clock from here on; it stands still at 2023-11-14 22:13:20 UTC
 * The same volume and script make the same bytes.  Exit 0, or 1 with a line on standard error. */
#include "ntfstree.h"
#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

struct area ntfstree_area;
static time_t now = 1700000000;

/* libntfs-3g asks for the time here; the tool's own symbol comes before libc's. */
int clock_gettime(clockid_t id, struct timespec *out)
{
    (void)id;
    *out = (struct timespec){.tv_sec = now};
    return 0;
}

/* libntfs-3g forgets some names that it made. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libntfs-3g\n";
}

/* The device: the file in memory --------------------------------------------------*/

static int dev_open(struct ntfs_device *dev, int flags)
{
    (void)flags;
    NDevSetOpen(dev);
    return 0;
}

static int dev_close(struct ntfs_device *dev)
{
    NDevClearOpen(dev);
    return 0;
}

static s64 clip(s64 count, s64 off)
{
    s64 size = (s64)ntfstree_area.size;
    return off < 0 || off >= size || count < 0 ? 0 : count < size - off ? count : size - off;
}

static s64 dev_pread(struct ntfs_device *dev, void *buf, s64 count, s64 off)
{
    (void)dev;
    s64 n = clip(count, off);
    memcpy(buf, ntfstree_area.p + off, (size_t)n);
    return n;
}

static s64 dev_pwrite(struct ntfs_device *dev, const void *buf, s64 count, s64 off)
{
    (void)dev;
    s64 n = clip(count, off);
    return pwrite(ntfstree_area.fd, buf, (size_t)n, (off_t)ntfstree_area.off + off); /* not through the map: slow */
}

static s64 dev_read(struct ntfs_device *dev, void *buf, s64 count)
{
    (void)dev, (void)buf, (void)count;
    return -1;
}

static s64 dev_write(struct ntfs_device *dev, const void *buf, s64 count)
{
    (void)dev, (void)buf, (void)count;
    return -1;
}

static s64 dev_seek(struct ntfs_device *dev, s64 off, int whence)
{
    (void)dev, (void)whence;
    return off;
}

static int dev_sync(struct ntfs_device *dev)
{
    (void)dev;
    return 0;
}

static int dev_stat(struct ntfs_device *dev, struct stat *st)
{
    (void)dev;
    *st = (struct stat){.st_mode = S_IFREG | 0600, .st_size = (off_t)ntfstree_area.size};
    return 0;
}

static int dev_ioctl(struct ntfs_device *dev, unsigned long request, void *arg)
{
    (void)dev, (void)request, (void)arg;
    return -1;
}

static struct ntfs_device_operations dev_ops = {
    .open = dev_open,
    .close = dev_close,
    .seek = dev_seek,
    .read = dev_read,
    .write = dev_write,
    .pread = dev_pread,
    .pwrite = dev_pwrite,
    .sync = dev_sync,
    .stat = dev_stat,
    .ioctl = dev_ioctl,
};

static int map_area(const char *file, uint64_t off, uint64_t size)
{
    int fd = open(file, O_RDWR | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return ntfstree_fail("%s", file);
    uint64_t whole = (uint64_t)st.st_size;
    if (off >= whole || size > whole - off)
        return ntfstree_fail("%s ends before the volume", file);
    uint8_t *p = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return ntfstree_fail("mapping %s", file);
    ntfstree_area = (struct area){.fd = fd, .off = off, .p = p + off, .size = size ? size : whole - off};
    return 0;
}

static ntfs_volume *mount_area(void)
{
    struct ntfs_device *dev = ntfs_device_alloc("volume", 0, &dev_ops, NULL);
    ntfs_volume *vol = dev ? ntfs_device_mount(dev, NTFS_MNT_FORENSIC) : NULL;
    if (vol) {
        NVolClearCaseSensitive(vol);
        NVolSetCompression(vol);
    }
    return vol;
}

/* The script ----------------------------------------------------------------------*/

static bool hex_digit(char c, unsigned *v)
{
    if (!isxdigit((unsigned char)c))
        return false;
    *v = *v * 16 + (unsigned)(isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10);
    return true;
}

static size_t unescape(const char *s, char *out)
{
    size_t n = 0;
    for (; *s; s++) {
        unsigned v = 0;
        if (*s != '\\' || !s[1]) {
            out[n++] = *s;
        } else if (s[1] == 'x' && hex_digit(s[2], &v) && hex_digit(s[3], &v)) {
            out[n++] = (char)v;
            s += 3;
        } else {
            s++;
            out[n++] = (char)(*s == 'n' ? '\n' : *s == 't' ? '\t' : *s == '0' ? '\0' : *s);
        }
    }
    return n;
}

static int run_text(ntfs_volume *vol, char **arg)
{
    size_t n = unescape(arg[1], arg[1]);
    return ntfstree_store(vol, arg[0], arg[1], n, TREE_PLAIN);
}

static int run_encrypted(ntfs_volume *vol, char **arg)
{
    return ntfstree_store(vol, arg[0], arg[1], strlen(arg[1]), TREE_ENCRYPTED);
}

static int store_file(ntfs_volume *vol, char **arg, enum tree_kind kind)
{
    int fd = open(arg[1], O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return ntfstree_fail("%s", arg[1]);
    size_t n = (size_t)st.st_size;
    void *p = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (p == MAP_FAILED)
        return ntfstree_fail("mapping %s", arg[1]);
    int r = ntfstree_store(vol, arg[0], p, n, kind);
    if (n)
        munmap(p, n);
    return r;
}

static int run_put(ntfs_volume *vol, char **arg)
{
    return store_file(vol, arg, TREE_PLAIN);
}

static int run_compressed(ntfs_volume *vol, char **arg)
{
    return store_file(vol, arg, TREE_COMPRESSED);
}

static int run_cat(ntfs_volume *vol, char **arg)
{
    return ntfstree_get(vol, arg[0], stdout);
}

static int run_get(ntfs_volume *vol, char **arg)
{
    FILE *f = strcmp(arg[1], "-") == 0 ? stdout : fopen(arg[1], "wbe");
    if (!f)
        return ntfstree_fail("%s", arg[1]);
    int r = ntfstree_get(vol, arg[0], f);
    if (f != stdout && fclose(f) != 0 && r == 0)
        return ntfstree_fail("writing %s", arg[1]);
    return r;
}

static int run_dirty(ntfs_volume *vol, char **arg)
{
    uint16_t flags = le16_to_cpu(vol->flags), bit = le16_to_cpu(VOLUME_IS_DIRTY);
    flags = (uint16_t)(strcmp(arg[0], "on") == 0 ? flags | bit : flags & ~bit);
    return ntfs_volume_write_flags(vol, cpu_to_le16(flags)) ? ntfstree_fail("setting the volume's flags") : 0;
}

static int run_now(ntfs_volume *vol, char **arg)
{
    (void)vol;
    now = (time_t)strtoll(arg[0], NULL, 10);
    return 0;
}

static int run_serial(ntfs_volume *vol, char **arg)
{
    (void)vol;
    uint64_t v = strtoull(arg[0], NULL, 16), last = ntfstree_area.size / SU_SECTOR * SU_SECTOR - SU_SECTOR;
    uint64_t backup = su_le64(ntfstree_area.p + 40) * su_le16(ntfstree_area.p + 11);
    su_put_le64(ntfstree_area.p + 72, v);
    if (backup <= last && memcmp(ntfstree_area.p + backup + 3, "NTFS    ", 8) == 0)
        su_put_le64(ntfstree_area.p + backup + 72, v);
    return 0;
}

/* Right behind the header, in the record's unused part or not: any byte will do that the two copies share. */
static int run_damage_mirror(ntfs_volume *vol, char **arg)
{
    (void)arg;
    uint64_t off = (uint64_t)vol->mftmirr_lcn << vol->cluster_size_bits;
    uint8_t *seq = ntfstree_area.p + off + 3 * vol->mft_record_size + 16; /* its sequence number */
    *seq ^= 1;
    return 0;
}

static const struct command {
    const char *name;
    int args;
    int (*run)(ntfs_volume *vol, char **arg);
} commands[] = {
    {"mkdir", 1, ntfstree_mkdir},
    {"put", 2, run_put},
    {"text", 2, run_text},
    {"fill", 3, ntfstree_fill},
    {"compressed", 2, run_compressed},
    {"sparse", 2, ntfstree_sparse},
    {"encrypted", 2, run_encrypted},
    {"fragmented", 2, ntfstree_fragmented},
    {"full", 1, ntfstree_full},
    {"reparse", 2, ntfstree_reparse},
    {"link", 2, ntfstree_link},
    {"dosname", 2, ntfstree_dosname},
    {"attr", 2, ntfstree_attr},
    {"rm", 1, ntfstree_rm},
    {"get", 2, run_get},
    {"cat", 1, run_cat},
    {"ls", 1, ntfstree_ls},
    {"stat", 1, ntfstree_stat},
    {"dirty", 1, run_dirty},
    {"logdirty", 0, ntfstree_log_dirty},
    {"logclean", 0, ntfstree_log_clean},
    {"damage-mirror", 0, run_damage_mirror},
    {"serial", 1, run_serial},
    {"now", 1, run_now},
};

enum { MAX_WORDS = 4 };

static int split(char *line, char **word)
{
    int n = 0;
    for (char *p = line + strspn(line, " \t\r\n"); *p && n < MAX_WORDS; p += strspn(p, " \t\r\n")) {
        bool quoted = *p == '"';
        word[n++] = p += quoted;
        p += strcspn(p, quoted ? "\"\n" : " \t\r\n");
        if (*p)
            *p++ = '\0';
    }
    return n;
}

static int run_line(ntfs_volume *vol, char *line)
{
    char *word[MAX_WORDS];
    int n = split(line, word);
    if (n == 0 || word[0][0] == '#')
        return 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, word[0]) == 0 && commands[i].args == n - 1)
            return commands[i].run(vol, word + 1);
    errno = 0;
    return ntfstree_fail("no command \"%s\" with %d words behind it", word[0], n - 1);
}

static int run_script(ntfs_volume *vol)
{
    SU_FREE char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, stdin) >= 0)
        if (run_line(vol, line) < 0)
            return -1;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"offset", 1, 0, 'o'}, {"size", 1, 0, 's'}, {0}};
    uint64_t off = 0, size = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?')
            return 1;
        *(c == 'o' ? &off : &size) = strtoull(optarg, NULL, 0);
    }
    ntfs_log_set_handler(ntfs_log_handler_null);
    if (optind != argc - 1) {
        fprintf(stderr, "usage: surety-ntfstree [--offset BYTES] [--size BYTES] FILE < SCRIPT\n");
        return 1;
    }
    if (map_area(argv[optind], off, size) < 0)
        return 1;
    ntfs_volume *vol = mount_area();
    if (!vol)
        return ntfstree_fail("opening the volume in %s", argv[optind]), 1;
    int r = run_script(vol);
    if (ntfs_umount(vol, FALSE) != 0)
        r = ntfstree_fail("closing the volume");
    return r < 0;
}
