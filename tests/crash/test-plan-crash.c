/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plans of real disks through every power cut: test-plan-crash [--reuse-esp] IMAGE...
 *
 * Raw images; they are only read.  The plan is the one that convert would run; the disk it runs on is
 * the image in memory, written to by copies (tests/lib/sim.h).  SURETY_SEED=N reruns a printed seed;
 * SURETY_FIRMWARE_VARS: keys other than Microsoft's. */
#include "convert/convert.h"
#include "convert/os.h"
#include "tests/lib/crash.h"
#include "tests/lib/tap.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

static uint64_t seed;
static bool reuse_esp;

static const uint8_t *map_image(const char *path, size_t *n)
{
    struct stat st;
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    *n = (size_t)st.st_size;
    void *p = mmap(NULL, *n, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

static int make_plan(const char *path, struct su_facts **f, struct su_conversion *c, struct su_err *e)
{
    static struct su_options opt;
    const char *vars = getenv("SURETY_FIRMWARE_VARS");
    opt = (struct su_options){.image = path, .format = "raw", .reuse_esp = reuse_esp, .now = 1700000000};
    opt.firmware_vars = vars ? vars : SU_FIRMWARE_VARS;
    opt.boot_files = getenv("SURETY_BOOT_FILES");
    if (su_facts_read(&opt, false, f, e) < 0)
        return -1;
    if ((*f)->table != SU_TABLE_MBR || !(*f)->os || !(*f)->os->esp || (*f)->layout.n_problems)
        return su_fail(e, SU_E_REFUSED, "test.image", "not a disk that can be converted");
    return su_conversion_make(*f, NULL, NULL, c, e);
}

/* The ESP lies where nothing was, so its contents are the same problem however long they are: of each
 * run one page stands for all, and the states stay few enough to try them all. */
static void shorten_esp(struct su_plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->step[i].area == SU_AREA_ESP && p->step[i].kind == SU_STEP_WRITE && p->step[i].n > 4096)
            p->step[i].n = 4096;
}

static void try_image(const char *path)
{
    SU_FACTS struct su_facts *f = NULL;
    SU_CONVERSION struct su_conversion c = SU_CONVERSION_INIT;
    struct su_err e = {0};
    struct su_crash_count count = {0};
    char why[400] = "";
    size_t n = 0;
    const uint8_t *disk = map_image(path, &n);
    if (!ok(disk && make_plan(path, &f, &c, &e) == 0, "%s: a plan", path)) {
        printf("# %s\n", disk ? e.msg : strerror(errno));
        return;
    }
    shorten_esp(&c.plan);
    struct su_crash_case k = {.disk = disk,
                              .plan = &c.plan,
                              .meta = {(const uint8_t *)"{}", 2},
                              .crashes = 2,
                              .all_upto = 4,
                              .samples = 6,
                              .torn = {1, 1},
                              .faults = true,
                              .seed = seed};
    ok(su_crash_all(&k, &count, why, sizeof why), "%s: old or new after every crash", path);
    if (*why)
        printf("# seed %llu: %s\n", (unsigned long long)seed, why);
    ok(count.old_seen > 0 && count.new_seen > 0, "%s: both outcomes were seen", path);
    printf("# %s: %lu operations, %lu states, %lu judged, %lu recoveries, %lu faults\n", path, count.run_ops,
           count.states, count.judged, count.recoveries, count.faults);
    munmap((void *)(uintptr_t)disk, n);
}

int main(int argc, char **argv)
{
    const char *s = getenv("SURETY_SEED");
    seed = s ? strtoull(s, NULL, 0) : (uint64_t)time(NULL) | 1;
    printf("# SURETY_SEED=%llu\n", (unsigned long long)seed);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--reuse-esp") == 0)
            reuse_esp = true;
        else
            try_image(argv[i]);
    return tap_done();
}
