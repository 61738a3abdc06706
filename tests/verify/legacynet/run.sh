#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# In a guest: does what the second serial port says. A line is "ID COMMAND"; the console gets <ID>, the output, <ID STATUS>.
exec >/dev/ttyS0 2>&1
stty -F /dev/ttyS1 raw -echo
echo guest-ready
while read -r id command; do
    echo "<$id>"
    eval "$command"
    echo "<$id $?>"
done </dev/ttyS1
