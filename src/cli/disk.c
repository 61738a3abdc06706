/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of "surety disk". */
#include "base/confine.h"
#include "base/progress.h"
#include "cli.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

/* What was asked, with what it owns. */
struct request {
    struct su_options opt;
    struct su_secret key;
    uint8_t random[32];
    char undo[4096];
    bool undo_named; /* --undo was given */
    bool json, dry_run;
    struct su_progress progress;
};

static void request_done(struct request *r)
{
    su_secret_done(&r->key);
}
#define REQUEST SU_AUTO(request_done)

/* Options ------------------------------------------------------------------ */

static int choose(const char *option, const char *value, const char *const *words, size_t n, int *out, struct su_err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = (int)i;
            return 0;
        }
    }
    return su_fail(e, SU_E_USAGE, "cli.option.value", "%s does not know %s", option, value);
}

static int word_option(const struct su_args *a, const char *option, const char *const *words, size_t n, int *out,
                       struct su_err *e)
{
    const char *v = su_args_get(a, option);
    *out = 0;
    return v ? choose(option, v, words, n, out, e) : 0;
}

static int take_map(const struct su_args *a, struct su_options *o, struct su_err *e)
{
    const char *v;
    for (size_t i = 0; (v = su_args_nth(a, "--map", i)); i++) {
        char *end;
        unsigned long type = strtoul(v, &end, 16);
        const char *guid = *end == '=' ? end + 1 : "";
        size_t n = strlen(guid);
        if (n > 2 && guid[0] == '{' && guid[n - 1] == '}') { /* as MBR2GPT takes them */
            guid++;
            n -= 2;
        }
        if (end == v || type == 0 || type > 0xFF || o->n_map == SU_MAX_MAP ||
            su_guid_parse(guid, n, o->map[o->n_map].gpt, e) < 0)
            return su_fail(e, SU_E_USAGE, "cli.map",
                           "--map takes TYPE=GUID, like 8e=e6d6d379-f507-44c2-a23c-238f2a3df928");
        o->map[o->n_map++].mbr = (uint8_t)type;
    }
    return 0;
}

static int take_sizes(const struct su_args *a, struct su_options *o, struct su_err *e)
{
    const char *sector = su_args_get(a, "--sector-size"), *esp = su_args_get(a, "--esp-size");
    if (sector && strcmp(sector, "512") != 0 && strcmp(sector, "4096") != 0)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--sector-size is 512 or 4096");
    o->sector_size = !sector ? 0 : strcmp(sector, "512") == 0 ? 512 : 4096;
    if (esp && su_parse_size(esp, &o->esp_bytes, e) < 0)
        return -1;
    if (esp && (o->esp_bytes < 34 * SU_MIB || o->esp_bytes > 4096 * SU_MIB))
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--esp-size is between 34M and 4G");
    if (esp && o->reuse_esp)
        return su_fail(e, SU_E_USAGE, "cli.operands", "--esp-size and --reuse-esp exclude each other");
    return 0;
}

static int take_choices(const struct su_args *a, struct request *r, struct su_err *e)
{
    static const char *const whens[] = {"auto", "on", "off"}, *const engines[] = {"native", "appliance"};
    static const char *const kinds[] = {"derived", "random"};
    const char *bus = su_args_get(a, "--boot-bus");
    const char *buses[SU_WINBUS_COUNT];
    int dual, engine, guids, known;
    for (int b = 0; b < SU_WINBUS_COUNT; b++)
        buses[b] = su_winbus_name((enum su_winbus)b);
    if (bus && choose("--boot-bus", bus, buses, SU_ARRAY_LEN(buses), &known, e) < 0)
        return -1;
    r->opt.boot_bus = bus;
    if (word_option(a, "--dual", whens, SU_ARRAY_LEN(whens), &dual, e) < 0 ||
        word_option(a, "--engine", engines, SU_ARRAY_LEN(engines), &engine, e) < 0 ||
        word_option(a, "--guids", kinds, SU_ARRAY_LEN(kinds), &guids, e) < 0)
        return -1;
    r->opt.dual = (enum su_choice)dual;
    r->opt.engine = (enum su_engine)engine;
    if (guids && getrandom(r->random, sizeof r->random, 0) != (ssize_t)sizeof r->random)
        return su_fail_os(e, "host.random", "asking for random bytes");
    r->opt.random = guids ? r->random : NULL;
    return 0;
}

/* Builds that must be repeatable set SOURCE_DATE_EPOCH, as for other tools. */
static int64_t now(void)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    bool number = fixed && *fixed && fixed[strspn(fixed, "0123456789")] == 0 && strlen(fixed) < 12;
    return number ? (int64_t)strtoll(fixed, NULL, 10) : (int64_t)time(NULL);
}

/* What the verbs and their helpers write: the image, the journals, private directories, libguestfs's cache.
 * inspect and validate write neither image nor journal. */
static int confine(const struct request *r, bool writes, struct su_err *e)
{
    static const char *const places[] = {"/dev/shm", "/run", "/tmp", "/var/tmp", "/dev/null", "/dev/tty"};
    struct su_confine c = {0};
    char undo[sizeof r->undo], image[PATH_MAX];
    struct stat st;
    for (size_t i = 0; i < SU_ARRAY_LEN(places); i++)
        su_confine_allow(&c, places[i], true);
    su_confine_allow(&c, getenv("TMPDIR"), true);
    su_confine_allow(&c, getenv("LIBGUESTFS_CACHEDIR"), true);
    snprintf(undo, sizeof undo, "%s", r->undo);
    if (writes) {
        su_confine_allow(&c, r->opt.image, false); /* of an NBD URI there is no such file, and nothing is allowed */
        su_confine_allow(&c, dirname(undo), true);
        if (realpath(r->opt.image, image) && stat(image, &st) == 0 && S_ISREG(st.st_mode))
            su_confine_allow(&c, dirname(image), true); /* a VMDK's extents are files beside it */
    }
    if (r->opt.engine == SU_ENGINE_APPLIANCE)
        su_confine_allow(&c, "/dev/kvm", false);
    return su_confine_enter(&c, NULL, e);
}

static int take_undo(const struct su_args *a, struct request *r, struct su_err *e)
{
    const char *undo = su_args_get(a, "--undo");
    if (!undo && su_image_undo_path(r->opt.image, r->undo, sizeof r->undo, e) < 0)
        return -1;
    if (undo)
        snprintf(r->undo, sizeof r->undo, "%s", undo);
    r->undo_named = undo;
    const char *slash = strrchr(r->undo, '/'), *name = slash ? slash + 1 : r->undo;
    if ((undo && strlen(undo) >= sizeof r->undo) || strlen(name) + strlen(".rollback") > NAME_MAX)
        return su_fail(e, SU_E_USAGE, "undo.open",
                       "the name of the undo file is too long; name a shorter one with --undo");
    if (su_same_file(r->undo, r->opt.image))
        return su_fail(e, SU_E_USAGE, "undo.image", "--undo names the image itself, not its undo journal");
    return 0;
}

static int make_request(const struct su_args *a, bool writes, struct request *r, struct su_err *e)
{
    const char *key = su_args_get(a, "--key-file"), *vars = su_args_get(a, "--firmware-vars");
    if (vars && access(vars, R_OK) < 0)
        return su_fail_os(e, "cli.firmware-vars", "--firmware-vars %s", vars);
    r->opt.image = a->operand[0];
    r->opt.now = now();
    r->opt.format = su_args_get(a, "--format");
    r->opt.boot_files = su_args_get(a, "--boot-files");
    r->opt.firmware_vars = vars ? vars : SU_FIRMWARE_VARS;
    r->opt.shared = su_args_get(a, "--force-share") != NULL;
    r->opt.no_grow = su_args_get(a, "--no-grow") != NULL;
    r->opt.allow_unsigned = su_args_get(a, "--allow-unsigned") != NULL;
    r->opt.msr = su_args_get(a, "--msr") != NULL;
    r->opt.reuse_esp = su_args_get(a, "--reuse-esp") != NULL;
    r->json = su_args_get(a, "--json") != NULL;
    r->dry_run = su_args_get(a, "--dry-run") != NULL;
    if (take_map(a, &r->opt, e) < 0 || take_sizes(a, &r->opt, e) < 0 || take_choices(a, r, e) < 0 ||
        take_undo(a, r, e) < 0 || (key && su_secret_from_file(key, &r->key, e) < 0))
        return -1;
    r->opt.key = key ? &r->key : NULL;
    su_progress_start(&r->progress, r->json || su_args_get(a, "--quiet") ? NULL : stderr);
    if (writes && su_undo_prepare(r->undo, e) < 0)
        return -1;
    return confine(r, writes, e);
}

/* Interruption ------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

/* From here on a signal is noticed between two steps, so that the disk can be put back. */
static void catch_signals(void)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < SU_ARRAY_LEN(signals); i++)
        sigaction(signals[i], &act, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader of our progress that goes away is no reason to stop in the middle */
}

static int show_step(void *arg, const char *why, uint64_t done, uint64_t total)
{
    su_progress_step(arg, why, done, total);
    return interrupted;
}

static struct su_watch watch_of(struct request *r)
{
    catch_signals();
    return (struct su_watch){.step = show_step, .arg = &r->progress};
}

/* inspect, validate -------------------------------------------------------- */

/* All that can be said against converting: the rules, an operation that was cut short, and edits that do not work. */
static int judge(struct request *r, struct su_facts *f, struct su_verdict *v, struct su_err *e)
{
    bool unfinished;
    if (su_rules_run(f, v, e) < 0 || su_undo_unfinished(r->undo, &unfinished, e) < 0)
        return -1;
    if (unfinished)
        su_found_as(v, SU_STOP, "disk.unfinished", "run: surety disk recover IMAGE, with the same --undo",
                    "a conversion or a rollback of this disk was cut short");
    return su_edits_try(f, v, e);
}

int su_disk_inspect(const struct su_args *a, struct su_err *e)
{
    REQUEST struct request r = {0};
    SU_FACTS struct su_facts *f = NULL;
    SU_VERDICT struct su_verdict v = {0};
    r.opt.thorough = true;
    if (make_request(a, false, &r, e) < 0 || su_facts_read(&r.opt, false, &f, e) < 0 || judge(&r, f, &v, e) < 0)
        return -1;
    if (r.json) {
        json_t *o = su_json_facts(f);
        json_object_set_new(o, "findings", su_json_findings(&v, SU_NOTE));
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    su_print_facts(f, stdout);
    su_print_verdict(&v, false, stdout);
    return SU_EXIT_OK;
}

static int verdict_status(const struct su_facts *f, const struct su_verdict *v)
{
    return v->stops ? SU_EXIT_NOT_CONVERTIBLE : f->table == SU_TABLE_GPT ? SU_EXIT_ALREADY : SU_EXIT_OK;
}

static int print_verdict(const struct request *r, const struct su_facts *f, const struct su_verdict *v, bool all,
                         struct su_err *e)
{
    int status = verdict_status(f, v);
    if (r->json) {
        json_t *o = json_pack("{s:b,s:b,s:b,s:o,s:o}", "ok", status != SU_EXIT_NOT_CONVERTIBLE, "convertible",
                              status == SU_EXIT_OK, "already_gpt", status == SU_EXIT_ALREADY, "image",
                              su_json_text(r->opt.image), "findings", su_json_findings(v, SU_OK_NOTE));
        return su_json_print(o, stdout, e) < 0 ? -1 : status;
    }
    su_print_verdict(v, all, stdout);
    su_print_quoted(r->opt.image, stdout);
    if (status == SU_EXIT_ALREADY)
        printf(": already GPT, nothing to do\n");
    else if (status == SU_EXIT_OK)
        printf(": can be converted (warnings: %zu)\n", v->warnings);
    else
        printf(": cannot be converted (reasons: %zu, warnings: %zu)\n", v->stops, v->warnings);
    return status;
}

int su_disk_validate(const struct su_args *a, struct su_err *e)
{
    REQUEST struct request r = {0};
    SU_FACTS struct su_facts *f = NULL;
    SU_VERDICT struct su_verdict v = {0};
    r.opt.thorough = true;
    if (make_request(a, false, &r, e) < 0 || su_facts_read(&r.opt, false, &f, e) < 0 || judge(&r, f, &v, e) < 0)
        return -1;
    return print_verdict(&r, f, &v, true, e);
}

/* convert ------------------------------------------------------------------ */

static int print_plan(struct request *r, const struct su_facts *f, const struct su_verdict *v, struct su_conversion *c,
                      struct su_err *e)
{
    if (r->json) {
        json_t *o = su_json_conversion(f, c);
        json_object_set_new(o, "dry_run", json_true());
        json_object_set_new(o, "warnings", su_json_findings(v, SU_WARNING));
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    if (su_plan_print(&c->plan, stdout, e) < 0)
        return -1;
    for (size_t i = 0; i < c->edits.n; i++)
        printf("     edit    %-15s %s on %s\n", su_edit_kind_name(c->edits.edit[i].kind), c->edits.edit[i].path,
               f->vols.vol[c->edits.edit[i].vol].name);
    return SU_EXIT_OK;
}

static void print_hex(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", p[i]);
    putchar('\n');
}

/* What only one of the systems has. */
static void print_system(const struct su_facts *f, const struct su_conversion *c)
{
    const struct su_edits *l = &c->edits;
    if (c->dual_why[0])
        printf("  not BIOS:      %s\n", c->dual_why);
    if (f->check.has_pcr4) {
        printf("  PCR 4 will be  ");
        print_hex(f->check.pcr4, sizeof f->check.pcr4);
    }
    if (f->os != &su_os_windows)
        return;
    if (f->windows.store_rebuilt)
        printf("  boot entries   made anew from BCD-Template\n");
    else
        printf("  boot entries   %u names of partitions in the boot store changed\n", f->store.devices);
    for (size_t i = 0; i < l->n_letters; i++)
        printf("  drive letter   %c: of the old system partition is removed\n", l->letter[i]);
    if (l->driver[0])
        printf("  boot driver    for %s is started at boot from now on\n", f->opt->boot_bus);
    printf("  recovery       %s\n", f->windows.winre < 0       ? "no boot entry"
                                    : f->windows.store_rebuilt ? "boot entry made anew"
                                                               : "boot entry kept");
}

/* With what rollback needs to find the same disk and its journal. */
static void print_way_back(const struct request *r)
{
    printf("surety disk rollback ");
    if (r->opt.format)
        printf("--format %s ", r->opt.format);
    if (r->undo_named) {
        printf("--undo ");
        su_print_quoted(r->undo, stdout);
        printf(" ");
    }
    su_print_quoted(r->opt.image, stdout);
    printf("\n");
}

static int print_converted(struct request *r, const struct su_facts *f, const struct su_verdict *v,
                           const struct su_conversion *c, const struct su_outcome *done, struct su_err *e)
{
    if (r->json) {
        json_t *o = su_json_conversion(f, c);
        json_object_set_new(o, "undo", su_json_text(r->undo));
        json_object_set_new(o, "written", json_integer((json_int_t)done->written));
        json_object_set_new(o, "warnings", su_json_findings(v, SU_WARNING));
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    su_print_verdict(v, false, stdout);
    su_print_quoted(r->opt.image, stdout);
    printf(" is converted: GPT, EFI system partition %u (UUID %s)\n", c->layout.esp_number, c->edits.esp_uuid);
    printf("  boots under    UEFI%s%s\n", su_facts_secure_boot(f) ? " with Secure Boot" : " with Secure Boot off",
           c->dual ? ", and under BIOS" : "");
    print_system(f, c);
    printf("  undo journal   ");
    su_print_quoted(r->undo, stdout);
    printf("\n%s To go back: ",
           f->os == &su_os_windows
               ? "Before the new system can boot properly you need to switch the firmware to boot to UEFI mode!"
               : "Before the new system can boot, switch the VM to UEFI firmware.");
    print_way_back(r);
    return SU_EXIT_OK;
}

/* A crash's leftovers are settled first, on a disk opened for that alone. */
static int settle_first(struct request *r, struct su_err *e)
{
    struct su_outcome before;
    char rollback[4200];
    snprintf(rollback, sizeof rollback, "%s.rollback", r->undo);
    if (access(r->undo, F_OK) < 0 && access(rollback, F_OK) < 0)
        return 0;
    if (su_disk_recover(&r->opt, NULL, r->undo, &before, e) < 0)
        return -1;
    if (before.what == SU_DONE_RECOVERED_OLD)
        su_progress_step(&r->progress, "undid an interrupted conversion", 0, 0);
    return 0;
}

static void end_progress(const struct su_facts *f, struct su_progress *p)
{
    static const char *const usual[] = {"converted", NULL};
    const char *const *text = f->os && f->os->messages ? f->os->messages(f, SU_PHASE_DONE) : usual;
    for (; text[1]; text++)
        su_progress_step(p, *text, 0, 0);
    su_progress_end(p, *text);
}

int su_disk_convert(const struct su_args *a, struct su_err *e)
{
    REQUEST struct request r = {0};
    SU_FACTS struct su_facts *f = NULL;
    SU_VERDICT struct su_verdict v = {0};
    SU_CONVERSION struct su_conversion c = SU_CONVERSION_INIT;
    struct su_outcome done;
    if (make_request(a, su_args_get(a, "--dry-run") == NULL, &r, e) < 0)
        return -1;
    struct su_watch watch = watch_of(&r);
    if (!r.dry_run && settle_first(&r, e) < 0)
        return -1;
    su_progress_step(&r.progress, "reading the disk", 0, 0);
    if (su_facts_open(&r.opt, !r.dry_run, &f, e) < 0)
        return -1;
    SU_ESP_JOB struct su_esp_job *esp = su_esp_job_start(f); /* while the kernel's signature is looked at */
    if (su_phase_tell(f, &watch, SU_PHASE_JUDGE, "reading the disk", e) < 0 || su_facts_judge(f, e) < 0 ||
        judge(&r, f, &v, e) < 0)
        return -1;
    if (verdict_status(f, &v) != SU_EXIT_OK)
        return print_verdict(&r, f, &v, false, e);
    if (su_conversion_make(f, su_steal(&esp), &watch, &c, e) < 0)
        return -1;
    if (r.dry_run)
        return print_plan(&r, f, &v, &c, e);
    if (su_conversion_run(f, &c, r.undo, &watch, &done, e) < 0)
        return -1;
    end_progress(f, &r.progress);
    return print_converted(&r, f, &v, &c, &done, e);
}

/* rollback, recover -------------------------------------------------------- */

static const char *const outcomes[] = {
    [SU_DONE_CONVERTED] = "converted",     [SU_DONE_ROLLED_BACK] = "rolled-back", [SU_DONE_RECOVERED_OLD] = "undone",
    [SU_DONE_RECOVERED_NEW] = "converted", [SU_DONE_NOTHING] = "nothing",
};

static int print_outcome(const struct request *r, const struct su_outcome *d, const char *sentence, struct su_err *e)
{
    if (r->json) {
        json_t *o = json_pack("{s:b,s:o,s:s,s:b,s:I,s:i}", "ok", 1, "image", su_json_text(r->opt.image), "outcome",
                              outcomes[d->what], "exact", d->exact, "written", (json_int_t)d->written, "edits_left",
                              (int)d->left);
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    su_print_quoted(r->opt.image, stdout);
    printf(": %s\n", sentence);
    return SU_EXIT_OK;
}

int su_disk_rollback_verb(const struct su_args *a, struct su_err *e)
{
    REQUEST struct request r = {0};
    struct su_outcome done;
    if (make_request(a, true, &r, e) < 0)
        return -1;
    struct su_watch watch = watch_of(&r);
    if (su_disk_rollback(&r.opt, r.undo, &watch, &done, e) < 0)
        return -1;
    su_progress_end(&r.progress, "rolled back");
    if (done.grub_changed && !done.grub_renewed)
        fprintf(stderr,
                "surety: warning: the guest upgraded GRUB since the conversion; if it does not start under BIOS, "
                "run grub-install in it from a rescue system\n");
    if (done.left)
        fprintf(stderr,
                "surety: warning: %u edits stay in the guest's files, where they do no harm (the ESP's line in fstab, "
                "which is nofail; in ReAgent.xml what reagentc /disable and /enable mend): the files could not be "
                "changed now\n",
                done.left);
    return print_outcome(&r, &done,
                         done.what == SU_DONE_RECOVERED_OLD ? "the conversion had not finished; it was undone"
                         : done.exact                       ? "rolled back; every byte that was changed is as it was"
                                                            : "rolled back; files written since the conversion stay",
                         e);
}

int su_disk_recover_verb(const struct su_args *a, struct su_err *e)
{
    static const char *const sentences[] = {
        [SU_DONE_CONVERTED] = "",
        [SU_DONE_ROLLED_BACK] = "",
        [SU_DONE_RECOVERED_OLD] = "an unfinished conversion was undone; the disk is as it was before",
        [SU_DONE_RECOVERED_NEW] = "nothing to undo; the conversion this journal belongs to is complete",
        [SU_DONE_NOTHING] = "nothing to recover",
    };
    REQUEST struct request r = {0};
    struct su_outcome done;
    if (make_request(a, true, &r, e) < 0 || su_disk_recover(&r.opt, NULL, r.undo, &done, e) < 0)
        return -1;
    return print_outcome(&r, &done, sentences[done.what], e);
}
