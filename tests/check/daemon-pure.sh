#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# daemon-pure.sh ARCHIVE: the pure files of the daemon decide, and touch nothing. What their objects leave undefined is
# memory, strings, the analysis library, or one another: no file, clock, log, bus or door to the system.
set -u
allowed='^(malloc|calloc|realloc|reallocarray|free|qsort|bsearch|abort|mem[a-z]+|str[a-z]+|__str[a-z]+|__assert_fail'
allowed="$allowed"'|v?a?s?n?printf|__v?a?s?n?printf_chk|asprintf|__isoc99_sscanf|__isoc23_[a-z]+|__errno_location|__ctype_b_loc'
# Text is put together in a stream in memory: there is none to open a file with. The last one is pure, and lives with
# its type.
allowed="$allowed"'|open_memstream|fclose|fputs|fputc|fwrite|putc|fprintf|__fprintf_chk'
allowed="$allowed"'|__sched_cpu[a-z]+|vrk_[a-z_]+|regime_kind_name)$'
forbidden='^v?printf$|^__v?printf_chk$'
compiler='^(_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__gcov_.*|__asan_.*|__ubsan_.*|__tsan_.*|__sanitizer_.*|__sancov_.*)$'
compiler="$compiler"'|^__(mem|str)[a-z]+_chk$|^__[a-z]+[dt]i[0-9]$'

undefined=$(nm -u -- "$1" | awk 'NF == 2 && $1 == "U" { print $2 }' | sort -u)
defined=$(nm --defined-only -- "$1" | awk 'NF == 3 { print $3 }' | sort -u)
[ -n "$defined" ] || { echo "$1: nothing in it"; exit 1; }
others=$(comm -23 <(echo "$undefined") <(echo "$defined"))
bad=$(grep -vE "$allowed|$compiler" <<<"$others"; grep -E "$forbidden" <<<"$others")
if [ -n "$bad" ]; then
	echo "the pure files of the daemon must not call:"
	echo "$bad"
	exit 1
fi
