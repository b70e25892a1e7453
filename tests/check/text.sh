#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# No unfinished business, no space at the end of a line, a newline at the end of a file, no name of somebody's machine.
# The words are put together here so that this file does not find itself.
cd "$(dirname "$0")/../.." || exit 1
bad=0
unfinished='\b(TO''DO|FIX''ME|XX''X|HA''CK)\b'
private='(^|[^a-zA-Z0-9_.])/(wo''rk|ho''me/[a-z]+)/|/tmp/b''-'

while read -r file; do
	case "$file" in
	LICENSES/* | tests/fuzz/corpus/* | *.svg | *.png) continue ;;
	esac
	if grep -nHE "$unfinished" "$file"; then
		echo "$file: unfinished business (above)"
		bad=1
	fi
	if grep -nHE "$private" "$file"; then
		echo "$file: a path of somebody's machine (above)"
		bad=1
	fi
	if grep -nH '[[:blank:]]$' "$file"; then
		echo "$file: space at the end of a line (above)"
		bad=1
	fi
	if [ -n "$(tail -c 1 "$file")" ]; then
		echo "$file: no newline at its end"
		bad=1
	fi
done < <(tests/check/files.sh)
exit $bad
