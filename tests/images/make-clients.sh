#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# make-clients.sh
# Builds (once; cached) a tree of Debian 12 with the programs that ask a cloud's metadata service, as Debian ships them:
# cloud-init, waagent, facter, ohai. Prints the path of the tarball. Only apt uses the network.
# shellcheck disable=SC2016  # $1 in single quotes is for the shell that mmdebstrap starts
. "$(dirname "$0")/lib.sh"
need mmdebstrap apt-get flock

PACKAGES=cloud-init,waagent,facter,ohai,isc-dhcp-client,iproute2,iputils-ping,curl,jq,openssl,ca-certificates,kmod,udev
PACKAGES+=,netbase,procps,passwd,openssh-server,e2fsprogs,fdisk,sudo,ifupdown

debian_tar clients "$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*'
