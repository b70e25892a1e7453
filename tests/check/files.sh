#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Prints the path of every file that belongs to the project, one a line, from its root: what git knows or would add; in
# an unpacked archive, all but builds. The other tests here read this list.
cd "$(dirname "$0")/../.." || exit 1
if command -v git >/dev/null && git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
	git -c safe.directory='*' ls-files --cached --others --exclude-standard | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
else
	find . \( -name .git -o -path './build*' -o -path ./demo-report \) -prune -o -type f -print | sed 's,^\./,,'
fi
