# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# A host with a booted systemd: Debian's kernel and tree in QEMU without KVM, with the installed build in it. Source me
# after guests/lib.sh.

# prepare_host DIR: DIR is laid over the host's root; makes the disks. DIR/opt/test/run is started when the host is up,
# after every boot; its output goes to T/host.out. When it is over, the host ends.
prepare_host() {
    local dir=$1
    guest_kernel || return
    HOST_DISK=$("$GUESTS/systemd-image.sh" "$KERNEL") || return
    make_initramfs "$T/host.initramfs" "virtio_pci virtio_blk ext4" "$GUESTS/systemd-init:init"
    mkdir -p "$dir/etc/systemd/system/multi-user.target.wants"
    cat >"$dir/etc/systemd/system/host-test.service" <<'U'
[Unit]
Description=The test
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/opt/test/run
StandardOutput=file:/dev/ttyS1
StandardError=inherit
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
U
    ln -sf ../host-test.service "$dir/etc/systemd/system/multi-user.target.wants/host-test.service"
    tar -C "$dir" --owner=0 --group=0 -cf "$T/host.tar" .
}

# shellcheck disable=SC2034
# host_tpm: an emulated TPM for the host; its options for start_host in TPM
host_tpm() {
    mkdir -p "$T/tpm"
    swtpm_setup --tpm2 --tpmstate "$T/tpm" --overwrite --pcr-banks sha256 >"$T/tpm.log" 2>&1 || return
    swtpm socket --tpm2 --tpmstate "dir=$T/tpm" --ctrl "type=unixio,path=$T/tpm.sock" --flags startup-clear --terminate \
        >>"$T/tpm.log" 2>&1 &
    CHILDREN+=($!)
    wait_for test -S "$T/tpm.sock"
    TPM=(-chardev "socket,id=tpm,path=$T/tpm.sock" -tpmdev "emulator,id=tpm0,chardev=tpm" -device "tpm-crb,tpmdev=tpm0")
}

# start_host QEMU-OPTION...: its process in REPLY; T/host.log is its console
start_host() {
    : >"$T/host.out"
    timeout -k 5 "${GUEST_TIMEOUT:-1200}" qemu-system-x86_64 -name host -accel tcg,thread=multi -smp 2 -m 768 -nodefaults \
        -no-user-config -display none -serial "file:$T/host.log" -serial "file:$T/host.out" \
        -kernel "$KERNEL/vmlinuz" -initrd "$T/host.initramfs" \
        -append "console=ttyS0 quiet random.trust_cpu=on tsc=reliable no_timer_check mitigations=off" \
        -drive "file=$HOST_DISK,format=raw,if=virtio,snapshot=on,cache=unsafe" \
        -drive "file=$T/host.tar,format=raw,if=virtio,readonly=on" "$@" >"$T/host.qemu" 2>&1 </dev/null &
    REPLY=$!
    CHILDREN+=("$REPLY")
}
