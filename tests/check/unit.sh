#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# unit.sh BUILD-DIRECTORY: systemd understands every line of the unit, and the bus policy is well-formed.
cd "$(dirname "$0")/../.." || exit 1
command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not installed"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# The program need not be installed where the unit expects it for the unit to be judged.
sed 's,^ExecStart=.*,ExecStart=/bin/true,' "$1/systemd/virtrkd.service" >"$dir/virtrkd.service"
complaints=$(systemd-analyze verify --man=no --recursive-errors=no "$dir/virtrkd.service" 2>&1)
if [ -n "$complaints" ]; then
	echo "$complaints"
	exit 1
fi
# What it can do to the host: see the unit for what it must have.
if systemd-analyze security --help | grep -q -- --threshold; then
	systemd-analyze security --offline=yes --no-pager --threshold=30 "$dir/virtrkd.service" >/dev/null 2>&1 ||
		{ echo "systemd-analyze security: more exposed than 3.0"; exit 1; }
fi
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' systemd/org.virtrk1.conf
