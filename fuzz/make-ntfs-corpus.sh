#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes fuzz/corpus/ntfs: run from the top of the tree with the programs fs-corpus and surety-ntfstree as arguments.
set -eu
corpus=$(realpath "$1")
tree=$(realpath "$2")
top=$(pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p fuzz/corpus/ntfs
cd "$tmp"
head -c 30000 "$top/LICENSE" >text

volume() { # NAME SECTOR CLUSTER MIB, more files on standard input
    rm -f i && truncate -s "$4M" i
    mkntfs -F -Q -q -p 2048 -H 255 -S 63 -s "$2" -c "$3" i >/dev/null 2>&1
    {
        printf 'serial 1122334455667788\nmkdir /etc\ntext /etc/fstab one\ntext /a two\ntext /win.ini "[fonts]"\n'
        printf 'dosname /win.ini WIN~1.INI\nlink /a /etc/b\nreparse /wof 80000017\n'
        cat
    } | "$tree" i
    "$corpus" ntfs i /a /win.ini >"$top/fuzz/corpus/ntfs/$1"
}
echo 'fill /many 30 10' | volume small 512 512 3
printf 'fragmented /p 40000\nlogclean\n' | volume usual 512 4096 4
echo 'put /etc/c text' | volume large 512 65536 8
echo 'text /hiberfil.sys wake' | volume sector4k 4096 4096 5
printf 'compressed /comp text\nsparse /holes 100000\nencrypted /enc x\n' | volume special 512 1024 4
