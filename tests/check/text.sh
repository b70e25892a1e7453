#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# No unfinished business, no path of somebody's machine, no space at the end of a line, a newline at the end of a file.
# The words are put together here so that this file does not find itself.
cd "$(dirname "$0")/../.." || exit 1
bad=0
unfinished='\b(TO''DO|FIX''ME|XX''X|HA''CK)\b'
private='(^|[^a-zA-Z0-9_.])/(wo''rk|ho''me/[a-z]+)/|/tmp/b''-'
mapfile -t files < <(tests/check/files.sh | grep -vE '^LICENSES/|^tests/fuzz/corpus/|^tests/.*/data/|\.(svg|png)$')

# no WHAT REGEX
no() {
	if grep -nHIE -e "$2" -- "${files[@]}"; then
		echo "$1 (above)"
		bad=1
	fi
}
no "unfinished business" "$unfinished"
no "a path of somebody's machine" "$private"
no "space at the end of a line" '[[:blank:]]$'
for file in "${files[@]}"; do
	last=
	IFS= read -r -d '' last <"$file"
	case "$last" in
	'' | *$'\n') ;;
	*) echo "$file: no newline at its end"; bad=1 ;;
	esac
done
exit $bad
