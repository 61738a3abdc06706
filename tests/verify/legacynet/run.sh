#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# In a guest: does what the second serial port says. A line is "ID COMMAND"; the console gets <ID>, the output, <ID STATUS>.
# Opened once, before anything is said: whoever opens a serial port that is closed empties its receiver.
exec >/dev/ttyS0 2>&1 </dev/ttyS1
stty raw -echo
echo guest-ready
while read -r id command; do
    echo "<$id>"
    eval "$command"
    echo "<$id $?>"
done
