#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pages.sh: every man/*.scd becomes a page that man reads without a complaint, with the sections that a page needs.
cd "$(dirname "$0")/../.." || exit 1
for tool in scdoc man; do
	command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
n=0
for source in man/*.scd; do
	page=$dir/$(basename "$source" .scd)
	n=$((n + 1))
	if ! scdoc <"$source" >"$page"; then
		echo "$source: scdoc refuses it"
		bad=1
		continue
	fi
	complaints=$(man --warnings=mac,reg,syntax,font -E UTF-8 -l "$page" 2>&1 >/dev/null)
	if [ -n "$complaints" ]; then
		echo "$source: $complaints"
		bad=1
	fi
	for section in NAME SYNOPSIS DESCRIPTION "SEE ALSO"; do
		grep -q "^# $section\$" "$source" || { echo "$source: no section $section"; bad=1; }
	done
done
[ "$n" -gt 0 ] || { echo "no page was found"; exit 1; }
exit $bad
