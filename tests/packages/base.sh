#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# base.sh DEB...
# Builds (once; cached) a small Debian 12 with what the packages depend on and without them. Prints the path of the
# tarball. Only apt uses the network: that what they depend on is in Debian 12 is what this shows.
. "$(dirname "$0")/../images/lib.sh"
need mmdebstrap apt-get flock dpkg-deb

# of "a | b" the first, as apt does it; none of the packages themselves
own=$(for f; do dpkg-deb -f "$f" Package; done)
PACKAGES=$(for f; do dpkg-deb -f "$f" Depends Pre-Depends; done |
    sed -E 's/^[A-Za-z-]+: //; s/\([^)]*\)//g; s/\|[^,]*//g; s/ //g' | tr ',' '\n' | grep . | grep -vxF "$own" | sort -u |
    paste -sd,)
# its postinst scripts call them
PACKAGES+=,systemd,bash-completion

debian_tar packages "$PACKAGES"
