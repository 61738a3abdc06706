# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# A virtualization host with legacy VMs: libvirt of its own (tests/lib/libvirt.sh), vTPMs, a network without uplink that
# gives addresses, real Debian disks for BIOS machines, and the guest agent to ask the guests behind surety's back.
#
#   . "$(dirname "$0")/lab.sh"; lab_enter "$0" "$@"; lab_up
#   lab_disk web1 a qcow2; lab_define web1 "$REPLY"; lab_boot web1; lab_sh web1 'ip -br addr'
#
# BUILD: where the programs were built. KEEP=1 keeps the scratch files.
LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$LAB/../lib/libvirt.sh"
: "${SURETY_CACHE:=/var/cache/surety-test}"
export SURETY_CACHE
BUILD=$(realpath "${BUILD:-$LAB/../../build}")
# shellcheck disable=SC2034 # for the suites
SURETY=$BUILD/surety
IMAGES=/var/lib/libvirt/images

# Comes first; after it there are T, the TAP functions, and a libvirt of one's own.
lab_enter() { # lab_enter "$0" "$@"
    in_namespaces "$@"
    # shellcheck source=/dev/null
    . "$LAB/../lib/tap.sh"
}

lab_up() {
    private_host lab-host 00000000-1111-2222-3333-000000000077
    private_tpm
    start_libvirtd || { tail -20 "$T/libvirtd.log" >&2; echo "Bail out! libvirtd does not start"; exit 1; }
    trap 'stop_host; cleanup' EXIT
    virsh -q net-define /dev/stdin >/dev/null <<'X' && virsh -q net-start lab >/dev/null
<network><name>lab</name><bridge name='vbr-lab' stp='off' delay='0'/>
<ip address='192.168.77.1' netmask='255.255.255.0'><dhcp><range start='192.168.77.100' end='192.168.77.250'/></dhcp></ip>
</network>
X
    "$LAB/../images/get-efi.sh" "$SURETY_CACHE/efi" >"$T/efi.log" 2>&1 || { echo "Bail out! no boot files"; exit 1; }
}

# lab_side_by_side N PREFIX NAME...: functions PREFIXNAME, N at a time, each in a shell of its own; their lines come when
# they have ended
lab_side_by_side() {
    local n=$1 prefix=$2 name pid
    local -A names=()
    shift 2
    for name in "$@"; do
        [ ${#names[@]} -lt "$n" ] || lab_one_ended
        lab_one "$prefix$name" >"$T/$name.tap" 2>&1 &
        names[$!]=$name
    done
    while [ ${#names[@]} -gt 0 ]; do lab_one_ended; done
}
lab_one() {
    COUNT=0 SECONDS=0
    "$1"
    note "$1: $SECONDS s"
    echo "1..$COUNT"
}
lab_one_ended() { # changes names of its caller
    local line planned='' count=0
    wait -n -p pid "${!names[@]}"
    while IFS= read -r line; do
        case $line in
        "ok "*) count=$((count + 1)); report 0 "${line#* - }";;
        "not ok "*) count=$((count + 1)); report 1 "${line#* - }";;
        "1.."*) planned=${line#1..};;
        *) echo "$line";;
        esac
    done <"$T/${names[$pid]}.tap"
    [ "$planned" = "$count" ] || report 1 "${names[$pid]}: it came to its end"
    unset "names[$pid]"
}

# ---- disks ----------------------------------------------------------------------------------------------------------

# lab_disk NAME VARIANT [qcow2|raw] [OPTION...]: the file in REPLY; options as of make-legacy-image.sh
lab_disk() {
    local name=$1 variant=$2 format=${3:-qcow2} raw=$IMAGES/$1.raw
    shift $(($# < 3 ? $# : 3))
    "$LAB/../images/make-legacy-image.sh" --variant "$variant" --raw "$raw" "$@" >"$T/image.log" 2>&1 ||
        { note "$(tail -5 "$T/image.log")"; return 1; }
    REPLY=$IMAGES/$name.$format
    [ "$format" = raw ] || { qemu-img convert -f raw -O "$format" "$raw" "$REPLY" && rm "$raw"; }
}

# ---- VMs ------------------------------------------------------------------------------------------------------------

# lab_uuid NAME, lab_mac NAME: made from the name, so that a suite knows them
lab_uuid() { md5sum <<<"$1" | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/'; }
lab_mac() { md5sum <<<"$1" | sed -E 's/^(..)(..)(..).*/52:54:00:\1:\2:\3/'; }

disk_xml() { # disk_xml BUS FILE FORMAT: the boot disk with its controller
    local target=vda controller=''
    case $1 in
    sata) target=sda controller="<controller type='sata' index='0'/>";;
    scsi) target=sda controller="<controller type='scsi' index='0' model='virtio-scsi'/>";;
    ide) target=hda;;
    esac
    echo "$controller<disk type='file' device='disk'><driver name='qemu' type='$3' cache='unsafe'/><source file='$2'/>" \
        "<target dev='$target' bus='$1'/><boot order='1'/></disk>"
}

os_xml() { # os_xml MACHINE FIRMWARE
    case $2 in
    bios) echo "<os><type arch='x86_64' machine='$1'>hvm</type></os>";;
    uefi) echo "<os firmware='efi'><type arch='x86_64' machine='$1'>hvm</type>" \
        "<firmware><feature enabled='no' name='secure-boot'/><feature enabled='no' name='enrolled-keys'/></firmware></os>";;
    sb) echo "<os firmware='efi'><type arch='x86_64' machine='$1'>hvm</type><firmware><feature enabled='yes'" \
        "name='secure-boot'/><feature enabled='yes' name='enrolled-keys'/></firmware><loader secure='yes'/></os>";;
    esac
}

card_xml() { # card_xml NAME MACHINE
    local bus=0x00
    if [ "$2" = q35 ]; then
        bus=0x02
        echo "<controller type='pci' index='0' model='pcie-root'/><controller type='pci' index='1' model='pcie-root-port'/>"
        echo "<controller type='pci' index='2' model='pcie-to-pci-bridge'>" \
            "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></controller>"
    fi
    echo "<interface type='network'><mac address='$(lab_mac "$1")'/><source network='lab'/><model type='virtio'/>" \
        "<address type='pci' domain='0x0000' bus='$bus' slot='0x03' function='0x0'/></interface>"
}

own_xml() { # own_xml "-x y": QEMU's arguments beside libvirt's
    local a
    [ -n "$1" ] || return 0
    echo "<qemu:commandline>"
    for a in $1; do echo "<qemu:arg value='$a'/>"; done
    echo "</qemu:commandline>"
}

# lab_define NAME DISK [KEY=VALUE...]
#   bus=virtio|sata|scsi|ide  format=qcow2|raw (by the file's ending)  machine=pc|q35  firmware=bios|uefi|sb
#   agent=yes|no  card=yes|no  tpm=no|yes  memory=MIB  vcpus=N  devices=XML  own=ARGUMENTS (of QEMU)
# A card in slot 3 (ens3 in the guest, on q35 behind a bridge), the console in /var/log/libvirt/NAME.console.
lab_define() {
    local name=$1 file=$2 bus=virtio format=${2##*.} machine=pc firmware=bios agent=yes card=yes tpm=no memory=768 vcpus=1
    local devices='' features='<acpi/><apic/>' own='' pair
    shift 2
    for pair in "$@"; do local "${pair%%=*}"="${pair#*=}"; done
    [ "$firmware" != sb ] || features+="<smm state='on'/>"
    [ "$agent" = no ] || devices+="<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    [ "$tpm" = no ] || devices+="<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
    cat >"$T/$name.xml" <<X
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>$name</name><uuid>$(lab_uuid "$name")</uuid><memory unit='MiB'>$memory</memory>
<vcpu>$vcpus</vcpu>$(os_xml "$machine" "$firmware")<features>$features</features>
<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
<devices>$(disk_xml "$bus" "$file" "$format")$devices
$([ "$card" = no ] || card_xml "$name" "$machine")
<serial type='file'><source path='/var/log/libvirt/$name.console'/></serial>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
<memballoon model='none'/></devices>$(own_xml "$own")</domain>
X
    virsh -q define "$T/$name.xml" >/dev/null
}

lab_state() { virsh domstate "$1" 2>/dev/null | head -1; }
lab_xml() { virsh dumpxml --inactive "$1"; }
lab_keep_xml() { lab_xml "$1" >"$T/$1.before.xml"; }
# libvirt leaves an empty element where metadata was
same_definition() { # same_definition NAME: as when lab_keep_xml was called
    diff <(grep -v '<metadata/>' "$T/$1.before.xml") <(lab_xml "$1" | grep -v '<metadata/>') >"$T/diff"
    report $? "$1: its definition is as before" || note "$(cat "$T/diff")"
}
lab_console() { tr -d '\0\r' <"/var/log/libvirt/$1.console" 2>/dev/null; }

lab_wait_state() { # lab_wait_state NAME STATE [SECONDS]
    local end=$((SECONDS + ${3:-1800}))
    until [ "$(lab_state "$1")" = "$2" ]; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.3
    done
}

lab_boot() { # lab_boot NAME...: started, until their agents answer
    local n
    for n in "$@"; do virsh -q start "$n" >/dev/null || return 1; done
    for n in "$@"; do lab_wait_agent "$n" || return 1; done
}

lab_off() { # lab_off NAME: shut down in the guest
    virsh -q shutdown "$1" --mode agent >/dev/null 2>&1 || virsh -q shutdown "$1" >/dev/null
    lab_wait_state "$1" 'shut off' || { virsh -q destroy "$1"; return 1; }
}

# What surety and libvirt keep of a VM beside its definition, one line a thing; empty: nothing
lab_leftovers() { # lab_leftovers NAME
    local d
    d=/var/lib/libvirt/swtpm/$(lab_uuid "$1")
    [ ! -e "$d" ] || echo "$d"
    [ ! -e "/var/lib/libvirt/qemu/nvram/$1_VARS.fd" ] || echo "/var/lib/libvirt/qemu/nvram/$1_VARS.fd"
}

# ---- guests ---------------------------------------------------------------------------------------------------------

agent() { virsh -q qemu-agent-command "$1" --timeout "${3:-5}" "$2" 2>/dev/null; } # agent NAME JSON [SECONDS]

lab_wait_agent() { # lab_wait_agent NAME [SECONDS]
    local end=$((SECONDS + ${2:-1800}))
    until agent "$1" '{"execute":"guest-ping"}' >/dev/null; do
        if [ $SECONDS -ge $end ] || [ "$(lab_state "$1")" != running ]; then
            note "$1 is $(lab_state "$1"), its agent does not answer; its console:
$(lab_console "$1" | tail -15)"
            return 1
        fi
        sleep 0.5
    done
}

# lab_agent_exec NAME PROGRAM [ARGUMENT...]: its output and status
lab_agent_exec() {
    local name=$1 pid answer end=$((SECONDS + 900))
    shift
    answer=$(jq -nc '$ARGS.positional | {execute: "guest-exec",
        arguments: {path: .[0], arg: .[1:], "capture-output": true}}' --args -- "$@")
    # not twice: who does not wait for the answer does not know whether it was begun
    pid=$(agent "$name" "$answer" 120 | jq -r .return.pid)
    [ -n "$pid" ] || return 125
    while [ $SECONDS -lt $end ]; do
        answer=$(agent "$name" "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":$pid}}" 60)
        [ "$(jq -r .return.exited <<<"$answer")" != true ] || break
        [ -n "$answer" ] || [ "$(lab_state "$name")" = running ] || break
        sleep 0.25
    done
    jq -r '.return."out-data" // ""' <<<"$answer" | base64 -d
    return "$(jq -r '.return.exitcode // 126' <<<"$answer")"
}
lab_sh() { lab_agent_exec "$1" /bin/sh -c "$2"; } # lab_sh NAME COMMANDS

# lab_facts NAME: what the guest says of itself, a "name=value" line each, in T/NAME.facts; it has settled before
lab_facts() {
    lab_sh "$1" "$(cat "$LAB/guests/facts.sh")" >"$T/$1.facts"
}
lab_fact() { sed -n "s/^$2=//p" "$T/$1.facts" 2>/dev/null | head -1; }

# ---- the program under test -----------------------------------------------------------------------------------------

LAB_STATE='' # of surety's jobs; made by the suite below T
# vm NAME OPERATION ARGUMENT...: surety vm, without suretyd; its JSON in T/NAME.json, the rest in T/NAME.err
vm() {
    local name=$1
    shift
    surety_vm "$name" "$@" --local --state "$LAB_STATE"
}
surety_vm() {
    local name=$1 op=$2
    shift 2
    case $op in assess | upgrade) set -- "$@" --boot-files "$SURETY_CACHE/efi";; esac
    timeout 5400 "$SURETY" vm "$op" "$@" --json >"$T/$name.json" 2>"$T/$name.err" </dev/null
}
json() { jq -r "$2" "$T/$1.json" 2>/dev/null || echo unreadable; } # json NAME FILTER

exits() { # exits STATUS TEXT COMMAND...: of vm and surety_vm, whose second word is NAME
    local wanted=$1 text=$2 rc=0
    shift 2
    "$@" || rc=$?
    is "$rc" "$wanted" "$text" || { vm_notes "$2"; return 1; }
}
vm_notes() {
    note "$(jq -c '.vms[]? | [.name, .outcome, .id, .text, .remedy, .summary]' "$T/$1.json")"
    note "$(tail -5 "$T/$1.err")"
}

# ---- what suites of real VMs share ----------------------------------------------------------------------------------

marked() { # marked NAME STATE
    like "$(virsh metadata "$1" urn:surety:upgrade:1 2>&1 | tr '\n' ' ')" "state=[\"']$2[\"']" "$1: its metadata says $2"
}
unmarked() { like "$(virsh metadata "$1" urn:surety:upgrade:1 2>&1)" 'metadata not found' "$1: no mark is left"; }
outcome() { json "$1" '[.. | objects | select(has("outcome")) | .outcome] | first'; }
gone() { # gone NAME: nothing of the new firmware is left
    is "$(lab_leftovers "$1" | xargs)" "" "$1: NVRAM and vTPM state are gone"
}

table_of() { # table_of FILE
    qemu-img dd -U -f "${1##*.}" -O raw bs=1M count=2 "if=$1" "of=$T/${1##*/}.head" &&
        blkid -p -s PTTYPE -o value "$T/${1##*/}.head"
}

make_vm() { # make_vm NAME VARIANT FORMAT BUS [KEY=VALUE...]
    local name=$1 variant=$2 format=$3 bus=$4 kernel=cloud
    shift 4
    [ "$bus" != sata ] || kernel=generic
    lab_disk "$name" "$variant" "$format" --kernel $kernel && lab_define "$name" "$REPLY" bus="$bus" "$@"
    report $? "$name: a VM with $bus, $format, $kernel kernel"
    lab_keep_xml "$name"
}

# ---- suretyd --------------------------------------------------------------------------------------------------------

start_suretyd() {
    mkdir -p "$T/run" "$T/vms.d"
    printf '[host]\nname = node1\ncluster = lab\n[vms]\ndir = %s\n' "$T/vms.d" >"$T/surety.conf"
    "$BUILD/suretyd" --config "$T/surety.conf" --state "$LAB_STATE" --run "$T/run" --surety "$SURETY" \
        >"$T/suretyd.log" 2>&1 </dev/null &
    SURETYD=$!
    CHILDREN+=("$SURETYD")
    wait_for test -S "$T/run/api.sock"
}
