# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Guests without a disk: Debian's kernel, an initramfs of busybox and the programs under test, QEMU without KVM.
# Source me after tests/verify/lib.sh; T is the scratch directory.
GUESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${SURETY_CACHE:=/var/cache/surety-test}"
export SURETY_CACHE

# guest_kernel: unpacks (once; cached) the kernel of tests/images/make-base.sh with its modules; KERNEL is the directory,
# with vmlinuz and usr/lib/modules in it
guest_kernel() {
    local base
    base=$("$HERE/../images/make-base.sh") || return
    KERNEL=$SURETY_CACHE/guest-kernel-$(basename "$base" .tar)
    [ ! -f "$KERNEL/vmlinuz" ] || return 0
    (
        flock 9
        [ ! -f "$KERNEL/vmlinuz" ] || exit 0
        rm -rf "$KERNEL" "$KERNEL.tmp"
        mkdir -p "$KERNEL.tmp"
        tar -xf "$base" -C "$KERNEL.tmp" --wildcards './boot/vmlinuz-*' './usr/lib/modules/*' &&
            mv "$KERNEL.tmp"/boot/vmlinuz-* "$KERNEL.tmp/vmlinuz" && mv "$KERNEL.tmp" "$KERNEL"
    ) 9>"$KERNEL.lock"
}

# put_program DIR FILE DEST: with the libraries it is linked against, where the loader finds them
put_program() {
    local lib
    mkdir -p "$1/$(dirname "$3")"
    cp -L "$2" "$1/$3"
    ldd "$2" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
        [ -e "$1$lib" ] || { mkdir -p "$1$(dirname "$lib")" && cp -L "$lib" "$1$lib"; }
    done
}

# make_initramfs OUT "MODULES" FILE:DEST...: modules in the order in which they load; a FILE that is a program brings its
# libraries, a directory its content. /init is guests/init, which runs /run.sh.
make_initramfs() {
    local out=$1 modules=$2 dir version item file dest
    shift 2
    dir=$(mktemp -d "$T/initramfs.XXXXXX")
    version=$(ls "$KERNEL/usr/lib/modules")
    mkdir -p "$dir"/{bin,dev,proc,sys,run,tmp,etc,out,modules,var/lib}
    cp "$(command -v busybox)" "$dir/bin/busybox"
    for item in $modules; do
        modprobe -d "$KERNEL/usr" -S "$version" --show-depends "$item" 2>/dev/null
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
        cp "$file" "$dir/modules/" && basename "$file" >>"$dir/modules/order"
    done
    printf 'root:x:0:0::/:/bin/sh\n' >"$dir/etc/passwd"
    printf 'root:x:0:\n' >"$dir/etc/group"
    for item in "$GUESTS/init:init" "$@"; do
        file=${item%%:*} dest=${item#*:}
        mkdir -p "$dir/$(dirname "$dest")"
        if [ -d "$file" ]; then
            mkdir -p "$dir/$dest" && cp -a "$file/." "$dir/$dest/"
        elif [ "$(head -c 4 "$file" | tail -c 3 | tr -d "\0")" = ELF ]; then
            put_program "$dir" "$file" "$dest"
        else
            cp "$file" "$dir/$dest"
        fi
    done
    chmod 755 "$dir/init"
    (cd "$dir" && find . | cpio -o -H newc --quiet) >"$out"
    rm -rf "$dir"
}

# start_guest NAME INITRAMFS QEMU-OPTION...: its process in REPLY; T/NAME.log is its console, and what it puts into /out
# is in T/NAME.tar in the end
start_guest() {
    local name=$1 initramfs=$2
    shift 2
    truncate -s 4M "$T/$name.tar"
    timeout -k 5 "${GUEST_TIMEOUT:-600}" qemu-system-x86_64 -name "$name" -accel tcg -m 256 -nodefaults -no-user-config \
        -no-reboot -display none -serial "file:$T/$name.log" -kernel "$KERNEL/vmlinuz" -initrd "$initramfs" \
        -append "console=ttyS0 quiet panic=-1 random.trust_cpu=on tsc=reliable no_timer_check" \
        -drive "file=$T/$name.tar,format=raw,if=none,id=out" -device virtio-blk-pci,drive=out "$@" \
        >"$T/$name.qemu" 2>&1 </dev/null &
    REPLY=$!
    CHILDREN+=("$REPLY")
}

# results_of NAME: unpacks what the guest left into T/NAME.out
results_of() {
    mkdir -p "$T/$1.out"
    tar -xf "$T/$1.tar" -C "$T/$1.out" 2>/dev/null || { note "$(tail -20 "$T/$1.log")"; note "$(cat "$T/$1.qemu")"; return 1; }
}
