# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the suites of verification share: the programs, started as themselves in a scratch directory. Source me.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$(realpath "${BUILD:-$HERE/../../build}")
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/ports.sh"
