#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kill-apply.sh PROGRAM: kill -9 at every system call by which a change of reservations leaves a trace, then start
# again. Afterwards state file and kernel must agree, and be wholly as before or wholly as wanted. Then the same for the
# recovery itself: killed at each of its calls, the next one must mend it.
#
# PROGRAM is kill-apply.c. The killer is strace, which sends the signal when a call is entered: killed at the call after
# is killed behind the call before. Needs the right to set SCHED_DEADLINE, and to trace.
set -u
program=$1
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0	# which cannot work while being traced

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAILED: $*" >&2; failed=$((failed + 1)); }

command -v strace >/dev/null || skip "strace is not installed"
work=$(mktemp -d "${TMPDIR:-/tmp}/virtrk-kill.XXXXXX") || exit 1
strace -o /dev/null true 2>/dev/null || { rm -rf "$work"; skip "strace may not trace here"; }
failed=0

# The threads live in a process of their own, which ends with its input, that is with us.
mkfifo "$work/input" "$work/output" || exit 1
"$program" threads <"$work/input" >"$work/output" &
threads=$!
exec 3>"$work/input"
trap 'exec 3>&-; wait "$threads"; rm -rf "$work"' EXIT
read -r -a tids <"$work/output" || skip "the threads could not be made ready"

go() { "$program" go "$work/run" "$1" "${tids[@]}"; }
look() { "$program" look "$work/run" "${tids[@]}"; }
# killed CALL N WHERE: exit status 137 when it was, 0 when there is no N-th such call
killed() {
	{ strace -f -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2" \
		"$program" go "$work/run" "$3" "${tids[@]}"; } >/dev/null 2>&1
}

go before
case $? in
0) ;;
77) skip "SCHED_DEADLINE cannot be set here" ;;
*) echo "FAILED: the first state cannot be made" >&2; exit 1 ;;
esac
[ "$(look)" = "before before" ] || { fail "the scene is $(look)"; exit 1; }

# Every call that leaves something behind, and exit_group, which is behind the last of them.
calls="mkdir openat flock ftruncate unlinkat write pwrite64 fsync renameat renameat2 sched_setattr close exit_group"
kills=0
declare -A seen

for call in $calls; do
	for ((n = 1; n < 100; n++)); do
		killed "$call" "$n" after && break
		kills=$((kills + 1))
		left=$(look 2>/dev/null)
		seen["$left"]=$((${seen["$left"]:-0} + 1))
		go - || fail "killed at $call $n: the next start fails"
		now=$(look)
		case $now in
		"before before" | "after after") ;;
		*) fail "killed at $call $n: it was $left, and is $now after the next start" ;;
		esac
		go before || fail "killed at $call $n: no way back"
	done
	[ "$n" -lt 100 ] || fail "$call: no end"
	go before || fail "$call: no way back"
done
echo "a change was killed at $kills calls; what was found then:"
for left in "${!seen[@]}"; do echo "  ${seen["$left"]} times: state file and threads $left"; done

# It must have been caught in the middle of things, or the above proves nothing.
[ "${seen["before mixed under-way"]:-0}" -gt 0 ] || fail "no kill hit between the first and the last step"
[ "${seen["before after under-way"]:-0}" -gt 0 ] || fail "no kill hit between the last step and the last file"

# The recovery: from the state in which all steps but the last were done.
steps=0
while ! killed sched_setattr $((steps + 1)) after; do
	go before || fail "no way back"
	steps=$((steps + 1))
done
go before || fail "no way back"
kills=0
for call in $calls; do
	for ((n = 1; n < 100; n++)); do
		killed sched_setattr "$steps" after
		[ "$(look 2>/dev/null)" = "before mixed under-way" ] || fail "the recovery's scene is $(look)"
		killed "$call" "$n" - && break
		kills=$((kills + 1))
		go - || fail "recovery killed at $call $n: the next one fails"
		now=$(look)
		[ "$now" = "before before" ] || fail "recovery killed at $call $n: $now after the next one"
	done
	[ "$(look)" = "before before" ] || fail "a whole recovery leaves $(look)"
done
echo "a recovery was killed at $kills calls"

[ "$failed" -eq 0 ]
