/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/buf.h"
#include "jobs/batch.h"
#include "tests/lib/tap.h"

static int read_n(const char *text, size_t len, struct su_batch_vm **vms, size_t *n, struct su_err *e)
{
    /* exactly as long as it is: the sanitizer sees a byte too many */
    SU_FREE uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    return su_batch_csv((struct su_bytes){copy, len}, "vms.csv", vms, n, e);
}

/* The VMs as text, or the error. */
static const char *read_csv(const char *text)
{
    static char out[600];
    SU_FREE struct su_batch_vm *vms = NULL;
    struct su_err e = {0};
    size_t n = 0;
    out[0] = 0;
    if (read_n(text, strlen(text), &vms, &n, &e) < 0) {
        snprintf(out, sizeof out, "%s", e.msg);
        if (vms || n || (strcmp(e.id, "job.csv") != 0 && strcmp(e.id, "job.csv-size") != 0))
            return "outputs were touched, or another id";
    }
    for (size_t i = 0; i < n; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%u:%s/%s/%d%s ", vms[i].index, vms[i].name, vms[i].group,
                 vms[i].secure_boot, vms[i].outcome == SU_VM_PENDING ? "" : "!");
    return out;
}

static void taken(void)
{
    is_str(read_csv("vmName,vmResourceGroupName,enableSecureBoot\nweb1,prod,true\ndb,prod,false\n"),
           "0:web1/prod/1 1:db/prod/0 ");
    is_str(read_csv("\xef\xbb\xbfvmName,vmResourceGroupName,EnableSecureBoot\r\nweb1,prod,\r\nweb2,prod,TRUE\r\n"),
           "0:web1/prod/1 1:web2/prod/1 ");
    is_str(read_csv("ENABLESECUREBOOT,VMNAME\nFalse,a\n,b"), "0:a//0 1:b//1 ");
    is_str(read_csv("vmName\n\n  \na\n\r\nb\n\n"), "0:a//1 1:b//1 ");
    is_str(read_csv("\"vmName\",\"vmResourceGroupName\"\n\"a, \"\"b\"\"\",\" g \"\n"), "0:a, \"b\"/ g /1 ");
    is_str(read_csv("vmName , vmResourceGroupName\n  a\t, g h \n"), "0:a/g h/1 ");
    is_str(read_csv("vmName,vmResourceGroupName,enableSecureBoot\na\nb,g\n"), "0:a//1 1:b/g/1 ");
    is_str(read_csv("vmName,vmResourceGroupName,enableSecureBoot\n\xc3\xa9t\xc3\xa9,g,\n"), "0:\xc3\xa9t\xc3\xa9/g/1 ");
}

static void refused(void)
{
    is_str(read_csv(""), "vms.csv, line 1: the file is empty");
    is_str(read_csv("\n\n"), "vms.csv, line 2: the file is empty");
    is_str(read_csv("vmName\n"), "vms.csv, line 1: there is no VM in it");
    is_str(read_csv("vmName,size\na,b\n"), "vms.csv, line 1: there is no column \"size\"");
    is_str(read_csv("vmName,\na,b\n"), "vms.csv, line 1: there is no column \"\"");
    is_str(read_csv("vmResourceGroupName\na\n"), "vms.csv, line 1: column vmName is missing");
    is_str(read_csv("vmName,VMNAME\na\n"), "vms.csv, line 1: column vmName is there twice");
    is_str(read_csv("vmName,enableSecureBoot\na,\nb,yes\n"),
           "vms.csv, line 3: enableSecureBoot is \"yes\", and neither true nor false");
    is_str(read_csv("vmName,enableSecureBoot\na,1\n"),
           "vms.csv, line 2: enableSecureBoot is \"1\", and neither true nor false");
    is_str(read_csv("vmName\n\na\r\nb,c\n"), "vms.csv, line 4: more fields than the header has");
    is_str(read_csv("vmName,vmResourceGroupName\n,g\n"), "vms.csv, line 2: vmName is empty");
    is_str(read_csv("vmName\na\nb\na\n"), "vms.csv, lines 2 and 4: VM a is there twice");
    is_str(read_csv("vmName\n\"a\n"), "vms.csv, line 2: a control character in a field");
    is_str(read_csv("vmName\n\"a"), "vms.csv, line 2: a quote is not closed");
    is_str(read_csv("vmName\n\"a\"b\n"), "vms.csv, line 2: text behind a closing quote");
    is_str(read_csv("vmName\na\"b\n"), "vms.csv, line 2: a quote inside a field");
    is_str(read_csv("vmName\na\x01\n"), "vms.csv, line 2: a control character in a field");
    is_str(read_csv("vmName\na\rb\n"), "vms.csv, line 2: a control character in a field");
    is_str(read_csv("vmName\na\xff\n"), "vms.csv, line 2: vmName is no UTF-8, or has characters that are not seen");
    is_str(read_csv("vmName\na\xe2\x80\xae\n"),
           "vms.csv, line 2: vmName is no UTF-8, or has characters that are not seen");
    is_str(read_csv("vmName\na,,,,,,,,,,,,,,,,,,\n"), "vms.csv, line 2: too many fields");
    is_str(read_csv("\xff\xfev\n"), "vms.csv, line 1: there is no column \"\xff\xfev\"");
}

static void limits(void)
{
    struct su_buf b SU_BUF = {0};
    struct su_err e = {0};
    size_t n = 0;
    su_buf_text(&b, "vmName\n");
    for (int i = 0; i < SU_BATCH_VMS; i++)
        su_buf_printf(&b, "vm%d\n", i);
    {
        SU_FREE struct su_batch_vm *vms = NULL;
        ok(su_batch_csv(su_buf_bytes(&b), "x", &vms, &n, &e) == 0 && n == SU_BATCH_VMS, "as many as may be");
    }
    su_buf_text(&b, "more\n");
    SU_FREE struct su_batch_vm *none = NULL;
    ok(su_batch_csv(su_buf_bytes(&b), "x", &none, &n, &e) < 0 && strcmp(e.id, "job.csv-size") == 0, "one more");
    su_buf_zero(&b, SU_CSV_BYTES);
    ok(su_batch_csv(su_buf_bytes(&b), "x", &none, &n, &e) < 0 && strcmp(e.id, "job.csv-size") == 0, "a large file");
    char text[400] = "vmName\n";
    memset(text + 7, 'n', 255);
    ok(read_n(text, 262, &none, &n, &e) == 0 && strlen(none[0].name) == 255, "a name that just fits");
    text[262] = 'n';
    struct su_batch_vm *untouched = none;
    ok(read_n(text, 263, &none, &n, &e) < 0 && none == untouched && strstr(e.msg, "too long"), "one that does not");
}

int main(void)
{
    taken();
    refused();
    limits();
    return tap_done();
}
