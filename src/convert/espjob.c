/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "espjob.h"
#include "os.h"
#include <pthread.h>

struct su_esp_job {
    const struct su_facts *f; /* borrowed */
    pthread_t thread;
    int fd, rc;
    uint64_t content;
    struct su_err err;
};

static int build(const struct su_facts *f, int *fd, uint64_t *content, struct su_err *e)
{
    SU_ESP_LIST struct su_esp_list l = {0};
    const struct su_gpt_entry *en = &f->layout.gpt.entry[f->layout.esp_number - 1];
    uint64_t total = 0;
    if (f->os->esp(f, &l, e) < 0)
        return -1;
    for (size_t i = 0; i < l.n; i++)
        total += l.file[i].bytes.n;
    struct su_esp_spec spec = {.size = (en->last - en->first + 1) * f->sector_size,
                               .sector_size = f->sector_size,
                               .volume_id = su_edit_esp_id(f),
                               .hidden_sectors = en->first > UINT32_MAX ? 0 : (uint32_t)en->first,
                               .label = "EFI",
                               .file = l.file,
                               .n_files = l.n};
    if (su_esp_build(&spec, fd, e) < 0)
        return -1;
    *content = total;
    return 0;
}

static void *run(void *arg)
{
    struct su_esp_job *job = arg;
    job->rc = build(job->f, &job->fd, &job->content, &job->err);
    return NULL;
}

static bool worth_it(const struct su_facts *f)
{
    return f->table == SU_TABLE_MBR && f->mbr.n_problems == 0 && f->layout.n_problems == 0 && f->os && f->os->esp &&
           !f->os->esp_from_disk;
}

struct su_esp_job *su_esp_job_start(const struct su_facts *f)
{
    SU_FREE struct su_esp_job *job = worth_it(f) ? malloc(sizeof *job) : NULL;
    if (!job)
        return NULL;
    *job = (struct su_esp_job){.f = f, .fd = -1};
    return pthread_create(&job->thread, NULL, run, job) == 0 ? su_steal(&job) : NULL;
}

int su_esp_job_finish(struct su_esp_job *job, const struct su_facts *f, int *fd, uint64_t *content, struct su_err *e)
{
    SU_FREE struct su_esp_job *mine = job;
    if (!mine)
        return build(f, fd, content, e) < 0 ? su_context(e, "building the EFI system partition") : 0;
    pthread_join(mine->thread, NULL);
    if (mine->rc < 0) {
        *e = mine->err;
        return su_context(e, "building the EFI system partition");
    }
    *fd = mine->fd;
    *content = mine->content;
    return 0;
}

void su_esp_job_drop(struct su_esp_job **job)
{
    if (!*job)
        return;
    pthread_join((*job)->thread, NULL);
    su_closep(&(*job)->fd);
    free(*job);
    *job = NULL;
}
