/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/bcdtext.h - boot stores as text, one element a line, both ways; with a codec of devices of its own.
 *
 *   {guid} 10200003                             an object and its type
 *     12000002 "\Windows\system32\winload.exe"  text; " +1": one more NUL than it needs
 *     11000001 mbr 76a4a23d 1048576             a device: signature, offset
 *     11000001 gpt DISK PARTITION | boot | locate 12000002 | search "\path" | vhd DEVICE | file "\path" DEVICE
 *     11000001 options {guid} ramdisk "\path" DEVICE
 *     23000003 {guid}    24000001 {guid} {guid}    25000004 30    16000060 true    17000077 15000075
 *     xxxxxxxx hex TYPE bytes                   whatever has none of these forms
 *   map SIGNATURE DISK ESP SYSTEM               before the objects: the winmap
 *   part NUMBER OFFSET GUID
 */
#pragma once
#include "guest/bcd.h"

/* Aborts on text that is not of that form. */
void bcdtext_map(const char *text, struct su_winmap *out);
/* A hive with the objects of the text. */
void bcdtext_hive(const char *text, struct su_buf *out);
/* Objects and elements in the order of their names. */
void bcdtext_dump(const struct su_bcd *b, struct su_buf *out);
/* One value, "mbr 1 2", of an element of that id; the options of a device in front of it. */
void bcdtext_value(uint32_t id, const char *text, uint32_t *reg_type, struct su_buf *out);
