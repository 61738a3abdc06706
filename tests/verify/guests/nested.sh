# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
# A real guest inside the host of the vsock suite: QEMU without KVM inside QEMU without KVM, over the vhost_vsock of the
# host's kernel. Source me in that suite, after its certificates and before its initramfs.
GUEST_TIMEOUT=600 NESTED_MEMORY=1400
vm_file "$T/etc/vms.d" 7 "cid = 47"
mkdir -p "$T/inner/benefits.d" "$T/qemu"
cp "$T/ca/root.pem" "$T/inner/trust.pem"
printf '[expect]\ndomain = %s\ncluster = lab\n[fetch]\ntimeout = 60s\n' "$DOMAIN" >"$T/inner/guest.conf"
printf '[benefit]\ntitle = Updates\n' >"$T/inner/benefits.d/updates.conf"
make_initramfs "$T/inner.cpio" "virtio_pci virtio_blk vmw_vsock_virtio_transport" \
    "$BUILD/surety-guest:bin/surety-guest" "$T/inner:etc/surety" "$GUESTS/activate.sh:run.sh"
for f in bios-256k.bin linuxboot_dma.bin kvmvapic.bin; do
    cp -L "$(find /usr/share/seabios /usr/share/qemu -name "$f" 2>/dev/null | head -1)" "$T/qemu/"
done
QEMU_TCG=$(find /usr/lib -name accel-tcg-x86_64.so | head -1)
cat >"$T/nested-l1.sh" <<X
truncate -s 1M /inner.tar
timeout 500 qemu-system-x86_64 -accel tcg,thread=single -M pc -m 224 -nodefaults -no-user-config -no-reboot \\
    -display none -L /qemu -serial file:/out/inner.log -kernel /vmlinuz -initrd /inner.cpio \\
    -append "console=ttyS0 quiet panic=-1 random.trust_cpu=on tsc=reliable no_timer_check" \\
    -uuid $(uuid_of_vm 7) -drive file=/inner.tar,format=raw,if=none,id=out -device virtio-blk-pci,drive=out \\
    -device vhost-vsock-pci,guest-cid=47 >/out/inner.qemu 2>&1
mkdir -p /out/inner && tar -C /out/inner -xf /inner.tar
X
NESTED=("$(command -v qemu-system-x86_64):usr/bin/qemu-system-x86_64" "$QEMU_TCG:${QEMU_TCG#/}" "$T/qemu:qemu"
    "$KERNEL/vmlinuz:vmlinuz" "$T/inner.cpio:inner.cpio" "$T/nested-l1.sh:nested.sh")

nested_results() {
    local o=$T/host.out/inner
    is "$(cat "$o/activate.status" 2>/dev/null)" 0 "a guest inside the host: surety-guest activate, over vhost_vsock" ||
        note "$(cat "$T/host.out/inner.qemu" "$T/host.out/inner.log")"
    is "$(jq -r .grant.facts.vmId "$o/grants/updates.json")" "$(uuid_of_vm 7)" "its grant is for the VM"
    is "$(jq -r .surety.transport "$o/document.json")" vsock "over vsock"
}
