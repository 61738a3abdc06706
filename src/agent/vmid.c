/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmid.c - RUN/vm-id: the VM's UUID, which the firmware shows to root alone, for others to verify against. */
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int open_note(const struct su_guest_conf *c, int flags)
{
    char path[640];
    snprintf(path, sizeof path, "%s/vm-id", c->run_dir);
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
}

void su_vm_id_note(const struct su_guest_conf *c)
{
    char uuid[SURETY_UUID_TEXT];
    if (geteuid() != 0 || surety_dmi_uuid(uuid, NULL) != 0)
        return;
    SU_CLOSE int fd = open_note(c, O_WRONLY | O_CREAT | O_EXCL);
    if (fd >= 0 && (fchmod(fd, 0644) < 0 || write(fd, uuid, sizeof uuid - 1) < 0))
        return; /* a note that is cut short is none */
}

bool su_vm_id_noted(const struct su_guest_conf *c, char out[SURETY_UUID_TEXT])
{
    struct stat st;
    SU_CLOSE int fd = open_note(c, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return false;
    memset(out, 0, SURETY_UUID_TEXT);
    return read(fd, out, SURETY_UUID_TEXT - 1) == SURETY_UUID_TEXT - 1;
}
