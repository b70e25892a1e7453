#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every file names its licence within its first five lines: LGPL-2.1-or-later for what others link or include (the
# analysis library, the public headers), GPL-2.0-or-later for all else. Data that cannot carry a comment is listed here
# and covered by debian/copyright.
cd "$(dirname "$0")/../.." || exit 1
bad=0
while read -r file; do
	case "$file" in
	LICENSES/* | tests/check/spelling.txt | debian/changelog | debian/copyright | debian/source/format) continue ;;
	*.json | *.svg | *.png | tests/fuzz/corpus/* | tests/*/data/*) continue ;;
	src/analysis/*.[ch] | include/virtrk/*.h) licence=LGPL-2.1-or-later ;;
	*) licence=GPL-2.0-or-later ;;
	esac
	if ! head -n 5 "$file" | grep -q "SPDX-License-Identifier: $licence\\( \\*/\\| -->\\)\\?\$"; then
		echo "$file: its first lines lack 'SPDX-License-Identifier: $licence'"
		bad=1
	fi
done < <(tests/check/files.sh)
for licence in GPL-2.0-or-later LGPL-2.1-or-later; do
	[ -s "LICENSES/$licence.txt" ] || { echo "LICENSES/$licence.txt: the text is missing"; bad=1; }
done
exit $bad
