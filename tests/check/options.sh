#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# options.sh PROGRAM MAN-SOURCE: every option that --help shows stands in the manual page, and every option that the page
# describes (a line that begins with *--...) is shown by --help, which fits on a terminal of 80 columns.
set -o pipefail
help=$("$1" --help | grep -oE -- '--[a-z][a-z-]*' | sort -u) || { echo "$1 --help shows no option"; exit 1; }
[ "$("$1" --help | wc -L)" -le 80 ] || { echo "$1 --help is wider than 80 columns"; exit 1; }
page=$(sed -nE '/^\*-/s/\*//gp' "$2" | grep -oE -- '--[a-z][a-z-]*' | sort -u) || { echo "$2 describes no option"; exit 1; }
diff <(echo "$help") <(echo "$page") || { echo "< only in --help, > only in $2"; exit 1; }
