# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=dash
# In a guest: its document, and its benefits, with what the host gives.
surety-guest activate updates >/out/activate.out 2>/out/activate.err
echo $? >/out/activate.status
cat /out/activate.out /out/activate.err
surety-guest document >/out/document.json 2>/out/document.err
cat /sys/class/dmi/id/product_uuid >/out/dmi
mkdir -p /out/grants
cp /run/surety/benefits/*.json /out/grants/ 2>/dev/null
(cat /etc/surety/guest.conf && printf '[fetch]\nendpoints = vsock:2:170\n') >/tmp/other.conf
surety-guest document --config /tmp/other.conf >/out/other.out 2>&1
echo $? >/out/other.status
cat /out/other.out
