/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watching a job: a line for each step of each VM, and on a terminal a bar below them. */
#include "base/clock.h"
#include "cli.h"
#include "job.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum { WAIT_MS = 1000, PAUSE_MS = 100, PAUSE_MAX_MS = 1000, SHARE = 20, BAR = 24, AWAY_S = 60, WIDTH_MIN = 40 };

static volatile sig_atomic_t interrupts, ending; /* Ctrl-C; and signals that mean this process alone */

static void on_signal(int sig)
{
    if (sig != SIGINT)
        ending = 1;
    interrupts = interrupts + 1;
}

struct watch {
    FILE *out;            /* NULL: silent */
    bool terminal, steps; /* steps: each step gets a line */
    uint32_t *seen;       /* owned: a hash of each VM's step and outcome as last said */
    size_t n_seen;
    int64_t away_us; /* since when suretyd does not answer; 0: it does */
    int told;        /* interrupts that were answered */
};

static uint64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t number(const json_t *o, const char *name)
{
    json_int_t v = json_integer_value(json_object_get(o, name));
    return v > 0 ? (uint64_t)v : 0;
}

static double seconds_of(const json_t *vm)
{
    uint64_t from = number(vm, "startedMs"), to = number(vm, "endedMs");
    if (!to)
        to = wall_ms();
    return from && to > from ? (double)(to - from) / 1000 : 0;
}

static uint32_t hash(const char *a, const char *b)
{
    uint32_t h = 2166136261u;
    for (; *a; a++)
        h = (h ^ (unsigned char)*a) * 16777619u;
    for (h *= 16777619u; *b; b++)
        h = (h ^ (unsigned char)*b) * 16777619u;
    return h ? h : 1;
}

static bool working(const json_t *vm)
{
    return strcmp(su_api_text(vm, "outcome"), "working") == 0;
}

static bool pending(const json_t *vm)
{
    return strcmp(su_api_text(vm, "outcome"), "pending") == 0;
}

static unsigned share_of(const json_t *vm)
{
    uint64_t percent = working(vm) ? number(vm, "percent") : pending(vm) ? 0 : 100;
    return percent > 100 ? 100 : (unsigned)percent;
}

static void clear(const struct watch *w)
{
    if (w->out && w->terminal)
        fputs("\r\033[K", w->out);
}

static void say_step(const struct watch *w, const json_t *vm)
{
    fprintf(w->out, "%8.3f  %3u%%  ", seconds_of(vm), share_of(vm));
    su_print_safe(su_api_text(vm, "name"), w->out);
    fputs(": ", w->out);
    if (working(vm)) {
        su_print_safe(su_api_text(vm, "step"), w->out);
    } else {
        const char *text = su_api_text(vm, "summary");
        su_print_safe(text[0] ? text : su_api_text(vm, "outcome"), w->out);
    }
    fputc('\n', w->out);
}

/* What is new since the last look. */
static void say_news(struct watch *w, const json_t *vms)
{
    size_t n = json_array_size(vms);
    if (n > w->n_seen) {
        uint32_t *more = reallocarray(w->seen, n, sizeof *more);
        if (!more)
            return;
        memset(more + w->n_seen, 0, (n - w->n_seen) * sizeof *more);
        w->seen = more;
        w->n_seen = n;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *vm = json_array_get(vms, i);
        uint32_t h = hash(su_api_text(vm, "outcome"), working(vm) ? su_api_text(vm, "step") : "");
        if (!pending(vm) && h != w->seen[i] && w->steps)
            say_step(w, vm);
        w->seen[i] = h;
    }
}

static unsigned columns(const struct watch *w)
{
    struct winsize ws;
    return ioctl(fileno(w->out), TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 ? ws.ws_col : 80;
}

/* Bytes that come to about so many columns, without half a character at the end. */
static void draw_cut(const struct watch *w, struct su_buf *line, unsigned room)
{
    size_t n = line->n;
    if (n > room) {
        n = room;
        while (n && ((unsigned char)line->p[n] & 0xC0) == 0x80)
            n--;
        line->p[n] = 0;
    }
    su_print_safe(su_buf_str(line), w->out);
}

static void draw_bar(const struct watch *w, const json_t *vms)
{
    struct su_buf line SU_BUF = {0};
    char bar[BAR + 1];
    size_t n = json_array_size(vms), done = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *vm = json_array_get(vms, i);
        sum += share_of(vm);
        done += !working(vm) && !pending(vm);
        if (working(vm))
            su_buf_printf(&line, "%s%s %s %.1f s", line.n ? ", " : "", su_api_text(vm, "name"), su_api_text(vm, "step"),
                          seconds_of(vm));
    }
    unsigned share = n ? (unsigned)(sum / n) : 0, room = columns(w);
    memset(bar, '.', BAR);
    memset(bar, '#', share * BAR / 100);
    bar[BAR] = 0;
    fprintf(w->out, "\r\033[K[%s] %3u%%  ", bar, share);
    if (n > 1)
        fprintf(w->out, "%zu of %zu  ", done, n);
    if (!line.failed && room > BAR + WIDTH_MIN)
        draw_cut(w, &line, room - BAR - 28);
    fflush(w->out);
}

static void show(struct watch *w, const json_t *view)
{
    const json_t *vms = su_api_member(view, "vms");
    if (!w->out)
        return;
    clear(w);
    say_news(w, vms);
    if (w->terminal && !su_job_ended(view))
        draw_bar(w, vms);
    fflush(w->out);
}

/* A job goes on while suretyd is restarted, and so does watching it. */
static int bear(struct watch *w, const struct su_err *e)
{
    int64_t now = su_monotonic_us();
    bool away = e->id && (strcmp(e->id, "api.connect") == 0 || strcmp(e->id, "api.busy") == 0 ||
                          strncmp(e->id, "http.", 5) == 0);
    if (!away)
        return -1;
    if (!w->away_us) {
        w->away_us = now;
        clear(w);
        fprintf(stderr, "surety: suretyd does not answer; the job does not depend on it\n");
    }
    if (now - w->away_us > (int64_t)AWAY_S * 1000000)
        return -1;
    su_nap_ms(1000);
    return 0;
}

/* Whether watching ends here. */
static bool interrupted(struct watch *w, const struct su_job_port *p)
{
    if (interrupts == w->told)
        return false;
    bool first = w->told == 0;
    w->told = interrupts;
    if (!p->stop)
        return true;
    clear(w);
    if (first || ending)
        p->stop(p->arg, ending);
    if (!first)
        fprintf(stderr, "surety: still stopping: what has begun is ended or undone first\n");
    else
        fprintf(stderr, "surety: stopping: no VM begins any more, those that have begun are ended or undone\n");
    return false;
}

/* A look at a thousand VMs costs more than one at a single VM, and takes no more than a share of the time. */
static unsigned pause_ms(int64_t looked_us)
{
    int64_t ms = looked_us * SHARE / 1000;
    return ms < PAUSE_MS ? PAUSE_MS : ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : (unsigned)ms;
}

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int follow(struct watch *w, const struct su_job_port *p, json_t **out, struct su_err *e)
{
    json_t *view SU_JSON = NULL;
    for (;;) {
        json_t *next = NULL;
        char since[32] = "";
        int64_t began = cpu_us();
        snprintf(since, sizeof since, "%s", su_api_text(view, "change"));
        if (p->look(p->arg, since[0] ? since : NULL, WAIT_MS, &next, e) < 0) {
            if (!view || bear(w, e) < 0)
                return -1;
        } else {
            json_decref(view);
            view = next;
            w->away_us = 0;
            show(w, view);
        }
        bool leave = interrupted(w, p);
        if (su_job_ended(view) || leave)
            break;
        p->rest(p->arg, pause_ms(cpu_us() - began));
    }
    *out = su_steal(&view);
    return 0;
}

bool su_job_ended(const json_t *view)
{
    return strcmp(su_api_text(view, "state"), "ended") == 0;
}

int su_job_watch(const struct su_job_port *p, bool quiet, json_t **out, struct su_err *e)
{
    struct watch w = {.out = quiet ? NULL : stderr};
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, was[SU_ARRAY_LEN(signals)];
    json_t *first SU_JSON = NULL;
    if (p->look(p->arg, NULL, 0, &first, e) < 0)
        return -1;
    w.terminal = w.out && isatty(fileno(w.out));
    w.steps = strcmp(su_api_text(first, "op"), "assess") != 0;
    interrupts = ending = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(signals); i++)
        sigaction(signals[i], &act, &was[i]);
    int rc = follow(&w, p, out, e);
    for (size_t i = 0; i < SU_ARRAY_LEN(signals); i++)
        sigaction(signals[i], &was[i], NULL);
    clear(&w);
    free(w.seen);
    return rc;
}
