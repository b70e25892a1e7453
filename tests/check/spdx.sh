#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every file names its licence within its first five lines: LGPL-2.1-or-later for what others link or include (the
# analysis library, the public headers), GPL-2.0-or-later for all else. Data that cannot carry a comment is left out here
# and covered by debian/copyright.
cd "$(dirname "$0")/../.." || exit 1
no_comment='^LICENSES/|^tests/check/spelling\.txt$|^debian/(changelog|copyright|source/format)$|\.(json|svg|png)$'
no_comment="$no_comment"'|^tests/fuzz/corpus/|^tests/.*/data/'
lesser='^src/analysis/[^/]*\.[ch]$|^include/virtrk/[^/]*\.h$'

# lacking LICENCE: of the files on standard input those that do not name it
lacking() {
	# shellcheck disable=SC2016 # the dollars are awk's
	xargs -r -d '\n' awk -v want="SPDX-License-Identifier: $1" '
		function file_done() { if (name != "" && !found) { printf "%s: its first lines lack \"%s\"\n", name, want; bad = 1 } }
		FNR == 1 { file_done(); name = FILENAME; found = 0 }
		FNR <= 5 { line = $0; sub(/( \*\/| -->)$/, "", line); at = index(line, want) }
		FNR <= 5 && at && at + length(want) - 1 == length(line) { found = 1 }
		END { file_done(); exit bad }'
}

files=$(tests/check/files.sh | grep -vE "$no_comment")
bad=0
grep -E "$lesser" <<<"$files" | lacking LGPL-2.1-or-later || bad=1
grep -vE "$lesser" <<<"$files" | lacking GPL-2.0-or-later || bad=1
for licence in GPL-2.0-or-later LGPL-2.1-or-later; do
	[ -s "LICENSES/$licence.txt" ] || { echo "LICENSES/$licence.txt: the text is missing"; bad=1; }
done
exit $bad
