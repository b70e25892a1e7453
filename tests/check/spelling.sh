#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs codespell on every file; words that are right although it doubts them stand in spelling.txt.
cd "$(dirname "$0")/../.." || exit 1
command -v codespell >/dev/null || { echo "codespell is not installed"; exit 77; }
tests/check/files.sh | grep -vE '^LICENSES/|^tests/fuzz/corpus/|^tests/check/spelling.txt$|\.(svg|png)$' |
	xargs -d '\n' codespell --ignore-words tests/check/spelling.txt
