/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmdline.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether typing name was likely meant to be word: same but for one letter changed, dropped, added or swapped. */
static bool resembles(const char *name, const char *word)
{
    size_t a = strlen(name), b = strlen(word), i = 0;
    if (a + 1 < b || b + 1 < a)
        return false;
    while (name[i] && name[i] == word[i])
        i++;
    if (a == b)
        return strcmp(name + i + (i < a), word + i + (i < b)) == 0 ||
               (i + 1 < a && name[i] == word[i + 1] && name[i + 1] == word[i] &&
                strcmp(name + i + 2, word + i + 2) == 0);
    return a < b ? strcmp(name + i, word + i + 1) == 0 : strcmp(name + i + 1, word + i) == 0;
}

static const char *of(const struct su_verb *v)
{
    return v->noun ? v->noun : v->name;
}

static int unknown(const struct su_verb *verbs, size_t n, const char *noun, const char *typed, struct su_err *e)
{
    for (size_t i = 0; i < n; i++) {
        const char *word = noun ? verbs[i].name : of(&verbs[i]);
        bool same_noun = !noun || (verbs[i].noun && strcmp(verbs[i].noun, noun) == 0);
        if (same_noun && resembles(typed, word))
            return su_fail(e, SU_E_USAGE, "cli.verb.unknown", "no such command: %s%s%s; did you mean %s?",
                           noun ? noun : "", noun ? " " : "", typed, word);
    }
    return su_fail(e, SU_E_USAGE, "cli.verb.unknown", "no such command: %s%s%s", noun ? noun : "", noun ? " " : "",
                   typed);
}

static int find_verb(const struct su_verb *verbs, size_t n, int argc, char **argv, const struct su_verb **verb,
                     int *taken, struct su_err *e)
{
    bool noun = false;
    if (argc < 1)
        return su_fail(e, SU_E_USAGE, "cli.verb.missing", "no command given");
    for (size_t i = 0; i < n; i++) {
        const struct su_verb *v = &verbs[i];
        if (strcmp(of(v), argv[0]) != 0)
            continue;
        noun = noun || v->noun;
        if (v->noun && (argc < 2 || strcmp(v->name, argv[1]) != 0))
            continue;
        *verb = v;
        *taken = v->noun ? 2 : 1;
        return 0;
    }
    if (noun && (argc < 2 || argv[1][0] == '-'))
        return su_fail(e, SU_E_USAGE, "cli.verb.missing", "say what to do with a %s", argv[0]);
    return unknown(verbs, n, noun ? argv[0] : NULL, noun ? argv[1] : argv[0], e);
}

static const struct su_option *find_option(const struct su_verb *v, const char *typed, size_t len)
{
    for (const struct su_option *const *o = v->options; o && *o; o++)
        if (strlen((*o)->name) == len && strncmp((*o)->name, typed, len) == 0)
            return *o;
    return NULL;
}

static int unknown_option(const struct su_verb *v, const char *typed, struct su_err *e)
{
    for (const struct su_option *const *o = v->options; o && *o; o++)
        if (resembles(typed, (*o)->name))
            return su_fail(e, SU_E_USAGE, "cli.option.unknown", "no such option: %s; did you mean %s?", typed,
                           (*o)->name);
    return su_fail(e, SU_E_USAGE, "cli.option.unknown", "no such option: %s", typed);
}

static int take_option(const struct su_verb *v, char **argv, int left, struct su_args *a, int *used, struct su_err *e)
{
    const char *eq = strchr(argv[0], '=');
    const struct su_option *o = find_option(v, argv[0], eq ? (size_t)(eq - argv[0]) : strlen(argv[0]));
    if (!o)
        return unknown_option(v, argv[0], e);
    if (!o->arg && eq)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "%s takes no value", o->name);
    if (o->arg && !eq && left < 2)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "%s needs %s", o->name, o->arg);
    if (a->n_options == SU_ARGS_MAX_OPTIONS)
        return su_fail(e, SU_E_USAGE, "cli.option.many", "too many options");
    a->given[a->n_options].option = o;
    a->given[a->n_options++].value = !o->arg ? "" : eq ? eq + 1 : argv[1];
    *used = o->arg && !eq ? 2 : 1;
    return 0;
}

int su_args_parse(const struct su_verb *verbs, size_t n, int argc, char **argv, const struct su_verb **verb,
                  struct su_args *out, struct su_err *e)
{
    struct su_args a = {0};
    const struct su_verb *v = NULL;
    int at = 0, used;
    if (find_verb(verbs, n, argc, argv, &v, &at, e) < 0)
        return -1;
    *verb = v;
    for (bool options = true; at < argc; at += used) {
        used = 1;
        if (options && strcmp(argv[at], "--") == 0) {
            options = false;
        } else if (options && argv[at][0] == '-' && argv[at][1]) {
            if (take_option(v, argv + at, argc - at, &a, &used, e) < 0)
                return -1;
        } else if (a.n_operands == SU_ARGS_MAX_OPERANDS) {
            return su_fail(e, SU_E_USAGE, "cli.operands", "too many operands");
        } else {
            a.operand[a.n_operands++] = argv[at];
        }
    }
    if (a.n_operands < v->min_operands || a.n_operands > v->max_operands)
        return su_fail(e, SU_E_USAGE, "cli.operands", "%s%s%s takes %s", v->noun ? v->noun : "", v->noun ? " " : "",
                       v->name, *v->operands ? v->operands : "no operands");
    *out = a;
    return 0;
}

const char *su_args_nth(const struct su_args *a, const char *option, size_t i)
{
    for (size_t k = 0; k < a->n_options; k++)
        if (strcmp(a->given[k].option->name, option) == 0 && i-- == 0)
            return a->given[k].value;
    return NULL;
}

const char *su_args_get(const struct su_args *a, const char *option)
{
    const char *last = NULL, *v;
    for (size_t i = 0; (v = su_args_nth(a, option, i)); i++)
        last = v;
    return last;
}

int su_parse_size(const char *text, uint64_t *out, struct su_err *e)
{
    static const char suffixes[] = "KMGT";
    char *end = NULL;
    errno = 0;
    unsigned long long v = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
    const char *s = end && *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
    unsigned shift = s ? 10 * (unsigned)(s - suffixes + 1) : 0;
    bool tail_ok = end && (*end == 0 || (s && (end[1] == 0 || strcmp(end + 1, "iB") == 0)));
    if (errno || !tail_ok || v > UINT64_MAX >> shift)
        return su_fail(e, SU_E_USAGE, "cli.size", "not a size: %s", text);
    *out = (uint64_t)v << shift;
    return 0;
}

void su_verbs_usage(const struct su_verb *verbs, size_t n, const char *prog, const char *noun, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct su_verb *v = &verbs[i];
        char left[96];
        if (noun && (!v->noun || strcmp(noun, v->noun) != 0))
            continue;
        snprintf(left, sizeof left, "%s%s%s %s", v->noun ? v->noun : "", v->noun ? " " : "", v->name, v->operands);
        fprintf(out, "  %s %-28s %s\n", prog, left, v->help);
    }
}

void su_verb_help(const struct su_verb *v, const char *prog, FILE *out)
{
    fprintf(out, "usage: %s %s%s%s%s%s%s\n\n%s\n", prog, v->noun ? v->noun : "", v->noun ? " " : "", v->name,
            v->operands[0] ? " " : "", v->operands, v->options ? " [OPTION]..." : "", v->help);
    if (v->options)
        fprintf(out, "\n");
    for (const struct su_option *const *o = v->options; o && *o; o++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", (*o)->name, (*o)->arg ? " " : "", (*o)->arg ? (*o)->arg : "");
        fprintf(out, "  %-26s %s\n", left, (*o)->help);
    }
}

/* Where the words come from that may stand behind an option: "words", "files", "none". */
static const char *words_from(const struct su_option *o)
{
    static const char *const files[] = {"FILE", "DIR", "PATH"};
    for (size_t i = 0; !o->words && i < SU_ARRAY_LEN(files); i++)
        if (strcmp(o->arg, files[i]) == 0)
            return "files";
    return o->words && o->words[0] ? "words" : "none";
}

static void completion_case(const struct su_verb *v, const char *operand, FILE *out)
{
    fprintf(out, "    \"%s%s%s\") operand=%s opts=\"--help", v->noun ? v->noun : "", v->noun ? " " : "", v->name,
            v->max_operands ? operand : "none");
    for (const struct su_option *const *o = v->options; o && *o; o++)
        fprintf(out, " %s", (*o)->name);
    fprintf(out, "\"; case \"$prev\" in\n");
    for (const struct su_option *const *o = v->options; o && *o; o++)
        if ((*o)->arg)
            fprintf(out, "        %s) from=%s words=\"%s\";;\n", (*o)->name, words_from(*o),
                    (*o)->words ? (*o)->words : "");
    fprintf(out, "        esac;;\n");
}

/* A case for each noun: its verbs. */
static void completion_verbs(const struct su_verb *verbs, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!verbs[i].noun || (i && verbs[i - 1].noun && strcmp(verbs[i].noun, verbs[i - 1].noun) == 0))
            continue;
        fprintf(out, "    %s) if [ \"$COMP_CWORD\" -eq 2 ]; then COMPREPLY=($(compgen -W \"", verbs[i].noun);
        for (size_t k = i; k < n && verbs[k].noun && strcmp(verbs[k].noun, verbs[i].noun) == 0; k++)
            fprintf(out, "%s%s", k > i ? " " : "", verbs[k].name);
        fprintf(out, "\" -- \"$cur\")); return; fi; cmd=\"$cmd ${COMP_WORDS[2]}\";;\n");
    }
}

void su_verbs_completion(const struct su_verb *verbs, size_t n, const char *prog,
                         const char *(*names)(const struct su_verb *v), FILE *out)
{
    fprintf(out,
            "# bash completion for %s, made from its table of commands\n"
            "_%s() {\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} opts= words= from= operand= cmd= "
            "name=\n"
            "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"",
            prog, prog);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(of(&verbs[i]), of(&verbs[i - 1])) != 0)
            fprintf(out, "%s%s", i ? " " : "", of(&verbs[i]));
    fprintf(out, "\" -- \"$cur\")); return\n    fi\n    cmd=${COMP_WORDS[1]}\n    case $cmd in\n");
    completion_verbs(verbs, n, out);
    fprintf(out, "    esac\n    case $cmd in\n");
    for (size_t i = 0; i < n; i++)
        completion_case(&verbs[i], names ? names(&verbs[i]) : "files", out);
    /* Names are not for compgen -W, which does what $(...) in them says. */
    fprintf(out,
            "    esac\n"
            "    if [ -z \"$from\" ]; then\n"
            "        from=$operand\n"
            "        [[ $cur != -* ]] || from=words words=$opts\n"
            "    fi\n"
            "    COMPREPLY=()\n"
            "    case $from in\n"
            "    none|'') ;;\n"
            "    words) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"));;\n"
            "    files) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\");;\n"
            "    *) while IFS= read -r name; do\n"
            "            [[ $name != \"$cur\"* ]] || COMPREPLY+=(\"$name\")\n"
            "        done < <(%s completion \"$from\" 2>/dev/null);;\n"
            "    esac\n"
            "}\n"
            "complete -o filenames -F _%s %s\n",
            prog, prog, prog);
}
