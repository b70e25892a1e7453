#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pure.sh ARCHIVE: the analysis library computes. What its objects leave undefined is arithmetic, memory and strings, or
# another object of the same archive: no file, no clock, no log, no environment, no exit.
set -u
archive=$1
allowed='^(malloc|calloc|realloc|free|qsort|bsearch|abort|mem(cpy|set|move|cmp)|str(len|cmp|ncmp|cpy|chr)|__assert_fail)$'
compiler='^(_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__[a-z]+(di|ti)[0-9]|__(u?div|u?mod|mul)ti[0-9]|__gcov_.*|__asan_.*|__ubsan_.*|__tsan_.*|__sanitizer_.*|__sancov_.*)$'
compiler="$compiler"'|^__(mem(cpy|set|move)|str(cpy))_chk$'

undefined=$(nm -u -- "$archive" | awk 'NF == 2 && $1 == "U" { print $2 }' | sort -u)
defined=$(nm --defined-only -- "$archive" | awk 'NF == 3 { print $3 }' | sort -u)
if [ -z "$defined" ]; then
	echo "$archive: nothing in it"
	exit 1
fi
bad=$(comm -23 <(echo "$undefined") <(echo "$defined") | grep -vE "$allowed|$compiler")
if [ -n "$bad" ]; then
	echo "the analysis library must not call:"
	echo "$bad"
	exit 1
fi
