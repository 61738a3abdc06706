/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clean.h"
#include "cli.h"
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* The nouns, in the order of the usage text.  A new one is a file with its table, and a line here. */
static const struct su_noun *const nouns[] = {
    &su_disk_noun,    &su_vm_noun,       &su_job_noun,       &su_server_noun, &su_legacy_noun,
    &su_benefit_noun, &su_document_noun, &su_authority_noun, &su_audit_noun,  &su_doctor_noun,
};

static int verb_completion(const struct su_args *a, struct su_err *e);
static int verb_version(const struct su_args *a, struct su_err *e);

static const struct su_verb plain_verbs[] = {
    {NULL, "completion", "[NAMES]", "print a completion script for bash; or names: vms, jobs, benefits", 0, 1, NULL,
     verb_completion},
    {NULL, "version", "", "print the version", 0, 0, NULL, verb_version},
};

/* All rows in one table, as base/cmdline.h wants them. */
static struct su_verb su_verbs[64];
static size_t su_n_verbs;

static void add_verbs(const struct su_verb *v, size_t n)
{
    for (size_t i = 0; i < n && su_n_verbs < SU_ARRAY_LEN(su_verbs); i++)
        su_verbs[su_n_verbs++] = v[i];
}

static void gather_verbs(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(nouns); i++)
        add_verbs(nouns[i]->verbs, nouns[i]->n);
    add_verbs(plain_verbs, SU_ARRAY_LEN(plain_verbs));
}

static int verb_completion(const struct su_args *a, struct su_err *e)
{
    if (a->n_operands)
        return su_names_print(a, e);
    su_verbs_completion(su_verbs, su_n_verbs, "surety", su_names_of, stdout);
    return SU_EXIT_OK;
}

static int verb_version(const struct su_args *a, struct su_err *e)
{
    (void)a, (void)e;
    printf("surety %s\n", SURETY_VERSION);
    return SU_EXIT_OK;
}

void su_print_safe(const char *text, FILE *out)
{
    struct su_bytes left = {(const uint8_t *)text, strlen(text)};
    while (left.n > 0) {
        bool shows;
        size_t length = su_clean_char(left, &shows);
        if (shows)
            fwrite(left.p, 1, length, out);
        else
            fputc('?', out);
        su_skip(&left, length ? length : 1);
    }
}

void su_print_quoted(const char *name, FILE *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.:=@%+,-";
    if (name[0] == '-')
        fputs("./", out);
    if (*name && name[strspn(name, plain)] == 0) {
        fputs(name, out);
        return;
    }
    fputs("$'", out); /* shows every byte, and a shell reads it back */
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        if (*p == '\'' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7F)
            fprintf(out, "\\x%02x", *p);
        else
            fputc(*p, out);
    }
    fputc('\'', out);
}

bool su_same_file(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* noun: its commands alone; NULL: all. */
static void usage(const char *noun, FILE *out)
{
    fprintf(out, "surety %s: trust for virtual machines on Linux/KVM\n\n", SURETY_VERSION);
    su_verbs_usage(su_verbs, su_n_verbs, "surety", noun, out);
    fprintf(out, "\nsurety %s%sCOMMAND --help tells the options. Manual: surety%s%s(1).\n", noun ? noun : "",
            noun ? " " : "", noun ? "-" : "", noun ? noun : "");
}

static const char *noun_named(const char *word)
{
    for (size_t i = 0; word && i < su_n_verbs; i++)
        if (su_verbs[i].noun && strcmp(su_verbs[i].noun, word) == 0)
            return su_verbs[i].noun;
    return NULL;
}

/* --help anywhere before "--" asks for the row's own text. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int help(int argc, char **argv)
{
    for (size_t i = 0; argc > 2 && i < su_n_verbs; i++) {
        const struct su_verb *v = &su_verbs[i];
        bool named =
            v->noun ? strcmp(v->noun, argv[1]) == 0 && strcmp(v->name, argv[2]) == 0 : strcmp(v->name, argv[1]) == 0;
        if (named) {
            su_verb_help(v, "surety", stdout);
            return SU_EXIT_OK;
        }
    }
    usage(argc > 1 ? noun_named(argv[1]) : NULL, stdout);
    return SU_EXIT_OK;
}

static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static int report(const struct su_err *e, bool json)
{
    struct su_err ignored = {0};
    if (json && su_json_print(su_json_error(e), stdout, &ignored) < 0)
        json = false;
    fprintf(stderr, "surety: ");
    su_print_safe(e->msg, stderr);
    fprintf(stderr, " [%s]\n", e->id);
    if (e->remedy)
        fprintf(stderr, "surety: remedy: %s\n", e->remedy);
    return e->kind == SU_E_USAGE ? SU_EXIT_USAGE : SU_EXIT_FAILED;
}

/* A full disk behind stdout must not look like success. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "surety: standard output could not be written; what was done stays done [cli.stdout]\n");
    return status == SU_EXIT_OK ? SU_EXIT_FAILED : status;
}

/* A program started without one of the standard descriptors would get an image as number 2, and write
 * its messages into it. */
static bool fill_standard_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
    return fd > 2;
}

int main(int argc, char **argv)
{
    if (!fill_standard_fds())
        return SU_EXIT_FAILED;
    struct su_err e = {0};
    struct su_args a;
    const struct su_verb *v = NULL;
    struct rlimit none = {0};
    gather_verbs();
    setrlimit(RLIMIT_CORE, &none); /* a guest's bytes and keys are not left lying around */
    signal(SIGXFSZ, SIG_IGN);      /* a limit on file sizes is an error like a full disk */
    mallopt(M_ARENA_MAX, 1);       /* a heap a thread costs a fleet a quarter of its time and memory */
    if (argc < 2 || wants_help(argc, argv))
        return argc < 2 ? (usage(NULL, stderr), SU_EXIT_USAGE) : finish(help(argc, argv));
    if (strcmp(argv[1], "--version") == 0)
        return finish(verb_version(NULL, &e));
    if (su_args_parse(su_verbs, su_n_verbs, argc - 1, argv + 1, &v, &a, &e) < 0) {
        int status = report(&e, wants_json(argc, argv));
        const char *noun = v ? v->noun : noun_named(argv[1]);
        fprintf(stderr, "Try: surety %s%s%s%s--help\n", noun ? noun : "", noun ? " " : "", v ? v->name : "",
                v ? " " : "");
        return status;
    }
    int status = v->run(&a, &e);
    return finish(status < 0 ? report(&e, su_args_get(&a, "--json") != NULL) : status);
}
