/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bootapp - stands where Windows' boot manager would, and tells what the firmware did.
 *
 * Built as an EFI application (make-windows-image).  It prints to the console, and to QEMU's debug port for a test that
 * reads it without a terminal: the path and the partition it was loaded from, whether Secure Boot is on, and the boot
 * store beside it.  Started as the fallback loader it does what Windows' own does on a firmware that does not know it:
 * adds a boot entry for \EFI\Microsoft\Boot\bootmgfw.efi and starts the machine again.  Else it powers the machine off.
 *
 * Structures: UEFI specification 2.10, sections 4.3, 4.4, 4.5, 7, 8, 9.1, 10.2, 13.4, 13.5.  Functions that are not
 * called are only places in their tables. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t chr; /* UCS-2 */
typedef uint64_t status;
typedef struct {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
} guid;
#define EFIAPI __attribute__((ms_abi))
#define PLACES(name, n) void *name[n]

struct text_out {
    void *reset;
    status(EFIAPI *output)(struct text_out *this, const chr *s);
};

struct header {
    uint64_t signature;
    uint32_t revision, size, crc, reserved;
};

struct boot_services {
    struct header header;
    PLACES(before_handle_protocol, 16);
    status(EFIAPI *handle_protocol)(void *handle, const guid *protocol, void **interface);
};

struct runtime_services {
    struct header header;
    PLACES(before_get_variable, 6);
    status(EFIAPI *get_variable)(const chr *name, const guid *vendor, uint32_t *attributes, size_t *size, void *data);
    void *get_next_variable_name;
    status(EFIAPI *set_variable)(const chr *name, const guid *vendor, uint32_t attributes, size_t size,
                                 const void *data);
    void *get_next_high_monotonic_count;
    void(EFIAPI *reset_system)(int type, status why, size_t size, const void *data);
};

struct system_table {
    struct header header;
    const chr *vendor;
    uint32_t revision;
    void *in_handle, *in, *out_handle;
    struct text_out *out;
    void *err_handle;
    struct text_out *err;
    const struct runtime_services *runtime;
    const struct boot_services *boot;
};

struct loaded_image {
    uint32_t revision;
    void *parent;
    struct system_table *system;
    void *device;
    const uint8_t *path;
};

struct file {
    uint64_t revision;
    status(EFIAPI *open)(struct file *this, struct file **out, const chr *name, uint64_t mode, uint64_t attributes);
    status(EFIAPI *close)(struct file *this);
    void *delete;
    status(EFIAPI *read)(struct file *this, size_t *size, void *data);
    void *write;
    status(EFIAPI *get_position)(struct file *this, uint64_t *at);
    status(EFIAPI *set_position)(struct file *this, uint64_t at);
};

struct file_system {
    uint64_t revision;
    status(EFIAPI *open_volume)(struct file_system *this, struct file **root);
};

enum { RESET_COLD = 0, RESET_SHUTDOWN = 2, READ = 1, NV_BOOT_RUNTIME = 7, LOAD_OPTION_ACTIVE = 1 };
enum { NODE_MEDIA = 4, MEDIA_HARD_DRIVE = 1, MEDIA_FILE = 4, NODE_END = 0x7f, HARD_DRIVE_SIZE = 42 };
enum { ENTRY = 0x57, PATH = 128 /* units */ };
#define MANAGER u"\\EFI\\Microsoft\\Boot\\bootmgfw.efi"

static const guid loaded_image_id = {0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const guid device_path_id = {0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const guid file_system_id = {0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const guid global_id = {0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};

static struct system_table *st;

/* The compiler calls these for whole structures. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    return to;
}
void *memset(void *to, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = (uint8_t)c;
    return to;
}

/* Output ------------------------------------------------------------------ */

static void put(chr c)
{
    chr s[3] = {c, 0, 0};
    if (c == '\n') {
        s[0] = '\r';
        s[1] = '\n';
    }
    st->out->output(st->out, s);
    __asm__ volatile("outb %0, %1" : : "a"((uint8_t)(c < 0x7f ? c : '?')), "Nd"((uint16_t)0xe9));
}

static void say(const char *s)
{
    for (; *s; s++)
        put((chr)*s);
}

static void say_hex(uint64_t n, int digits)
{
    while (digits-- > 0)
        put((chr)("0123456789abcdef"[n >> 4 * digits & 15]));
}

static void say_number(uint64_t n)
{
    char text[21];
    int i = sizeof(text);
    text[--i] = '\0';
    do
        text[--i] = (char)('0' + n % 10);
    while ((n /= 10) > 0 && i > 0);
    say(text + i);
}

static void say_guid(const uint8_t *g)
{
    static const int8_t order[] = {3, 2, 1, 0, -1, 5, 4, -1, 7, 6, -1, 8, 9, -1, 10, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < sizeof(order); i++)
        if (order[i] < 0)
            put('-');
        else
            say_hex(g[order[i]], 2);
}

/* Where from -------------------------------------------------------------- */

static size_t node_size(const uint8_t *node)
{
    size_t n = (size_t)(node[2] | node[3] << 8);
    return n < 4 ? 4 : n;
}

static const uint8_t *find_node(const uint8_t *path, uint8_t type, uint8_t subtype)
{
    for (; path != NULL && path[0] != NODE_END; path += node_size(path))
        if (path[0] == type && path[1] == subtype)
            return path;
    return NULL;
}

/* The path of the file, with its nodes joined. */
static size_t path_of(const uint8_t *path, chr out[PATH])
{
    size_t n = 0;
    for (; path != NULL && path[0] != NODE_END; path += node_size(path)) {
        if (path[0] != NODE_MEDIA || path[1] != MEDIA_FILE)
            continue;
        for (size_t i = 4; i + 2 <= node_size(path) && n + 1 < PATH; i += 2) {
            chr c = (chr)(path[i] | path[i + 1] << 8);
            if (c == 0)
                break;
            if (c != '\\' || n == 0 || out[n - 1] != '\\')
                out[n++] = c;
        }
    }
    out[n] = 0;
    return n;
}

static chr lower(chr c)
{
    return c >= 'A' && c <= 'Z' ? (chr)(c - 'A' + 'a') : c;
}

static bool same(const chr *a, const chr *b)
{
    while (*a != 0 && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

static void tell_place(const chr *path, const uint8_t *drive)
{
    say("bootapp: path ");
    for (const chr *c = path; *c != 0; c++)
        put(*c);
    say("\n");
    if (drive == NULL)
        return;
    say("bootapp: partition ");
    say_number((uint64_t)(drive[4] | drive[5] << 8));
    say(" ");
    say_guid(drive + 24);
    say("\n");
}

static void tell_secure_boot(void)
{
    uint8_t on = 0;
    size_t size = sizeof(on);
    status rc = st->runtime->get_variable(u"SecureBoot", &global_id, NULL, &size, &on);
    say("bootapp: secureboot ");
    say(rc != 0 ? "unknown" : on ? "on" : "off");
    say("\n");
}

static struct file *open_at(struct file *root, const chr *name)
{
    struct file *f = NULL;
    return root->open(root, &f, name, READ, 0) == 0 ? f : NULL;
}

static void tell_store(struct file *root)
{
    static const chr *const logs[] = {u"\\EFI\\Microsoft\\Boot\\BCD.LOG", u"\\EFI\\Microsoft\\Boot\\BCD.LOG1",
                                      u"\\EFI\\Microsoft\\Boot\\BCD.LOG2"};
    struct file *f = open_at(root, u"\\EFI\\Microsoft\\Boot\\BCD");
    say("bootapp: store ");
    if (f == NULL) {
        say("missing\n");
    } else {
        uint8_t magic[4] = {0};
        size_t size = sizeof(magic);
        uint64_t end = 0;
        bool good = f->read(f, &size, magic) == 0 && size == 4 && magic[0] == 'r' && magic[1] == 'e' &&
                    magic[2] == 'g' && magic[3] == 'f';
        if (f->set_position(f, UINT64_MAX) == 0)
            f->get_position(f, &end);
        f->close(f);
        say(good ? "regf " : "other ");
        say_number(end);
        say("\n");
    }
    unsigned n = 0;
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
        f = open_at(root, logs[i]);
        if (f != NULL) {
            n++;
            f->close(f);
        }
    }
    say("bootapp: logs ");
    say_number(n);
    say("\n");
}

/* A boot entry ------------------------------------------------------------ */

/* The short form that Windows uses: the partition, and the file.  Table 3.1.3, 10.3. */
static bool add_entry(const uint8_t *drive)
{
    static const chr name[] = u"Windows Boot Manager";
    static const chr manager[] = MANAGER;
    static const uint8_t end[] = {NODE_END, 0xff, 4, 0};
    uint8_t option[6 + sizeof(name) + HARD_DRIVE_SIZE + 4 + sizeof(manager) + sizeof(end)] = {LOAD_OPTION_ACTIVE};
    const uint16_t paths = HARD_DRIVE_SIZE + 4 + sizeof(manager) + sizeof(end);
    const uint8_t file[] = {NODE_MEDIA, MEDIA_FILE, 4 + sizeof(manager), 0};
    const uint16_t order = ENTRY;
    uint8_t *p = option + 4;
    if (drive == NULL || node_size(drive) != HARD_DRIVE_SIZE)
        return false;
    memcpy(p, &paths, 2);
    memcpy(p += 2, name, sizeof(name));
    memcpy(p += sizeof(name), drive, HARD_DRIVE_SIZE);
    memcpy(p += HARD_DRIVE_SIZE, file, sizeof(file));
    memcpy(p += sizeof(file), manager, sizeof(manager));
    memcpy(p += sizeof(manager), end, sizeof(end));
    return st->runtime->set_variable(u"Boot0057", &global_id, NV_BOOT_RUNTIME, sizeof(option), option) == 0 &&
           st->runtime->set_variable(u"BootOrder", &global_id, NV_BOOT_RUNTIME, sizeof(order), &order) == 0;
}

status EFIAPI efi_main(void *image, struct system_table *system);
status EFIAPI efi_main(void *image, struct system_table *system)
{
    struct loaded_image *self = NULL;
    struct file_system *fs = NULL;
    struct file *root = NULL;
    const uint8_t *device = NULL;
    chr path[PATH];
    st = system;
    say("bootapp: begin\n");
    st->boot->handle_protocol(image, &loaded_image_id, (void **)&self);
    if (self != NULL) {
        st->boot->handle_protocol(self->device, &device_path_id, (void **)&device);
        st->boot->handle_protocol(self->device, &file_system_id, (void **)&fs);
    }
    path_of(self != NULL ? self->path : NULL, path);
    const uint8_t *drive = find_node(device, NODE_MEDIA, MEDIA_HARD_DRIVE);
    tell_place(path, drive);
    tell_secure_boot();
    if (fs != NULL && fs->open_volume(fs, &root) == 0)
        tell_store(root);
    bool again = !same(path, MANAGER) && add_entry(drive);
    say(again ? "bootapp: end, entry added\n" : "bootapp: end\n");
    st->runtime->reset_system(again ? RESET_COLD : RESET_SHUTDOWN, 0, 0, NULL);
    return 0;
}
