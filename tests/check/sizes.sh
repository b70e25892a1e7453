#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A file is one noun: 800 lines at most. A function does one thing: 80 lines at most. Lines of src and include: 150
# columns at most, a tab being 8. Functions are found by the brace in the first column, which kernel formatting guarantees.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2016 # the dollars are awk's
tests/check/files.sh | grep -vE '^LICENSES/|^tests/fuzz/corpus/|\.(svg|png|json)$' | xargs -d '\n' awk '
	function columns(line,	width, i) {
		width = 0
		for (i = 1; i <= length(line); i++)
			width = substr(line, i, 1) == "\t" ? int(width / 8) * 8 + 8 : width + 1
		return width
	}
	function file_done() {
		if (name != "" && count > 800) { printf "%s: %d lines, split it at 800\n", name, count; bad = 1 }
	}
	FNR == 1 { file_done(); name = FILENAME; open = 0; code = name ~ /\.[ch]$/ }
	{ count = FNR }
	code && name ~ /^(src|include)\// && columns($0) > 150 { printf "%s:%d: %d columns, 150 at most\n", name, FNR, columns($0); bad = 1 }
	code && /^\{/ { open = FNR; head = previous }
	code && /^\}/ && open {
		if (FNR - open - 1 > 80) {
			printf "%s:%d: %d lines, split it at 80: %s\n", name, open, FNR - open - 1, head
			bad = 1
		}
		open = 0
	}
	{ previous = $0 }
	END { file_done(); exit bad }'
