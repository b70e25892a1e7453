#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where the answer goes: a stdout that takes nothing, a terminal and its width, a language without UTF-8.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
fake odd

for verb in list "list --json" capacity "capacity --json" "top --interval 10ms" "top --json" help --version; do
	check "/dev/full: $verb" "virtrk $verb >/dev/full" 1 "^virtrk: cannot write to stdout(: No space left on device)?$"
	check "closed: $verb" "virtrk $verb >&-" 1 "^virtrk: cannot write to stdout(: Bad file descriptor)?$"
done
check "/dev/full: doctor" "virtrk doctor >/dev/full" 1 "^virtrk: cannot write to stdout: No space left on device$"
check "/dev/full: a refusal stays a refusal" "virtrk check rt --vcpu 0 --budget 9ms --period 10ms >/dev/full" 3 "cannot write to stdout"
check "a pipe without reader is no silent death" "mkfifo $tmp/pipe; { exec 9<>$tmp/pipe; exec 8>$tmp/pipe; exec 9<&-; virtrk list >&8 8>&-; }" 1 "^virtrk: cannot write to stdout: Broken pipe$"

check "no UTF-8 in the language: widths hold" "LC_ALL=C virtrk list" 0 "^日本語                      7  shutoff"
check "a language nobody knows" "env LC_ALL=xx_YY $VIRTRK list" 0 "^日本語                      7  shutoff"

# on ROWS COLUMNS COMMAND: its output on a terminal of that size, without the escapes
on() {
	local size="rows $1 cols $2"
	shift 2
	script -qec "stty $size; $*" /dev/null </dev/null | tr -d '\r'
}
if ! command -v script >/dev/null; then
	echo "skipped on a terminal: script(1) is not installed"
	done_testing
fi
check "a terminal: bold head" "on 24 80 $VIRTRK list | head -n 1" 0 $'^\e\\[1mNAME.*\e\\[0m$'
check "a terminal: doctor has colours" "on 24 80 $VIRTRK doctor" 0 $'^\e\\[31mfail\e\\[0m'
check_not "NO_COLOR" "NO_COLOR=1 on 24 80 $VIRTRK doctor" 0 $'\e'
check_not "TERM=dumb" "TERM=dumb on 24 80 $VIRTRK list" 0 $'\e'
check "a narrow terminal: the longest text gives way" "NO_COLOR=1 on 24 60 $VIRTRK list" 0 "^a\?\[31m red.*…"
check "a narrow terminal: no line is longer" "NO_COLOR=1 on 24 30 $VIRTRK list | wc -L" 0 "^30$"
check "a terminal of one column" "NO_COLOR=1 on 24 1 $VIRTRK list | wc -L" 0 "^1$"
check "a pipe is never cut" "COLUMNS=20 virtrk list" 0 "line \?gnp  4194304  paused"
check "a terminal: doctor's words are broken between them" "NO_COLOR=1 on 24 60 $VIRTRK doctor | grep -v mend: | wc -L" 0 "^([1-5][0-9]|60)$"
check "and go on below each other" "NO_COLOR=1 on 24 60 $VIRTRK doctor" 0 "^ {19}4ms only$"
check "a pipe has them in one line" "virtrk doctor" 1 "HRTICK_DL is off: budgets are enforced to 4ms only"
check "doctor is never cut" "NO_COLOR=1 on 24 30 $VIRTRK doctor" 0 "echo HRTICK_DL > /sys/kernel/debug/sched/features$"

done_testing
